--- DynamoDB's expressions: conditions, projections and updates, over items as their maps of typed values.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local readers = require "eksrun.sandbox.dynamodb.reader"

local M = {}

-- -- values -------------------------------------------------------------------------------------------------

--- What an item has at a path.
--- @param item table
--- @param path (string|integer)[]
--- @return table? value
function M.at(item, path)
  local value = item[path[1]]
  for i = 2, #path do
    local part = path[i]
    value = value and (math.type(part) and (value.L or {})[part + 1] or (value.M or {})[part])
  end
  return value
end

local function size(value)
  if value.S or value.B then return #(value.S or value.B) end
  local count = 0
  for _ in pairs(value.L or value.M or value.SS or value.NS or value.BS or {}) do count = count + 1 end
  return count
end

local function kind_of(value) return (next(value)) end

local function equal(a, b)
  if kind_of(a) ~= kind_of(b) then return false end
  if a.N then return tonumber(a.N) == tonumber(b.N) end
  return require("eksrun.util").equal(a, b)
end

-- Whether one comes before the other; nil if they cannot be compared.
local function before(a, b)
  if a.N and b.N then return tonumber(a.N) < tonumber(b.N) end
  if a.S and b.S then return a.S < b.S end
  if a.B and b.B then return a.B < b.B end
end

local compare = {
  ["="] = equal, ["<>"] = function(a, b) return not equal(a, b) end,
  ["<"] = function(a, b) return before(a, b) == true end,
  [">"] = function(a, b) return before(b, a) == true end,
  ["<="] = function(a, b) return before(a, b) == true or equal(a, b) end,
  [">="] = function(a, b) return before(b, a) == true or equal(a, b) end,
}

-- -- conditions ---------------------------------------------------------------------------------------------

