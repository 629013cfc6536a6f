--- What counts of ~/.inputrc, where Bash and others have their keys: the editing mode. The rest of libedit's
--- settings is in ~/.editrc.
local file = require "eksrun.file"
local process = require "eksrun.process"

local M = {}

local function path()
  local named = process.env "INPUTRC"
  if named and named ~= "" then return named end
  local home = process.env "HOME"
  return home and home ~= "" and home .. "/.inputrc" or nil
end

-- Whether a condition of `$if` holds: the program's name, the terminal or the mode so far.
local function holds(condition, mode)
  local key, value = condition:match "^(%a+)%s*=%s*(%S+)$"
  local terminal = process.env "TERM" or ""
  if key == "term" then return value == terminal or value == terminal:match "^[^-]*" end
  if key == "mode" then return value == (mode or "emacs") end
  return condition:lower() == "eksrun"
end

--- The mode that a text in the form of inputrc asks for.
--- @param text string
--- @return "vi"|"emacs"|nil
function M.parse(text)
  local mode
  local taken = { true } -- of the conditions that are open: whether what they hold counts
  for row in text:gmatch "[^\r\n]+" do
    row = row:match "^%s*(.-)%s*$"
    local condition = row:match "^%$if%s+(.*)$"
    if condition then
      taken[#taken + 1] = taken[#taken] and holds(condition, mode)
    elseif row == "$else" and #taken > 1 then
      taken[#taken] = taken[#taken - 1] and not taken[#taken]
    elseif row == "$endif" and #taken > 1 then
      taken[#taken] = nil
    elseif taken[#taken] then
      local found = row:lower():match "^set%s+editing%-mode%s+(%a+)$"
      if found == "vi" or found == "emacs" then mode = found end
    end
  end
  return mode
end

--- The mode of the user's file.
--- @return "vi"|"emacs"|nil
function M.editing_mode()
  local where = path()
  local text = where and file.try_read(where)
  return text and M.parse(text)
end

return M
