-- The cluster kit: an EKS control plane with its role, node groups with theirs, and the kubeconfig.

local ami = require "eksrun.ami"
local eks = require "eksrun.eks"
local eksrun = require "eksrun"
local iam = require "eksrun.iam"
local ref = require "eksrun.engine.ref"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Cluster
--- @field name string
--- @field endpoint eksrun.Ref
--- @field arn eksrun.Ref
--- @field resource table the eks.cluster
--- @field network eksrun.Network?
--- @field tags table<string, string>?
local Cluster = {}

-- What a cluster may lack.
local ABSENT = { network = true, tags = true, shared_node_role = true }

function Cluster.__index(cluster, key)
  local method = Cluster[key]
  if method ~= nil or ABSENT[key] then return method end
  local known = {}
  for _, fields in ipairs { cluster, Cluster, ABSENT } do
    for name in pairs(fields) do
      if not name:find("^__") and name ~= "shared_node_role" then known[#known + 1] = name end
    end
  end
  table.sort(known)
  util.raise_at_caller("a cluster has no '%s'%s", tostring(key), util.did_you_mean(key, known))
end

local function check_colon(cluster, method)
  if getmetatable(cluster) ~= Cluster then
    util.raise_at_caller("%s is called with a colon: eks:%s", method, method)
  end
end

-- What every node needs: to join, to pull images, to give addresses to pods, to be looked at.
local NODE_POLICIES = {
  "AmazonEKSWorkerNodePolicy",
  "AmazonEC2ContainerRegistryPullOnly",
  "AmazonEKS_CNI_Policy",
  "AmazonSSMManagedInstanceCore",
}

local CLUSTER_OPTIONS = {
  name = "string",
  version = "string?",
  network = "table?",
  subnets = "table?",
  security_groups = "table?",
  role = "any?",
  logs = "table?",
  public_access = "boolean?",
  public_access_cidrs = "table?",
  private_access = "boolean?",
  authentication_mode = "string?",
  support = "string?",
  service_cidr = "string?",
  tags = "table?",
}

--- @class eksrun.Cluster.Options
--- @field name string
--- @field version? string Kubernetes version, "1.33"; default: what EKS starts new clusters with
--- @field network? eksrun.Network from vpc.network; or else `subnets`
--- @field subnets? any[] where the control plane's interfaces go: two zones at least
--- @field security_groups? any[] more than the one that EKS makes
--- @field role? any ARN of the control plane's role; made when not given
--- @field logs? string[] of api, audit, authenticator, controllerManager, scheduler; default: none
--- @field public_access? boolean whether the endpoint is reachable from the internet; default true
--- @field public_access_cidrs? string[] from where
--- @field private_access? boolean whether it is reachable from inside the network; default true
--- @field authentication_mode? string default "API_AND_CONFIG_MAP"
--- @field support? string "STANDARD" or "EXTENDED": when the version runs out of support
--- @field service_cidr? string IPv4 range of the services
--- @field tags? table<string, string>

local function first_given(value, default)
  if value == nil then return default end
  return value
end

local function declare_cluster(options)
  local role = options.role or iam.role {
    "role",
    AssumeRolePolicyDocument = iam.trust("eks", { "sts:AssumeRole", "sts:TagSession" }),
    PolicyArns = iam.policy_arns { "AmazonEKSClusterPolicy" },
    tags = options.tags,
  }.Arn
  return eks.cluster {
    "control-plane",
    name = options.name,
    version = options.version,
    roleArn = role,
    resourcesVpcConfig = {
      subnetIds = options.subnets or options.network.private,
      securityGroupIds = options.security_groups,
      endpointPublicAccess = first_given(options.public_access, true),
      endpointPrivateAccess = first_given(options.private_access, true),
      publicAccessCidrs = options.public_access_cidrs,
    },
    kubernetesNetworkConfig = options.service_cidr and { serviceIpv4Cidr = options.service_cidr } or nil,
    logging = options.logs,
    accessConfig = { authenticationMode = options.authentication_mode or "API_AND_CONFIG_MAP" },
    upgradePolicy = options.support and { supportType = options.support } or nil,
    tags = options.tags,
  }
end

--- Declares a control plane and its role, under the scope `cluster`.
---
---   local eks = cluster.create { name = "demo", version = "1.33", network = net, logs = { "audit" } }
---
--- @param options eksrun.Cluster.Options
--- @return eksrun.Cluster
function M.create(options)
  util.check_options("cluster.create", options, CLUSTER_OPTIONS)
  if not options.network and not options.subnets then
    util.raise_at_caller("cluster.create: field 'network' (from vpc.network) or 'subnets' is required")
  end
  if options.network and not (options.subnets or rawget(options.network, "private")) then
    util.raise_at_caller("cluster.create: field 'network' wants what vpc.network returns")
  end
  local resource = eksrun.scope("cluster", declare_cluster, options)
  return setmetatable({
    name = options.name,
    endpoint = resource.endpoint,
    arn = resource.arn,
    resource = resource,
    network = options.network,
    tags = options.tags,
  }, Cluster)
end

--- The role of the cluster's nodes, declared when first asked for.
--- @return table role an iam.role
function Cluster:node_role()
  check_colon(self, "node_role")
  if not self.shared_node_role then
    self.shared_node_role = eksrun.scope("nodes", function()
      return iam.role {
        "role",
        AssumeRolePolicyDocument = iam.trust "ec2",
        PolicyArns = iam.policy_arns(NODE_POLICIES),
        tags = self.tags,
      }
    end)
  end
  return self.shared_node_role
end

local NODE_OPTIONS = {
  name = "string",
  instance_types = "table",
  min = "integer?",
  desired = "integer?",
  max = "integer?",
  capacity = "string?",
  ami_type = "string?",
  disk_size = "integer?",
  subnets = "table?",
  role = "any?",
  version = "string?",
  labels = "table?",
  taints = "table?",
  tags = "table?",
}

--- @class eksrun.ManagedNodes.Options
--- @field name string
--- @field instance_types string[] EC2 tries them in this order
--- @field min? integer nodes at least; default: desired, or 1
--- @field desired? integer nodes wanted; leave it out when an autoscaler decides
--- @field max? integer nodes at most; default: the larger of the others
--- @field capacity? "ON_DEMAND"|"SPOT" default ON_DEMAND
--- @field ami_type? string default: Amazon Linux 2023 for the instance types
--- @field disk_size? integer GiB
--- @field subnets? any[] default: the private subnets of the network, or the public ones where it has no NAT
--- @field role? any ARN; default: one role for all nodes of the cluster
--- @field version? string Kubernetes version; default: the cluster's when the group is made
--- @field labels? table<string, string>
--- @field taints? { key: string, value?: string, effect: string }[]
--- @field tags? table<string, string>

local function scaling(options)
  local desired = options.desired
  local min = options.min or desired or 1
  local max = options.max or math.max(min, desired or min, 1)
  if min > (desired or min) or (desired or min) > max then
    util.raise_at_caller("managed_nodes %s: min %d, desired %s, max %d: these must ascend", options.name, min,
      tostring(desired or "not given"), max)
  end
  return { minSize = min, maxSize = max, desiredSize = desired }
end

--- Declares a managed node group, under the scope `nodes`.
--- @param options eksrun.ManagedNodes.Options
--- @return table nodegroup an eks.nodegroup
function Cluster:managed_nodes(options)
  check_colon(self, "managed_nodes")
  util.check_options("managed_nodes", options, NODE_OPTIONS)
  local subnets = options.subnets or self.network and self.network.nodes
  if not subnets then
    util.raise_at_caller("managed_nodes %s: field 'subnets' is required: the cluster has no network",
      options.name)
  end
  local chosen, ami_type = pcall(ami.managed_type, options.instance_types)
  if not options.ami_type and not chosen then
    util.raise_at_caller("managed_nodes %s: %s", options.name, ami_type)
  end
  if options.capacity and options.capacity ~= "ON_DEMAND" and options.capacity ~= "SPOT" then
    util.raise_at_caller("managed_nodes %s: capacity is 'ON_DEMAND' or 'SPOT', not '%s'", options.name,
      options.capacity)
  end
  for key, value in pairs(options.labels or {}) do
    if type(key) ~= "string" or type(value) ~= "string" and not eksrun.is_ref(value) then
      util.raise_at_caller("managed_nodes %s: labels wants a table of text by key: labels = { team = \"a\" }",
        options.name)
    end
  end
  local role = options.role or self:node_role().Arn
  -- A node that cannot reach the internet yet never joins.
  local needs = { self.resource }
  for _, way_out in ipairs(self.network and self.network.egress or {}) do needs[#needs + 1] = way_out end
  return eksrun.scope("nodes", function()
    return eks.nodegroup {
      options.name,
      clusterName = self.name,
      nodegroupName = options.name,
      nodeRole = role,
      subnets = subnets,
      scalingConfig = scaling(options),
      instanceTypes = options.instance_types,
      amiType = options.ami_type or ami_type,
      capacityType = options.capacity,
      diskSize = options.disk_size,
      version = options.version,
      labels = options.labels,
      taints = options.taints,
      tags = options.tags or self.tags,
      depends_on = needs,
    }
  end)
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
