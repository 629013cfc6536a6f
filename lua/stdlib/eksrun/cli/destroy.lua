--- eksrun destroy RECIPE|--stack NAME: deletes all that a stack owns.
local graph = require "eksrun.engine.graph"
local session = require "eksrun.cli.session"
local stack = require "eksrun.engine.stack"
local util = require "eksrun.util"

local M = {
  summary = "delete all that a stack owns",
  usage = "eksrun destroy RECIPE [k=v ...] | --stack NAME [flags]",
  examples = {
    "eksrun destroy recipes/managed-cluster.lua name=demo",
    "eksrun destroy --stack managed-cluster/demo --yes",
  },
  unknown_flag = session.unknown_flag,
  arguments = {
    { "recipe", "a Lua file, or - for stdin", optional = true },
    session.params_argument,
  },
  flags = {
    { "stack", "the stack, without its recipe", value = "NAME" },
    { "yes", "delete without asking", short = "y" },
    { "json", "one JSON object a line, on stdout" },
    { "allow-destroy", "may be deleted although protected", value = "ADDRESS", many = true },
    session.progress_flags[1],
    session.progress_flags[2],
    session.store_flag,
    table.unpack(session.lock_flags),
  },
}

local function declared(parsed)
  if parsed.stack then
    if not stack.is_name(parsed.stack) then
      util.fail("usage", "--stack: '%s' is no stack's name; a resource carries it as the tag eksrun:stack, "
        .. "such as managed-cluster/demo", parsed.stack)
    end
    if parsed.recipe then util.fail("usage", "destroy wants a recipe or --stack, not both") end
    local empty = graph.new()
    empty.stack = stack.new(parsed.stack)
    return empty
  end
  if not parsed.recipe then util.fail("usage", "destroy wants a recipe or --stack NAME") end
  local loaded = session.load(parsed, "destroy")
  return loaded.graph
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  session.configure(parsed)
  local report = session.report(parsed)
  parsed.destroy = true
  local declared_graph = declared(parsed)
  local function make() return session.plan(declared_graph, parsed) end
  local plan = make()
  session.show_plan(plan, parsed, report)
  if parsed.stack and not plan.actions[1] then session.say_unknown(plan.stack) end
  local _, status = session.carry_out(plan, parsed, report, "destroy", make)
  return status
end

return M
