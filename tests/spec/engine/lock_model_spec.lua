-- Every interleaving of clients on the lock, within bounds: each may pause anywhere, reads may be stale, a
-- clock may be fast. The protocol's own code runs (engine/lock/log.lua); each call of the store is a step,
-- after which any client, or time, may go on.
--
-- A violation is an effect of a holder that lands when a newer holder has begun. With a fence, AWS refuses
-- what arrives behind the deadline that it was sent under. docs/lock.md says what follows from which.
local logs = require "eksrun.engine.lock.log"

local LEASE = 1

-- What a client does, as a coroutine: it yields before each step and gets the world to take it in. `trace`
-- is all that it has seen: equal traces, equal clients.
local function client(name, options, trace)
  return coroutine.create(function()
    local world, store = nil, { text_max = 4096 }
    local function step(what) world = coroutine.yield(what) end
    local function saw(...)
      for _, value in ipairs { ... } do trace[#trace + 1] = tostring(value) end
    end
    local function now() return world.now + (options.fast == name and 1 or 0) end
    function store.put(slot, text)
      step "put"
      local free = not world.records[slot]
      if free or not options.write_once then
        world.records[slot] = text
        free = true
      end
      saw(free, now())
      return free, now()
    end
    function store.get(slots)
      step "get"
      local texts, newest = {}, 0
      for slot in pairs(world.records) do newest = math.max(newest, slot) end
      for _, slot in ipairs(slots) do
        -- A stale read does not show the newest.
        if not (world.stale and slot == newest) then texts[slot] = world.records[slot] end
        saw(texts[slot] or "-")
      end
      saw(now())
      return texts, now()
    end
    function store.hint() return 1 end
    function store.set_hint() end
    function store.list() return {} end

    local log = logs.new(store, { nonce = name, lease = LEASE, margin = options.margin or 0 })
    if not log:take(function() return { owner = {} } end) then return end
    world.began = world.began + 1
    local own = world.began
    for _ = 1, options.effects or 1 do
      step "send"
      local deadline = log.record.deadline
      if now() > deadline then return end
      step "land"
      if not (options.fence and world.now > deadline) and world.began > own then error("violation", 0) end
      if options.renew then
        step "renew"
        if not log:renew(now()) then return end
      end
    end
  end)
end

-- The world after a schedule. Moves: 0 lets time go on, i steps client i, i + count steps it with a stale
-- read.
local function replay(schedule, options, count)
  local world = { now = 0, records = {}, began = 0 }
  local clients, next_step, traces = {}, {}, {}
  for i = 1, count do
    traces[i] = {}
    clients[i] = client("c" .. i, options, traces[i])
    next_step[i] = select(2, coroutine.resume(clients[i]))
  end
  for _, move in ipairs(schedule) do
    if move == 0 then
      world.now = world.now + 1
    else
      local i = (move - 1) % count + 1
      world.stale = move > count
      local ok, what = coroutine.resume(clients[i], world)
      if not ok and what ~= "violation" then error(what, 0) end
      if not ok then return world, next_step, traces, true end
      next_step[i] = coroutine.status(clients[i]) == "suspended" and what or nil
    end
  end
  return world, next_step, traces, false
end

local function fingerprint(world, next_step, traces, count)
  local slots, out = {}, { world.now, world.began }
  for slot in pairs(world.records) do slots[#slots + 1] = slot end
  table.sort(slots)
  for _, slot in ipairs(slots) do out[#out + 1] = world.records[slot] end
  for i = 1, count do
    out[#out + 1] = tostring(next_step[i])
    out[#out + 1] = table.concat(traces[i], "\1")
  end
  return table.concat(out, "\0")
end

-- Goes through all schedules. Returns the first that violates, and the number of states.
local function explore(count, options)
  local seen, states, schedule = {}, 0, {}
  local function visit()
    local world, next_step, traces, violated = replay(schedule, options, count)
    if violated then return table.concat(schedule, " ") end
    local key = fingerprint(world, next_step, traces, count)
    if seen[key] then return nil end
    seen[key] = true
    states = states + 1
    local function go(move)
      schedule[#schedule + 1] = move
      local found = visit()
      schedule[#schedule] = nil
      return found
    end
    for i = 1, count do
      local what = next_step[i]
      local found = what and go(i) or what == "get" and options.stale and go(i + count)
      if found then return found end
    end
    return world.now < options.ticks and go(0) or nil
  end
  return visit(), states
end

describe("the lock under every interleaving", function()
  local full = os.getenv "EKSRUN_LOCK_MODEL" == "full"

  local function safe(count, options, at_least)
    local found, states = explore(count, options)
    assert.is_nil(found)
    if os.getenv "EKSRUN_LOCK_MODEL" then print(("%d clients, %d states"):format(count, states)) end
    assert.is_true(states >= at_least, ("%d states"):format(states))
  end

  it("holds with a fence: two clients, any pause, stale reads", function()
    safe(2, { write_once = true, fence = true, stale = full, ticks = full and 3 or 2 }, 1000)
  end)

  it("holds with a fence: two clients that renew", function()
    safe(2, { write_once = true, fence = true, renew = true, ticks = full and 3 or 2 }, 1000)
  end)

  -- Minutes: script/lock-model runs it.
  if full then
    it("holds with a fence: three clients", function()
      safe(3, { write_once = true, fence = true, ticks = 2 }, 1000)
    end)
  end

  it("holds with a fence when a clock is fast, by the margin", function()
    safe(2, { write_once = true, fence = true, fast = "c2", margin = 1, ticks = full and 4 or 3 }, 200)
  end)

  it("is violated by a fast clock without the margin", function()
    assert.is_string((explore(2, { write_once = true, fence = true, fast = "c2", ticks = 4 })))
  end)

  it("is violated when a record can be replaced", function()
    assert.is_string((explore(2, { fence = true, ticks = 3 })))
  end)

  it("is violated without a fence: what was sent in time lands late", function()
    assert.is_string((explore(2, { write_once = true, ticks = 3 })))
  end)
end)
