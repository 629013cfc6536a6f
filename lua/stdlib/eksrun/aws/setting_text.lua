--- Settings as people write them, into values.
local M = {}

local function whole(text, least)
  local number = math.tointeger(tonumber(text))
  if number and number >= least then return number end
  return nil, ("not a whole number from %d on"):format(least)
end

local kinds = {
  proxy = function(text) return text end,
  boolean = function(text)
    local lower = text:lower()
    if lower == "true" then return true end
    if lower == "false" then return false end
    return nil, "neither true nor false"
  end,
  integer = function(text) return whole(text, 0) end,
  count = function(text) return whole(text, 1) end,
  seconds = function(text)
    local number = tonumber(text)
    if number and number > 0 and number <= 86400 then return number end
    return nil, "not a number of seconds"
  end,
  url = function(text)
    if text:find("^https?://[^%s%c]+$") then return text end
    return nil, "not a URL like https://host:port"
  end,
}

--- The value of a setting's text, or nil and what it is instead.
--- @param kind string of eksrun.aws.settings
--- @param text string
--- @return any value
--- @return string|nil problem "not a number of seconds"
function M.read(kind, text)
  if kinds[kind] then return kinds[kind](text) end
  local lower = text:lower()
  for choice in kind:gmatch "[^|]+" do
    if lower == choice then return choice end
  end
  return nil, "none of " .. kind:gsub("|", ", ")
end

return M
