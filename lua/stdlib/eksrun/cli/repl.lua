--- eksrun repl: Lua and AWS at a prompt, or from a pipe.
local M = {
  summary = "explore AWS in Lua",
  arguments = {},
  flags = {},
  examples = {
    "eksrun repl --region eu-central-1",
    "echo 'eks:list_clusters{}' | eksrun repl",
  },
}

function M.run(parsed)
  require("eksrun.cli.session").configure(parsed)
  local terminal = require "eksrun.terminal"
  local repl = require "eksrun.repl"
  if terminal.is_tty(0) and terminal.is_tty(1) then return repl.interactive() end
  return repl.piped()
end

return M
