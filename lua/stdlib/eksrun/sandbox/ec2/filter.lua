--- EC2: the filters of Describe calls. A kind lists the names that AWS documents; where a name looks in a
--- thing follows from it, "attachment.vpc-id" in Attachment, Attachments or AttachmentSet and there in VpcId,
--- unless the kind says otherwise.
local clock = require "eksrun.clock"
local fault = require "eksrun.sandbox.fault"
local glob = require "eksrun.sandbox.glob"

local M = {}

local VALUES_MAX = 200

local function field_of(segment)
  return (segment:gsub("^%l", string.upper):gsub("%-(%w)", string.upper))
end

--- Where a name looks in a thing.
--- @param name string "attachment.vpc-id"
--- @return string "Attachment.VpcId"
function M.path(name) return (name:gsub("[^.]+", field_of)) end

--- By operation.
--- @type table<string, table<string, string[]>>
M.known = {}

--- The filters of an operation.
--- @param operation string "DescribeVpcs"
--- @param names string documented names, apart by white space, without those of tags
--- @param paths? table<string, string|string[]> where other names look: "Groups.GroupId"
--- @return table<string, string[]> paths by name
function M.map(operation, names, paths)
  local map = {}
  for name in names:gmatch "%S+" do
    map[name] = { M.path(name) }
  end
  for name, path in pairs(paths or {}) do map[name] = type(path) == "table" and path or { path } end
  M.known[operation] = map
  return map
end

-- The text of a field, as filters give it.
local function text_of(field, value)
  if type(value) == "number" and (field:find "Time$" or field:find "Date$" or field:find "Not%u%l+$") then
    return (clock.format_iso8601(value):gsub("Z$", ".000Z"))
  end
  return tostring(value)
end

-- All values that a path finds in a thing; lists are looked through.
local function values_at(thing, path, out)
  local first, rest = path:match "^([^.]+)%.?(.*)$"
  local value = thing[first]
  if value == nil then value = thing[first .. "s"] end
  if value == nil then value = thing[first .. "Set"] end
  if type(value) ~= "table" then
    if value ~= nil and rest == "" then out[#out + 1] = text_of(first, value) end
    return out
  end
  for _, item in ipairs(value[1] ~= nil and value or { value }) do
    if type(item) == "table" and rest ~= "" then
      values_at(item, rest, out)
    elseif type(item) ~= "table" and rest == "" then
      out[#out + 1] = text_of(first, item)
    end
  end
  return out
end

local function any_matches(found, wanted)
  for _, value in ipairs(wanted) do
    for _, have in ipairs(found) do
      if glob.matches(value, have) then return true end
    end
  end
  return false
end

local function tag_values(thing, name)
  local out, key = {}, name:match "^tag:(.*)$"
  for _, tag in ipairs(thing.Tags or thing.TagSet or {}) do
    if name == "tag-key" then
      out[#out + 1] = tag.Key
    elseif name == "tag-value" or tag.Key == key then
      out[#out + 1] = tag.Value
    end
  end
  return out
end

--- Refuses filters that a kind does not have, and too many values.
--- @param filters table<string, string[]> of the kind, see map()
--- @param wanted table[]? of the request
function M.check(filters, wanted)
  local count = 0
  for _, filter in ipairs(wanted or {}) do
    local name = filter.Name or ""
    if not (filters[name] or name:find "^tag:" or name == "tag-key" or name == "tag-value") then
      fault.raise("InvalidParameterValue", "The filter '%s' is invalid", name)
    end
    count = count + #(filter.Values or {})
  end
  if count > VALUES_MAX then
    fault.raise("FilterLimitExceeded", "The maximum number of filter values specified on a single call is %d",
      VALUES_MAX)
  end
end

--- Whether a thing passes filters that were checked.
--- @param filters table<string, string[]> of the kind
--- @param thing table
--- @param wanted table[]? of the request
--- @return boolean
function M.passes(filters, thing, wanted)
  for _, filter in ipairs(wanted or {}) do
    local paths = filters[filter.Name]
    local found = {}
    if paths then
      for _, path in ipairs(paths) do values_at(thing, path, found) end
    else
      found = tag_values(thing, filter.Name)
    end
    if not any_matches(found, filter.Values or {}) then return false end
  end
  return true
end

--- Those of a list that pass.
--- @param filters table<string, string[]> of the kind
--- @param list table[]
--- @param wanted table[]? of the request
--- @return table[]
function M.select(filters, list, wanted)
  M.check(filters, wanted)
  local out = require("eksrun.json").array {}
  for _, thing in ipairs(list) do
    if M.passes(filters, thing, wanted) then out[#out + 1] = thing end
  end
  return out
end

return M
