-- What the lock promises and what it does not, under every interleaving of its clients: docs/lock.md.
--
-- A violation is a call of a holder that lands when a newer holder has begun, or when another's has landed
-- since it looked, or, with `belief`, a holder that thinks that it still is one. Every claim is held against
-- the same without what carries it.
local model = require "tests.spec.support.lock_model"

-- What may happen besides pauses.
local ALL = { stale = true, lost = 1, renew = true, effects = 2, release = true }
local MOST = { stale = true, renew = true, effects = 2 }

local function with(options, more)
  for key, value in pairs(more) do
    if options[key] == nil then options[key] = value end
  end
  return options
end

-- Explores, and says how it went where script/lock-model asks.
local function explore(name, options)
  local started = os.clock()
  local violation, states = model.explore(options)
  if os.getenv "EKSRUN_LOCK_MODEL" then
    print(("%d clients, %8d states, %5.1f s: %s: %s"):format(options.clients, states, os.clock() - started,
      name, violation or "holds"))
  end
  return violation, states
end

local function holds(name, options)
  it(name, function()
    local violation, states = explore(name, options)
    assert.is_nil(violation)
    assert.is_true(states >= 1000, ("%d states"):format(states))
  end)
end

local function violated(name, by, options)
  it(name, function()
    local violation = explore(name, options)
    assert.is_string(violation)
    assert.matches(by, violation)
  end)
end

local function claims(clients, ticks, faults)
  local function plain(options) return with(options, { clients = clients, ticks = ticks }) end
  local function rough(options) return plain(with(options, faults)) end

  describe(("the lock of %d clients"):format(clients), function()
    holds("is believed in by one at a time, without a fence", rough { belief = true, check = true })
    violated("is believed in by two when a record can be replaced", "believes", rough {
      belief = true, overwrite = true,
    })
    for fault, who in pairs { fast = 2, slow = 1 } do
      holds(("is believed in by one when a clock is %s, by the margin"):format(fault), rough {
        belief = true, [fault] = who, margin = 1, ticks = ticks + 1,
      })
      violated(("is believed in by two when a clock is %s, without the margin"):format(fault), "believes",
        plain { belief = true, [fault] = who })
    end

    violated("has calls land late without a fence", "lands late", plain {})
    violated("has calls land late without a fence, whatever the margin", "lands late", plain {
      margin = 1, ticks = ticks + 1,
    })
    for _, fence in ipairs { "signature", "session" } do
      local function fenced(options) return with(options, { fence = fence }) end
      holds(("has no call land late, by the %s"):format(fence), rough(fenced {}))
      holds(("has no call land late, by the %s, with a longer lease"):format(fence),
        rough(fenced { lease = 2, ticks = ticks + 1, effects = 1 }))
      violated(("has calls land late behind the %s when a record can be replaced"):format(fence),
        "lands late", plain(fenced { overwrite = true }))
      for fault, who in pairs { fast = 2, late = 1 } do
        holds(("has no call land late, by the %s and the margin (%s clock)"):format(fence, fault),
          rough(fenced { [fault] = who, margin = 1, ticks = ticks + 1 }))
        violated(("has calls land late behind the %s without the margin (%s clock)"):format(fence, fault),
          "lands late", plain(fenced { [fault] = who }))
      end
    end
    local function looking(options)
      return rough(with(options, { look = true, release = true, fence = "signature", effects = 1 }))
    end
    holds("has no client act on what it saw too early", looking {})
    violated("has clients act on what they saw too early when they do not ask who had the lock", "acts on",
      looking { blind = true })
    -- Of three clients that would be gigabytes.
    for fault, who in pairs(clients == 2 and { fast = 2, slow = 1 } or {}) do
      local function off(options)
        return looking(with(options, { [fault] = who, margin = 1, ticks = ticks + 1 }))
      end
      holds(("has no client act on what it saw too early, by the margin (%s clock)"):format(fault), off {})
      violated(("has clients act on what they saw too early without the margin (%s clock)"):format(fault),
        "acts on", off { hasty = true })
    end
    holds("has no call land late when a service refuses signatures sooner than reckoned with",
      rough { fence = "signature", age = model.AGE - 1 })
    violated("has calls land late when a service takes older signatures than reckoned with", "lands late",
      plain { fence = "signature", age = model.AGE + 1 })
  end)
end

claims(2, 2, ALL)

-- Minutes: script/lock-model runs it.
if os.getenv "EKSRUN_LOCK_MODEL" == "full" then
  claims(2, 3, ALL)
  claims(3, 3, MOST)
  describe("the lock of 3 clients, whatever happens,", function()
    local all = with({ clients = 3, ticks = 2 }, ALL)
    holds("is believed in by one at a time", with({ belief = true }, all))
    holds("has no call land late, by the signature", with({ fence = "signature" }, all))
    holds("has no call land late, by the session", with({ fence = "session" }, all))
  end)
end
