--- EC2: NAT gateways.
local addresses = require "eksrun.sandbox.ec2.address"
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local interfaces = require "eksrun.sandbox.ec2.interface"
local quota = require "eksrun.sandbox.ec2.quota"
local routing = require "eksrun.sandbox.ec2.routing"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {}, events = {} }
local operations = M.operations

-- How long one that is deleted is still shown.
local DELETED_SHOWN = 3600

operations.DescribeNatGateways = support.describe {
  kind = "ec2.nat_gateway", prefix = "nat", id = "NatGatewayId", tag = "natgateway", list = "NatGateways",
  ids = "NatGatewayIds", missing = "NatGatewayNotFound", missing_text = "NatGateway %s was not found",
  malformed = "NatGatewayMalformed", filters = filter.map("DescribeNatGateways",
  "nat-gateway-id state subnet-id vpc-id"),
}

-- The address of a gateway that is to be public.
local function address_of(call, params, subnet)
  if not params.AllocationId then
    fault.raise("MissingParameter", "The request must contain the parameter AllocationId")
  end
  local address = support.need(call, "ec2.address", params.AllocationId)
  if address.AssociationId then
    fault.raise("Resource.AlreadyAssociated", "Elastic IP address [%s] is already associated",
      address.AllocationId)
  end
  support.need_internet(call, subnet.VpcId)
  return address
end

function operations.CreateNatGateway(call, params)
  local subnet = support.need(call, "ec2.subnet", params.SubnetId)
  local public = (params.ConnectivityType or "public") == "public"
  local address = public and address_of(call, params, subnet) or nil
  local in_zone = call:all("ec2.nat_gateway", function(nat)
    return nat._zone == subnet.AvailabilityZone and nat.State ~= "deleted" and nat.State ~= "failed"
  end)
  if #in_zone >= quota.nat_gateways_of_zone then
    fault.raise("NatGatewayLimitExceeded", "The maximum number of NAT gateways has been reached.")
  end
  local id, tags = call:id "nat", support.tags(params, "natgateway")
  local interface = interfaces.make(call, subnet, {
    Description = "Interface for NAT Gateway " .. id, InterfaceType = "nat_gateway", of = id,
    RequesterId = "amazon-nat", address = params.PrivateIpAddress,
  })
  if address then addresses.associate(call, address, interface) end
  local gateway = call:put("ec2.nat_gateway", id, {
    NatGatewayId = id, SubnetId = subnet.SubnetId, VpcId = subnet.VpcId, State = "pending",
    CreateTime = call:time(), ConnectivityType = public and "public" or "private",
    NatGatewayAddresses = {
      {
        AllocationId = address and address.AllocationId, PublicIp = address and address.PublicIp,
        AssociationId = address and address.AssociationId, IsPrimary = true, Status = "succeeded",
        NetworkInterfaceId = interface.NetworkInterfaceId, PrivateIp = interface.PrivateIpAddress,
      },
    },
    Tags = tags, _zone = subnet.AvailabilityZone,
  })
  call:becomes(call:duration("ec2.nat_gateway.create", id), "ec2.nat_gateway", id, { State = "available" })
  return { NatGateway = gateway, ClientToken = params.ClientToken }
end

function operations.DeleteNatGateway(call, params)
  local gateway = support.need(call, "ec2.nat_gateway", params.NatGatewayId)
  if gateway.State ~= "deleting" and gateway.State ~= "deleted" then
    gateway.State = "deleting"
    gateway.DeleteTime = call:time()
    call:after(call:duration("ec2.nat_gateway.delete", gateway.NatGatewayId), "ec2.nat_gateway.deleted",
      { id = gateway.NatGatewayId })
  end
  return { NatGatewayId = gateway.NatGatewayId }
end

M.events["ec2.nat_gateway.deleted"] = function(call, arguments)
  local id = arguments.id
  local gateway = call:get("ec2.nat_gateway", id)
  gateway.State = "deleted"
  interfaces.remove_of(call, id)
  routing.blackhole(call, "NatGatewayId", id)
  local allocation = gateway.NatGatewayAddresses[1].AllocationId
  if allocation then
    call:after(call:duration("ec2.address.free", allocation), "ec2.address.freed", { id = allocation })
  end
  call:vanishes(DELETED_SHOWN, "ec2.nat_gateway", id)
end

return M
