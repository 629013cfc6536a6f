--- EC2: tags of all its things.
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

-- The kind of an id, by what it begins with.
local function kind_of(id)
  local prefix = id:match "^([%a-]+)%-%x+$"
  for _, kind in pairs(support.kinds()) do
    if kind.prefix == prefix and kind.tag then return kind end
  end
  fault.raise("InvalidID", "The ID '%s' is not valid", id)
end

-- The things of ids, and the member that holds their tags.
local function things_of(call, ids)
  local things = {}
  for i, id in ipairs(ids) do
    local kind = kind_of(id)
    things[i] = { support.need(call, kind.kind, id),
      kind.kind == "ec2.network_interface" and "TagSet" or "Tags" }
  end
  return things
end

function operations.CreateTags(call, params)
  support.check_tags(params.Tags)
  for _, found in ipairs(things_of(call, params.Resources)) do
    local thing, member = table.unpack(found)
    local map = calls.tag_map(thing[member])
    for _, tag in ipairs(params.Tags) do map[tag.Key] = tag.Value or "" end
    local list = calls.tag_list(map)
    support.check_tags(list)
    thing[member] = json.array(list)
  end
end

function operations.DeleteTags(call, params)
  for _, found in ipairs(things_of(call, params.Resources)) do
    local thing, member = table.unpack(found)
    local map = calls.tag_map(thing[member])
    for _, tag in ipairs(params.Tags or {}) do
      if tag.Value == nil or map[tag.Key] == tag.Value then map[tag.Key] = nil end
    end
    if not params.Tags then map = {} end
    thing[member] = json.array(calls.tag_list(map))
  end
end

local TAG = filter.map("DescribeTags", "key resource-id resource-type value")

-- "tag:Owner" is the key and the value at once here.
local function passes(shown, wanted)
  for _, one in ipairs(wanted or {}) do
    local key = one.Name:match "^tag:(.*)$"
    if key and key ~= shown.Key then return false end
    local as = key and { Name = "value", Values = one.Values } or one
    if not filter.passes(TAG, shown, { as }) then return false end
  end
  return true
end

function operations.DescribeTags(call, params)
  filter.check(TAG, params.Filters)
  local list = json.array {}
  for _, kind in util.sorted_pairs(support.kinds()) do
    for _, thing in ipairs(call:all(kind.kind)) do
      for _, tag in ipairs(thing.Tags or thing.TagSet or {}) do
        local shown = {
          ResourceId = thing[kind.id], ResourceType = kind.tag, Key = tag.Key, Value = tag.Value,
        }
        if passes(shown, params.Filters) then list[#list + 1] = shown end
      end
    end
  end
  return { Tags = list }
end

return M
