--- What can be said of a recipe's Lua without and beside running it: what `eksrun check` looks for.
---
--- Globals are taken from what Lua's own compiler made of the file, so that scopes are as Lua has them.
--- Whether a condition is a ref is seen while the recipe runs: the text says where a name stands as a
--- condition, the running program what it holds there. Lines that do not run are not judged in this.
local graph = require "eksrun.engine.graph"
local ref = require "eksrun.engine.ref"
local tokens = require "eksrun.engine.tokens"

local M = {}

--- @class eksrun.Finding
--- @field file string
--- @field line integer
--- @field rule "global"|"ref"|"call"|"error"
--- @field message string

-- Globals. -----------------------------------------------------------------------------------

-- Opcodes of Lua 5.4 that read and write a field of an upvalue by a constant's name.
local OP_GETTABUP, OP_SETTABUP = 11, 15
-- An instruction whose line stands in a list of its own.
local LINE_IS_ABSOLUTE = -128

-- Reads what string.dump() writes.
local Dump = {}
Dump.__index = Dump

function Dump:take(format)
  local value, after = string.unpack(format, self.bytes, self.at)
  self.at = after
  return value
end

-- Seven bits a byte, the highest first; the last byte has its eighth bit set.
function Dump:size()
  local value = 0
  while true do
    local byte = self:take "B"
    value = value << 7 | byte & 0x7f
    if byte & 0x80 ~= 0 then return value end
  end
end

function Dump:text()
  local size = self:size()
  if size == 0 then return nil end
  self.at = self.at + size - 1
  return self.bytes:sub(self.at - size + 1, self.at - 1)
end

function Dump:constants()
  local out = {}
  for i = 0, self:size() - 1 do
    local tag = self:take "B"
    if tag == 0x13 then
      self:take "n"
    elseif tag == 0x03 then
      self:take "j"
    elseif tag & 0x0f == 4 then
      out[i] = self:text()
    end
  end
  return out
end

function Dump:lines(defined, count)
  local deltas, absolute, lines, line = {}, {}, {}, defined
  for i = 0, self:size() - 1 do deltas[i] = self:take "b" end
  for _ = 1, self:size() do
    local pc = self:size()
    absolute[pc] = self:size()
  end
  for pc = 0, count - 1 do
    local delta = deltas[pc]
    line = delta == LINE_IS_ABSOLUTE and absolute[pc] or line + (delta or 0)
    lines[pc] = line
  end
  return lines
end

function Dump:prototype(found)
  self:text()
  local defined = self:size()
  self:size()
  self.at = self.at + 3
  local code = {}
  local count = self:size()
  for pc = 0, count - 1 do code[pc] = self:take "I4" end
  local constants = self:constants()
  local captured = self:size()
  self.at = self.at + 3 * captured
  for _ = 1, self:size() do self:prototype(found) end
  local lines = self:lines(defined, count)
  for _ = 1, self:size() do
    self:text()
    self:size()
    self:size()
  end
  local upvalues = {}
  for i = 0, self:size() - 1 do upvalues[i] = self:text() end
  for pc = 0, count - 1 do
    local op, a, b, c = code[pc] & 0x7f, code[pc] >> 7 & 0xff, code[pc] >> 16 & 0xff, code[pc] >> 24 & 0xff
    if op == OP_GETTABUP and upvalues[b] == "_ENV" then
      found(constants[c], lines[pc], false)
    elseif op == OP_SETTABUP and upvalues[a] == "_ENV" then
      found(constants[b], lines[pc], true)
    end
  end
end

--- Calls found(name, line, writes) for every use of a global in a chunk, its functions included.
--- @param chunk function
--- @param found fun(name: string, line: integer, writes: boolean)
function M.globals(chunk, found)
  local bytes = string.dump(chunk)
  -- Signature, version, format, data, three sizes, an integer, a number, how many upvalues.
  local header = #"\27Lua" + 2 + 6 + 3 + string.packsize "j" + string.packsize "n" + 1
  setmetatable({ bytes = bytes, at = header + 1 }, Dump):prototype(found)
end

-- Conditions. --------------------------------------------------------------------------------

