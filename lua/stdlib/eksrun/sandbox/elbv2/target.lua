--- ELB: targets of target groups, and how they are as time passes.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.elbv2.support"

local M = { operations = {} }
local operations = M.operations

--- A target group, which has to be there; as Auto Scaling says it.
--- @param call eksrun.sandbox.Call
--- @param arn string
--- @return table
function M.need_group(call, arn)
  return call:get("elbv2.target_group", arn)
    or fault.raise("ValidationError",
      "Provided Target Groups may not be valid. Please ensure they exist and try "
      .. "again.")
end

local function key_of(target) return ("%s:%s"):format(target.Id, target.Port or "") end

-- Whether anything sends to a group.
local function is_used(call, arn)
  return call:find("elbv2.listener", function(l) return l._targets[arn] end)
    or call:find("elbv2.rule", function(r) return r._targets[arn] end)
end
M.is_used = is_used

local function add(call, group, target)
  group._members[key_of(target)] = {
    Id = target.Id, Port = target.Port, AvailabilityZone = target.AvailabilityZone, since = call.now,
    serial = call.world:serial(),
  }
end

local function drain(call, group, key)
  local member = group._members[key]
  if member and not member.drained then
    member.drained = call.now + tonumber(group._attributes["deregistration_delay.timeout_seconds"] or 300)
  end
end

--- Registers an instance with target groups, as Auto Scaling does.
--- @param call eksrun.sandbox.Call
--- @param arns string[]
--- @param instance table
function M.join(call, arns, instance)
  for _, arn in ipairs(arns) do
    local group = call:get("elbv2.target_group", arn)
    if group and group.TargetType == "instance" then
      add(call, group, { Id = instance.InstanceId, Port = group.Port })
    end
  end
end

--- Takes an instance out of target groups.
--- @param call eksrun.sandbox.Call
--- @param arns string[]
--- @param id string
function M.leave(call, arns, id)
  for _, arn in ipairs(arns) do
    local group = call:get("elbv2.target_group", arn)
    for key, member in pairs(group and group._members or {}) do
      if member.Id == id then drain(call, group, key) end
    end
  end
end

local function check_target(call, group, target)
  local id = target.Id
  if group.TargetType == "ip" then
    if not id:find "^%d+%.%d+%.%d+%.%d+$" and not id:find "^[%x:]+$" then
      fault.raise("ValidationError", "The IP address '%s' is not a valid IPv4 or IPv6 address", id)
    end
  elseif group.TargetType == "instance" then
    local instance = call:get("ec2.instance", id)
    if not instance then
      fault.raise("InvalidTarget", "The following targets are not valid instances: '%s'", id)
    end
    if instance.State.Name ~= "running" and instance.State.Name ~= "pending" then
      fault.raise("InvalidTarget",
        "The following targets are not in a running state and cannot be registered: "
        .. "'%s'", id)
    end
    if instance.VpcId ~= group.VpcId then
      fault.raise("InvalidTarget", "The following targets are not in the target group VPC '%s': '%s'",
        group.VpcId, id)
    end
  end
end

-- The target with the port of its group where it has none.
local function complete(group, target)
  return { Id = target.Id, Port = target.Port or group.Port, AvailabilityZone = target.AvailabilityZone }
end

function operations.RegisterTargets(call, params)
  local group = support.need(call, "elbv2.target_group", params.TargetGroupArn)
  for _, target in ipairs(params.Targets) do check_target(call, group, target) end
  for _, target in ipairs(params.Targets) do
    local full = complete(group, target)
    local present = group._members[key_of(full)]
    if not present or present.drained then add(call, group, full) end
  end
  return {}
end

function operations.DeregisterTargets(call, params)
  local group = support.need(call, "elbv2.target_group", params.TargetGroupArn)
  for _, target in ipairs(params.Targets) do
    for key, member in pairs(group._members) do
      if member.Id == target.Id and (not target.Port or target.Port == member.Port) then
        drain(call, group, key)
      end
    end
  end
  return {}
end

-- When a target's checks began: not before its instance runs.
local function checked_since(call, group, member)
  if group.TargetType ~= "instance" then return member.since end
  local instance = call:get("ec2.instance", member.Id)
  return instance and instance._running and math.max(instance._running, member.since)
end

-- State, reason and description of a target.
local function health(call, group, member)
  if member.drained then
    return "draining", "Target.DeregistrationInProgress", "Target deregistration is in progress"
  end
  if not is_used(call, group.TargetGroupArn) then
    return "unused", "Target.NotInUse",
      "Target group is not configured to receive traffic from the load balancer"
  end
  local instance = group.TargetType == "instance" and call:get("ec2.instance", member.Id)
  if group.TargetType == "instance"
    and (not instance or instance.State.Name ~= "running" and instance.State.Name ~= "pending") then
    return "unused", "Target.InvalidState", "Target is in the stopped state"
  end
  local since = checked_since(call, group, member)
  local needed = group.HealthCheckIntervalSeconds * group.HealthyThresholdCount
  if not since or call.now < since + needed then
    return "initial", "Elb.RegistrationInProgress", "Target registration is in progress"
  end
  return "healthy"
end

-- Targets that are drained are gone.
local function prune(call, group)
  for key, member in pairs(group._members) do
    if member.drained and call.now >= member.drained then group._members[key] = nil end
  end
end

local function described(call, group, member)
  local state, reason, text = health(call, group, member)
  return {
    Target = { Id = member.Id, Port = member.Port, AvailabilityZone = member.AvailabilityZone },
    HealthCheckPort = group.HealthCheckPort == "traffic-port" and tostring(member.Port or "")
      or group.HealthCheckPort,
    TargetHealth = { State = state, Reason = reason, Description = text },
  }
end

function operations.DescribeTargetHealth(call, params)
  local group = support.need(call, "elbv2.target_group", params.TargetGroupArn)
  prune(call, group)
  local members, list = {}, json.array {}
  for _, member in pairs(group._members) do members[#members + 1] = member end
  table.sort(members, function(a, b) return a.serial < b.serial end)
  for _, member in ipairs(members) do
    if not params.Targets then list[#list + 1] = described(call, group, member) end
  end
  for _, target in ipairs(params.Targets or {}) do
    local member = group._members[key_of(complete(group, target))]
    if member then
      list[#list + 1] = described(call, group, member)
    else
      list[#list + 1] = {
        Target = { Id = target.Id, Port = target.Port or group.Port },
        TargetHealth = { State = "unused", Reason = "Target.NotRegistered",
          Description = "Target is not registered to the target group" },
      }
    end
  end
  return { TargetHealthDescriptions = list }
end

return M
