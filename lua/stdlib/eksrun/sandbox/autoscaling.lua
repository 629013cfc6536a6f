--- Auto Scaling: groups and the instances that they keep.
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local instances = require "eksrun.sandbox.ec2.instance"
local json = require "eksrun.json"
local templates = require "eksrun.sandbox.ec2.launch_template"

local M = { operations = {}, events = {} }
local operations = M.operations

local function need(call, name)
  local group = call:get("autoscaling.group", name)
  if not group then
    fault.raise("ValidationError", "AutoScalingGroup name not found - AutoScalingGroup %s not found", name)
  end
  return group
end

local function refuse(message, ...) fault.raise("ValidationError", message, ...) end

-- The template that a group is made of, with its version's data.
local function template_of(call, group)
  local mixed = group.MixedInstancesPolicy
  local specification = mixed and mixed.LaunchTemplate.LaunchTemplateSpecification or group.LaunchTemplate
  local ok, template = pcall(templates.need, call, specification)
  if not ok and fault.is(template) then
    refuse("You must use a valid fully-formed launch template. %s", template.message)
  elseif not ok then
    error(template, 0)
  end
  return template, templates.version(template, specification.Version).LaunchTemplateData, specification
end

-- What does not let instances start.
local function check_template(call, data)
  local profile = data.IamInstanceProfile
  if not profile then return end
  local name = profile.Name or profile.Arn:match "[^/]+$"
  local found = call:get("iam.instance_profile", name)
  if not found or found._visible > call.now then
    refuse("You must use a valid fully-formed launch template. Value (%s) for parameter "
      .. "iamInstanceProfile.%s is invalid. Invalid IAM Instance Profile %s", profile.Arn or name,
      profile.Arn and "arn" or "name",
      profile.Arn and "ARN" or "name")
  end
end

local function type_of(group, data)
  local mixed = group.MixedInstancesPolicy
  local override = mixed and mixed.LaunchTemplate.Overrides and mixed.LaunchTemplate.Overrides[1]
  return override and override.InstanceType or data.InstanceType
end

