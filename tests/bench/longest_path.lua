-- How much longer a run takes than its longest path, in the sandbox's time.
--
--   build/eksrun lua tests/bench/longest_path.lua [RECIPE...]
--
-- Each recipe is made twice on each of three seeds: as it is, and with waits that end the moment that AWS is
-- ready. What the second takes nobody can undercut. Prints seconds, their ratio, and requests.
local clock = require "eksrun.clock"
local context = require "eksrun.engine.context"
local process = require "eksrun.process"
local sandbox = require "eksrun.sandbox"
local task = require "eksrun.task"

local SEEDS = 3
local RECIPES = { "vpc", "managed-cluster", "self-managed-nodes", "fargate", "auto-mode", "private-cluster" }

-- Waits end with the next thing that happens in the world, retries come at once.
local function end_waits_in_time(world)
  local Context, sleep = getmetatable(context.new {}).__index, task.sleep
  function Context:poll(check)
    while true do
      local value, state = check()
      if value ~= nil then return value end
      self:state(state or "")
      local at
      for _, event in ipairs(world().state.events) do
        if event.at > clock.now() and (not at or event.at < at) then at = event.at end
      end
      sleep(at and at - clock.now() + 0.001 or 0.5)
    end
  end
  function Context:retry(rules, fn) -- luacheck: no self
    while true do
      local results = table.pack(pcall(fn))
      if results[1] then return table.unpack(results, 2, results.n) end
      local err, passes = results[2], false
      for _, rule in ipairs(rules or {}) do
        passes = passes or rule.code == err.code
          and (not rule.message or tostring(err.message):find(rule.message, 1, true) ~= nil)
      end
      if not passes then error(err, 0) end
      sleep(0.1)
    end
  end
end

-- The run of one recipe in this process. Durations do not depend on when something begins, so that the same
-- run with other waits is comparable.
local function measure(recipe, seed, ideal)
  local make, made, requests = sandbox.new, nil, 0
  function sandbox.new()
    made = make { seed = seed }
    local world, request = made.world, made.request
    local duration = world.duration
    function world:duration(name, ...)
      local key = {}
      for _, value in ipairs { ... } do
        if type(value) ~= "number" then key[#key + 1] = value end
      end
      return duration(self, name, table.unpack(key))
    end
    function made:request(asked)
      requests = requests + 1
      return request(self, asked)
    end
    return made
  end
  if ideal then end_waits_in_time(function() return made.world end) end
  local status = require "eksrun.cli.main"("apply", ("recipes/%s.lua"):format(recipe), "--sandbox", "--yes",
    "--progress", "quiet")
  assert(status == 0)
  io.stdout:write(("%.1f %d\n"):format(made:elapsed(), requests))
end

local function run(...)
  local argv = { "/proc/self/exe", "lua", "tests/bench/longest_path.lua", "--measure", ... }
  local result = process.run { argv = argv, env = { "PATH", "HOME", "EKSRUN_STDLIB" }, timeout = 300 }
  local seconds, requests = result.stdout:match "([%d.]+) (%d+)\n$"
  return assert(tonumber(seconds), result.stderr), tonumber(requests)
end

local words = { ... }
if words[1] == "--measure" then
  measure(words[2], tonumber(words[3]), words[4] == "ideal")
else
  print(("%-20s %10s %10s %8s %10s"):format("", "longest", "took", "ratio", "requests"))
  for _, recipe in ipairs(words[1] and words or RECIPES) do
    for seed = 1, SEEDS do
      local least = run(recipe, tostring(seed), "ideal")
      local took, requests = run(recipe, tostring(seed), "real")
      print(("%-20s %9.1fs %9.1fs %8.3f %10d"):format(recipe, least, took, took / least, requests))
    end
  end
end
