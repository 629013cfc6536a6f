--- Stacks at work: what is made, changed and taken away, in which order, and what happens when something
--- fails. A stack that is under way is looked at every few seconds of the sandbox's time; all it knows
--- stands in it as data.
local events = require "eksrun.sandbox.cloudformation.event"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local resources = require "eksrun.sandbox.cloudformation.resource"
local tasks = require "eksrun.sandbox.cloudformation.task"
local template = require "eksrun.sandbox.cloudformation.template"
local util = require "eksrun.util"

local M = { events = {} }

-- Seconds between two looks.
local EVERY = 3

--- What a stack's template is resolved with.
--- @param call eksrun.sandbox.Call
--- @param stack table
--- @return eksrun.sandbox.cloudformation.Scope
function M.scope(call, stack)
  local function record(name)
    local found = stack._resources[name]
    if not found or not found.PhysicalResourceId then
      template.refuse("Template format error: Unresolved resource dependencies [%s]", name)
    end
    return found
  end
  return {
    template = template.parse(stack._template), parameters = stack._values, region = call.region,
    pseudo = {
      ["AWS::Region"] = call.region, ["AWS::AccountId"] = call.account, ["AWS::Partition"] = call.partition,
      ["AWS::StackName"] = stack.StackName, ["AWS::StackId"] = stack.StackId,
      ["AWS::URLSuffix"] = call.partition == "aws-cn" and "amazonaws.com.cn" or "amazonaws.com",
      ["AWS::NotificationARNs"] = json.array {},
    },
    ref = function(name) return record(name).PhysicalResourceId end,
    attribute = function(name, attribute) return resources.attribute(call, record(name), attribute) end,
    import = function(name)
      for _, other in ipairs(call:all "cloudformation.stack") do
        for _, output in ipairs(other.StackStatus ~= "DELETE_COMPLETE" and other.Outputs or {}) do
          if output.ExportName == name then
            stack._imports[name] = true
            return output.OutputValue
          end
        end
      end
      template.refuse("No export named %s found.", tostring(name))
    end,
  }
end

-- The resources of a template whose conditions hold.
local function wanted_of(scope)
  local wanted = {}
  for name, resource in pairs(scope.template.Resources) do
    wanted[name] = resource.Condition == nil or template.condition(scope, resource.Condition) or nil
  end
  return wanted
end

-- -- phases -------------------------------------------------------------------------------------------------

local function outputs(call, stack, scope)
  local list = json.array {}
  for name, output in util.sorted_pairs(scope.template.Outputs or {}) do
    if output.Condition == nil or template.condition(scope, output.Condition) then
      local export = output.Export and template.resolve(scope, output.Export.Name)
      for _, other in ipairs(export and call:all "cloudformation.stack" or {}) do
        for _, present in ipairs(other.Outputs or {}) do
          if present.ExportName == export and other.StackId ~= stack.StackId
            and other.StackStatus ~= "DELETE_COMPLETE" then
            template.refuse("Export with name %s is already exported by stack %s.", export, other.StackName)
          end
        end
      end
      list[#list + 1] = {
        OutputKey = name, OutputValue = tostring(template.resolve(scope, output.Value)),
        Description = output.Description, ExportName = export,
      }
    end
  end
  return list
end

