--- The lock of a stack as a write-once log: who holds it is what its newest record says.
---
--- Every take-over, renewal and release is a record of its own under the next number, put only if that
--- number is free. No record is ever changed, and the newest is never deleted, so that whoever acts on
--- what is no longer the newest fails at the put. Leases are judged by AWS's clock (the Date of its
--- answers). What this can and cannot promise: docs/lock.md; tests/spec/engine/lock_model_spec.lua goes
--- through the interleavings.
---
--- A store keeps the records:
---   put(slot, text) -> whether the number was free, AWS's time
---   get(slots) -> texts by slot, AWS's time
---   start() -> a number that was the newest once, texts from it on, AWS's time. The number is nil when there
---     is no record, and 0 when only list() can tell.
---   list() -> all numbers
---   remove(slots)
---   text_max: the longest text that it takes, in bytes
local error_object = require "eksrun.error"
local inventories = require "eksrun.engine.inventory"
local json = require "eksrun.json"

local M = {}

--- Seconds that a lease lasts; renewed at a quarter of it.
M.LEASE = 120
--- Seconds by which clocks of AWS may differ from each other.
M.MARGIN = 10

-- Records that may be deleted: older than any put can be late, and not among the newest. The first one stays:
-- where it is missing there is none.
local KEEP_SECONDS = 24 * 3600
local KEEP_NEWEST = 64
-- A put that took longer from the reading that it is based on may have come to a number that is free again.
local LATE_SECONDS = KEEP_SECONDS / 2
-- Numbers asked for at once; SSM takes ten.
local BATCH = 10

--- @class eksrun.lock.Record
--- @field kind "hold"|"release"
--- @field stack string
--- @field nonce string whose it is
--- @field at number AWS's time when it was made
--- @field deadline number AWS's time up to which a hold counts
--- @field owner table user, host, pid, command: for people
--- @field complete? boolean of a release: whether the run did all that it planned
--- @field made? number of a release: AWS's time when something was last asked for
--- @field generation? integer goes into tokens: the same for a run that was killed and those behind it
--- @field inventory? table what the stack may have: see engine/inventory.lua

--- @class eksrun.lock.Log
--- @field slot integer number of the newest record that is known
--- @field record? eksrun.lock.Record
local Log = {}
Log.__index = Log

--- @param store table
--- @param options { nonce: string, lease?: number, margin?: number }
--- @return eksrun.lock.Log
function M.new(store, options)
  return setmetatable({
    store = store,
    nonce = options.nonce,
    lease = options.lease or M.LEASE,
    margin = options.margin or M.MARGIN,
    slot = 0,
  }, Log)
end

--- A record from its text; raises for what is none of eksrun's.
--- @param text string
--- @return eksrun.lock.Record
function M.decode(text)
  local record = json.try_decode(text)
  if type(record) == "table" and (record.kind == "hold" or record.kind == "release")
    and type(record.nonce) == "string" and type(record.at) == "number"
    and type(record.deadline) == "number" then
    return record
  end
  error(error_object.new {
    code = "lock",
    message = "a record of the stack's lock is not one of eksrun's: " .. tostring(text):sub(1, 60),
  }, 0)
end

--- The numbers from one on that are asked for together.
--- @param first integer
--- @return integer[]
function M.batch(first)
  local slots = {}
  for i = 1, BATCH do slots[i] = first + i - 1 end
  return slots
end

--- Reads up to the newest record.
--- @return eksrun.lock.Record? nil when there is none
--- @return number? now AWS's time
function Log:read()
  local store = self.store
  local first, texts, now
  if self.slot == 0 then
    first, texts, now = store.start()
  else
    first = self.slot
    texts, now = store.get(M.batch(first))
  end
  while first do
    if texts[first] then
      local newest = first
      while texts[newest + 1] do newest = newest + 1 end
      self.slot, self.record = newest, M.decode(texts[newest])
      if newest < first + BATCH - 1 then return self.record, now end
      first = newest
    else
      -- What was the newest once is no longer kept, or not shown: what was read before counts on.
      first = math.max(0, table.unpack(store.list()))
      if first == 0 then break end
    end
    texts, now = store.get(M.batch(first))
  end
  return self.record, now
end

