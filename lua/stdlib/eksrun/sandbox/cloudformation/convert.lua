--- Properties of CloudFormation's as parameters of an operation, by the model of its input: names in the
--- operation's case, numbers and texts as it wants them, lists of keys and values where it has maps.
local json = require "eksrun.json"
local native = require "eksrun.native.aws"
local shapes = require "eksrun.aws.shapes"
local template = require "eksrun.sandbox.cloudformation.template"

local M = {}

local convert

-- The member of a structure with a name, whatever its case.
local function member_of(shape, name)
  local exact = shapes.part(shape, name)
  if exact then return exact end
  for _, member in ipairs(shape.members or {}) do
    if member.name:lower() == name:lower() then return member end
  end
end

local function structure(shape, value, where)
  if type(value) ~= "table" then template.refuse("Value of property %s must be an object", where) end
  local out = {}
  for name, part in pairs(value) do
    local member = member_of(shape, tostring(name))
    if not member then template.refuse("Encountered unsupported property %s", tostring(name)) end
    out[member.name] = convert(member, part, tostring(name))
  end
  return out
end

local function map(shape, value, where)
  if type(value) ~= "table" then template.refuse("Value of property %s must be an object", where) end
  local out = {}
  for key, part in pairs(value) do
    if type(key) == "number" then key, part = part.Key, part.Value end
    out[key] = convert(shape.value, part, where)
  end
  return out
end

convert = function(shape, value, where)
  local kind = shape.type
  if value == json.null then return nil end
  if shape.recursive then return value end
  if kind == "structure" then return structure(shape, value, where) end
  if kind == "map" then return map(shape, value, where) end
  if kind == "list" then
    if type(value) ~= "table" then value = { value } end
    local list = json.array {}
    for i, part in ipairs(value) do list[i] = convert(shape.element, part, where) end
    return list
  end
  if kind == "boolean" then return value == true or tostring(value):lower() == "true" end
  if kind == "integer" or kind == "long" then
    local number = math.tointeger(tonumber(value))
    if not number then template.refuse("Value of property %s must be of type Integer", where) end
    return number
  end
  if kind == "float" or kind == "double" then return tonumber(value) end
  if kind == "string" then return type(value) == "table" and json.encode(value) or tostring(value) end
  return value
end

local inputs = {}

--- @param service string
--- @param operation string
--- @param properties table
--- @return table params
function M.params(service, operation, properties)
  local key = service .. ":" .. operation
  inputs[key] = inputs[key] or native.service(service):operation(operation):input()
  return convert(inputs[key], properties, operation)
end

return M
