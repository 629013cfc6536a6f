--- Carries out a plan: every step starts the moment that what it needs is done.
---
--- A step that fails stops only what needs it. The first interrupt starts nothing new and ends the
--- waits for readiness (a second run takes them up); calls in flight are finished.
local clock = require "eksrun.clock"
local context = require "eksrun.engine.context"
local denial = require "eksrun.aws.denial"
local diff = require "eksrun.engine.diff"
local error_object = require "eksrun.error"
local guard = require "eksrun.engine.lock.guard"
local leftovers = require "eksrun.resource.leftovers"
local make = require "eksrun.engine.make"
local order = require "eksrun.engine.order"
local ref = require "eksrun.engine.ref"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {}

-- Seconds without any progress after which a deletion that AWS refuses is given up.
local DEPENDENCY_PATIENCE = 120
-- Seconds between two looks for what Kubernetes left since the plan was made.
local SWEEP_PAUSE = 10

-- What ends a wait for readiness.
local CUT = error_object.new { code = "canceled", message = "interrupted" }

--- @class eksrun.Result
--- @field done eksrun.Step[]
--- @field failed eksrun.Step[] with .err
--- @field not_started eksrun.Step[]
--- @field unready eksrun.Step[] made or changed, but the wait for readiness was cut short
--- @field interrupted string? name of the signal
--- @field lost table? why the lock was lost
--- @field elapsed number seconds
--- @field started number clock.monotonic() at the beginning
--- @field steps eksrun.Step[] all of them
--- @field fields table<eksrun.Node, table> what is known of each resource

local Run = {}
Run.__index = Run

-- What is known of a resource, each layer on top of the one before.
local function layers(...)
  local out = {}
  for _, fields in ipairs { ... } do
    local known = {}
    for key, value in pairs(fields) do
      if ref.complete(value) then known[key] = value end
    end
    out = util.overlay(out, known)
  end
  return out
end

function Run:emit(step, event, detail)
  self.on_event {
    event = event, address = step.address, type = step.action.type.name, kind = step.kind,
    elapsed = clock.monotonic() - (step.started or self.started), detail = detail, step = step,
  }
end

function Run:context(step, inputs)
  local plan, action = self.plan, step.action
  local old = action.record and action.record[action.type.id]
  local tags
  if action.node and action.type.tagging then
    tags = plan.stack:tags_for(action.node, ref.resolve(action.node.tags, self.env))
  end
  return context.new {
    aws = self.aws, stack = plan.stack, type = action.type, address = step.address, memo = {},
    tags = tags,
    token = inputs and plan.stack:token(step.address, inputs, old, self.generation),
    stopping = function() return self.stopping end,
    on_state = function(state)
      if state and state ~= step.state then
        step.state = state
        self:emit(step, "state", state)
      end
    end,
  }
end

-- Runs f alone among those with the same text.
function Run:exclusively(step, inputs, f)
  local rule = (step.action.type.exclusive or {})[step.kind]
  if not rule then
    f()
    return
  end
  local key = rule:gsub("{(%w+)}", function(name) return tostring(inputs[name]) end)
  local semaphore = self.exclusive[key]
  if not semaphore then
    semaphore = task.semaphore(1)
    self.exclusive[key] = semaphore
  end
  return semaphore:with(function()
    if self.stopping then
      step.skipped = true
    else
      f()
    end
  end)
end

-- The wait for readiness has a scope of its own, so that an interrupt can end it and nothing else.
function Run:waited(step, f)
  if self.stopping then
    step.cut = true
    return nil
  end
  local ok, result = pcall(task.scope, function(scope)
    step.wait = scope
    return f()
  end)
  step.wait = nil
  if ok then return result end
  if not self.stopping or result ~= CUT then error(result, 0) end
  step.cut = true
end

function Run:ready(step, ctx, fields, inputs)
  local type_ = step.action.type
  if not type_.ready then return fields end
  local more = self:waited(step, function() return type_.ready(ctx, fields, inputs) end)
  return layers(fields, more or {})
end

function Run:inputs(step)
  local inputs = ref.resolve(step.action.node.inputs, self.env, true)
  for _, name in ipairs(util.sorted_keys(inputs)) do
    if not ref.complete(inputs[name]) then
      util.fail("recipe", "%s: %s: input '%s' is still not known", step.action.node.where, step.address, name)
    end
  end
  return inputs
end

