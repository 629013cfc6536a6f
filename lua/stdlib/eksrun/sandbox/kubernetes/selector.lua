--- Which nodes a request is about: label and field selectors, as Kubernetes reads them.
local M = {}

local KEY, VALUE = "^[%w][%w._/-]*$", "^[%w._-]*$"

-- The requirements of a selector; commas within parentheses part values.
local function parts(text)
  local out = {}
  for part in text:gsub("%b()", function(set) return (set:gsub(",", "\0")) end):gmatch "[^,]+" do
    out[#out + 1] = part:gsub("%z", ","):match "^%s*(.-)%s*$"
  end
  return out
end

local function set_of(values)
  local out = {}
  for value in values:gmatch "[^,]+" do out[value:match "^%s*(.-)%s*$"] = true end
  return out
end

-- A requirement on labels: a key, the values that it may have (nil: any), and whether it is turned round.
local function requirement(part)
  local key, operator, values = part:match "^(%S+)%s+(%l+)%s*%((.*)%)$"
  if operator == "in" or operator == "notin" then return key, set_of(values), operator == "notin" end
  local value
  key, operator, value = part:match "^([^=!%s]+)%s*([=!]=?)%s*(.*)$"
  if operator and operator ~= "!" and value:find(VALUE) then
    return key, { [value] = true }, operator == "!="
  end
  key = part:match "^!%s*(%S+)$"
  return key or part, nil, key ~= nil
end

local function value_of(node, field)
  if field == "metadata.name" then return node.metadata.name end
  if field == "spec.unschedulable" then return tostring(node.spec.unschedulable or false) end
end
local FIELDS = { ["metadata.name"] = true, ["spec.unschedulable"] = true }

local function label_test(part)
  local key, values, negated = requirement(part)
  if not key:find(KEY) then return nil, ("unable to parse requirement: %s"):format(part) end
  return function(node)
    local value = node.metadata.labels[key]
    local met = value ~= nil and (not values or values[value] == true)
    return met ~= negated
  end
end

local function field_test(part)
  local field, operator, wanted = part:match "^([^=!]+)([=!]=?)(.*)$"
  if not field or operator == "!" then return nil, ("invalid selector: '%s'"):format(part) end
  if not FIELDS[field] then return nil, ("field label not supported: %s"):format(field) end
  return function(node) return (value_of(node, field) == wanted) ~= (operator == "!=") end
end

--- Reads the selectors of a request.
--- @param query { labelSelector: string?, fieldSelector: string? }
--- @return (fun(list: table[]): table[])? select of nodes those that are meant; nil: not to be read
--- @return string? why
function M.read(query)
  local tests = {}
  for name, make in pairs { labelSelector = label_test, fieldSelector = field_test } do
    for _, part in ipairs(parts(query[name] or "")) do
      local test, why = make(part)
      if not test then return nil, why end
      tests[#tests + 1] = test
    end
  end
  return function(list)
    local out = {}
    for _, node in ipairs(list) do
      local meant = true
      for _, test in ipairs(tests) do meant = meant and test(node) end
      if meant then out[#out + 1] = node end
    end
    return out
  end
end

return M
