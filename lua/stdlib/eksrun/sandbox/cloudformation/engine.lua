--- Stacks at work: what is made, changed and taken away, in which order, and what happens when something
--- fails. A stack that is under way is looked at every few seconds of the sandbox's time; all it knows
--- stands in it as data.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local resources = require "eksrun.sandbox.cloudformation.resource"
local template = require "eksrun.sandbox.cloudformation.template"
local util = require "eksrun.util"

local M = { events = {} }

-- Seconds between two looks; how long a failure that may pass is tried again.
local EVERY, PATIENCE = 3, 180

--- Writes an event of a resource, or of the stack itself.
--- @param call eksrun.sandbox.Call
--- @param stack table
--- @param record? table
--- @param status string
--- @param reason? string
function M.say(call, stack, record, status, reason)
  if record then
    record.ResourceStatus, record.ResourceStatusReason, record.Timestamp = status, reason, call.now
  else
    stack.StackStatus, stack.StackStatusReason = status, reason
  end
  table.insert(stack._events, 1, {
    StackId = stack.StackId, StackName = stack.StackName, Timestamp = call.now, ResourceStatus = status,
    EventId = record and ("%s-%s-%s"):format(record.LogicalResourceId, status, call:hash("event"):sub(1, 12))
      or call:uuid "event",
    LogicalResourceId = record and record.LogicalResourceId or stack.StackName,
    PhysicalResourceId = record and record.PhysicalResourceId or not record and stack.StackId or "",
    ResourceType = record and record.ResourceType or "AWS::CloudFormation::Stack",
    ResourceStatusReason = reason, ClientRequestToken = stack._token,
  })
end

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

-- -- tasks --------------------------------------------------------------------------------------------------

-- Tasks that bring all resources to what the template says.
local function apply_tasks(scope, wanted)
  local tasks = {}
  for name in util.sorted_pairs(wanted) do
    tasks[#tasks + 1] = {
      name = name, verb = "apply", state = "waiting",
      after = template.dependencies(scope.template, name, wanted),
    }
  end
  return tasks
end

