--- Auto Scaling: keeping a group at its number: starting instances, ending them, replacing those that are
--- lost.
local calls = require "eksrun.sandbox.call"
local capacity = require "eksrun.sandbox.ec2.capacity"
local fault = require "eksrun.sandbox.fault"
local instances = require "eksrun.sandbox.ec2.instance"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.autoscaling.support"
local targets = require "eksrun.sandbox.elbv2.target"
local types = require "eksrun.sandbox.ec2.instance_type"

local M = { events = {} }

-- Seconds until a group tries again to start what could not be started, at first and at last.
local AGAIN, AGAIN_MAX = 60, 3600

-- -- starting -----------------------------------------------------------------------------------------------

-- The subnets of a group, those of the zones with the fewest members first.
local function subnets_by_need(call, group)
  local count, list = {}, {}
  for _, member in ipairs(group._instances) do
    count[member.AvailabilityZone] = (count[member.AvailabilityZone] or 0) + 1
  end
  for i, id in ipairs(support.subnets(group)) do
    local subnet = call:get("ec2.subnet", id)
    if subnet then list[#list + 1] = { subnet = subnet, place = i } end
  end
  table.sort(list, function(a, b)
    local x, y = count[a.subnet.AvailabilityZone] or 0, count[b.subnet.AvailabilityZone] or 0
    if x ~= y then return x < y end
    return a.place < b.place
  end)
  return list
end

-- Whether the next instance is a spot one, by the group's distribution.
local function is_spot(group, data)
  local mixed = group.MixedInstancesPolicy
  if not mixed then return (data.InstanceMarketOptions or {}).MarketType == "spot" end
  local wanted = mixed.InstancesDistribution or {}
  local base, percentage = wanted.OnDemandBaseCapacity or 0, wanted.OnDemandPercentageAboveBaseCapacity or 100
  local above = #group._instances - base
  if above < 0 then return false end
  return (above + 1) * percentage // 100 == above * percentage // 100
end

local function tags_of(group, version)
  local tags = { ["aws:autoscaling:groupName"] = group.AutoScalingGroupName }
  for _, specification in ipairs(version and version.LaunchTemplateData.TagSpecifications or {}) do
    if specification.ResourceType == "instance" then
      for key, value in pairs(calls.tag_map(specification.Tags)) do tags[key] = value end
    end
  end
  if version then
    tags["aws:ec2launchtemplate:id"] = version.LaunchTemplateId
    tags["aws:ec2launchtemplate:version"] = tostring(version.VersionNumber)
  end
  for key, tag in pairs(group._tags) do
    if tag.propagate then tags[key] = tag.value end
  end
  return json.array(calls.tag_list(tags))
end

-- What a group starts its instances with. A managed node group says it itself.
local function recipe(call, group)
  if group._launch then
    local choices = {}
    for i, name in ipairs(group._launch.types) do choices[i] = { type = name, weight = 1 } end
    return { data = group._launch.data, choices = choices }
  end
  local template, version, specification = support.template_of(call, group)
  local data = version.LaunchTemplateData
  return {
    data = data, version = version, choices = support.choices(group, data),
    template = {
      LaunchTemplateId = template.LaunchTemplateId, LaunchTemplateName = template.LaunchTemplateName,
      Version = specification.Version or "$Default", _number = version.VersionNumber,
    },
  }
end

-- Starts one instance where there is room for it; raises the first refusal if there is none.
local function start(call, group, made_of)
  local spot, refused = is_spot(group, made_of.data), nil
  for _, choice in ipairs(made_of.choices) do
    for _, place in ipairs(subnets_by_need(call, group)) do
      local ok, instance = pcall(function()
        capacity.check(call, choice.type, place.subnet, 1, spot)
        return instances.start(call, {
          subnet = place.subnet.SubnetId, type = choice.type, image = made_of.data.ImageId, spot = spot,
          groups = made_of.data.SecurityGroupIds, tags = tags_of(group, made_of.version),
          of = group.AutoScalingGroupName, data = made_of.data,
        })
      end)
      if ok then return instance, choice end
      if not fault.is(instance) then error(instance, 0) end
      refused = refused or instance
    end
  end
  if not refused then support.refuse "The group has no subnet, or no type of instances" end
  error(refused, 0)
end

local function launching_hook(group)
  for _, hook in ipairs(group._hooks) do
    if hook.LifecycleTransition == "autoscaling:EC2_INSTANCE_LAUNCHING" then return hook end
  end
end

--- Has a member wait for a hook, so long from now on; what it waited for before is over.
--- @param call eksrun.sandbox.Call
--- @param member table
--- @param hook table
--- @param seconds? number until the wait begins
function M.hold(call, member, hook, seconds)
  member._hold, member._beat = hook.LifecycleHookName, (member._beat or 0) + 1
  local most = member._launched + hook.GlobalTimeout - call:time()
  call:after((seconds or 0) + math.min(hook.HeartbeatTimeout, most), "autoscaling.hook.ended",
    { id = member.InstanceId, result = hook.DefaultResult, beat = member._beat })
end

local function join(call, group, instance, choice, made_of)
  local hook = launching_hook(group)
  local seconds = call:duration("ec2.instance.start", instance.InstanceId)
  table.insert(group._instances, {
    InstanceId = instance.InstanceId, InstanceType = instance.InstanceType, HealthStatus = "Healthy",
    ProtectedFromScaleIn = group.NewInstancesProtectedFromScaleIn,
    AvailabilityZone = instance.Placement.AvailabilityZone, LaunchTemplate = made_of.template,
    WeightedCapacity = choice.weight ~= 1 and tostring(choice.weight) or nil,
    _launched = call:time(),
  })
  if hook then
    M.hold(call, support.member(call, instance.InstanceId), hook, seconds)
  else
    targets.join(call, group.TargetGroupARNs, instance)
  end
  support.activity(call, group, {
    Description = "Launching a new EC2 instance: " .. instance.InstanceId,
    Cause = ("an instance was started in response to a difference between desired and actual capacity, "
      .. "increasing the capacity from %d to %d."):format(#group._instances - 1, #group._instances),
    Details = { ["Subnet ID"] = instance.SubnetId,
      ["Availability Zone"] = instance.Placement.AvailabilityZone },
  }, seconds)
end

-- Tries again after a while, longer each time.
local function try_later(call, group, err)
  support.activity(call, group, {
    Description = "Launching a new EC2 instance.  Status Reason: " .. err.message, StatusCode = "Failed",
    StatusMessage = ("%s Launching EC2 instance failed."):format(err.message),
    Cause = "an instance was started in response to a difference between desired and actual capacity.",
  })
  if group._again then return end
  group._wait = math.min((group._wait or AGAIN // 2) * 2, AGAIN_MAX)
  group._again = true
  call:after(group._wait, "autoscaling.again", { group = group.AutoScalingGroupName })
end

M.events["autoscaling.again"] = function(call, arguments)
  local group = call:get("autoscaling.group", arguments.group)
  if not group then return end
  group._again = nil
  M.scale(call, group)
end

local function grow(call, group)
  if support.suspended(group, "Launch") then return end
  while support.capacity(group) < group.DesiredCapacity do
    local made_of = recipe(call, group)
    local ok, instance, choice = pcall(start, call, group, made_of)
    if not ok then
      if not fault.is(instance) then error(instance, 0) end
      return try_later(call, group, instance)
    end
    group._wait = nil
    join(call, group, instance, choice, made_of)
  end
end

-- -- ending -------------------------------------------------------------------------------------------------

--- Ends a member of a group.
--- @param call eksrun.sandbox.Call
--- @param group table
--- @param place integer of the member
--- @param why string
--- @return table activity
function M.drop(call, group, place, why)
  local member = table.remove(group._instances, place)
  local instance = call:get("ec2.instance", member.InstanceId)
  targets.leave(call, group.TargetGroupARNs, member.InstanceId)
  if instance then instances.stop(call, instance) end
  return support.activity(call, group, {
    Description = "Terminating EC2 instance: " .. member.InstanceId, Cause = why,
    Details = { ["Availability Zone"] = member.AvailabilityZone },
  }, call:duration("ec2.instance.stop", member.InstanceId))
end

-- The member to end first: of the zone with most of them, as the group's policy says.
local function victim(group)
  local count, most = {}, 0
  for _, member in ipairs(group._instances) do
    if not member.ProtectedFromScaleIn and not member._standby then
      count[member.AvailabilityZone] = (count[member.AvailabilityZone] or 0) + 1
      most = math.max(most, count[member.AvailabilityZone])
    end
  end
  local policy, best = group.TerminationPolicies[1], nil
  for i, member in ipairs(group._instances) do
    if count[member.AvailabilityZone] == most and not member.ProtectedFromScaleIn and not member._standby then
      local last = policy == "NewestInstance" or policy == "Default" and group._launch
      if not best or last then best = i end
    end
  end
  return best
end

local function shrink(call, group)
  if support.suspended(group, "Terminate") then return end
  while support.capacity(group) > group.DesiredCapacity do
    local place = victim(group)
    if not place then return end
    M.drop(call, group, place, ("an instance was taken out of service in response to a difference between "
      .. "desired and actual capacity, shrinking the capacity from %d to %d."):format(#group._instances,
        #group._instances - 1))
  end
end

--- Starts or ends instances until a group has as many as it wants.
--- @param call eksrun.sandbox.Call
--- @param group table
function M.scale(call, group)
  if group.Status then return end
  grow(call, group)
  shrink(call, group)
end

-- Somebody ended an instance: the group sees it and starts another.
M.events["autoscaling.instance.lost"] = function(call, arguments)
  local member, group, place = support.member(call, arguments.id)
  if not member or support.suspended(group, "ReplaceUnhealthy") then return end
  M.drop(call, group, place, "an instance was taken out of service in response to an EC2 health check "
    .. "indicating it has been terminated or stopped.")
  M.scale(call, group)
end

--- Ends the wait of a hook.
--- @param call eksrun.sandbox.Call
--- @param group table
--- @param member table
--- @param result string "CONTINUE" or "ABANDON"
function M.release(call, group, member, result)
  member._hold = nil
  if result == "CONTINUE" then
    local instance = call:get("ec2.instance", member.InstanceId)
    if instance then targets.join(call, group.TargetGroupARNs, instance) end
    return
  end
  local _, _, place = support.member(call, member.InstanceId)
  M.drop(call, group, place,
    "an instance was taken out of service because its lifecycle action was abandoned.")
  M.scale(call, group)
end

M.events["autoscaling.hook.ended"] = function(call, arguments)
  local member, group = support.member(call, arguments.id)
  if member and member._hold and member._beat == arguments.beat then
    M.release(call, group, member, arguments.result)
  end
end

--- Whether a type is one that there is.
--- @param name string?
function M.check_type(name)
  if name and not types.get(name) then
    support.refuse("You must use a valid fully-formed launch template. The requested configuration is "
      .. "currently not supported. Invalid instance type: '%s'", name)
  end
end

return M
