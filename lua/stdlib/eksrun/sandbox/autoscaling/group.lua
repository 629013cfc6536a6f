--- Auto Scaling: groups, what they are made of, their tags.
local calls = require "eksrun.sandbox.call"
local ec2 = require "eksrun.sandbox.ec2.support"
local fault = require "eksrun.sandbox.fault"
local instances = require "eksrun.sandbox.ec2.instance"
local json = require "eksrun.json"
local lifecycle = require "eksrun.sandbox.autoscaling.lifecycle"
local scale = require "eksrun.sandbox.autoscaling.scale"
local support = require "eksrun.sandbox.autoscaling.support"
local targets = require "eksrun.sandbox.elbv2.target"
local util = require "eksrun.util"

local M = { operations = {}, events = scale.events }
local operations = M.operations
local need, refuse = support.need, support.refuse

M.scale = scale.scale

-- What does not let instances start.
local function check_template(call, group, data)
  for _, choice in ipairs(support.choices(group, data)) do
    if not choice.type then
      refuse("You must use a valid fully-formed launch template. The request must contain the parameter "
        .. "InstanceType")
    end
    scale.check_type(choice.type)
  end
  for _, id in ipairs(data.SecurityGroupIds or {}) do
    if not call:get("ec2.security_group", id) then
      refuse("You must use a valid fully-formed launch template. The security group '%s' does not exist", id)
    end
  end
  local profile = data.IamInstanceProfile
  if not profile then return end
  local name = profile.Name or profile.Arn:match "[^/]+$"
  local found = call:get("iam.instance_profile", name)
  if not found or found._visible > call.now then
    refuse("You must use a valid fully-formed launch template. Value (%s) for parameter "
      .. "iamInstanceProfile.%s is invalid. Invalid IAM Instance Profile %s", profile.Arn or name,
      profile.Arn and "arn" or "name", profile.Arn and "ARN" or "name")
  end
end

local FIELDS = {
  "MinSize", "MaxSize", "LaunchTemplate", "MixedInstancesPolicy", "HealthCheckType", "HealthCheckGracePeriod",
  "TerminationPolicies", "CapacityRebalance", "MaxInstanceLifetime", "NewInstancesProtectedFromScaleIn",
  "DefaultInstanceWarmup", "InstanceMaintenancePolicy", "VPCZoneIdentifier", "DefaultCooldown", "Context",
  "DesiredCapacityType", "AvailabilityZoneDistribution",
}

local function check_sizes(group)
  if group.MinSize > group.MaxSize then
    refuse("Max bound, %d, must be greater than or equal to min bound, %d", group.MaxSize, group.MinSize)
  end
  local desired = group.DesiredCapacity
  if desired < group.MinSize or desired > group.MaxSize then
    refuse("Desired capacity:%d must be between the specified min size:%d and max size:%d", desired,
      group.MinSize, group.MaxSize)
  end
end

