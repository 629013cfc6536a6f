--- What stands on the screen when a run is over: what took how long, what became of it, and behind failures
--- the command that goes on.
local advice = require "eksrun.cli.advice"
local excerpt = require "eksrun.cli.excerpt"
local failure = require "eksrun.cli.failure"
local line = require "eksrun.cli.progress.line"
local util = require "eksrun.util"

local M = {}

local SHOWN = 8 -- the slowest steps
local NAMED_MAX = 12

local function addresses(steps)
  local names = {}
  for i, step in ipairs(steps) do
    if i > NAMED_MAX then break end
    names[i] = step.address
  end
  if #steps > NAMED_MAX then names[#names + 1] = ("%d more"):format(#steps - NAMED_MAX) end
  return table.concat(names, ", ")
end

local function usual(row)
  if not row.usual or row.usual < 5 then return "" end
  local text = ", usually " .. util.duration(row.usual)
  if row.elapsed > math.max(2 * row.usual, 30) then text = text .. ": more than twice as long" end
  return text
end

--- What took how long: the slowest steps, and the longest path.
--- @param line_of eksrun.Timeline
--- @param width integer columns
--- @return string[]
function M.times(line_of, width)
  local rows = table.move(line_of.rows, 1, #line_of.rows, 1, {})
  if #rows < 2 then return {} end
  table.sort(rows, function(a, b)
    if a.elapsed ~= b.elapsed then return a.elapsed > b.elapsed end
    return a.address < b.address
  end)
  local out = { "what took how long:" }
  for i = 1, math.min(SHOWN, #rows) do
    local row = rows[i]
    out[#out + 1] = line.clip(("  %7s  %s %s%s"):format(util.duration(row.elapsed), row.kind, row.address,
      usual(row)), width)
  end
  if #rows > SHOWN then
    out[#out + 1] = ("           %d more, each at most %s"):format(#rows - SHOWN,
      util.duration(rows[SHOWN + 1].elapsed))
  end
  out[#out + 1] = ("the longest path took %s of %s:"):format(util.duration(line_of.path_seconds),
    util.duration(line_of.elapsed))
  local words = {}
  for i, row in ipairs(line_of.path) do
    words[i] = ("%s %s%s"):format(row.address, util.duration(row.elapsed), line_of.path[i + 1] and " >" or "")
  end
  for _, text in ipairs(line.wrap(words, width, "  ")) do out[#out + 1] = text end
  return out
end

local function failed(step, paint)
  local out = {}
  out[1] = paint("failed", ("failed: %s (%s, %s)"):format(step.address, step.action.type.name,
    step.action.node and step.action.node.where or "not declared"))
  local err = step.err
  local message, code = excerpt.describe(err)
  for text in (util.escape(message) .. "\n"):gmatch "(.-)\n" do out[#out + 1] = "  " .. text end
  for _, text in ipairs(code) do out[#out + 1] = text end
  local where = failure.where(err, message)
  if where ~= "" then out[#out + 1] = "  " .. where end
  local todo = advice.of(err)
  if todo then out[#out + 1] = "  what to do: " .. todo end
  return out
end

-- The last lines: the command that goes on, once what would fail again is mended.
local function how_to_go_on(result, command)
  local lasting = false
  for _, step in ipairs(result.failed) do lasting = lasting or advice.is_lasting(step.err) end
  if command == false then
    return { (lasting and "mend what failed; then, to go on from here" or "to go on from here")
      .. ", keep the sandbox: --sandbox=FILE" }
  end
  local first = lasting and "mend what failed, then run" or "to go on, run"
  if not command then return { first .. " the same command again: what is done stays done" } end
  return { (lasting and first .. " again" or "to go on") .. " (what is done stays done):", "  " .. command }
end

--- The end of a run: its last line is what to do next.
--- @param plan eksrun.Plan
--- @param result eksrun.Result
--- @param command string|false|nil that goes on; false: nothing of the run is kept
--- @param paint fun(kind: string, text: string): string
--- @return string[]
function M.outcome(plan, result, command, paint)
  local total = #result.done + #result.failed + #result.not_started + #result.unready
  if #result.done == total then
    return { ("%s %s: %d of %d done in %s"):format(plan.destroy and "destroyed" or "applied", plan.stack.name,
      total, total, util.duration(result.elapsed)) }
  end
  local out = { ("%d done, %d failed, %d not ready yet, %d not started, in %s"):format(#result.done,
    #result.failed, #result.unready, #result.not_started, util.duration(result.elapsed)) }
  if result.unready[1] then out[#out + 1] = "  not ready yet: " .. addresses(result.unready) end
  if result.not_started[1] then out[#out + 1] = "  not started: " .. addresses(result.not_started) end
  for _, step in ipairs(result.failed) do
    for _, text in ipairs(failed(step, paint)) do out[#out + 1] = text end
  end
  table.move(how_to_go_on(result, command), 1, 2, #out + 1, out)
  return out
end

--- The command line again. Values of sensitive parameters are left out.
--- @param argv string[]
--- @param sensitive fun(name: string): boolean
--- @return string
function M.command(argv, sensitive)
  local words = { "eksrun" }
  for _, word in ipairs(argv) do
    local name = word:match "^([%a_][%w_]*)="
    if name and sensitive(name) then
      words[#words + 1] = name .. "=..."
    else
      words[#words + 1] = line.clean(util.shell_word(word))
    end
  end
  return table.concat(words, " ")
end

return M