-- A record as text. What the stack may have is told in less detail where the text would be too long.
local function encode(record, max)
  local text = json.encode(record)
  if #text <= max then return text end
  local inventory = record.inventory
  record.inventory = json.object {}
  record.inventory = inventories.fitting(inventory or {}, max - #json.encode(record) + 2)
  return json.encode(record)
end

-- Puts a record under the next number. True: it is there. False: somebody else's is. Nil: neither is seen
-- yet. A put whose answer was lost left a record of ours: behind it goes the next.
local function append(log, record)
  record.nonce = log.nonce
  while true do
    local slot, text = log.slot + 1, encode(record, log.store.text_max)
    local free, now = log.store.put(slot, text)
    if free and now - record.at > LATE_SECONDS then
      log.store.remove { slot }
      return false
    end
    local found = free and text or log.store.get({ slot })[slot]
    if not found then return nil end
    local theirs = not free and M.decode(found) or record
    if theirs.nonce ~= log.nonce then return false end
    log.slot, log.record = slot, theirs
    if found == text then return true end
  end
end

--- Whether a record keeps others out.
--- @param record eksrun.lock.Record?
--- @param now number AWS's time
--- @return boolean
function Log:is_held(record, now)
  return record ~= nil and record.kind == "hold" and record.nonce ~= self.nonce
    and now <= record.deadline + self.margin
end

--- Whether whoever had the lock last had given it back by then. What a hold that was ended by hand may still
--- do is not known.
--- @param at number AWS's time
--- @return boolean
function Log:was_free(at)
  local record = self.record
  if not record then return true end
  return record.kind == "release" and not record.forced_by and record.at + self.margin < at
end

--- Takes the lock if nobody holds it.
--- @param fields table of the record: owner, inventory ...
--- @param is_dead? fun(record: eksrun.lock.Record): boolean whether a holder is known to be no more
--- @param seen? number AWS's time, not later than it is: the newest record is the one that was read
--- @return boolean taken
--- @return eksrun.lock.Record? record the holder's if it was not taken, else the one before ours
--- @return boolean? as_seen whether ours is the next one behind what `seen` says
function Log:take(fields, is_dead, seen)
  while true do
    local before, now = self.record, seen
    if not seen then before, now = self:read() end
    local held = self:is_held(before, now) and not (is_dead and is_dead(before))
    if held and not seen then return false, before end
    if not held then
      local record = fields(before)
      record.kind, record.at, record.deadline = "hold", now, now + self.lease
      if append(self, record) then return true, before, seen ~= nil end
    end
    seen = nil
  end
end

--- Renews our hold.
--- @param now number AWS's time, not later than it is
--- @return boolean? ours whether it is still; nil: not to be seen yet
function Log:renew(now)
  local record = {}
  for key, value in pairs(self.record) do record[key] = value end
  record.at, record.deadline = now, now + self.lease
  return (append(self, record))
end

--- Ends our hold; what it was taken with is kept, but for `fields`.
--- @param now number
--- @param fields? table
--- @return boolean? ours whether it was still; nil: not to be seen yet
function Log:release(now, fields)
  local record = {}
  for key, value in pairs(self.record) do record[key] = value end
  for key, value in pairs(fields or {}) do record[key] = value end
  record.kind, record.at, record.deadline = "release", now, now
  return (append(self, record))
end

--- Ends whoever's hold it is.
--- @param owner table who says so
--- @return eksrun.lock.Record? ended nil when nobody held it
function Log:force(owner)
  while true do
    local held, now = self:read()
    if not held or held.kind ~= "hold" then return nil end
    local record = {}
    for key, value in pairs(held) do record[key] = value end
    record.kind, record.at, record.deadline, record.forced_by = "release", now, now, owner
    if append(self, record) then return held end
  end
end

--- Deletes records that nobody can need.
--- @param now number
function Log:collect(now)
  if self.slot <= KEEP_NEWEST then return end
  local slots, old = self.store.list(), {}
  table.sort(slots)
  for i = 1, #slots - KEEP_NEWEST do
    if slots[i] > 1 then old[#old + 1] = slots[i] end
  end
  -- The oldest first, so that after any number that exists none is missing.
  for first = 1, #old, BATCH do
    local batch = table.move(old, first, math.min(first + BATCH - 1, #old), 1, {})
    local texts = self.store.get(batch)
    for _, slot in ipairs(batch) do
      if not texts[slot] or M.decode(texts[slot]).at > now - KEEP_SECONDS then return end
    end
    self.store.remove(batch)
  end
end

return M
