--- The cluster kit: an EKS control plane with its role, what runs its pods, its add-ons and who may use it.
---
--- The methods of a cluster stand by theme in cluster/: nodes, self_managed, fargate, addons, access.
local aws = require "eksrun.aws"
local cidr = require "eksrun.cidr"
local eks = require "eksrun.eks"
local eksrun = require "eksrun"
local gate = require "eksrun.gate"
local graph = require "eksrun.engine.graph"
local iam = require "eksrun.iam"
local kms = require "eksrun.kms"
local logs = require "eksrun.logs"
local ref = require "eksrun.engine.ref"
local support = require "eksrun.cluster.support"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Cluster
--- @field name string
--- @field version string? as declared
--- @field endpoint eksrun.Ref
--- @field arn eksrun.Ref
--- @field issuer eksrun.Ref URL of the issuer of its service accounts' tokens
--- @field security_group eksrun.Ref the one that EKS makes for control plane and nodes
--- @field resource table the eks.cluster; of one that exists, what EKS says of it
--- @field network eksrun.Network?
--- @field tags table<string, string>?
--- @field kept table what its methods share: gates, roles that are made once
local Cluster = {}

-- What a cluster may lack.
local ABSENT = { network = true, tags = true, version = true, security_group = true }

function Cluster.__index(cluster, key)
  local method = Cluster[key]
  if method ~= nil or ABSENT[key] then return method end
  local known = {}
  for _, fields in ipairs { cluster, Cluster, ABSENT } do
    for name in pairs(fields) do
      if not name:find("^__") and name ~= "kept" then known[#known + 1] = name end
    end
  end
  table.sort(known)
  util.raise_at_caller("a cluster has no '%s'%s", tostring(key), util.did_you_mean(key, known))
end

-- What a recipe that returns a cluster shows.
function Cluster.__outputs(cluster)
  return {
    name = cluster.name, version = cluster.version, arn = cluster.arn, endpoint = cluster.endpoint,
    issuer = cluster.issuer, security_group = cluster.security_group,
  }
end

local function check_colon(cluster, method)
  if getmetatable(cluster) ~= Cluster then
    util.raise_at_caller("%s is called with a colon: eks:%s", method, method)
  end
end

for _, part in ipairs { "nodes", "self_managed", "fargate", "addons", "access" } do
  for name, method in pairs(require("eksrun.cluster." .. part).methods) do
    Cluster[name] = function(cluster, ...)
      check_colon(cluster, name)
      return method(cluster, ...)
    end
  end
end

-- What the control plane may do; in Auto Mode it makes instances, disks and load balancers too.
local POLICIES = { "AmazonEKSClusterPolicy" }
local AUTO_POLICIES = {
  "AmazonEKSClusterPolicy", "AmazonEKSComputePolicy", "AmazonEKSBlockStoragePolicy",
  "AmazonEKSLoadBalancingPolicy", "AmazonEKSNetworkingPolicy",
}
local AUTO_NODE_POLICIES = { "AmazonEKSWorkerNodeMinimalPolicy", "AmazonEC2ContainerRegistryPullOnly" }

local CLUSTER_OPTIONS = {
  name = "string",
  version = "string?",
  network = "table?",
  subnets = "table?",
  security_groups = "table?",
  role = "any?",
  logs = "strings?",
  log_retention = "integer?",
  public_access = "boolean?",
  public_access_cidrs = "strings?",
  private_access = "boolean?",
  authentication_mode = "string?",
  creator_admin = "boolean?",
  compute = "string?",
  node_pools = "strings?",
  encryption = "any?",
  support = "string?",
  service_cidr = "string?",
  deletion_protection = "boolean?",
  tags = "table?",
}

--- @class eksrun.Cluster.Options
--- @field name string
--- @field version? string Kubernetes version, "1.33"; default: what EKS starts new clusters with
--- @field network? eksrun.Network from vpc.network or vpc.existing; or else `subnets`
--- @field subnets? any[] where the control plane's interfaces go: two zones at least
--- @field security_groups? any[] more than the one that EKS makes
--- @field role? any ARN or iam.role of the control plane; made when not given
--- @field logs? string[] of api, audit, authenticator, controllerManager, scheduler; default: none
--- @field log_retention? integer days that the logs are kept; default: EKS makes the log group, for ever
--- @field public_access? boolean whether the endpoint is reachable from the internet; default true
--- @field public_access_cidrs? string[] from where
--- @field private_access? boolean whether it is reachable from inside the network; default true
--- @field authentication_mode? string default "API_AND_CONFIG_MAP"
--- @field creator_admin? boolean whether who makes it may do everything in it; AWS's default is true
--- @field compute? "auto"|"none" Auto Mode on or off; default: not said, which is off for a new cluster
--- @field node_pools? string[] of Auto Mode; default { "general-purpose", "system" }
--- @field encryption? any true: secrets are encrypted by a key that is made; or the ARN of one, or a kms.key
--- @field support? string "STANDARD" or "EXTENDED": when the version runs out of support
--- @field service_cidr? string IPv4 range of the services
--- @field deletion_protection? boolean whether EKS refuses to delete it
--- @field tags? table<string, string>

local function first_given(value, default)
  if value == nil then return default end
  return value
end

-- Compute, storage and load balancing go together: all on, or all off.
local function auto_mode(options)
  if options.compute == nil then return nil, nil, nil end
  local on = options.compute == "auto"
  local compute = { enabled = on }
  if on then
    compute.nodePools = options.node_pools or { "general-purpose", "system" }
    compute.nodeRoleArn = iam.role_for {
      "node-role", trust = "ec2", policies = AUTO_NODE_POLICIES, tags = options.tags,
    }.Arn
  end
  return compute, { blockStorage = { enabled = on } }, { enabled = on }
end

local function encryption(options)
  local key = options.encryption
  if not key then return nil end
  if key == true then
    key = kms.key { "key", EnableKeyRotation = true, tags = options.tags }
    kms.alias { "alias", TargetKeyId = key }
  end
  return { { resources = { "secrets" }, provider = { keyArn = graph.node_of(key) and key.Arn or key } } }
end

local function network_config(options, load_balancing)
  if not options.service_cidr and not load_balancing then return nil end
  return { serviceIpv4Cidr = options.service_cidr, elasticLoadBalancing = load_balancing }
end

-- Where the control plane's interfaces go. A network that exists may have public subnets only.
local function inside(network) return network.private[1] and network.private or network.public end

local function declare_cluster(options)
  local auto = options.compute == "auto"
  local role = options.role or iam.role_for {
    "role",
    trust = iam.trust("eks", { "sts:AssumeRole", "sts:TagSession" }),
    policies = auto and AUTO_POLICIES or POLICIES,
    tags = options.tags,
  }
  local compute, storage, load_balancing = auto_mode(options)
  local needs = {}
  if options.log_retention then
    needs[1] = logs.log_group {
      "logs",
      logGroupName = ("/aws/eks/%s/cluster"):format(options.name),
      retentionInDays = options.log_retention,
      tags = options.tags,
    }
  end
  local bootstrap
  if auto then bootstrap = false end -- Auto Mode brings its own networking and DNS
  return eks.cluster {
    "control-plane",
    name = options.name,
    version = options.version,
    roleArn = support.role_arn(role),
    resourcesVpcConfig = {
      subnetIds = options.subnets or inside(options.network),
      securityGroupIds = options.security_groups,
      endpointPublicAccess = first_given(options.public_access, true),
      endpointPrivateAccess = first_given(options.private_access, true),
      publicAccessCidrs = options.public_access_cidrs,
    },
    kubernetesNetworkConfig = network_config(options, load_balancing),
    computeConfig = compute,
    storageConfig = storage,
    bootstrapSelfManagedAddons = bootstrap,
    logging = options.logs,
    accessConfig = {
      authenticationMode = options.authentication_mode or "API_AND_CONFIG_MAP",
      bootstrapClusterCreatorAdminPermissions = options.creator_admin,
    },
    encryptionConfig = encryption(options),
    upgradePolicy = options.support and { supportType = options.support } or nil,
    deletionProtection = options.deletion_protection,
    tags = options.tags,
    depends_on = needs,
  }
end

local function check_ranges(options)
  for _, range in ipairs(options.public_access_cidrs or {}) do
    local block, reason = true, nil
    if type(range) == "string" then block, reason = cidr.try_parse(range) end
    if not block then util.raise_at_caller("cluster.create: public_access_cidrs: %s", reason) end
  end
end

local function check_compute(options)
  local compute = options.compute
  if compute and compute ~= "auto" and compute ~= "none" then
    util.raise_at_caller("cluster.create: compute is 'auto' or 'none', not '%s'", compute)
  end
  if options.node_pools and compute ~= "auto" then
    util.raise_at_caller("cluster.create: node_pools are Auto Mode's: compute = \"auto\"")
  end
  if compute == "auto" and options.authentication_mode == "CONFIG_MAP" then
    util.raise_at_caller("cluster.create: Auto Mode wants authentication_mode 'API' or 'API_AND_CONFIG_MAP'")
  end
end

-- What recipes hold of a cluster. `resource` has its fields, known or not; what is declared needs `needs`.
local function object(options, resource, needs)
  return setmetatable({
    name = options.name,
    version = options.version,
    endpoint = resource.endpoint,
    arn = resource.arn,
    issuer = resource.identity.oidc.issuer,
    security_group = resource.clusterSecurityGroupId,
    resource = resource,
    network = options.network,
    tags = options.tags,
    kept = {
      needs = needs,
      authentication_mode = options.authentication_mode,
      service_cidr = options.service_cidr,
      -- What nodes need to join; nodes, before what runs on them; the agent, before what it serves.
      join = gate.new(), compute = gate.new(), agent = gate.new(),
    },
  }, Cluster)
end

--- Declares a control plane and its role, under the scope `cluster`.
---
---   local eks = cluster.create { name = "demo", version = "1.33", network = net, logs = { "audit" } }
---
--- @param options eksrun.Cluster.Options
--- @return eksrun.Cluster
--- Raises at the recipe's line what does not go together.
function M.create(options)
  if type(options) == "table" and type(rawget(options, "network")) == "string" then
    util.raise_at_caller("cluster.create: field 'network' wants what vpc.network or vpc.existing returns: "
      .. "network = vpc.existing { id = \"%s\" }", options.network)
  end
  util.check_options("cluster.create", options, CLUSTER_OPTIONS)
  if not options.network and not options.subnets then
    util.raise_at_caller("cluster.create: field 'network' (from vpc.network) or 'subnets' is required")
  end
  if options.network and not (options.subnets or rawget(options.network, "private")) then
    util.raise_at_caller("cluster.create: field 'network' wants what vpc.network returns")
  end
  if options.public_access == false and options.private_access == false then
    util.raise_at_caller("cluster.create: with public_access and private_access false nobody reaches the API")
  end
  check_ranges(options)
  check_compute(options)
  local resource = eksrun.scope("cluster", declare_cluster, options)
  return object(options, resource, { resource })
end

--- A cluster that exists, read at once, also while planning, and never changed: what is declared by its
--- methods is the recipe's.
---
---   local eks = cluster.existing { name = "prod" }
---   eks:pod_identity { namespace = "web", service_account = "api", policies = { "AmazonS3ReadOnlyAccess" } }
---
--- @param options { name: string, network?: eksrun.Network, tags?: table<string, string> }
--- @return eksrun.Cluster
--- Raises at the recipe's line what EKS answers, when there is none.
function M.existing(options)
  util.check_options("cluster.existing", options, { name = "string", network = "table?", tags = "table?" })
  local answer, err = aws.try.eks:describe_cluster { name = options.name }
  if not answer then util.raise_at_caller("cluster.existing: %s", err.message) end
  local found = answer.cluster
  found.clusterSecurityGroupId = (found.resourcesVpcConfig or {}).clusterSecurityGroupId
  found.serviceIpv4Cidr = (found.kubernetesNetworkConfig or {}).serviceIpv4Cidr
  return object({
    name = options.name,
    version = found.version,
    network = options.network,
    tags = options.tags,
    authentication_mode = (found.accessConfig or {}).authenticationMode,
  }, found, {})
end

--- Writes the cluster into the user's kubeconfig when the run has ended well; its value is the file's path.
---
---   return { kubeconfig = eks:kubeconfig() }
---
--- @param options? { file?: string, alias?: string } default: where kubectl looks; the cluster's ARN
--- @return eksrun.Ref
function Cluster:kubeconfig(options)
  check_colon(self, "kubeconfig")
  options = options or {}
  util.check_options("kubeconfig", options, { file = "string?", alias = "string?" })
  local resource = self.resource
  local described = ref.all {
    name = self.name,
    status = "ACTIVE", -- the value is asked for when the cluster is ready
    arn = resource.arn,
    endpoint = resource.endpoint,
    certificateAuthority = resource.certificateAuthority,
  }
  return ref.effect(described, {
    check = function() require("eksrun.kubeconfig.install").check(options) end,
    run = function(cluster)
      local install = require "eksrun.kubeconfig.install"
      local prepared = install.prepare(cluster, {
        file = options.file,
        alias = options.alias,
        profile = require("eksrun.aws").profile(),
      })
      install.write(prepared)
      return prepared.path
    end,
  })
end

return util.strict("eksrun.cluster", M)
