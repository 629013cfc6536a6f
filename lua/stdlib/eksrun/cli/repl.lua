--- eksrun repl: Lua and AWS at a prompt, or from a pipe.
local M = {
  summary = "explore AWS in Lua",
  description = "It only reads, until .rw at the prompt or --yes allows changes; then, without\n"
    .. "--yes, it asks before each. help at the prompt says what else can be typed.",
  arguments = {},
  flags = {
    { "yes", "allow calls that change something, and do not ask", short = "y" },
    { "confirm", "do not ask for the name of this cluster before deleting it", value = "NAME" },
  },
  examples = {
    "eksrun repl --region eu-central-1",
    "echo 'eks:list_clusters{}' | eksrun repl",
  },
}

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  require("eksrun.cli.session").configure(parsed)
  local terminal = require "eksrun.terminal"
  local repl = require "eksrun.repl"
  if terminal.is_tty(0) and terminal.is_tty(1) then return repl.interactive(parsed) end
  return repl.piped(parsed)
end

return M
