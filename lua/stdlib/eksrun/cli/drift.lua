--- eksrun drift RECIPE [k=v ...]: where AWS is not what the recipe says, field by field.
local json = require "eksrun.json"
local shown = require "eksrun.engine.shown"
local session = require "eksrun.cli.session"
local util = require "eksrun.util"

local M = {
  summary = "show where AWS is not what the recipe says, and change nothing",
  usage = "eksrun drift RECIPE [k=v ...] [flags]",
  examples = { "eksrun drift recipes/managed-cluster.lua name=demo --json" },
  description = "exit status: 0 all is as declared, 2 something is not, 1 an error",
  usage_status = 1,
  paged = true,
  unknown_flag = session.unknown_flag,
  arguments = {
    { "recipe", "a Lua file, or - for stdin" },
    session.params_argument,
  },
  flags = {
    { "json", "one JSON object a line" },
    { "target", "only this resource or scope, and what it needs", value = "ADDRESS", many = true },
    session.store_flag,
    { "no-lock", "do not read the lock of the stack, which says what the stack may have" },
  },
}

--- @param parsed eksrun.cli.Parsed
--- @return string text of --help
function M.help(parsed) return require("eksrun.cli.apply").help(parsed, M) end

-- Characters of a value.
local WIDTH = 60

local KINDS = { create = "missing", update = "changed", replace = "changed", delete = "extra" }

local function fields_of(action)
  local out = json.array {}
  for _, change in ipairs(action.changes) do
    if not change.implied then
      local told = shown.change(change)
      out[#out + 1] = { path = told.path, sensitive = told.sensitive, recipe = told.to, aws = told.from }
    end
  end
  return out
end

local function difference(change)
  local missing, extra = shown.members(change, WIDTH)
  if not missing then
    local aws, declared = shown.pair(change.from, change.to, change.spec, WIDTH)
    return ("the recipe says %s, AWS has %s"):format(declared, aws)
  end
  local out = {}
  if missing[1] then out[1] = "only the recipe has " .. table.concat(missing, ", ") end
  if extra[1] then out[#out + 1] = "only AWS has " .. table.concat(extra, ", ") end
  return out[1] and table.concat(out, "; ") or "AWS has another order"
end

local function say(report, action, kind)
  if kind == "missing" then
    return report:say("%s (%s): not in AWS", action.address, action.type.name)
  end
  local id = shown.id(action)
  if kind == "extra" then
    return report:say("%s (%s%s%s): in AWS, %s", action.address, action.type.name, id ~= "" and " " or "", id,
      action.reason or "no longer declared")
  end
  local failed = action.record.failed
  report:say("%s (%s %s):%s", action.address, action.type.name, id, failed and " it is " .. failed or "")
  for _, change in ipairs(action.changes) do
    if not change.implied then
      report:say("  %s: %s%s", util.escape(change.path), difference(change),
        change.replaces and "  (cannot be changed in place)" or "")
    end
  end
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  session.configure(parsed)
  local loaded = session.load(parsed, "compare")
  parsed.only_look = true
  local plan = session.plan(loaded.graph, parsed, loaded.outputs)
  local report, drifted = session.report(parsed, io.stdout), 0
  for _, action in ipairs(plan.actions) do
    local kind = KINDS[action.op]
    if kind then
      drifted = drifted + 1
      if report.json then
        local id = action.record and action.record[action.type.id]
        report:event {
          event = "drift", kind = kind, address = action.address, type = action.type.name,
          id = id and tostring(id), fields = fields_of(action),
        }
      else
        say(report, action, kind)
      end
    end
  end
  local stack = plan.stack
  report:note("result", {
    stack = stack.name, account = stack.account, region = stack.region, drifted = drifted,
    as_declared = plan.counts.keep + plan.counts.wait,
  }, "%sstack %s, account %s, region %s: %d not as declared, %d as declared", drifted > 0 and "\n" or "",
    stack.name, stack.account or "?", stack.region or "?", drifted, plan.counts.keep + plan.counts.wait)
  return drifted > 0 and 2 or 0
end

return M
