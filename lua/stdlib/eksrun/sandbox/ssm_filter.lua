--- SSM: the filters of lists of parameters.
local fault = require "eksrun.sandbox.fault"

local M = {}

-- What filters look at.
local KEYS = {
  Name = true, Type = true, KeyId = true, Path = true, Label = true, Tier = true, DataType = true,
}
local OPTIONS = { Equals = true, BeginsWith = true, Contains = true }
local LEVELS = { Recursive = true, OneLevel = true }

local function check(filter, place, known)
  local key, option = filter.Key, filter.Option
  if not KEYS[key] and not key:find "^tag:." then
    fault.raise("ValidationException", "1 validation error detected: Value '%s' at "
      .. "'parameterFilters.%d.member.key' failed to satisfy constraint: Member must satisfy regular "
      .. "expression pattern: tag:.+|Name|Type|KeyId|Path|Label|Tier|DataType", key, place)
  elseif known and not known[key] then
    fault.raise("InvalidFilterKey", "The following filter key is not valid: %s. Valid filter keys include: "
      .. "[DataType, KeyId, Label, Type].", key)
  elseif option and not (key == "Path" and LEVELS or OPTIONS)[option] then
    fault.raise("InvalidFilterOption", "The following filter option is not valid: %s. Valid options include: "
      .. "%s.", option, key == "Path" and "[Recursive, OneLevel]" or "[BeginsWith, Contains, Equals]")
  elseif key == "Path" then
    for _, path in ipairs(filter.Values or {}) do
      if path:sub(1, 1) ~= "/" then
        fault.raise("InvalidFilterValue", "The parameter doesn't meet the parameter name requirements. The "
          .. "parameter name must begin with a forward slash \"/\".")
      end
    end
  end
end

-- By what an older filter looks, which says nothing of how.
local OLD = { Name = "BeginsWith" }

--- The filters of a request in one form; refuses those that are none.
--- @param params table
--- @param known? table<string, boolean> the keys of this operation; default: all
--- @return table[]
function M.of(params, known)
  local list = params.ParameterFilters
  if params.Filters and list then
    fault.raise("ValidationException", "You can use either Filters or ParameterFilters in a single request.")
  end
  for i, filter in ipairs(list or {}) do check(filter, i, known) end
  if list then return list end
  list = {}
  for i, filter in ipairs(params.Filters or {}) do
    list[i] = { Key = filter.Key, Values = filter.Values, Option = OLD[filter.Key] }
  end
  return list
end

--- Whether a parameter lies below a path.
--- @param name string
--- @param path string
--- @param deep? boolean at any level
--- @return boolean
function M.is_below(name, path, deep)
  path = path:gsub("/*$", "/")
  if name:sub(1, 1) ~= "/" then name = "/" .. name end
  return name:sub(1, #path) == path and (deep or not name:find("/", #path + 1, true)) or false
end

local function is(have, option, value)
  if option == "BeginsWith" then return have:sub(1, #value) == value end
  if option == "Contains" then return have:find(value, 1, true) ~= nil end
  return have == value
end

-- What a parameter has of what a filter looks at.
local function had(parameter, key)
  local tag = key:match "^tag:(.*)$"
  if tag then return { parameter._tags[tag] } end
  if key == "Label" then
    local newest = parameter._history[#parameter._history]
    return newest and newest.Labels or {}
  end
  return { parameter[key] }
end

local function passes(parameter, filter)
  local deep = filter.Option == "Recursive"
  local all = filter.Key == "Path" and { parameter.Name } or had(parameter, filter.Key)
  if not filter.Values or not filter.Values[1] then return all[1] ~= nil end
  for _, have in ipairs(all) do
    for _, value in ipairs(filter.Values) do
      if filter.Key == "Path" and M.is_below(have, value, deep)
        or filter.Key ~= "Path" and is(have, filter.Option, value) then return true end
    end
  end
  return false
end

--- Whether a parameter passes filters.
--- @param parameter table
--- @param filters table[] of M.of
--- @return boolean
function M.passes(parameter, filters)
  for _, filter in ipairs(filters) do
    if not passes(parameter, filter) then return false end
  end
  return true
end

return M
