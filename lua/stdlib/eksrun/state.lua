--- Where eksrun keeps on this machine what it can do without: $XDG_STATE_HOME/eksrun, or in the home.
local process = require "eksrun.process"

local M = {}

--- The path of a file or folder there; nil without a home.
--- @param name string
--- @return string?
function M.path(name)
  local state = process.env "XDG_STATE_HOME"
  if not state or state:sub(1, 1) ~= "/" then
    local home = process.env "HOME"
    if not home or home == "" then return nil end
    state = home .. "/.local/state"
  end
  return state .. "/eksrun/" .. name
end

return M
