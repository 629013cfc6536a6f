--- The end of a run, shown: times, outcome, the page of --report, and a file when the terminal is gone.
local clock = require "eksrun.clock"
local events = require "eksrun.cli.progress.events"
local file = require "eksrun.file"
local json = require "eksrun.json"
local journal = require "eksrun.engine.journal"
local recipe = require "eksrun.engine.recipe"
local summary = require "eksrun.cli.progress.summary"
local timeline = require "eksrun.engine.timeline"
local util = require "eksrun.util"

local M = {}

-- Seconds: what took less long needs no account of its time.
local ACCOUNTED_FROM = 10

--- Refuses a --report that cannot be written, before anything is changed.
--- @param parsed { report?: string }
function M.check(parsed)
  if not parsed.report then return end
  local folder = parsed.report:match "^(.*)/[^/]*$"
  if folder == "" then folder = "/" end
  folder = folder or "."
  if parsed.report:sub(-1) == "/" or not file.is_writable(folder) then
    util.fail("usage", "--report: cannot make a file in '%s'", util.escape(folder))
  end
end

-- The command that goes on; nil where it would not, or the parameters are unknown. A saved plan was made for
-- what is no longer so: its recipe goes on.
local function command_of(parsed)
  if not parsed.argv or parsed.recipe == "-" then return nil end
  local words = parsed.argv
  if parsed.saved then
    words = { parsed.recipe, table.unpack(parsed.params) }
    for _, word in ipairs(parsed.argv) do
      if word:find "^%-%-sandbox=" then words[#words + 1] = word end
    end
  end
  local declared = {}
  if parsed.recipe and parsed.params and parsed.params[1] then
    local ok, found = pcall(recipe.parameters, parsed.recipe)
    if not ok then return nil end
    declared = found or {}
  end
  return summary.command(words, function(name)
    return declared[name] ~= nil and declared[name].sensitive == true
  end)
end

local function result_event(plan, result)
  return {
    event = "result", stack = plan.stack.name, done = #result.done, failed = #result.failed,
    not_started = #result.not_started, unready = #result.unready, elapsed = events.rounded(result.elapsed),
    interrupted = result.interrupted,
  }
end

local function as_json(emit, plan, result, line)
  local rows, path = json.array {}, json.array {}
  for i, row in ipairs(line.rows) do
    rows[i] = {
      address = row.address, type = row.type, op = row.kind, status = row.status, id = row.id,
      start = events.rounded(row.start), elapsed = events.rounded(row.elapsed), usual = row.usual,
    }
  end
  for i, row in ipairs(line.path) do path[i] = row.address end
  emit {
    event = "timeline", steps = rows, longest_path = path,
    longest_path_seconds = events.rounded(line.path_seconds),
  }
  emit(result_event(plan, result))
end

-- Nobody reads what is printed now: it goes into a file beside the journals.
local function leave_behind(plan, lines)
  local path = journal.path(plan.stack)
  if not path then return end
  path = path:gsub("%.journal$", ".hangup")
  pcall(function()
    file.mkdir_p(path:match "^(.*)/", { mode = 448 })
    file.write_atomic(path, ("%s  the terminal went away\n%s\n"):format(
      clock.format_iso8601(math.floor(clock.now())), table.concat(lines, "\n")))
  end)
end

local function write_page(parsed, plan, result, line, began)
  local page = require("eksrun.cli.progress.page").html {
    stack = plan.stack, destroy = plan.destroy, timeline = line, began = began,
    interrupted = result.interrupted,
    outcome = summary.outcome(plan, result, nil, function(_, text) return text end)[1],
  }
  local ok, err = file.try_write_atomic(parsed.report, page, { mode = 420 })
  if ok then return end
  -- All is done all the same: the run's own result counts.
  io.stderr:write("eksrun: --report: ", util.escape(util.describe(err)), "\n")
end

--- @class eksrun.progress.Ending
--- @field parsed table
--- @field reporter eksrun.Report
--- @field mode string
--- @field began number seconds since 1970

--- @param plan eksrun.Plan
--- @param result eksrun.Result
--- @param options eksrun.progress.Ending
function M.show(plan, result, options)
  local parsed, reporter = options.parsed, options.reporter
  local line = timeline.of(result)
  if parsed.report then write_page(parsed, plan, result, line, options.began) end
  local emit = (reporter.json or options.mode == "json") and require("eksrun.cli.progress").emitter(reporter)
  if plan.counts.changes == 0 then
    if emit then emit(result_event(plan, result)) end
    return
  end
  local all_done = #result.done == #result.steps
  local function paint(kind, text) return reporter:paint(kind, text) end
  if emit then as_json(emit, plan, result, line) end
  -- A sandbox without a file is gone with the command.
  local again = not all_done and parsed.sandbox ~= true and command_of(parsed)
  local outcome = summary.outcome(plan, result, again, paint)
  if result.interrupted == "SIGHUP" then leave_behind(plan, outcome) end
  if emit then return end
  if options.mode == "quiet" then
    if not all_done then
      for _, text in ipairs(outcome) do reporter:say("%s", text) end
    end
    return
  end
  reporter:say("")
  local accounted = parsed.report or result.elapsed >= ACCOUNTED_FROM
  local times = accounted and summary.times(line, reporter.width) or {}
  for _, text in ipairs(times) do reporter:say("%s", text) end
  if times[1] then reporter:say("") end
  for _, text in ipairs(outcome) do reporter:say("%s", text) end
end

return M
