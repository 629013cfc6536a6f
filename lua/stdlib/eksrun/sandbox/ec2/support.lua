--- What EC2's handlers share: Describe calls with their filters, tags, things that must be there.
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"

local M = {}

--- @class eksrun.sandbox.ec2.Kind
--- @field kind string of the world: "ec2.vpc"
--- @field prefix string of its ids: "vpc"
--- @field id string the field that holds the id
--- @field tag? string what TagSpecifications call it: "vpc"
--- @field list string the output's member
--- @field ids? string the parameter with ids
--- @field missing? string code of the error for an id that is not there
--- @field missing_text? string its message, with %s for the id
--- @field filters table<string, string|string[]> where a filter looks: a path such as "Attachments.VpcId"

--- By kind; filled by describe().
--- @type table<string, eksrun.sandbox.ec2.Kind>
M.kinds = {}

-- All values that a path finds in a thing; lists are looked through.
local function values_at(thing, path, out)
  local first, rest = path:match "^([^.]+)%.?(.*)$"
  local value = thing[first]
  if value == nil then return out end
  if rest == "" then
    if type(value) == "table" then
      for _, item in ipairs(value) do out[#out + 1] = tostring(item) end
    else
      out[#out + 1] = tostring(value)
    end
  elseif type(value) == "table" then
    if value[1] ~= nil then
      for _, item in ipairs(value) do values_at(item, rest, out) end
    else
      values_at(value, rest, out)
    end
  end
  return out
end

-- A filter's value as a pattern: * and ? stand for any text, any letter.
local function pattern_of(value)
  return "^" .. value:gsub("[%^%$%(%)%%%.%[%]%+%-]", "%%%0"):gsub("%*", ".*"):gsub("%?", ".") .. "$"
end

local function any_matches(found, wanted)
  for _, value in ipairs(wanted) do
    local plain = not value:find "[*?]"
    local pattern = not plain and pattern_of(value)
    for _, have in ipairs(found) do
      if plain and have == value or pattern and have:find(pattern) then return true end
    end
  end
  return false
end

local function tag_values(thing, filter)
  local out, key = {}, filter.Name:match "^tag:(.*)$"
  for _, tag in ipairs(thing.Tags or {}) do
    if filter.Name == "tag-key" then
      out[#out + 1] = tag.Key
    elseif filter.Name == "tag-value" or tag.Key == key then
      out[#out + 1] = tag.Value
    end
  end
  return out
end

--- Whether a thing passes filters.
--- @param kind eksrun.sandbox.ec2.Kind
--- @param thing table
--- @param filters table[]?
--- @return boolean
function M.passes(kind, thing, filters)
  for _, filter in ipairs(filters or {}) do
    local found
    if filter.Name:find "^tag:" or filter.Name == "tag-key" or filter.Name == "tag-value" then
      found = tag_values(thing, filter)
    else
      local paths = kind.filters[filter.Name]
      if not paths then
        fault.raise("InvalidParameterValue", "The filter '%s' is invalid", filter.Name)
      end
      found = {}
      for _, path in ipairs(type(paths) == "table" and paths or { paths }) do
        values_at(thing, path, found)
      end
    end
    if not any_matches(found, filter.Values or {}) then return false end
  end
  return true
end

--- A thing by its id, or the error that there is none.
--- @param call eksrun.sandbox.Call
--- @param name string of the kind
--- @param id string?
--- @return table
function M.need(call, name, id)
  local kind = M.kinds[name]
  local thing = call:get(name, id)
  if thing then return thing end
  if id == nil then fault.raise("MissingParameter", "The request must contain the parameter %s", kind.id) end
  fault.raise(kind.missing, kind.missing_text, id)
end

--- The handler of a Describe call.
--- @param definition eksrun.sandbox.ec2.Kind
--- @return fun(call: eksrun.sandbox.Call, params: table): table
function M.describe(definition)
  M.kinds[definition.kind] = definition
  return function(call, params)
    local wanted = definition.ids and params[definition.ids]
    local list = json.array {}
    if wanted and wanted[1] then
      local by_id = {}
      for _, id in ipairs(wanted) do by_id[id] = M.need(call, definition.kind, id) end
      wanted = by_id
    else
      wanted = nil
    end
    for _, thing in ipairs(call:all(definition.kind)) do
      if (not wanted or wanted[thing[definition.id]])
        and M.passes(definition, thing, params.Filters or params.Filter) then
        list[#list + 1] = definition.view and definition.view(call, thing) or thing
      end
    end
    return { [definition.list] = list }
  end
end

--- Checks tags that a request sets.
--- @param tags table[]
function M.check_tags(tags)
  if #tags > 50 then
    fault.raise("TagLimitExceeded", "You have reached the maximum number of tags for this resource.")
  end
  for _, tag in ipairs(tags) do
    if (tag.Key or ""):lower():find "^aws:" then
      fault.raise("InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use")
    end
    if (tag.Key or "") == "" or #tag.Key > 128 then
      fault.raise("InvalidParameterValue", "Tag key '%s' is not valid", tag.Key or "")
    end
  end
end

--- The tags that a creation gives to a kind of thing.
--- @param params table
--- @param tag string "vpc"
--- @param also? string[] other kinds that the call makes
--- @return table[] Tags
function M.tags(params, tag, also)
  local map = {}
  for _, specification in ipairs(params.TagSpecifications or {}) do
    local kind = specification.ResourceType
    local known = kind == tag
    for _, other in ipairs(also or {}) do known = known or kind == other end
    if not known then
      fault.raise("InvalidParameterValue",
        "'%s' is not a valid taggable resource type for this operation.", tostring(kind))
    end
    if kind == tag then
      M.check_tags(specification.Tags or {})
      for key, value in pairs(calls.tag_map(specification.Tags)) do map[key] = value end
    end
  end
  return json.array(calls.tag_list(map))
end

--- Refuses a deletion.
--- @param what string "vpc"
--- @param id string
function M.refuse_dependent(what, id)
  fault.raise("DependencyViolation", "The %s '%s' has dependencies and cannot be deleted.", what, id)
end

--- The interfaces that pass.
--- @param call eksrun.sandbox.Call
--- @param match fun(interface: table): any
--- @return table[]
function M.interfaces(call, match) return call:all("ec2.network_interface", match) end

--- Puts an interface into a subnet.
--- @param call eksrun.sandbox.Call
--- @param subnet table
--- @param fields table Description, InterfaceType, RequesterId, Groups, public
--- @return table interface
function M.interface(call, subnet, fields)
  local id = call:id "eni"
  local free = subnet.AvailableIpAddressCount
  if free < 1 then
    fault.raise("InsufficientFreeAddressesInSubnet",
      "There are not enough free addresses in subnet '%s' to satisfy the requested number of instances.",
      subnet.SubnetId)
  end
  subnet.AvailableIpAddressCount = free - 1
  subnet._next_host = (subnet._next_host or 3) + 1
  local address = M.host(subnet.CidrBlock, subnet._next_host)
  local groups = json.array {}
  for i, group in ipairs(fields.Groups or {}) do
    local found = call:get("ec2.security_group", group)
    groups[i] = { GroupId = group, GroupName = found and found.GroupName }
  end
  return call:put("ec2.network_interface", id, {
    NetworkInterfaceId = id, SubnetId = subnet.SubnetId, VpcId = subnet.VpcId,
    AvailabilityZone = subnet.AvailabilityZone, OwnerId = call.account,
    Description = fields.Description or "",
    InterfaceType = fields.InterfaceType or "interface", RequesterId = fields.RequesterId,
    RequesterManaged = fields.RequesterId ~= nil, Status = "in-use", PrivateIpAddress = address,
    PrivateIpAddresses = { { PrivateIpAddress = address, Primary = true } }, SourceDestCheck = true,
    Groups = groups, TagSet = json.array {},
    Association = fields.PublicIp and {
      PublicIp = fields.PublicIp, AllocationId = fields.AllocationId, IpOwnerId = call.account,
    } or nil,
    _of = fields.of,
  })
end

--- Takes the interfaces of something away.
--- @param call eksrun.sandbox.Call
--- @param of string what they were made for
function M.remove_interfaces(call, of)
  for _, interface in ipairs(M.interfaces(call, function(i) return i._of == of end)) do
    local subnet = call:get("ec2.subnet", interface.SubnetId)
    if subnet then subnet.AvailableIpAddressCount = subnet.AvailableIpAddressCount + 1 end
    call:remove("ec2.network_interface", interface.NetworkInterfaceId)
  end
end

local function octets(address)
  local a, b, c, d = address:match "^(%d+)%.(%d+)%.(%d+)%.(%d+)"
  return (tonumber(a) << 24) | (tonumber(b) << 16) | (tonumber(c) << 8) | tonumber(d)
end

--- The n-th address of an IPv4 range.
--- @param range string
--- @param n integer
--- @return string
function M.host(range, n)
  local v = octets(range) + n
  return ("%d.%d.%d.%d"):format(v >> 24 & 255, v >> 16 & 255, v >> 8 & 255, v & 255)
end

--- A public address of a hash.
--- @param hash string
--- @return string
function M.public_address(hash)
  return ("%d.%d.%d.%d"):format(({ 3, 18, 34, 44, 52, 54 })[tonumber(hash:sub(1, 2), 16) % 6 + 1],
    tonumber(hash:sub(3, 4), 16), tonumber(hash:sub(5, 6), 16), tonumber(hash:sub(7, 8), 16))
end

return M
