--- EKS: insights, what stands against a cluster's next version.
local json = require "eksrun.json"
local support = require "eksrun.sandbox.eks.support"
local util = require "eksrun.util"
local versions = require "eksrun.sandbox.eks.versions"
local worlds = require "eksrun.sandbox.world"

local M = { operations = {}, events = {} }
local operations = M.operations

-- How many minor versions nodes may be behind.
M.SKEW = 3

-- Node groups that would be too old for a version.
local function too_old(call, cluster, version)
  local list = {}
  for _, group in ipairs(support.within(call, "eks.nodegroup", cluster.name)) do
    if versions.minor(version) - versions.minor(group.version) > M.SKEW then list[#list + 1] = group end
  end
  return list
end

--- Names of the node groups that a cluster's update to a version would leave too far behind.
--- @param call eksrun.sandbox.Call
--- @param cluster table
--- @param version string
--- @return string[]
function M.left_behind(call, cluster, version)
  return support.names(too_old(call, cluster, version), "nodegroupName")
end

local PASSING = { status = "PASSING", reason = "No issues found." }

-- By name: what is looked at, and for a cluster and its next version the status and what is concerned.
local insights = {
  ["Kubelet version skew"] = {
    description = "Checks for kubelet versions of worker nodes in the cluster to see if upgrade would cause "
      .. "non compliance with supported Kubernetes kubelet version skew policy.",
    recommendation = "Upgrade the node groups before the cluster.",
    look = function(call, cluster, version)
      local groups, resources = too_old(call, cluster, version), json.array {}
      if not groups[1] then return PASSING, resources end
      local status = { status = "ERROR", reason = "Node groups are too far behind the version." }
      for i, group in ipairs(groups) do
        resources[i] = { insightStatus = status, arn = group.nodegroupArn }
      end
      return status, resources
    end,
  },
  ["Cluster health issues"] = {
    description = "Checks for any cluster health issues that prevent successful upgrade to the next "
      .. "Kubernetes version on EKS.",
    recommendation = "Resolve the issues that DescribeCluster lists.",
    look = function(_, cluster)
      local issue = cluster.health.issues[1]
      return issue and { status = "ERROR", reason = issue.message } or PASSING, json.array {}
    end,
  },
  ["EKS add-on version compatibility"] = {
    description = "Checks version of installed EKS add-ons to ensure they are compatible with the next "
      .. "version of Kubernetes.",
    recommendation = "Upgrade the add-ons.",
    look = function(call, cluster, version)
      local catalog, resources = require "eksrun.sandbox.eks.catalog", json.array {}
      local status = { status = "ERROR", reason = "Add-ons do not support the version." }
      for _, addon in ipairs(support.within(call, "eks.addon", cluster.name)) do
        if not catalog.fits(addon.addonName, addon.addonVersion, version) then
          resources[#resources + 1] = { insightStatus = status, arn = addon.addonArn }
        end
      end
      return resources[1] and status or PASSING, resources
    end,
  },
}

-- The insights of a cluster, the newest version aside, which has nothing before it.
local function all_of(call, cluster)
  local following = versions.list[(versions.index(cluster.version) or #versions.list) + 1]
  local list = {}
  for name, insight in util.sorted_pairs(following and insights or {}) do
    local status, resources = insight.look(call, cluster, following.version)
    list[#list + 1] = {
      id = worlds.uuid(call.world:hash("insight", call.region, cluster.name, cluster.createdAt, name)),
      name = name, category = "UPGRADE_READINESS", kubernetesVersion = following.version,
      lastRefreshTime = cluster._refreshed or cluster.createdAt, lastTransitionTime = cluster.createdAt,
      description = insight.description, insightStatus = status, recommendation = insight.recommendation,
      additionalInfo = {}, resources = resources, categorySpecificSummary = {
        deprecationDetails = json.array {}, addonCompatibilityDetails = json.array {},
      },
    }
  end
  return list
end

function operations.ListInsights(call, params)
  local cluster, filter = support.cluster(call, params.clusterName), params.filter or {}
  local list = json.array {}
  for _, insight in ipairs(all_of(call, cluster)) do
    if support.is_wanted(filter.categories, insight.category)
      and support.is_wanted(filter.statuses, insight.insightStatus.status)
      and support.is_wanted(filter.kubernetesVersions, insight.kubernetesVersion) then
      for _, name in ipairs { "recommendation", "additionalInfo", "resources", "categorySpecificSummary" } do
        insight[name] = nil
      end
      list[#list + 1] = insight
    end
  end
  return { insights = list }
end

function operations.DescribeInsight(call, params)
  for _, insight in ipairs(all_of(call, support.cluster(call, params.clusterName))) do
    if insight.id == params.id then return { insight = insight } end
  end
  support.refuse("ResourceNotFoundException", ("No insight found with id: %s"):format(params.id),
    { clusterName = params.clusterName })
end

-- -- refreshes ----------------------------------------------------------------------------------------------

function operations.StartInsightsRefresh(call, params)
  local cluster = support.active_cluster(call, params.clusterName)
  local refresh = cluster._refresh
  if refresh and refresh.status == "IN_PROGRESS" then
    support.refuse("InvalidRequestException", "An insights refresh is already in progress",
      { clusterName = cluster.name })
  end
  cluster._refresh = { status = "IN_PROGRESS", startedAt = support.time(call) }
  call:after(call:duration("eks.insights.refresh", cluster.name, call.now), "eks.insights.refreshed",
    { name = cluster.name })
  return { status = "IN_PROGRESS", message = "Insights refresh is in progress" }
end

M.events["eks.insights.refreshed"] = function(call, arguments)
  local cluster = call:get("eks.cluster", arguments.name)
  if not cluster or not cluster._refresh then return end
  cluster._refresh.status, cluster._refresh.endedAt = "COMPLETED", support.time(call)
  cluster._refreshed = support.time(call)
end

function operations.DescribeInsightsRefresh(call, params)
  local refresh = support.cluster(call, params.clusterName)._refresh
  if not refresh then
    support.refuse("ResourceNotFoundException", "No insights refresh found for the cluster",
      { clusterName = params.clusterName })
  end
  return {
    status = refresh.status, startedAt = refresh.startedAt, endedAt = refresh.endedAt,
    message = refresh.endedAt and "Insights refresh completed" or "Insights refresh is in progress",
  }
end

return M
