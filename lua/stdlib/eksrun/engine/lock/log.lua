--- The lock of a stack as a write-once log: who holds it is what its newest record says.
---
--- Every take-over, renewal and release is a record of its own under the next number, put only if that
--- number is free. No record is ever changed, and the newest is never deleted, so that whoever acts on
--- what is no longer the newest fails at the put. Leases are judged by AWS's clock (the Date of its
--- answers). What this can and cannot promise: docs/lock.md; tests/spec/engine/lock_model_spec.lua goes
--- through the interleavings.
---
--- A store keeps the records: `put(slot, text)` -> whether the number was free; `get(slots)` -> texts by
--- slot; `hint()` -> a number that was the newest once, or nil; `set_hint(slot)`; `list()` -> all numbers;
--- `remove(slots)`. put, get and hint return AWS's time as a second result. `text_max` is the longest text
--- that it takes, in bytes.
local error_object = require "eksrun.error"
local inventories = require "eksrun.engine.inventory"
local json = require "eksrun.json"

local M = {}

--- Seconds that a lease lasts; renewed at a quarter of it.
M.LEASE = 120
--- Seconds by which clocks of AWS may differ from each other.
M.MARGIN = 10

-- Records that may be deleted: older than any put can be late, and not among the newest.
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

-- Where to start: a number that exists, after which none is missing.
local function start(log)
  if log.slot > 0 then return log.slot end
  local hint = log.store.hint()
  if hint then return hint end
  local newest = 0
  for _, slot in ipairs((log.store.list())) do newest = math.max(newest, slot) end
  return newest
end

--- Reads up to the newest record.
--- @return eksrun.lock.Record? nil when there is none
--- @return number? now AWS's time
function Log:read()
  local first = start(self)
  while true do
    local slots = {}
    for i = 0, BATCH - 1 do slots[#slots + 1] = first + i end
    if first == 0 then table.remove(slots, 1) end
    local texts, now = self.store.get(slots)
    if first > 0 and not texts[first] then
      -- The hint was older than what is kept.
      first = 0
      for _, slot in ipairs((self.store.list())) do first = math.max(first, slot) end
      if first == 0 then return nil, now end
    else
      local newest = first
      while texts[newest + 1] do newest = newest + 1 end
      if texts[newest] then self.slot, self.record = newest, M.decode(texts[newest]) end
      if newest < slots[#slots] then return self.record, now end
      first = newest
    end
  end
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
    log.store.set_hint(slot)
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

--- Takes the lock if nobody holds it.
--- @param fields table of the record: owner, inventory ...
--- @param is_dead? fun(record: eksrun.lock.Record): boolean whether a holder is known to be no more
--- @return boolean taken
--- @return eksrun.lock.Record? record the holder's if it was not taken, else the one before ours
function Log:take(fields, is_dead)
  while true do
    local before, now = self:read()
    if self:is_held(before, now) and not (is_dead and is_dead(before)) then return false, before end
    local record = fields(before)
    record.kind, record.at, record.deadline = "hold", now, now + self.lease
    local ok = append(self, record)
    if ok then return true, before end
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
  local slots = self.store.list()
  table.sort(slots)
  local old = {}
  for i = 1, #slots - KEEP_NEWEST do old[i] = slots[i] end
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
