--- Whether who calls may do what they ask for: what a call asks IAM, and how each service says no.
local actions = require "eksrun.sandbox.iam.actions"
local evaluate = require "eksrun.sandbox.iam.evaluate"
local fault = require "eksrun.sandbox.fault"
local native = require "eksrun.native.aws"
local principals = require "eksrun.sandbox.iam.principals"
local resources = require "eksrun.sandbox.iam.resources"
local util = require "eksrun.util"

local M = {}

-- The prefix of a service's actions: "elasticloadbalancing".
local function prefix_of(service)
  local metadata = native.service(service):metadata()
  return actions.prefix[service] or metadata.signingName or metadata.endpointPrefix
end

-- What IAM calls an operation: "s3:ListBucket".
local function action_of(service, operation)
  return ("%s:%s"):format(prefix_of(service), (actions.renamed[service] or {})[operation] or operation)
end

-- Tags that a request sets, by key.
local function request_tags(params)
  local map = {}
  local function add(list)
    for key, tag in pairs(type(list) == "table" and list or {}) do
      if type(tag) ~= "table" then
        map[key] = tag
      elseif tag.Key or tag.TagKey then
        map[tag.Key or tag.TagKey] = tag.Value or tag.TagValue or ""
      end
    end
  end
  for _, specification in ipairs(params.TagSpecifications or {}) do add(specification.Tags) end
  add(params.Tags)
  add(params.tags)
  return map
end

local function context_of(call, resource)
  local caller, tags = call.principal, request_tags(call.params)
  local context = {
    ["aws:RequestedRegion"] = call.region, ["aws:PrincipalArn"] = caller.role or caller.arn,
    ["aws:PrincipalAccount"] = call.account, ["aws:userid"] = caller.user_id,
    ["aws:username"] = caller.user, ["aws:SecureTransport"] = "true", ["aws:ResourceAccount"] = call.account,
    ["aws:EpochTime"] = tostring(call:time()), ["aws:CurrentTime"] = tostring(call:time()),
    ["iam:PermissionsBoundary"] = call.params.PermissionsBoundary,
    ["iam:PolicyARN"] = call.service == "iam" and call.params.PolicyArn or nil,
    ["iam:AWSServiceName"] = call.params.AWSServiceName,
  }
  for key, value in pairs(tags) do context["aws:RequestTag/" .. key] = value end
  local keys = call.params.TagKeys or call.params.tagKeys or util.sorted_keys(tags)
  if keys[1] then context["aws:TagKeys"] = keys end
  for key, value in pairs(resources.tags(resource.thing)) do
    context["aws:ResourceTag/" .. key] = value
    if call.service ~= "iam" then context[prefix_of(call.service) .. ":ResourceTag/" .. key] = value end
  end
  if call.service == "s3" then context["s3:prefix"] = call.params.Prefix end
  if call.service == "ec2" then context["ec2:Region"] = call.region end
  return context
end

local function role_of(call, arn)
  return { arn = arn, thing = call:get("iam.role", arn:match "[^/]+$") }
end

-- What a role is asked for when a launch template or a profile has it passed to instances.
local function profile_role(call, wanted)
  local name = wanted and (wanted.Name or (wanted.Arn or ""):match "[^/]+$")
  local profile = name and call:get("iam.instance_profile", name)
  return profile and profile._role and call:get("iam.role", profile._role)
end

local function also(call, list, action, resource, more)
  local context = context_of(call, resource)
  for key, value in pairs(more or {}) do context[key] = value end
  list[#list + 1] = {
    action = action, resource = resource.arn, context = context, principal = call.principal,
  }
end

