--- The crash matrix on the sandbox: a run is killed at one of its requests, the same command runs once more,
--- and what AWS has then is compared with what a run in one piece leaves.
---
--- A point is a request and a moment: before it leaves, before its answer comes, behind that. A read that
--- never left is the same to AWS as one whose answer nobody uses, and of the polls of one wait the first
--- stands for all.
local file = require "eksrun.file"
local json = require "eksrun.json"
local process = require "eksrun.process"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {}

local PROGRAM = file.realpath "/proc/self/exe"
local RECIPE = "recipes/managed-cluster.lua"
local STACK = "managed-cluster/demo"
local CHANGED = { "nodes=4", "nat=per-zone" }

--- What is killed, what runs then, and which plan has to be empty in the end.
M.scenarios = {
  create = { first = { "apply", RECIPE, "--yes" }, plan = { "plan", RECIPE } },
  update = {
    first = { "apply", RECIPE, CHANGED[1], CHANGED[2], "--yes" }, made = true,
    plan = { "plan", RECIPE, CHANGED[1], CHANGED[2] },
  },
  destroy = { first = { "destroy", RECIPE, "--yes" }, made = true },
  ["give-up"] = { first = { "apply", RECIPE, "--yes" }, second = { "destroy", RECIPE, "--yes" } },
}

--- With the journal and without it; on another machine, which has neither the journal nor a look at the
--- process that held the lock; where EC2 shows what is new three seconds late; and where much goes wrong.
M.modes = {
  journal = {},
  ["no-journal"] = { forget = true },
  elsewhere = { forget = true, elsewhere = true },
  late = { faults = "late=3s" },
  ["late-no-journal"] = { faults = "late=3s", forget = true },
  faults = { faults = "late=3s,throttle=0.3,error=0.1,reset=0.05,lost=0.05", forget = true },
}

-- Seconds after which AWS is believed to show what is new.
local SETTLE = "4"

-- Kinds that are not the recipe's: what AWS keeps for a while or for good, and the lock's own.
local NOT_COUNTED = {
  ["logs.log_group"] = true, ["ssm.parameter"] = true, ["autoscaling.refresh"] = true, ["eks.update"] = true,
}
local ENDED = { deleted = true, deleting = true, terminated = true }

