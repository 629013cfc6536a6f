--- eksrun stacks: the stacks of an account and region, by their locks and by the tags of what they have.
local clock = require "eksrun.clock"
local columns = require "eksrun.cli.columns"
local session = require "eksrun.cli.session"
local stacks = require "eksrun.engine.stacks"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {
  summary = "list the stacks of the account and region",
  paged = true,
  examples = { "eksrun stacks --region eu-west-1 --json" },
  description = "from the records of the locks and from tags. TAGGED: how many things AWS's\n"
    .. "tagging API shows with the stack's tag; none of IAM's, and for a while some\n"
    .. "that are gone. All of a stack: eksrun status --stack NAME",
  flags = {
    { "json", "one JSON object a line" },
    { "all", "those that were destroyed whole, too" },
    session.store_flag,
  },
}

-- One of the two may be refused: the other is said then, and this is not hidden.
local function tried(report, what, f, ...)
  local result, err = stacks.try(f, ...)
  if result then return result, true end
  report:note("unseen", { what = what, error = util.describe(err) }, "not looked at: %s: %s", what,
    (util.escape(util.describe(err)):gsub("\n.*", "")))
  return {}, false, err
end

local function state_of(record)
  if not record then return "no run is known" end
  if stacks.is_destroyed(record) then return "destroyed" end
  if record.kind == "hold" then return record.deadline < clock.now() and "abandoned" or "in a run" end
  return record.complete and "complete" or "not complete"
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  session.configure(parsed)
  local aws, report = require "eksrun.aws", session.report(parsed, io.stdout)
  local counts, records, counted, read, err
  local function foreign(name)
    if parsed.debug then io.stderr:write(("no record of eksrun's: %s\n"):format(util.escape(name))) end
  end
  task.all {
    function() counts, counted, err = tried(report, "tags", stacks.by_tags, aws) end,
    function() records, read = tried(report, "locks", stacks.by_locks, aws, foreign) end,
  }
  if not counted and not read then error(err, 0) end
  local names = {}
  for name in pairs(counts) do names[name] = true end
  for name, record in pairs(records) do
    names[name] = names[name] or parsed.all or not stacks.is_destroyed(record) or nil
  end
  local rows = { { "STACK", "TAGGED (NOT IAM)", "STATE", "LAST RUN" } }
  for name in util.sorted_pairs(names) do
    local record = records[name]
    local who = record and record.owner or {}
    local last = record and ("%s %s@%s"):format(clock.format_iso8601(record.at), tostring(who.user),
      tostring(who.host)) or ""
    if report.json then
      report:event {
        event = "stack", stack = name, resources = counted and (counts[name] or 0) or nil,
        state = state_of(record), last_at = record and clock.format_iso8601(record.at), user = who.user,
        host = who.host, command = who.command,
      }
    end
    rows[#rows + 1] = { util.escape(name), tostring(counted and (counts[name] or 0) or "?"), state_of(record),
      util.escape(last) }
  end
  if report.json then return 0 end
  if not rows[2] then
    report:say "no stacks"
    return 0
  end
  for _, line in ipairs(columns.lines(rows)) do report:say("%s", line) end
  return 0
end

return M
