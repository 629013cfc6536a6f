--- CloudFormation templates: read, in JSON or YAML with its short tags, checked, and resolved.
local cidr = require "eksrun.cidr"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local text = require "eksrun.text"
local util = require "eksrun.util"
local yaml = require "eksrun.yaml"
local zones = require "eksrun.sandbox.ec2.zone"

local M = {}

local SECTIONS = {
  AWSTemplateFormatVersion = true, Description = true, Metadata = true, Parameters = true, Mappings = true,
  Conditions = true, Transform = true, Resources = true, Outputs = true, Rules = true, Hooks = true,
}

--- Refuses a template or a call: raises ValidationError.
--- @param message string a format, if something follows
function M.refuse(message, ...)
  if select("#", ...) > 0 then message = message:format(...) end
  fault.raise("ValidationError", message)
end

-- -- reading ------------------------------------------------------------------------------------------------

-- The long form of a short tag.
local function tagged(tag, value)
  local name = tag:sub(2)
  if name == "Ref" or name == "Condition" then return { [name] = value } end
  if name == "GetAtt" and type(value) == "string" then
    value = json.array { value:match "^([^.]+)%.(.+)$" }
  end
  return { ["Fn::" .. name] = value }
end

local function plain(node)
  local value
  if node.kind == "list" then
    value = json.array {}
    for i, item in ipairs(node.items) do value[i] = plain(item) end
  elseif node.kind == "map" then
    value = {}
    for i, key in ipairs(node.keys) do value[tostring(key.value)] = plain(node.values[i]) end
  else
    value = node.value
  end
  return node.tag and tagged(node.tag, value) or value
end

--- Reads a template.
--- @param body string
--- @return table
function M.parse(body)
  local parsed
  if body:find "^%s*{" then
    local value, err = json.try_decode(body)
    if type(value) ~= "table" then
      M.refuse("Template format error: JSON not well-formed. (%s)", tostring(err))
    end
    parsed = value
  else
    local ok, node = pcall(yaml.compose, body)
    if not ok then M.refuse("Template format error: YAML not well-formed. (%s)", tostring(node)) end
    parsed = node and plain(node)
  end
  if type(parsed) ~= "table" or #parsed > 0 then
    M.refuse "Template format error: unsupported structure."
  end
  for section in pairs(parsed) do
    if not SECTIONS[section] then
      M.refuse("Invalid template property or properties [%s]", section)
    end
  end
  if type(parsed.Resources) ~= "table" or not next(parsed.Resources) then
    M.refuse "Template format error: At least one Resources member must be defined."
  end
  return parsed
end

-- -- parameters ---------------------------------------------------------------------------------------------

local function check_parameter(name, declared, value)
  local allowed = declared.AllowedValues
  if allowed then
    local found = false
    for _, one in ipairs(allowed) do found = found or tostring(one) == value end
    if not found then
      local list = {}
      for i, one in ipairs(allowed) do list[i] = tostring(one) end
      M.refuse("Parameter '%s' must be one of AllowedValues [%s]", name, table.concat(list, ", "))
    end
  end
  if declared.Type == "Number" and not tonumber(value) then
    M.refuse("Parameter '%s' must be a number.", name)
  end
end

