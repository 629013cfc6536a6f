--- The tagging API: things of many services by their tags. Like AWS's, it leaves out some services.
local calls = require "eksrun.sandbox.call"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"
local util = require "eksrun.util"

local M = { operations = {} }

local function everything(call)
  local list = {}
  for _, service in ipairs { "eks.tags", "kms", "logs", "ssm" } do
    for _, found in ipairs(require("eksrun.sandbox." .. service).all_tags(call)) do
      list[#list + 1] = found
    end
  end
  for _, kind in util.sorted_pairs(support.kinds) do
    for _, thing in ipairs(kind.tag and call:all(kind.kind) or {}) do
      list[#list + 1] = {
        arn = call:arn("ec2", kind.tag .. "/" .. thing[kind.id]),
        tags = calls.tag_map(thing.Tags or thing.TagSet),
      }
    end
  end
  return list
end

local function passes(tags, filters)
  for _, filter in ipairs(filters or {}) do
    local have, found = tags[filter.Key], not filter.Values or not filter.Values[1]
    if have == nil then return false end
    for _, value in ipairs(filter.Values or {}) do found = found or value == have end
    if not found then return false end
  end
  return true
end

-- Of "ec2:subnet", or "eks" for all of a service.
local function is_type(arn, types)
  if not types or not types[1] then return true end
  local service, rest = arn:match "^arn:[^:]*:([^:]*):[^:]*:[^:]*:(.*)$"
  for _, wanted in ipairs(types) do
    if wanted == service or wanted == service .. ":" .. rest:match "^[^/:]+" then return true end
  end
  return false
end

function M.operations.GetResources(call, params)
  local list = json.array {}
  for _, found in ipairs(everything(call)) do
    if next(found.tags) and passes(found.tags, params.TagFilters) and is_type(found.arn,
      params.ResourceTypeFilters)
    then
      list[#list + 1] = { ResourceARN = found.arn, Tags = json.array(calls.tag_list(found.tags)) }
    end
  end
  return { ResourceTagMappingList = list }
end

return M
