--- ELB: what listeners and rules do with requests.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.elbv2.support"
local util = require "eksrun.util"

local M = {}

local HTTP = { HTTP = true, HTTPS = true }
local LAST = { forward = true, redirect = true, ["fixed-response"] = true }

local function check_group(call, balancer, arn)
  local group = support.need(call, "elbv2.target_group", arn)
  local of_http = HTTP[group.Protocol] or group.TargetType == "lambda"
  if (balancer.Type == "application") ~= (of_http or false) then
    fault.raise("InvalidConfigurationRequest",
      "The target group '%s' with the protocol '%s' cannot be used by a "
      .. "load balancer of the type '%s'", arn, tostring(group.Protocol), balancer.Type)
  end
  if group.VpcId and group.VpcId ~= balancer.VpcId then
    fault.raise("InvalidConfigurationRequest", "The target group '%s' is not in the VPC of the load balancer",
      arn)
  end
end

-- The groups that a forward action names, and the action with both ways to name them.
local function forward(call, balancer, action, targets)
  local config = action.ForwardConfig
  local groups = config and config.TargetGroups or { { TargetGroupArn = action.TargetGroupArn } }
  if not groups[1] or not groups[1].TargetGroupArn then
    support.refuse "A target group ARN must be specified"
  end
  local full = json.array {}
  for i, group in ipairs(groups) do
    check_group(call, balancer, group.TargetGroupArn)
    targets[group.TargetGroupArn] = true
    full[i] = { TargetGroupArn = group.TargetGroupArn, Weight = group.Weight or 1 }
  end
  if #full == 1 then action.TargetGroupArn = full[1].TargetGroupArn end
  action.ForwardConfig = {
    TargetGroups = full,
    TargetGroupStickinessConfig = balancer.Type == "application"
      and (config and config.TargetGroupStickinessConfig or { Enabled = false }) or nil,
  }
end

--- The actions of a request with what AWS adds, and the target groups that they send to.
--- @param call eksrun.sandbox.Call
--- @param balancer table
--- @param actions table[]
--- @return table[] actions
--- @return table<string, boolean> targets
function M.complete(call, balancer, actions)
  local list, targets = json.array {}, {}
  for i, given in ipairs(actions) do
    local action = util.copy(given)
    if action.Type == "forward" then forward(call, balancer, action, targets) end
    if action.Type == "redirect" then
      action.RedirectConfig = util.overlay(
        { Protocol = "#{protocol}", Host = "#{host}", Port = "#{port}", Path = "/#{path}",
          Query = "#{query}" },
        action.RedirectConfig or {})
    end
    if #actions > 1 then action.Order = action.Order or i end
    list[i] = action
  end
  local last = list[#list]
  if not last or not LAST[last.Type] then
    fault.raise("InvalidLoadBalancerAction", "The last action must be forward, redirect or fixed-response")
  end
  return list, targets
end

return M
