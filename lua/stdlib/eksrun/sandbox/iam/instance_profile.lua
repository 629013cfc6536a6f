--- IAM: instance profiles.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.iam.support"

local M = { operations = {} }
local operations = M.operations

local function need(call, params)
  local profile = call:get("iam.instance_profile", params.InstanceProfileName)
  if profile then return profile end
  fault.raise_with("NoSuchEntity",
    ("Instance Profile %s cannot be found."):format(params.InstanceProfileName),
    { status = 404 })
end

--- A profile with its role.
--- @param call eksrun.sandbox.Call
--- @param profile table
--- @return table
function M.view(call, profile)
  local shown = {}
  for name, value in pairs(profile) do shown[name] = value end
  shown.Roles = json.array { profile._role and call:get("iam.role", profile._role) }
  return shown
end

function operations.CreateInstanceProfile(call, params)
  local name, path = params.InstanceProfileName, params.Path or "/"
  support.check_name(name, "instanceProfileName")
  if call:get("iam.instance_profile", name) then
    fault.raise_with("EntityAlreadyExists", ("Instance Profile %s already exists."):format(name),
      { status = 409 })
  end
  return {
    InstanceProfile = M.view(call, call:put("iam.instance_profile", name, {
      InstanceProfileName = name, Path = path, InstanceProfileId = support.id(call, "AIPA"),
      Arn = call:arn("iam", "instance-profile" .. path .. name), CreateDate = call:time(),
      Tags = support.tags(params.Tags), _visible = call.now + call:duration("iam.instance_profile", name),
    })),
  }
end

function operations.GetInstanceProfile(call, params)
  return { InstanceProfile = M.view(call, need(call, params)) }
end

function operations.ListInstanceProfiles(call, params)
  local list = {}
  for i, profile in ipairs(support.below(call:all "iam.instance_profile", params.PathPrefix)) do
    list[i] = M.view(call, profile)
  end
  return { InstanceProfiles = support.briefly(list, "Tags") }
end

function operations.AddRoleToInstanceProfile(call, params)
  local profile = need(call, params)
  support.need(call, "role", params.RoleName)
  if profile._role then
    fault.raise_with("LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
      { status = 409 })
  end
  profile._role = params.RoleName
end

function operations.RemoveRoleFromInstanceProfile(call, params)
  local profile = need(call, params)
  if profile._role ~= params.RoleName then support.refuse_missing("role", params.RoleName) end
  profile._role = nil
end

function operations.DeleteInstanceProfile(call, params)
  local profile = need(call, params)
  if profile._role then
    support.refuse_deletion "Cannot delete entity, must remove roles from instance profile first."
  end
  call:remove("iam.instance_profile", params.InstanceProfileName)
end

support.tag_operations(operations, "InstanceProfile", need)

return M
