--- EC2: placement groups; capacity reservations, which there are none of.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {} }
local operations = M.operations

local by_filter = support.describe {
  kind = "ec2.placement_group", prefix = "pg", id = "GroupId", tag = "placement-group",
  list = "PlacementGroups", ids = "GroupIds", missing = "InvalidPlacementGroupId.NotFound",
  missing_text = "The placement group ID '%s' does not exist",
  malformed = "InvalidPlacementGroupId.Malformed",
  filters = filter.map("DescribePlacementGroups", "group-name group-arn spread-level state strategy"),
}

--- The group of a name, which has to be there.
--- @param call eksrun.sandbox.Call
--- @param name string
--- @return table
function M.need(call, name)
  return call:find("ec2.placement_group", function(g) return g.GroupName == name end)
    or fault.raise("InvalidPlacementGroup.Unknown", "The placement group '%s' is unknown.", name)
end

function operations.DescribePlacementGroups(call, params)
  local answer, wanted = by_filter(call, params), {}
  if not params.GroupNames then return answer end
  local list = json.array {}
  for _, name in ipairs(params.GroupNames) do wanted[M.need(call, name)] = true end
  for _, group in ipairs(answer.PlacementGroups) do
    if wanted[group] then list[#list + 1] = group end
  end
  return { PlacementGroups = list }
end

function operations.CreatePlacementGroup(call, params)
  local name, strategy = params.GroupName, params.Strategy or "cluster"
  if not name then fault.raise("MissingParameter", "The request must contain the parameter GroupName") end
  if call:find("ec2.placement_group", function(g) return g.GroupName == name end) then
    fault.raise("InvalidPlacementGroup.Duplicate", "The placement group '%s' already exists.", name)
  end
  local id = call:id "pg"
  return {
    PlacementGroup = call:put("ec2.placement_group", id, {
      GroupId = id, GroupName = name, State = "available", Strategy = strategy,
      GroupArn = call:arn("ec2", "placement-group/" .. name),
      PartitionCount = strategy == "partition" and (params.PartitionCount or 2) or nil,
      SpreadLevel = strategy == "spread" and (params.SpreadLevel or "rack") or nil,
      Tags = support.tags(params, "placement-group"),
    }),
  }
end

function operations.DeletePlacementGroup(call, params)
  local group = M.need(call, params.GroupName)
  if call:find("ec2.instance", function(i)
    return i.Placement.GroupName == group.GroupName and i.State.Name ~= "terminated"
  end) then
    fault.raise("InvalidPlacementGroup.InUse", "The placement group '%s' is in use and may not be deleted.",
      group.GroupName)
  end
  call:remove("ec2.placement_group", group.GroupId)
end

local RESERVATION = filter.map("DescribeCapacityReservations", [[
  instance-type owner-id instance-platform availability-zone tenancy outpost-arn state start-date end-date
  end-date-type instance-match-criteria]], { ["placement-group-arn"] = "PlacementGroupArn" })

function operations.DescribeCapacityReservations(_, params)
  if params.CapacityReservationIds and params.CapacityReservationIds[1] then
    fault.raise("InvalidCapacityReservationId.NotFound", "The capacity reservation ID '%s' does not exist",
      params.CapacityReservationIds[1])
  end
  return { CapacityReservations = filter.select(RESERVATION, {}, params.Filters) }
end

return M