-- A group names its template by id and name, whichever was given.
local function complete(call, group)
  local template, version, specification = support.template_of(call, group)
  specification.LaunchTemplateId = template.LaunchTemplateId
  specification.LaunchTemplateName = template.LaunchTemplateName
  check_template(call, group, version.LaunchTemplateData)
  local zones, seen = json.array {}, {}
  for _, id in ipairs(support.subnets(group)) do
    local subnet = call:get("ec2.subnet", id)
    if not subnet then refuse("The subnet ID '%s' does not exist", id) end
    if not seen[subnet.AvailabilityZone] then
      seen[subnet.AvailabilityZone] = true
      zones[#zones + 1] = subnet.AvailabilityZone
    end
  end
  group.AvailabilityZones = zones
end

local function set_tags(group, tags)
  for _, tag in ipairs(tags or {}) do
    group._tags[tag.Key] = { value = tag.Value or "", propagate = tag.PropagateAtLaunch or false }
  end
end

--- Makes a group, as managed node groups do too.
--- @param call eksrun.sandbox.Call
--- @param params table as CreateAutoScalingGroup takes them
--- @param launch? { data: table, types: string[] } what instances are started with, where there is no
--- template
--- @return table
function M.make(call, params, launch)
  local name = params.AutoScalingGroupName
  local group = {
    AutoScalingGroupName = name, CreatedTime = call:time(), DefaultCooldown = 300, HealthCheckType = "EC2",
    HealthCheckGracePeriod = 0, CapacityRebalance = false,
    NewInstancesProtectedFromScaleIn = false, TerminationPolicies = { "Default" },
    AutoScalingGroupARN = call:arn("autoscaling",
      ("autoScalingGroup:%s:autoScalingGroupName/%s"):format(call:uuid "group", name)),
    ServiceLinkedRoleARN = params.ServiceLinkedRoleARN or call:arn("iam",
      "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"),
    TargetGroupARNs = json.array(params.TargetGroupARNs or {}), LoadBalancerNames = json.array {},
    SuspendedProcesses = json.array {}, EnabledMetrics = json.array {}, TrafficSources = json.array {},
    _tags = {}, _instances = {}, _hooks = json.array {}, _launch = launch,
  }
  for _, field in ipairs(FIELDS) do
    if params[field] ~= nil then group[field] = params[field] end
  end
  group.DesiredCapacity = params.DesiredCapacity or group.MinSize
  check_sizes(group)
  set_tags(group, params.Tags)
  for _, hook in ipairs(params.LifecycleHookSpecificationList or {}) do lifecycle.put(group, hook) end
  return call:put("autoscaling.group", name, group)
end

function operations.CreateAutoScalingGroup(call, params)
  local name = params.AutoScalingGroupName
  local present = call:get("autoscaling.group", name)
  if present then
    fault.raise("AlreadyExists", present.Status and "AutoScalingGroup by this name already exists - A group "
      .. "with the name %s is pending delete" or "AutoScalingGroup by this name already exists - A group "
      .. "with the name %s already exists", name)
  end
  if not params.VPCZoneIdentifier and params.AvailabilityZones then
    params.VPCZoneIdentifier = table.concat(ec2.default_subnets(call, params.AvailabilityZones,
      function(zone) refuse("No default subnet for availability zone: '%s'.", zone) end), ",")
  elseif not params.VPCZoneIdentifier then
    refuse "At least one Availability Zone or VPC Subnet is required."
  end
  if not params.LaunchTemplate and not params.MixedInstancesPolicy then
    refuse("Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or "
      .. "MixedInstancesPolicy parameter.")
  end
  for _, arn in ipairs(params.TargetGroupARNs or {}) do targets.need_group(call, arn) end
  local group = M.make(call, params)
  local ok, err = pcall(complete, call, group)
  if not ok then
    call:remove("autoscaling.group", name)
    error(err, 0)
  end
  scale.scale(call, group)
end

--- A member as answers show it.
--- @param call eksrun.sandbox.Call
--- @param member table
--- @return table
function M.member_view(call, member)
  local shown = {}
  for name, value in pairs(member) do shown[name] = value end
  shown.LifecycleState = support.state_of(call, member)
  return shown
end

local function view(call, group, with_instances)
  local shown, tags, members = {}, json.array {}, json.array {}
  for name, value in pairs(group) do shown[name] = value end
  for _, tag in ipairs(calls.tag_list(group._tags)) do
    tags[#tags + 1] = {
      Key = tag.Key, Value = tag.Value.value, PropagateAtLaunch = tag.Value.propagate,
      ResourceId = group.AutoScalingGroupName, ResourceType = "auto-scaling-group",
    }
  end
  for i, member in ipairs(with_instances and group._instances or {}) do
    members[i] = M.member_view(call, member)
  end
  shown.Tags, shown.Instances = tags, members
  shown.TrafficSources = json.array {}
  for i, arn in ipairs(group.TargetGroupARNs) do
    shown.TrafficSources[i] = { Identifier = arn, Type = "elbv2" }
  end
  return shown
end

local function passes(group, filter)
  local values = filter.Values or {}
  local key = filter.Name:match "^tag:(.*)$"
  if not key and filter.Name ~= "tag-key" and filter.Name ~= "tag-value" then
    refuse("Filter type %s is not correct. Allowed Filter types are: tag-key, tag-value, tag:<tag-key>",
      filter.Name)
  end
  for _, value in ipairs(values) do
    if key and group._tags[key] and group._tags[key].value == value then return true end
    if filter.Name == "tag-key" and group._tags[value] then return true end
    for _, tag in pairs(filter.Name == "tag-value" and group._tags or {}) do
      if tag.value == value then return true end
    end
  end
  return false
end

function operations.DescribeAutoScalingGroups(call, params)
  local wanted
  for _, name in ipairs(params.AutoScalingGroupNames or {}) do
    wanted = wanted or {}
    wanted[name] = true
  end
  local list = json.array {}
  for _, group in ipairs(call:all "autoscaling.group") do
    local shown = not wanted or wanted[group.AutoScalingGroupName]
    for _, filter in ipairs(params.Filters or {}) do shown = shown and passes(group, filter) end
    if shown then list[#list + 1] = view(call, group, params.IncludeInstances ~= false) end
  end
  return { AutoScalingGroups = list }
end

local function check_alive(group)
  if group.Status then
    fault.raise("ScalingActivityInProgress",
      "You cannot change an AutoScalingGroup that is pending delete: %s",
      group.AutoScalingGroupName)
  end
  return group
end

function operations.UpdateAutoScalingGroup(call, params)
  local group = check_alive(need(call, params.AutoScalingGroupName))
  if (params.LaunchTemplate and 1 or 0) + (params.MixedInstancesPolicy and 1 or 0)
    + (params.LaunchConfigurationName and 1 or 0) > 1 then
    refuse("Valid requests must contain either LaunchTemplate, LaunchConfigurationName or "
      .. "MixedInstancesPolicy parameter.")
  end
  local before = util.copy(group)
  local ok, err = pcall(function()
    if params.LaunchTemplate then group.MixedInstancesPolicy = nil end
    if params.MixedInstancesPolicy then group.LaunchTemplate = nil end
    for _, field in ipairs(FIELDS) do
      if params[field] ~= nil then group[field] = params[field] end
    end
    group.DesiredCapacity = params.DesiredCapacity
      or math.max(group.MinSize, math.min(group.DesiredCapacity, group.MaxSize))
    check_sizes(group)
    if not group._launch then complete(call, group) end
  end)
  if not ok then
    call:put("autoscaling.group", group.AutoScalingGroupName, before)
    error(err, 0)
  end
  scale.scale(call, group)
end

function operations.SetDesiredCapacity(call, params)
  local group = check_alive(need(call, params.AutoScalingGroupName))
  local wanted = params.DesiredCapacity
  if wanted < group.MinSize then
    refuse("New SetDesiredCapacity value %d is below min value %d for the AutoScalingGroup.", wanted,
      group.MinSize)
  elseif wanted > group.MaxSize then
    refuse("New SetDesiredCapacity value %d is above max value %d for the AutoScalingGroup.", wanted,
      group.MaxSize)
  end
  group.DesiredCapacity = wanted
  scale.scale(call, group)
end

-- -- tags ---------------------------------------------------------------------------------------------------

function operations.CreateOrUpdateTags(call, params)
  for _, tag in ipairs(params.Tags) do set_tags(need(call, tag.ResourceId), { tag }) end
end

function operations.DeleteTags(call, params)
  for _, tag in ipairs(params.Tags) do need(call, tag.ResourceId)._tags[tag.Key] = nil end
end

-- By the filter's name: what it looks at in a tag.
local TAG_FILTERS = {
  ["auto-scaling-group"] = "ResourceId", ["key"] = "Key", ["value"] = "Value",
  ["propagate-at-launch"] = "PropagateAtLaunch",
}

function operations.DescribeTags(call, params)
  local list = json.array {}
  for _, group in ipairs(call:all "autoscaling.group") do
    for _, tag in ipairs(view(call, group).Tags) do
      local shown = true
      for _, filter in ipairs(params.Filters or {}) do
        local field, found = TAG_FILTERS[filter.Name], false
        if not field then refuse("Filter type %s is not correct.", tostring(filter.Name)) end
        for _, value in ipairs(filter.Values or {}) do found = found or tostring(tag[field]) == value end
        shown = shown and found
      end
      if shown then list[#list + 1] = tag end
    end
  end
  return { Tags = list }
end

-- -- ends ---------------------------------------------------------------------------------------------------

-- Takes a group and its instances away.
local function remove(call, name)
  local group = call:get("autoscaling.group", name)
  if not group or group.Status then return end
  group.Status = "Delete in progress"
  group.MinSize, group.DesiredCapacity = 0, 0
  for _, member in ipairs(group._instances) do
    targets.leave(call, group.TargetGroupARNs, member.InstanceId)
  end
  instances.stop_all(call, name)
  call:after(call:duration("autoscaling.group.delete", name), "autoscaling.group.deleted", { name = name })
end

M.events["autoscaling.group.deleted"] = function(call, arguments)
  local left = call:find("ec2.instance", function(i)
    return i._of == arguments.name and i.State.Name ~= "terminated"
  end)
  if left then return call:after(10, "autoscaling.group.deleted", arguments) end
  M.forget(call, arguments.name)
end

--- A group is gone, with what was noted of it.
--- @param call eksrun.sandbox.Call
--- @param name string
function M.forget(call, name)
  call:remove("autoscaling.group", name)
  for _, kind in ipairs { "autoscaling.activity", "autoscaling.refresh", "autoscaling.policy" } do
    for _, thing in ipairs(call:all(kind, function(t) return t.AutoScalingGroupName == name end)) do
      call:remove(kind, thing.ActivityId or thing.InstanceRefreshId or thing.PolicyARN)
    end
  end
end

--- Why a group could not start an instance the last time.
--- @param call eksrun.sandbox.Call
--- @param name string
--- @return string?
function M.last_failure(call, name)
  local failed = call:all("autoscaling.activity", function(activity)
    return activity.AutoScalingGroupName == name and activity.StatusCode == "Failed"
  end)
  return failed[1] and failed[#failed].StatusMessage
end

function operations.DeleteAutoScalingGroup(call, params)
  local group = need(call, params.AutoScalingGroupName)
  if not params.ForceDelete and group._instances[1] then
    fault.raise("ResourceInUse", "You cannot delete an AutoScalingGroup while there are instances still in "
      .. "the group.")
  end
  remove(call, params.AutoScalingGroupName)
end

return M
