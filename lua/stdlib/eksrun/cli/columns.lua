--- Rows in columns, each as wide on a terminal as its widest cell; nothing stands behind the last cell.
local text = require "eksrun.text"

local M = {}

--- @param rows string[][] free of control bytes
--- @return string[] lines
function M.lines(rows)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, text.width(cell)) end
  end
  for at, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do cells[i] = cell .. (" "):rep(widths[i] - text.width(cell)) end
    lines[at] = table.concat(cells, "  "):gsub("%s+$", "")
  end
  return lines
end

return M
