--- What is known of a stack's lock by whoever looks at AWS to make a plan.
---
--- Records have numbers without gaps. So if nobody held the lock when the look began, and our hold is the
--- very next record behind the one that was read, then nobody held it in between either: the plan is as good
--- as one that was made under the lock.
local clock = require "eksrun.clock"
local error_object = require "eksrun.error"
local task = require "eksrun.task"

local M = {}

--- Seconds that what was seen counts, for what others than eksrun may do meanwhile.
local FRESH_SECONDS = 60

--- @class eksrun.lock.Sight
--- @field log eksrun.lock.Log? once it was read
--- @field began number clock.monotonic() before the look began
local Sight = {}
Sight.__index = Sight

--- To be made before anything is looked at.
--- @param open fun(): eksrun.lock.Log
--- @return eksrun.lock.Sight
function M.new(open) return setmetatable({ open = open, began = clock.monotonic() }, Sight) end

--- The newest record, read once; nil when there is none, or we may not read it.
--- @return eksrun.lock.Record?
function Sight:read()
  if self.done then
    self.done:wait()
    return self.log and self.log.record
  end
  self.done = task.event()
  local ok, err = pcall(function()
    local log = self.open()
    local _, now = log:read()
    self.log, self.at, self.since = log, now, clock.monotonic()
  end)
  self.done:set()
  if ok then return self.log.record end
  if error_object.is(err) and (err.code == "canceled" or err.code == "interrupted") then error(err, 0) end
  return nil
end

--- AWS's time, not later than it is; nil when the log was not read.
--- @return number?
function Sight:now() return self.log and self.at + (clock.monotonic() - self.since) end

--- Whether a plan holds that was made meanwhile, if the next record is ours.
--- @return boolean
function Sight:is_clear()
  local age = clock.monotonic() - self.began
  return self.log ~= nil and age <= FRESH_SECONDS and self.log:was_free(self:now() - age)
end

return M
