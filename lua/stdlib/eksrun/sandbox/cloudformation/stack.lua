--- CloudFormation: stacks.
local calls = require "eksrun.sandbox.call"
local engine = require "eksrun.sandbox.cloudformation.engine"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local objects = require "eksrun.sandbox.s3.object"
local template = require "eksrun.sandbox.cloudformation.template"
local util = require "eksrun.util"

local M = { operations = {}, events = engine.events }
local operations = M.operations

--- A stack by its name or id, if there is one; a deleted one only by its id.
--- @param call eksrun.sandbox.Call
--- @param name string
--- @return table?
function M.find(call, name)
  return call:get("cloudformation.stack", name) or call:find("cloudformation.stack", function(stack)
    return stack.StackName == name and stack.StackStatus ~= "DELETE_COMPLETE"
  end)
end

--- @param call eksrun.sandbox.Call
--- @param name string
--- @return table
function M.need(call, name)
  local stack = M.find(call, name)
  if not stack then template.refuse("Stack with id %s does not exist", name) end
  return stack
end

--- The text of a template that a call gives.
--- @param call eksrun.sandbox.Call
--- @param params table
--- @param stack? table
--- @return string
function M.body(call, params, stack)
  if params.TemplateBody then
    if #params.TemplateBody > 51200 then
      template.refuse("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
        .. "Member must have length less than or equal to 51200")
    end
    return params.TemplateBody
  elseif params.UsePreviousTemplate and stack then
    return stack._template
  elseif params.TemplateURL then
    local path = params.TemplateURL:match "^https://[^/]+/(.+)$" or ""
    local host = params.TemplateURL:match "^https://([^/]+)"
    local bucket, key = (host or ""):match "^([^.]+)%.s3[.-]", path
    if not bucket then bucket, key = path:match "^([^/]+)/(.+)$" end
    local found = bucket and objects.read(call, bucket, key)
    if found then return found end
    template.refuse "S3 error: The specified key does not exist."
  end
  template.refuse "Either Template URL or Template Body must be specified."
end

