--- Self-managed nodes: instances of an Auto Scaling group of one's own that join the cluster.
---
--- All groups of a cluster share a role, its instance profile and its access entry, under the scope
--- `nodes/self-managed`. They cannot share the managed groups' role: EKS makes that one's access entry.
local ami = require "eksrun.ami"
local autoscaling = require "eksrun.autoscaling"
local aws = require "eksrun.aws"
local bootstrap = require "eksrun.cluster.bootstrap"
local ec2 = require "eksrun.ec2"
local eks = require "eksrun.eks"
local eksrun = require "eksrun"
local graph = require "eksrun.engine.graph"
local iam = require "eksrun.iam"
local nodes = require "eksrun.cluster.nodes"
local support = require "eksrun.cluster.support"
local tag_forms = require "eksrun.resource.tags"
local util = require "eksrun.util"

local M = { methods = {} }

-- Of Amazon Linux.
local ROOT_DEVICE = "/dev/xvda"

local OPTIONS = {
  name = "string",
  instance_types = "strings",
  min = "integer?",
  desired = "integer?",
  max = "integer?",
  capacity = "string?",
  ami = "string?",
  version = "string?",
  disk_size = "integer?",
  subnets = "table?",
  security_groups = "table?",
  role = "any?",
  labels = "table?",
  taints = "table?",
  max_pods = "integer?",
  script = "string?",
  metadata_for_pods = "boolean?",
  refresh = "any?",
  tags = "table?",
}

--- @class eksrun.SelfManagedNodes.Options
--- @field name string
--- @field instance_types string[] several, or SPOT, make a group of mixed instances
--- @field min? integer nodes at least; default: desired, or 1
--- @field desired? integer nodes wanted; leave it out when an autoscaler decides
--- @field max? integer nodes at most; default: the larger of the others
--- @field capacity? "ON_DEMAND"|"SPOT" default ON_DEMAND
--- @field ami? string id of an image; default: the newest Amazon Linux 2023 of EKS, read while planning
--- @field version? string Kubernetes version of that image; default: the cluster's
--- @field disk_size? integer GiB of the encrypted gp3 root volume; default 80
--- @field subnets? any[] default: the private subnets of the network, or the public ones where it has no NAT
--- @field security_groups? any[] default: the one that EKS makes for control plane and nodes
--- @field role? any an iam.role, or its ARN; default: one for all self-managed nodes of the cluster. Of a
---   given one the recipe declares the access entry: eks:access { principal = role, type = "EC2_LINUX" }
--- @field labels? table<string, string>
--- @field taints? { key: string, value?: string, effect: string }[] effects as managed nodes take them
--- @field max_pods? integer a node; default: what its interfaces can address
--- @field script? string shell script that runs before the node joins
--- @field metadata_for_pods? boolean whether pods reach the instance's metadata, and with it the node's role;
---   default false: a token lives for one hop only
--- @field refresh? boolean|table replace running instances when the template changes; a table: preferences
--- @field tags? table<string, string> of the group, its instances and their volumes

local function image(where, cluster, options)
  if options.ami then return options.ami end
  local version = options.version or cluster.version
  if not version then
    util.raise_at_caller("%s: field 'version' or 'ami' is required: the cluster declares no version",
      where)
  end
  local known, name = pcall(ami.parameter, version, options.instance_types)
  if not known then util.raise_at_caller("%s: %s", where, name) end
  local answer, err = aws.try.ssm:get_parameter { Name = name }
  if not answer then
    util.raise_at_caller("%s: no image for Kubernetes %s: %s: %s", where, version, name,
      tostring(err.message))
  end
  return answer.Parameter.Value
end

local function profile_of(role, tags)
  return iam.instance_profile { "profile", RoleName = role, tags = tags }
end

-- The profile of the shared role, and what has to be there before its instances can join.
local function shared_profile(cluster)
  local kept = cluster.kept
  if not kept.node_profile then
    kept.node_profile = eksrun.scope("self-managed", function()
      local role = iam.role_for { "role", trust = "ec2", policies = nodes.POLICIES, tags = cluster.tags }
      kept.join:first(eks.access_entry {
        "access",
        clusterName = cluster.name,
        principalArn = role.Arn,
        type = "EC2_LINUX",
        tags = cluster.tags,
        depends_on = cluster.kept.needs,
      })
      return profile_of(role, cluster.tags)
    end)
  end
  return kept.node_profile
