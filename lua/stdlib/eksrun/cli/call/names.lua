--- How services, operations, waiters and parameters may be spelled on the command line: as AWS
--- does (DescribeCluster), with dashes (describe-cluster) or with underscores (describe_cluster).
--- Names that differ in case, dashes and underscores only are the same.
local models = require "eksrun.aws.models"
local util = require "eksrun.util"

local M = {}

-- What the AWS CLI calls otherwise than its models do.
local services = { s3api = "s3", deploy = "codedeploy", configservice = "config" }

-- Parameters that the AWS CLI renames, because of its own flags or for clarity:
-- [service.operation] = { its name = the model's }; "*" is any operation.
local renamed = {
  ["ec2.*"] = { ["enable-api-termination"] = "no-disable-api-termination" },
  ["ec2.create-image"] = { reboot = "no-no-reboot" },
  ["eks.*"] = { ["kubernetes-version"] = "version" },
  ["emr.*"] = { ["cluster-id"] = "job-flow-id", ["cluster-ids"] = "job-flow-ids" },
  ["ecs.*"] = { ["disable-execute-command"] = "no-enable-execute-command",
    ["non-interactive"] = "no-interactive" },
  ["route53.*"] = { ["traffic-policy-version"] = "version" },
  ["sns.subscribe"] = { ["notification-endpoint"] = "endpoint" },
  ["codepipeline.*"] = { ["pipeline-version"] = "version", ["action-version"] = "version" },
  ["stepfunctions.*"] = { ["task-output"] = "output" },
  ["apigateway.*"] = { ["api-version"] = "version" },
  ["apigatewayv2.*"] = { ["api-version"] = "version" },
  ["gamelift.*"] = { ["build-version"] = "version", ["script-version"] = "version" },
  ["license-manager.*"] = { ["grant-version"] = "version", ["license-version"] = "version" },
  ["schemas.*"] = { ["schema-version"] = "version" },
  ["sagemaker.*"] = { ["version-number"] = "version" },
  ["controltower.*"] = { ["landing-zone-version"] = "version" },
  ["pinpoint.*"] = { ["template-version"] = "version", ["campaign-version"] = "version",
    ["segment-version"] = "version" },
}

-- Commands of the AWS CLI that are no operations: what does the same, or nothing.
local commands = {
  ["eks get-token"] = "eksrun token CLUSTER",
  ["eks update-kubeconfig"] = "eksrun kubeconfig CLUSTER",
  ["sso login"] = "eksrun login",
  ["sso logout"] = "eksrun logout",
  ["logs tail"] = "eksrun call logs start-live-tail",
  ["ecr get-login-password"] = "eksrun call ecr get-authorization-token",
  ["s3 ls"] = "eksrun call s3 list-objects-v2 or list-buckets",
  ["s3 cp"] = "eksrun call s3 get-object or put-object",
  ["s3 mv"] = "", ["s3 sync"] = "", ["s3 website"] = "", ["s3 presign"] = "",
  ["s3 rm"] = "eksrun call s3 delete-object",
  ["s3 mb"] = "eksrun call s3 create-bucket",
  ["s3 rb"] = "eksrun call s3 delete-bucket",
  ["cloudformation deploy"] = "eksrun call cloudformation create-change-set",
  ["cloudformation package"] = "",
}

-- The form in which two spellings of a name are equal.
local function fold(name) return (name:lower():gsub("[-_ ]", "")) end

--- With dashes: "DescribeCluster" is "describe-cluster".
--- @param name string
--- @return string
function M.kebab(name)
  return (require("eksrun.native.aws").snake_case(name):gsub("_", "-"))
end

local function find(name, list)
  local folded = fold(name)
  for _, candidate in ipairs(list) do
    if fold(candidate) == folded then return candidate end
  end
end

--- A service by any of its names.
--- @param name string
--- @return eksrun.native.aws.Service, string name
--- Raises { code = "usage" } with near names.
function M.service(name)
  local known = models.services()
  local found = find(services[name:lower()] or name, known)
  if found then return models.service(found), found end
  util.fail("usage", "there is no service '%s'%s; see eksrun call --list", name,
    util.did_you_mean(name:lower(), known))
end

--- An operation by its name, with dashes or without.
--- @param service eksrun.native.aws.Service
--- @param service_name string
--- @param name string
--- @return eksrun.native.aws.Operation
--- Raises { code = "usage" } with near names.
function M.operation(service, service_name, name)
  local operation = service:operation((name:gsub("-", "_")))
  if operation then return operation end
  local found = find(name, service:operations())
  if found then return service:operation(found) end
  local own = commands[service_name .. " " .. name:lower()]
  if own then
    util.fail("usage", "%s %s is no operation of AWS, but a command of the AWS CLI's own%s", service_name,
      name, own ~= "" and "; see " .. own or "")
  end
  local near = service:suggest((name:gsub("-", "_")))
  for i, other in ipairs(near) do
    near[i] = "'" .. (name:find("_", 1, true) and other or other:gsub("_", "-")) .. "'"
  end
  util.fail("usage", "%s has no operation '%s'%s; see eksrun call %s --help", service_name, name,
    #near > 0 and "; did you mean " .. table.concat(near, " or ") .. "?" or "", service_name)
end

--- A waiter by its name, with dashes or without.
--- @param service eksrun.native.aws.Service
--- @param service_name string
--- @param name string
--- @return string waiter in AWS's spelling
--- Raises { code = "usage" } with near names.
function M.waiter(service, service_name, name)
  local waiters = service:waiters()
  if #waiters == 0 then util.fail("usage", "%s has no waiters", service_name) end
  local found = find(name, waiters)
  if found then return found end
  for i, waiter in ipairs(waiters) do waiters[i] = M.kebab(waiter) end
  util.fail("usage", "%s has no waiter '%s'%s; see eksrun call %s wait --help", service_name, name,
    util.did_you_mean(name, waiters), service_name)
end

--- The parameters of an operation, by every name that the command line takes for them.
--- @class eksrun.cli.call.Parameters
--- @field list eksrun.native.aws.Shape[]
--- @field kebab string[] their names with dashes, in the same order
--- @field by_name table<string, eksrun.native.aws.Shape>
--- @field by_fold table<string, eksrun.native.aws.Shape>
local Parameters = {}
Parameters.__index = Parameters

--- @param service_name string
--- @param operation eksrun.native.aws.Operation
--- @return eksrun.cli.call.Parameters
function M.parameters(service_name, operation)
  local input = operation:input()
  local self = setmetatable({ list = input and input.members or {}, kebab = {}, by_name = {},
    by_fold = {} }, Parameters)
  for i, member in ipairs(self.list) do
    self.kebab[i] = M.kebab(member.name)
    self.by_name[member.name] = member
    self.by_fold[fold(member.name)] = self.by_fold[fold(member.name)] or member
  end
  self.renamed = {}
  for _, key in ipairs { service_name .. ".*", service_name .. "." .. M.kebab(operation:name()) } do
    for name, other in pairs(renamed[key] or {}) do self.renamed[fold(name)] = other end
  end
  return self
end

--- The parameter called name, without dashes in front; "no-NAME" is a boolean one turned off.
--- @param name string
--- @return eksrun.native.aws.Shape|nil
--- @return boolean|nil off
function Parameters:find(name)
  local found = self.by_name[name] or self.by_fold[fold(name)]
  if found then return found, false end
  local rest = name:match("^[Nn][Oo][-_](.+)")
  found = rest and self:find(rest)
  if found and found.type == "boolean" then return found, true end
  local other = self.renamed[fold(name)]
  if other then return self:find(other) end
end

return M
