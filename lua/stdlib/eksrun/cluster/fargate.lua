--- Fargate: pods without nodes.
local aws = require "eksrun.aws"
local eks = require "eksrun.eks"
local eksrun = require "eksrun"
local graph = require "eksrun.engine.graph"
local iam = require "eksrun.iam"
local support = require "eksrun.cluster.support"
local util = require "eksrun.util"

local M = { methods = {} }

-- What a profile may have, by EKS.
local MAX_SELECTORS, MAX_LABELS = 5, 5

local OPTIONS = { name = "string", selectors = "table", subnets = "table?", role = "any?", tags = "table?" }

--- @class eksrun.Fargate.Options
--- @field name string
--- @field selectors (string|{ namespace: string, labels?: table<string, string> })[] which pods: a text is a
---   namespace
--- @field subnets? any[] private ones; default: those of the network
--- @field role? any ARN or iam.role; default: one for all profiles of the cluster
--- @field tags? table<string, string>

local function selectors_of(where, list)
  if #list == 0 or #list > MAX_SELECTORS then
    util.raise_at_caller("%s: selectors wants a list of 1 to %d namespaces or tables, got %d", where,
      MAX_SELECTORS, #list)
  end
  local out = {}
  for i, selector in ipairs(list) do
    if type(selector) == "string" then selector = { namespace = selector } end
    util.check_options(where .. ": a selector", selector, { namespace = "string", labels = "table?" })
    if #util.sorted_keys(selector.labels or {}) > MAX_LABELS then
      util.raise_at_caller("%s: a selector takes at most %d labels", where, MAX_LABELS)
    end
    out[i] = selector
  end
  return out
end

-- The role by which Fargate pulls images and writes logs; only this cluster's profiles get it.
local function shared_role(cluster)
  local kept = cluster.kept
  if not kept.fargate_role then
    local source = ("arn:%s:eks:%s:%s:fargateprofile/%s/*"):format(aws.partition(), aws.region(),
      aws.account(), cluster.name)
    kept.fargate_role = iam.role_for {
      "role",
      trust = iam.trust("eks-fargate-pods", nil, { ArnLike = { ["aws:SourceArn"] = source } }),
      policies = { "AmazonEKSFargatePodExecutionRolePolicy" },
      tags = cluster.tags,
    }
  end
  return kept.fargate_role
end

-- Whether the private subnets of a network that the recipe declares lead anywhere: by routes of their tables,
-- or to endpoints.
local function has_way_out(declared, network)
  local ways = { [graph.node_of(network.vpc)] = "ec2.vpc_endpoint" }
  for _, routes in ipairs(network.routes) do ways[graph.node_of(routes)] = "ec2.route" end
  for _, node in ipairs(declared.nodes) do
    for _, other in ipairs(declared:dependencies(node)) do
      if ways[other] == node.type.name then return true end
    end
  end
  return false
end

-- Without a way out pods pull no image and wait for ever. It may be declared later.
local function check_way_out(where, network)
  if not rawget(network, "routes") or not graph.node_of(network.vpc) then return end
  local line = util.where()
  graph.current():when_declared(function(declared)
    if not has_way_out(declared, network) then
      util.fail_at("recipe", line, "%s: the private subnets of network %s have no way out, which pods need: "
        .. "vpc.network with nat = \"single\", or vpc.endpoints", where, network.name)
    end
  end)
end

--- Declares a Fargate profile, under the scope `fargate`: pods that its selectors match run without nodes.
---
---   eks:fargate_profile { name = "default", selectors = { "default", "kube-system" } }
---
--- @param cluster eksrun.Cluster
--- @param options eksrun.Fargate.Options
--- @return table profile an eks.fargate_profile
function M.methods.fargate_profile(cluster, options)
  util.check_options("fargate_profile", options, OPTIONS)
  local where = "fargate_profile " .. options.name
  local subnets = support.subnets(cluster, where, options.subnets, "private")
  local selectors = selectors_of(where, options.selectors)
  if not options.subnets then check_way_out(where, cluster.network) end
  local profile = eksrun.scope("fargate", function()
    return eks.fargate_profile {
      options.name,
      clusterName = cluster.name,
      fargateProfileName = options.name,
      podExecutionRoleArn = support.role_arn(options.role or shared_role(cluster)),
      subnets = subnets,
      selectors = selectors,
      tags = options.tags or cluster.tags,
      depends_on = cluster.kept.needs,
    }
  end)
  support.joins(cluster, profile)
  return profile
end

return M
