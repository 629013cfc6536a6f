--- The tasks of a stack under way: one resource each, made, changed or taken away. They are data in the
--- stack.
local events = require "eksrun.sandbox.cloudformation.event"
local fault = require "eksrun.sandbox.fault"
local resources = require "eksrun.sandbox.cloudformation.resource"
local template = require "eksrun.sandbox.cloudformation.template"
local util = require "eksrun.util"

local M = {}

-- How long a failure that may pass is tried again, in seconds.
local PATIENCE = 180

--- Tasks that bring all resources to what the template says.
--- @param scope eksrun.sandbox.cloudformation.Scope
--- @param wanted table<string, boolean> the resources that there are to be
--- @return table[]
function M.apply(scope, wanted)
  local tasks = {}
  for name in util.sorted_pairs(wanted) do
    tasks[#tasks + 1] = {
      name = name, verb = "apply", state = "waiting",
      after = template.dependencies(scope.template, name, wanted),
    }
  end
  return tasks
end

--- Tasks that take records away, each after what depends on it.
--- @param records table[]
--- @return table[]
function M.delete(records)
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

--- What a stack has.
--- @param stack table
--- @return table[] records
function M.records(stack)
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
  events.say(call, stack, record, status, reason)
end

local function begin_create(call, stack, task, record)
  if not task.said then
    task.said = true
    events.say(call, stack, record, "CREATE_IN_PROGRESS")
  end
  local done, reason = attempt(call, task, function() resources.create(call, stack, record) end)
  if reason then return fail(call, stack, task, record, "CREATE_FAILED", reason) end
  if not done then return end
  task.state, task.verb, task.ends = "running", "create", call.now + overhead(call, stack, record)
  events.say(call, stack, record, "CREATE_IN_PROGRESS", "Resource creation Initiated")
end

local function begin_change(call, stack, task, record, properties)
  local declared = record._declared
  record._declared = properties
  if resources.in_place(record.ResourceType, declared, properties) then
    record._properties = resources.named(record.ResourceType, properties, record._properties)
    events.say(call, stack, record, "UPDATE_IN_PROGRESS")
    local done, reason = attempt(call, task, function() resources.update(call, stack, record) end)
    if reason or not done then
      return fail(call, stack, task, record, "UPDATE_FAILED", reason or "The resource is in use")
    end
    task.state, task.verb, task.ends = "running", "update", call.now + overhead(call, stack, record)
    return
  end
  events.say(call, stack, record, "UPDATE_IN_PROGRESS",
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
    events.say(call, stack, record, "DELETE_SKIPPED")
    task.state = "done"
    return
  end
  if not task.said then
    task.said = true
    events.say(call, stack, record, "DELETE_IN_PROGRESS")
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
      events.say(call, stack, record, "DELETE_COMPLETE")
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
    events.say(call, stack, record, task.verb:upper() .. "_COMPLETE")
  end
end

--- Whether nothing that a task waits for is left.
--- @param task table
--- @param tasks table[]
--- @return boolean
function M.is_free(task, tasks)
  for _, other in ipairs(tasks) do
    for _, name in ipairs(task.after) do
      if other.name == name and other.state ~= "done" then return false end
    end
  end
  return true
end

--- Gives up what is under way: when something fails it is not waited for.
--- @param call eksrun.sandbox.Call
--- @param stack table
--- @param tasks table[]
function M.cancel(call, stack, tasks)
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

--- Goes on with a task.
--- @param call eksrun.sandbox.Call
--- @param stack table
--- @param task table
--- @param scope eksrun.sandbox.cloudformation.Scope
function M.step(call, stack, task, scope)
  if task.state == "running" then return look(call, stack, task) end
  if task.verb == "delete" then return begin_delete(call, stack, task) end
  begin_apply(call, stack, task, scope)
end

return M
