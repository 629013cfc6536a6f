--- eksrun help [COMMAND]: the commands, or one of them.
local args = require "eksrun.cli.args"
local stdout = require "eksrun.stdout"
local util = require "eksrun.util"

local M = {
  summary = "show the commands, or the help of one",
  paged = true,
  arguments = { { "command", "name of a command", optional = true } },
}

local function overview()
  local main = require "eksrun.cli.main"
  local out = {
    "eksrun turns a Lua recipe into a running EKS cluster, and keeps it that way.",
    "",
    "  eksrun recipes/managed-cluster.lua name=demo nodes=3    plan, ask, apply",
    "  eksrun plan recipes/managed-cluster.lua                 show what would change",
    "  eksrun destroy recipes/managed-cluster.lua              delete all of it",
    "",
    "usage: eksrun RECIPE [k=v ...] [flags]",
    "       eksrun COMMAND [arguments] [flags]",
    "",
    "commands:",
  }
  local rows = {}
  for _, name in ipairs(main.commands()) do
    local found, command = pcall(main.command, name)
    if found then rows[#rows + 1] = { name, command.summary } end
  end
  args.columns(rows, out)
  out[#out + 1] = ""
  out[#out + 1] = "common flags:"
  args.columns(args.flag_rows(args.common), out)
  out[#out + 1] = "      --version           versions of eksrun and of what it stands on"
  out[#out + 1] = ""
  out[#out + 1] = "`eksrun COMMAND --help` and `eksrun RECIPE --help` say more."
  return table.concat(out, "\n") .. "\n"
end

--- @return string text of --help
function M.help() return overview() end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  if not parsed.command then
    stdout.write(overview())
    return 0
  end
  local main = require "eksrun.cli.main"
  if not util.contains(main.commands(), parsed.command) then
    util.fail("usage", "unknown command '%s'%s (see eksrun help)", parsed.command,
      util.did_you_mean(parsed.command, main.commands()))
  end
  stdout.write(args.help(main.command(parsed.command)))
  return 0
end

return M
