--- ELB: what is set on classic load balancers: instances and their health, attributes, tags.
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.elb.support"
local tags = require "eksrun.sandbox.tags"
local util = require "eksrun.util"
local v2 = require "eksrun.sandbox.elbv2.support"

local M = { operations = {} }
local operations = M.operations

-- -- instances ----------------------------------------------------------------------------------------------

local function need_instance(call, id)
  local instance = call:get("ec2.instance", id)
  if not instance then fault.raise("InvalidInstance", "Could not find EC2 instance %s.", id) end
  return instance
end

local function shown(balancer)
  local list = json.array {}
  for i, member in ipairs(balancer.Instances) do list[i] = { InstanceId = member.InstanceId } end
  return { Instances = list }
end

local function member_of(balancer, id)
  for i, member in ipairs(balancer.Instances) do
    if member.InstanceId == id then return member, i end
  end
end

function operations.RegisterInstancesWithLoadBalancer(call, params)
  local balancer = support.need(call, params.LoadBalancerName)
  for _, given in ipairs(params.Instances) do
    if need_instance(call, given.InstanceId).VpcId ~= balancer.VPCId then
      fault.raise("InvalidInstance", "EC2 instance %s is not in the same VPC as ELB.", given.InstanceId)
    end
  end
  for _, given in ipairs(params.Instances) do
    if not member_of(balancer, given.InstanceId) then
      table.insert(balancer.Instances, { InstanceId = given.InstanceId, _since = call.now })
    end
  end
  return shown(balancer)
end

function operations.DeregisterInstancesFromLoadBalancer(call, params)
  local balancer = support.need(call, params.LoadBalancerName)
  for _, given in ipairs(params.Instances) do
    local _, place = member_of(balancer, given.InstanceId)
    if place then table.remove(balancer.Instances, place) end
  end
  return shown(balancer)
end

-- State, reason and description of a member.
local function health(call, balancer, member)
  local instance, check = call:get("ec2.instance", member.InstanceId), balancer.HealthCheck
  if not instance or instance.State.Name ~= "running" then
    return "OutOfService", "Instance", "Instance is in stopped state."
  end
  local since = math.max(member._since, instance._running or 0)
  if call.now < since + check.Interval * check.HealthyThreshold then
    return "OutOfService", "ELB", "Instance registration is still in progress."
  end
  return "InService", "N/A", "N/A"
end

function operations.DescribeInstanceHealth(call, params)
  local balancer, list = support.need(call, params.LoadBalancerName), json.array {}
  local asked = params.Instances and params.Instances[1] and params.Instances or balancer.Instances
  for i, given in ipairs(asked) do
    local member = member_of(balancer, given.InstanceId)
    if not member then need_instance(call, given.InstanceId) end
    local state, reason, text = "Unknown", "ELB",
      "Instance is not currently registered with the LoadBalancer."
    if member then state, reason, text = health(call, balancer, member) end
    list[i] = { InstanceId = given.InstanceId, State = state, ReasonCode = reason, Description = text }
  end
  return { InstanceStates = list }
end

function operations.ConfigureHealthCheck(call, params)
  local balancer, check = support.need(call, params.LoadBalancerName), params.HealthCheck
  if not check.Target:find "^%u+:%d+" then
    fault.raise("ValidationError", "HealthCheck target '%s' is not PROTOCOL:PORT", check.Target)
  elseif check.Timeout >= check.Interval then
    fault.raise("ValidationError", "HealthCheck timeout must be less than interval")
  end
  balancer.HealthCheck = check
  return { HealthCheck = check }
end

-- -- attributes ---------------------------------------------------------------------------------------------

local DEFAULTS = {
  CrossZoneLoadBalancing = { Enabled = false }, AccessLog = { Enabled = false },
  ConnectionDraining = { Enabled = false, Timeout = 300 }, ConnectionSettings = { IdleTimeout = 60 },
  AdditionalAttributes = json.array { { Key = "elb.http.desyncmitigationmode", Value = "defensive" } },
}

function operations.DescribeLoadBalancerAttributes(call, params)
  local balancer = support.need(call, params.LoadBalancerName)
  return { LoadBalancerAttributes = util.overlay(DEFAULTS, balancer._attributes or {}) }
end

function operations.ModifyLoadBalancerAttributes(call, params)
  local balancer, set = support.need(call, params.LoadBalancerName), params.LoadBalancerAttributes
  balancer._attributes = util.overlay(balancer._attributes or {}, set)
  return { LoadBalancerName = params.LoadBalancerName, LoadBalancerAttributes = set }
end

function operations.DescribeAccountLimits()
  return {
    Limits = json.array {
      { Name = "classic-load-balancers", Max = "20" }, { Name = "classic-listeners", Max = "100" },
      { Name = "classic-registered-instances", Max = "1000" },
    },
  }
end

-- Nobody makes policies here.
function operations.DescribeLoadBalancerPolicies(call, params)
  if params.LoadBalancerName then support.need(call, params.LoadBalancerName) end
  return { PolicyDescriptions = json.array {} }
end

-- -- tags ---------------------------------------------------------------------------------------------------

function operations.AddTags(call, params)
  for _, name in ipairs(params.LoadBalancerNames) do
    local balancer = support.need(call, name)
    balancer._tags = v2.tags(params.Tags, balancer._tags)
  end
  return {}
end

function operations.RemoveTags(call, params)
  for _, name in ipairs(params.LoadBalancerNames) do
    local balancer = support.need(call, name)
    for _, tag in ipairs(params.Tags) do balancer._tags[tag.Key] = nil end
  end
  return {}
end

function operations.DescribeTags(call, params)
  local list = json.array {}
  for i, name in ipairs(params.LoadBalancerNames) do
    list[i] = {
      LoadBalancerName = name, Tags = json.array(calls.tag_list(support.need(call, name)._tags)),
    }
  end
  return { TagDescriptions = list }
end

M.all_tags = tags.of_all("elb.load_balancer", "_arn")

return M
