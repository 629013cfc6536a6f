--- What the parts of the cluster kit share: checks of what nodes are asked to be, and what nodes wait for.
local bootstrap = require "eksrun.cluster.bootstrap"
local eksrun = require "eksrun"
local graph = require "eksrun.engine.graph"
local util = require "eksrun.util"

local M = {}

--- The sizes of a group of nodes. Raises at the recipe's line unless they ascend.
--- @param where string for the message
--- @param options { min?: integer, desired?: integer, max?: integer }
--- @return integer min
--- @return integer? desired
--- @return integer max
function M.sizes(where, options)
  local desired = options.desired
  local min = options.min or desired or 1
  local max = options.max or math.max(min, desired or min, 1)
  if min > (desired or min) or (desired or min) > max then
    util.raise_at_caller("%s: min %d, desired %s, max %d: these must ascend", where, min,
      tostring(desired or "not given"), max)
  end
  return min, desired, max
end

-- Labels are a table of text by key.
local function check_labels(where, labels)
  for key, value in pairs(labels or {}) do
    if type(key) ~= "string" or type(value) ~= "string" and not eksrun.is_ref(value) then
      util.raise_at_caller("%s: labels wants a table of text by key: labels = { team = \"a\" }", where)
    end
  end
end

--- Raises at the recipe's line unless nodes can be what they are asked to be, of whatever kind they are.
--- @param where string for the message
--- @param options { capacity?: string, labels?: table, taints?: table[] }
function M.check_nodes(where, options)
  local capacity = options.capacity
  if capacity and capacity ~= "ON_DEMAND" and capacity ~= "SPOT" then
    util.raise_at_caller("%s: capacity is 'ON_DEMAND' or 'SPOT', not '%s'", where, capacity)
  end
  check_labels(where, options.labels)
  local wrong = bootstrap.check_taints(options.taints)
  if wrong then util.raise_at_caller("%s: %s", where, wrong) end
end

--- The subnets given, or those of the cluster's network. Raises when there are none.
--- @param cluster eksrun.Cluster
--- @param where string
--- @param given? any[]
--- @param kind "nodes"|"private" of the network
--- @return any[]
function M.subnets(cluster, where, given, kind)
  local subnets = given or cluster.network and cluster.network[kind]
  if not subnets then
    util.raise_at_caller("%s: field 'subnets' is required: the cluster has no network", where)
  end
  return subnets
end

--- The ARN of a role: an iam.role gives its own.
--- @param role any
--- @return any
function M.role_arn(role) return graph.node_of(role) and role.Arn or role end

--- Has nodes wait for what they need to join, and what runs on nodes wait for them.
--- @param cluster eksrun.Cluster
--- @param nodes table a resource
function M.joins(cluster, nodes)
  cluster.kept.join:behind(nodes)
  cluster.kept.compute:first(nodes)
  -- A node that cannot reach the internet, or the endpoints in its place, never joins.
  local network = cluster.network
  if network and network.egress then network.egress:behind(nodes) end
end

--- Raises where access entries mean nothing to the cluster.
--- @param cluster eksrun.Cluster
--- @param where string
function M.check_access_entries(cluster, where)
  if cluster.kept.authentication_mode == "CONFIG_MAP" then
    util.raise_at_caller("%s: access entries want authentication_mode 'API' or 'API_AND_CONFIG_MAP'", where)
  end
end

return M
