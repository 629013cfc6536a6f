--- EKS: the nodes of clusters: instances that have joined.
---
--- Instances of managed node groups and of Auto Mode join. Others do when their user data names the cluster,
--- as nodeadm, bootstrap.sh and Bottlerocket read it, and the cluster lets their role in: by an access entry,
--- or by the ConfigMap, which the sandbox does not see, where the cluster takes that. None joins whose role
--- lacks the permissions of a node.
local evaluate = require "eksrun.sandbox.iam.evaluate"
local principals = require "eksrun.sandbox.iam.principals"
local text = require "eksrun.text"

local M = {}

-- How user data names a cluster.
local NAMES = {
  "kind:%s*NodeConfig.-cluster:.-\n%s+name:%s*[\"']?([%w_-]+)", "bootstrap%.sh%s+[\"']?([%w_-]+)",
  "cluster%-name%s*=%s*[\"']([%w_-]+)",
}

-- The cluster that user data has an instance join.
local function cluster_of(encoded)
  local ok, plain = pcall(text.unbase64, encoded or "")
  for _, pattern in ipairs(ok and NAMES or {}) do
    local name = plain:match(pattern)
    if name then return name end
  end
end

local function tag_of(instance, key)
  for _, tag in ipairs(instance.Tags or {}) do
    if tag.Key == key then return tag.Value end
  end
end

-- What a node does before it is one: it looks itself up, and gets the image of its network plugin.
local NEEDED = { "ec2:DescribeInstances", "ecr:GetAuthorizationToken" }

--- Whether instances of a role can become nodes.
--- @param call eksrun.sandbox.Call
--- @param role table?
--- @return boolean
function M.can_join(call, role)
  if not role then return false end
  local list, boundary = principals.entity_policies(call, role)
  local policies = { identity = {}, boundary = boundary }
  for i, policy in ipairs(list) do policies.identity[i] = policy.document end
  for _, action in ipairs(NEEDED) do
    local request = { action = action, resource = "*", context = {}, principal = {} }
    if evaluate.decide(policies, request) ~= "allowed" then return false end
  end
  return true
end

-- The role of an instance: its profile's, or its node group's.
local function role_of(call, cluster, instance)
  local group = tag_of(instance, "eks:nodegroup-name")
  local managed = group and call:get("eks.nodegroup", cluster.name .. "/" .. group)
  if managed then return call:get("iam.role", managed.nodeRole:match "[^/]+$") end
  local profile = instance.IamInstanceProfile
  local found = profile and call:get("iam.instance_profile", profile.Arn:match "[^/]+$")
  return found and found._role and call:get("iam.role", found._role)
end

-- Whether an instance is one of a cluster's, and may be its node. `known` keeps what was found out of roles.
local function belongs(call, cluster, instance, known)
  if tag_of(instance, "eks:eks-cluster-name") then
    return tag_of(instance, "eks:eks-cluster-name") == cluster.name -- Auto Mode
  end
  local managed = tag_of(instance, "eks:cluster-name")
  if (managed or cluster_of(instance._user_data)) ~= cluster.name then return false end
  local role = role_of(call, cluster, instance)
  if not managed and cluster.accessConfig.authenticationMode == "API"
    and not (role and call:get("eks.access_entry", cluster.name .. "/" .. role.Arn)) then
    return false
  end
  if not role then return false end
  if known[role] == nil then known[role] = M.can_join(call, role) end
  return known[role]
end

--- When an instance joins its cluster.
--- @param call eksrun.sandbox.Call
--- @param instance table
--- @return number seconds since 1970
function M.joins_at(call, instance)
  return instance.LaunchTime + call:duration("ec2.instance.join", instance.InstanceId)
end

--- When the instances that are starting now will have joined a cluster.
--- @param call eksrun.sandbox.Call
--- @param cluster table
--- @return number seconds since 1970; the call's time where none is starting
function M.all_joined_at(call, cluster)
  local last, known = call.now, {}
  for _, instance in ipairs(call:all "ec2.instance") do
    local state = instance.State.Name
    if (state == "pending" or state == "running") and belongs(call, cluster, instance, known) then
      last = math.max(last, M.joins_at(call, instance))
    end
  end
  return last
end

--- The instances that are nodes of a cluster by now.
--- @param call eksrun.sandbox.Call
--- @param cluster table
--- @return table[] instances
function M.of(call, cluster)
  local known = {}
  return call:all("ec2.instance", function(instance)
    return instance.State.Name == "running" and call.now >= M.joins_at(call, instance)
      and belongs(call, cluster, instance, known)
  end)
end

return M