function Run:create(step)
  local action = step.action
  local inputs = self:inputs(step)
  local ctx = self:context(step, inputs)
  local found = make.earlier(self, step, ctx)
  if found then
    action.record = found
    return self:update(step)
  end
  self:exclusively(step, inputs, function()
    local made
    made, found = make.now(self, step, ctx, inputs)
    if found then return end
    local fields = layers(inputs, made or {})
    step.id = fields[action.type.id]
    self.fields[action.node] = fields
    self.fields[action.node] = self:ready(step, ctx, fields, inputs)
  end)
  if found then
    action.record = found
    return self:update(step)
  end
end

local function retag_step(step, ctx, changes)
  local set, removed = {}, {}
  for _, change in ipairs(changes) do
    if change.to == nil then removed[#removed + 1] = change.key else set[change.key] = change.to end
  end
  local type_ = step.action.type
  local retag = type_.retag or require("eksrun.resource.tags").scheme(type_.tagging[1]).retag
  if not retag then
    util.fail("plan", "%s: the tags of %s cannot be changed", step.address, type_.name)
  end
  retag(ctx, step.action.record, set, removed)
end

function Run:update(step)
  local action = step.action
  local type_, record = action.type, action.record
  local inputs = self:inputs(step)
  step.id = record[type_.id]
  local ctx = self:context(step, inputs)
  self.fields[action.node] = layers(record, inputs)
  self:exclusively(step, inputs, function()
    local fields = record
    if record.pending then fields = self:ready(step, ctx, record, inputs) end
    if step.cut then return end
    -- Against what is known now: a value that was not known may turn out to be the same.
    local changed, any = {}, false
    for _, change in ipairs(diff.compare(type_.inputs, inputs, record)) do
      if change.replaces then
        util.fail("plan", "%s: %s turned out to differ, which would replace it; run again", step.address,
          change.path)
      end
      changed[change.input] = true
      any = true
    end
    if type_.tagging then
      local tags = diff.compare_tags(ctx.tags, record.tags)
      if tags[1] then retag_step(step, ctx, tags) end
    end
    if any then
      local more = ctx:retry((type_.retry or {}).update, function()
        return type_.update(ctx, fields, inputs, changed)
      end)
      fields = layers(fields, inputs, more or {})
      fields = self:ready(step, ctx, fields, inputs)
    end
    self.fields[action.node] = layers(fields, inputs)
  end)
end

function Run:wait(step)
  local action = step.action
  step.id = action.record[action.type.id]
  local inputs = self:inputs(step)
  local fields = self:ready(step, self:context(step), action.record, inputs)
  self.fields[action.node] = fields
end

-- Deletes what Kubernetes left since the plan was made: interfaces of nodes that have gone, a load balancer
-- that was made meanwhile. Each becomes a step of the run.
function Run:sweep(ctx)
  local now = clock.monotonic()
  if self.swept and now - self.swept < SWEEP_PAUSE then return end
  self.swept = now
  local known, jobs = {}, {}
  for _, step in ipairs(self.steps) do
    if step.kind == "delete" then known[step.action.record[step.action.type.id]] = true end
  end
  for _, action in ipairs(leftovers.find(ctx:fresh(), self.plan.actions, true).actions) do
    if not known[action.record[action.type.id]] then
      local step = {
        kind = "delete", action = action, address = action.address, needs = {}, finished = task.event(),
      }
      table.insert(self.steps, step)
      jobs[#jobs + 1] = function()
        self:run_step(step)
        step.finished:set()
      end
    end
  end
  task.all(jobs)
end

-- The same error, and what is still there.
local function explained(ctx, record, err)
  local what = record.VpcId and leftovers.blockers(ctx, record.VpcId)
  if not what then return err end
  return error_object.new {
    code = err.code, operation = err.operation, service = err.service,
    message = ("still in %s: %s"):format(record.VpcId, what), cause = err,
  }
end

-- DependencyViolation and its like pass when something else goes: retried while anything does.
function Run:delete(step)
  local action = step.action
  local type_, record = action.type, action.record
  step.id = record[type_.id]
  local ctx = self:context(step)
  self:exclusively(step, record, function()
    local delay, mark, since = 0.5, self.progress, clock.monotonic()
    while not record.leaving do
      local ok, err = pcall(function()
        ctx:retry((type_.retry or {}).delete, function()
          ctx:found(function() type_.delete(ctx, record) end)
        end)
      end)
      if ok then break end
      local code = type(err) == "table" and err.code
      if code ~= "DependencyViolation" and code ~= "DeleteConflict" or self.stopping then error(err, 0) end
      ctx:state("still in use")
      self:sweep(ctx)
      if self.progress ~= mark then mark, since = self.progress, clock.monotonic() end
      if clock.monotonic() - since > DEPENDENCY_PATIENCE then error(explained(ctx, record, err), 0) end
      task.sleep(delay)
      delay = math.min(delay * 2, 5)
    end
    if self.journal then self.journal:gone(step, record[type_.id]) end
    if type_.gone then self:waited(step, function() type_.gone(ctx, record) end) end
  end)
end

function Run:run_step(step)
  for other in pairs(step.needs) do
    other.finished:wait()
    if other.status ~= "done" then
      step.status = "not started"
      step.blocker = other.blocker or other
    end
  end
  if self.stopping then step.status = "not started" end
  if step.status == "not started" then return end
  step.started = clock.monotonic()
  step.status = "running"
  self:emit(step, "start")
  local ok, err = pcall(self[step.kind], self, step)
  step.elapsed = clock.monotonic() - step.started
  self.progress = self.progress + 1
  if not ok then
    step.status, step.err = "failed", denial.explain(err, self.aws)
    self:emit(step, "failed", err)
  elseif step.skipped then
    step.status = "not started"
  elseif step.cut then
    step.status = "unready"
    self:emit(step, "unready")
  else
    step.status = "done"
    self:emit(step, "done")
  end
end

function Run:interrupt(signal)
  self.stopping = signal
  local running = {}
  for _, step in ipairs(self.steps) do
    if step.status == "running" then running[#running + 1] = step end
  end
  self.on_event { event = "interrupted", signal = signal, running = running }
  for _, step in ipairs(running) do
    if step.wait then step.wait:cancel(CUT) end
  end
end

-- Somebody else may be changing the same things: like an interrupt, for all that is not in flight.
function Run:lose(err)
  self.lost = err
  self:interrupt "lock"
end

function Run:all_steps()
  task.scope(function(scope)
    local keeper = self.lock and scope:spawn(function() pcall(self.lock.keep, self.lock) end)
    local jobs = {}
    for _, step in ipairs(self.steps) do
      jobs[#jobs + 1] = scope:spawn(function()
        local ok, err = pcall(self.run_step, self, step)
        if not ok then step.status, step.err = "failed", err end
        step.finished:set()
      end)
    end
    for _, job in ipairs(jobs) do job:join() end
    if keeper then keeper:cancel() end
  end)
end

local function sort_out(run)
  local result = {
    done = {}, failed = {}, not_started = {}, unready = {}, lost = run.lost,
    interrupted = run.stopping ~= "lock" and run.stopping or nil,
    elapsed = clock.monotonic() - run.started, fields = run.fields,
    steps = run.steps, started = run.started,
  }
  local lists = {
    done = result.done, failed = result.failed, unready = result.unready,
    ["not started"] = result.not_started,
  }
  for _, step in ipairs(run.steps) do table.insert(lists[step.status], step) end
  return result
end

--- @class eksrun.apply.Options
--- @field aws table
--- @field on_event? fun(event: table) "begin" with all steps, what becomes of each, "interrupted"
--- @field lock? eksrun.Lock held: kept up meanwhile, looked at before each call that changes something
--- @field journal? eksrun.Journal open
--- @field unsettled? fun(step: eksrun.Step): number? until when, by our clock, a thing may be there unseen

--- Carries the plan out and says what became of it; raises only for mistakes of the plan itself.
--- @param plan eksrun.Plan
--- @param options eksrun.apply.Options
--- @return eksrun.Result
function M.run(plan, options)
  local lock = options.lock
  local run = setmetatable({
    plan = plan, journal = options.journal, unsettled = options.unsettled, lock = lock,
    generation = lock and lock.generation,
    aws = guard.wrap(options.aws),
    on_event = options.on_event or function() end,
    steps = order.steps(plan), exclusive = {}, fields = {}, progress = 0, started = clock.monotonic(),
  }, Run)
  run.env = function(node) return run.fields[node] end
  for _, action in ipairs(plan.actions) do
    if action.op == "keep" then run.fields[action.node] = layers(action.record, action.inputs) end
  end
  for _, step in ipairs(run.steps) do step.finished = task.event() end
  if lock then
    lock.on_lost = function(err) run:lose(err) end
  end
  task.on_signal(function(signal) run:interrupt(signal) end)
  local _ <close> = setmetatable({}, { __close = function() task.on_signal(nil) end })
  local _ <close> = guard.enforce(lock)
  run.on_event { event = "begin", steps = run.steps }
  run:all_steps()
  return sort_out(run)
end

return M
