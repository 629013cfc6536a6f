--- eksrun lua FILE: the host runs the file itself (runtime/host.c); what comes here names none.
local util = require "eksrun.util"

local M = {
  summary = "run a Lua file with eksrun's modules",
  usage = "eksrun lua FILE [ARG...]",
  description = "What stands behind FILE is its own. What it declares is not made: see apply.",
  bare = true,
  examples = { "eksrun lua report.lua prod" },
  arguments = {
    { "file", "the file" },
    { "args", "what it gets as `arg` and as `...`", optional = true, rest = true },
  },
}

function M.parse(words)
  for _, word in ipairs(words) do
    if word == "--help" or word == "-h" then return { help = true } end
  end
  if not words[1] then util.fail("usage", "FILE is missing; usage: %s", M.usage) end
  util.fail("usage", "'%s' is no file; usage: %s", words[1], M.usage)
end

return M
