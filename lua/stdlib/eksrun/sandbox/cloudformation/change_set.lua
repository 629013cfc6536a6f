--- CloudFormation: change sets, what a change of a stack would do, and doing it.
local engine = require "eksrun.sandbox.cloudformation.engine"
local events = require "eksrun.sandbox.cloudformation.event"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local resources = require "eksrun.sandbox.cloudformation.resource"
local stacks = require "eksrun.sandbox.cloudformation.stack"
local template = require "eksrun.sandbox.cloudformation.template"
local util = require "eksrun.util"

local M = { operations = {}, events = {} }
local operations = M.operations

local function need(call, params)
  local name = params.ChangeSetName
  local found = call:get("cloudformation.change_set", name)
  if not found and params.StackName then
    local stack = stacks.find(call, params.StackName)
    found = call:find("cloudformation.change_set", function(set)
      return set.ChangeSetName == name and stack and set.StackId == stack.StackId
    end)
  end
  if found then return found end
  fault.raise_with("ChangeSetNotFoundException", ("ChangeSet [%s] does not exist"):format(name),
    { status = 404 })
end

local function change(action, name, kind, record, replacement, scope)
  return {
    Type = "Resource",
    ResourceChange = {
      Action = action, LogicalResourceId = name, ResourceType = kind, Replacement = replacement,
      PhysicalResourceId = record and record.PhysicalResourceId, Scope = scope or json.array {},
      Details = json.array {},
    },
  }
end

-- What would become of a stack's resources.
local function changes_of(call, stack, body, values)
  local list, seen = json.array {}, {}
  local after = setmetatable({ _template = body, _values = values }, { __index = stack })
  local scope = engine.scope(call, after)
  for name, resource in util.sorted_pairs(scope.template.Resources) do
    local record = stack._resources[name]
    local wanted = resource.Condition == nil or template.condition(scope, resource.Condition)
    if wanted then
      seen[name] = true
      local ok, properties = pcall(template.resolve, scope, resource.Properties or {})
      if not record or not record.PhysicalResourceId then
        list[#list + 1] = change("Add", name, resource.Type)
      elseif not ok or not util.equal(properties, record._declared) then
        local in_place = ok and resources.in_place(record.ResourceType, record._declared, properties)
        list[#list + 1] = change("Modify", name, resource.Type, record,
          ok and (in_place and "False" or "True") or "Conditional", { "Properties" })
      end
    end
  end
  for name, record in util.sorted_pairs(stack._resources) do
    if not seen[name] and record.PhysicalResourceId and record.ResourceStatus ~= "DELETE_COMPLETE" then
      list[#list + 1] = change("Remove", name, record.ResourceType, record)
    end
  end
  return list
end

function operations.CreateChangeSet(call, params)
  local stack, creates = stacks.find(call, params.StackName), params.ChangeSetType == "CREATE"
  if creates and stack and stack.StackStatus ~= "REVIEW_IN_PROGRESS" then
    fault.raise("AlreadyExistsException", "Stack [%s] already exists", params.StackName)
  elseif not creates and not stack then
    template.refuse("Stack [%s] does not exist", params.StackName)
  end
  local body = stacks.body(call, params, stack)
  local parsed = template.parse(body)
  local values = template.parameters(parsed, params.Parameters, stack and stack._values)
  if not stack then
    stack = stacks.new(call, params)
    stack._template, stack._values = body, values
    engine.check(call, stack, params.Capabilities)
    events.say(call, stack, nil, "REVIEW_IN_PROGRESS", "User Initiated")
    call:put("cloudformation.stack", stack.StackId, stack)
  end
  local changes = changes_of(call, stack, body, values)
  local id = call:arn("cloudformation", ("changeSet/%s/%s"):format(params.ChangeSetName, call:uuid "set"))
  local set = call:put("cloudformation.change_set", id, {
    ChangeSetName = params.ChangeSetName, ChangeSetId = id, StackId = stack.StackId,
    StackName = stack.StackName, Description = params.Description, CreationTime = call.now,
    Status = "CREATE_PENDING", ExecutionStatus = "UNAVAILABLE", Changes = changes,
    Parameters = stacks.shown_parameters(parsed, values), Capabilities = params.Capabilities,
    Tags = params.Tags or json.array {}, OnStackFailure = params.OnStackFailure, _body = body,
    _params = { Parameters = params.Parameters, Tags = params.Tags, Capabilities = params.Capabilities },
    _creates = creates,
  })
  call:after(call:duration("cloudformation.change_set", set.ChangeSetName), "cloudformation.change_set.ready",
    { id = id })
  return { Id = id, StackId = stack.StackId }
end

M.events["cloudformation.change_set.ready"] = function(call, arguments)
  local set = call:get("cloudformation.change_set", arguments.id)
  if not set then return end
  if set.Changes[1] then
    set.Status, set.ExecutionStatus = "CREATE_COMPLETE", "AVAILABLE"
  else
    set.Status = "FAILED"
    set.StatusReason = "The submitted information didn't contain changes. Submit different information to "
      .. "create a change set."
  end
end

function operations.DescribeChangeSet(call, params) return need(call, params) end

function operations.ListChangeSets(call, params)
  local stack, list = stacks.need(call, params.StackName), json.array {}
  for i, set in ipairs(call:all("cloudformation.change_set",
    function(s) return s.StackId == stack.StackId end)) do
    list[i] = {
      StackId = set.StackId, StackName = set.StackName, ChangeSetId = set.ChangeSetId,
      ChangeSetName = set.ChangeSetName, ExecutionStatus = set.ExecutionStatus, Status = set.Status,
      StatusReason = set.StatusReason, CreationTime = set.CreationTime, Description = set.Description,
    }
  end
  return { Summaries = list }
end

function operations.ExecuteChangeSet(call, params)
  local set = need(call, params)
  if set.ExecutionStatus ~= "AVAILABLE" then
    fault.raise("InvalidChangeSetStatus", "ChangeSet [%s] cannot be executed in its current status of [%s]",
      set.ChangeSetId, set.Status)
  end
  local stack = stacks.need(call, set.StackId)
  if set._creates then
    stacks.describe_with(stack, set._body, set._params.Parameters)
    engine.start(call, stack, "create")
  else
    stacks.change(call, stack, set._body, set._params)
  end
  set.ExecutionStatus, stack.ChangeSetId = "EXECUTE_COMPLETE", set.ChangeSetId
  return {}
end

function operations.DeleteChangeSet(call, params)
  call:remove("cloudformation.change_set", need(call, params).ChangeSetId)
  return {}
end

return M
