--- Managed node groups: EKS makes the instances, replaces them and drains them.
local ami = require "eksrun.ami"
local eks = require "eksrun.eks"
local eksrun = require "eksrun"
local iam = require "eksrun.iam"
local support = require "eksrun.cluster.support"
local util = require "eksrun.util"

local M = {}

--- What every node needs: to join, to pull images, to give addresses to pods, to be looked at.
M.POLICIES = {
  "AmazonEKSWorkerNodePolicy",
  "AmazonEC2ContainerRegistryPullOnly",
  "AmazonEKS_CNI_Policy",
  "AmazonSSMManagedInstanceCore",
}

M.methods = {}

--- The role of the cluster's managed nodes, declared when first asked for.
--- @param cluster eksrun.Cluster
--- @return table role an iam.role
function M.methods.node_role(cluster)
  local kept = cluster.kept
  if not kept.node_role then
    kept.node_role = eksrun.scope("nodes", function()
      return iam.role_for { "role", trust = "ec2", policies = M.POLICIES, tags = cluster.tags }
    end)
  end
  return kept.node_role
end

local OPTIONS = {
  name = "string",
  instance_types = "strings",
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
--- @field role? any ARN or iam.role; default: one role for all managed nodes of the cluster
--- @field version? string Kubernetes version; default: the cluster's when the group is made
--- @field labels? table<string, string>
--- @field taints? { key: string, value?: string, effect: string }[]
--- @field tags? table<string, string>

--- Declares a managed node group, under the scope `nodes`.
--- @param cluster eksrun.Cluster
--- @param options eksrun.ManagedNodes.Options
--- @return table nodegroup an eks.nodegroup
function M.methods.managed_nodes(cluster, options)
  util.check_options("managed_nodes", options, OPTIONS)
  local where = "managed_nodes " .. options.name
  local subnets = support.subnets(cluster, where, options.subnets, "nodes")
  local known, found = pcall(ami.managed_type, options.instance_types)
  if not options.ami_type and not known then util.raise_at_caller("%s: %s", where, found) end
  if options.ami_type then
    local other, architecture = ami.mismatch(options.ami_type, options.instance_types)
    if other then
      util.raise_at_caller("%s: %s is %s, and the images of ami_type %s are not", where, other, architecture,
        options.ami_type)
    end
  end
  support.check_nodes(where, options)
  local min, desired, max = support.sizes(where, options)
  local role = support.role_arn(options.role or cluster:node_role())
  local group = eksrun.scope("nodes", function()
    return eks.nodegroup {
      options.name,
      clusterName = cluster.name,
      nodegroupName = options.name,
      nodeRole = role,
      subnets = subnets,
      scalingConfig = { minSize = min, maxSize = max, desiredSize = desired },
      instanceTypes = options.instance_types,
      amiType = options.ami_type or found,
      capacityType = options.capacity,
      diskSize = options.disk_size,
      version = options.version,
      labels = options.labels,
      taints = options.taints,
      tags = options.tags or cluster.tags,
      depends_on = cluster.kept.needs,
    }
  end)
  support.joins(cluster, group)
  return group
end

return M
