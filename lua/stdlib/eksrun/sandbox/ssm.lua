--- SSM: parameters, those that AWS publishes included.
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local filters = require "eksrun.sandbox.ssm_filter"
local json = require "eksrun.json"
local images = require "eksrun.sandbox.ec2.image"
local tags = require "eksrun.sandbox.tags"
local text = require "eksrun.text"
local util = require "eksrun.util"
local versions = require "eksrun.sandbox.eks.versions"

local M = { operations = {} }
local operations = M.operations

-- Of AWS's public parameters: a pattern of the name, and what the captures make.
local PUBLIC = {
  {
    "^/aws/service/eks/optimized%-ami/([%d.]+)/amazon%-linux%-2023/([%w_]+)/(%w+)/recommended/([%w_]+)$",
    function(call, name, version, _, _, what)
      if not versions.index(version) then return nil end
      if what == "release_version" then return versions.release(version) end
      if what == "image_name" then return "amazon-eks-node-al2023-" .. version end
      return what == "image_id" and images.id(call, name) or nil
    end,
  },
  {
    "^/aws/service/bottlerocket/aws%-k8s%-([%d.]+)[%w-]*/[%w_]+/latest/([%w_]+)$",
    function(call, name, version, what)
      if not versions.index(version) then return nil end
      return what == "image_id" and images.id(call, name) or nil
    end,
  },
  {
    "^/aws/service/ami%-amazon%-linux%-latest/[%w%.-]+$",
    function(call, name) return images.id(call, name) end,
  },
}

local function public(call, name)
  for _, entry in ipairs(PUBLIC) do
    local captures = table.pack(name:match(entry[1]))
    local value = captures[1] and entry[2](call, name, table.unpack(captures, 1, captures.n))
    if value then
      return {
        Name = name, Value = value, Type = "String", Version = 1, DataType = "text",
        LastModifiedDate = 1763596800,
        ARN = ("arn:%s:ssm:%s::parameter%s"):format(call.partition, call.region, name),
      }
    end
  end
end

-- A version of a parameter, by its number or label.
local function version_of(parameter, selector)
  for _, version in ipairs(parameter._history) do
    local found = tostring(version.Version) == selector
    for _, label in ipairs(version.Labels) do found = found or label == selector end
    if found then return version end
  end
  fault.raise("ParameterVersionNotFound",
    "Systems Manager could not find version %s of %s. Verify the version "
    .. "and try again.", selector, parameter.Name)
end

-- A parameter by its name or ARN, or one of its versions: NAME:3, NAME:LABEL.
local function find(call, name)
  name = name:match "^arn:[^:]*:ssm:[^:]*:[^:]*:parameter(/.*)$" or name
  local parameter = call:get("ssm.parameter", name)
  local bare, selector = name:match "^(.+):([^:]+)$"
  if not parameter and bare and call:get("ssm.parameter", bare) then
    parameter = call:get("ssm.parameter", bare)
    local version = version_of(parameter, selector)
    local shown = {}
    for key, value in pairs(parameter) do shown[key] = value end
    shown.Value, shown.Version, shown.LastModifiedDate, shown.Selector = version.Value, version.Version,
      version.LastModifiedDate, ":" .. selector
    return shown
  end
  return parameter or public(call, name)
end

-- What is shown of a SecureString to who does not ask for it in the clear.
local function sealed(parameter)
  return text.base64(("%s/%d"):format(parameter.ARN, parameter.Version))
end

local function need(call, name)
  local parameter = find(call, name)
  if not parameter then fault.raise("ParameterNotFound", "Parameter %s not found.", name) end
  return parameter
end

-- One of the account's own, by its name alone.
local function need_own(call, name)
  local parameter = call:get("ssm.parameter", name)
  if not parameter then fault.raise("ParameterNotFound", "Parameter %s not found.", name) end
  return parameter
end

local function brief(parameter, open)
  local hidden = parameter.Type == "SecureString" and not open
  return {
    Name = parameter.Name, Value = hidden and sealed(parameter) or parameter.Value,
    Selector = parameter.Selector, Type = parameter.Type, Version = parameter.Version,
    LastModifiedDate = parameter.LastModifiedDate, ARN = parameter.ARN, DataType = parameter.DataType,
  }
end

local VERSIONS_MAX = 100

