-- script/crash --sandbox: the matrix, all of it or what the arguments pick.
local matrix = dofile "tests/crash/matrix.lua"
local process = require "eksrun.process"
local util = require "eksrun.util"

local chosen = { mode = {}, scenario = {}, jobs = 2, every = 1, seed = 0 }
local words = { ... }
for i = 1, #words, 2 do
  local name, value = words[i]:match "^%-%-(%a+)$", words[i + 1]
  if not name or chosen[name] == nil or not value then
    io.stderr:write(("unknown argument '%s' (see script/crash --help)\n"):format(words[i]))
    os.exit(2)
  end
  if type(chosen[name]) == "table" then
    table.insert(chosen[name], value)
  else
    chosen[name] = tonumber(value)
  end
end

local function names(picked, all) return picked[1] and picked or util.sorted_keys(all) end

local sum = {}
for _, mode in ipairs(names(chosen.mode, matrix.modes)) do
  for _, scenario in ipairs(names(chosen.scenario, matrix.scenarios)) do
    local folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "")
    local total = matrix.run {
      scenario = scenario, mode = mode, folder = folder, jobs = chosen.jobs, every = chosen.every,
      first = chosen.seed,
      on_wrong = function(point, wrong)
        local texts = {}
        for kind, text in util.sorted_pairs(wrong) do texts[#texts + 1] = kind .. ": " .. text end
        print(("WRONG: %s %s: request %d, %s, %s: %s"):format(scenario, mode, point.at, point.name,
          point.moment, table.concat(texts, "; ")))
      end,
    }
    process.run { argv = { "rm", "-rf", folder } }
    print(("%s, %s: %s"):format(scenario, mode, matrix.describe(total)))
    for name, count in pairs(total) do sum[name] = (sum[name] or 0) + count end
  end
end
print(matrix.describe(sum))
local good = sum.points > 0 and sum.converged == sum.points
os.exit(good and sum.duplicate + sum.orphan + sum.question == 0 and 0 or 1)
