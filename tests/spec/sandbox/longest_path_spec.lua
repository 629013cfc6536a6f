local process = require "eksrun.process"

-- Seconds, in the sandbox's time, of a run whose waits are as they are, or end the moment that AWS is ready.
local function seconds(recipe, waits)
  local result = process.run {
    argv = { "/proc/self/exe", "lua", "tests/bench/longest_path.lua", "--measure", recipe, "1", waits },
    env = { "PATH", "HOME", "EKSRUN_STDLIB" }, timeout = 300,
  }
  return assert(tonumber(result.stdout:match "([%d.]+) %d+\n$"), result.stderr)
end

describe("a run", function()
  -- A cluster takes ten minutes and more; a network two, of which the last poll is a larger part.
  for recipe, most in pairs { ["managed-cluster"] = 1.02, ["private-cluster"] = 1.02, vpc = 1.05 } do
    it(("takes no longer than its longest path: %s"):format(recipe), function()
      local ratio = seconds(recipe, "real") / seconds(recipe, "ideal")
      assert.is_true(ratio < most, ("%.3f"):format(ratio))
    end)
  end
end)