end

local function instance_profile(cluster, options)
  local role = options.role
  if role == nil then return shared_profile(cluster) end
  if eksrun.is_ref(role) then
    role = role:map(function(arn) return arn:match("[^/]+$") end)
  elseif not graph.node_of(role) then
    role = role:match("[^/]+$")
  end
  return eksrun.scope(options.name, profile_of, role, options.tags or cluster.tags)
end

local function user_data(cluster, options)
  return eksrun.all({
    name = cluster.name,
    endpoint = cluster.endpoint,
    authority = cluster.resource.certificateAuthority.data,
    service_cidr = cluster.kept.service_cidr or cluster.resource.serviceIpv4Cidr,
    labels = options.labels,
    taints = options.taints,
    max_pods = options.max_pods,
    script = options.script,
  }):map(bootstrap.user_data)
end

local function template_data(where, cluster, options, tags)
  return {
    ImageId = image(where, cluster, options),
    InstanceType = options.instance_types[1],
    IamInstanceProfile = { Arn = instance_profile(cluster, options).Arn },
    SecurityGroupIds = options.security_groups or { cluster.security_group },
    UserData = user_data(cluster, options),
    MetadataOptions = {
      HttpTokens = "required", HttpPutResponseHopLimit = options.metadata_for_pods and 2 or 1,
    },
    BlockDeviceMappings = {
      {
        DeviceName = ROOT_DEVICE,
        Ebs = {
          VolumeSize = options.disk_size or 80, VolumeType = "gp3", Encrypted = true,
          DeleteOnTermination = true,
        },
      },
    },
    TagSpecifications = { { ResourceType = "volume", Tags = tag_forms.list(tags) } },
  }
end

-- One type at the usual price is named by the template alone.
local function mixed(options, template)
  if #options.instance_types == 1 and options.capacity ~= "SPOT" then return nil end
  local overrides = {}
  for i, name in ipairs(options.instance_types) do overrides[i] = { InstanceType = name } end
  local spot = options.capacity == "SPOT"
  return {
    LaunchTemplate = { LaunchTemplateSpecification = template, Overrides = overrides },
    InstancesDistribution = {
      OnDemandPercentageAboveBaseCapacity = spot and 0 or 100,
      SpotAllocationStrategy = spot and "price-capacity-optimized" or nil,
    },
  }
end

--- Declares an Auto Scaling group whose instances join the cluster, under the scope `nodes`.
---
---   eks:self_managed_nodes { name = "batch", instance_types = { "m7g.large" }, min = 0, max = 10 }
---
--- @param cluster eksrun.Cluster
--- @param options eksrun.SelfManagedNodes.Options
--- @return table group an autoscaling.group
function M.methods.self_managed_nodes(cluster, options)
  util.check_options("self_managed_nodes", options, OPTIONS)
  local where = "self_managed_nodes " .. options.name
  if #options.instance_types == 0 then
    util.raise_at_caller("%s: a node group needs at least one instance type", where)
  end
  support.check_nodes(where, options)
  if not options.role then support.check_access_entries(cluster, where) end
  local subnets = support.subnets(cluster, where, options.subnets, "nodes")
  local min, desired, max = support.sizes(where, options)
  local own_tags = options.tags or cluster.tags
  local tags = util.overlay({
    Name = cluster.name .. "/" .. options.name, ["kubernetes.io/cluster/" .. cluster.name] = "owned",
  }, own_tags or {})
  local refresh = options.refresh
  if refresh == true then refresh = {} end
  local group = eksrun.scope("nodes", function()
    local data = template_data(where, cluster, options, tags)
    local template = eksrun.scope(options.name, function()
      return ec2.launch_template {
        "template", LaunchTemplateData = data, tags = own_tags,
      }
    end)
    local specification = {
      LaunchTemplateId = template, Version = template.LatestVersionNumber:map(tostring),
    }
    local policy = mixed(options, specification)
    return autoscaling.group {
      options.name,
      MinSize = min,
      MaxSize = max,
      DesiredCapacity = desired,
      VPCZoneIdentifier = subnets,
      LaunchTemplate = not policy and specification or nil,
      MixedInstancesPolicy = policy,
      CapacityRebalance = options.capacity == "SPOT" or nil,
      InstanceRefresh = refresh or nil,
      tags = tags,
      depends_on = cluster.kept.needs,
    }
  end)
  support.joins(cluster, group)
  return group
end

return M
