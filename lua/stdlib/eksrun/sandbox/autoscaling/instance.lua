--- Auto Scaling: single instances of groups.
local group_of = require "eksrun.sandbox.autoscaling.group"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local scale = require "eksrun.sandbox.autoscaling.scale"
local support = require "eksrun.sandbox.autoscaling.support"
local targets = require "eksrun.sandbox.elbv2.target"

local M = { operations = {} }
local operations = M.operations

-- Seconds until an instance is out of service, or in it again.
local HANDOVER = 15

function operations.DescribeAutoScalingInstances(call, params)
  local wanted
  for _, id in ipairs(params.InstanceIds or {}) do
    wanted = wanted or {}
    wanted[id] = true
  end
  local list = json.array {}
  for _, group in ipairs(call:all "autoscaling.group") do
    for _, member in ipairs(group._instances) do
      if not wanted or wanted[member.InstanceId] then
        local shown = group_of.member_view(call, member)
        shown.AutoScalingGroupName, shown.HealthStatus = group.AutoScalingGroupName,
          shown.HealthStatus:upper()
        list[#list + 1] = shown
      end
    end
  end
  return { AutoScalingInstances = list }
end

function operations.TerminateInstanceInAutoScalingGroup(call, params)
  local _, group, place = support.need_member(call, params.InstanceId)
  if params.ShouldDecrementDesiredCapacity then
    if group.DesiredCapacity <= group.MinSize then
      support.refuse("Currently, desiredSize equals minSize (%d). Terminating instance without replacement "
        .. "will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to "
        .. "false or lower group's min size.", group.MinSize)
    end
    group.DesiredCapacity = group.DesiredCapacity - 1
  end
  local activity = scale.drop(call, group, place,
    "instance " .. params.InstanceId .. " was taken out of service in response to a user request.")
  scale.scale(call, group)
  return { Activity = activity }
end

local function running(call, id)
  local instance = call:get("ec2.instance", id)
  if not instance or instance.State.Name ~= "running" then
    support.refuse("Invalid Instance ID(s): %s - the instance is not in the running state", id)
  end
  return instance
end

-- Makes a group wish for more members, or fewer where `by` is negative.
local function resize(group, by, verb)
  local desired = group.DesiredCapacity + by
  if desired < group.MinSize or desired > group.MaxSize then
    support.refuse("AutoScalingGroup %s has min-size=%d, max-size=%d, and desired-size=%d. To %s %d "
      .. "%s, please update the AutoScalingGroup sizes appropriately.", group.AutoScalingGroupName,
      group.MinSize, group.MaxSize, group.DesiredCapacity, verb, math.abs(by),
      math.abs(by) == 1 and "instance" or "instances")
  end
  group.DesiredCapacity = desired
end

function operations.AttachInstances(call, params)
  local group = support.need(call, params.AutoScalingGroupName)
  local list = {}
  for i, id in ipairs(params.InstanceIds or {}) do
    list[i] = running(call, id)
    if support.member(call, id) then
      support.refuse("The instance %s is already part of another Auto Scaling group", id)
    end
  end
  resize(group, #list, "attach")
  for _, instance in ipairs(list) do
    instance._of = group.AutoScalingGroupName
    table.insert(group._instances, {
      InstanceId = instance.InstanceId, InstanceType = instance.InstanceType, HealthStatus = "Healthy",
      ProtectedFromScaleIn = group.NewInstancesProtectedFromScaleIn,
      AvailabilityZone = instance.Placement.AvailabilityZone, _launched = call:time(),
    })
    targets.join(call, group.TargetGroupARNs, instance)
    support.activity(call, group, {
      Description = "Attaching an existing EC2 instance: " .. instance.InstanceId,
      Cause = "an instance was attached in response to user request.",
    })
  end
end

-- The members of a group with these ids; standby: whether they must be in Standby, or must not.
local function members(call, group, ids, standby)
  local list = {}
  for i, id in ipairs(ids or {}) do
    local member, other = support.need_member(call, id)
    if other ~= group then
      support.refuse("The instance %s is not part of Auto Scaling group %s", id, group.AutoScalingGroupName)
    elseif standby ~= nil and (member._standby or false) ~= standby then
      support.refuse("The instance %s is not in %s", id, standby and "Standby" or "InService")
    end
    list[i] = member
  end
  return list
end

-- Has members of a group leave its service, and makes up for them unless the group is to be smaller.
local function take_out(call, params, how)
  local group = support.need(call, params.AutoScalingGroupName)
  local list, activities = members(call, group, params.InstanceIds, how.standby), json.array {}
  if params.ShouldDecrementDesiredCapacity then resize(group, -#list, how.verb) end
  for i, member in ipairs(list) do
    how.leave(group, member)
    targets.leave(call, group.TargetGroupARNs, member.InstanceId)
    activities[i] = support.activity(call, group, {
      Description = how.description .. member.InstanceId,
      Cause = ("instance %s was %s in response to a user request."):format(member.InstanceId, how.cause),
    }, HANDOVER)
  end
  scale.scale(call, group)
  return { Activities = activities }
end

function operations.DetachInstances(call, params)
  return take_out(call, params, {
    verb = "detach", description = "Detaching EC2 instance: ", cause = "detached",
    leave = function(group, member)
      local _, _, place = support.member(call, member.InstanceId)
      table.remove(group._instances, place)
      call:get("ec2.instance", member.InstanceId)._of = nil
    end,
  })
end

function operations.EnterStandby(call, params)
  return take_out(call, params, {
    verb = "place into standby", description = "Moving EC2 instance to Standby: ", cause = "moved to standby",
    standby = false, leave = function(_, member) member._standby = true end,
  })
end

function operations.ExitStandby(call, params)
  local group = support.need(call, params.AutoScalingGroupName)
  local list, activities = members(call, group, params.InstanceIds, true), json.array {}
  resize(group, #list, "take out of standby")
  for i, member in ipairs(list) do
    member._standby = nil
    targets.join(call, group.TargetGroupARNs, call:get("ec2.instance", member.InstanceId))
    activities[i] = support.activity(call, group, {
      Description = "Moving EC2 instance out of Standby: " .. member.InstanceId,
      Cause = "instance " .. member.InstanceId .. " was moved out of standby in response to a user request.",
      StatusCode = "PreInService", Progress = 30,
    }, HANDOVER)
  end
  return { Activities = activities }
end

function operations.SetInstanceProtection(call, params)
  local group = support.need(call, params.AutoScalingGroupName)
  for _, member in ipairs(members(call, group, params.InstanceIds)) do
    member.ProtectedFromScaleIn = params.ProtectedFromScaleIn
  end
  return {}
end

function operations.SetInstanceHealth(call, params)
  local member, group, place = support.need_member(call, params.InstanceId)
  local status = params.HealthStatus
  if status ~= "Healthy" and status ~= "Unhealthy" then
    support.refuse("Valid instance health states are: [Healthy, Unhealthy].")
  end
  member.HealthStatus = status
  if status == "Unhealthy" and not support.suspended(group, "ReplaceUnhealthy") then
    scale.drop(call, group, place, "an instance was taken out of service in response to a user health-check.")
    scale.scale(call, group)
  end
end

function operations.DescribeScalingActivities(call, params)
  local wanted
  for _, id in ipairs(params.ActivityIds or {}) do
    wanted = wanted or {}
    wanted[id] = true
  end
  local found = call:all("autoscaling.activity", function(activity)
    return (not params.AutoScalingGroupName or activity.AutoScalingGroupName == params.AutoScalingGroupName)
      and (not wanted or wanted[activity.ActivityId])
  end)
  if params.AutoScalingGroupName and not found[1] then support.need(call, params.AutoScalingGroupName) end
  local list = json.array {}
  for i = #found, 1, -1 do list[#list + 1] = found[i] end
  return { Activities = list }
end

-- -- limits -------------------------------------------------------------------------------------------------

function operations.DescribeAccountLimits(call)
  return {
    MaxNumberOfAutoScalingGroups = 500, MaxNumberOfLaunchConfigurations = 200,
    NumberOfAutoScalingGroups = #call:all "autoscaling.group", NumberOfLaunchConfigurations = 0,
  }
end

-- Launch configurations are not made any more.
function operations.DescribeLaunchConfigurations() return { LaunchConfigurations = json.array {} } end

function operations.CreateLaunchConfiguration()
  fault.raise("UnsupportedOperation", "The Launch Configuration creation operation is not available in your "
    .. "account. Use launch templates to create configuration templates for your Auto Scaling groups.")
end

return M
