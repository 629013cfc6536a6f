--- EKS: the nodes of clusters: instances that have joined.
---
--- Instances of managed node groups and of Auto Mode join. Others do when their user data names the cluster,
--- as nodeadm, bootstrap.sh and Bottlerocket read it, and the cluster lets their role in: by an access entry,
--- or by the ConfigMap, which the sandbox does not see, where the cluster takes that.
local text = require "eksrun.text"

local M = {}

-- How user data names a cluster.
local NAMES = {
  "kind:%s*NodeConfig.-cluster:.-\n%s+name:%s*[\"']?([%w_-]+)", "bootstrap%.sh%s+[\"']?([%w_-]+)",
  "cluster%-name%s*=%s*[\"']([%w_-]+)",
}

--- The cluster that user data has an instance join.
--- @param encoded string? base64
--- @return string? name
function M.cluster_of(encoded)
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

-- Whether a cluster lets the role of an instance in.
local function is_let_in(call, cluster, instance)
  if cluster.accessConfig.authenticationMode ~= "API" then return true end
  local profile = instance.IamInstanceProfile
  local found = profile and call:get("iam.instance_profile", profile.Arn:match "[^/]+$")
  local role = found and found._role and call:get("iam.role", found._role)
  return role ~= nil and call:get("eks.access_entry", cluster.name .. "/" .. role.Arn) ~= nil
end

local function belongs(call, cluster, instance)
  local of = tag_of(instance, "eks:cluster-name") or tag_of(instance, "eks:eks-cluster-name")
  if of then return of == cluster.name end
  return M.cluster_of(instance._user_data) == cluster.name and is_let_in(call, cluster, instance)
end

--- When an instance joins its cluster.
--- @return number seconds since 1970
function M.joins_at(call, instance)
  return instance.LaunchTime + call:duration("ec2.instance.join", instance.InstanceId)
end

--- When the instances that are starting now will have joined a cluster.
--- @param call eksrun.sandbox.Call
--- @param cluster table
--- @return number seconds since 1970; the call's time where none is starting
function M.all_joined_at(call, cluster)
  local last = call.now
  for _, instance in ipairs(call:all "ec2.instance") do
    local state = instance.State.Name
    if (state == "pending" or state == "running") and belongs(call, cluster, instance) then
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
  return call:all("ec2.instance", function(instance)
    return instance.State.Name == "running" and call.now >= M.joins_at(call, instance)
      and belongs(call, cluster, instance)
  end)
end

return M
