--- Auto Scaling: what groups do on the way: lifecycle hooks, suspended processes, metrics, policies.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.autoscaling.support"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local PROCESSES = {
  "Launch", "Terminate", "AddToLoadBalancer", "AlarmNotification", "AZRebalance", "HealthCheck",
  "InstanceRefresh", "ReplaceUnhealthy", "ScheduledActions",
}
local TRANSITIONS = { "autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING" }
local METRICS = {
  "GroupMinSize", "GroupMaxSize", "GroupDesiredCapacity", "GroupInServiceInstances", "GroupPendingInstances",
  "GroupStandbyInstances", "GroupTerminatingInstances", "GroupTotalInstances", "GroupInServiceCapacity",
  "GroupPendingCapacity", "GroupStandbyCapacity", "GroupTerminatingCapacity", "GroupTotalCapacity",
  "GroupAndWarmPoolDesiredCapacity", "GroupAndWarmPoolTotalCapacity", "WarmPoolDesiredCapacity",
  "WarmPoolMinSize", "WarmPoolPendingCapacity", "WarmPoolTerminatingCapacity", "WarmPoolTotalCapacity",
  "WarmPoolWarmedCapacity",
}

-- -- hooks --------------------------------------------------------------------------------------------------

local function find_hook(group, name)
  for i, hook in ipairs(group._hooks) do
    if hook.LifecycleHookName == name then return hook, i end
  end
end

--- Gives a group a hook, or changes it.
--- @param group table
--- @param params table as PutLifecycleHook takes them
function M.put(group, params)
  local hook = find_hook(group, params.LifecycleHookName)
  if not hook then
    hook = {
      LifecycleHookName = params.LifecycleHookName, AutoScalingGroupName = group.AutoScalingGroupName,
      HeartbeatTimeout = 3600, DefaultResult = "ABANDON",
    }
    table.insert(group._hooks, hook)
  end
  for _, name in ipairs { "LifecycleTransition", "NotificationTargetARN", "RoleARN", "NotificationMetadata",
    "HeartbeatTimeout", "DefaultResult" } do
    if params[name] ~= nil then hook[name] = params[name] end
  end
  if not hook.LifecycleTransition then
    support.refuse("Lifecycle Transition is required for a new lifecycle hook")
  elseif not util.contains(TRANSITIONS, hook.LifecycleTransition) then
    support.refuse("Lifecycle transition %s is not valid", hook.LifecycleTransition)
  end
  hook.GlobalTimeout = math.min(hook.HeartbeatTimeout * 100, 172800)
end

function operations.PutLifecycleHook(call, params)
  M.put(support.need(call, params.AutoScalingGroupName), params)
  return {}
end

