--- Carries out a plan under the lock of its stack.
---
---   lock -> look again -> journal -> apply -> release
---
--- What was planned before the lock was taken may have been done by somebody else meanwhile. Unless the lock
--- says that nobody can have, the plan is made again under it; and always where something is deleted, so that
--- it was seen under the lock.
local apply = require "eksrun.engine.apply"
local clock = require "eksrun.clock"
local inventory = require "eksrun.engine.inventory"
local journals = require "eksrun.engine.journal"
local locks = require "eksrun.engine.lock"
local make = require "eksrun.engine.make"
local owner = require "eksrun.engine.lock.owner"
local saved = require "eksrun.engine.saved"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {}

-- Until when, by our clock, things of earlier runs may stay unseen: one function for a step's thing, and
-- one for all that there may be. Nil: everything is to be seen by now.
local function unsettled_by(lock, journal)
  local window, now = make.settle_seconds(), clock.now()
  local before = lock and lock.before
  local others
  if before and journal.runs[before.nonce] then
    others = journal.runs[before.nonce]
  elseif before and before.kind == "hold" then
    others = now + window
  elseif before then
    -- Whoever's hold was ended by hand may have gone on until it saw that.
    local made = before.forced_by and before.at + lock.log.lease or before.made
    others = made and made + (now - lock:now()) + window
  end
  if others and others <= now then others = nil end
  journal:begin(owner.nonce(), others)
  local function of_step(step)
    local entry = journal.last[step.address]
    return entry and journals.made_by(entry, now) + window or others
  end
  local function of_all()
    local due = others or 0
    for _, entry in pairs(journal.last) do due = math.max(due, journals.made_by(entry, now) + window) end
    return due > now and due or nil
  end
  return of_step, of_all
end

-- Whether a destroy that sees nothing may not see what a run made that has just ended.
local function may_be_blind(options, plan)
  if not plan.destroy then return false end
  if next(journals.peek(plan.stack)) then return true end
  local record = options.lock ~= false and locks.last(options.aws, plan.stack)
  if not record then return false end
  local made = record.made or record.forced_by and record.at or 0
  return record.kind == "hold" or made + make.settle_seconds() > clock.now()
end

-- Until when a plan that was asked for at `asked` is not to be trusted: it replaces something, perhaps for
-- what it would make anew and only does not see yet. Nil: it is.
local function doubtful_until(plan, unsettled, asked)
  local replaces, due = false, 0
  for _, action in ipairs(plan.actions) do
    replaces = replaces or action.op == "replace"
    if action.op == "create" and action.type.identity == "tag" then
      due = math.max(due, unsettled(action) or 0)
    end
  end
  return replaces and due > asked and due or nil
end

-- Whether a plan can be carried out as it is, under a lock that was taken behind it.
local function stands(plan, lock)
  return lock.undisturbed and plan.counts.delete == 0 and plan.counts.replace == 0
end

--- @class eksrun.run.Options
--- @field plan eksrun.Plan as it was shown
--- @field make fun(): eksrun.Plan makes it again
--- @field aws table
--- @field command string for whoever meets the lock
--- @field lock? boolean default true
--- @field wait? number seconds to wait for a holder
--- @field on_wait? fun(record: eksrun.lock.Record)
--- @field on_settle? fun(seconds: number, ago: number) waits so long for AWS to show what an earlier run
--- changed, so many seconds ago at the least
--- @field on_changed? fun(plan: eksrun.Plan): boolean the plan is not what was shown: whether to go on
--- @field on_event? fun(event: table)
--- @field on_warning? fun(text: string) of what goes wrong when all else is done

-- A run under way: the plan as it stands by now, the lock and the journal that it holds, and whether the
-- stack would be complete, with what in it, if the run ended here.
local Run = {}
Run.__index = Run

-- Lets go of what the run holds. Whoever has the lock next has the journal, too; what is left in it costs
-- time and no more.
function Run:__close()
  local warn = self.options.on_warning or function() end
  local journal, lock = self.journal, self.lock
  if journal then
    local ok, err = pcall(self.complete and journal.clear or journal.close, journal, make.settle_seconds())
    if not ok then
      warn(("the journal %s could not be cleared: %s"):format(journal.path, util.describe(err)))
    end
  end
  local warning = lock and lock:release(self.complete, self.after, journal and journal.made)
  if warning then warn(warning) end
end

-- Takes the lock and opens the journal.
function Run:begin()
  local options, plan = self.options, self.plan
  if options.lock ~= false then
    self.lock = locks.take {
      aws = options.aws, stack = plan.stack, command = options.command, wait = options.wait,
      on_wait = options.on_wait,
      inventory = function(before) return inventory.union(before, inventory.during(plan)) end,
      sight = plan.sight,
    }
  end
  -- While nothing was done, what an earlier run left is as it was.
  local before = self.lock and self.lock.before
  self.was_complete = self.lock ~= nil
    and (not before or before.kind == "release" and before.complete) or false
  self.complete = self.was_complete
  self.journal = journals.open(plan.stack)
  self.unsettled, self.all_unsettled = unsettled_by(self.lock, self.journal)
end

-- Waits until AWS is to show what was made before that.
function Run:settle(due)
  local seconds = math.max(0, due - clock.now())
  local on_settle = self.options.on_settle
  if on_settle then on_settle(seconds, math.max(0, make.settle_seconds() - seconds)) end
  task.sleep(seconds)
end

-- Makes the plan again under the lock; false if it is not what was shown and not wanted as it is.
function Run:plan_again()
  local options, shown, began = self.options, saved.digest(self.plan), clock.now()
  self.plan = options.make()
  local due = doubtful_until(self.plan, self.unsettled, began)
  if due then
    self:settle(due)
    self.plan = options.make()
  end
  if saved.digest(self.plan) == shown then return true end
  if self.lock then self.lock:extend(inventory.during(self.plan)) end
  local ask = self.plan.counts.changes > 0 and options.on_changed
  return not ask or ask(self.plan)
end

-- Looks again at what may have changed since the plan was made; false if the run is not to go on.
function Run:look_again()
  -- What is not seen is made by nobody twice, but would be left by a destroy.
  local due = self.plan.destroy and self.all_unsettled()
  if due then self:settle(due) end
  local changed = self.lock and not stands(self.plan, self.lock)
  if changed or due or doubtful_until(self.plan, self.unsettled, 0) then return self:plan_again() end
  return true
end

-- Applies the plan, and says what is there then.
function Run:apply()
  local plan, lock = self.plan, self.lock
  self.complete = false
  local result = apply.run(plan, {
    aws = self.options.aws, on_event = self.options.on_event, lock = lock, journal = self.journal,
    unsettled = self.unsettled,
  })
  if result.lost then error(result.lost, 0) end
  local whole = not (result.failed[1] or result.not_started[1] or result.unready[1])
  -- A part of what the recipe wants says nothing about the rest.
  if whole and plan.partial then
    self.complete = self.was_complete
  elseif whole then
    self.complete = true
    self.after = inventory.after(plan, result.fields, lock and lock.log.record.inventory)
  end
  return result
end

--- @param options eksrun.run.Options
--- @return eksrun.Result? nil when on_changed said no
--- @return eksrun.Plan what was carried out
function M.carry_out(options)
  local plan = options.plan
  if plan.counts.changes == 0 and not may_be_blind(options, plan) then
    return apply.run(plan, { aws = options.aws, on_event = options.on_event }), plan
  end
  local run <close> = setmetatable({ options = options, plan = plan, complete = false }, Run)
  run:begin()
  if not run:look_again() then return nil, run.plan end
  return run:apply(), run.plan
end

return M
