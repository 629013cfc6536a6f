--- eksrun new NAME: a recipe project that plans and passes its tests from the first moment.
local file = require "eksrun.file"
local stdout = require "eksrun.stdout"
local util = require "eksrun.util"

local KINDS = { "cluster", "library" }

local M = {
  summary = "begin a recipe project: a recipe, a test, a README",
  examples = {
    "eksrun new payments && cd payments && eksrun test",
    "eksrun new acme --kind library",
  },
  description = "cluster: a cluster with managed nodes. library: an organisation's standards as a\n"
    .. "module, with a recipe that uses it. The folder NAME must not exist, or be empty.",
  arguments = { { "name", "name of the project, and the folder to make" } },
  flags = {
    { "kind", "what to begin", value = "KIND", choices = KINDS, default = "cluster" },
  },
}

-- Folders are everybody's to read, as those of mkdir; 0755 and 0644.
local FOLDER_MODE, FILE_MODE = 493, 420

local function check_folder(path)
  local found = file.stat(path)
  if not found then return end
  if found.type ~= "directory" then util.fail("usage", "%s is there, and no folder", path) end
  local names = file.list(path)
  if not names then util.fail("usage", "%s cannot be read", path) end
  if names[1] then util.fail("usage", "%s is not empty; eksrun new begins a folder of its own", path) end
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  local path = parsed.name:gsub("(.)/+$", "%1")
  local name = path:match "[^/]+$" or ""
  if not name:find "^%l[%l%d-]*$" or #name > 40 then
    util.fail("usage",
      "'%s' is no name of a project: small letters, digits and '-', at most 40, a letter first", name)
  end
  check_folder(path)
  local files = require("eksrun.cli.new." .. parsed.kind)
  for below, text in util.sorted_pairs(files) do
    below = below:gsub("%$NAME", { ["$NAME"] = (name:gsub("%-", "_")) })
    local whole = path .. "/" .. below
    file.mkdir_p(whole:match "^(.*)/", { mode = FOLDER_MODE })
    file.write_atomic(whole, (text:gsub("%$(%u+)", { NAME = name, MODULE = (name:gsub("%-", "_")) })),
      { mode = FILE_MODE })
    stdout.write(whole, "\n")
  end
  io.stderr:write(("\ncd %s, then: eksrun test\n"):format(path))
  return 0
end

return M