function operations.DescribeLifecycleHooks(call, params)
  local list = json.array {}
  for _, hook in ipairs(support.need(call, params.AutoScalingGroupName)._hooks) do
    if not params.LifecycleHookNames or util.contains(params.LifecycleHookNames, hook.LifecycleHookName) then
      list[#list + 1] = hook
    end
  end
  return { LifecycleHooks = list }
end

function operations.DeleteLifecycleHook(call, params)
  local group = support.need(call, params.AutoScalingGroupName)
  local _, place = find_hook(group, params.LifecycleHookName)
  if not place then support.refuse("No Lifecycle Hook found: %s", params.LifecycleHookName) end
  table.remove(group._hooks, place)
  return {}
end

local function waiting(call, params)
  local group = support.need(call, params.AutoScalingGroupName)
  local member, of = support.member(call, params.InstanceId)
  if of ~= group or member._hold ~= params.LifecycleHookName then
    support.refuse("No active Lifecycle Action found with instance ID %s", tostring(params.InstanceId))
  end
  return group, member
end

function operations.CompleteLifecycleAction(call, params)
  local group, member = waiting(call, params)
  require("eksrun.sandbox.autoscaling.scale").release(call, group, member, params.LifecycleActionResult)
  return {}
end

function operations.RecordLifecycleActionHeartbeat(call, params)
  local group, member = waiting(call, params)
  local hook = find_hook(group, params.LifecycleHookName)
  if hook then require("eksrun.sandbox.autoscaling.scale").hold(call, member, hook) end
  return {}
end

function operations.DescribeLifecycleHookTypes() return { LifecycleHookTypes = json.array(TRANSITIONS) } end

-- -- processes ----------------------------------------------------------------------------------------------

-- The processes that a request names, or all.
local function processes(params)
  local named = params.ScalingProcesses or {}
  for _, name in ipairs(named) do
    if not util.contains(PROCESSES, name) then support.refuse("%s is not a valid process type", name) end
  end
  return named[1] and named or PROCESSES
end

function operations.SuspendProcesses(call, params)
  local group = support.need(call, params.AutoScalingGroupName)
  local reason = "User suspended at " .. require("eksrun.clock").format_iso8601(call:time())
  for _, name in ipairs(processes(params)) do
    if not support.suspended(group, name) then
      table.insert(group.SuspendedProcesses, { ProcessName = name, SuspensionReason = reason })
    end
  end
end

function operations.ResumeProcesses(call, params)
  local group = support.need(call, params.AutoScalingGroupName)
  for _, name in ipairs(processes(params)) do
    for i, process in ipairs(group.SuspendedProcesses) do
      if process.ProcessName == name then table.remove(group.SuspendedProcesses, i) break end
    end
  end
  require("eksrun.sandbox.autoscaling.scale").scale(call, group)
end

function operations.DescribeScalingProcessTypes()
  local list = json.array {}
  for i, name in ipairs(PROCESSES) do list[i] = { ProcessName = name } end
  return { Processes = list }
end

function operations.DescribeTerminationPolicyTypes()
  return {
    TerminationPolicyTypes = json.array {
      "AllocationStrategy", "ClosestToNextInstanceHour", "Default", "NewestInstance", "OldestInstance",
      "OldestLaunchConfiguration", "OldestLaunchTemplate",
    },
  }
end

-- -- metrics ------------------------------------------------------------------------------------------------

function operations.EnableMetricsCollection(call, params)
  local group = support.need(call, params.AutoScalingGroupName)
  local enabled = {}
  for _, metric in ipairs(group.EnabledMetrics) do enabled[metric.Metric] = true end
  for _, name in ipairs(params.Metrics or {}) do
    if not util.contains(METRICS, name) then support.refuse("%s is not a valid metric type", name) end
  end
  for _, name in ipairs(params.Metrics or METRICS) do
    if not enabled[name] then
      table.insert(group.EnabledMetrics, { Metric = name, Granularity = params.Granularity })
    end
  end
end

function operations.DisableMetricsCollection(call, params)
  local group, left = support.need(call, params.AutoScalingGroupName), json.array {}
  for _, metric in ipairs(group.EnabledMetrics) do
    if params.Metrics and not util.contains(params.Metrics, metric.Metric) then left[#left + 1] = metric end
  end
  group.EnabledMetrics = left
end

function operations.DescribeMetricCollectionTypes()
  local list = json.array {}
  for i, name in ipairs(METRICS) do list[i] = { Metric = name } end
  return { Metrics = list, Granularities = { { Granularity = "1Minute" } } }
end

-- -- policies: kept and shown, nothing measures -------------------------------------------------------------

function operations.PutScalingPolicy(call, params)
  local group = support.need(call, params.AutoScalingGroupName)
  local present = call:find("autoscaling.policy", function(p)
    return p.AutoScalingGroupName == group.AutoScalingGroupName and p.PolicyName == params.PolicyName
  end)
  local arn = present and present.PolicyARN or call:arn("autoscaling",
    ("scalingPolicy:%s:autoScalingGroupName/%s:policyName/%s"):format(call:uuid "policy",
      group.AutoScalingGroupName, params.PolicyName))
  local policy = { PolicyARN = arn, Alarms = json.array {}, _order = present and present._order }
  for name, value in pairs(params) do policy[name] = value end
  policy.PolicyType, policy.Enabled = params.PolicyType or "SimpleScaling", params.Enabled ~= false
  call:put("autoscaling.policy", arn, policy)
  return { PolicyARN = arn, Alarms = policy.Alarms }
end

function operations.DescribePolicies(call, params)
  return {
    ScalingPolicies = json.array(call:all("autoscaling.policy", function(policy)
      return (not params.AutoScalingGroupName or policy.AutoScalingGroupName == params.AutoScalingGroupName)
        and (not params.PolicyNames or util.contains(params.PolicyNames, policy.PolicyName)
          or util.contains(params.PolicyNames, policy.PolicyARN))
        and (not params.PolicyTypes or util.contains(params.PolicyTypes, policy.PolicyType))
    end)),
  }
end

function operations.DeletePolicy(call, params)
  local policy = call:find("autoscaling.policy", function(p)
    return p.PolicyARN == params.PolicyName
      or p.PolicyName == params.PolicyName and p.AutoScalingGroupName == params.AutoScalingGroupName
  end)
  if not policy then fault.raise("ValidationError", "PolicyName not found: %s", params.PolicyName) end
  call:remove("autoscaling.policy", policy.PolicyARN)
end

function operations.DescribeScheduledActions() return { ScheduledUpdateGroupActions = json.array {} } end

function operations.DescribeWarmPool(call, params)
  support.need(call, params.AutoScalingGroupName)
  return { Instances = json.array {} }
end

function operations.DescribeNotificationConfigurations()
  return { NotificationConfigurations = json.array {} }
end

return M
