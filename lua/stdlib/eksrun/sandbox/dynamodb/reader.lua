--- DynamoDB's expressions as words: what reads them goes through a reader.
local fault = require "eksrun.sandbox.fault"

local M = {}

--- What names and values an expression may use.
--- @class eksrun.sandbox.dynamodb.Scope
--- @field kind string "ConditionExpression", for messages
--- @field names? table<string, string>
--- @field values? table<string, table>

--- Refuses an expression.
--- @param scope eksrun.sandbox.dynamodb.Scope
--- @param message string a format
local function refuse(scope, message, ...)
  if select("#", ...) > 0 then message = message:format(...) end
  fault.raise("ValidationException", "Invalid %s: %s", scope.kind, message)
end

local function tokens(text, scope)
  local list, at = {}, 1
  while true do
    at = text:find("%S", at)
    if not at then break end
    local token = text:match("^<>", at) or text:match("^[<>]=", at) or text:match("^[()%[%],.=<>+-]", at)
      or text:match("^[#:]?[%w_]+", at)
    if not token then refuse(scope, "Syntax error; token: \"%s\"", text:sub(at, at)) end
    list[#list + 1] = token
    at = at + #token
  end
  return list
end

--- @class eksrun.sandbox.dynamodb.Reader
--- @field scope eksrun.sandbox.dynamodb.Scope
local Reader = {}
Reader.__index = Reader

--- @param text string
--- @param scope eksrun.sandbox.dynamodb.Scope
--- @return eksrun.sandbox.dynamodb.Reader
function M.new(text, scope)
  return setmetatable({ tokens = tokens(text, scope), at = 1, scope = scope }, Reader)
end

function Reader:peek() return self.tokens[self.at] end

function Reader:word() return (self:peek() or ""):upper() end

function Reader:next()
  local token = self:peek()
  self.at = self.at + 1
  return token
end

function Reader:expect(token)
  local found = self:next()
  if found ~= token then
    refuse(self.scope, "Syntax error; token: \"%s\", near: \"%s\"", tostring(found), token)
  end
end

function Reader:name(token)
  if not token:find "^#" then return token end
  local name = (self.scope.names or {})[token]
  if not name then
    refuse(self.scope, "An expression attribute name used in the document path is not defined; attribute "
      .. "name: %s", token)
  end
  return name
end

-- The place of an attribute: names and positions.
function Reader:path()
  local token = self:next()
  if not token or not token:find "^#?[%w_]" then
    refuse(self.scope, "Syntax error; token: \"%s\"", tostring(token or "<EOF>"))
  end
  local path = { self:name(token) }
  while true do
    if self:peek() == "." then
      self:next()
      path[#path + 1] = self:name(self:next() or "")
    elseif self:peek() == "[" then
      self:next()
      path[#path + 1] = math.tointeger(tonumber(self:next())) or 0
      self:expect "]"
    else
      return path
    end
  end
end

function Reader:value()
  local token = self:next()
  local value = (self.scope.values or {})[token]
  if value == nil then
    refuse(self.scope, "An expression attribute value used in expression is not defined; attribute value: %s",
      tostring(token))
  end
  return value
end

--- Whether a function of a name is called here.
function Reader:calls(name) return self:peek() == name and self.tokens[self.at + 1] == "(" end

function Reader:done()
  if self:peek() then refuse(self.scope, "Syntax error; token: \"%s\"", self:peek()) end
end

M.refuse = refuse

return M
