--- IAM: roles, their documents and the policies that hang on them.
local document = require "eksrun.sandbox.iam.document"
local entities = require "eksrun.sandbox.iam.entity"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.iam.support"

local M = { operations = {} }
local operations = M.operations

local function need(call, params) return support.need(call, "role", params.RoleName) end

-- Whether there is who a document trusts; nobody knows of other accounts.
local function read_trust(call, text)
  document.parse(text, "trust", function(arn)
    local service, account, kind, name = arn:match "^arn:[^:]*:(%w+)::(%d+):([%w-]+)/.-([^/]+)$"
    if account ~= call.account or service ~= "iam" or name == "sandbox" then return true end
    return call:get("iam." .. kind, name) ~= nil
  end)
end

function operations.CreateRole(call, params)
  local name, path = params.RoleName, params.Path or "/"
  support.check_name(name, "roleName")
  read_trust(call, params.AssumeRolePolicyDocument)
  support.refuse_twin(call, "Role", name)
  return {
    Role = call:put("iam.role", name, {
      RoleName = name, Path = path, RoleId = support.id(call, "AROA"),
      Arn = call:arn("iam", "role" .. path .. name),
      CreateDate = call:time(), AssumeRolePolicyDocument = support.shown(params.AssumeRolePolicyDocument),
      Description = params.Description, MaxSessionDuration = params.MaxSessionDuration or 3600,
      PermissionsBoundary = entities.boundary(params.PermissionsBoundary),
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
  read_trust(call, params.PolicyDocument)
  local role = need(call, params)
  role.AssumeRolePolicyDocument = support.shown(params.PolicyDocument)
  role._assumable = call.now + call:duration("iam.assumable", params.RoleName, call.now)
end

function operations.DeleteRole(call, params)
  local role = need(call, params)
  entities.refuse_policies(role)
  local profile = call:find("iam.instance_profile", function(p) return p._role == role.RoleName end)
  if profile then
    support.refuse_deletion "Cannot delete entity, must remove roles from instance profile first."
  end
  call:remove("iam.role", role.RoleName)
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

entities.operations(operations, "Role", need)
entities.boundary_operations(operations, "Role", need)
support.tag_operations(operations, "Role", need)

-- -- roles of services --------------------------------------------------------------------------------------

-- By the service: what the role is called behind AWSServiceRoleFor.
local SERVICE_ROLES = {
  ["eks.amazonaws.com"] = "AmazonEKS", ["eks-nodegroup.amazonaws.com"] = "AmazonEKSNodegroup",
  ["eks-fargate.amazonaws.com"] = "AmazonEKSForFargate", ["autoscaling.amazonaws.com"] = "AutoScaling",
  ["spot.amazonaws.com"] = "EC2Spot", ["elasticloadbalancing.amazonaws.com"] = "ElasticLoadBalancing",
}

local function put_linked(call, service, description)
  local name = "AWSServiceRoleFor" .. SERVICE_ROLES[service]
  local path = ("/aws-service-role/%s/"):format(service)
  return call:put("iam.role", name, {
    RoleName = name, Path = path, RoleId = support.id(call, "AROA"),
    Arn = call:arn("iam", "role" .. path .. name), CreateDate = call:time(), MaxSessionDuration = 3600,
    AssumeRolePolicyDocument = support.shown(json.encode {
      Version = "2012-10-17",
      Statement = { { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = service } } },
    }),
    Description = description, Tags = json.array {}, _attached = {}, _inline = {}, _assumable = 0,
  })
end

function operations.CreateServiceLinkedRole(call, params)
  local service = params.AWSServiceName
  if not SERVICE_ROLES[service] then
    fault.raise("InvalidInput", "Service role name %s has no service-linked role", service)
  end
  local name = "AWSServiceRoleFor" .. SERVICE_ROLES[service]
  if call:get("iam.role", name) then
    fault.raise("InvalidInput", "Service role name %s has been taken in this account, please try a different "
      .. "suffix.", name)
  end
  return { Role = put_linked(call, service, params.Description) }
end

--- Has a service's role, as services do that are used for the first time.
--- @param call eksrun.sandbox.Call
--- @param service string
function M.ensure_linked(call, service)
  if call:get("iam.role", "AWSServiceRoleFor" .. SERVICE_ROLES[service]) then return end
  put_linked(call, service)
end

function operations.DeleteServiceLinkedRole(call, params)
  local role = need(call, params)
  call:remove("iam.role", role.RoleName)
  return { DeletionTaskId = ("task%s%s/%s"):format(role.Path, role.RoleName, call:uuid "task") }
end

function operations.GetServiceLinkedRoleDeletionStatus(call, params)
  local name = params.DeletionTaskId:match "/([^/]+)/[^/]+$"
  if not params.DeletionTaskId:find "^task/aws%-service%-role/" or call:get("iam.role", name) then
    fault.raise_with("NoSuchEntity", ("The deletion task %s cannot be found."):format(params.DeletionTaskId),
      { status = 404 })
  end
  return { Status = "SUCCEEDED" }
end

return M
