--- EC2: which instance profile an instance has.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {} }
local operations = M.operations

local ASSOCIATION = filter.map("DescribeIamInstanceProfileAssociations", "instance-id state")

local function view(call, instance)
  local id = "iip-assoc-0" .. call.world:hash("iip", instance.InstanceId,
    instance.IamInstanceProfile.Arn):sub(1, 16)
  return {
    AssociationId = id, InstanceId = instance.InstanceId, IamInstanceProfile = instance.IamInstanceProfile,
    State = "associated",
  }
end

local function all(call)
  local list = {}
  for _, instance in ipairs(call:all("ec2.instance", function(i) return i.IamInstanceProfile end)) do
    list[#list + 1] = view(call, instance)
  end
  return list
end

local function need(call, id)
  for _, association in ipairs(all(call)) do
    if association.AssociationId == id then return association end
  end
  fault.raise("InvalidAssociationID.NotFound",
    "An invalid association-id of '%s' was given", tostring(id))
end

--- The profile that a request names, as instances show it.
--- @param call eksrun.sandbox.Call
--- @param wanted { Name?: string, Arn?: string }
--- @return { Arn: string, Id: string }
function M.need(call, wanted)
  local name = wanted.Name or (wanted.Arn or ""):match "[^/]+$"
  local found = call:get("iam.instance_profile", name)
  if not found or (found._visible or 0) > call.now then
    fault.raise("InvalidParameterValue",
      "Value (%s) for parameter iamInstanceProfile.%s is invalid. Invalid IAM "
      .. "Instance Profile %s", wanted.Arn or name, wanted.Arn and "arn" or "name", wanted.Arn and "ARN"
        or "name")
  end
  return { Arn = found.Arn, Id = found.InstanceProfileId }
end

function operations.DescribeIamInstanceProfileAssociations(call, params)
  local list = all(call)
  if params.AssociationIds then
    list = {}
    for i, id in ipairs(params.AssociationIds) do list[i] = need(call, id) end
  end
  return { IamInstanceProfileAssociations = filter.select(ASSOCIATION, list, params.Filters) }
end

function operations.AssociateIamInstanceProfile(call, params)
  local instance = support.need(call, "ec2.instance", params.InstanceId)
  if instance.IamInstanceProfile then
    fault.raise("IncorrectState", "There is an existing association for instance %s", instance.InstanceId)
  end
  instance.IamInstanceProfile = M.need(call, params.IamInstanceProfile)
  return { IamInstanceProfileAssociation = view(call, instance) }
end

function operations.ReplaceIamInstanceProfileAssociation(call, params)
  local instance = call:get("ec2.instance", need(call, params.AssociationId).InstanceId)
  instance.IamInstanceProfile = M.need(call, params.IamInstanceProfile)
  return { IamInstanceProfileAssociation = view(call, instance) }
end

function operations.DisassociateIamInstanceProfile(call, params)
  local association = need(call, params.AssociationId)
  call:get("ec2.instance", association.InstanceId).IamInstanceProfile = nil
  association.State = "disassociating"
  return { IamInstanceProfileAssociation = association }
end

return M
