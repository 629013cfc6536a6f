--- EC2: subnets.
local acl = require "eksrun.sandbox.ec2.network_acl"
local cidr = require "eksrun.cidr"
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local quota = require "eksrun.sandbox.ec2.quota"
local ranges = require "eksrun.sandbox.ec2.cidr_block"
local routing = require "eksrun.sandbox.ec2.routing"
local support = require "eksrun.sandbox.ec2.support"
local zones = require "eksrun.sandbox.ec2.zone"

local M = { operations = {} }
local operations = M.operations

operations.DescribeSubnets = support.describe {
  kind = "ec2.subnet", prefix = "subnet", id = "SubnetId", tag = "subnet", list = "Subnets",
  ids = "SubnetIds",
  missing = "InvalidSubnetID.NotFound", missing_text = "The subnet ID '%s' does not exist",
  malformed = "InvalidSubnetID.Malformed",
  filters = filter.map("DescribeSubnets", [[
    availability-zone availability-zone-id available-ip-address-count cidr-block
    customer-owned-ipv4-pool default-for-az enable-dns64 enable-lni-at-device-index
    ipv6-cidr-block-association.ipv6-cidr-block ipv6-cidr-block-association.association-id ipv6-native
    map-customer-owned-ip-on-launch map-public-ip-on-launch outpost-arn owner-id
    private-dns-name-options-on-launch.hostname-type
    private-dns-name-options-on-launch.enable-resource-name-dns-a-record state subnet-arn subnet-id
    vpc-id]], {
    ["private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record"] =
      "PrivateDnsNameOptionsOnLaunch.EnableResourceNameDnsAAAARecord",
    ["ipv6-cidr-block-association.state"] = "Ipv6CidrBlockAssociation.Ipv6CidrBlockState.State",
    ["cidr"] = "CidrBlock",
    ["cidrBlock"] = "CidrBlock",
    ["availabilityZone"] = "AvailabilityZone",
    ["availabilityZoneId"] = "AvailabilityZoneId",
    ["defaultForAz"] = "DefaultForAz",
  }),
}

