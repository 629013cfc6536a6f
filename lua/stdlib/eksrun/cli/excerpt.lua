--- The line of a recipe that an error is about, with a mark below what is meant:
---
---      7 | vpc.network { name = "…", cdir = "…" }
---        |                           ^^^^
---
--- A line may hold a secret. Of its texts and long numbers only those are shown that the message names, too,
--- and the modules that it requires; of its comments, none.
local mark = require "eksrun.engine.mark"
local recipe = require "eksrun.engine.recipe"
local terminal = require "eksrun.terminal"
local text = require "eksrun.text"
local tokens = require "eksrun.engine.tokens"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Excerpt
--- @field file string
--- @field line integer of what is marked, which may stand below the line of the call
--- @field column integer? in characters, from 1; nil where the whole line is meant
--- @field lines string[]

local WIDTH = 120 -- columns where no terminal says how many
local CAUSES_MAX = 8
local LONG_NUMBER = 4 -- digits

-- Whether the message has the words as words of their own.
local function names(message, words)
  local from = 1
  while true do
    local first, last = message:find(words, from, true)
    if not first then return false end
    if not message:find("^%w", last + 1) and not message:sub(1, first - 1):find "%w$" then return true end
    from = first + 1
  end
end

local function is_hidden(token, before, message)
  if token.kind == "number" then
    return #token.text:gsub("%D", "") >= LONG_NUMBER and not names(message, token.text)
  elseif token.kind ~= "text" then
    return false
  end
  local content = tokens.content(token)
  local of_require = before and (before.text == "require"
    or before.text == "(" and before.before and before.before.text == "require")
  return content ~= "" and not of_require and not names(message, content)
end

local function hidden(token)
  if token.kind == "number" then return "…" end
  local open = token.text:match "^%[=*%[" or token.text:sub(1, 1)
  local close = open:gsub("%[", "]")
  return open .. "…" .. (token.text:sub(-#close) == close and #token.text > #open and close or "")
end

-- A piece of the text as a terminal may have it.
local function clean(piece) return (util.escape((piece:gsub("\t", "    "):gsub("\r", "")))) end

-- The line that begins at byte `from`, as it may be shown, and the columns of the mark in it. It stands in as
-- far as it does in the file, so that the mark is where the column of the message says.
local function draw(source, list, from, message, found)
  local finish = (source:find("\n", from, true) or #source + 1) - 1
  local out, used, at, first, last = {}, 0, from, nil, nil
  local function put(piece)
    out[#out + 1] = piece
    used = used + text.width(piece)
  end
  local before
  for _, token in ipairs(list) do
    if token.at > finish then break end
    local stop = token.at + #token.text - 1
    if stop >= from and token.kind ~= "comment" then
      if token.at > at then put(clean(source:sub(at, token.at - 1))) end
      if found and token.at == found.at then first = used end
      if token.at < from or stop > finish then
        put "…" -- a text of several lines
      else
        put(is_hidden(token, before, message) and hidden(token) or clean(token.text))
      end
      if found and stop == found.last then last = used end
    end
    at = math.max(at, stop + 1)
    if token.kind ~= "comment" then
      token.before = before
      before = token
    end
  end
  local shown = table.concat(out)
  return shown, first or #shown:match "^ *", last or used
end

-- What of the line fits, with the mark in it.
local function window(shown, first, last, room)
  if text.width(shown) <= room then return shown, first, last end
  local chars, column, from = {}, 0, math.max(0, math.min(first - room // 3, text.width(shown) - room))
  for _, code in utf8.codes(shown) do
    local char = utf8.char(code)
    local width = text.width(char)
    if column >= from and column + width <= from + room then chars[#chars + 1] = char end
    column = column + width
  end
  if from > 0 then chars[1] = "…" end
  if from + room < column then chars[#chars] = "…" end
  return table.concat(chars), first - from, math.min(last - from, room)
end

local function start_of(source, line)
  local at = 1
  for _ = 2, line do
    local stop = source:find("\n", at, true)
    if not stop then return nil end
    at = stop + 1
  end
  return at
end

--- The line that an error names, or the one below it with what its message names.
--- @param about { file: string, line: integer?, message: string, syntax: boolean? } message without its place
--- @return eksrun.Excerpt?
function M.at(about)
  local source = recipe.text(about.file)
  if not source then return nil end
  source = source:gsub("^#[^\n]*", "")
  local list = tokens.of(source)
  local found = mark.find(list, source, about.line, about.message, about.syntax)
  local line = found and found.line or about.line
  local from = line and start_of(source, line)
  if not from then return nil end
  local shown, first, last = draw(source, list, from, about.message, found)
  if shown == "" then return nil end
  local number = ("%5d | "):format(line)
  shown, first, last = window(shown, first, last, (terminal.size() or WIDTH) - #number)
  local column = found and utf8.len(source, from, found.at, true)
  return {
    file = about.file, line = line, column = column,
    lines = {
      number .. shown,
      (" "):rep(#number - 2) .. "| " .. (" "):rep(first) .. ("^"):rep(math.max(1, last - first)),
    },
  }
end

-- The error that knows where in a recipe it came up: itself, or what caused it.
local function placed(err)
  for _ = 1, CAUSES_MAX do
    if type(err) ~= "table" or err.file then return err end
    err = err.cause
  end
end

--- Where in a recipe an error came up; nil where it came from elsewhere.
--- @param err any
--- @return eksrun.Excerpt?
--- @return string? place as the error's message begins with it
function M.of(err)
  local at = placed(err)
  if type(at) ~= "table" or not at.file then return nil end
  local place = at.line and ("%s:%d"):format(at.file, at.line) or at.file
  local message = util.describe(at)
  if message:sub(1, #place + 2) == place .. ": " then message = message:sub(#place + 3) end
  local found = M.at { file = at.file, line = at.line, message = message, syntax = at.code == "syntax" }
  return found, place
end

--- What an error says, with the place of what is marked, and the lines below it.
--- @param err any
--- @return string line
--- @return string[] lines
function M.describe(err)
  local message = util.describe(err)
  local found, place = M.of(err)
  if not found then return message, {} end
  local from, to = message:find(place .. ": ", 1, true)
  if from and found.column then
    message = ("%s%s:%d:%d: %s"):format(message:sub(1, from - 1), found.file, found.line, found.column,
      message:sub(to + 1))
  end
  return message, found.lines
end

return M