--- Parameters of a stack as it shows them.
--- @param parsed table
--- @param values table<string, string>
--- @return table[]
function M.shown_parameters(parsed, values)
  local list = json.array {}
  for name, value in util.sorted_pairs(values) do
    local hidden = tostring(((parsed.Parameters or {})[name] or {}).NoEcho) == "true"
    list[#list + 1] = { ParameterKey = name, ParameterValue = hidden and "****" or value }
  end
  return list
end

--- A stack that nothing is made of yet.
--- @param call eksrun.sandbox.Call
--- @param params table
--- @return table
function M.new(call, params)
  local name = params.StackName
  if not name:find "^%a[%w-]*$" or #name > 128 then
    template.refuse("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: "
      .. "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", name)
  end
  return {
    StackName = name, StackId = call:arn("cloudformation", ("stack/%s/%s"):format(name, call:uuid "stack")),
    CreationTime = call.now, DisableRollback = params.DisableRollback or false,
    Capabilities = params.Capabilities or json.array {}, RoleARN = params.RoleARN,
    NotificationARNs = params.NotificationARNs or json.array {}, TimeoutInMinutes = params.TimeoutInMinutes,
    Tags = json.array(calls.tag_list(calls.tag_map(params.Tags))), Outputs = json.array {},
    EnableTerminationProtection = params.EnableTerminationProtection or false,
    RollbackConfiguration = {}, DriftInformation = { StackDriftStatus = "NOT_CHECKED" },
    _on_failure = params.DisableRollback and "DO_NOTHING" or params.OnFailure or "ROLLBACK",
    _resources = {}, _events = {}, _imports = {}, _token = params.ClientRequestToken,
  }
end

--- Gives a stack a template and its parameters.
--- @param stack table
--- @param body string
--- @param given table[]?
function M.describe_with(stack, body, given)
  local parsed = template.parse(body)
  stack._values = template.parameters(parsed, given, stack._values)
  stack._template, stack.Description = body, parsed.Description
  stack.Parameters = M.shown_parameters(parsed, stack._values)
end

function operations.CreateStack(call, params)
  if M.find(call, params.StackName) then
    fault.raise("AlreadyExistsException", "Stack [%s] already exists", params.StackName)
  end
  local stack = M.new(call, params)
  M.describe_with(stack, M.body(call, params), params.Parameters)
  engine.check(call, stack, params.Capabilities)
  call:put("cloudformation.stack", stack.StackId, stack)
  engine.start(call, stack, "create")
  return { StackId = stack.StackId }
end

local function check_rest(stack, verb)
  if stack.StackStatus:find "IN_PROGRESS$" or stack.StackStatus == "ROLLBACK_COMPLETE"
    or stack.StackStatus == "DELETE_FAILED" or stack.StackStatus == "ROLLBACK_FAILED" then
    template.refuse("Stack:%s is in %s state and can not be %s.", stack.StackId, stack.StackStatus, verb)
  end
end

--- Sets a stack to work on another template, or other parameters; refuses when nothing is another.
--- @param call eksrun.sandbox.Call
--- @param stack table
--- @param body string
--- @param params table Parameters, Tags, Capabilities
function M.change(call, stack, body, params)
  check_rest(stack, "updated")
  local saved = { template = stack._template, values = stack._values, parameters = stack.Parameters,
    tags = stack.Tags }
  local before = util.copy(stack)
  M.describe_with(stack, body, params.Parameters)
  if params.Tags then stack.Tags = json.array(calls.tag_list(calls.tag_map(params.Tags))) end
  local same = util.equal(template.parse(body), template.parse(saved.template))
    and util.equal(stack._values, saved.values) and util.equal(stack.Tags, saved.tags)
  local ok, raised = true, nil
  if not same then ok, raised = pcall(engine.check, call, stack, params.Capabilities) end
  if same or not ok then
    for name in pairs(stack) do stack[name] = before[name] end
    if not ok then error(raised, 0) end
    template.refuse "No updates are to be performed."
  end
  stack._saved, stack.LastUpdatedTime = saved, call.now
  stack._token = params.ClientRequestToken
  if params.Capabilities then stack.Capabilities = params.Capabilities end
  stack.RoleARN = params.RoleARN or stack.RoleARN
  engine.start(call, stack, "update")
end

function operations.UpdateStack(call, params)
  local stack = M.need(call, params.StackName)
  M.change(call, stack, M.body(call, params, stack), params)
  return { StackId = stack.StackId }
end

local function check_exports(call, stack)
  for _, output in ipairs(stack.Outputs) do
    for _, other in ipairs(output.ExportName and call:all "cloudformation.stack" or {}) do
      if other._imports[output.ExportName] and other.StackStatus ~= "DELETE_COMPLETE" then
        template.refuse("Export %s cannot be deleted as it is in use by %s", output.ExportName,
          other.StackName)
      end
    end
  end
end

-- That it is not there is no error.
function operations.DeleteStack(call, params)
  local stack = M.find(call, params.StackName)
  if not stack or stack.StackStatus == "DELETE_COMPLETE" or stack._phase == "delete" then return end
  if stack.EnableTerminationProtection then
    template.refuse("Stack [%s] cannot be deleted while TerminationProtection is enabled", stack.StackName)
  end
  check_exports(call, stack)
  for _, name in ipairs(params.RetainResources or {}) do
    if stack._resources[name] then stack._resources[name]._retain = true end
  end
  stack._token = params.ClientRequestToken
  engine.start(call, stack, "delete")
end

function operations.DescribeStacks(call, params)
  if params.StackName then return { Stacks = json.array { M.need(call, params.StackName) } } end
  return {
    Stacks = json.array(call:all("cloudformation.stack", function(stack)
      return stack.StackStatus ~= "DELETE_COMPLETE"
    end)),
  }
end

function operations.ListStacks(call, params)
  local list, wanted = json.array {}, {}
  for _, status in ipairs(params.StackStatusFilter or {}) do wanted[status] = true end
  for _, stack in ipairs(call:all "cloudformation.stack") do
    if not next(wanted) or wanted[stack.StackStatus] then
      list[#list + 1] = {
        StackId = stack.StackId, StackName = stack.StackName, TemplateDescription = stack.Description,
        CreationTime = stack.CreationTime, LastUpdatedTime = stack.LastUpdatedTime,
        DeletionTime = stack.DeletionTime, StackStatus = stack.StackStatus,
        StackStatusReason = stack.StackStatusReason, DriftInformation = stack.DriftInformation,
      }
    end
  end
  return { StackSummaries = list }
end

function operations.DescribeStackEvents(call, params)
  return { StackEvents = json.array(util.copy(M.need(call, params.StackName)._events)) }
end

-- The resources of a stack in the order that its template's names have.
local function resources_of(call, name)
  local stack, list = M.need(call, name), {}
  for _, record in util.sorted_pairs(stack._resources) do list[#list + 1] = record end
  return list, stack
end

local function summary(record, time)
  return {
    LogicalResourceId = record.LogicalResourceId, PhysicalResourceId = record.PhysicalResourceId,
    ResourceType = record.ResourceType, ResourceStatus = record.ResourceStatus,
    ResourceStatusReason = record.ResourceStatusReason, [time] = record.Timestamp,
    DriftInformation = { StackResourceDriftStatus = "NOT_CHECKED" },
  }
end

local function detailed(record, stack, time)
  local shown = summary(record, time)
  shown.StackName, shown.StackId = stack.StackName, stack.StackId
  return shown
end

function operations.ListStackResources(call, params)
  local list = json.array {}
  for i, record in ipairs((resources_of(call, params.StackName))) do
    list[i] = summary(record, "LastUpdatedTimestamp")
  end
  return { StackResourceSummaries = list }
end

function operations.DescribeStackResources(call, params)
  local name = params.StackName
  if not name then
    local owner = call:find("cloudformation.stack", function(stack)
      for _, record in pairs(stack._resources) do
        if record.PhysicalResourceId == params.PhysicalResourceId then return true end
      end
    end)
    if not owner then template.refuse("Stack for %s does not exist", tostring(params.PhysicalResourceId)) end
    name = owner.StackId
  end
  local list, records, stack = json.array {}, resources_of(call, name)
  for _, record in ipairs(records) do
    if not params.LogicalResourceId or params.LogicalResourceId == record.LogicalResourceId then
      list[#list + 1] = detailed(record, stack, "Timestamp")
    end
  end
  return { StackResources = list }
end

function operations.DescribeStackResource(call, params)
  local stack = M.need(call, params.StackName)
  local record = stack._resources[params.LogicalResourceId]
  if not record then
    template.refuse("Resource %s does not exist for stack %s", params.LogicalResourceId, params.StackName)
  end
  return { StackResourceDetail = detailed(record, stack, "LastUpdatedTimestamp") }
end

function operations.GetTemplate(call, params)
  return { TemplateBody = M.need(call, params.StackName)._template,
    StagesAvailable = { "Original", "Processed" } }
end

function operations.UpdateTerminationProtection(call, params)
  local stack = M.need(call, params.StackName)
  stack.EnableTerminationProtection = params.EnableTerminationProtection
  return { StackId = stack.StackId }
end

function operations.ListExports(call)
  local list = json.array {}
  for _, stack in ipairs(call:all "cloudformation.stack") do
    for _, output in ipairs(stack.StackStatus ~= "DELETE_COMPLETE" and stack.Outputs or {}) do
      if output.ExportName then
        list[#list + 1] = { ExportingStackId = stack.StackId, Name = output.ExportName,
          Value = output.OutputValue }
      end
    end
  end
  return { Exports = list }
end

function operations.ListImports(call, params)
  local list = json.array {}
  for _, stack in ipairs(call:all "cloudformation.stack") do
    if stack._imports[params.ExportName] and stack.StackStatus ~= "DELETE_COMPLETE" then
      list[#list + 1] = stack.StackName
    end
  end
  if not list[1] then
    template.refuse("Export '%s' is not imported by any stack.", params.ExportName)
  end
  return { Imports = list }
end

local function declared(parsed)
  local list = json.array {}
  for name, parameter in util.sorted_pairs(parsed.Parameters or {}) do
    list[#list + 1] = {
      ParameterKey = name, Description = parameter.Description,
      DefaultValue = parameter.Default ~= nil and tostring(parameter.Default) or nil,
      NoEcho = tostring(parameter.NoEcho) == "true",
    }
  end
  return list
end

function operations.ValidateTemplate(call, params)
  local parsed = template.parse(M.body(call, params))
  return { Parameters = declared(parsed), Description = parsed.Description }
end

function operations.GetTemplateSummary(call, params)
  local stack = params.StackName and M.need(call, params.StackName)
  local parsed = template.parse(stack and stack._template or M.body(call, params))
  local seen, parameters = {}, declared(parsed)
  for _, resource in pairs(parsed.Resources) do seen[tostring(resource.Type)] = true end
  for _, parameter in ipairs(parameters) do
    parameter.ParameterType = parsed.Parameters[parameter.ParameterKey].Type
  end
  return {
    Parameters = parameters, Description = parsed.Description, ResourceTypes = util.sorted_keys(seen),
    Version = parsed.AWSTemplateFormatVersion,
  }
end

function operations.GetStackPolicy(call, params)
  return { StackPolicyBody = M.need(call, params.StackName)._policy }
end

function operations.SetStackPolicy(call, params)
  M.need(call, params.StackName)._policy = params.StackPolicyBody
end

return M
