--- IAM: roles, their documents and the policies that hang on them.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.iam.support"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local ATTACHED_MAX = 10

local function need(call, params) return support.need(call, "role", params.RoleName) end

function operations.CreateRole(call, params)
  local name, path = params.RoleName, params.Path or "/"
  support.check_name(name, "roleName")
  support.parse(params.AssumeRolePolicyDocument, true)
  support.refuse_twin(call, "Role", name)
  local boundary = params.PermissionsBoundary
  if boundary and not boundary:find "^arn:" then
    fault.raise("ValidationError", "ARN %s is not valid.", boundary)
  end
  return {
    Role = call:put("iam.role", name, {
      RoleName = name, Path = path, RoleId = support.id(call, "AROA"),
      Arn = call:arn("iam", "role" .. path .. name),
      CreateDate = call:time(), AssumeRolePolicyDocument = support.shown(params.AssumeRolePolicyDocument),
      Description = params.Description, MaxSessionDuration = params.MaxSessionDuration or 3600,
      PermissionsBoundary = boundary and {
        PermissionsBoundaryType = "Policy", PermissionsBoundaryArn = boundary,
      } or nil,
      Tags = support.tags(params.Tags), _attached = {}, _inline = {},
      _assumable = call.now + call:duration("iam.assumable", name),
    }),
  }
end

function operations.GetRole(call, params) return { Role = need(call, params) } end

function operations.ListRoles(call, params)
  return {
    Roles = support.briefly(support.below(call:all "iam.role", params.PathPrefix), "Tags",
      "PermissionsBoundary"),
  }
end

function operations.UpdateRole(call, params)
  local role = need(call, params)
  role.Description = params.Description or role.Description
  role.MaxSessionDuration = params.MaxSessionDuration or role.MaxSessionDuration
  return {}
end

function operations.UpdateAssumeRolePolicy(call, params)
  support.parse(params.PolicyDocument, true)
  local role = need(call, params)
  role.AssumeRolePolicyDocument = support.shown(params.PolicyDocument)
  role._assumable = call.now + call:duration("iam.assumable", params.RoleName, call.now)
end

function operations.PutRolePermissionsBoundary(call, params)
  need(call, params).PermissionsBoundary = {
    PermissionsBoundaryType = "Policy", PermissionsBoundaryArn = params.PermissionsBoundary,
  }
end

function operations.DeleteRolePermissionsBoundary(call, params)
  need(call, params).PermissionsBoundary = nil
end

function operations.DeleteRole(call, params)
  local role = need(call, params)
  if role._attached[1] then
    support.refuse_deletion "Cannot delete entity, must detach all policies first."
  end
  if next(role._inline) then support.refuse_deletion "Cannot delete entity, must delete policies first." end
  local profile = call:find("iam.instance_profile", function(p) return p._role == role.RoleName end)
  if profile then
    support.refuse_deletion "Cannot delete entity, must remove roles from instance profile first."
  end
  call:remove("iam.role", role.RoleName)
end

-- -- policies -----------------------------------------------------------------------------------------------

local function policy_name(call, arn)
  local managed = support.managed(call, arn)
  local own = call:get("iam.policy", arn)
  if not managed and not own then
    fault.raise_with("NoSuchEntity", ("Policy %s does not exist or is not attachable."):format(arn),
      { status = 404 })
  end
  return managed and managed.name or own.PolicyName, own
end

local function count(own, change)
  if own then own.AttachmentCount = own.AttachmentCount + change end
end

function operations.AttachRolePolicy(call, params)
  local role = need(call, params)
  local name, own = policy_name(call, params.PolicyArn)
  for _, attached in ipairs(role._attached) do
    if attached.PolicyArn == params.PolicyArn then return end
  end
  if #role._attached >= ATTACHED_MAX then
    fault.raise_with("LimitExceeded", ("Cannot exceed quota for PoliciesPerRole: %d"):format(ATTACHED_MAX),
      { status = 409 })
  end
  table.insert(role._attached, { PolicyName = name, PolicyArn = params.PolicyArn })
  count(own, 1)
end

function operations.DetachRolePolicy(call, params)
  local role = need(call, params)
  for i, attached in ipairs(role._attached) do
    if attached.PolicyArn == params.PolicyArn then
      table.remove(role._attached, i)
      count(call:get("iam.policy", params.PolicyArn), -1)
      return
    end
  end
  fault.raise_with("NoSuchEntity", ("Policy %s was not found."):format(params.PolicyArn), { status = 404 })
end

function operations.ListAttachedRolePolicies(call, params)
  return { AttachedPolicies = json.array(util.copy(need(call, params)._attached)) }
end

function operations.PutRolePolicy(call, params)
  support.parse(params.PolicyDocument, false)
  need(call, params)._inline[params.PolicyName] = params.PolicyDocument
end

local function inline(call, params)
  local role = need(call, params)
  local document = role._inline[params.PolicyName]
  if not document then support.refuse_missing("role policy", params.PolicyName) end
  return role, document
end

function operations.GetRolePolicy(call, params)
  local role, document = inline(call, params)
  return { RoleName = role.RoleName, PolicyName = params.PolicyName,
    PolicyDocument = support.shown(document) }
end

function operations.DeleteRolePolicy(call, params) inline(call, params)._inline[params.PolicyName] = nil end

function operations.ListRolePolicies(call, params)
  return { PolicyNames = json.array(util.sorted_keys(need(call, params)._inline)) }
end

function operations.ListInstanceProfilesForRole(call, params)
  local role = need(call, params)
  local profiles = require "eksrun.sandbox.iam.instance_profile"
  local list = json.array {}
  for i, profile in ipairs(call:all("iam.instance_profile",
    function(p) return p._role == role.RoleName end)) do
    list[i] = profiles.view(call, profile)
  end
  return { InstanceProfiles = list }
end

support.tag_operations(operations, "Role", need)

-- -- roles of services --------------------------------------------------------------------------------------

-- By the service: what the role is called behind AWSServiceRoleFor.
local SERVICE_ROLES = {
  ["eks.amazonaws.com"] = "AmazonEKS", ["eks-nodegroup.amazonaws.com"] = "AmazonEKSNodegroup",
  ["eks-fargate.amazonaws.com"] = "AmazonEKSForFargate", ["autoscaling.amazonaws.com"] = "AutoScaling",
  ["spot.amazonaws.com"] = "EC2Spot", ["elasticloadbalancing.amazonaws.com"] = "ElasticLoadBalancing",
}

function operations.CreateServiceLinkedRole(call, params)
  local service = params.AWSServiceName
  local suffix = SERVICE_ROLES[service]
  if not suffix then
    fault.raise("InvalidInput", "Service role name %s has no service-linked role", service)
  end
  local name = "AWSServiceRoleFor" .. suffix
  if call:get("iam.role", name) then
    fault.raise("InvalidInput", "Service role name %s has been taken in this account, please try a different "
      .. "suffix.", name)
  end
  local path = ("/aws-service-role/%s/"):format(service)
  return {
    Role = call:put("iam.role", name, {
      RoleName = name, Path = path, RoleId = support.id(call, "AROA"),
      Arn = call:arn("iam", "role" .. path .. name),
      CreateDate = call:time(), MaxSessionDuration = 3600,
      AssumeRolePolicyDocument = support.shown(json.encode {
        Version = "2012-10-17",
        Statement = { { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = service } } },
      }),
      Description = params.Description, Tags = json.array {}, _attached = {}, _inline = {}, _assumable = 0,
    }),
  }
end

return M
