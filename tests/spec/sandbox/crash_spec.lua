-- A sample of script/crash --sandbox: runs that are killed at some of their requests, and run once more.
local matrix = dofile "tests/crash/matrix.lua"
local process = require "eksrun.process"

describe("a killed run", function()
  for i, case in ipairs {
    { "create", "late" }, { "update", "elsewhere" }, { "destroy", "faults" },
    { "give-up", "late-no-journal" },
  } do
    local scenario, mode = table.unpack(case)
    it(("converges: %s, %s"):format(scenario, mode), function()
      local folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "")
      local wrong = {}
      local total = matrix.run {
        scenario = scenario, mode = mode, folder = folder, every = scenario == "update" and 16 or 50,
        first = i * 3,
        on_wrong = function(point, what)
          wrong[#wrong + 1] = { at = point.at, moment = point.moment, name = point.name, what = what }
        end,
      }
      process.run { argv = { "rm", "-rf", folder } }
      assert.same({}, wrong)
      assert.is_true(total.points >= 3)
    end)
  end
end)
