--- EC2: regions and their zones.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local util = require "eksrun.util"

local M = { operations = {} }

-- The zones of regions: the prefix of their ids, and how many. A region that is not here has three.
local REGIONS = {
  ["us-east-1"] = { "use1", 6 }, ["us-east-2"] = { "use2", 3 }, ["us-west-1"] = { "usw1", 2 },
  ["us-west-2"] = { "usw2", 4 }, ["eu-west-1"] = { "euw1", 3 }, ["eu-west-2"] = { "euw2", 3 },
  ["eu-west-3"] = { "euw3", 3 }, ["eu-central-1"] = { "euc1", 3 }, ["eu-north-1"] = { "eun1", 3 },
  ["ap-south-1"] = { "aps1", 3 }, ["ap-southeast-1"] = { "apse1", 3 }, ["ap-southeast-2"] = { "apse2", 3 },
  ["ap-northeast-1"] = { "apne1", 3 }, ["ca-central-1"] = { "cac1", 3 }, ["sa-east-1"] = { "sae1", 3 },
}

--- The zones of a region.
--- @param region string
--- @return { name: string, id: string }[]
function M.of(region)
  local found = REGIONS[region] or { region:gsub("%-", ""):sub(1, 5), 3 }
  local list = {}
  for i = 1, found[2] do
    list[i] = { name = region .. ("abcdef"):sub(i, i), id = ("%s-az%d"):format(found[1], i) }
  end
  return list
end

--- @return string[] regions by name
function M.regions() return util.sorted_keys(REGIONS) end

local ZONE = filter.map("DescribeAvailabilityZones", [[
  group-long-name group-name opt-in-status parent-zone-id parent-zone-name region-name state zone-id zone-name
  zone-type]], { ["message"] = "Messages.Message" })
local REGION = filter.map("DescribeRegions", "endpoint opt-in-status region-name")

function M.operations.DescribeAvailabilityZones(call, params)
  local list, known = json.array {}, {}
  for _, zone in ipairs(M.of(call.region)) do
    known[zone.name], known[zone.id] = true, true
    local shown = {
      ZoneName = zone.name, ZoneId = zone.id, RegionName = call.region, State = "available",
      OptInStatus = "opt-in-not-required", ZoneType = "availability-zone", GroupName = call.region .. "-zg-1",
      GroupLongName = call.region .. " 1",
      NetworkBorderGroup = call.region, Messages = json.array {},
    }
    local wanted = not params.ZoneNames and not params.ZoneIds
    for _, name in ipairs(params.ZoneNames or {}) do wanted = wanted or name == zone.name end
    for _, id in ipairs(params.ZoneIds or {}) do wanted = wanted or id == zone.id end
    if wanted then list[#list + 1] = shown end
  end
  for _, name in ipairs(params.ZoneNames or params.ZoneIds or {}) do
    if not known[name] then
      fault.raise("InvalidParameterValue", "Invalid availability zone: [%s]", name)
    end
  end
  return { AvailabilityZones = filter.select(ZONE, list, params.Filters) }
end

function M.operations.DescribeRegions(_, params)
  local wanted, list = {}, {}
  for _, name in ipairs(params.RegionNames or {}) do
    if not REGIONS[name] then fault.raise("InvalidParameterValue", "Invalid region provided: [%s]", name) end
    wanted[name] = true
  end
  for name in util.sorted_pairs(REGIONS) do
    if not params.RegionNames or wanted[name] then
      list[#list + 1] = {
        RegionName = name, Endpoint = ("ec2.%s.amazonaws.com"):format(name),
        OptInStatus = "opt-in-not-required",
      }
    end
  end
  return { Regions = filter.select(REGION, list, params.Filters) }
end

return M
