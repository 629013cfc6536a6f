-- What the lock promises and what it does not, under every interleaving of its clients: docs/lock.md.
--
-- A violation is a call of a holder that lands when a newer holder has begun or, with `belief`, a holder that
-- thinks that it still is one. Every claim is held against the same without what carries it.
local model = require "tests.spec.support.lock_model"

-- All that may go wrong.
local function rough(options)
  local all = { stale = true, lost = 1, renew = true, effects = 2, release = true }
  for key, value in pairs(options) do all[key] = value end
  return all
end

local function say(name, clients, states, seconds, outcome)
  if not os.getenv "EKSRUN_LOCK_MODEL" then return end
  print(("%d clients, %8d states, %5.1f s: %s: %s"):format(clients, states, seconds, name, outcome))
end

local function claims(clients, ticks)
  local function explore(name, options)
    local started = os.clock()
    options.clients = clients
    options.ticks = options.ticks or ticks
    local violation, states = model.explore(options)
    say(name, clients, states, os.clock() - started, violation or "holds")
    return violation, states
  end

  local function holds(name, options, at_least)
    it(name, function()
      local violation, states = explore(name, options)
      assert.is_nil(violation)
      assert.is_true(states >= (at_least or 1000), ("%d states"):format(states))
    end)
  end

  local function violated(name, by, options)
    it(name, function()
      local violation = explore(name, options)
      assert.is_string(violation)
      assert.matches(by, violation)
    end)
  end

  describe(("the lock of %d clients"):format(clients), function()
    holds("is believed in by one at a time, without a fence", rough { belief = true, check = true })
    violated("is believed in by two when a record can be replaced", "believes", rough {
      belief = true, overwrite = true,
    })
    for fault, who in pairs { fast = 2, slow = 1 } do
      holds(("is believed in by one when a clock is %s, by the margin"):format(fault), rough {
        belief = true, [fault] = who, margin = 1, ticks = ticks + 1,
      })
      violated(("is believed in by two when a clock is %s, without the margin"):format(fault), "believes", {
        belief = true, [fault] = who,
      })
    end

    violated("has calls land late without a fence", "lands late", {})
    violated("has calls land late without a fence, whatever the margin", "lands late", {
      margin = 1, ticks = ticks + 1,
    })
    for _, fence in ipairs { "signature", "session" } do
      local function with(options)
        options.fence = fence
        return options
      end
      holds(("has no call land late, by the %s"):format(fence), with(rough {}))
      holds(("has no call land late, by the %s, with a longer lease"):format(fence),
        with(rough { lease = 2, ticks = ticks + 1, effects = 1 }))
      violated(("has calls land late behind the %s when a record can be replaced"):format(fence),
        "lands late", with { overwrite = true })
      for fault, who in pairs { fast = 2, late = 1 } do
        holds(("has no call land late, by the %s and the margin (%s clock)"):format(fence, fault),
          with(rough { [fault] = who, margin = 1, ticks = ticks + 1 }))
        violated(("has calls land late behind the %s without the margin (%s clock)"):format(fence, fault),
          "lands late", with { [fault] = who })
      end
    end
    holds("has no call land late when a service refuses signatures sooner than reckoned with",
      rough { fence = "signature", age = model.AGE - 1 })
    violated("has calls land late when a service takes older signatures than reckoned with", "lands late",
      { fence = "signature", age = model.AGE + 1 })
  end)
end

claims(2, 2)

-- Minutes: script/lock-model runs it.
if os.getenv "EKSRUN_LOCK_MODEL" == "full" then
  claims(2, 4)
  claims(3, 2)
end
