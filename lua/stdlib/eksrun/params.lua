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
local cidr = require "eksrun.cidr"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Parameter
--- @field [1] any default
--- @field [2] string? help, one line
--- @field type? "string"|"integer"|"number"|"boolean"|"list"|"cidr"
--- @field required? boolean
--- @field min? number
--- @field max? number
--- @field match? string Lua pattern
--- @field choices? any[]
--- @field sensitive? boolean never shown

local fields = {
  [1] = "any", [2] = "string", type = "string", required = "boolean", min = "number",
  max = "number", match = "string", choices = "table", sensitive = "boolean",
}

-- By type, what a default has to be.
local types = {
  string = "string", integer = "integer", number = "number", boolean = "boolean", list = "table",
  cidr = "string",
}

local function is_a(value, kind)
  return kind == "any" or type(value) == kind or math.type(value) == kind
end

local function type_of(default)
  if type(default) == "table" then return "list" end
  return math.type(default) == "integer" and "integer" or math.type(default) and "number" or type(default)
end

local function check_fields(name, parameter)
  for _, key in ipairs(util.sorted_keys(parameter)) do
    local value = parameter[key]
    if math.type(key) == "integer" and key > 2 then
      util.raise_at_caller("params.%s: { default, help, ... } expected; a list as the default stands in "
        .. "braces of its own: { { \"a\", \"b\" }, \"help\" }", name)
    elseif not fields[key] then
      util.raise_at_caller("params.%s: unknown field '%s'%s", name, tostring(key), util.did_you_mean(key,
        { "type", "required", "min", "max", "match", "choices", "sensitive" }))
    elseif not is_a(value, fields[key]) then
      local what = key == 2 and "the help" or "'" .. key .. "'"
      util.raise_at_caller("params.%s: %s wants a %s, got %s", name, what, fields[key],
        is_a(value, "string") and "'" .. value .. "'" or type(value))
    end
  end
end

local check

local function check_type(name, parameter)
  local default = parameter[1]
  parameter.type = parameter.type or default ~= nil and type_of(default) or "string"
  local kind = types[parameter.type]
  if not kind then
    util.raise_at_caller("params.%s: type '%s' is none of %s%s", name, parameter.type,
      table.concat(util.sorted_keys(types), ", "), util.did_you_mean(parameter.type, util.sorted_keys(types)))
  end
  if default ~= nil and not is_a(default, kind) then
    util.raise_at_caller("params.%s: the default is a %s, not of type %s", name, type(default),
      parameter.type)
  end
  if default ~= nil then
    check(parameter, default, function(message)
      util.raise_at_caller("params.%s: the default: %s", name, message)
    end)
  end
end

local function check_declaration(declared)
  if type(declared) ~= "table" then
    util.raise_at_caller("params: a table of parameters expected, got %s", type(declared))
  end
  util.check_dot("eksrun.params", declared)
  for name, parameter in util.sorted_pairs(declared) do
    if type(name) ~= "string" or not name:find("^[%a_][%w_-]*$") then
      util.raise_at_caller("params: '%s' is no name for a parameter", tostring(name))
    end
    if type(parameter) ~= "table" then
      local shown = type(parameter) == "string" and '"' .. parameter .. '"' or tostring(parameter)
      util.raise_at_caller("params.%s: { default, help, ... } expected, got a %s: %s = { %s, "
        .. "\"what it is\" }", name, type(parameter), name, shown)
    end
    check_fields(name, parameter)
    check_type(name, parameter)
  end
end

local convert = {
  string = function(text) return text end,
  cidr = function(text) return text end,
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

local function matches(value, pattern)
  local ok, found = pcall(string.find, value, pattern)
  if not ok then util.raise_at_caller("params: match = '%s': %s", pattern, found) end
  return found ~= nil
end

-- Calls wrong(message) if a value that is no list is none for the parameter.
local function check_one(parameter, value, wrong)
  local shown = quote(parameter, value)
  if parameter.min and type(value) == "number" and value < parameter.min then
    return wrong(("%s is less than %s"):format(shown, parameter.min))
  end
  if parameter.max and type(value) == "number" and value > parameter.max then
    return wrong(("%s is more than %s"):format(shown, parameter.max))
  end
  if parameter.match and type(value) == "string" and not matches(value, parameter.match) then
    return wrong(("%s does not match %s"):format(shown, parameter.match))
  end
  if parameter.type == "cidr" and not cidr.try_parse(value) then
    return wrong(("%s is not an address range such as 10.0.0.0/16"):format(shown))
  end
  if parameter.choices then
    local names = {}
    for i, choice in ipairs(parameter.choices) do
      if choice == value then return end
      names[i] = tostring(choice)
    end
    return wrong(("%s is none of %s%s"):format(shown, table.concat(names, ", "),
      util.did_you_mean(value, names)))
  end
end

function check(parameter, value, wrong)
  if type(value) ~= "table" then return check_one(parameter, value, wrong) end
  for _, item in ipairs(value) do check_one(parameter, item, wrong) end
end

-- The words of the command line by name.
local function given(declared, words)
  local values = {}
  for _, word in ipairs(words) do
    local name, text = word:match("^([^=]+)=(.*)$")
    if not name then
      util.fail("usage", "'%s' is no parameter: k=v expected%s", word,
        declared[word] and (", such as %s=..."):format(word)
          or word:find "[/.]" and "; the file of a sandbox is given as --sandbox=FILE" or "")
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

-- The values; a name that is not declared raises instead of being nil.
local function strict(values, declared)
  return setmetatable(values, {
    __index = function(_, name)
      if type(name) == "string" and not declared[name] then
        util.raise_at_caller("the recipe declares no parameter '%s'%s", name,
          util.did_you_mean(name, util.sorted_keys(declared)))
      end
    end,
  })
end

--- The values of the declared parameters.
--- @param declared table<string, eksrun.Parameter>
--- @param words string[] k=v
--- @return table<string, any>
function M.read(declared, words)
  check_declaration(declared)
  local values = given(declared, words)
  for name, parameter in util.sorted_pairs(declared) do
    local value = values[name]
    if value ~= nil then
      check(parameter, value, function(message) fail(name, "%s", message) end)
    elseif parameter[1] ~= nil then
      values[name] = util.copy(parameter[1])
    elseif parameter.required then
      fail(name, "a value is required: %s=...", name)
    end
  end
  return strict(values, declared)
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
