-- Every interleaving of clients on the lock of a stack, within bounds. Each may pause between any two steps,
-- reads may be stale, answers may be lost, clocks may differ.
--
-- The protocol's own code runs (engine/lock/log.lua, and how a fence dates signatures), but each of its
-- steps once only: what a client does next depends on what it remembers, so its states, and what answers make
-- of them, are kept as an automaton that is filled as it is needed. A state of the whole is then two numbers:
-- where each client is and what time it is, and which records there are. A state that has been seen is not
-- gone through again.
local fences = require "eksrun.engine.lock.fence"
local json = require "eksrun.json"
local logs = require "eksrun.engine.lock.log"
local signature_age = require "eksrun.aws.signature_age"

local M = {}

--- @class eksrun.spec.LockModel
--- @field clients? integer default 2
--- @field ticks integer until when time goes on
--- @field lease? integer ticks, default 1
--- @field margin? integer default 0
--- @field overwrite? boolean records can be replaced
--- @field stale? boolean reads may not show the newest record
--- @field lost? integer so often a put of a client may succeed and look as if the number had been taken; 3 at
--- most
--- @field renew? boolean holders renew between what they do
--- @field effects? integer calls of a holder, default 1
--- @field release? boolean holders give the lock back when they are done
--- @field fence? "signature"|"session"
--- @field age? integer at which the service refuses signatures; the client reckons with AGE
--- @field fast? integer the client whose clock is a tick ahead
--- @field slow? integer the client whose clock is a tick behind
--- @field late? integer ticks that the service's clock is behind
--- @field look? boolean clients look before they take the lock, and not again if nobody had it since; a call
--- of one who did not see what had landed by then is a violation
--- @field blind? boolean they do not look again, whoever had it
--- @field hasty? boolean they take no margin for when it was given back
--- @field belief? boolean the violation is that a client believes to hold what somebody else has, not that
--- something lands late
--- @field check? boolean whether what is taken for one state of a client is checked to be one

--- What clients reckon with.
M.AGE = 3

-- What a client does. `step(what, ...)` is where it may pause, and returns the answer. `seen` has all that it
-- remembers from one step to the next.
local function client(name, options, step, seen)
  local store = { text_max = 4096 }
  function store.put(slot, text)
    seen.put = text
    return step("put", slot, text)
  end
  function store.get(slots) return step("get", slots) end
  function store.start()
    local texts, now = store.get(logs.batch(1))
    return texts[1] and 1, texts, now
  end
  function store.list() return {} end

  local log = logs.new(store, { nonce = name, lease = options.lease or 1, margin = options.margin or 0 })
  seen.log, seen.left = log, options.effects or 1
  local read_at
  if options.look then
    seen.looked = step "look"
    read_at = select(2, log:read())
    local free = seen.looked + (options.hasty and log.margin or 0)
    seen.trusts = options.blind or log:was_free(free)
  end
  local taken, _, as_seen = log:take(function() return {} end, nil, read_at)
  if not taken then return end
  seen.looked, seen.trusts = nil, seen.trusts and as_seen or nil
  local guard = options.fence and fences.new({ kind = "signature" }, {})
  while true do
    seen.holds, seen.put = true, nil
    local now = step "send"
    if now > log.record.deadline then return end
    local limit = guard and guard:permit(log.record.deadline).not_after
    if options.fence == "signature" then limit = signature_age.date(now, limit, M.AGE) end
    step("land", limit)
    seen.left = seen.left - 1
    if seen.left == 0 then
      if options.release then log:release(step "now") end
      return
    end
    if options.renew then
      local ours
      repeat
        now = step "now"
        ours = now <= log.record.deadline and log:renew(now)
      until ours ~= nil
      if not ours then return end
    end
  end
end

-- ---- the automaton of one client

local Automaton = {}
Automaton.__index = Automaton

-- Runs the client on answers, from its beginning. Returns its next step, and all that it remembers as text.
local function run(self, trace)
  local seen = {}
  local co = coroutine.create(client)
  local result = table.pack(coroutine.resume(co, self.name, self.options, coroutine.yield, seen))
  for _, answer in ipairs(trace) do
    result = table.pack(coroutine.resume(co, table.unpack(answer)))
  end
  if not result[1] then error(result[2], 0) end
  if coroutine.status(co) == "dead" then return nil, "end", seen end
  return result, json.encode({
    step = { table.unpack(result, 2) }, slot = seen.log.slot, record = seen.log.record, put = seen.put,
    holds = seen.holds, left = seen.left, looked = seen.looked, trusts = seen.trusts,
  }), seen
end

