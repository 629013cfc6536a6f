--- Auto Scaling: the target groups of a group, under their own name and as traffic sources.
local json = require "eksrun.json"
local support = require "eksrun.sandbox.autoscaling.support"
local targets = require "eksrun.sandbox.elbv2.target"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations
local need, refuse = support.need, support.refuse

local function change_targets(call, params, arns, add)
  local group = need(call, params.AutoScalingGroupName)
  local set, list = {}, json.array {}
  for _, arn in ipairs(group.TargetGroupARNs) do set[arn] = true end
  for _, arn in ipairs(arns) do
    if add then
      targets.need_group(call, arn)
    elseif not set[arn] then
      refuse("Trying to remove Target Groups that are not part of the group")
    end
  end
  for _, arn in ipairs(arns) do
    for _, member in ipairs(group._instances) do
      local instance = call:get("ec2.instance", member.InstanceId)
      if add and instance and not set[arn] then
        targets.join(call, { arn }, instance)
      elseif not add then
        targets.leave(call, { arn }, member.InstanceId)
      end
    end
    set[arn] = add or nil
  end
  for arn in util.sorted_pairs(set) do list[#list + 1] = arn end
  group.TargetGroupARNs = list
  return {}
end

function operations.AttachLoadBalancerTargetGroups(call, params)
  return change_targets(call, params, params.TargetGroupARNs, true)
end

function operations.DetachLoadBalancerTargetGroups(call, params)
  return change_targets(call, params, params.TargetGroupARNs, false)
end

function operations.DescribeLoadBalancerTargetGroups(call, params)
  local list = json.array {}
  for i, arn in ipairs(need(call, params.AutoScalingGroupName).TargetGroupARNs) do
    list[i] = { LoadBalancerTargetGroupARN = arn, State = "InService" }
  end
  return { LoadBalancerTargetGroups = list }
end

local function identifiers(params)
  local arns = {}
  for i, source in ipairs(params.TrafficSources) do arns[i] = source.Identifier end
  return arns
end

function operations.AttachTrafficSources(call, params)
  return change_targets(call, params, identifiers(params), true)
end

function operations.DetachTrafficSources(call, params)
  return change_targets(call, params, identifiers(params), false)
end

function operations.DescribeTrafficSources(call, params)
  local list = json.array {}
  for i, arn in ipairs(need(call, params.AutoScalingGroupName).TargetGroupARNs) do
    list[i] = { TrafficSource = arn, Identifier = arn, Type = "elbv2", State = "InService" }
  end
  return { TrafficSources = list }
end

return M
