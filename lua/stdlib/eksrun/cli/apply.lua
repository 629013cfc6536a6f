--- eksrun RECIPE [k=v ...]: plan, ask, apply.
local args = require "eksrun.cli.args"
local params = require "eksrun.params"
local saved = require "eksrun.engine.saved"
local recipe = require "eksrun.engine.recipe"
local session = require "eksrun.cli.session"
local util = require "eksrun.util"

local M = {
  summary = "make AWS what the recipe says: plan, ask, apply",
  usage = "eksrun RECIPE [k=v ...] [flags]",
  examples = {
    "eksrun recipes/managed-cluster.lua name=demo nodes=3",
    "eksrun recipes/managed-cluster.lua name=demo --yes --json",
    "eksrun apply demo.plan",
  },
  unknown_flag = session.unknown_flag,
  arguments = {
    { "recipe", "a Lua file, a saved plan, or - for stdin" },
    session.params_argument,
  },
  flags = {
    { "yes", "apply without asking", short = "y" },
    { "json", "one JSON object a line, on stdout" },
    { "full", "show every input of what is to be made, and changes uncut" },
    { "allow-destroy", "may be replaced or deleted although protected", value = "ADDRESS", many = true },
    session.progress_flags[1],
    session.progress_flags[2],
    { "target", "only this resource or scope, and what it needs", value = "ADDRESS", many = true },
    { "replace", "make this resource anew", value = "ADDRESS", many = true },
    session.store_flag,
    table.unpack(session.lock_flags),
  },
}

--- The help of a recipe: its own parameters, then the command's.
--- @param parsed eksrun.cli.Parsed
--- @param command? eksrun.cli.Command whose help it is; default: this one
--- @return string text of --help
function M.help(parsed, command)
  local text = args.help(command or M)
  if not parsed.recipe then return text end
  local declared = recipe.parameters(parsed.recipe)
  local verb = command and command.name .. " " or ""
  local out = { "usage: eksrun " .. verb .. parsed.recipe .. " [k=v ...] [flags]", "" }
  if declared and next(declared) then
    out[#out + 1] = "parameters:"
    args.columns(params.rows(declared), out)
  else
    out[#out + 1] = "the recipe takes no parameters"
  end
  out[#out + 1] = ""
  out[#out + 1] = text:match("flags:\n.*$")
  return table.concat(out, "\n")
end

-- A saved plan says what to apply, and was looked at: nobody is asked again.
local function take_saved(parsed)
  local plan = saved.read(parsed.recipe)
  if not plan then return end
  for _, flag in ipairs { "allow_destroy", "target", "replace" } do
    if parsed[flag] then util.fail("usage", "--%s: a saved plan has its own", (flag:gsub("_", "-"))) end
    parsed[flag] = plan[flag]
  end
  if parsed.region and parsed.region ~= plan.region then
    util.fail("usage", "--region: %s was made for %s", parsed.recipe, plan.region)
  end
  parsed.saved, parsed.saved_at, parsed.yes = plan, parsed.recipe, true
  parsed.recipe, parsed.region = plan.recipe, plan.region
  parsed.params = saved.params(plan, parsed.params or {})
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  take_saved(parsed)
  session.configure(parsed)
  local loaded = session.load(parsed)
  local report = session.report(parsed)
  if not loaded.declares then
    report:outputs(loaded.outputs)
    return 0
  end
  local function make() return session.plan(loaded.graph, parsed, loaded.outputs) end
  local plan = make()
  if parsed.saved then session.check_saved(parsed, plan) end
  session.show_plan(plan, parsed, report)
  local fields, status = session.carry_out(plan, parsed, report, "apply", make)
  if status == 0 then report:outputs(session.resolve(loaded.outputs, fields)) end
  return status
end

return M
