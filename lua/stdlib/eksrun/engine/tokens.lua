--- A recipe's text in pieces, with the places of each: names, numbers, texts and signs.
---
--- It takes any text, a wrong one too: a text that is not closed ends with its line, a long one with the
--- file.
local M = {}

--- @class eksrun.Token
--- @field kind "name"|"number"|"text"|"sign"|"comment"
--- @field text string as it stands there
--- @field line integer where it begins
--- @field at integer its first byte

-- The closing bracket of a long text or comment that begins at `from`; nil where none begins.
local function long(text, from)
  local level = text:match("^%[(=*)%[", from)
  if not level then return nil end
  local _, finish = text:find("]" .. level .. "]", from, true)
  return text:sub(from, finish)
end

local function quoted(text, from)
  local quote, stop = text:sub(from, from), from + 1
  while stop <= #text and text:sub(stop, stop) ~= quote do
    local char = text:sub(stop, stop)
    if char == "\n" then return text:sub(from, stop - 1) end
    if char == "\\" then
      -- Behind \z the text goes on over any white space.
      local _, skipped = text:find("^z%s*", stop + 1)
      stop = skipped or stop + 1
    end
    stop = stop + 1
  end
  return text:sub(from, stop)
end

local function sign(text, at)
  return text:match("^[=~<>]=", at) or text:match("^%.%.%.?", at) or text:match("^//", at)
    or text:match("^<<", at) or text:match("^>>", at) or text:match("^::", at) or text:sub(at, at)
end

-- Kind and text of what begins at `at`, which is no white space.
local function token_at(text, at)
  if text:find("^%-%-", at) then
    return "comment", "--" .. (long(text, at + 2) or text:match("^[^\n]*", at + 2))
  elseif text:find("^[%a_]", at) then
    return "name", text:match("^[%w_]+", at)
  elseif text:find("^%.?%d", at) then
    return "number", text:match("^%.?%w[%w.]*", at)
  elseif text:find("^[\"']", at) then
    return "text", quoted(text, at)
  end
  local whole = long(text, at)
  if whole then return "text", whole end
  return "sign", sign(text, at)
end

--- @param text string
--- @return eksrun.Token[]
function M.of(text)
  local out, at, line = {}, 1, 1
  local function pass(piece)
    for _ in piece:gmatch "\n" do line = line + 1 end
    at = at + #piece
  end
  while true do
    pass(text:match("^%s*", at))
    if at > #text then return out end
    local kind, piece = token_at(text, at)
    out[#out + 1] = { kind = kind, text = piece, line = line, at = at }
    pass(piece)
  end
end

local keywords = {}
for word in ("and break do else elseif end false for function goto if in local nil not or repeat return then "
  .. "true until while"):gmatch "%S+" do
  keywords[word] = true
end

--- Whether a name is one of Lua's own words.
--- @param name string
--- @return boolean
function M.is_keyword(name) return keywords[name] == true end

--- What stands between the quotes or brackets of a text.
--- @param token eksrun.Token
--- @return string
function M.content(token)
  local level = token.text:match "^%[(=*)%["
  if level then return token.text:sub(#level + 3, -#level - 3) end
  return (token.text:sub(2):gsub(token.text:sub(1, 1) .. "$", ""))
end

return M
