--- The state of a sandbox, plain data that JSON can hold, and what time makes of it.
---
--- Things lie by region, kind and id, with their fields by AWS's names; fields that begin with "_" are the
--- sandbox's own and no answer shows them. What will happen is data, too: events, each with its time, that
--- are carried out when the next request looks. Ids and durations are hashes of the seed and of what is
--- asked for, so that they do not depend on the order in which requests come.
local durations = require "eksrun.sandbox.durations"
local util = require "eksrun.util"

local M = {}

-- Where a new sandbox begins: 2026-01-01T00:00:00Z.
M.EPOCH = 1767225600
M.ACCOUNT = "111122223333"
-- The region of what lives outside of any.
M.GLOBAL = "aws-global"

--- @class eksrun.sandbox.World
--- @field state table
--- @field kubernetes? { url: string, authority: string } where clusters answer, and whom to trust, in base64
--- @field late? number seconds until requests see what EC2 made
--- @field authorize fun(call: eksrun.sandbox.Call) asks IAM; for services that call others
--- @field pause fun(now: number, last: number, soonest?: number): number? waits, at most that long; the time
--- then; nil: nobody waits here
--- @field handlers table<string, fun(call: eksrun.sandbox.Call, arguments: table)> of events, by name
local World = {}
World.__index = World

--- @param options { seed?: integer, now?: number, state?: table } a saved state has seed and clock of its own
--- @return eksrun.sandbox.World
function M.new(options)
  local state = options.state or {
    version = 1, seed = options.seed or 1, account = M.ACCOUNT, now = options.now or M.EPOCH, serial = 0,
    requests = 0,
    regions = {}, events = {}, tokens = {}, drawn = {},
  }
  return setmetatable({ state = state, handlers = {} }, World)
end

--- 64 hexadecimal digits that the seed and the arguments decide.
--- @param ... any
--- @return string
function World:hash(...) return util.fingerprint(self.state.seed, ...) end

--- The same, another one each time it is asked with the same arguments.
--- @param ... any
--- @return string
function World:next_hash(...)
  local key = util.fingerprint(...):sub(1, 20)
  local drawn = self.state.drawn
  drawn[key] = (drawn[key] or 0) + 1
  return self:hash(key, drawn[key])
end

--- How long something takes this time.
--- @param name string of durations.lua
--- @param ... any what it is done to: the same for the same
--- @return number seconds
function World:duration(name, ...)
  local least, median, most = table.unpack(durations[name])
  local u = tonumber(self:hash(name, ...):sub(1, 8), 16) / 0x100000000
  if u < 0.5 then return least + (median - least) * u * 2 end
  if u < 0.95 then return median + (most - median) * (u - 0.5) / 0.45 end
  return most + (most - median) * 0.2 * (u - 0.95) / 0.05
end

--- The things of a kind by their ids; the table is the state's own.
--- @param region string
--- @param kind string
--- @return table<string, table>
function World:things(region, kind)
  local regions = self.state.regions
  regions[region] = regions[region] or {}
  local kinds = regions[region]
  kinds[kind] = kinds[kind] or {}
  return kinds[kind]
end

--- The next number of an order in which things came.
function World:serial()
  local state = self.state
  state.serial = state.serial + 1
  return state.serial
end

--- Has something happen.
--- @param at number seconds since 1970
--- @param name string of the handler
--- @param region string
--- @param arguments table plain data
function World:schedule(at, name, region, arguments)
  table.insert(self.state.events, {
    at = at, serial = self:serial(), name = name, region = region, arguments = arguments,
  })
end

-- The index of the event that is due first.
local function first_event(events)
  local best
  for i, event in ipairs(events) do
    local other = best and events[best]
    if not other or event.at < other.at or event.at == other.at and event.serial < other.serial then
      best = i
    end
  end
  return best
end

--- When something happens next.
--- @return number? seconds since 1970
function World:next_event_at()
  local first = first_event(self.state.events)
  return first and self.state.events[first].at
end

--- Carries out what has happened by now.
--- @param now number seconds since 1970
--- @param context fun(event: table): eksrun.sandbox.Call what the handler gets, at the event's time
function World:advance(now, context)
  local state = self.state
  local at = self:next_event_at()
  while at and at <= now do
    local event = table.remove(state.events, first_event(state.events))
    state.now = math.max(state.now, at)
    self.handlers[event.name](context(event), event.arguments)
    at = self:next_event_at()
  end
  state.now = math.max(state.now, now)
end

--- Upper case letters and the digits from 2 to 7: ids of IAM, issuers of clusters.
--- @param hash string hexadecimal
--- @param length integer at most 32
--- @return string
function M.letters(hash, length)
  local alphabet, out = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", {}
  for i = 1, length do
    local n = tonumber(hash:sub(2 * i - 1, 2 * i), 16) % 32
    out[i] = alphabet:sub(n + 1, n + 1)
  end
  return table.concat(out)
end

--- A UUID of a hash.
--- @param hash string
--- @return string
function M.uuid(hash)
  return ("%s-%s-4%s-8%s-%s"):format(hash:sub(1, 8), hash:sub(9, 12), hash:sub(14, 16), hash:sub(18, 20),
    hash:sub(21, 32))
end

return M