local function run(folder, arguments, options, faults)
  local argv = {
    PROGRAM, "lua", "tests/crash/eksrun.lua", json.encode(options or json.object {}), table.unpack(arguments),
  }
  argv[#argv + 1] = "--sandbox=" .. folder .. "/state.json"
  if faults and faults ~= "" then argv[#argv + 1] = "--faults=" .. faults end
  return process.run {
    argv = argv, max_output = 8 * 1024 * 1024, timeout = 120,
    env = {
      "PATH", "EKSRUN_STDLIB", HOME = folder, XDG_STATE_HOME = folder, EKSRUN_SETTLE_SECONDS = SETTLE,
    },
  }
end

local function remove(path) process.run { argv = { "rm", "-rf", path } } end

local function tag_of(thing, key)
  for _, tag in ipairs(thing.Tags or thing.TagSet or {}) do
    if tag.Key == key then return tag.Value end
  end
  local map = thing.tags or thing._tags or {}
  return map[key]
end

--- What an account has: how many of each kind, and the things of the stack by kind and address.
--- @param folder string with state.json
--- @return table<string, integer> counts
--- @return table<string, string[]> owned
local function inventory(folder)
  local counts, owned = {}, {}
  for _, kinds in pairs(json.decode(file.read(folder .. "/state.json")).regions) do
    for kind, things in pairs(kinds) do
      for id, thing in pairs(NOT_COUNTED[kind] and {} or things) do
        local state = type(thing.State) == "table" and thing.State.Name or thing.State
        if not ENDED[state] then
          counts[kind] = (counts[kind] or 0) + 1
          if tag_of(thing, "eksrun:stack") == STACK then
            local address = kind .. " " .. tostring(tag_of(thing, "eksrun:resource"))
            owned[address] = owned[address] or {}
            table.insert(owned[address], id)
          end
        end
      end
    end
  end
  return counts, owned
end

local function is_read(operation)
  local verb = operation:match "^(%u%l+)"
  return operation:find "^GET " or verb == "Describe" or verb == "List" or verb == "Get"
end

local MOMENTS = { "before", "during", "after" }

-- { at, moment, name } of all that can be cut; `log` is what a run in one piece asked for.
local function points_of(log)
  local points, at, polled = {}, 0, {}
  for operation in log:gmatch "[^\n]+" do
    at = at + 1
    local read, renewal = is_read(operation), operation == "PutParameter"
    if not read and not renewal then polled = {} end
    if not polled[operation] then
      for i = 1, read and 1 or #MOMENTS do
        points[#points + 1] = { at = at, moment = MOMENTS[i], name = operation }
      end
    end
    if read or renewal then polled[operation] = true end
  end
  return points
end

-- A world in which all runs of a scenario begin, and how its run in one piece ends.
local function reference(folder, scenario, mode)
  local base, whole = folder .. "/base", folder .. "/whole"
  file.mkdir_p(base)
  if scenario.made then
    local made = run(base, M.scenarios.create.first)
    assert(made.code == 0, made.stderr)
  end
  process.run { argv = { "cp", "-r", base, whole } }
  local ended = run(whole, scenario.first, { log = whole .. "/log" }, mode.faults)
  assert(ended.code == 0, ended.stderr)
  local log = file.read(whole .. "/log")
  if scenario.second then
    ended = run(whole, scenario.second)
    assert(ended.code == 0, ended.stderr)
  end
  return { base = base, log = log, counts = inventory(whole) }
end

-- What is wrong with what is there: { duplicate =, orphan = }.
local function compare(folder, expected)
  local wrong, counts, owned = {}, inventory(folder)
  for address, ids in util.sorted_pairs(owned) do
    if ids[2] then wrong.duplicate = ("%s: %s"):format(address, table.concat(ids, ", ")) end
  end
  for kind, count in util.sorted_pairs(counts) do
    local more = count - (expected[kind] or 0)
    if more > 0 and not wrong.duplicate then wrong.orphan = ("%d %s too many"):format(more, kind) end
  end
  return wrong
end

--- Kills, runs again, looks.
--- @return table? wrong empty when all is well; .failed, .duplicate, .orphan, .question, .plan; nil: it
--- did not get there
local function try(folder, scenario, mode, whole, point)
  process.run { argv = { "cp", "-r", whole.base, folder } }
  local crash = ("crash=%d:%s"):format(point.at, point.moment)
  local killed = run(folder, scenario.first, nil, mode.faults and mode.faults .. "," .. crash or crash)
  -- Where chance has a part, a run may end before it comes to that request.
  if killed.code == 0 and mode.faults then return nil end
  if killed.signal ~= 9 then return { failed = "was not killed: " .. killed.stderr } end
  if mode.forget then remove(folder .. "/state.json.journals") end
  local again = table.move(scenario.second or scenario.first, 1, 9, 1, {})
  if mode.elsewhere then again[#again + 1] = "--wait=600" end
  local second = run(folder, again, { elsewhere = mode.elsewhere }, mode.faults)
  local wrong = compare(folder, whole.counts)
  if second.code ~= 0 then wrong.failed = second.stderr:sub(-1500) end
  if second.code == 2 or second.stderr:find("locked", 1, true) or second.stderr:find("[y/N]", 1, true) then
    wrong.question = second.stderr:sub(-1500)
  end
  if scenario.plan then
    local plan = run(folder, scenario.plan)
    if plan.code ~= 0 then wrong.plan = (plan.stdout .. plan.stderr):sub(-1500) end
  end
  return wrong
end

--- @class eksrun.crash.Options
--- @field scenario string
--- @field mode string
--- @field folder string empty
--- @field jobs? integer at once, default 2
--- @field every? integer only each n-th point, default 1
--- @field first? integer of the n, default 1
--- @field on_wrong? fun(point: table, wrong: table)

--- Goes through the points of a scenario.
--- @param options eksrun.crash.Options
--- @return table<string, integer> total points, converged, duplicate, orphan, question
function M.run(options)
  local scenario, mode = M.scenarios[options.scenario], M.modes[options.mode]
  local whole = reference(options.folder, scenario, mode)
  local points, every = {}, options.every or 1
  local total = { points = 0, converged = 0, duplicate = 0, orphan = 0, question = 0 }
  for i, point in ipairs(points_of(whole.log)) do
    if i % every == (options.first or 0) % every then points[#points + 1] = point end
  end
  local function work()
    while points[1] do
      local point = table.remove(points, 1)
      local folder = ("%s/%d-%s"):format(options.folder, point.at, point.moment)
      local wrong = try(folder, scenario, mode, whole, point)
      remove(folder)
      if wrong then
        total.points = total.points + 1
        if not (wrong.failed or wrong.plan) then total.converged = total.converged + 1 end
        for _, kind in ipairs { "duplicate", "orphan", "question" } do
          if wrong[kind] then total[kind] = total[kind] + 1 end
        end
        if next(wrong) and options.on_wrong then options.on_wrong(point, wrong) end
      end
    end
  end
  local workers = {}
  for i = 1, options.jobs or 2 do workers[i] = work end
  task.all(workers)
  return total
end

--- A total as one line.
--- @param total table<string, integer>
--- @return string
function M.describe(total)
  return ("points %d, converged %d, duplicates %d, orphans %d, questions %d"):format(total.points,
    total.converged, total.duplicate, total.orphan, total.question)
end

return M
