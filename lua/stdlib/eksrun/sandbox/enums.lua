--- Finds values that the model's enums do not have, and says so in the words of the service. The client lets
--- them pass: a service may know more than the model. The sandbox knows no more.
local native = require "eksrun.native.aws"
local util = require "eksrun.util"

local M = {}

-- Whose handlers look for themselves, with codes of their own: shapes by service, or all of one.
local LEFT = { ec2 = { InstanceType = true }, s3 = true, sqs = true }

local PARTS = { "element", "key", "value" }

-- What of a shape has to be looked at; nil: nothing.
local function compile(shape, left)
  if shape.enum and not left[shape.shape] then
    local node = { list = shape.enum, known = {} }
    for _, value in ipairs(shape.enum) do node.known[value] = true end
    return node
  end
  local node = {}
  for _, member in ipairs(shape.members or {}) do
    local below = compile(member, left)
    if below then
      node.members = node.members or {}
      table.insert(node.members, { name = member.name, node = below })
    end
  end
  for _, part in ipairs(PARTS) do node[part] = shape[part] and compile(shape[part], left) end
  return next(node) and node or nil
end

local compiled = {}

local function node_of(service, operation)
  local key = service .. ":" .. operation:name()
  if compiled[key] == nil then
    local left, input = LEFT[service] or {}, nil
    if left ~= true then input = operation:input() end
    compiled[key] = input and compile(input, left) or false
  end
  return compiled[key]
end

-- As errors write names: "accessScope.type", "tagSpecifications.1.member.resourceType".
local function join(path, name)
  name = name:gsub("^%u", string.lower)
  return path == "" and name or path .. "." .. name
end

local function look(node, value, path, found)
  if node.list then
    if not node.known[value] then table.insert(found, { value = value, path = path, list = node.list }) end
    return
  end
  for _, member in ipairs(node.members or {}) do
    local below = value[member.name]
    if below ~= nil then look(member.node, below, join(path, member.name), found) end
  end
  if node.element then
    for i, below in ipairs(value) do look(node.element, below, ("%s.%d.member"):format(path, i), found) end
  end
  if node.key or node.value then
    for key, below in util.sorted_pairs(value) do
      if node.key then look(node.key, key, path, found) end
      if node.value then look(node.value, below, ("%s.%s.member"):format(path, key), found) end
    end
  end
end

local function explain(service, found)
  if native.service(service):metadata().protocol == "ec2" then
    return ("Value (%s) for parameter %s is invalid."):format(found[1].value, found[1].path:match "%a+$")
  end
  local list = {}
  for i, problem in ipairs(found) do
    list[i] = ("Value '%s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: [%s]")
      :format(problem.value, problem.path, table.concat(problem.list, ", "))
  end
  return ("%d validation error%s detected: %s"):format(#list, #list == 1 and "" or "s",
    table.concat(list, "; "))
end

--- What is wrong with the values of parameters that the model allows otherwise.
--- @param service string
--- @param operation eksrun.native.aws.Operation
--- @param params table
--- @return string? message nil: nothing
function M.problem(service, operation, params)
  local node, found = node_of(service, operation), {}
  if node then look(node, params, "", found) end
  return found[1] and explain(service, found)
end

return M
