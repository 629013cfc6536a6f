local clock = require "eksrun.clock"
local process = require "eksrun.process"
local task = require "eksrun.task"

describe("simulated time", function()
  after_each(function() clock.simulate(nil) end)

  it("passes in waits, in the order of the wakings", function()
    clock.simulate(1000)
    local seen = {}
    task.all {
      function() task.sleep(600) seen[#seen + 1] = clock.now() end,
      function() task.sleep(30) seen[#seen + 1] = clock.now() task.sleep(1) seen[#seen + 1] = clock.now() end,
    }
    assert.same({ 1030, 1031, 1600 }, seen)
  end)

  it("stands still while anything runs", function()
    clock.simulate(1000)
    local before = clock.monotonic()
    for _ = 1, 1e5 do tostring {} end
    assert.equal(before, clock.monotonic())
    assert.equal(1000, clock.now())
  end)

  it("ends timeouts", function()
    clock.simulate(0)
    local ok, err = pcall(task.timeout, 3600, function() task.sleep(7200) end)
    assert.is_false(ok)
    assert.equal("timeout", err.code)
    assert.equal(3600, clock.now())
  end)

  it("does not overtake a process", function()
    clock.simulate(0)
    local ended, slept
    task.all {
      function()
        process.run { argv = { "true" } }
        ended = clock.now()
      end,
      function()
        task.sleep(600)
        slept = clock.now()
      end,
    }
    assert.is_true(ended < 600)
    assert.is_true(slept >= 600)
  end)

  it("leaves real time as it was", function()
    local before = clock.now()
    clock.simulate(0)
    task.sleep(86400)
    clock.simulate(nil)
    assert.is_true(clock.now() >= before and clock.now() < before + 3600)
  end)

  it("finds tasks that wait for each other", function()
    local program = require("eksrun.file").realpath "/proc/self/exe"
    local result = process.run {
      argv = { program, "repl" },
      stdin = 'require "eksrun.clock".simulate(0)\nrequire "eksrun.task".event():wait()\n',
    }
    assert.matches("deadlock", result.stdout .. result.stderr)
  end)
end)
