--- The tagging API: things of many services by their tags. Like AWS's, it leaves out some services.
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"
local util = require "eksrun.util"

local M = { operations = {} }

-- Modules that say what has tags.
local TAGGED = {
  "eks.tags", "elb.attribute", "elbv2.attribute", "kms", "logs", "ssm", "secretsmanager", "ecr", "s3.bucket",
  "dynamodb.table", "sqs.queue",
}

local function everything(call)
  local list = {}
  for _, service in ipairs(TAGGED) do
    for _, found in ipairs(require("eksrun.sandbox." .. service).all_tags(call)) do
      list[#list + 1] = found
    end
  end
  for _, kind in util.sorted_pairs(support.kinds()) do
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

local function distinct(list, values)
  local seen = {}
  for _, found in ipairs(list) do
    for key, value in pairs(found.tags) do values(seen, key, value) end
  end
  return json.array(util.sorted_keys(seen))
end

function M.operations.GetTagKeys(call)
  return { TagKeys = distinct(everything(call), function(seen, key) seen[key] = true end) }
end

function M.operations.GetTagValues(call, params)
  return {
    TagValues = distinct(everything(call), function(seen, key, value)
      if key == params.Key then seen[value] = true end
    end),
  }
end

-- -- tags of any service's things ---------------------------------------------------------------------------

-- By service: the calls that set and remove tags of an ARN, by what follows the account in it.
local services = {
  ec2 = function(_, rest, set, removed)
    local ids = { rest:match "/(.+)$" }
    if set then return "CreateTags", { Resources = ids, Tags = calls.tag_list(set) } end
    local list = {}
    for i, key in ipairs(removed) do list[i] = { Key = key } end
    return "DeleteTags", { Resources = ids, Tags = list }
  end,
  eks = function(arn, _, set, removed)
    return set and "TagResource" or "UntagResource", { resourceArn = arn, tags = set, tagKeys = removed }
  end,
  kms = function(arn, _, set, removed)
    local list = set and {}
    for i, tag in ipairs(set and calls.tag_list(set) or {}) do
      list[i] = { TagKey = tag.Key, TagValue = tag.Value }
    end
    return set and "TagResource" or "UntagResource", { KeyId = arn, Tags = list, TagKeys = removed }
  end,
  logs = function(arn, _, set, removed)
    return set and "TagResource" or "UntagResource", { resourceArn = arn, tags = set, tagKeys = removed }
  end,
  ssm = function(_, rest, set, removed)
    local name = rest:match "^parameter(/.+)$"
    return set and "AddTagsToResource" or "RemoveTagsFromResource", {
      ResourceType = "Parameter", ResourceId = name, Tags = set and calls.tag_list(set), TagKeys = removed,
    }
  end,
  secretsmanager = function(arn, _, set, removed)
    return set and "TagResource" or "UntagResource",
      { SecretId = arn, Tags = set and calls.tag_list(set), TagKeys = removed }
  end,
  dynamodb = function(arn, _, set, removed)
    return set and "TagResource" or "UntagResource",
      { ResourceArn = arn, Tags = set and calls.tag_list(set), TagKeys = removed }
  end,
  ecr = function(arn, _, set, removed)
    return set and "TagResource" or "UntagResource",
      { resourceArn = arn, tags = set and calls.tag_list(set), tagKeys = removed }
  end,
}

local function each(call, arns, set, removed)
  local failed = {}
  for _, arn in ipairs(arns) do
    local service, rest = arn:match "^arn:[^:]*:([^:]*):[^:]*:[^:]*:(.*)$"
    local of = services[service or ""]
    if not of then
      failed[arn] = { StatusCode = 400, ErrorCode = "InvalidParameterException",
        ErrorMessage = "The resource's service cannot be tagged here" }
    else
      local operation, params = of(arn, rest, set, removed)
      local handler = require("eksrun.sandbox.services").handler(service, operation)
      local ok, raised = pcall(handler, call, params)
      if not ok and not fault.is(raised) then error(raised, 0) end
      if not ok then
        failed[arn] = { StatusCode = raised.fields and raised.fields.status or 400, ErrorCode =
          "InvalidParameterException", ErrorMessage = raised.message }
      end
    end
  end
  return { FailedResourcesMap = failed }
end

function M.operations.TagResources(call, params) return each(call, params.ResourceARNList, params.Tags) end
function M.operations.UntagResources(call, params)
  return each(call, params.ResourceARNList, nil, params.TagKeys)
end

return M
