--- The lock of a stack: taken before anything is changed, renewed while a run lasts, released at its end.
---
--- The holder looks at its deadline before each call that changes something. Where no fence has AWS refuse
--- requests that arrive late, the lock is advisory: docs/lock.md says what that can cost.
local clock = require "eksrun.clock"
local error_object = require "eksrun.error"
local fences = require "eksrun.engine.lock.fence"
local inventory = require "eksrun.engine.inventory"
local log_module = require "eksrun.engine.lock.log"
local owner = require "eksrun.engine.lock.owner"
local places = require "eksrun.engine.lock.place"
local sights = require "eksrun.engine.lock.sight"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {}

--- Seconds that a call may take at most before the lease has to have ended: the client's own limit.
local CALL_SECONDS = 60

--- @class eksrun.Lock
--- @field before eksrun.lock.Record? what stood before ours
--- @field undisturbed boolean whether nobody had it since the look of options.sight began
--- @field resumes boolean whether the run before did not end
--- @field generation integer
local Lock = {}
Lock.__index = Lock

-- What --lock and --fence say, for the whole process.
local settings = { place = { kind = "ssm" }, fence = nil }

--- Where locks are kept, and what refuses late calls, from now on.
--- @param chosen { place?: eksrun.lock.Place, fence?: eksrun.lock.FenceSpec } default: ssm, none
function M.configure(chosen) settings = { place = chosen.place or { kind = "ssm" }, fence = chosen.fence } end

--- The log of a stack's lock.
--- @param aws table
--- @param stack eksrun.Stack
--- @param options? { lease?: number, margin?: number }
--- @return eksrun.lock.Log
function M.log(aws, stack, options)
  options = options or {}
  local place = settings.place
  local store = places.module(place).new(aws, place, places.id(stack))
  return log_module.new(store, { nonce = owner.nonce(), lease = options.lease, margin = options.margin })
end

