--- The history file: one entry a line, as a JSON string, so that entries of several lines stay one.
--- It is private (0600) and lives in $XDG_STATE_HOME/eksrun.

local file = require "eksrun.file"
local json = require "eksrun.json"
local state = require "eksrun.state"

local M = {}

local ENTRIES_MAX = 2000

--- The entries kept, oldest first; none if there is no file or it cannot be read.
--- @return string[]
function M.load()
  local where = state.path "history"
  local text = where and file.try_read(where) or ""
  local entries = {}
  for line in text:gmatch "[^\n]+" do
    local entry = json.try_decode(line)
    if type(entry) == "string" then entries[#entries + 1] = entry end
  end
  if #entries > ENTRIES_MAX then
    entries = table.move(entries, #entries - ENTRIES_MAX + 1, #entries, 1, {})
    local lines = {}
    for i, entry in ipairs(entries) do lines[i] = json.encode(entry) .. "\n" end
    file.try_write_atomic(where, table.concat(lines))
  end
  return entries
end

--- Adds an entry. One that starts with a space is not kept; neither is anything where the file cannot be
--- written. Opens the file each time: another session may have put a shorter one in its place.
--- @param entry string
function M.add(entry)
  local where = state.path "history"
  if not where or not entry:find "%S" or entry:sub(1, 1) == " " then return end
  pcall(function()
    file.mkdir_p(where:match "^(.*)/")
    local log <close> = file.append(where)
    log:write(json.encode(entry) .. "\n")
  end)
end

return M
