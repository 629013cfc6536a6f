--- EC2: networks and subnets.
local catalog = require "eksrun.sandbox.ec2.catalog"
local cidr = require "eksrun.cidr"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local security_group = require "eksrun.sandbox.ec2.security_group"
local routing = require "eksrun.sandbox.ec2.routing"
local support = require "eksrun.sandbox.ec2.support"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local VPCS_MAX = 5

operations.DescribeVpcs = support.describe {
  kind = "ec2.vpc", prefix = "vpc", id = "VpcId", tag = "vpc", list = "Vpcs", ids = "VpcIds",
  missing = "InvalidVpcID.NotFound", missing_text = "The vpc ID '%s' does not exist",
  filters = {
    ["vpc-id"] = "VpcId", ["cidr"] = "CidrBlock", ["state"] = "State", ["is-default"] = "IsDefault",
    ["owner-id"] = "OwnerId", ["dhcp-options-id"] = "DhcpOptionsId",
    ["cidr-block-association.cidr-block"] = "CidrBlockAssociationSet.CidrBlock",
    ["cidr-block-association.association-id"] = "CidrBlockAssociationSet.AssociationId",
    ["cidr-block-association.state"] = "CidrBlockAssociationSet.CidrBlockState.State",
    ["ipv6-cidr-block-association.ipv6-cidr-block"] = "Ipv6CidrBlockAssociationSet.Ipv6CidrBlock",
  },
}

local function ipv6_association(call, prefix, range)
  return {
    AssociationId = call:id(prefix), Ipv6CidrBlock = range, Ipv6CidrBlockState = { State = "associated" },
    NetworkBorderGroup = call.region, Ipv6Pool = prefix:find "^vpc" and "Amazon" or nil,
  }
end

-- A /56 of Amazon's.
local function ipv6_range(call)
  local hash = call:hash "ipv6"
  return cidr.format(cidr.parse(("2600:1f18:%s:%s00::/56"):format(hash:sub(1, 4), hash:sub(5, 6))))
end

function operations.CreateVpc(call, params)
  local range = params.CidrBlock
  if not range then fault.raise("MissingParameter", "The request must contain the parameter cidrBlock") end
  local block = cidr.try_parse(range)
  if not block or block.family ~= 4 then
    fault.raise("InvalidParameterValue",
      "Value (%s) for parameter cidrBlock is invalid. This is not a valid CIDR block.", range)
  end
  if block.prefix < 16 or block.prefix > 28 then
    fault.raise("InvalidVpc.Range", "The CIDR '%s' is invalid.", range)
  end
  if #call:all "ec2.vpc" >= VPCS_MAX then
    fault.raise("VpcLimitExceeded", "The maximum number of VPCs has been reached.")
  end
  local id = call:id "vpc"
  local vpc = call:put("ec2.vpc", id, {
    VpcId = id, CidrBlock = range, State = "pending", IsDefault = false, OwnerId = call.account,
    DhcpOptionsId = "dopt-0" .. call.world:hash("dopt", call.region):sub(1, 16),
    InstanceTenancy = params.InstanceTenancy or "default", Tags = support.tags(params, "vpc"),
    CidrBlockAssociationSet = {
      { AssociationId = call:id "vpc-cidr-assoc", CidrBlock = range,
        CidrBlockState = { State = "associated" } },
    },
    Ipv6CidrBlockAssociationSet = json.array {},
    _attributes = { enableDnsSupport = true, enableDnsHostnames = false,
      enableNetworkAddressUsageMetrics = false },
  })
  if params.AmazonProvidedIpv6CidrBlock then
    vpc.Ipv6CidrBlockAssociationSet[1] = ipv6_association(call, "vpc-cidr-assoc", ipv6_range(call))
  end
  security_group.make_default(call, vpc)
  routing.make_main(call, vpc)
  call:becomes(call:duration("ec2.vpc", id), "ec2.vpc", id, { State = "available" })
  return { Vpc = vpc }
end

