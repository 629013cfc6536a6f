--- EC2: the making of a region's default network. A sandbox begins without, as an account whose owner deleted
--- it.
local fault = require "eksrun.sandbox.fault"
local gateways = require "eksrun.sandbox.ec2.gateway"
local routing = require "eksrun.sandbox.ec2.routing"
local subnets = require "eksrun.sandbox.ec2.subnet"
local support = require "eksrun.sandbox.ec2.support"
local vpcs = require "eksrun.sandbox.ec2.vpc"
local zones = require "eksrun.sandbox.ec2.zone"

local M = { operations = {} }
local operations = M.operations

-- The range, of which each zone's subnet has a sixteenth.
local RANGE, PART, PARTS = "172.31.0.0/16", "172.31.%d.0/20", 16

local function find(call) return call:find("ec2.vpc", function(vpc) return vpc.IsDefault end) end

-- The first part of the range that no subnet has.
local function free_part(call, vpc)
  for i = 0, PARTS - 1 do
    local range = PART:format(i * 16)
    if not call:find("ec2.subnet", function(s) return s.VpcId == vpc.VpcId and s.CidrBlock == range end) then
      return range
    end
  end
  fault.raise("InsufficientFreeAddressesInSubnet", "There is no range left for a default subnet.")
end

local function make_subnet(call, vpc, zone)
  local made = subnets.operations.CreateSubnet(call,
    { VpcId = vpc.VpcId, AvailabilityZone = zone, CidrBlock = free_part(call, vpc) }).Subnet
  made.DefaultForAz, made.MapPublicIpOnLaunch = true, true
  return made
end

function operations.CreateDefaultVpc(call)
  if find(call) then
    fault.raise("DefaultVpcAlreadyExists",
      "A Default VPC already exists for this account in this region.")
  end
  local vpc = vpcs.operations.CreateVpc(call, { CidrBlock = RANGE }).Vpc
  vpc.IsDefault, vpc._attributes.enableDnsHostnames = true, true
  local gateway = gateways.operations.CreateInternetGateway(call, {}).InternetGateway.InternetGatewayId
  gateways.operations.AttachInternetGateway(call, { InternetGatewayId = gateway, VpcId = vpc.VpcId })
  routing.operations.CreateRoute(call, {
    RouteTableId = call:find("ec2.route_table", function(t) return t.VpcId == vpc.VpcId end).RouteTableId,
    DestinationCidrBlock = "0.0.0.0/0", GatewayId = gateway,
  })
  for _, zone in ipairs(zones.of(call.region)) do make_subnet(call, vpc, zone.name) end
  return { Vpc = vpc }
end

function operations.CreateDefaultSubnet(call, params)
  local vpc = find(call)
  if not vpc then
    fault.raise("DefaultVpcDoesNotExist", "No default VPC for this user.")
  elseif params.AvailabilityZone and support.default_subnet(call, params.AvailabilityZone) then
    fault.raise("DefaultSubnetAlreadyExistsInAvailabilityZone",
      "A default subnet already exists in the specified Availability Zone.")
  end
  return { Subnet = make_subnet(call, vpc, params.AvailabilityZone) }
end

return M