--- The values of parameters, as text.
--- @param template table
--- @param given table[]? Parameters of the call
--- @param before? table<string, string> the stack's, for UsePreviousValue
--- @return table<string, string>
function M.parameters(template, given, before)
  local declared, values, missing = template.Parameters or {}, {}, {}
  for _, parameter in ipairs(given or {}) do
    local name = parameter.ParameterKey
    if not declared[name] then M.refuse("Parameters: [%s] do not exist in the template", name) end
    values[name] = parameter.UsePreviousValue and (before or {})[name] or parameter.ParameterValue
  end
  for name, parameter in util.sorted_pairs(declared) do
    if values[name] == nil and parameter.Default ~= nil then values[name] = tostring(parameter.Default) end
    if values[name] == nil then
      missing[#missing + 1] = name
    else
      check_parameter(name, parameter, values[name])
    end
  end
  if missing[1] then M.refuse("Parameters: [%s] must have values", table.concat(missing, ", ")) end
  return values
end

-- -- resolving ----------------------------------------------------------------------------------------------

--- What a template is resolved with.
--- @class eksrun.sandbox.cloudformation.Scope
--- @field template table
--- @field parameters table<string, string>
--- @field pseudo table<string, any> "AWS::Region" ...
--- @field ref fun(name: string): any of a resource
--- @field attribute fun(name: string, attribute: string): any
--- @field import fun(name: string): string
--- @field region string

local resolve

-- What Ref and ${} of a name give.
local function referred(scope, name)
  local declared = (scope.template.Parameters or {})[name]
  if declared then
    local value = scope.parameters[name]
    if declared.Type == "CommaDelimitedList" or tostring(declared.Type):find "^List<" then
      local list = json.array {}
      for part in (value .. ","):gmatch "%s*(.-)%s*," do
        if part ~= "" then list[#list + 1] = part end
      end
      return list
    end
    return value
  end
  if name:find "^AWS::" then return scope.pseudo[name] end
  return scope.ref(name)
end

local function substitute(scope, value)
  local pattern, own = value, {}
  if type(value) == "table" then
    pattern = value[1]
    for name, one in pairs(value[2] or {}) do own[name] = resolve(scope, one) end
  end
  return (pattern:gsub("%${([^}]*)}", function(name)
    if name:sub(1, 1) == "!" then return "${" .. name:sub(2) .. "}" end
    if own[name] ~= nil then return tostring(own[name]) end
    local resource, attribute = name:match "^([^.:]+)%.(.+)$"
    return tostring(resource and scope.attribute(resource, attribute) or referred(scope, name))
  end))
end

local function condition(scope, name)
  local declared = (scope.template.Conditions or {})[name]
  if declared == nil then M.refuse("Template error: unresolved condition dependency %s", tostring(name)) end
  return resolve(scope, declared) == true
end

local function split(value, by)
  local list, from = json.array {}, 1
  while true do
    local at, to = value:find(by, from, true)
    list[#list + 1] = value:sub(from, (at or 0) - 1)
    if not at then return list end
    from = to + 1
  end
end

local functions = {
  Ref = function(scope, name) return referred(scope, name) end,
  Condition = function(scope, name) return condition(scope, name) end,
  ["Fn::GetAtt"] = function(scope, value)
    if type(value) == "string" then value = { value:match "^([^.]+)%.(.+)$" } end
    return scope.attribute(value[1], tostring(resolve(scope, value[2])))
  end,
  ["Fn::Sub"] = substitute,
  ["Fn::Join"] = function(scope, value)
    local parts = {}
    for i, part in ipairs(resolve(scope, value[2])) do parts[i] = tostring(part) end
    return table.concat(parts, value[1])
  end,
  ["Fn::Split"] = function(scope, value) return split(resolve(scope, value[2]), value[1]) end,
  ["Fn::Select"] = function(scope, value)
    local found = resolve(scope, value[2])[tonumber(resolve(scope, value[1])) + 1]
    if found == nil then M.refuse "Template error: Fn::Select cannot select nonexistent value" end
    return found
  end,
  ["Fn::FindInMap"] = function(scope, value)
    local map, first, second = table.unpack(resolve(scope, value))
    local found = ((scope.template.Mappings or {})[map] or {})[first]
    if not found or found[second] == nil then
      M.refuse("Template error: Unable to get mapping for %s::%s::%s", map, first, second)
    end
    return found[second]
  end,
  ["Fn::If"] = function(scope, value)
    return resolve(scope, value[condition(scope, value[1]) and 2 or 3])
  end,
  ["Fn::Equals"] = function(scope, value)
    return tostring(resolve(scope, value[1])) == tostring(resolve(scope, value[2]))
  end,
  ["Fn::And"] = function(scope, value)
    for _, one in ipairs(value) do
      if resolve(scope, one) ~= true then return false end
    end
    return true
  end,
  ["Fn::Or"] = function(scope, value)
    for _, one in ipairs(value) do
      if resolve(scope, one) == true then return true end
    end
    return false
  end,
  ["Fn::Not"] = function(scope, value) return resolve(scope, value[1]) ~= true end,
  ["Fn::Base64"] = function(scope, value) return text.base64(tostring(resolve(scope, value))) end,
  ["Fn::Cidr"] = function(scope, value)
    local range, count, bits = table.unpack(resolve(scope, value))
    local list, width = json.array {}, (range:find ":" and 128 or 32) - tonumber(bits or 0)
    for i = 1, tonumber(count) do
      list[i] = cidr.subnet(range, width - tonumber(range:match "/(%d+)$"), i - 1)
    end
    return list
  end,
  ["Fn::GetAZs"] = function(scope, value)
    local region, list = resolve(scope, value), json.array {}
    for i, zone in ipairs(zones.of(region ~= "" and region or scope.region)) do list[i] = zone.name end
    return list
  end,
  ["Fn::ImportValue"] = function(scope, value) return scope.import(resolve(scope, value)) end,
  ["Fn::ToJsonString"] = function(scope, value) return json.encode(resolve(scope, value)) end,
  ["Fn::Length"] = function(scope, value) return #resolve(scope, value) end,
}

-- A value with its functions called; AWS::NoValue takes what holds it away.
resolve = function(scope, value)
  if type(value) ~= "table" or value == json.null then return value end
  local name, argument = next(value)
  local called = type(name) == "string" and next(value, name) == nil
    and (functions[name] or name:find "^Fn::") and (name ~= "Condition" or type(argument) == "string")
  if called then
    local f = functions[name]
    if not f then M.refuse("Template error: %s is not supported", name) end
    return f(scope, argument)
  end
  local list, out = value[1] ~= nil or next(value) == nil and getmetatable(value) ~= nil, {}
  if list then
    out = json.array {}
    for _, one in ipairs(value) do
      local resolved = resolve(scope, one)
      if resolved ~= nil then out[#out + 1] = resolved end
    end
    return out
  end
  for key, one in pairs(value) do out[key] = resolve(scope, one) end
  return out
end
M.resolve = resolve
M.condition = condition

-- -- what depends on what -----------------------------------------------------------------------------------

local function find_names(value, found)
  if type(value) ~= "table" or value == json.null then return end
  local name, argument = next(value)
  if name == "Ref" then
    found[argument] = true
  elseif name == "Fn::GetAtt" then
    found[type(argument) == "string" and argument:match "^[^.]+" or argument[1]] = true
  elseif name == "Fn::Sub" then
    local pattern = type(argument) == "table" and argument[1] or argument
    local own = type(argument) == "table" and argument[2] or {}
    for inner in tostring(pattern):gmatch "%${([^}!][^}]*)}" do
      if own[inner] == nil then found[inner:match "^[^.]+"] = true end
    end
    find_names(own, found)
  else
    for _, one in pairs(value) do find_names(one, found) end
  end
end

--- The resources that a resource names or waits for.
--- @param template table
--- @param logical string
--- @param wanted table<string, boolean> the resources that there are
--- @return string[]
function M.dependencies(template, logical, wanted)
  local resource, found, list = template.Resources[logical], {}, {}
  find_names(resource.Properties, found)
  local after = resource.DependsOn
  for _, name in ipairs(type(after) == "table" and after or { after }) do found[name] = true end
  for name in util.sorted_pairs(found) do
    if template.Resources[name] == nil and not name:find "^AWS::"
      and not (template.Parameters or {})[name] then
      M.refuse("Template format error: Unresolved resource dependencies [%s] in the Resources block of the "
        .. "template", name)
    end
    if wanted[name] and name ~= logical then list[#list + 1] = name end
  end
  return list
end

return M
