--- eksrun graph RECIPE [k=v ...]: the resources of a recipe and what comes before what, as a picture.
local file = require "eksrun.file"
local session = require "eksrun.cli.session"
local stdout = require "eksrun.stdout"
local util = require "eksrun.util"

local FORMATS = { "dot", "mermaid", "svg" }
local BY_ENDING = { dot = "dot", gv = "dot", mmd = "mermaid", mermaid = "mermaid", svg = "svg" }

local M = {
  summary = "draw the resources of a recipe, and what comes before what",
  usage = "eksrun graph RECIPE [k=v ...] [flags]",
  examples = {
    "eksrun graph recipes/managed-cluster.lua --sandbox --output cluster.svg",
    "eksrun graph recipes/managed-cluster.lua name=prod | dot -Tpdf > prod.pdf",
  },
  description = "Reads AWS as plan does, and marks what it would create, change and delete; with\n"
    .. "--sandbox it needs no account. Arrows that longer ways imply are left out.",
  unknown_flag = session.unknown_flag,
  arguments = {
    { "recipe", "a Lua file, or - for stdin" },
    session.params_argument,
  },
  flags = {
    { "format", "form of the picture (default: as FILE ends, or dot)", value = "FORM", choices = FORMATS },
    { "output", "write it to FILE instead of stdout", value = "FILE" },
    { "no-lock", "do not read the lock of the stack, which says what the stack may have" },
  },
}

--- @param parsed eksrun.cli.Parsed
--- @return string text of --help
function M.help(parsed) return require("eksrun.cli.apply").help(parsed, M) end

local function format_of(parsed)
  if parsed.format or not parsed.output then return parsed.format or "dot" end
  local ending = parsed.output:match "%.(%w+)$"
  local format = ending and BY_ENDING[ending:lower()]
  if not format then
    util.fail("usage", "--output %s: the ending says no form; add --format %s", parsed.output,
      table.concat(FORMATS, "|"))
  end
  return format
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  local format = format_of(parsed)
  session.configure(parsed)
  local loaded = session.load(parsed, "draw")
  parsed.only_look = true
  local plan = session.plan(loaded.graph, parsed, loaded.outputs)
  local model = require("eksrun.cli.graph.model").of(plan)
  local draw = format == "svg" and require("eksrun.cli.graph.svg").draw
    or require("eksrun.cli.graph.text")[format]
  local picture = draw(model, plan.stack.name)
  if parsed.output then
    file.write_atomic(parsed.output, picture, { mode = 420 }) -- 0644
  else
    stdout.write(picture)
  end
  return 0
end

return M
