--- eksrun doctor [CHECK...]: whether what eksrun stands on is in order.
local checks = require "eksrun.cli.doctor.checks"
local error_object = require "eksrun.error"
local session = require "eksrun.cli.session"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {
  summary = "check region, credentials, clock, permissions, kubectl and files",
  examples = {
    "eksrun doctor --profile prod",
    "eksrun doctor credentials clock",
  },
  description = "Each check takes 10 seconds at most and changes nothing.\n\n"
    .. "exit status: 0 all is in order, 1 something is not",
  arguments = { { "checks", "names of checks; default: all", optional = true, rest = true } },
  flags = {
    { "list", "the checks, and what each looks at" },
    { "json", "one JSON object a line" },
  },
}

local SECONDS = 10

local signs = { ok = "✓", warning = "!", failure = "✗", skipped = "-" }
local paints = { ok = "create", warning = "update", failure = "failed", skipped = "keep" }

local by_name = {}
for _, check in ipairs(checks.list) do by_name[check.name] = check end

-- The checks of these names, or all, each behind what it needs.
local function chosen(names)
  if not names[1] then return checks.list end
  local wanted, out = {}, {}
  local function want(check)
    wanted[check] = true
    if check.needs then want(by_name[check.needs]) end
  end
  for _, name in ipairs(names) do
    if not by_name[name] then
      util.fail("usage", "there is no check '%s'%s (see eksrun doctor --list)", name,
        util.did_you_mean(name, util.sorted_keys(by_name)))
    end
    want(by_name[name])
  end
  for _, check in ipairs(checks.list) do out[#out + 1] = wanted[check] and check or nil end
  return out
end

-- What a check finds; what it raises, and what takes too long, is a failure.
local function examine(check)
  local good, found = pcall(task.timeout, SECONDS, check.run, require "eksrun.aws")
  if good then return found end
  local err = found
  if error_object.is(err) and (err.code == "interrupted" or err.code == "canceled") then error(err, 0) end
  local slow = error_object.is(err) and err.code == "timeout" and not err.service
  local message = slow and ("no answer within %d seconds"):format(SECONDS) or util.describe(err)
  local told = not check.needs or message:find("eksrun config", 1, true)
  return {
    status = "failure", message = message,
    remedy = not told and "eksrun config shows where settings and credentials come from" or nil,
    missing = error_object.is(err) and (err.code == "config" or err.code == "credentials"),
  }
end

-- Why a check is not made, if what it needs is not in order.
local function obstacle(check, found)
  local needed = found[check.needs]
  if not needed or needed.status == "ok" or needed.status == "warning" then return nil end
  if needed.status == "skipped" then return needed.message end
  if needed.missing then return "not checked: no " .. check.needs end
  return not check.refused and ("not checked: %s not in order"):format(check.needs) or nil
end

-- All findings, by name: side by side, but what another needs first.
local function examine_all(list)
  local found, done, jobs = {}, {}, {}
  for _, check in ipairs(list) do done[check.name] = task.event() end
  for i, check in ipairs(list) do
    jobs[i] = function()
      if check.needs then done[check.needs]:wait() end
      local why = obstacle(check, found)
      found[check.name] = why and { status = "skipped", message = why } or examine(check)
      done[check.name]:set()
    end
  end
  task.all(jobs)
  return found
end

local function show(report, check, found, width)
  if report.json then
    return report:event {
      event = "check", name = check.name, status = found.status, message = found.message,
      remedy = found.remedy,
    }
  end
  report:say("%s %s  %s", report:paint(paints[found.status], signs[found.status]),
    check.name .. (" "):rep(width - #check.name), (util.escape(found.message):gsub("%s*\n%s*", " ")))
  if found.status ~= "ok" and found.remedy then
    report:say("  %s  -> %s", (" "):rep(width), found.remedy)
  end
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  local list, report, width = chosen(parsed.checks), session.report(parsed, io.stdout), 0
  for _, check in ipairs(list) do width = math.max(width, #check.name) end
  if parsed.list then
    for _, check in ipairs(list) do
      report:note("check", { name = check.name, about = check.about }, "%s  %s",
        check.name .. (" "):rep(width - #check.name), check.about)
    end
    return 0
  end
  session.configure(parsed)
  require("eksrun.aws").configure { max_attempts = 2 } -- somebody waits for the answer
  local found, counts = examine_all(list), { ok = 0, warning = 0, failure = 0, skipped = 0 }
  for _, check in ipairs(list) do
    local one = found[check.name]
    counts[one.status] = counts[one.status] + 1
    show(report, check, one, width)
  end
  report:note("result", counts, "\n%d in order, %d to look at, %d not in order%s", counts.ok, counts.warning,
    counts.failure, counts.skipped > 0 and (", %d not checked"):format(counts.skipped) or "")
  return counts.failure == 0 and 0 or 1
end

return M
