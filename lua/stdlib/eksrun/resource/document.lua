--- Documents, such as policies: text or a table in a recipe, text in a call.
local json = require "eksrun.json"

local M = {}

--- A document as a call takes it.
--- @param value string|table|nil
--- @return string?
function M.text(value)
  return type(value) == "table" and json.encode(value) or value
end

return M