local function names_of(all, state)
  local list = {}
  for _, task in ipairs(all) do
    if task.state == state then list[#list + 1] = task.name end
  end
  return list
end

-- Takes up the next phase of a stack; `phases` says what ends each.
local function enter(call, stack, phase, list, status, reason)
  stack._phase, stack._tasks = phase, list
  events.say(call, stack, nil, status, reason)
end

local function old_records(stack)
  local list = {}
  for name, record in util.sorted_pairs(stack._resources) do
    if record._replaced then
      list[#list + 1] = {
        old = true, LogicalResourceId = name, ResourceType = record.ResourceType, _after = record._after,
        PhysicalResourceId = record._replaced.PhysicalResourceId, _properties = record._replaced._properties,
      }
    end
  end
  return list
end

local phases = {}

function phases.create(call, stack, failed)
  if failed[1] then
    local why = ("The following resource(s) failed to create: [%s]."):format(table.concat(failed, ", "))
    if stack._on_failure == "DO_NOTHING" then
      stack._phase = nil
      return events.say(call, stack, nil, "CREATE_FAILED", why)
    end
    return enter(call, stack, "rollback", tasks.delete(tasks.records(stack)),
      stack._on_failure == "DELETE" and "DELETE_IN_PROGRESS" or "ROLLBACK_IN_PROGRESS",
      why .. " Rollback requested by user.")
  end
  local ok, found = pcall(outputs, call, stack, M.scope(call, stack))
  if not ok then
    return enter(call, stack, "rollback", tasks.delete(tasks.records(stack)), "ROLLBACK_IN_PROGRESS",
      tostring(found.message or found))
  end
  stack.Outputs, stack._phase = found, nil
  events.say(call, stack, nil, "CREATE_COMPLETE")
end

function phases.rollback(call, stack, failed)
  stack._phase = nil
  local gone = stack._on_failure == "DELETE"
  if failed[1] then
    return events.say(call, stack, nil, gone and "DELETE_FAILED" or "ROLLBACK_FAILED",
      ("The following resource(s) failed to delete: [%s]."):format(table.concat(failed, ", ")))
  end
  if gone then stack.DeletionTime = call.now end
  events.say(call, stack, nil, gone and "DELETE_COMPLETE" or "ROLLBACK_COMPLETE")
end

function phases.delete(call, stack, failed)
  stack._phase = nil
  if failed[1] then
    return events.say(call, stack, nil, "DELETE_FAILED",
      ("The following resource(s) failed to delete: [%s]."):format(table.concat(failed, ", ")))
  end
  stack.DeletionTime = call.now
  events.say(call, stack, nil, "DELETE_COMPLETE")
end

-- Puts a stack back to what it was before an update, as far as that needs no calls.
local function restore(stack)
  local gone = {}
  for name, record in util.sorted_pairs(stack._resources) do
    if record._new then
      gone[#gone + 1] = record
    elseif record._replaced then
      if record.PhysicalResourceId then
        gone[#gone + 1] = {
          old = true, LogicalResourceId = name, ResourceType = record.ResourceType, _after = record._after,
          PhysicalResourceId = record.PhysicalResourceId, _properties = record._properties,
        }
      end
      local old = record._replaced
      record.PhysicalResourceId, record._declared, record._properties = old.PhysicalResourceId, old._declared,
        old._properties
      record._replaced = nil
    end
  end
  local before = stack._saved
  stack._template, stack._values, stack.Parameters, stack.Tags = before.template, before.values,
    before.parameters, before.tags
  return gone
end

function phases.update(call, stack, failed)
  local ok, found = pcall(outputs, call, stack, M.scope(call, stack))
  if failed[1] or not ok then
    local gone = restore(stack)
    local scope = M.scope(call, stack)
    enter(call, stack, "update_rollback", tasks.apply(scope, wanted_of(scope)), "UPDATE_ROLLBACK_IN_PROGRESS",
      failed[1] and ("The following resource(s) failed to update: [%s]."):format(table.concat(failed, ", "))
      or tostring(found.message or found))
    stack._gone = gone
    return
  end
  stack.Outputs = found
  local scope = M.scope(call, stack)
  local wanted, gone = wanted_of(scope), old_records(stack)
  for _, record in ipairs(tasks.records(stack)) do
    if not wanted[record.LogicalResourceId] then gone[#gone + 1] = record end
  end
  enter(call, stack, "cleanup", tasks.delete(gone), "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
end

local function settle(stack)
  for _, record in pairs(stack._resources) do record._new, record._replaced = nil, nil end
end

function phases.cleanup(call, stack)
  stack._phase = nil
  settle(stack)
  events.say(call, stack, nil, "UPDATE_COMPLETE")
end

function phases.update_rollback(call, stack, failed)
  if failed[1] then
    stack._phase = nil
    return events.say(call, stack, nil, "UPDATE_ROLLBACK_FAILED",
      ("The following resource(s) failed to update: [%s]."):format(table.concat(failed, ", ")))
  end
  enter(call, stack, "update_rollback_cleanup", tasks.delete(stack._gone or {}),
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
end

function phases.update_rollback_cleanup(call, stack)
  stack._phase = nil
  settle(stack)
  events.say(call, stack, nil, "UPDATE_ROLLBACK_COMPLETE")
end

-- -- steps --------------------------------------------------------------------------------------------------

M.events["cloudformation.step"] = function(call, arguments)
  local stack = call:get("cloudformation.stack", arguments.id)
  if not stack or not stack._phase then return end
  local list = stack._tasks
  local scope = M.scope(call, stack)
  local applies = stack._phase == "create" or stack._phase == "update" or stack._phase == "update_rollback"
  for _, task in ipairs(list) do
    if applies and names_of(list, "failed")[1] then break end
    if task.state == "running" or task.state == "waiting" and tasks.is_free(task, list) then
      tasks.step(call, stack, task, scope)
    end
  end
  local failed = names_of(list, "failed")
  if applies and failed[1] then
    tasks.cancel(call, stack, list)
    phases[stack._phase](call, stack, failed)
  else
    -- Of a deletion, what can go goes; what stands before it stays.
    local open = false
    for _, task in ipairs(list) do
      open = open or task.state == "running" or task.state == "waiting"
        and (tasks.is_free(task, list) or not failed[1])
    end
    if not open then phases[stack._phase](call, stack, failed) end
  end
  if stack._phase then call:after(EVERY, "cloudformation.step", { id = stack.StackId }) end
end

--- Sets a stack to work.
--- @param call eksrun.sandbox.Call
--- @param stack table
--- @param phase "create"|"update"|"delete"
function M.start(call, stack, phase)
  if phase == "delete" then
    stack._tasks = tasks.delete(tasks.records(stack))
  else
    local scope = M.scope(call, stack)
    stack._tasks = tasks.apply(scope, wanted_of(scope))
  end
  stack._phase, stack._key = phase, call.access_key_id
  events.say(call, stack, nil, phase:upper() .. "_IN_PROGRESS", "User Initiated")
  call:after(EVERY, "cloudformation.step", { id = stack.StackId })
end

--- Refuses a template whose resources nobody here makes, whose references lead nowhere, or that wants more
--- than the call allows.
--- @param call eksrun.sandbox.Call
--- @param stack table with _template and _values
--- @param capabilities? string[]
function M.check(call, stack, capabilities)
  local scope = M.scope(call, stack)
  local unknown, wants = {}, nil
  for name, resource in util.sorted_pairs(scope.template.Resources) do
    local definition = resources.types[resource.Type or ""]
    if not definition then unknown[#unknown + 1] = tostring(resource.Type) end
    if definition and definition.capability then
      local named = (resource.Properties or {})[definition.capability] ~= nil
      wants = (named or wants == "CAPABILITY_NAMED_IAM") and "CAPABILITY_NAMED_IAM" or "CAPABILITY_IAM"
    end
    template.dependencies(scope.template, name, wanted_of(scope))
  end
  if unknown[1] then
    template.refuse("Template format error: Unrecognized resource types: [%s]", table.concat(unknown, ", "))
  end
  local has = {}
  for _, capability in ipairs(capabilities or {}) do has[capability] = true end
  if wants and not has.CAPABILITY_NAMED_IAM and not (wants == "CAPABILITY_IAM" and has.CAPABILITY_IAM) then
    fault.raise("InsufficientCapabilitiesException", "Requires capabilities : [%s]", wants)
  end
end

return M
