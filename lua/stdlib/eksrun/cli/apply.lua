--- eksrun RECIPE [k=v ...]: plan, ask, apply.
local args = require "eksrun.cli.args"
local params = require "eksrun.params"
local recipe = require "eksrun.engine.recipe"
local session = require "eksrun.cli.session"

local M = {
  summary = "make AWS what the recipe says: plan, ask, apply",
  usage = "eksrun RECIPE [k=v ...] [flags]",
  examples = {
    "eksrun recipes/managed-cluster.lua name=demo nodes=3",
    "eksrun recipes/managed-cluster.lua name=demo --yes --json",
  },
  unknown_flag = session.unknown_flag,
  arguments = {
    { "recipe", "a Lua file, or - for stdin" },
    { "params", "parameters of the recipe, k=v", optional = true, rest = true },
  },
  flags = {
    { "yes", "apply without asking", short = "y" },
    { "json", "one JSON object a line, on stdout" },
    { "full", "show every input of what is to be made" },
    { "allow-destroy", "may be replaced or deleted although protected", value = "ADDRESS", many = true },
    session.progress_flags[1],
    session.progress_flags[2],
    { "no-lock", "without the lock of the stack: nobody else may change it meanwhile" },
    { "wait", "wait so long for whoever changes the stack now", value = "SECONDS", type = "number" },
  },
}

--- The help of a recipe: its own parameters, then the command's.
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

--- @return integer exit status
function M.run(parsed)
  session.configure(parsed)
  local loaded = recipe.load(parsed.recipe, parsed.params)
  local report = session.report(parsed)
  if not loaded.declares then
    report:outputs(loaded.outputs)
    return 0
  end
  local function make() return session.plan(loaded.graph, parsed, loaded.outputs) end
  local plan = make()
  report:plan(plan)
  local fields, status = session.carry_out(plan, parsed, report, "apply", make)
  if status == 0 then report:outputs(session.resolve(loaded.outputs, fields)) end
  return status
end

return M