local TRUTH_BEHIND = { ["then"] = true, ["do"] = true, ["and"] = true, ["or"] = true }
local TRUTH_BEFORE = { ["not"] = true }
-- Behind these, what precedes `and`, `or`, `then` is an operand of theirs, and no condition.
local OPERATORS = {}
for word in ("== ~= < > <= >= + - * / // % ^ # & | ~ << >> .. in ="):gmatch "%S+" do
  OPERATORS[word] = true
end
OPERATORS["="] = nil

-- Comments left out.
local function code_of(text)
  local out = {}
  for _, token in ipairs(tokens.of(text)) do
    if token.kind ~= "comment" then out[#out + 1] = token end
  end
  return out
end

local function is_literal(token)
  if not token then return false end
  return token.kind == "text" or token.kind == "number" or token.text == "true" or token.text == "false"
    or token.text == "nil"
end

-- Where a name, or fields of one, stand as a condition or are compared with a literal: by line.
local function conditions(text)
  local list, out = code_of(text), {}
  local i = 1
  while i <= #list do
    local token, before = list[i], list[i - 1] or { text = "" }
    local starts = token.kind == "name" and not tokens.is_keyword(token.text) and before.text ~= "."
      and before.text ~= ":" and before.text ~= "function" and before.text ~= "goto"
    if starts then
      local path, last = { token.text }, i
      while list[last + 2] and list[last + 1].text == "." and list[last + 2].kind == "name" do
        path[#path + 1] = list[last + 2].text
        last = last + 2
      end
      local behind = list[last + 1] or { text = "" }
      local compared = (behind.text == "==" or behind.text == "~=") and is_literal(list[last + 2])
        or (before.text == "==" or before.text == "~=") and is_literal(list[i - 2])
      local truth = TRUTH_BEFORE[before.text] or TRUTH_BEHIND[behind.text] and not OPERATORS[before.text]
      if compared or truth then
        local line = out[token.line] or {}
        out[token.line] = line
        line[#line + 1] = { path = path, compared = compared, text = table.concat(path, ".") }
      end
      i = last
    end
    i = i + 1
  end
  return out
end

-- The value of a name where a function stands: a local, what it took from outside, a global.
local function value_of(level, name)
  local found, value = false, nil
  for i = 1, math.huge do
    local key, local_value = debug.getlocal(level + 1, i)
    if not key then break end
    if key == name then found, value = true, local_value end
  end
  if found then return value end
  local f, globals = debug.getinfo(level + 1, "f").func, _G
  for i = 1, math.huge do
    local key, up = debug.getupvalue(f, i)
    if not key then break end
    if key == name then return up end
    if key == "_ENV" then globals = up end
  end
  return rawget(globals, name)
end

local function field(value, key)
  if type(value) ~= "table" then return nil end
  if graph.node_of(value) or ref.is(value) then
    local ok, result = pcall(function() return value[key] end)
    return ok and result or nil
  end
  return rawget(value, key)
end

--- Watches f for conditions that are refs.
--- @param is_own fun(source: string): boolean whether a chunk is looked at
--- @param read fun(path: string): string? text of a file
--- @param found fun(file: string, line: integer, message: string)
--- @param f fun(): ...
--- @return any ... what f returns
function M.watch(is_own, read, found, f)
  local by_file, seen = {}, {}
  local function hook(_, line)
    local source = debug.getinfo(2, "S").source
    if source:sub(1, 1) ~= "@" or not is_own(source) then return end
    local file = source:sub(2)
    local known = by_file[file]
    if not known then
      local text = read(file)
      known = text and conditions((text:gsub("^#[^\n]*", ""))) or {}
      by_file[file] = known
    end
    for _, condition in ipairs(known[line] or {}) do
      local value = value_of(2, condition.path[1])
      for i = 2, #condition.path do value = field(value, condition.path[i]) end
      local key = file .. line .. condition.text
      if ref.is(value) and not seen[key] then
        seen[key] = true
        found(file, line, condition.compared
          and ("'%s' is %s, not known before apply: it never equals a literal"):format(condition.text,
            ref.describe(value))
          or ("'%s' is %s, not known before apply: as a condition it is always true"):format(condition.text,
            ref.describe(value)))
      end
    end
  end
  debug.sethook(hook, "l")
  local results = table.pack(pcall(f))
  debug.sethook()
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

return M