-- Starts or ends instances until there are as many as wanted.
local function scale(call, group)
  local _, data, specification = template_of(call, group)
  local subnets = {}
  for id in group.VPCZoneIdentifier:gmatch "[^,%s]+" do subnets[#subnets + 1] = id end
  while #group._instances < group.DesiredCapacity do
    local tags = { ["aws:autoscaling:groupName"] = group.AutoScalingGroupName }
    for key, tag in pairs(group._tags) do
      if tag.propagate then tags[key] = tag.value end
    end
    local instance = instances.start(call, {
      subnet = subnets[#group._instances % #subnets + 1], type = type_of(group, data), image = data.ImageId,
      groups = data.SecurityGroupIds, tags = json.array(calls.tag_list(tags)),
      of = group.AutoScalingGroupName,
    })
    table.insert(group._instances, {
      InstanceId = instance.InstanceId, InstanceType = instance.InstanceType, HealthStatus = "Healthy",
      LifecycleState = "InService", ProtectedFromScaleIn = group.NewInstancesProtectedFromScaleIn,
      AvailabilityZone = instance.Placement.AvailabilityZone, LaunchTemplate = specification,
    })
  end
  while #group._instances > group.DesiredCapacity do
    local gone = call:get("ec2.instance", table.remove(group._instances).InstanceId)
    if gone then instances.stop(call, gone) end
  end
end

local FIELDS = {
  "MinSize", "MaxSize", "LaunchTemplate", "MixedInstancesPolicy", "HealthCheckType", "HealthCheckGracePeriod",
  "TerminationPolicies", "CapacityRebalance", "MaxInstanceLifetime", "NewInstancesProtectedFromScaleIn",
  "DefaultInstanceWarmup", "InstanceMaintenancePolicy", "VPCZoneIdentifier", "DefaultCooldown",
}

local function check_sizes(group)
  if group.MinSize > group.MaxSize then
    refuse("Max bound, %d, must be greater than or equal to min bound, %d", group.MaxSize, group.MinSize)
  end
  local desired = group.DesiredCapacity
  if desired < group.MinSize or desired > group.MaxSize then
    refuse("Desired capacity:%d must be between the specified min size:%d and max size:%d", desired,
      group.MinSize,
      group.MaxSize)
  end
end

-- A group names its template by id and name, whichever was given.
local function complete(call, group)
  local template, data, specification = template_of(call, group)
  specification.LaunchTemplateId = template.LaunchTemplateId
  specification.LaunchTemplateName = template.LaunchTemplateName
  check_template(call, data)
  local zones, seen = json.array {}, {}
  for id in group.VPCZoneIdentifier:gmatch "[^,%s]+" do
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
--- @return table
function M.make(call, params)
  local name = params.AutoScalingGroupName
  local group = {
    AutoScalingGroupName = name, CreatedTime = call:time(), DefaultCooldown = 300, HealthCheckType = "EC2",
    HealthCheckGracePeriod = 0, NewInstancesProtectedFromScaleIn = false, TerminationPolicies = { "Default" },
    AutoScalingGroupARN = call:arn("autoscaling",
      ("autoScalingGroup:%s:autoScalingGroupName/%s"):format(call:uuid "group", name)),
    ServiceLinkedRoleARN = call:arn("iam",
      "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"),
    TargetGroupARNs = json.array(params.TargetGroupARNs or {}), LoadBalancerNames = json.array {},
    SuspendedProcesses = json.array {}, EnabledMetrics = json.array {}, _tags = {}, _instances = {},
  }
  for _, field in ipairs(FIELDS) do
    if params[field] ~= nil then group[field] = params[field] end
  end
  group.DesiredCapacity = params.DesiredCapacity or group.MinSize
  check_sizes(group)
  set_tags(group, params.Tags)
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
  if not params.VPCZoneIdentifier then
    refuse "At least one Availability Zone or VPC Subnet is required."
  end
  if not params.LaunchTemplate and not params.MixedInstancesPolicy then
    refuse("Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or "
      .. "MixedInstancesPolicy parameter.")
  end
  local group = M.make(call, params)
  local ok, err = pcall(complete, call, group)
  if not ok then
    call:remove("autoscaling.group", name)
    error(err, 0)
  end
  scale(call, group)
end

local function view(group)
  local shown, tags = {}, json.array {}
  for name, value in pairs(group) do shown[name] = value end
  for _, tag in ipairs(calls.tag_list(group._tags)) do
    tags[#tags + 1] = {
      Key = tag.Key, Value = tag.Value.value, PropagateAtLaunch = tag.Value.propagate,
      ResourceId = group.AutoScalingGroupName, ResourceType = "auto-scaling-group",
    }
  end
  shown.Tags, shown.Instances = tags, json.array(group._instances)
  return shown
end

local function passes(group, filter)
  local values = filter.Values or {}
  local key = filter.Name:match "^tag:(.*)$"
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
    if shown then list[#list + 1] = view(group) end
  end
  return { AutoScalingGroups = list }
end

function operations.UpdateAutoScalingGroup(call, params)
  local group = need(call, params.AutoScalingGroupName)
  if params.LaunchTemplate then group.MixedInstancesPolicy = nil end
  if params.MixedInstancesPolicy then group.LaunchTemplate = nil end
  for _, field in ipairs(FIELDS) do
    if params[field] ~= nil then group[field] = params[field] end
  end
  group.DesiredCapacity = params.DesiredCapacity
    or math.max(group.MinSize, math.min(group.DesiredCapacity, group.MaxSize))
  check_sizes(group)
  complete(call, group)
  scale(call, group)
end

function operations.SetDesiredCapacity(call, params)
  local group = need(call, params.AutoScalingGroupName)
  group.DesiredCapacity = params.DesiredCapacity
  check_sizes(group)
  scale(call, group)
end

function operations.CreateOrUpdateTags(call, params)
  for _, tag in ipairs(params.Tags) do set_tags(need(call, tag.ResourceId), { tag }) end
end

function operations.DeleteTags(call, params)
  for _, tag in ipairs(params.Tags) do need(call, tag.ResourceId)._tags[tag.Key] = nil end
end

local function change_targets(add)
  return function(call, params)
    local group = need(call, params.AutoScalingGroupName)
    local set, list = {}, json.array {}
    for _, arn in ipairs(group.TargetGroupARNs) do set[arn] = true end
    for _, arn in ipairs(params.TargetGroupARNs) do set[arn] = add or nil end
    for arn in require("eksrun.util").sorted_pairs(set) do list[#list + 1] = arn end
    group.TargetGroupARNs = list
    return {}
  end
end
operations.AttachLoadBalancerTargetGroups = change_targets(true)
operations.DetachLoadBalancerTargetGroups = change_targets(false)

--- Takes a group and its instances away.
--- @param call eksrun.sandbox.Call
--- @param name string
function M.remove(call, name)
  local group = call:get("autoscaling.group", name)
  if not group or group.Status then return end
  group.Status = "Delete in progress"
  group.MinSize, group.DesiredCapacity = 0, 0
  instances.stop_all(call, name)
  call:after(call:duration("autoscaling.group.delete", name), "autoscaling.group.deleted", { name = name })
end

M.events["autoscaling.group.deleted"] = function(call, arguments)
  local left = call:find("ec2.instance", function(i)
    return i._of == arguments.name and i.State.Name ~= "terminated"
  end)
  if left then return call:after(10, "autoscaling.group.deleted", arguments) end
  call:remove("autoscaling.group", arguments.name)
end

function operations.DeleteAutoScalingGroup(call, params)
  local group = need(call, params.AutoScalingGroupName)
  if not params.ForceDelete and group._instances[1] then
    fault.raise("ResourceInUse", "You cannot delete an AutoScalingGroup while there are instances still in "
      .. "the group.")
  end
  M.remove(call, params.AutoScalingGroupName)
end

-- -- instance refreshes -------------------------------------------------------------------------------------

function operations.StartInstanceRefresh(call, params)
  local group = need(call, params.AutoScalingGroupName)
  local running = call:find("autoscaling.refresh", function(r)
    return r.AutoScalingGroupName == group.AutoScalingGroupName and r.Status == "InProgress"
  end)
  if running then
    fault.raise("InstanceRefreshInProgress", "An Instance Refresh is already in progress and blocks the "
      .. "execution of this Instance Refresh.")
  end
  local id = call:uuid "refresh"
  call:put("autoscaling.refresh", id, {
    InstanceRefreshId = id, AutoScalingGroupName = group.AutoScalingGroupName, Status = "InProgress",
    StartTime = call:time(), PercentageComplete = 0, InstancesToUpdate = #group._instances,
    Preferences = params.Preferences,
  })
  local seconds = 1
  for i = 1, #group._instances do seconds = seconds + call:duration("ec2.instance.join", id, i) end
  call:after(seconds, "autoscaling.refreshed", { id = id })
  return { InstanceRefreshId = id }
end

M.events["autoscaling.refreshed"] = function(call, arguments)
  local refresh = call:get("autoscaling.refresh", arguments.id)
  local group = call:get("autoscaling.group", refresh.AutoScalingGroupName)
  refresh.Status, refresh.EndTime = "Successful", call:time()
  refresh.PercentageComplete, refresh.InstancesToUpdate = 100, 0
  if not group then return end
  instances.stop_all(call, group.AutoScalingGroupName)
  group._instances = {}
  scale(call, group)
end

function operations.DescribeInstanceRefreshes(call, params)
  local wanted
  for _, id in ipairs(params.InstanceRefreshIds or {}) do
    wanted = wanted or {}
    wanted[id] = true
  end
  return {
    InstanceRefreshes = json.array(call:all("autoscaling.refresh", function(r)
      return r.AutoScalingGroupName == params.AutoScalingGroupName
        and (not wanted or wanted[r.InstanceRefreshId])
    end)),
  }
end

return M
