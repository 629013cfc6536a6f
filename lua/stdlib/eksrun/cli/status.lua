--- eksrun status RECIPE|--stack NAME: what a stack has, by the tags, and who last changed it, by its lock.
local clock = require "eksrun.clock"
local columns = require "eksrun.cli.columns"
local graph = require "eksrun.engine.graph"
local locks = require "eksrun.engine.lock"
local recipe = require "eksrun.engine.recipe"
local session = require "eksrun.cli.session"
local shown = require "eksrun.engine.shown"
local stack_module = require "eksrun.engine.stack"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {
  summary = "show what a stack has, and who last changed it",
  paged = true,
  usage = "eksrun status RECIPE [k=v ...] | --stack NAME [flags]",
  examples = { "eksrun status --stack managed-cluster/demo" },
  unknown_flag = session.unknown_flag,
  arguments = {
    { "recipe", "a Lua file", optional = true },
    session.params_argument,
  },
  flags = {
    { "stack", "the stack, without its recipe", value = "NAME" },
    { "json", "one JSON object a line" },
    session.store_flag,
  },
}

-- What is declared, by which what has no tags has its address; of a stack that is named, nothing.
local function declared(parsed)
  if parsed.stack then
    if parsed.recipe then util.fail("usage", "status wants a recipe or --stack, not both") end
    if not stack_module.is_name(parsed.stack) then
      util.fail("usage", "--stack: '%s' is no stack's name, such as managed-cluster/demo", parsed.stack)
    end
    local empty = graph.new()
    empty.stack = stack_module.new(parsed.stack)
    return empty
  end
  if not parsed.recipe then util.fail("usage", "status wants a recipe or --stack NAME") end
  local loaded = recipe.load(parsed.recipe, parsed.params)
  if not loaded.declares then util.fail("usage", "%s declares no resource", parsed.recipe) end
  return loaded.graph
end

-- What the newest record of the lock says of the present and of the last run.
local function standing(record, now)
  if not record then return "free", nil end
  local expired = now and now > record.deadline
  if record.kind == "hold" then return expired and "abandoned" or "held", record end
  return "free", record
end

local function last_run(record)
  local who = record.owner or {}
  return {
    command = who.command, user = who.user, host = who.host, at = clock.format_iso8601(record.at),
    complete = record.kind == "release" and record.complete or false,
  }
end

local texts = {
  held = "lock: held by %s",
  abandoned = "lock: left by a run that ended without its word: %s; the next run takes over",
}

local function say_lock(report, state, record)
  if state ~= "free" then return report:say(texts[state], locks.describe(record)) end
  if not record then return report:say "lock: free; no run is known" end
  local run = last_run(record)
  report:say("lock: free; last run: %s by %s@%s, %s, %s", util.escape(tostring(run.command)),
    util.escape(tostring(run.user)), util.escape(tostring(run.host)), run.at,
    run.complete and "complete" or "not complete: run it again")
end

-- How many there are, by what others than this command count: tags, and what is in something else.
local function counted(plan)
  local tagged, count = 0, #plan.actions
  for _, action in ipairs(plan.actions) do
    if action.type.tagging then tagged = tagged + 1 end
  end
  local out = { ("%d resource%s"):format(count, count == 1 and "" or "s") }
  if tagged < count then out[#out + 1] = ("%d of them with tags of their own"):format(tagged) end
  if plan.along > 0 then out[#out + 1] = ("%d more that these hold"):format(plan.along) end
  return table.concat(out, ", ")
end

-- The lock's newest record, or why it cannot be read.
local function read_lock(aws, stack)
  local ok, record, now = pcall(function() return locks.log(aws, stack):read() end)
  if not ok then return { ok = false, err = record } end
  local state, newest = standing(record, now)
  return { ok = true, state = state, record = newest }
end

local function tell(report, plan, lock)
  local stack, record = plan.stack, lock.record
  for _, action in ipairs(plan.actions) do
    report:event {
      event = "resource", address = action.address, type = action.type.name,
      id = tostring(action.record[action.type.id]), of = action.of, pending = action.record.pending or nil,
    }
  end
  report:event {
    event = "status", stack = stack.name, account = stack.account, region = stack.region,
    resources = #plan.actions, lock = lock.ok and lock.state or "unknown", last = record and last_run(record),
  }
end

local function say(report, plan, lock)
  local stack, rows = plan.stack, {}
  report:say("stack %s, account %s, region %s", stack.name, stack.account or "?", stack.region or "?")
  if lock.ok then
    say_lock(report, lock.state, lock.record)
  else
    report:say("lock: unknown: %s", util.escape(util.describe(lock.err)):gsub("\n.*", ""))
  end
  report:say("%s", counted(plan))
  for i, action in ipairs(plan.actions) do
    local pending = action.record.pending and "  (not ready)" or ""
    rows[i] = { action.address, action.type.name, shown.id(action) .. pending }
  end
  for _, line in ipairs(columns.lines(rows)) do report:say("  %s", line) end
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  session.configure(parsed)
  local of, aws = declared(parsed), require "eksrun.aws"
  -- All that there is, as a destroy would find it; but nothing is looked for that the stack never had.
  parsed.destroy, parsed.known_only, parsed.only_look = true, true, true
  local found = task.all {
    function() return session.plan(of, parsed) end,
    function() return read_lock(aws, of.stack) end,
  }
  local plan, lock = found[1], found[2]
  local report = session.report(parsed, io.stdout)
  local unknown = not plan.actions[1] and lock.ok and not lock.record
  if parsed.stack and unknown then session.say_unknown(plan.stack) end
  local show = report.json and tell or say
  show(report, plan, lock)
  return 0
end

return M
