--- The AWS CLI's shorthand for structured values: `Key=a,Other=b,List=[c,d],Map={x=1,y=2}`.
---
---   input     = pair *( "," pair )
---   pair      = key "=" [values]  /  key "@=" [values]     ; @: file:// and fileb:// are read
---   values    = list / map / value *( "," value )           ; a,b,c is a list until "key=" comes
---   list      = "[" [ item *( "," item ) ] "]"
---   map       = "{" [ key "=" item *( "," key "=" item ) ] "}"
---   item      = list / map / value
---   value     = 'single quoted' / "double quoted" / bare    ; \' \" and \\ within, \, in a bare one
---
--- Space may stand around every sign. The result has text in it only: eksrun.cli.call.values makes
--- of it what the model wants.
local json = require "eksrun.json"
local util = require "eksrun.util"

local M = {}

-- What a bare value may begin with, and go on with: anywhere, and behind the first comma of `a,b`
-- where "=" ends it, so that the next key is seen.
local START = "[^\0-\32\"',=%[{]"
local FOLLOW = "[^\0-\8\14-\27\"',%]}]"
local FOLLOW_LATER = "[^\0-\8\14-\27\"',=]"
local KEY = "^[%w%-_.#/:]+"
local DEPTH_MAX = 64

local function twice(key, at)
  util.fail("usage", "key '%s' is there twice, at column %d (a list of structures is parted by spaces)",
    util.escape(key), at)
end

local Reader = {}
Reader.__index = Reader

function Reader:fail(wanted)
  local found = self.text:match("^[%z\1-\127\xC2-\xF4][\x80-\xBF]*", self.at)
  util.fail("usage", "expected %s at column %d, found %s", wanted, self.at,
    found and "'" .. util.escape(found) .. "'" or "the end")
end

function Reader:space() self.at = self.text:match("^%s*()", self.at) end

-- Takes the character, with the space around it.
function Reader:take(char)
  self:space()
  if self.text:sub(self.at, self.at) ~= char then return false end
  self.at = self.at + 1
  self:space()
  return true
end

function Reader:expect(char)
  if not self:take(char) then self:fail("'" .. char .. "'") end
end

function Reader:peek() return self.text:sub(self.at, self.at) end

-- The value itself, or what the file that it names holds.
function Reader:resolve(value)
  if not self.files then return value end
  return require("eksrun.cli.call.files").resolve(value)
end

function Reader:quoted(quote)
  local text, at, escaped = self.text, self.at + 1, nil
  local last
  while true do
    local stop = text:find("[\\" .. quote .. "]", at)
    if not stop then break end
    if text:sub(stop, stop) == quote then
      last = stop
      break
    end
    if text:sub(stop + 1, stop + 1) == quote then
      escaped = stop + 1
      at = stop + 2
    else
      at = stop + 1
    end
  end
  -- 'C:\' ends with its backslash, where nothing else ends it.
  last = last or escaped
  if not last then
    self.at = #text + 1
    self:fail(("the quote that ends %s"):format(quote == "'" and "'...'" or '"..."'))
  end
  local value = text:sub(self.at + 1, last - 1)
  self.at = last + 1
  value = value:gsub("\\" .. quote, quote):gsub("\\\\", "\\")
  return self:resolve(value)
end

-- A bare value; nil if there is none.
function Reader:bare(follow)
  local text, at = self.text, self.at
  local one = "^" .. START
  while text:find("^\\,", at) or text:find(one, at) do
    at = text:find("^\\,", at) and at + 2 or at + 1
    one = "^" .. follow
  end
  if at == self.at then return nil end
  local value = text:sub(self.at, at - 1):gsub("\\,", ","):gsub("%s+$", "")
  self.at = at
  return self:resolve(value)
end

-- A value that may be missing: then it is "".
function Reader:value()
  local char = self:peek()
  if char == "'" or char == '"' then return self:quoted(char) end
  return self:bare(FOLLOW) or ""
end

-- A value behind a comma, nil if there is none.
function Reader:later_value()
  local char = self:peek()
  if char == "'" or char == '"' then return self:quoted(char) end
  return self:bare(FOLLOW_LATER)
end

function Reader:key()
  local key = self.text:match(KEY, self.at)
  if not key then self:fail("a key") end
  self.at = self.at + #key
  self.files = self:take("@")
  self:expect("=")
  return key
end

function Reader:list()
  self:expect("[")
  local list = json.array {}
  while self:peek() ~= "]" do
    list[#list + 1] = self:item()
    self:space()
    if self:peek() ~= "]" and not self:take(",") then self:fail("',' or ']'") end
  end
  self.at = self.at + 1
  return list
end

function Reader:map()
  self:expect("{")
  local map = json.object {}
  while self:peek() ~= "}" do
    local start = self.at
    local key = self:key()
    if map[key] ~= nil then twice(key, start) end
    map[key] = self:item()
    self:space()
    if self:peek() ~= "}" and not self:take(",") then self:fail("',' or '}'") end
  end
  self.at = self.at + 1
  return map
end

function Reader:item()
  local char = self:peek()
  if char ~= "[" and char ~= "{" then return self:value() end
  self.depth = self.depth + 1
  if self.depth > DEPTH_MAX then util.fail("usage", "nested more than %d deep", DEPTH_MAX) end
  local item
  if char == "[" then item = self:list() else item = self:map() end
  self.depth = self.depth - 1
  return item
end

-- value *( "," value ), where what follows a comma may be the next pair's key.
function Reader:values()
  local char = self:peek()
  if char == "" then return "" end
  if char == "[" or char == "{" then return self:item() end
  local first = self:value()
  local list = json.array { first }
  self:space()
  while self:peek() == "," do
    self:take(",")
    local value = self:later_value()
    self:space()
    local ends = self.at > #self.text
    if value == nil and ends then self:fail "a value" end
    if value == nil or not ends and self:peek() ~= "," then
      -- This is the next key: back to the comma before it.
      while self:peek() ~= "," do self.at = self.at - 1 end
      break
    end
    list[#list + 1] = value
  end
  if #list == 1 then return first end
  return list
end

--- @param text string
--- @return table value strings, lists and objects (marked as eksrun.json marks them)
--- Raises {code = "usage"}, naming the column.
function M.parse(text)
  local reader = setmetatable({ text = text, at = 1, depth = 0, files = false }, Reader)
  local out = json.object {}
  reader:space()
  while true do
    local start = reader.at
    local key = reader:key()
    if out[key] ~= nil then twice(key, start) end
    out[key] = reader:values()
    reader:space()
    if reader.at > #text then return out end
    if not reader:take(",") then reader:fail("',' or the end") end
  end
end

return M