-- By the attribute's name in DescribeVpcAttribute: the member of requests and answers.
local ATTRIBUTES = {
  enableDnsSupport = "EnableDnsSupport", enableDnsHostnames = "EnableDnsHostnames",
  enableNetworkAddressUsageMetrics = "EnableNetworkAddressUsageMetrics",
}

function operations.DescribeVpcAttribute(call, params)
  local vpc = support.need(call, "ec2.vpc", params.VpcId)
  local member = ATTRIBUTES[params.Attribute]
  if not member then
    fault.raise("InvalidParameterValue", "Value (%s) for parameter attribute is invalid.", params.Attribute)
  end
  return { VpcId = vpc.VpcId, [member] = { Value = vpc._attributes[params.Attribute] } }
end

function operations.ModifyVpcAttribute(call, params)
  local vpc = support.need(call, "ec2.vpc", params.VpcId)
  local changed
  for name, member in util.sorted_pairs(ATTRIBUTES) do
    if params[member] then
      if changed then
        fault.raise("InvalidParameterCombination", "Fields for multiple attribute types specified: %s, %s",
          changed, name)
      end
      changed = name
    end
  end
  if not changed then fault.raise("MissingParameter", "The request must contain an attribute to modify") end
  local attributes = util.copy(vpc._attributes)
  attributes[changed] = params[ATTRIBUTES[changed]].Value
  if attributes.enableDnsHostnames and not attributes.enableDnsSupport then
    fault.raise("InvalidParameterCombination", "DNS hostnames cannot be enabled without DNS support")
  end
  vpc._attributes = attributes
end

function operations.DeleteVpc(call, params)
  local id = params.VpcId
  support.need(call, "ec2.vpc", id)
  local function inside(thing) return thing.VpcId == id end
  local dependent = call:find("ec2.subnet", inside)
    or call:find("ec2.security_group",
      function(group) return inside(group) and group.GroupName ~= "default" end)
    or call:find("ec2.route_table", function(t) return inside(t) and not routing.is_main(t) end)
    or call:find("ec2.vpc_endpoint", function(e) return inside(e) and e.State ~= "deleted" end)
    or call:find("ec2.network_interface", inside)
    or call:find("ec2.nat_gateway",
      function(n) return inside(n) and n.State ~= "deleted" and n.State ~= "failed" end)
  for _, kind in ipairs { "ec2.internet_gateway", "ec2.egress_only_internet_gateway" } do
    dependent = dependent or call:find(kind, function(gateway)
      return gateway.Attachments[1] and gateway.Attachments[1].VpcId == id
    end)
  end
  if dependent then support.refuse_dependent("vpc", id) end
  for _, kind in ipairs { "ec2.security_group", "ec2.route_table" } do
    for _, thing in ipairs(call:all(kind, inside)) do
      call:remove(kind, thing.GroupId or thing.RouteTableId)
      security_group.remove_rules(call, thing.GroupId)
    end
  end
  call:remove("ec2.vpc", id)
end

function operations.AssociateVpcCidrBlock(call, params)
  local vpc = support.need(call, "ec2.vpc", params.VpcId)
  if params.AmazonProvidedIpv6CidrBlock then
    local association = ipv6_association(call, "vpc-cidr-assoc", ipv6_range(call))
    table.insert(vpc.Ipv6CidrBlockAssociationSet, association)
    return { VpcId = vpc.VpcId, Ipv6CidrBlockAssociation = association }
  end
  for _, association in ipairs(vpc.CidrBlockAssociationSet) do
    if cidr.overlaps(association.CidrBlock, params.CidrBlock) then
      fault.raise("InvalidVpc.Range", "The CIDR '%s' conflicts with another of the VPC.", params.CidrBlock)
    end
  end
  local association = {
    AssociationId = call:id "vpc-cidr-assoc", CidrBlock = params.CidrBlock,
    CidrBlockState = { State = "associated" },
  }
  table.insert(vpc.CidrBlockAssociationSet, association)
  return { VpcId = vpc.VpcId, CidrBlockAssociation = association }
end

-- -- subnets ------------------------------------------------------------------------------------------------

