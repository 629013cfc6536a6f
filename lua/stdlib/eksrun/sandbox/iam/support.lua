--- What IAM's handlers share: names, documents, tags, the policies that are AWS's own.
local calls = require "eksrun.sandbox.call"
local evaluate = require "eksrun.sandbox.iam.evaluate"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local text = require "eksrun.text"
local util = require "eksrun.util"
local worlds = require "eksrun.sandbox.world"

local M = {}

--- What there is of an AWS policy; nil: it does not exist.
--- @param call eksrun.sandbox.Call
--- @param arn string
--- @return { name: string, path: string, version: string, document: string }?
function M.managed(call, arn)
  local path, name = arn:match("^arn:" .. call.partition:gsub("%-", "%%-") .. ":iam::aws:policy(/.-)([^/]+)$")
  local known = name and require "eksrun.sandbox.iam.managed"[name]
  if known and known.path == path then
    return { name = name, path = path, version = known.version, document = known.document }
  end
end

--- All AWS policies: name, path, ARN, version.
--- @param call eksrun.sandbox.Call
--- @return table[]
function M.all_managed(call)
  local list = {}
  for name, known in util.sorted_pairs(require "eksrun.sandbox.iam.managed") do
    list[#list + 1] = {
      name = name, path = known.path, version = known.version,
      arn = ("arn:%s:iam::aws:policy%s%s"):format(call.partition, known.path, name),
    }
  end
  return list
end

--- @param kind string "role"
--- @param name string
function M.refuse_missing(kind, name)
  fault.raise_with("NoSuchEntity", ("The %s with name %s cannot be found."):format(kind, name),
    { status = 404 })
end

--- @param call eksrun.sandbox.Call
--- @param kind string "role"
--- @param name string
--- @return table
function M.need(call, kind, name)
  local thing = call:get("iam." .. kind, name)
  if not thing then M.refuse_missing(kind:gsub("_", " "), name) end
  return thing
end

--- @param call eksrun.sandbox.Call
--- @param what string "Role"
--- @param name string
function M.refuse_twin(call, what, name)
  local kind = "iam." .. what:lower():gsub(" ", "_")
  if not call:get(kind, name) then return end
  fault.raise_with("EntityAlreadyExists", ("%s with name %s already exists."):format(what, name),
    { status = 409 })
end

--- @param name string
--- @param member string "roleName"
function M.check_name(name, member)
  if name:find "[^%w+=,.@_-]" then
    fault.raise("ValidationError", "The specified value for %s is invalid. It must contain only alphanumeric "
      .. "characters and/or the following: +=,.@_-", member)
  end
end

--- @param message string
function M.refuse_deletion(message) fault.raise_with("DeleteConflict", message, { status = 409 }) end

--- Whether a role's document lets a service of AWS assume it.
--- @param role table
--- @param service string "eks.amazonaws.com"
--- @param source? string ARN of what it assumes the role for
--- @return boolean
function M.trusts(role, service, source)
  local document = json.decode(M.plain(role.AssumeRolePolicyDocument))
  return evaluate.decide({ identity = { document } }, {
    action = "sts:AssumeRole", resource = role.Arn, principal = { service = service },
    context = { ["aws:SourceAccount"] = role.Arn:match "::(%d+):", ["aws:SourceArn"] = source },
  }) == "allowed"
end

--- A document as IAM shows it.
--- @param document string
--- @return string
function M.shown(document) return text.percent_encode(document) end

--- The document of one that shown() made.
--- @param document string
--- @return string
function M.plain(document) return text.percent_decode(document) end

local NOT_IN_TAGS = "[^%w%s_.:/=+%-@\x80-\xff]"

--- Refuses tags with other letters than IAM takes, and those of which two have one key, in whatever case.
--- @param tags table[]?
function M.check_distinct(tags)
  local seen = {}
  for i, tag in ipairs(tags or {}) do
    local odd = tag.Key:find(NOT_IN_TAGS) and { "key", tag.Key }
      or tag.Value:find(NOT_IN_TAGS) and { "value", tag.Value }
    if odd then
      fault.raise("ValidationError", "1 validation error detected: Value '%s' at 'tags.%d.member.%s' failed "
        .. "to satisfy constraint: Member must satisfy regular expression pattern: "
        .. "[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+", odd[2], i, odd[1])
    elseif seen[tag.Key:lower()] then
      fault.raise("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    end
    seen[tag.Key:lower()] = true
  end
end

--- @param tags table[]?
--- @return table[]
function M.tags(tags)
  if #(tags or {}) > 50 then
    fault.raise_with("LimitExceeded", "The number of tags has reached the maximum limit.", { status = 409 })
  end
  M.check_distinct(tags)
  return json.array(calls.tag_list(calls.tag_map(tags)))
end

--- The operations on the tags of a kind.
--- @param operations table they are put into
--- @param suffix string "Role"
--- @param need fun(call: eksrun.sandbox.Call, params: table): table
function M.tag_operations(operations, suffix, need)
  operations["Tag" .. suffix] = function(call, params)
    M.check_distinct(params.Tags)
    local thing = need(call, params)
    local map = calls.tag_map(thing.Tags)
    for _, tag in ipairs(params.Tags) do
      for key in pairs(calls.tag_map(thing.Tags)) do
        if key:lower() == tag.Key:lower() then map[key] = nil end
      end
      map[tag.Key] = tag.Value
    end
    thing.Tags = M.tags(calls.tag_list(map))
  end
  operations["Untag" .. suffix] = function(call, params)
    local thing = need(call, params)
    local map = calls.tag_map(thing.Tags)
    for _, key in ipairs(params.TagKeys) do map[key] = nil end
    thing.Tags = M.tags(calls.tag_list(map))
  end
  operations["List" .. suffix .. "Tags"] = function(call, params)
    return { Tags = need(call, params).Tags }
  end
end

--- An id of IAM's.
--- @param call eksrun.sandbox.Call
--- @param prefix string "AROA"
--- @return string
function M.id(call, prefix) return prefix .. worlds.letters(call:hash(prefix), 17) end

--- Things without the fields that lists leave out.
--- @param things table[]
--- @param ... string
--- @return table[]
function M.briefly(things, ...)
  local list = json.array {}
  for i, thing in ipairs(things) do
    list[i] = calls.shown(thing)
    for j = 1, select("#", ...) do list[i][select(j, ...)] = nil end
  end
  return list
end

--- Those whose path begins so.
--- @param things table[]
--- @param prefix string?
--- @return table[]
function M.below(things, prefix)
  local list = {}
  for _, thing in ipairs(things) do
    if thing.Path:sub(1, #(prefix or "/")) == (prefix or "/") then list[#list + 1] = thing end
  end
  return list
end

return M
