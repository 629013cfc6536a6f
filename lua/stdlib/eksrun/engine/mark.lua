--- Which piece of a recipe's text an error speaks of.
---
--- Lua knows lines and no columns. What a message names (an input, a value, a variable) is looked for in the
--- call that begins at its line; a mistake of syntax stands where Lua stops to understand the text.
local tokens = require "eksrun.engine.tokens"

local M = {}

--- @class eksrun.Mark
--- @field line integer
--- @field at integer first byte
--- @field last integer last byte

local OPEN = { ["("] = true, ["{"] = true, ["["] = true }
local CLOSE = { [")"] = true, ["}"] = true, ["]"] = true }

local function span(first, last)
  return { line = first.line, at = first.at, last = (last or first).at + #(last or first).text - 1 }
end

-- The tokens of a line and, where brackets are open at its end, of the lines up to the last bracket; without
-- a line all of them.
local function statement(list, line)
  local out, depth = {}, 0
  for _, token in ipairs(list) do
    if line and token.line > line and depth <= 0 then break end
    if token.line >= (line or 1) and token.kind ~= "comment" then
      out[#out + 1] = token
      depth = depth + (OPEN[token.text] and 1 or CLOSE[token.text] and -1 or 0)
    end
  end
  return out
end

-- Lua stops at one token of a line, whose beginning it names; what stands before it is good so far.
local function of_syntax(list, text, line, message)
  local near = message:match "near '(.*)'$"
  near = near and near:gsub("…$", "")
  local last
  for _, token in ipairs(list) do
    if token.line > line then break end
    local fits = not near or token.line == line and token.text:sub(1, #near) == near
    if fits and token.kind ~= "comment" then
      last = token
      local chunk, complaint = load(text:sub(1, token.at + #token.text - 1), "=text", "t")
      if near and not chunk and not complaint:find "near <eof>$" then break end
    end
  end
  local told = near or message:find "near <eof>$"
  return told and last and span(last) or nil
end

local BEFORE_FIELD = { ["{"] = true, [","] = true, [";"] = true }

-- A field by its name, `{ x = ... }`, is meant before any other use of the name.
local function key(list, name)
  local depth = 0
  for i, token in ipairs(list) do
    depth = depth + (OPEN[token.text] and 1 or CLOSE[token.text] and -1 or 0)
    if token.kind == "name" and token.text == name and depth > 0 and BEFORE_FIELD[list[i - 1].text]
      and list[i + 1] and list[i + 1].text == "=" then
      return token
    end
  end
end

local function named(list, name)
  for _, token in ipairs(list) do
    if token.kind == "name" and token.text == name then return token end
  end
end

local function literal(list, matches)
  for _, token in ipairs(list) do
    if token.kind == "text" and matches(tokens.content(token)) then return token end
  end
end

local function of_quoted(list, message)
  for word in message:gmatch "'([^']+)'" do
    local found = key(list, word) or named(list, word)
      or literal(list, function(content) return content == word end)
    if found then return found end
  end
end

-- The parts of "a.b[1].c", the last first.
local function parts(word)
  local out = {}
  for part in word:gmatch "[%w_-]+" do table.insert(out, 1, part) end
  return out
end

local function of_fields(list, message)
  for word in message:gmatch "[%a_][%w_.%[%]-]*" do
    for _, part in ipairs(parts(word)) do
      local found = key(list, part)
      if found then return found end
    end
  end
end

-- What a call, a type or a ref is named by: "ec2.subnet", "eks:DescribeCluster", "net.VpcId", "create_vpc".
local function of_paths(list, message)
  for word in message:gmatch "[%a_][%w_/.:-]*" do
    local part = word:find "[.:_]%w" and parts(word)[1] or ""
    local found = named(list, part) or named(list, part:gsub("(%l)(%u)", "%1_%2"):lower())
    if found then return found end
  end
end

local COMPARES = { "==", "~=", "<", "<=", ">", ">=" }
local CALCULATES = { "+", "-", "*", "/", "//", "%", "^", "&", "|", "~", "<<", ">>" }
local OPERATORS = {
  { "^comparison", COMPARES }, { "attempt to compare", COMPARES },
  { "^arithmetic", CALCULATES }, { "arithmetic on", CALCULATES }, { "bitwise operation", CALCULATES },
  { "concatenate", { ".." } }, { "^length", { "#" } }, { "^loop", { "for" } },
  { "^tostring", { "tostring" } },
}

local function of_operators(list, line, message)
  for _, rule in ipairs(OPERATORS) do
    if message:find(rule[1]) then
      for _, token in ipairs(list) do
        for _, operator in ipairs(rule[2]) do
          if token.line == line and token.kind ~= "text" and token.text == operator then return token end
        end
      end
    end
  end
end

--- The piece of the text that the message is about; nil where none can be told.
--- @param list eksrun.Token[] of the text
--- @param text string
--- @param line integer? that the error names; nil where only its file is known
--- @param message string without its place
--- @param syntax? boolean whether the text is no Lua
--- @return eksrun.Mark?
function M.find(list, text, line, message, syntax)
  if syntax then
    local found = of_syntax(list, text, line, message)
    if found then return found end
  end
  message = message:gsub("[;,] did you mean.*", "")
  local near = statement(list, line)
  if not line then
    local name = message:match "'([^']+)'"
    local found = name and key(near, name)
    return found and span(found)
  end
  local function is_told(content) return #content > 1 and message:find(content, 1, true) ~= nil end
  local found = of_quoted(near, message) or of_fields(near, message) or literal(near, is_told)
  found = found or of_paths(near, message) or of_operators(near, line, message)
  return found and span(found)
end

return M