operations.DescribeSubnets = support.describe {
  kind = "ec2.subnet", prefix = "subnet", id = "SubnetId", tag = "subnet", list = "Subnets",
  ids = "SubnetIds",
  missing = "InvalidSubnetID.NotFound", missing_text = "The subnet ID '%s' does not exist",
  filters = {
    ["subnet-id"] = "SubnetId", ["vpc-id"] = "VpcId", ["state"] = "State", ["cidr-block"] = "CidrBlock",
    ["cidr"] = "CidrBlock", ["cidrBlock"] = "CidrBlock", ["availability-zone"] = "AvailabilityZone",
    ["availabilityZone"] = "AvailabilityZone", ["availability-zone-id"] = "AvailabilityZoneId",
    ["default-for-az"] = "DefaultForAz", ["map-public-ip-on-launch"] = "MapPublicIpOnLaunch",
    ["owner-id"] = "OwnerId", ["subnet-arn"] = "SubnetArn",
    ["available-ip-address-count"] = "AvailableIpAddressCount",
  },
}

local function zone_of(call, params)
  local zones = catalog.zones(call.region)
  if not params.AvailabilityZone and not params.AvailabilityZoneId then
    return zones[tonumber(call:hash "zone":sub(1, 4), 16) % #zones + 1]
  end
  for _, zone in ipairs(zones) do
    if zone.name == params.AvailabilityZone or zone.id == params.AvailabilityZoneId then return zone end
  end
  local names = {}
  for i, zone in ipairs(zones) do names[i] = zone.name end
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
    return subnet.VpcId == vpc.VpcId and cidr.overlaps(subnet.CidrBlock, range)
  end)
  if conflict then
    fault.raise("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", range)
  end
end

function operations.CreateSubnet(call, params)
  local vpc = support.need(call, "ec2.vpc", params.VpcId)
  local zone = zone_of(call, params)
  check_range(call, vpc, params.CidrBlock)
  local id = call:id "subnet"
  local subnet = call:put("ec2.subnet", id, {
    SubnetId = id, VpcId = vpc.VpcId, CidrBlock = params.CidrBlock, State = "available",
    AvailabilityZone = zone.name, AvailabilityZoneId = zone.id, OwnerId = call.account,
    SubnetArn = call:arn("ec2", "subnet/" .. id), DefaultForAz = false, MapPublicIpOnLaunch = false,
    MapCustomerOwnedIpOnLaunch = false, AssignIpv6AddressOnCreation = false, EnableDns64 = false,
    Ipv6Native = false, AvailableIpAddressCount = math.tointeger(cidr.size(params.CidrBlock)) - 5,
    PrivateDnsNameOptionsOnLaunch = {
      HostnameType = "ip-name", EnableResourceNameDnsARecord = false, EnableResourceNameDnsAAAARecord = false,
    },
    Ipv6CidrBlockAssociationSet = json.array {}, Tags = support.tags(params, "subnet"),
  })
  if params.Ipv6CidrBlock then
    subnet.Ipv6CidrBlockAssociationSet[1] = ipv6_association(call, "subnet-cidr-assoc", params.Ipv6CidrBlock)
  end
  return { Subnet = subnet }
end

local SUBNET_ATTRIBUTES = {
  "MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation", "EnableDns64", "MapCustomerOwnedIpOnLaunch",
}

function operations.ModifySubnetAttribute(call, params)
  local subnet = support.need(call, "ec2.subnet", params.SubnetId)
  for _, name in ipairs(SUBNET_ATTRIBUTES) do
    if params[name] then subnet[name] = params[name].Value end
  end
  local dns = subnet.PrivateDnsNameOptionsOnLaunch
  if params.PrivateDnsHostnameTypeOnLaunch then dns.HostnameType = params.PrivateDnsHostnameTypeOnLaunch end
  if params.EnableResourceNameDnsARecordOnLaunch then
    dns.EnableResourceNameDnsARecord = params.EnableResourceNameDnsARecordOnLaunch.Value
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
  call:remove("ec2.subnet", id)
end

return M
