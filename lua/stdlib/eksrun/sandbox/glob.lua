--- Patterns in which * stands for any text and ? for any character, as IAM and the filters of EC2 have them.
local M = {}

local STAR, ANY = ("*"):byte(), ("?"):byte()

--- Whether a text matches a pattern. Takes time in proportion to the product of their lengths at most.
--- @param pattern string
--- @param text string
--- @return boolean
function M.matches(pattern, text)
  if pattern == "*" then return true end
  if not pattern:find "[*?]" then return pattern == text end
  local p, t, star, mark = 1, 1, nil, nil
  while t <= #text do
    local c = pattern:byte(p)
    if c == STAR then
      star, mark, p = p, t, p + 1
    elseif c == ANY or c and c == text:byte(t) then
      p, t = p + 1, t + 1
    elseif star then
      p, mark = star + 1, mark + 1
      t = mark
    else
      return false
    end
  end
  return pattern:find("^%**$", p) ~= nil
end

return M
