--- Lines of a display: cut to columns, of which a wide character takes two.
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = {}

--- One line of what AWS or a person wrote: nothing in it moves the cursor.
--- @param s any
--- @return string
function M.clean(s) return text.escape(tostring(s), true) end

--- The beginning of s that takes at most so many columns, "…" for the rest.
--- @param s string
--- @param columns integer
--- @return string
function M.clip(s, columns)
  if columns <= 0 then return "" end
  if #s <= columns and not s:find "[\x80-\xff]" or text.width(s) <= columns then return s end
  local used, at = 0, 1
  while at <= #s do
    local stop = utf8.offset(s, 2, at) or #s + 1
    local width = text.width(s:sub(at, stop - 1))
    if used + width > columns - 1 then break end
    used, at = used + width, stop
  end
  return s:sub(1, at - 1) .. "…"
end

--- s, filled or cut to exactly so many columns.
--- @param s string
--- @param columns integer
--- @return string
function M.fit(s, columns)
  s = M.clip(s, columns)
  return s .. (" "):rep(columns - text.width(s))
end

--- What failed, in one line: its code and message.
--- @param err any
--- @return string
function M.failure(err) return M.clean((util.describe(err):gsub("\n.*", ""))) end

--- Words in lines of at most so many columns.
--- @param words string[]
--- @param columns integer
--- @param indent string before each line
--- @return string[]
function M.wrap(words, columns, indent)
  local out, line = {}, nil
  for _, word in ipairs(words) do
    if line and text.width(indent .. line .. " " .. word) <= columns then
      line = line .. " " .. word
    else
      if line then out[#out + 1] = indent .. line end
      line = word
    end
  end
  if line then out[#out + 1] = indent .. line end
  return out
end

return M
