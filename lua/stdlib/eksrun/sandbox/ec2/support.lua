--- What EC2's handlers share: Describe calls with their filters, tags, things that must be there.
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
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
--- @field pages_or_ids? boolean pages cannot be asked for together with ids
--- @field malformed? string code of the error for an id that is none; without it, `missing`
--- @field filters table<string, string[]> see ec2/filter.lua
--- @field view? fun(call: eksrun.sandbox.Call, thing: table): table what answers and filters see of a thing

local kinds = {}

--- All kinds of things, by their names.
--- @return table<string, eksrun.sandbox.ec2.Kind>
function M.kinds()
  require("eksrun.sandbox.services").load "ec2"
  return kinds
end

-- Whether an id looks like one of a kind.
local function well_formed(kind, id)
  local prefix, digits = id:match "^(.+)%-(%x+)$"
  return prefix == kind.prefix and (#digits == 8 or #digits == 17)
end

-- Refuses an id that is not there.
local function refuse_missing(kind, id)
  if id == nil then fault.raise("MissingParameter", "The request must contain the parameter %s", kind.id) end
  if kind.malformed and not well_formed(kind, id) then
    fault.raise(kind.malformed, 'Invalid id: "%s" (expecting "%s-...")', id, kind.prefix)
  end
  fault.raise(kind.missing, kind.missing_text, id)
end

--- A thing by its id, or the error that there is none.
--- @param call eksrun.sandbox.Call
--- @param name string of the kind
--- @param id string?
--- @return table
function M.need(call, name, id)
  return call:get(name, id) or refuse_missing(M.kinds()[name], id)
end

--- The handler of a Describe call.
--- @param definition eksrun.sandbox.ec2.Kind
--- @return fun(call: eksrun.sandbox.Call, params: table): table
function M.describe(definition)
  kinds[definition.kind] = definition
  return function(call, params)
    local ids, wanted = definition.ids and params[definition.ids], nil
    local filters = params.Filters or params.Filter
    filter.check(definition.filters, filters)
    if ids and ids[1] then
      wanted = {}
      for _, id in ipairs(ids) do wanted[id] = M.need(call, definition.kind, id) end
      if definition.pages_or_ids and params.MaxResults then
        fault.raise("InvalidParameterCombination",
          "The parameter MaxResults cannot be used with the parameter %s", definition.ids)
      end
    end
    local list = json.array {}
    for _, thing in ipairs(call:all(definition.kind)) do
      if not wanted or wanted[thing[definition.id]] then
        local shown = definition.view and definition.view(call, thing) or thing
        if filter.passes(definition.filters, shown, filters) then list[#list + 1] = shown end
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

--- The group that a network has of its own.
--- @param call eksrun.sandbox.Call
--- @param vpc string
--- @return string id
function M.default_group(call, vpc)
  return call:find("ec2.security_group", function(g) return g.VpcId == vpc and g.GroupName == "default" end)
    .GroupId
end

--- Refuses what needs an internet gateway in a network that has none.
--- @param call eksrun.sandbox.Call
--- @param vpc string
function M.need_internet(call, vpc)
  local gateway = call:find("ec2.internet_gateway", function(g)
    return g.Attachments[1] and g.Attachments[1].VpcId == vpc
  end)
  if not gateway then
    fault.raise("Gateway.NotAttached", "Network %s has no Internet gateway attached", vpc)
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

--- The association that matches, among those that things of a kind have.
--- @param call eksrun.sandbox.Call
--- @param kind string "ec2.route_table"
--- @param match fun(association: table): any
--- @return table? association
--- @return table? thing that has it
--- @return integer? place in the thing's Associations
function M.association(call, kind, match)
  for _, thing in ipairs(call:all(kind)) do
    for i, association in ipairs(thing.Associations) do
      if match(association) then return association, thing, i end
    end
  end
end

--- The default network, which a request means that names none.
--- @param call eksrun.sandbox.Call
--- @return table vpc
function M.default_vpc(call)
  local vpc = call:find("ec2.vpc", function(v) return v.IsDefault end)
  if vpc then return vpc end
  fault.raise("VPCIdNotSpecified", "No default VPC for this user. GroupName is only supported for "
    .. "EC2-Classic and default VPC")
end

--- The default subnet of a zone, or of any.
--- @param call eksrun.sandbox.Call
--- @param zone? string
--- @return table? subnet
function M.default_subnet(call, zone)
  return call:find("ec2.subnet", function(subnet)
    return subnet.DefaultForAz and (not zone or subnet.AvailabilityZone == zone)
  end)
end

--- The default subnets of zones.
--- @param call eksrun.sandbox.Call
--- @param zones string[]
--- @param missing fun(zone: string) refuses a zone that has none
--- @return string[] ids
function M.default_subnets(call, zones, missing)
  local ids = {}
  for i, zone in ipairs(zones) do
    local subnet = M.default_subnet(call, zone) or missing(zone)
    ids[i] = subnet.SubnetId
  end
  return ids
end

return M
