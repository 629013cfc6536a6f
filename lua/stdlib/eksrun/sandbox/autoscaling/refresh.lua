--- Auto Scaling: instance refreshes: the members of a group are replaced, some at a time.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local scale = require "eksrun.sandbox.autoscaling.scale"
local support = require "eksrun.sandbox.autoscaling.support"
local util = require "eksrun.util"

local M = { operations = {}, events = {} }
local operations = M.operations

-- Seconds between two looks at a batch.
local LOOK = 10
local ACTIVE = {
  Pending = true, InProgress = true, Cancelling = true, RollbackInProgress = true, Baking = true,
}

local function find(call, name, test)
  return call:find("autoscaling.refresh", function(r)
    return r.AutoScalingGroupName == name and test(r)
  end)
end

local function active(call, name) return find(call, name, function(r) return ACTIVE[r.Status] end) end

local function next_step(call, refresh, seconds)
  call:after(seconds, "autoscaling.refresh.step", { id = refresh.InstanceRefreshId })
end

-- Whether a member is made of what the refresh wants.
local function matches(member, refresh)
  local template = member.LaunchTemplate
  return template and template._number == refresh._number and template.LaunchTemplateId == refresh._template
end

local function begin(call, refresh, group)
  refresh._old = {}
  local version = not group._launch and select(2, support.template_of(call, group)) or nil
  refresh._number, refresh._template = version and version.VersionNumber, version and version.LaunchTemplateId
  for _, member in ipairs(group._instances) do
    if not (refresh.Preferences.SkipMatching and matches(member, refresh)) then
      table.insert(refresh._old, member.InstanceId)
    end
  end
  refresh._total = #refresh._old
  refresh.InstancesToUpdate, refresh.PercentageComplete = refresh._total, 0
  next_step(call, refresh, LOOK)
end

function operations.StartInstanceRefresh(call, params)
  local group = support.need(call, params.AutoScalingGroupName)
  local name = group.AutoScalingGroupName
  if active(call, name) then
    fault.raise("InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks the "
      .. "execution of this Instance Refresh.")
  end
  local preferences = params.Preferences or {}
  if preferences.AutoRollback and not params.DesiredConfiguration then
    support.refuse("The AutoRollback parameter cannot be set to true when the DesiredConfiguration parameter "
      .. "is empty")
  end
  local before = { LaunchTemplate = group.LaunchTemplate, MixedInstancesPolicy = group.MixedInstancesPolicy }
  local wanted = params.DesiredConfiguration
  if wanted then
    local with = util.copy(group)
    with.LaunchTemplate, with.MixedInstancesPolicy = wanted.LaunchTemplate, wanted.MixedInstancesPolicy
    support.template_of(call, with)
    group.LaunchTemplate, group.MixedInstancesPolicy = wanted.LaunchTemplate, wanted.MixedInstancesPolicy
  end
  local id = call:uuid "refresh"
  local refresh = call:put("autoscaling.refresh", id, {
    InstanceRefreshId = id, AutoScalingGroupName = name, Status = "Pending", Strategy = "Rolling",
    StartTime = call:time(), DesiredConfiguration = wanted, _before = before,
    Preferences = util.overlay({
      MinHealthyPercentage = 90, SkipMatching = false, AutoRollback = false,
      ScaleInProtectedInstances = "Ignore", StandbyInstances = "Ignore",
    }, preferences),
  })
  begin(call, refresh, group)
  return { InstanceRefreshId = id }
end

local function finish(call, refresh, status, reason)
  refresh.Status, refresh.StatusReason, refresh.EndTime = status, reason, call:time()
  refresh._batch = nil
end

-- Whether all members are in service, for as long as new ones need to warm up.
local function settled(call, group, refresh)
  if support.capacity(group) < group.DesiredCapacity then return false end
  local warmup = refresh.Preferences.InstanceWarmup or group.DefaultInstanceWarmup
    or group.HealthCheckGracePeriod or 0
  for _, member in ipairs(group._instances) do
    local instance = call:get("ec2.instance", member.InstanceId)
    local since = instance and instance._running
    if support.state_of(call, member) ~= "InService" or not since or call.now < since + warmup then
      return false
    end
  end
  return true