-- Tasks that take records away, each after what depends on it.
local function delete_tasks(records)
  local tasks = {}
  for _, record in ipairs(records) do
    local after = {}
    for _, other in ipairs(records) do
      for _, name in ipairs(other._after or {}) do
        if name == record.LogicalResourceId then after[#after + 1] = other.LogicalResourceId end
      end
    end
    tasks[#tasks + 1] = {
      name = record.LogicalResourceId, verb = "delete", state = "waiting", after = after,
      old = record.old and record or nil,
    }
  end
  return tasks
end

local function records_of(stack)
  local list = {}
  for _, record in util.sorted_pairs(stack._resources) do
    if record.PhysicalResourceId and record.ResourceStatus ~= "DELETE_COMPLETE" then
      list[#list + 1] = record
    end
  end
  return list
end

local function overhead(call, stack, record)
  local slow = resources.types[record.ResourceType].slow
  return call:duration(slow and "cloudformation.resource.iam" or "cloudformation.resource", stack.StackName,
    record.LogicalResourceId)
end

-- Tries something; failures that may pass are tried again for a while.
-- Returns whether it is done, and what failed.
local function attempt(call, task, f)
  task.since = task.since or call.now
  local ok, raised = pcall(f)
  if ok then return true end
  if not fault.is(raised) then error(raised, 0) end
  if resources.passes(raised) and call.now - task.since < (task.verb == "delete" and 900 or PATIENCE) then
    return false
  end
  return false, ("Resource handler returned message: \"%s\" (HandlerErrorCode: %s)"):format(raised.message,
    raised.code)
end

local function fail(call, stack, task, record, status, reason)
  task.state = "failed"
  M.say(call, stack, record, status, reason)
end

local function begin_create(call, stack, task, record)
  if not task.said then
    task.said = true
    M.say(call, stack, record, "CREATE_IN_PROGRESS")
  end
  local done, reason = attempt(call, task, function() resources.create(call, stack, record) end)
  if reason then return fail(call, stack, task, record, "CREATE_FAILED", reason) end
  if not done then return end
  task.state, task.verb, task.ends = "running", "create", call.now + overhead(call, stack, record)
  M.say(call, stack, record, "CREATE_IN_PROGRESS", "Resource creation Initiated")
end

local function begin_change(call, stack, task, record, properties)
  local declared = record._declared
  record._declared = properties
  if resources.in_place(record.ResourceType, declared, properties) then
    record._properties = resources.named(record.ResourceType, properties, record._properties)
    M.say(call, stack, record, "UPDATE_IN_PROGRESS")
    local done, reason = attempt(call, task, function() resources.update(call, stack, record) end)
    if reason or not done then
      return fail(call, stack, task, record, "UPDATE_FAILED", reason or "The resource is in use")
    end
    task.state, task.verb, task.ends = "running", "update", call.now + overhead(call, stack, record)
    return
  end
  M.say(call, stack, record, "UPDATE_IN_PROGRESS",
    "Requested update requires the creation of a new physical resource; hence creating one.")
  record._replaced = {
    PhysicalResourceId = record.PhysicalResourceId, _properties = record._properties, _declared = declared,
  }
  record._properties, record._generation = util.copy(properties), (record._generation or 0) + 1
  record.PhysicalResourceId = nil
  local done, reason = attempt(call, task, function() resources.create(call, stack, record) end)
  if reason or not done then
    return fail(call, stack, task, record, "UPDATE_FAILED", reason or "The resource is in use")
  end
  task.state, task.verb, task.ends = "running", "update", call.now + overhead(call, stack, record)
end

local function begin_apply(call, stack, task, scope)
  local declared = scope.template.Resources[task.name]
  local record = stack._resources[task.name]
  local ok, properties = pcall(template.resolve, scope, declared.Properties or {})
  if not record or record.ResourceStatus == "DELETE_COMPLETE" then
    record = {
      LogicalResourceId = task.name, ResourceType = declared.Type, _properties = ok and properties or {},
      _retain = declared.DeletionPolicy == "Retain" or nil, _new = true, StackId = stack.StackId,
      StackName = stack.StackName, _generation = record and (record._generation or 0) + 1 or nil,
    }
    stack._resources[task.name] = record
  end
  record._after = task.after
  if not ok then
    return fail(call, stack, task, record, record._new and "CREATE_FAILED" or "UPDATE_FAILED",
      tostring(properties.message or properties))
  end
  if not record.PhysicalResourceId then
    record._properties, record._declared = util.copy(properties), properties
    return begin_create(call, stack, task, record)
  end
  if util.equal(properties, record._declared) then
    task.state = "done"
    return
  end
  begin_change(call, stack, task, record, properties)
end

local function begin_delete(call, stack, task)
  local record = task.old or stack._resources[task.name]
  if record._retain then
    M.say(call, stack, record, "DELETE_SKIPPED")
    task.state = "done"
    return
  end
  if not task.said then
    task.said = true
    M.say(call, stack, record, "DELETE_IN_PROGRESS")
  end
  local done, reason = attempt(call, task, function() resources.delete(call, stack, record) end)
  if reason then return fail(call, stack, task, record, "DELETE_FAILED", reason) end
  if done then task.state, task.ends = "running", call.now + overhead(call, stack, record) end
end

local function look(call, stack, task)
  if call.now < task.ends then return end
  if task.verb == "delete" then
    local record = task.old or stack._resources[task.name]
    if resources.is_gone(call, record) then
      task.state = "done"
      M.say(call, stack, record, "DELETE_COMPLETE")
    end
    return
  end
  local record = stack._resources[task.name]
  local state = resources.state(call, record)
  if state == "failed" then
    return fail(call, stack, task, record, task.verb:upper() .. "_FAILED", "Resource did not stabilize")
  end
  if state == "ready" then
    task.state = "done"
    M.say(call, stack, record, task.verb:upper() .. "_COMPLETE")
  end
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

local function names_of(tasks, state)
  local list = {}
  for _, task in ipairs(tasks) do
    if task.state == state then list[#list + 1] = task.name end
  end
  return list
end

-- Takes up the next phase of a stack; `phases` says what ends each.
local function enter(call, stack, phase, tasks, status, reason)
  stack._phase, stack._tasks = phase, tasks
  M.say(call, stack, nil, status, reason)
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
      return M.say(call, stack, nil, "CREATE_FAILED", why)
    end
    return enter(call, stack, "rollback", delete_tasks(records_of(stack)),
      stack._on_failure == "DELETE" and "DELETE_IN_PROGRESS" or "ROLLBACK_IN_PROGRESS",
      why .. " Rollback requested by user.")
  end
  local ok, found = pcall(outputs, call, stack, M.scope(call, stack))
  if not ok then
    return enter(call, stack, "rollback", delete_tasks(records_of(stack)), "ROLLBACK_IN_PROGRESS",
      tostring(found.message or found))
  end
  stack.Outputs, stack._phase = found, nil
  M.say(call, stack, nil, "CREATE_COMPLETE")
end

function phases.rollback(call, stack, failed)
  stack._phase = nil
  local gone = stack._on_failure == "DELETE"
  if failed[1] then
    return M.say(call, stack, nil, gone and "DELETE_FAILED" or "ROLLBACK_FAILED",
      ("The following resource(s) failed to delete: [%s]."):format(table.concat(failed, ", ")))
  end
  if gone then stack.DeletionTime = call.now end
  M.say(call, stack, nil, gone and "DELETE_COMPLETE" or "ROLLBACK_COMPLETE")
end

function phases.delete(call, stack, failed)
  stack._phase = nil
  if failed[1] then
    return M.say(call, stack, nil, "DELETE_FAILED",
      ("The following resource(s) failed to delete: [%s]."):format(table.concat(failed, ", ")))
  end
  stack.DeletionTime = call.now
  M.say(call, stack, nil, "DELETE_COMPLETE")
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
    enter(call, stack, "update_rollback", apply_tasks(scope, wanted_of(scope)), "UPDATE_ROLLBACK_IN_PROGRESS",
      failed[1] and ("The following resource(s) failed to update: [%s]."):format(table.concat(failed, ", "))
      or tostring(found.message or found))
    stack._gone = gone
    return
  end
  stack.Outputs = found
  local scope = M.scope(call, stack)
  local wanted, gone = wanted_of(scope), old_records(stack)
  for _, record in ipairs(records_of(stack)) do
    if not wanted[record.LogicalResourceId] then gone[#gone + 1] = record end
  end
  enter(call, stack, "cleanup", delete_tasks(gone), "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
end

local function settle(stack)
  for _, record in pairs(stack._resources) do record._new, record._replaced = nil, nil end
end

function phases.cleanup(call, stack)
  stack._phase = nil
  settle(stack)
  M.say(call, stack, nil, "UPDATE_COMPLETE")
end

function phases.update_rollback(call, stack, failed)
  if failed[1] then
    stack._phase = nil
    return M.say(call, stack, nil, "UPDATE_ROLLBACK_FAILED",
      ("The following resource(s) failed to update: [%s]."):format(table.concat(failed, ", ")))
  end
  enter(call, stack, "update_rollback_cleanup", delete_tasks(stack._gone or {}),
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
end

function phases.update_rollback_cleanup(call, stack)
  stack._phase = nil
  settle(stack)
  M.say(call, stack, nil, "UPDATE_ROLLBACK_COMPLETE")
end

-- -- steps --------------------------------------------------------------------------------------------------

local function is_free(task, tasks)
  for _, other in ipairs(tasks) do
    for _, name in ipairs(task.after) do
      if other.name == name and other.state ~= "done" then return false end
    end
  end
  return true
end

-- What is under way when something fails is not waited for.
local function cancel(call, stack, tasks)
  for _, task in ipairs(tasks) do
    local record = stack._resources[task.name]
    if task.state == "running" and task.verb ~= "delete" then
      fail(call, stack, task, record, task.verb:upper() .. "_FAILED", "Resource " .. task.verb
        .. " cancelled")
    elseif task.state == "waiting" and task.said then
      fail(call, stack, task, record, "CREATE_FAILED", "Resource creation cancelled")
    end
  end
end

M.events["cloudformation.step"] = function(call, arguments)
  local stack = call:get("cloudformation.stack", arguments.id)
  if not stack or not stack._phase then return end
  local tasks = stack._tasks
  local scope = M.scope(call, stack)
  local applies = stack._phase == "create" or stack._phase == "update" or stack._phase == "update_rollback"
  for _, task in ipairs(tasks) do
    if applies and names_of(tasks, "failed")[1] then break end
    if task.state == "waiting" and is_free(task, tasks) then
      if task.verb == "delete" then begin_delete(call, stack, task) else begin_apply(call, stack, task,
        scope) end
    elseif task.state == "running" then
      look(call, stack, task)
    end
  end
  local failed = names_of(tasks, "failed")
  if applies and failed[1] then
    cancel(call, stack, tasks)
    phases[stack._phase](call, stack, failed)
  else
    -- Of a deletion, what can go goes; what stands before it stays.
    local open = false
    for _, task in ipairs(tasks) do
      open = open or task.state == "running" or task.state == "waiting"
        and (is_free(task, tasks) or not failed[1])
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
    stack._tasks = delete_tasks(records_of(stack))
  else
    local scope = M.scope(call, stack)
    stack._tasks = apply_tasks(scope, wanted_of(scope))
  end
  stack._phase, stack._key = phase, call.access_key_id
  M.say(call, stack, nil, phase:upper() .. "_IN_PROGRESS", "User Initiated")
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
