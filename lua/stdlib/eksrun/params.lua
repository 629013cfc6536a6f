--- The parameters of a recipe: declared once, given as k=v on the command line.
---
---   local p = eksrun.params {
---     name  = { "demo", "cluster name", match = "^%w[%w_-]*$" },
---     nodes = { 2, "nodes wanted", min = 0, max = 450 },
---     zones = { { "a", "b" }, "zones, as a list: zones=a,b" },
---     role  = { nil, "ARN of the role", type = "string", required = true },
---   }
---
--- The type is the default's. Mistakes in values raise { code = "usage" }, mistakes in the
--- declaration are the recipe's.
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Parameter
--- @field [1] any default
--- @field [2] string? help, one line
--- @field type? "string"|"integer"|"number"|"boolean"|"list"
--- @field required? boolean
--- @field min? number
--- @field max? number
--- @field match? string Lua pattern
--- @field choices? any[]
--- @field sensitive? boolean never shown

local fields = {
  [1] = "any?", [2] = "string?", type = "string?", required = "boolean?", min = "number?",
  max = "number?", match = "string?", choices = "table?", sensitive = "boolean?",
}

local types = { string = true, integer = true, number = true, boolean = true, list = true }

local function type_of(default)
  if type(default) == "table" then return "list" end
  return math.type(default) == "integer" and "integer" or math.type(default) and "number" or type(default)
end

local function check_declaration(declared)
  if type(declared) ~= "table" then
    util.raise_at_caller("params: a table of parameters expected, got %s", type(declared))
  end
  for name, parameter in util.sorted_pairs(declared) do
    if type(name) ~= "string" or not name:find("^[%a_][%w_-]*$") then
      util.raise_at_caller("params: '%s' is no name for a parameter", tostring(name))
    end
    if type(parameter) ~= "table" then parameter = { parameter } declared[name] = parameter end
    for key in pairs(parameter) do
      if not fields[key] then
        util.raise_at_caller("params.%s: unknown field '%s'%s", name, tostring(key), util.did_you_mean(key,
          { "type", "required", "min", "max", "match", "choices", "sensitive" }))
      end
    end
    parameter.type = parameter.type or parameter[1] ~= nil and type_of(parameter[1]) or "string"
    if not types[parameter.type] then
      util.raise_at_caller("params.%s: type '%s' is none of boolean, integer, list, number, string", name,
        parameter.type)
    end
  end
end

local convert = {
  string = function(text) return text end,
  number = function(text) return tonumber(text), "a number" end,
  integer = function(text) return math.tointeger(tonumber(text)), "a whole number" end,
  boolean = function(text)
    return ({ ["true"] = true, yes = true, ["false"] = false, no = false })[text], "true or false"
  end,
  list = function(text)
    local list = {}
    for item in text:gmatch("[^,]+") do list[#list + 1] = item end
    return list
  end,
}

local function fail(name, message, ...)
  util.fail("usage", "parameter %s: %s", name, message:format(...))
end

local function quote(parameter, value)
  if parameter.sensitive then return "its value" end
  return type(value) == "string" and "'" .. value .. "'" or tostring(value)
end

local function check_one(name, parameter, value)
  if parameter.min and type(value) == "number" and value < parameter.min then
    fail(name, "%s is less than %s", quote(parameter, value), tostring(parameter.min))
  end
  if parameter.max and type(value) == "number" and value > parameter.max then
    fail(name, "%s is more than %s", quote(parameter, value), tostring(parameter.max))
  end
  if parameter.match and type(value) == "string" and not value:find(parameter.match) then
    fail(name, "%s does not match %s", quote(parameter, value), parameter.match)
  end
  if parameter.choices then
    local names = {}
    for i, choice in ipairs(parameter.choices) do
      if choice == value then return end
      names[i] = tostring(choice)
    end
    fail(name, "%s is none of %s%s", quote(parameter, value), table.concat(names, ", "),
      util.did_you_mean(value, names))
  end
end

local function check(name, parameter, value)
  if type(value) ~= "table" then return check_one(name, parameter, value) end
  for _, item in ipairs(value) do check_one(name, parameter, item) end
end

-- The words of the command line by name.
local function given(declared, words)
  local values = {}
  for _, word in ipairs(words) do
    local name, text = word:match("^([^=]+)=(.*)$")
    if not name then
      util.fail("usage", "'%s' is no parameter: k=v expected", word)
    end
    local parameter = declared[name]
    if not parameter then
      util.fail("usage", "unknown parameter '%s'%s", name,
        util.did_you_mean(name, util.sorted_keys(declared)))
    end
    if values[name] ~= nil then fail(name, "given twice") end
    local value, wanted = convert[parameter.type](text)
    if value == nil then fail(name, "%s is not %s", quote(parameter, text), wanted) end
    values[name] = value
  end
  return values
end

--- The values of the declared parameters.
--- @param declared table<string, eksrun.Parameter>
--- @param words string[] k=v
--- @return table<string, any>
function M.read(declared, words)
  check_declaration(declared)
  local values = given(declared, words)
  for name, parameter in util.sorted_pairs(declared) do
    if values[name] == nil then values[name] = util.copy(parameter[1]) end
    if values[name] == nil and parameter.required then
      fail(name, "a value is required: %s=...", name)
    end
    if values[name] ~= nil then check(name, parameter, values[name]) end
  end
  return values
end

local function bounds(parameter)
  local out = {}
  if parameter.choices then
    local names = {}
    for i, choice in ipairs(parameter.choices) do names[i] = tostring(choice) end
    out[#out + 1] = "one of " .. table.concat(names, ", ")
  end
  if parameter.min and parameter.max then
    out[#out + 1] = ("%s to %s"):format(parameter.min, parameter.max)
  elseif parameter.min then
    out[#out + 1] = ("at least %s"):format(parameter.min)
  elseif parameter.max then
    out[#out + 1] = ("at most %s"):format(parameter.max)
  end
  if parameter.match then out[#out + 1] = "matches " .. parameter.match end
  local default = parameter[1]
  if type(default) == "table" then default = table.concat(default, ",") end
  if parameter.required then
    out[#out + 1] = "required"
  elseif default ~= nil and not parameter.sensitive then
    out[#out + 1] = "default: " .. tostring(default)
  end
  return table.concat(out, "; ")
end

--- Two columns for the help: "nodes=INTEGER", "nodes wanted (0 to 450; default: 2)".
--- @param declared table<string, eksrun.Parameter>
--- @return { [1]: string, [2]: string }[]
function M.rows(declared)
  check_declaration(declared)
  local rows = {}
  for name, parameter in util.sorted_pairs(declared) do
    local right = parameter[2] or ""
    local limits = bounds(parameter)
    if limits ~= "" then right = right .. (right ~= "" and " " or "") .. "(" .. limits .. ")" end
    rows[#rows + 1] = { name .. "=" .. parameter.type:upper(), right }
  end
  return rows
end

return M
