--- Carries out a plan under the lock of its stack.
---
---   lock -> look again -> journal -> apply -> release
---
--- What was planned before the lock was taken may have been done by somebody else meanwhile: the plan is made
--- again under the lock, so that what is deleted was seen under it.
local apply = require "eksrun.engine.apply"
local clock = require "eksrun.clock"
local inventory = require "eksrun.engine.inventory"
local journals = require "eksrun.engine.journal"
local locks = require "eksrun.engine.lock"
local make = require "eksrun.engine.make"
local owner = require "eksrun.engine.lock.owner"
local saved = require "eksrun.engine.saved"

local M = {}

-- Until when (our clock) an earlier run may have made a thing that AWS does not show yet; nil: it did not.
local function unsettled_by(lock, journal)
  local window, now = make.settle_seconds(), clock.now()
  local before = lock and lock.before
  local done = not before or before.kind == "release" and before.complete
  local ours = before and before.owner and before.owner.machine == owner.machine()
  return function(step)
    local intent = journal.pending[step.address]
    if intent then return intent.at + window end
    -- This machine's journal has all that a run of this machine intended.
    if done or ours and journal.found then return nil end
    return (before.kind == "hold" and now or before.at) + window
  end
end

--- @class eksrun.run.Options
--- @field plan eksrun.Plan as it was shown
--- @field make fun(): eksrun.Plan makes it again
--- @field aws table
--- @field command string for whoever meets the lock
--- @field lock? boolean default true
--- @field wait? number seconds to wait for a holder
--- @field on_wait? fun(record: eksrun.lock.Record)
--- @field on_changed? fun(plan: eksrun.Plan): boolean the plan is not what was shown: whether to go on
--- @field on_event? fun(event: table)

--- @param options eksrun.run.Options
--- @return eksrun.Result? nil when on_changed said no
--- @return eksrun.Plan what was carried out
function M.carry_out(options)
  local plan, stack = options.plan, options.plan.stack
  if plan.counts.changes == 0 then
    return apply.run(plan, { aws = options.aws, on_event = options.on_event }), plan
  end
  local lock
  if options.lock ~= false then
    lock = locks.take {
      aws = options.aws, stack = stack, command = options.command, wait = options.wait,
      on_wait = options.on_wait,
      inventory = function(before) return inventory.union(before, inventory.during(plan)) end,
    }
  end
  local journal = journals.open(stack)
  -- While nothing was done, what an earlier run left is as it was.
  local before = lock and lock.before
  local was_complete = lock ~= nil and (not before or before.kind == "release" and before.complete) or false
  local complete, after = was_complete, nil
  local _ <close> = setmetatable({}, {
    __close = function()
      if lock then lock:release(complete, after) end
      if complete then journal:clear() else journal:close() end
    end,
  })
  if lock then
    local shown = saved.digest(plan)
    plan = options.make()
    if saved.digest(plan) ~= shown then
      lock:extend(inventory.during(plan))
      local asked = plan.counts.changes > 0 and options.on_changed
      if asked and not asked(plan) then return nil, plan end
    end
  end
  complete = false
  local result = apply.run(plan, {
    aws = options.aws, on_event = options.on_event, lock = lock, journal = journal,
    unsettled = unsettled_by(lock, journal),
  })
  if result.lost then error(result.lost, 0) end
  complete = not (result.failed[1] or result.not_started[1] or result.unready[1])
  -- A part of what the recipe wants says nothing about the rest.
  if complete and plan.partial then
    complete = was_complete
  elseif complete then
    after = inventory.after(plan, result.fields)
  end
  return result, plan
end

return M
