--- eksrun lua FILE: the host runs the file itself (runtime/host.c); what comes here names none.
local util = require "eksrun.util"

local M = {
  summary = "run a Lua file with eksrun's modules",
  usage = "eksrun lua [--debug] [--stats] FILE [ARG...]",
  description = "What stands behind FILE is its own; --debug and --stats are heard there,\n"
    .. "too. What the file declares is not made: see apply.",
  bare = true,
  examples = { "eksrun lua report.lua prod", "eksrun lua --stats report.lua" },
  arguments = {
    { "file", "the file" },
    { "args", "what it gets as `arg` and as `...`", optional = true, rest = true },
  },
}

--- @param words string[] words behind the command's name
--- @return eksrun.cli.Parsed
function M.parse(words)
  for _, word in ipairs(words) do
    if word == "--help" or word == "-h" then return { help = true } end
  end
  for _, word in ipairs(words) do
    if word ~= "--debug" and word ~= "--stats" then
      util.fail("usage", "'%s' is no file; usage: %s", word, M.usage)
    end
  end
  util.fail("usage", "FILE is missing; usage: %s", M.usage)
end

return M