local function tagging(call, list, found)
  if not next(request_tags(call.params)) then return end
  local service, operation = call.service, call.operation
  local action = actions.tagging[service]
  if type(action) == "table" then action = action[operation] end
  if not action or not (operation:find "^Create" or operation:find "^Put" or operation:find "^Run"
    or operation:find "^Allocate" or operation:find "^Import" or operation:find "^Register"
    or operation:find "^Authorize" or operation:find "^Associate") or operation == action then
    return
  end
  action = ("%s:%s"):format(prefix_of(service), action)
  local more = service == "ec2" and { ["ec2:CreateAction"] = operation } or nil
  if service == "ec2" and not operation:find "^Authorize" then
    for _, resource in ipairs(found) do
      if resource.new then also(call, list, action, resource, more) end
    end
  elseif service == "ec2" then
    also(call, list, action, { arn = call:arn("ec2", "security-group-rule/*") }, more)
  else
    also(call, list, action, found[1], more)
  end
end

local function extras(call, list)
  local service, operation, params = call.service, call.operation, call.params
  for member, to in util.sorted_pairs((actions.passes[service] or {})[operation] or {}) do
    if params[member] then
      also(call, list, "iam:PassRole", role_of(call, params[member]), { ["iam:PassedToService"] = to })
    end
  end
  local asked = (actions.of_role[service] or {})[operation]
  for _, action in ipairs(asked and params[asked.member] and asked or {}) do
    also(call, list, action, role_of(call, params[asked.member]))
  end
  local linked = (actions.linked_roles[service] or {})[operation]
  if linked and not call:get("iam.role", linked[2]) then
    also(call, list, "iam:CreateServiceLinkedRole",
      { arn = call:arn("iam", ("role/aws-service-role/%s/%s"):format(linked[1], linked[2])) },
      { ["iam:AWSServiceName"] = linked[1] })
  end
  local role
  if service == "iam" and operation == "AddRoleToInstanceProfile" then
    role = call:get("iam.role", params.RoleName)
  elseif service == "ec2" and operation == "RunInstances" then
    role = profile_role(call, params.IamInstanceProfile)
  end
  if role then
    also(call, list, "iam:PassRole", { arn = role.Arn, thing = role },
      { ["iam:PassedToService"] = "ec2.amazonaws.com" })
  end
end

--- What a call asks IAM. All of it has to be allowed.
--- @param call eksrun.sandbox.Call
--- @return eksrun.sandbox.iam.Request[]
function M.requests(call)
  local list = {}
  if (actions.free[call.service] or {})[call.operation] then return list end
  local found = resources.of(call)
  for _, resource in ipairs(found) do
    also(call, list, action_of(call.service, call.operation), resource)
  end
  tagging(call, list, found)
  extras(call, list)
  return list
end

local WHY = {
  boundary = "because no permissions boundary allows the %s action",
  session = "because no session policy allows the %s action",
}

local STATUS = { json = 400 }

-- Refuses a request as the service says it.
local function refuse(call, request, decision, group)
  local message = ("User: %s is not authorized to perform: %s%s "):format(call.principal.arn, request.action,
    request.resource ~= "*" and " on resource: " .. request.resource or "")
  if decision == "explicitDeny" then
    message = message .. "with an explicit deny in an identity-based policy"
  else
    message = message .. (WHY[group] or "because no identity-based policy allows the %s action"):format(
      request.action)
  end
  local protocol = native.service(call.service):metadata().protocol
  local code = "AccessDenied"
  if protocol == "ec2" then
    code, message = "UnauthorizedOperation", "You are not authorized to perform this operation. " .. message
  elseif protocol ~= "query" and protocol ~= "rest-xml" then
    code = "AccessDeniedException"
  end
  fault.raise_with(code, message, { status = STATUS[protocol] or 403 })
end

--- Lets a call pass, or refuses it.
--- @param call eksrun.sandbox.Call
--- @param own? table[] documents that count instead of those of who calls
function M.check(call, own)
  local policies = own and { identity = own } or principals.policies(call, call.principal)
  for _, request in ipairs(M.requests(call)) do
    local decision, _, group = evaluate.decide(policies, request)
    if decision ~= "allowed" then refuse(call, request, decision, group) end
  end
end

return M