local function enter(self, trace)
  local result, memory, seen = run(self, trace)
  local id = self.ids[memory]
  if not id then
    id = #self.nodes + 1
    self.ids[memory] = id
    self.nodes[id] = {
      trace = trace, edges = {},
      what = result and result[2], a = result and result[3], b = result and result[4],
      looked = seen.looked, trusts = seen.trusts,
      holds = seen.holds, deadline = seen.holds and seen.log.record.deadline,
    }
  elseif self.options.check then
    -- Equal memories are equal clients: what comes next is the same after any of the two pasts.
    self.merged[#self.merged + 1] = { id = id, trace = trace }
  end
  return id
end

local function automaton(name, options)
  local self = setmetatable({ name = name, options = options, ids = {}, nodes = {}, merged = {} }, Automaton)
  self.start = enter(self, {})
  return self
end

local function longer(trace, answer)
  local out = table.move(trace, 1, #trace, 1, {})
  out[#out + 1] = answer
  return out
end

-- The node after an answer, which `key` tells from others.
function Automaton:after(node, key, answer)
  local id = node.edges[key]
  if not id then
    id = enter(self, longer(node.trace, answer))
    node.edges[key] = id
    node.answers = node.answers or {}
    node.answers[key] = answer
  end
  return id
end

-- Raises if two pasts were taken for one that have different futures.
function Automaton:check_merged()
  for _, merged in ipairs(self.merged) do
    local node = self.nodes[merged.id]
    for key, id in pairs(node.edges) do
      local _, memory = run(self, longer(merged.trace, node.answers[key]))
      assert(self.ids[memory] == id, "a client remembers more than the model knows")
    end
  end
  return #self.merged
end

-- ---- the records, as numbers

local Worlds = {}
Worlds.__index = Worlds

local function worlds() return setmetatable({ ids = {}, list = {}, texts = {}, count = 0 }, Worlds) end

function Worlds:of(records)
  local key = table.concat(records, " ")
  local id = self.ids[key]
  if not id then
    id = #self.list + 1
    self.ids[key], self.list[id] = id, { records = records, put = {} }
  end
  return id
end

-- The number of a text.
function Worlds:text(text)
  if not self.texts[text] then
    self.count = self.count + 1
    self.texts[text], self.texts[self.count] = self.count, text
  end
  return self.texts[text]
end

-- The records with one more, or with one replaced.
function Worlds:put(id, slot, text)
  local world = self.list[id]
  local number = self:text(text)
  local key = slot << 32 | number
  if not world.put[key] then
    local records = table.move(world.records, 1, #world.records, 1, {})
    assert(slot <= #records + 1, "a number was left out")
    records[slot] = number
    world.put[key] = self:of(records)
  end
  return world.put[key]
end

-- ---- all interleavings

-- A state as a number: the time, and of each client where it is, how many answers it has lost, whether
-- something was done since it looked, and whether a newer holder has begun.
local NODE_BITS, LOST_BITS = 14, 2
local CLIENT_BITS = NODE_BITS + LOST_BITS + 2

local function pack(state)
  local key = state.now
  for _, one in ipairs(state) do
    key = key << CLIENT_BITS | one.at << (LOST_BITS + 2) | one.lost << 2
      | (one.missed and 2 or 0) | (one.over and 1 or 0)
  end
  return key
end

local function unpack_state(key, world, clients)
  local state = { world = world }
  for i = clients, 1, -1 do
    state[i] = {
      over = key & 1 == 1, missed = key & 2 == 2, lost = key >> 2 & (1 << LOST_BITS) - 1,
      at = key >> (LOST_BITS + 2) & (1 << NODE_BITS) - 1,
    }
    key = key >> CLIENT_BITS
  end
  state.now = key
  return state
end

local Search = {}
Search.__index = Search

-- Notes a state that was reached by a step from another, unless it is known.
function Search:add(state, from, label)
  local key, of_world = pack(state), self.seen[state.world]
  if not of_world then
    of_world = {}
    self.seen[state.world] = of_world
  end
  if of_world[key] then return end
  of_world[key] = true
  local n = self.count + 1
  self.count, self.keys[n], self.worlds[n], self.from[n], self.labels[n] = n, key, state.world, from, label
end

-- The steps up to a state.
function Search:path(n)
  local steps = {}
  while n and self.labels[n] do
    table.insert(steps, 1, self.labels[n])
    n = self.from[n]
  end
  return table.concat(steps, ", ")
end

function Search:clock(i, now)
  local options = self.options
  return now + (options.fast == i and 1 or 0) - (options.slow == i and 1 or 0)
end

-- Client i gets an answer. `more` has what else is changed: world, took (it holds now), lost, landed.
function Search:go(state, i, label, key, answer, more)
  local after = { world = more and more.world or state.world, now = state.now }
  for j, one in ipairs(state) do after[j] = one end
  local me = self.all[i]
  local node = me.nodes[state[i].at]
  local id = me:after(node, key, answer)
  if more and (more.took or more.landed) then
    for j, one in ipairs(state) do
      local its = self.all[j].nodes[one.at]
      after[j] = {
        at = one.at, lost = one.lost, over = one.over or more.took and its.holds,
        missed = one.missed or more.landed and its.looked ~= nil,
      }
    end
  end
  after[i] = {
    at = id, over = me.nodes[id].holds and state[i].over or false,
    missed = (me.nodes[id].looked or me.nodes[id].trusts) and state[i].missed or false,
    lost = me.nodes[id].what and state[i].lost + (more and more.lost and 1 or 0) or 0,
  }
  self:add(after, self.now_at, label)
end

local steps = {}

function steps.get(self, state, i, node)
  local records, parts, texts = self.records.list[state.world].records, {}, {}
  for n, slot in ipairs(node.a) do
    parts[n] = records[slot] or 0
    texts[slot] = records[slot] and self.records.texts[records[slot]]
  end
  local time, newest = self:clock(i, state.now), #records
  parts[#parts + 1] = time
  self:go(state, i, i .. ":get", table.concat(parts, " "), { texts, time })
  if not self.options.stale or not texts[newest] then return end
  local stale = {}
  for slot, text in pairs(texts) do stale[slot] = slot ~= newest and text or nil end
  parts[newest - node.a[1] + 1] = 0
  self:go(state, i, i .. ":stale get", table.concat(parts, " "), { stale, time })
end

function steps.put(self, state, i, node)
  local time, slot, text = self:clock(i, state.now), node.a, node.b
  if self.records.list[state.world].records[slot] and not self.options.overwrite then
    self:go(state, i, i .. ":put refused", "taken " .. time, { false, time })
    return
  end
  local more = { world = self.records:put(state.world, slot, text), took = not node.holds }
  self:go(state, i, i .. ":put", "free " .. time, { true, time }, more)
  if state[i].lost < (self.options.lost or 0) then
    more.lost = true
    self:go(state, i, i .. ":put, answer lost", "taken " .. time, { false, time }, more)
  end
end

function steps.now(self, state, i, node)
  local time = self:clock(i, state.now)
  self:go(state, i, i .. ":" .. node.what, time, { time })
end

function steps.send(self, state, i, node)
  if self.options.belief and state[i].over and self:clock(i, state.now) <= node.deadline then
    return i .. ":believes to hold it"
  end
  steps.now(self, state, i, node)
end

function steps.land(self, state, i, node)
  local options, service = self.options, state.now - (self.options.late or 0)
  local refused = options.fence == "signature" and service > node.a + (options.age or M.AGE)
    or options.fence == "session" and service > node.a
  if state[i].over and not refused and not options.belief then return i .. ":lands late" end
  if state[i].missed and not refused then return i .. ":acts on what it saw too early" end
  self:go(state, i, i .. ":land", "", {}, { landed = not refused })
end

steps.look = steps.now

-- All steps from a state; what they violate.
function Search:expand(state)
  for i, one in ipairs(state) do
    local node = self.all[i].nodes[one.at]
    local violated = node.what and steps[node.what](self, state, i, node)
    if violated then return violated end
  end
  if state.now < self.options.ticks then
    state.now = state.now + 1
    self:add(state, self.now_at, "tick")
  end
end

--- Goes through all interleavings, the short ones first.
--- @param options eksrun.spec.LockModel
--- @return string? violation the steps that lead to it
--- @return integer states
--- @return integer merged pasts of clients that were taken for one, and checked
function M.explore(options)
  local self = setmetatable({
    options = options, all = {}, records = worlds(), seen = {}, count = 0, keys = {}, worlds = {}, from = {},
    labels = {}, now_at = 0,
  }, Search)
  local start = { now = 0, world = self.records:of {} }
  for i = 1, options.clients or 2 do
    self.all[i] = automaton("c" .. i, options)
    start[i] = { at = self.all[i].start, over = false, lost = 0 }
  end
  self:add(start)
  local violation
  while not violation and self.now_at < self.count do
    self.now_at = self.now_at + 1
    violation = self:expand(unpack_state(self.keys[self.now_at], self.worlds[self.now_at], #self.all))
  end
  local merged = 0
  for _, one in ipairs(self.all) do
    assert(#one.nodes < 1 << NODE_BITS)
    merged = merged + one:check_merged()
  end
  return violation and ("%s, %s"):format(self:path(self.now_at), violation), self.count, merged
end

return M
