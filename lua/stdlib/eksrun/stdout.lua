--- stdout, for results. A write that fails stops nothing, least of all a run that is changing AWS; it is
--- remembered, and the program does not end as if all were well.
local M = {}

local EPIPE = 32

-- Why a write failed; a reader that left early had enough.
local failure

-- What is held back for a pager, in pieces; nil where nothing is.
local held

local function note(_, message, number)
  if message and number ~= EPIPE then failure = failure or message end
end

--- Writes at once, unless what is written is held back.
--- @param ... string
function M.write(...)
  if held then
    table.move({ ... }, 1, select("#", ...), #held + 1, held)
    return
  end
  note(io.stdout:write(...))
  note(io.stdout:flush())
end

--- Holds back what is written up to release(), if somebody sits at a terminal that can show pages: neither
--- PAGER nor TERM says that it cannot.
function M.hold()
  local terminal = require "eksrun.terminal"
  if os.getenv "PAGER" == "" or (os.getenv "TERM" or "dumb") == "dumb" then return end
  if terminal.is_tty(0) and terminal.is_tty(1) then held = held or {} end
end

-- Rows of the terminal that the text takes.
local function height(text, columns)
  local width, rows = require("eksrun.text").width, 0
  for line in text:gsub("\27%[[%d;]*m", ""):gmatch "([^\n]*)\n" do
    rows = rows + math.max(1, math.ceil(width(line) / columns))
  end
  return rows
end

--- Shows what was held back, by a pager if it is higher than the screen.
function M.release()
  if not held then return end
  local text = table.concat(held)
  held = nil
  local terminal = require "eksrun.terminal"
  local columns, rows = terminal.size()
  local fits = not columns or height(text, columns) < rows
  if not fits and terminal.page(text, os.getenv "PAGER") then return end
  M.write(text)
end

--- Raises { code = "file" } if something could not be written.
function M.check()
  note(io.stdout:flush())
  local message = failure
  failure = nil
  if message then require("eksrun.util").fail("file", "cannot write to stdout: %s", message) end
end

return M