--- The newest record of every stack of the account and region.
--- @param aws table
--- @param on_foreign? fun(name: string) what has such a name and is no record of eksrun's
--- @return eksrun.lock.Record[]
function M.all(aws, on_foreign)
  local out = {}
  for _, found in ipairs(places.module(settings.place).newest(aws, settings.place)) do
    local ok, record = pcall(log_module.decode, found.text)
    if ok then
      out[#out + 1] = record
    elseif on_foreign then
      on_foreign(found.name)
    end
  end
  return out
end

--- Who holds it, since when, until when: one line.
--- @param record eksrun.lock.Record
--- @return string
function M.describe(record)
  local who = record.owner or {}
  return ("%s@%s (process %s, %s) since %s, lease until %s"):format(
    util.escape(tostring(who.user or "?")), util.escape(tostring(who.host or "?")), tostring(who.pid or "?"),
    util.escape(tostring(who.command or "?")), clock.format_iso8601(who.since or record.at),
    clock.format_iso8601(record.deadline))
end

local function refused(err, stack)
  if not error_object.is(err) or (err.status ~= 403 and err.status ~= 400) then return err end
  local code = tostring(err.code)
  if not code:find("AccessDenied", 1, true) and not code:find("Unauthorized", 1, true) then return err end
  return error_object.new {
    code = "lock", request_id = err.request_id, cause = err,
    message = ("the lock of %s cannot be kept: %s; allow %s, or run with --no-lock"):format(stack.name,
      tostring(err.message or err.code),
      places.module(settings.place).permissions(settings.place, places.id(stack))),
  }
end

--- @class eksrun.lock.Options
--- @field aws table
--- @field stack eksrun.Stack
--- @field command string for people
--- @field sight? eksrun.lock.Sight of the plan that is to be carried out
--- @field wait? number seconds to wait for a holder, default 0
--- @field on_wait? fun(record: eksrun.lock.Record)
--- @field inventory? fun(before: table?): table? what the stack may have from now on
--- @field on_lost? fun(err: table) when it was taken over or could not be renewed
--- @field lease? number
--- @field margin? number

--- What is known of a stack's lock, for a look at AWS that begins now.
--- @param aws table
--- @param stack eksrun.Stack
--- @return eksrun.lock.Sight
function M.sight(aws, stack)
  return sights.new(function() return M.log(aws, stack) end)
end

--- The newest record of a stack's lock; nil when there is none, or we may not read it.
--- @param aws table
--- @param stack eksrun.Stack
--- @return eksrun.lock.Record?
function M.last(aws, stack) return M.sight(aws, stack):read() end

-- Somebody else has it, also after the wait that was asked for.
local function fail_locked(options, holder)
  local name, how, todo = options.stack.name, "is being changed by", "wait for it"
  if (options.wait or 0) > 0 then
    how = ("is still being changed, after %s of waiting, by"):format(util.duration(options.wait, true))
    todo = "wait longer"
  end
  util.fail("locked", "%s %s %s; %s with --wait SECONDS, or if it is gone: eksrun unlock --stack %s", name,
    how, M.describe(holder), todo, util.shell_word(name))
end

--- Takes the lock, waiting for its holder if asked to.
--- @param options eksrun.lock.Options
--- @return eksrun.Lock
--- Raises { code = "locked" } when somebody else holds it.
function M.take(options)
  local fence = settings.fence and fences.new(settings.fence, options.aws)
  local sight = options.sight
  local log = sight and sight.log or M.log(options.aws, options.stack, options)
  local clear, seen = sight and sight:is_clear(), sight and sight:now()
  local who = owner.me(options.command)
  local self = setmetatable({
    log = log, stack = options.stack, fence = fence, on_lost = options.on_lost,
  }, Lock)
  self.renewing = task.semaphore(1)
  local function fields(before)
    who.since = clock.now()
    local ended = not before or before.kind == "release" and not before.forced_by
    self.before, self.resumes = before, before ~= nil and before.kind == "hold"
    -- A run behind one that was killed has its tokens. One behind a run that ended, well or not, has its own:
    -- what an old token made may have failed, and AWS would answer with that.
    self.generation = ended and log.slot + 1 or before.generation or 0
    -- What a record had no room for stays unknown, until a run has looked everywhere.
    local known = not before or before.inventory ~= nil
    return {
      owner = who, generation = self.generation, stack = options.stack.name,
      inventory = known and options.inventory and options.inventory(before and before.inventory) or nil,
    }
  end
  local deadline, delay, told = clock.monotonic() + (options.wait or 0), 1, nil
  while true do
    local ok, taken, other, as_seen = pcall(log.take, log, fields, owner.is_dead, seen)
    if not ok then error(refused(taken, options.stack), 0) end
    self.undisturbed, seen = taken and as_seen and clear or false, nil
    if taken then break end
    if clock.monotonic() >= deadline then
      fail_locked(options, other)
    end
    if options.on_wait and told ~= other.nonce then options.on_wait(other) end
    told = other.nonce
    task.sleep(delay * (0.5 + math.random()))
    delay = math.min(delay * 1.5, 10)
  end
  self:learn(log.record.at)
  return self
end

-- AWS's time was `at` when its answer came: from here on, our own clock counts on.
function Lock:learn(at) self.at, self.since = at, clock.monotonic() end

--- AWS's time, not earlier than it is by more than the margin covers.
--- @return number
function Lock:now() return self.at + (clock.monotonic() - self.since) end

-- Without a fence, what was sent in time may come late.
local function aftermath(self)
  return self.fence and "" or "; what was sent before may still arrive (docs/lock.md)"
end

local function lose(self, err)
  self.lost = self.lost or err
  if self.on_lost then self.on_lost(self.lost) end
end

local function renew_now(self)
  local ok, ours = pcall(self.log.renew, self.log, self:now())
  if ok and ours then return true end
  if ok and ours == false then
    local _, holder = pcall(self.log.read, self.log)
    lose(self, error_object.new {
      code = "lock_lost",
      message = ("the lock of %s was taken over by %s%s"):format(self.stack.name,
        type(holder) == "table" and holder.kind and M.describe(holder) or "somebody else", aftermath(self)),
    })
    return false
  end
  if error_object.is(ours) and ours.code == "canceled" then error(ours, 0) end
  if self:now() > self.log.record.deadline then
    lose(self, error_object.new {
      code = "lock_lost",
      message = ("the lock of %s could not be renewed: %s"):format(self.stack.name,
        ok and "its records are not shown" or tostring(ours)),
    })
    return false
  end
  return nil
end

-- One renewal at a time: two would be after the same number. Nil: it may be tried again.
local function renew(self)
  local ok
  self.renewing:with(function() ok = renew_now(self) end)
  return ok
end

--- Lets a call leave that changes something; raises unless the lease lasts longer than one that begins now
--- can take. Renews it where the keeper was held up.
--- @return eksrun.aws.Permit?
function Lock:permit()
  local log = self.log
  local function left() return log.record.deadline - self:now() end
  local enough = math.min(CALL_SECONDS + log.margin, 0.6 * log.lease)
  while not self.lost and left() <= enough and left() > 0 do
    if renew(self) == nil then task.sleep(log.lease / 120) end
  end
  if self.lost then error(self.lost, 0) end
  if left() > enough then
    return self.fence and self.fence:permit(log.record.deadline, self:now(), enough) or nil
  end
  error(error_object.new {
    code = "lock_lost",
    message = ("the lock of %s could not be renewed before its lease ended"):format(self.stack.name),
  }, 0)
end

-- Renews until it is known whether the lock is ours; it is not, at the latest when the lease has ended.
local function renew_surely(self)
  while true do
    local ok = renew(self)
    if ok ~= nil then return ok end
    task.sleep(self.log.lease / 30)
  end
end

--- Renews the lock until it is lost or the task is canceled, and deletes old records meanwhile; a task of the
--- run's own.
function Lock:keep()
  task.scope(function(scope)
    local collector = scope:spawn(function() pcall(self.log.collect, self.log, self:now()) end)
    repeat task.sleep(self.log.lease / 4) until not renew_surely(self)
    collector:cancel()
  end)
end

--- Writes down that the stack may have more than was said when the lock was taken.
--- @param more table
function Lock:extend(more)
  local known = self.log.record.inventory
  local all = known and inventory.union(known, more)
  if not known or util.fingerprint(all) == util.fingerprint(known) then return end
  self.log.record.inventory = all
  if not renew_surely(self) then error(self.lost, 0) end
end

--- Gives the lock back.
--- @param complete boolean whether all that was planned is done
--- @param has? table what the stack has now
--- @param made? number when the run last asked for something, by our clock
--- @return string? warning that it could not be given back, or was not ours any more
function Lock:release(complete, has, made)
  if self.lost then return nil end
  local now = self:now()
  made = made and now - (clock.now() - made) or self.before and self.before.made
  -- Of a run that was interrupted before it began, too.
  local ok, err = task.shield(self.log.release, self.log, now,
    { complete = complete, inventory = has, made = made })
  if ok and err == false then
    return ("the lock of %s was no longer this run's when it ended: its hold was ended by hand, or taken "
      .. "over; look at what is there: eksrun plan"):format(self.stack.name)
  end
  if ok then return nil end
  return ("the lock of %s could not be given back, its lease ends at %s: %s"):format(self.stack.name,
    clock.format_iso8601(self.log.record.deadline), util.describe(err))
end

return M
