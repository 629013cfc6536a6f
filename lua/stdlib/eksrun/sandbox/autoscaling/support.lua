--- What Auto Scaling's handlers share: groups and their members, templates, activities.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local templates = require "eksrun.sandbox.ec2.launch_template"
local types = require "eksrun.sandbox.ec2.instance_type"

local M = {}

--- Refuses a request as Auto Scaling refuses most.
--- @param message string a format when more arguments follow
function M.refuse(message, ...) fault.raise("ValidationError", message, ...) end

--- @param call eksrun.sandbox.Call
--- @param name string
--- @return table
function M.need(call, name)
  return call:get("autoscaling.group", name)
    or M.refuse("AutoScalingGroup name not found - AutoScalingGroup %s not found", name)
end

--- The subnets of a group.
--- @param group table
--- @return string[] ids
function M.subnets(group)
  local list = {}
  for id in (group.VPCZoneIdentifier or ""):gmatch "[^,%s]+" do list[#list + 1] = id end
  return list
end

--- The template that a group is made of.
--- @param call eksrun.sandbox.Call
--- @param group table
--- @return table template
--- @return table version
--- @return table specification as the group has it
function M.template_of(call, group)
  local mixed = group.MixedInstancesPolicy
  if mixed and not mixed.LaunchTemplate then
    M.refuse "Valid requests must contain a launch template in their mixed instances policy."
  end
  local specification = mixed and mixed.LaunchTemplate.LaunchTemplateSpecification or group.LaunchTemplate
  local ok, template, version = pcall(function()
    local template = templates.need(call, specification)
    return template, templates.version(template, specification.Version)
  end)
  if not ok and fault.is(template) then
    M.refuse("You must use a valid fully-formed launch template. %s", template.message)
  elseif not ok then
    error(template, 0)
  end
  return template, version, specification
end

-- The types that an override stands for: the one it names, or those that meet its requirements.
local function types_of(override, data)
  if override.InstanceRequirements then return types.matching(override.InstanceRequirements) end
  return { override.InstanceType or data.InstanceType }
end

--- What a group may start, in its order: types with their weight.
--- @param group table
--- @param data table of the launch template
--- @return { type: string, weight: integer }[]
function M.choices(group, data)
  local mixed = group.MixedInstancesPolicy
  local overrides, list = mixed and mixed.LaunchTemplate.Overrides or {}, {}
  if not overrides[1] then overrides = { { InstanceRequirements = data.InstanceRequirements } } end
  for _, override in ipairs(overrides) do
    for _, name in ipairs(types_of(override, data)) do
      list[#list + 1] = { type = name, weight = tonumber(override.WeightedCapacity) or 1 }
    end
  end
  return list
end

--- The member of an instance, and its group.
--- @param call eksrun.sandbox.Call
--- @param id string of the instance
--- @return table? member
--- @return table? group
--- @return integer? place
function M.member(call, id)
  for _, group in ipairs(call:all "autoscaling.group") do
    for i, member in ipairs(group._instances) do
      if member.InstanceId == id then return member, group, i end
    end
  end
end

--- The same, which has to be there. Raises AWS's error.
--- @param call eksrun.sandbox.Call
--- @param id string
--- @return table member, table group, integer place
function M.need_member(call, id)
  local member, group, place = M.member(call, id)
  if not member then M.refuse("Instance Id not found - No managed instance found for instance ID: %s", id) end
  return member, group, place
end

--- Where a member is in its life.
--- @param call eksrun.sandbox.Call
--- @param member table
--- @return string "Pending", "InService", ...
function M.state_of(call, member)
  if member._standby then return "Standby" end
  local instance = call:get("ec2.instance", member.InstanceId)
  local state = instance and instance.State.Name or "terminated"
  if member._hold and state == "running" then return "Pending:Wait" end
  if state == "pending" then return "Pending" end
  return state == "running" and "InService" or "Terminating"
end

--- How much of a group's capacity there is.
--- @param group table
--- @return integer
function M.capacity(group)
  local sum = 0
  for _, member in ipairs(group._instances) do
    if not member._standby then sum = sum + (tonumber(member.WeightedCapacity) or 1) end
  end
  return sum
end

--- Whether a process of a group is suspended.
--- @param group table
--- @param name string "Launch"
--- @return boolean
function M.suspended(group, name)
  for _, process in ipairs(group.SuspendedProcesses) do
    if process.ProcessName == name then return true end
  end
  return false
end

--- Notes what a group does.
--- @param call eksrun.sandbox.Call
--- @param group table
--- @param fields table Description, Cause, StatusCode, StatusMessage, Progress, Details
--- @param seconds? number after which it has succeeded; nil: it has ended now
--- @return table activity
function M.activity(call, group, fields, seconds)
  local id = call:uuid "activity"
  local ended = not seconds
  local activity = call:put("autoscaling.activity", id, {
    ActivityId = id, AutoScalingGroupName = group.AutoScalingGroupName, StartTime = call:time(),
    AutoScalingGroupARN = group.AutoScalingGroupARN, Description = fields.Description,
    Cause = ("At %s %s"):format(require("eksrun.clock").format_iso8601(call:time()), fields.Cause),
    StatusCode = fields.StatusCode or (ended and "Successful" or "InProgress"),
    StatusMessage = fields.StatusMessage, Progress = ended and 100 or fields.Progress or 50,
    EndTime = ended and call:time() or nil, Details = json.encode(fields.Details or {}),
  })
  if seconds then
    call:becomes(seconds, "autoscaling.activity", id, {
      StatusCode = "Successful", Progress = 100, EndTime = math.floor(call.now + seconds),
    })
  end
  return activity
end

return M