end

local function replace_batch(call, group, refresh)
  local least = refresh.Preferences.MinHealthyPercentage
  local size = math.max(1, #group._instances * (100 - least) // 100)
  for _ = 1, math.min(size, #refresh._old) do
    local member, of, place = support.member(call, table.remove(refresh._old, 1))
    if member and of == group and not member.ProtectedFromScaleIn and not member._standby then
      scale.drop(call, group, place, "an instance was taken out of service as part of an instance refresh.")
    end
  end
  scale.scale(call, group)
end

M.events["autoscaling.refresh.step"] = function(call, arguments)
  local refresh = call:get("autoscaling.refresh", arguments.id)
  local group = refresh and call:get("autoscaling.group", refresh.AutoScalingGroupName)
  if not group or not ACTIVE[refresh.Status] then return end
  if refresh.Status == "Cancelling" then
    return finish(call, refresh, "Cancelled", "Cancelled due to user request.")
  end
  if refresh.Status == "Pending" then refresh.Status = "InProgress" end
  if not settled(call, group, refresh) then return next_step(call, refresh, LOOK) end
  local left = #refresh._old
  refresh.InstancesToUpdate = left
  refresh.PercentageComplete = refresh._total == 0 and 100 or (refresh._total - left) * 100 // refresh._total
  if left > 0 then
    replace_batch(call, group, refresh)
    return next_step(call, refresh, LOOK)
  end
  finish(call, refresh, refresh.Status == "RollbackInProgress" and "RollbackSuccessful" or "Successful")
end

local function need_active(call, params)
  support.need(call, params.AutoScalingGroupName)
  local refresh = active(call, params.AutoScalingGroupName)
  if not refresh or refresh.Status == "Cancelling" then
    fault.raise("ActiveInstanceRefreshNotFound", "No in progress or pending Instance Refresh found for Auto "
      .. "Scaling group %s", params.AutoScalingGroupName)
  end
  return refresh
end

function operations.CancelInstanceRefresh(call, params)
  local refresh = need_active(call, params)
  refresh.Status, refresh.StatusReason = "Cancelling", "Replacements of instances that began are finished."
  return { InstanceRefreshId = refresh.InstanceRefreshId }
end

function operations.RollbackInstanceRefresh(call, params)
  local refresh = need_active(call, params)
  if not refresh.DesiredConfiguration then
    fault.raise("IrreversibleInstanceRefresh",
      "The instance refresh has no desired configuration to roll back")
  end
  local group = support.need(call, params.AutoScalingGroupName)
  group.LaunchTemplate, group.MixedInstancesPolicy = refresh._before.LaunchTemplate,
    refresh._before.MixedInstancesPolicy
  refresh.Status = "RollbackInProgress"
  refresh.RollbackDetails = {
    RollbackReason = "Rolled back due to user request.", RollbackStartTime = call:time(),
    PercentageCompleteOnRollback = refresh.PercentageComplete,
    InstancesToUpdateOnRollback = refresh.InstancesToUpdate,
  }
  local version = select(2, support.template_of(call, group))
  refresh._number, refresh._template, refresh._old = version.VersionNumber, version.LaunchTemplateId, {}
  for _, member in ipairs(group._instances) do
    if not matches(member, refresh) then table.insert(refresh._old, member.InstanceId) end
  end
  refresh._total = #refresh._old
  return { InstanceRefreshId = refresh.InstanceRefreshId }
end

function operations.DescribeInstanceRefreshes(call, params)
  support.need(call, params.AutoScalingGroupName)
  local wanted
  for _, id in ipairs(params.InstanceRefreshIds or {}) do
    wanted = wanted or {}
    wanted[id] = true
  end
  local found, list = call:all("autoscaling.refresh", function(r)
    return r.AutoScalingGroupName == params.AutoScalingGroupName
      and (not wanted or wanted[r.InstanceRefreshId])
  end), json.array {}
  for i = #found, 1, -1 do list[#list + 1] = found[i] end
  return { InstanceRefreshes = list }
end

return M
