--- ELB: rules of listeners.
local actions = require "eksrun.sandbox.elbv2.action"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.elbv2.support"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local RULES_MAX = 100

-- By a condition's field: the member that says the same as its Values.
local CONFIGS = { ["host-header"] = "HostHeaderConfig", ["path-pattern"] = "PathPatternConfig" }

local function complete(conditions)
  local list = json.array {}
  for i, given in ipairs(conditions or {}) do
    local condition = util.copy(given)
    local member = CONFIGS[condition.Field]
    local config = member and condition[member]
    if member and not config and condition.Values then condition[member] = { Values = condition.Values } end
    if config then condition.Values = config.Values end
    list[i] = condition
  end
  return list
end

-- The rule that stands behind all others of a listener: what it does by default.
local function default_of(listener)
  return {
    RuleArn = listener.ListenerArn:gsub(":listener/", ":listener-rule/")
      .. "/" .. listener.ListenerArn:match "[^/]+$":reverse(),
    Priority = "default", Conditions = json.array {}, Actions = listener.DefaultActions, IsDefault = true,
  }
end

--- Takes the rules of a listener away.
--- @param call eksrun.sandbox.Call
--- @param listener string ARN
function M.remove_of(call, listener)
  for _, rule in ipairs(call:all("elbv2.rule", function(r) return r._listener == listener end)) do
    call:remove("elbv2.rule", rule.RuleArn)
  end
end

local function check_priority(call, listener, priority, but)
  if priority < 1 or priority > 50000 then
    support.refuse("Priority '%d' must be between '1' and '50000'", priority)
  end
  if call:find("elbv2.rule", function(r)
    return r._listener == listener and r.Priority == tostring(priority) and not (but or {})[r.RuleArn]
  end) then
    fault.raise("PriorityInUse", "Priority '%d' is currently in use", priority)
  end
end

function operations.CreateRule(call, params)
  local listener = support.need(call, "elbv2.listener", params.ListenerArn)
  local balancer = support.need(call, "elbv2.load_balancer", listener.LoadBalancerArn)
  if balancer.Type ~= "application" then
    fault.raise("UnsupportedProtocol", "Rules are not supported for listeners of network load balancers")
  end
  check_priority(call, listener.ListenerArn, params.Priority)
  if #call:all("elbv2.rule", function(r) return r._balancer == balancer.LoadBalancerArn end) >= RULES_MAX then
    fault.raise("TooManyRules", "The maximum number of rules has been reached")
  end
  if not params.Conditions[1] then support.refuse "A condition must be specified" end
  local list, targets = actions.complete(call, balancer, params.Actions)
  local arn = ("%s/%s"):format((listener.ListenerArn:gsub(":listener/", ":listener-rule/")),
    support.token(call, "rule"))
  local rule = call:put("elbv2.rule", arn, {
    RuleArn = arn, Priority = tostring(params.Priority), Conditions = complete(params.Conditions),
    Actions = list,
    IsDefault = false, Transforms = params.Transforms, _listener = listener.ListenerArn,
    _balancer = balancer.LoadBalancerArn, _targets = targets, _tags = support.tags(params.Tags),
  })
  return { Rules = { rule } }
end

local function by_priority(a, b) return tonumber(a.Priority) < tonumber(b.Priority) end

function operations.DescribeRules(call, params)
  if params.RuleArns and params.RuleArns[1] then
    return { Rules = json.array(support.select(call, "elbv2.rule", params.RuleArns)) }
  end
  if not params.ListenerArn then support.refuse "You must specify either listener ARNs or rule ARNs" end
  local listener = support.need(call, "elbv2.listener", params.ListenerArn)
  local list = json.array(call:all("elbv2.rule", function(r) return r._listener == listener.ListenerArn end))
  table.sort(list, by_priority)
  list[#list + 1] = default_of(listener)
  return { Rules = list }
end

function operations.ModifyRule(call, params)
  local rule = support.need(call, "elbv2.rule", params.RuleArn)
  if params.Conditions then rule.Conditions = complete(params.Conditions) end
  if params.Actions then
    rule.Actions, rule._targets = actions.complete(call, support.need(call, "elbv2.load_balancer",
      rule._balancer),
      params.Actions)
  end
  if params.Transforms or params.ResetTransforms then rule.Transforms = params.Transforms end
  return { Rules = { rule } }
end

local function is_default(call, arn)
  return call:find("elbv2.listener", function(l) return default_of(l).RuleArn == arn end)
end

function operations.DeleteRule(call, params)
  if is_default(call, params.RuleArn) then
    fault.raise("OperationNotPermitted", "Default rule '%s' cannot be deleted", params.RuleArn)
  end
  support.need(call, "elbv2.rule", params.RuleArn)
  call:remove("elbv2.rule", params.RuleArn)
  return {}
end

function operations.SetRulePriorities(call, params)
  local changed, list = {}, json.array {}
  for _, pair in ipairs(params.RulePriorities) do
    if is_default(call, pair.RuleArn) then
      fault.raise("OperationNotPermitted", "The priority of the default rule cannot be changed")
    end
    changed[support.need(call, "elbv2.rule", pair.RuleArn).RuleArn] = true
  end
  for _, pair in ipairs(params.RulePriorities) do
    check_priority(call, call:get("elbv2.rule", pair.RuleArn)._listener, pair.Priority, changed)
  end
  for i, pair in ipairs(params.RulePriorities) do
    list[i] = call:get("elbv2.rule", pair.RuleArn)
    list[i].Priority = tostring(pair.Priority)
  end
  return { Rules = list }
end

return M
