--- EC2: Elastic IP addresses.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local interfaces = require "eksrun.sandbox.ec2.interface"
local json = require "eksrun.json"
local quota = require "eksrun.sandbox.ec2.quota"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {}, events = {} }
local operations = M.operations

local by_filter = support.describe {
  kind = "ec2.address", prefix = "eipalloc", id = "AllocationId", tag = "elastic-ip", list = "Addresses",
  ids = "AllocationIds", missing = "InvalidAllocationID.NotFound",
  missing_text = "The allocation ID '%s' does not exist",
  filters = filter.map("DescribeAddresses", [[
    allocation-id association-id domain instance-id network-border-group network-interface-id
    network-interface-owner-id private-ip-address public-ip]]),
}

local function by_address(call, public)
  local address = call:find("ec2.address", function(a) return a.PublicIp == public end)
  if not address then fault.raise("InvalidAddress.NotFound", "Address '%s' not found.", tostring(public)) end
  return address
end

function operations.DescribeAddresses(call, params)
  local answer = by_filter(call, params)
  if not params.PublicIps then return answer end
  local wanted, list = {}, json.array {}
  for _, public in ipairs(params.PublicIps) do wanted[by_address(call, public)] = true end
  for _, address in ipairs(answer.Addresses) do
    if wanted[address] then list[#list + 1] = address end
  end
  return { Addresses = list }
end

function operations.DescribeAddressesAttribute(call, params)
  local list = json.array {}
  for i, id in ipairs(params.AllocationIds or {}) do
    local address = support.need(call, "ec2.address", id)
    list[i] = { AllocationId = id, PublicIp = address.PublicIp }
  end
  return { Addresses = list }
end

function operations.AllocateAddress(call, params)
  if #call:all "ec2.address" >= quota.addresses then
    fault.raise("AddressLimitExceeded", "The maximum number of addresses has been reached.")
  end
  if (params.NetworkBorderGroup or call.region) ~= call.region then
    fault.raise("InvalidParameterValue", "Invalid value '%s' for networkBorderGroup.",
      params.NetworkBorderGroup)
  elseif (params.PublicIpv4Pool or "amazon") ~= "amazon" then
    fault.raise("InvalidPublicIpv4PoolID.NotFound", "The poolID '%s' does not exist.",
      params.PublicIpv4Pool)
  end
  local id = call:id "eipalloc"
  local address = call:put("ec2.address", id, {
    AllocationId = id, PublicIp = support.public_address(call:hash "address"),
    Domain = params.Domain or "vpc",
    PublicIpv4Pool = "amazon",
    NetworkBorderGroup = call.region, Tags = support.tags(params, "elastic-ip"),
  })
  return {
    AllocationId = id, PublicIp = address.PublicIp, Domain = address.Domain,
    PublicIpv4Pool = address.PublicIpv4Pool, NetworkBorderGroup = address.NetworkBorderGroup,
  }
end

local function need(call, params)
  if params.AllocationId and params.PublicIp then
    fault.raise("InvalidParameterCombination", "You may specify public IP or allocation id, but not both "
      .. "in the same call")
  end
  if params.AllocationId then return support.need(call, "ec2.address", params.AllocationId) end
  return by_address(call, params.PublicIp)
end

function operations.ReleaseAddress(call, params)
  local address = need(call, params)
  if address.AssociationId then
    fault.raise("InvalidIPAddress.InUse", "Address %s is in use.", address.PublicIp)
  end
  call:remove("ec2.address", address.AllocationId)
end

--- Ties an address to an interface.
--- @param call eksrun.sandbox.Call
--- @param address table
--- @param interface table
--- @return string id of the association
function M.associate(call, address, interface)
  address.AssociationId = call:id "eipassoc"
  address.NetworkInterfaceId = interface.NetworkInterfaceId
  address.NetworkInterfaceOwnerId = call.account
  address.PrivateIpAddress = interface.PrivateIpAddress
  address.InstanceId = interface.Attachment and interface.Attachment.InstanceId
  interfaces.associate(call, interface, address)
  return address.AssociationId
end

local function free(address)
  address.AssociationId, address.NetworkInterfaceId, address.PrivateIpAddress = nil, nil, nil
  address.InstanceId, address.NetworkInterfaceOwnerId = nil, nil
end

--- Frees the addresses of an interface that goes.
--- @param call eksrun.sandbox.Call
--- @param interface string id
function M.release_of(call, interface)
  for _, address in ipairs(call:all("ec2.address",
    function(a) return a.NetworkInterfaceId == interface end)) do
    free(address)
  end
end

function operations.AssociateAddress(call, params)
  local address = need(call, params)
  local id = params.NetworkInterfaceId
  if not id then
    local instance = support.need(call, "ec2.instance", params.InstanceId)
    if instance.State.Name ~= "running" and instance.State.Name ~= "stopped" then
      fault.raise("InvalidInstanceID", "The pending instance '%s' is not in a valid state for this "
        .. "operation.",
        instance.InstanceId)
    end
    id = instance._interfaces[1]
  end
  local interface = support.need(call, "ec2.network_interface", id)
  if interface.RequesterManaged then
    fault.raise("AuthFailure", "You do not have permission to access the specified resource.")
  end
  if address.AssociationId and params.AllowReassociation == false then
    fault.raise("Resource.AlreadyAssociated", "resource %s is already associated with associate-id %s",
      address.AllocationId, address.AssociationId)
  end
  support.need_internet(call, interface.VpcId)
  if address.NetworkInterfaceId then
    interfaces.disassociate(support.need(call, "ec2.network_interface", address.NetworkInterfaceId))
  end
  M.release_of(call, id)
  return { AssociationId = M.associate(call, address, interface) }
end

function operations.DisassociateAddress(call, params)
  local address = call:find("ec2.address", function(a)
    return params.AssociationId and a.AssociationId == params.AssociationId
      or params.PublicIp and a.PublicIp == params.PublicIp
  end)
  if not address or not address.AssociationId then
    fault.raise("InvalidAssociationID.NotFound", "The association ID '%s' does not exist",
      tostring(params.AssociationId or params.PublicIp))
  end
  local interface = call:get("ec2.network_interface", address.NetworkInterfaceId)
  if interface and interface.RequesterManaged then
    fault.raise("AuthFailure", "You do not have permission to access the specified resource.")
  end
  if interface then interfaces.disassociate(interface) end
  free(address)
end

M.events["ec2.address.freed"] = function(call, arguments)
  local address = call:get("ec2.address", arguments.id)
  if address then free(address) end
end

return M
