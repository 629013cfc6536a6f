--- EC2: addresses, NAT gateways, network interfaces.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local routing = require "eksrun.sandbox.ec2.routing"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {}, events = {} }
local operations = M.operations

local ADDRESSES_MAX = 5
-- How long one that is deleted is still shown.
local DELETED_SHOWN = 3600

operations.DescribeAddresses = support.describe {
  kind = "ec2.address", prefix = "eipalloc", id = "AllocationId", tag = "elastic-ip", list = "Addresses",
  ids = "AllocationIds", missing = "InvalidAllocationID.NotFound",
  missing_text = "The allocation ID '%s' does not exist",
  filters = {
    ["allocation-id"] = "AllocationId", ["public-ip"] = "PublicIp", ["domain"] = "Domain",
    ["association-id"] = "AssociationId", ["network-interface-id"] = "NetworkInterfaceId",
    ["instance-id"] = "InstanceId", ["private-ip-address"] = "PrivateIpAddress",
    ["network-border-group"] = "NetworkBorderGroup",
  },
}

function operations.AllocateAddress(call, params)
  if #call:all "ec2.address" >= ADDRESSES_MAX then
    fault.raise("AddressLimitExceeded", "The maximum number of addresses has been reached.")
  end
  local id = call:id "eipalloc"
  local address = call:put("ec2.address", id, {
    AllocationId = id, PublicIp = support.public_address(call:hash "address"),
    Domain = params.Domain or "vpc",
    PublicIpv4Pool = params.PublicIpv4Pool or "amazon",
    NetworkBorderGroup = params.NetworkBorderGroup or call.region, Tags = support.tags(params, "elastic-ip"),
  })
  return {
    AllocationId = id, PublicIp = address.PublicIp, Domain = address.Domain,
    PublicIpv4Pool = address.PublicIpv4Pool, NetworkBorderGroup = address.NetworkBorderGroup,
  }
end

function operations.ReleaseAddress(call, params)
  local address = support.need(call, "ec2.address", params.AllocationId)
  if address.AssociationId then
    fault.raise("InvalidIPAddress.InUse", "Address %s is in use.", address.PublicIp)
  end
  call:remove("ec2.address", params.AllocationId)
end

-- -- NAT gateways -------------------------------------------------------------------------------------------

operations.DescribeNatGateways = support.describe {
  kind = "ec2.nat_gateway", prefix = "nat", id = "NatGatewayId", tag = "natgateway", list = "NatGateways",
  ids = "NatGatewayIds", missing = "NatGatewayNotFound", missing_text = "NatGateway %s was not found",
  filters = {
    ["nat-gateway-id"] = "NatGatewayId", ["vpc-id"] = "VpcId", ["subnet-id"] = "SubnetId",
    ["state"] = "State",
  },
}

-- Whether a subnet's network has an internet gateway.
local function has_internet(call, vpc)
  return call:find("ec2.internet_gateway", function(gateway)
    return gateway.Attachments[1] and gateway.Attachments[1].VpcId == vpc
  end)
end

function operations.CreateNatGateway(call, params)
  local subnet = support.need(call, "ec2.subnet", params.SubnetId)
  local public = (params.ConnectivityType or "public") == "public"
  local address
  if public then
    if not params.AllocationId then
      fault.raise("MissingParameter", "The request must contain the parameter AllocationId")
    end
    address = support.need(call, "ec2.address", params.AllocationId)
    if address.AssociationId then
      fault.raise("Resource.AlreadyAssociated", "Elastic IP address [%s] is already associated",
        address.AllocationId)
    end
    if not has_internet(call, subnet.VpcId) then
      fault.raise("Gateway.NotAttached", "Network %s has no Internet gateway attached", subnet.VpcId)
    end
  end
  local id = call:id "nat"
  local interface = support.interface(call, subnet, {
    Description = "Interface for NAT Gateway " .. id, InterfaceType = "nat_gateway", of = id,
    RequesterId = "amazon-nat", PublicIp = address and address.PublicIp,
    AllocationId = address and address.AllocationId,
  })
  if address then
    address.AssociationId = call:id "eipassoc"
    address.NetworkInterfaceId = interface.NetworkInterfaceId
    address.PrivateIpAddress = interface.PrivateIpAddress
  end
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
    Tags = support.tags(params, "natgateway"),
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
  support.remove_interfaces(call, id)
  routing.blackhole(call, "NatGatewayId", id)
  local allocation = gateway.NatGatewayAddresses[1].AllocationId
  if allocation then
    call:after(call:duration("ec2.address.free", allocation), "ec2.address.freed", { id = allocation })
  end
  call:vanishes(DELETED_SHOWN, "ec2.nat_gateway", id)
end

M.events["ec2.address.freed"] = function(call, arguments)
  local address = call:get("ec2.address", arguments.id)
  if not address then return end
  address.AssociationId, address.NetworkInterfaceId, address.PrivateIpAddress = nil, nil, nil
end

-- -- interfaces ---------------------------------------------------------------------------------------------

operations.DescribeNetworkInterfaces = support.describe {
  kind = "ec2.network_interface", prefix = "eni", id = "NetworkInterfaceId", tag = "network-interface",
  list = "NetworkInterfaces", ids = "NetworkInterfaceIds", missing = "InvalidNetworkInterfaceID.NotFound",
  missing_text = "The networkInterface ID '%s' does not exist",
  filters = {
    ["network-interface-id"] = "NetworkInterfaceId", ["vpc-id"] = "VpcId", ["subnet-id"] = "SubnetId",
    ["status"] = "Status", ["group-id"] = "Groups.GroupId", ["group-name"] = "Groups.GroupName",
    ["description"] = "Description", ["interface-type"] = "InterfaceType", ["requester-id"] = "RequesterId",
    ["requester-managed"] = "RequesterManaged", ["attachment.instance-id"] = "Attachment.InstanceId",
    ["availability-zone"] = "AvailabilityZone", ["private-ip-address"] = "PrivateIpAddress",
    ["addresses.private-ip-address"] = "PrivateIpAddresses.PrivateIpAddress",
    ["association.allocation-id"] = "Association.AllocationId",
  },
}

function operations.DeleteNetworkInterface(call, params)
  local interface = support.need(call, "ec2.network_interface", params.NetworkInterfaceId)
  if interface.RequesterManaged then
    fault.raise("OperationNotPermitted", "You are not allowed to manage '%s' interfaces.",
      interface.InterfaceType)
  end
  if interface.Status == "in-use" then
    fault.raise("InvalidParameterValue", "Network interface '%s' is currently in use.",
      interface.NetworkInterfaceId)
  end
  call:remove("ec2.network_interface", interface.NetworkInterfaceId)
end

function operations.DescribePrefixLists(call)
  local list = json.array {}
  for _, name in ipairs { "s3", "dynamodb" } do
    list[#list + 1] = {
      PrefixListId = M.prefix_list(call, name),
      PrefixListName = ("com.amazonaws.%s.%s"):format(call.region, name),
      Cidrs = json.array { support.host("3.5.0.0", tonumber(call.world:hash(name):sub(1, 4), 16)) .. "/32" },
    }
  end
  return { PrefixLists = list }
end

--- The prefix list of a gateway service.
--- @param call eksrun.sandbox.Call
--- @param name string "s3"
--- @return string
function M.prefix_list(call, name) return "pl-" .. call.world:hash("pl", call.region, name):sub(1, 8) end

return M