-- The part of regular expressions that patterns of parameters use: a class that repeats, between anchors.
local function check_pattern(pattern, value)
  local class, repeated = pattern:match "^%^?(%[[^%]]+%])([*+]?)%$?$"
  if not class then return end
  local ok, fits = pcall(string.find, value, "^" .. class .. repeated .. "$")
  if ok and not fits then
    fault.raise("ParameterPatternMismatchException", "Parameter value, cannot be validated against "
      .. "allowedPattern: %s", pattern)
  end
end

local DATA_TYPES = { text = true, ["aws:ec2:image"] = true, ["aws:ssm:integration"] = true }

-- What does not allow a parameter to be put; `present` is what has its name.
local function check_put(params, present)
  local name = params.Name
  if name:lower():find "^/?aws" or name:lower():find "^/?ssm" then
    fault.raise("AccessDeniedException", "No access to reserved parameter name: %s.", name)
  end
  if params.Overwrite and params.Tags then
    fault.raise("ValidationException", "Invalid request: tags and overwrite can't be used together. To "
      .. "create a parameter with tags, please remove overwrite flag.")
  end
  if params.DataType and not DATA_TYPES[params.DataType] then
    fault.raise("ValidationException", "The following data type is not supported: %s (Data type names are "
      .. "all lowercase.)", params.DataType)
  end
  if present and not params.Overwrite then
    fault.raise("ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the "
      .. "overwrite option in the request to true.")
  end
  if #params.Value > ((params.Tier or "Standard") == "Standard" and 4096 or 8192) then
    fault.raise("ValidationException", "Standard tier parameters support a maximum parameter value of 4096 "
      .. "characters.")
  end
  if not params.Type and not present then
    fault.raise("ValidationException", "A parameter type is required when you create a parameter.")
  end
  if params.AllowedPattern then check_pattern(params.AllowedPattern, params.Value) end
end

-- Has a history have room for one more version: the oldest goes, unless it has a label.
local function make_room(history, name)
  if #history < VERSIONS_MAX then return end
  if history[1].Labels[1] then
    fault.raise("ParameterMaxVersionLimitExceeded",
      "You attempted to create a new version of %s by calling "
      .. "the PutParameter API. Version %d, the oldest version, can't be deleted because it has a label.",
      name, history[1].Version)
  end
  table.remove(history, 1)
end

function operations.PutParameter(call, params)
  local name = params.Name
  local present = call:get("ssm.parameter", name)
  check_put(params, present)
  local before, history = present or { Version = 0 }, present and present._history or {}
  make_room(history, name)
  local parameter = call:put("ssm.parameter", name, {
    Name = name, Value = params.Value, Type = params.Type or before.Type,
    DataType = params.DataType or "text",
    Version = before.Version + 1, LastModifiedDate = call.now, Tier = params.Tier or "Standard",
    Description = params.Description or before.Description,
    AllowedPattern = params.AllowedPattern,
    KeyId = params.KeyId, ARN = call:arn("ssm", "parameter" .. (name:find "^/" and "" or "/") .. name),
    _tags = present and present._tags or calls.tag_map(params.Tags), _order = before._order,
    _history = history,
  })
  table.insert(history, {
    Version = parameter.Version, Value = params.Value, LastModifiedDate = call.now, Labels = {},
    Description = parameter.Description, AllowedPattern = params.AllowedPattern,
  })
  return { Version = parameter.Version, Tier = parameter.Tier }
end

function operations.GetParameter(call, params)
  return { Parameter = brief(need(call, params.Name), params.WithDecryption) }
end