local function zone_of(call, params)
  local known = zones.of(call.region)
  if not params.AvailabilityZone and not params.AvailabilityZoneId then
    return known[tonumber(call:hash "zone":sub(1, 4), 16) % #known + 1]
  end
  for _, zone in ipairs(known) do
    if zone.name == params.AvailabilityZone or zone.id == params.AvailabilityZoneId then return zone end
  end
  local names = {}
  for i, zone in ipairs(known) do names[i] = zone.name end
  fault.raise("InvalidParameterValue",
    "Value (%s) for parameter availabilityZone is invalid. Subnets can currently only be created in the "
    .. "following availability zones: %s.", params.AvailabilityZone or params.AvailabilityZoneId,
      table.concat(names, ", "))
end

local function check_range(call, vpc, range)
  local block = range and cidr.try_parse(range)
  if not block or block.family ~= 4 then
    fault.raise("InvalidParameterValue",
      "Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", tostring(range))
  end
  local inside = false
  for _, association in ipairs(vpc.CidrBlockAssociationSet) do
    inside = inside or cidr.contains(association.CidrBlock, range)
  end
  if not inside or block.prefix > 28 then
    fault.raise("InvalidSubnet.Range", "The CIDR '%s' is invalid.", range)
  end
  local conflict = call:find("ec2.subnet", function(subnet)
    return subnet.VpcId == vpc.VpcId and subnet.CidrBlock and cidr.overlaps(subnet.CidrBlock, range)
  end)
  if conflict then
    fault.raise("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", range)
  end
end

function operations.CreateSubnet(call, params)
  local vpc = support.need(call, "ec2.vpc", params.VpcId)
  local zone, native = zone_of(call, params), params.Ipv6Native or false
  if #call:all("ec2.subnet", function(s) return s.VpcId == vpc.VpcId end) >= quota.subnets_of_vpc then
    fault.raise("SubnetLimitExceeded", "The maximum number of subnets has been reached.")
  end
  if not native then check_range(call, vpc, params.CidrBlock) end
  if params.Ipv6CidrBlock then ranges.check_ipv6(call, vpc, params.Ipv6CidrBlock) end
  if native and not params.Ipv6CidrBlock then
    fault.raise("MissingParameter", "The request must contain the parameter ipv6CidrBlock")
  end
  local id = call:id "subnet"
  local subnet = call:put("ec2.subnet", id, {
    SubnetId = id, VpcId = vpc.VpcId, CidrBlock = not native and params.CidrBlock or nil, State = "available",
    AvailabilityZone = zone.name, AvailabilityZoneId = zone.id, OwnerId = call.account,
    SubnetArn = call:arn("ec2", "subnet/" .. id), DefaultForAz = false, MapPublicIpOnLaunch = false,
    MapCustomerOwnedIpOnLaunch = false, AssignIpv6AddressOnCreation = native, EnableDns64 = false,
    Ipv6Native = native,
    AvailableIpAddressCount = native and 0 or math.tointeger(cidr.size(params.CidrBlock)) - 5,
    PrivateDnsNameOptionsOnLaunch = {
      HostnameType = native and "resource-name" or "ip-name", EnableResourceNameDnsARecord = false,
      EnableResourceNameDnsAAAARecord = false,
    },
    Ipv6CidrBlockAssociationSet = json.array {}, Tags = support.tags(params, "subnet"),
  })
  if params.Ipv6CidrBlock then
    subnet.Ipv6CidrBlockAssociationSet[1] = ranges.ipv6(call, "subnet-cidr-assoc", params.Ipv6CidrBlock)
  end
  acl.adopt_subnet(call, subnet)
  return { Subnet = subnet }
end

local FLAGS = { "MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation", "EnableDns64" }
-- Members of requests that say how names of instances are, and their fields.
local NAMES = {
  EnableResourceNameDnsARecordOnLaunch = "EnableResourceNameDnsARecord",
  EnableResourceNameDnsAAAARecordOnLaunch = "EnableResourceNameDnsAAAARecord",
}

function operations.ModifySubnetAttribute(call, params)
  local subnet = support.need(call, "ec2.subnet", params.SubnetId)
  local given = 0
  for name in pairs(params) do given = given + (name ~= "SubnetId" and 1 or 0) end
  if given > 1 then
    fault.raise("InvalidParameterCombination", "Only one subnet attribute can be modified at a time")
  elseif given == 0 then
    fault.raise("MissingParameter", "The request must contain an attribute to modify")
  end
  local ipv6 = subnet.Ipv6CidrBlockAssociationSet[1]
  if params.AssignIpv6AddressOnCreation and params.AssignIpv6AddressOnCreation.Value and not ipv6 then
    fault.raise("InvalidParameterValue", "Invalid value 'true' for assignIpv6AddressOnCreation. The subnet "
      .. "%s has no IPv6 CIDR block.", subnet.SubnetId)
  end
  for _, name in ipairs(FLAGS) do
    if params[name] then subnet[name] = params[name].Value end
  end
  if params.EnableLniAtDeviceIndex then subnet.EnableLniAtDeviceIndex = params.EnableLniAtDeviceIndex end
  local dns = subnet.PrivateDnsNameOptionsOnLaunch
  if params.PrivateDnsHostnameTypeOnLaunch then dns.HostnameType = params.PrivateDnsHostnameTypeOnLaunch end
  for member, field in pairs(NAMES) do
    if params[member] then dns[field] = params[member].Value end
  end
end

function operations.DeleteSubnet(call, params)
  local id = params.SubnetId
  support.need(call, "ec2.subnet", id)
  local used = call:find("ec2.network_interface", function(interface) return interface.SubnetId == id end)
    or call:find("ec2.nat_gateway", function(nat)
      return nat.SubnetId == id and nat.State ~= "deleted" and nat.State ~= "failed"
    end)
  if used then support.refuse_dependent("subnet", id) end
  routing.forget_subnet(call, id)
  acl.forget_subnet(call, id)
  call:remove("ec2.subnet", id)
end

return M
