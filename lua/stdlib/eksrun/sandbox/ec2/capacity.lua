--- EC2: whether there is room for instances: the account's vCPUs, and AWS's machines.
local fault = require "eksrun.sandbox.fault"
local glob = require "eksrun.sandbox.glob"
local quota = require "eksrun.sandbox.ec2.quota"
local types = require "eksrun.sandbox.ec2.instance_type"
local zones = require "eksrun.sandbox.ec2.zone"

local M = {}

-- What is short, as patterns of "TYPE@ZONE" with * and ?: "g5.*", "m7i.large@us-east-1a".
local function is_short(call, name, zone)
  for _, pattern in ipairs(call.world.state.shortages or {}) do
    local of_type, of_zone = pattern:match "^([^@]+)@?(.*)$"
    if glob.matches(of_type, name) and (of_zone == "" or glob.matches(of_zone, zone)) then return true end
  end
  return false
end

-- The other zones that offer a type.
local function other_zones(call, name, but)
  local list = {}
  for _, zone in ipairs(zones.of(call.region)) do
    if zone.name ~= but and types.offered(zone.id, name) then list[#list + 1] = zone.name end
  end
  return list
end

-- The refusal tells of zones that have room, if any has.
local function refuse_for_now(call, name, zone)
  local list = {}
  for _, other in ipairs(other_zones(call, name, zone)) do
    if not is_short(call, name, other) then list[#list + 1] = other end
  end
  local elsewhere, where, rather = table.concat(list, ", "), "zones with support for 'gp3' volumes", ""
  if elsewhere ~= "" then
    where = ("the Availability Zone you requested (%s)"):format(zone)
    rather = (" You can currently get %s capacity by not specifying an Availability Zone in your request or "
      .. "choosing %s."):format(name, elsewhere)
  end
  fault.raise_with("InsufficientInstanceCapacity",
    ("We currently do not have sufficient %s capacity in %s. Our system will be working on provisioning "
      .. "additional capacity.%s"):format(name, where, rather), { status = 500 })
end

local function running_vcpus(call, class, spot)
  local count = 0
  for _, instance in ipairs(call:all "ec2.instance") do
    local state = instance.State.Name
    if (state == "pending" or state == "running") and types.class(instance.InstanceType) == class
      and (instance.InstanceLifecycle == "spot") == spot then
      local found = types.get(instance.InstanceType)
      count = count + (found and found.VCpuInfo.DefaultVCpus or 0)
    end
  end
  return count
end

--- Refuses instances that there is no room for.
--- @param call eksrun.sandbox.Call
--- @param name string type
--- @param subnet table
--- @param count integer
--- @param spot boolean
function M.check(call, name, subnet, count, spot)
  local found = types.get(name)
  if not found then return end
  if not types.offered(subnet.AvailabilityZoneId, name) then
    fault.raise("Unsupported", "Your requested instance type (%s) is not supported in your requested "
      .. "Availability Zone (%s). Please retry your request by not specifying an Availability Zone or "
      .. "choosing "
      .. "%s.", name, subnet.AvailabilityZone,
      table.concat(other_zones(call, name, subnet.AvailabilityZone), ", "))
  end
  local class = types.class(name)
  local limit = (spot and quota.spot_vcpus or quota.vcpus)[class]
  if running_vcpus(call, class, spot) + count * found.VCpuInfo.DefaultVCpus > limit then
    if spot then fault.raise("MaxSpotInstanceCountExceeded", "Max spot instance count exceeded") end
    fault.raise("VcpuLimitExceeded", "You have requested more vCPU capacity than your current vCPU limit of "
      .. "%d "
      .. "allows for the instance bucket that the specified instance type belongs to. Please visit "
      .. "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit.", limit)
  end
  if is_short(call, name, subnet.AvailabilityZone) then
    refuse_for_now(call, name, subnet.AvailabilityZone)
  end
end

return M