function operations.GetParameters(call, params)
  local found, invalid = json.array {}, json.array {}
  for _, name in ipairs(params.Names) do
    local parameter = find(call, name)
    if parameter then
      found[#found + 1] = brief(parameter, params.WithDecryption)
    else
      invalid[#invalid + 1] = name
    end
  end
  return { Parameters = found, InvalidParameters = invalid }
end

function operations.GetParameterHistory(call, params)
  local parameter = need_own(call, params.Name)
  local list = json.array {}
  for i, version in ipairs(parameter._history) do
    local hidden = parameter.Type == "SecureString" and not params.WithDecryption
    list[i] = {
      Name = parameter.Name, Type = parameter.Type, Version = version.Version, DataType = parameter.DataType,
      Value = hidden and sealed({ ARN = parameter.ARN, Version = version.Version }) or version.Value,
      LastModifiedDate = version.LastModifiedDate, Labels = json.array(util.copy(version.Labels)),
      Description = version.Description, Tier = parameter.Tier, LastModifiedUser = call.principal.arn,
      KeyId = parameter.KeyId, AllowedPattern = version.AllowedPattern,
    }
  end
  return { Parameters = list }
end

function operations.LabelParameterVersion(call, params)
  local parameter = need_own(call, params.Name)
  local version = version_of(parameter, tostring(params.ParameterVersion or parameter.Version))
  local invalid = json.array {}
  for _, label in ipairs(params.Labels) do
    if label:find "^%d" or label:lower():find "^aws" or label:lower():find "^ssm"
      or label:find "[^%w_.-]" then
      invalid[#invalid + 1] = label
    else
      for _, other in ipairs(parameter._history) do
        for i, present in ipairs(other.Labels) do
          if present == label then table.remove(other.Labels, i) break end
        end
      end
      table.insert(version.Labels, label)
    end
  end
  return { InvalidLabels = invalid, ParameterVersion = version.Version }
end

function operations.UnlabelParameterVersion(call, params)
  local parameter = need_own(call, params.Name)
  local version = version_of(parameter, tostring(params.ParameterVersion))
  local removed, invalid = json.array {}, json.array {}
  for _, label in ipairs(params.Labels) do
    local into = invalid
    for i, present in ipairs(version.Labels) do
      if present == label then
        table.remove(version.Labels, i)
        into = removed
        break
      end
    end
    into[#into + 1] = label
  end
  return { RemovedLabels = removed, InvalidLabels = invalid }
end

local function by_name(a, b) return a.Name < b.Name end

local BY_PATH = { Type = true, KeyId = true, Label = true, DataType = true }

function operations.GetParametersByPath(call, params)
  if params.Path:sub(1, 1) ~= "/" then
    fault.raise("ValidationException", "The parameter doesn't meet the parameter name requirements. The "
      .. "parameter name must begin with a forward slash \"/\".")
  end
  local list, wanted = json.array {}, filters.of(params, BY_PATH)
  for _, parameter in ipairs(call:all "ssm.parameter") do
    if filters.is_below(parameter.Name, params.Path, params.Recursive)
      and filters.passes(parameter, wanted) then
      list[#list + 1] = brief(parameter, params.WithDecryption)
    end
  end
  table.sort(list, by_name)
  return { Parameters = list }
end

function operations.DescribeParameters(call, params)
  local list, wanted = json.array {}, filters.of(params)
  for _, parameter in ipairs(call:all "ssm.parameter") do
    if filters.passes(parameter, wanted) then
      list[#list + 1] = {
        Name = parameter.Name, Type = parameter.Type, Version = parameter.Version, Tier = parameter.Tier,
        LastModifiedDate = parameter.LastModifiedDate, Description = parameter.Description,
        KeyId = parameter.KeyId,
        AllowedPattern = parameter.AllowedPattern, DataType = parameter.DataType, ARN = parameter.ARN,
      }
    end
  end
  table.sort(list, by_name)
  return { Parameters = list }
end

function operations.DeleteParameter(call, params)
  need_own(call, params.Name)
  call:remove("ssm.parameter", params.Name)
  return {}
end

function operations.DeleteParameters(call, params)
  local gone, invalid = json.array {}, json.array {}
  for _, name in ipairs(params.Names) do
    local list = call:get("ssm.parameter", name) and gone or invalid
    list[#list + 1] = name
    call:remove("ssm.parameter", name)
  end
  return { DeletedParameters = gone, InvalidParameters = invalid }
end

local function tagged(call, params)
  local parameter = params.ResourceType == "Parameter" and call:get("ssm.parameter", params.ResourceId)
  if not parameter then
    fault.raise("InvalidResourceId", "The resource ID is not valid. Verify that you entered the correct ID "
      .. "and try again.")
  end
  return parameter._tags
end

function operations.ListTagsForResource(call, params)
  return { TagList = json.array(calls.tag_list(tagged(call, params))) }
end

function operations.AddTagsToResource(call, params)
  local map = tagged(call, params)
  for _, tag in ipairs(params.Tags) do map[tag.Key] = tag.Value end
  return {}
end

function operations.RemoveTagsFromResource(call, params)
  local map = tagged(call, params)
  for _, key in ipairs(params.TagKeys) do map[key] = nil end
  return {}
end

M.all_tags = tags.of_all("ssm.parameter", "ARN")

return M