local functions = {
  attribute_exists = function(item, path) return M.at(item, path) ~= nil end,
  attribute_not_exists = function(item, path) return M.at(item, path) == nil end,
  attribute_type = function(item, path, wanted)
    local value = M.at(item, path)
    return value ~= nil and kind_of(value) == wanted.S
  end,
  begins_with = function(item, path, wanted)
    local value = M.at(item, path)
    local text, prefix = value and (value.S or value.B), wanted.S or wanted.B
    return text ~= nil and text:sub(1, #prefix) == prefix
  end,
  contains = function(item, path, wanted)
    local value = M.at(item, path)
    if value and value.S then return value.S:find(wanted.S or "\0", 1, true) ~= nil end
    for kind, list in pairs(value or {}) do
      for _, one in ipairs(type(list) == "table" and list or {}) do
        if kind == "L" and equal(one, wanted) or kind ~= "L" and one == wanted[kind:sub(1, 1)] then
          return true
        end
      end
    end
    return false
  end,
}

local condition

-- An operand: a function of the item that gives a value, or nil.
local function operand(r)
  local token = r:peek() or ""
  if token:find "^:" then
    local value = r:value()
    return function() return value end
  end
  if r:calls "size" then
    r:next()
    r:expect "("
    local path = r:path()
    r:expect ")"
    return function(item)
      local value = M.at(item, path)
      return value and { N = tostring(size(value)) }
    end
  end
  local path = r:path()
  return function(item) return M.at(item, path) end
end

local function comparison(r)
  local left = operand(r)
  local word = r:word()
  if compare[word] then
    r:next()
    local right, test = operand(r), compare[word]
    return function(item)
      local a, b = left(item), right(item)
      if a == nil or b == nil then return word == "<>" and a ~= b end
      return test(a, b)
    end
  elseif word == "BETWEEN" then
    r:next()
    local low = operand(r)
    if r:word() ~= "AND" then readers.refuse(r.scope, "Syntax error; token: \"%s\"", tostring(r:peek())) end
    r:next()
    local high = operand(r)
    return function(item)
      local a, b, c = left(item), low(item), high(item)
      return a ~= nil and b ~= nil and c ~= nil and compare[">="](a, b) and compare["<="](a, c)
    end
  elseif word == "IN" then
    r:next()
    r:expect "("
    local list = { operand(r) }
    while r:peek() == "," do
      r:next()
      list[#list + 1] = operand(r)
    end
    r:expect ")"
    return function(item)
      local a = left(item)
      for _, one in ipairs(list) do
        local b = one(item)
        if a and b and equal(a, b) then return true end
      end
      return false
    end
  end
  readers.refuse(r.scope, "Syntax error; token: \"%s\"", tostring(r:peek() or "<EOF>"))
end

local function primary(r)
  local token = r:peek()
  if token == "(" then
    r:next()
    local inner = condition(r)
    r:expect ")"
    return inner
  end
  local f = functions[token or ""]
  if f and r:calls(token) then
    r:next()
    r:expect "("
    local path, value = r:path(), nil
    if r:peek() == "," then
      r:next()
      value = r:value()
    end
    r:expect ")"
    return function(item) return f(item, path, value) end
  end
  return comparison(r)
end

local function negation(r)
  if r:word() ~= "NOT" then return primary(r) end
  r:next()
  local inner = negation(r)
  return function(item) return not inner(item) end
end

local function conjunction(r)
  local left = negation(r)
  while r:word() == "AND" do
    r:next()
    local one, right = left, negation(r)
    left = function(item) return one(item) and right(item) end
  end
  return left
end

condition = function(r)
  local left = conjunction(r)
  while r:word() == "OR" do
    r:next()
    local one, right = left, conjunction(r)
    left = function(item) return one(item) or right(item) end
  end
  return left
end

--- @param text string
--- @param scope eksrun.sandbox.dynamodb.Scope
--- @return fun(item: table): boolean
function M.condition(text, scope)
  local r = readers.new(text, scope)
  local test = condition(r)
  r:done()
  return test
end

--- @param text string
--- @param scope eksrun.sandbox.dynamodb.Scope
--- @return (string|integer)[][] paths
function M.paths(text, scope)
  local r = readers.new(text, scope)
  local list = { r:path() }
  while r:peek() == "," do
    r:next()
    list[#list + 1] = r:path()
  end
  r:done()
  return list
end

-- -- updates ------------------------------------------------------------------------------------------------

-- Sets what an item has at a path.
local function set(item, path, value)
  if #path == 1 then
    item[path[1]] = value
    return
  end
  local parent = M.at(item, table.move(path, 1, #path - 1, 1, {}))
  local last = path[#path]
  local container = parent and (math.type(last) and parent.L or not math.type(last) and parent.M)
  if not container then
    fault.raise("ValidationException", "The document path provided in the update expression is invalid for "
      .. "update")
  end
  if math.type(last) then
    if value == nil then
      table.remove(container, last + 1)
    else
      container[math.min(last + 1, #container + 1)] = value
    end
  else
    container[last] = value
  end
end

local function need(value)
  if value ~= nil then return value end
  fault.raise("ValidationException", "The provided expression refers to an attribute that does not exist in "
    .. "the item")
end

local function sum(a, b, sign)
  local result = (tonumber(a.N) or 0) + sign * (tonumber(b.N) or 0)
  return { N = math.tointeger(result) and tostring(math.tointeger(result)) or tostring(result) }
end

local function set_operand(r)
  local name = r:peek()
  if r:calls "if_not_exists" or r:calls "list_append" then
    r:next()
    r:expect "("
    local first_path = name == "if_not_exists" and r:path() or nil
    local first = not first_path and set_operand(r) or nil
    r:expect ","
    local second = set_operand(r)
    r:expect ")"
    if first_path then
      return function(item) return M.at(item, first_path) or second(item) end
    end
    return function(item)
      local list = json.array {}
      for _, one in ipairs(need(first(item)).L or {}) do list[#list + 1] = one end
      for _, one in ipairs(need(second(item)).L or {}) do list[#list + 1] = one end
      return { L = list }
    end
  end
  return operand(r)
end

local sections = {}

function sections.SET(r)
  local path = r:path()
  r:expect "="
  local value = set_operand(r)
  local sign = r:peek()
  if sign == "+" or sign == "-" then
    r:next()
    local left, right, factor = value, set_operand(r), sign == "+" and 1 or -1
    value = function(item) return sum(need(left(item)), need(right(item)), factor) end
  end
  return function(item, before_update) set(item, path, need(value(before_update))) end
end

function sections.REMOVE(r)
  local path = r:path()
  return function(item) set(item, path, nil) end
end

-- Values of a set, with or without some.
local function changed_set(present, value, adds)
  local kind = kind_of(value)
  local seen, list = {}, json.array {}
  for _, one in ipairs(value[kind]) do seen[one] = true end
  for _, one in ipairs(present and present[kind] or {}) do
    if not seen[one] then list[#list + 1] = one end
  end
  for _, one in ipairs(adds and value[kind] or {}) do list[#list + 1] = one end
  return list[1] and { [kind] = list } or nil
end

function sections.ADD(r)
  local path, value = r:path(), r:value()
  return function(item, before_update)
    local present = M.at(before_update, path)
    set(item, path, value.N and sum(present or { N = "0" }, value, 1) or changed_set(present, value, true))
  end
end

function sections.DELETE(r)
  local path, value = r:path(), r:value()
  return function(item, before_update)
    set(item, path, changed_set(M.at(before_update, path), value, false))
  end
end

--- @param text string
--- @param scope eksrun.sandbox.dynamodb.Scope
--- @return fun(item: table, before: table) update changes the first by what the second has
function M.update(text, scope)
  local r, changes = readers.new(text, scope), {}
  while r:peek() do
    local section = sections[r:word()]
    if not section then readers.refuse(scope, "Syntax error; token: \"%s\"", r:peek()) end
    repeat
      r:next()
      changes[#changes + 1] = section(r)
    until r:peek() ~= ","
  end
  return function(item, before_update)
    for _, change in ipairs(changes) do change(item, before_update) end
  end
end

return M
