--- EC2: the addresses of network interfaces.
local cidr = require "eksrun.cidr"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"
local types = require "eksrun.sandbox.ec2.instance_type"

local M = { operations = {} }
local operations = M.operations

-- The first hosts of a subnet are AWS's.
local RESERVED = 4

-- Addresses that are taken in a subnet.
local function taken(call, subnet)
  local set = {}
  local function inside(interface) return interface.SubnetId == subnet.SubnetId end
  for _, interface in ipairs(call:all("ec2.network_interface", inside)) do
    for _, address in ipairs(interface.PrivateIpAddresses) do set[address.PrivateIpAddress] = true end
  end
  return set
end

--- Addresses of a subnet, or the one that is asked for.
--- @param call eksrun.sandbox.Call
--- @param subnet table
--- @param count integer
--- @param wanted? string
--- @return string[]
function M.take(call, subnet, count, wanted)
  if subnet.AvailableIpAddressCount < count then
    fault.raise("InsufficientFreeAddressesInSubnet",
      "There are not enough free addresses in subnet '%s' to satisfy the requested number of instances.",
      subnet.SubnetId)
  end
  local used, out = taken(call, subnet), {}
  if wanted then
    if not cidr.contains(subnet.CidrBlock, wanted .. "/32") then
      fault.raise("InvalidParameterValue", "Address does not fall within the subnet's address range")
    elseif used[wanted] then
      fault.raise("InvalidIPAddress.InUse", "The specified address is already in use.")
    end
    out[1] = wanted
  else
    local size = math.tointeger(cidr.size(subnet.CidrBlock))
    local host = subnet._next_host or RESERVED
    while #out < count do
      if host >= size - 1 then host = RESERVED end
      local address = support.host(subnet.CidrBlock, host)
      if not used[address] then
        out[#out + 1], used[address] = address, true
      end
      host = host + 1
    end
    subnet._next_host = host
  end
  subnet.AvailableIpAddressCount = subnet.AvailableIpAddressCount - count
  return out
end

--- Gives addresses back to the subnet of an interface.
--- @param call eksrun.sandbox.Call
--- @param interface table
--- @param count integer
function M.give_back(call, interface, count)
  local subnet = call:get("ec2.subnet", interface.SubnetId)
  if subnet then subnet.AvailableIpAddressCount = subnet.AvailableIpAddressCount + count end
end

--- The name of an address inside of AWS.
--- @param call eksrun.sandbox.Call
--- @param address string
--- @return string
function M.private_name(call, address)
  local domain = call.region == "us-east-1" and "ec2.internal" or call.region .. ".compute.internal"
  return ("ip-%s.%s"):format(address:gsub("%.", "-"), domain)
end

--- The name of a public address.
--- @param call eksrun.sandbox.Call
--- @param address string
--- @return string
function M.public_name(call, address)
  local domain = call.region == "us-east-1" and "compute-1" or call.region .. ".compute"
  return ("ec2-%s.%s.amazonaws.com"):format(address:gsub("%.", "-"), domain)
end

--- Puts addresses on an interface.
--- @param call eksrun.sandbox.Call
--- @param interface table
--- @param list string[]
function M.add(call, interface, list)
  for _, address in ipairs(list) do
    table.insert(interface.PrivateIpAddresses, {
      PrivateIpAddress = address, PrivateDnsName = M.private_name(call, address),
      Primary = #interface.PrivateIpAddresses == 0,
    })
  end
end

--- Puts new IPv6 addresses on an interface.
--- @param call eksrun.sandbox.Call
--- @param interface table
--- @param subnet table with a range of them
--- @param count integer
--- @return string[]
function M.add_ipv6(call, interface, subnet, count)
  local range = subnet.Ipv6CidrBlockAssociationSet[1]
  if not range and count > 0 then
    fault.raise("InvalidParameterValue", "The subnet '%s' has no IPv6 CIDR block", subnet.SubnetId)
  end
  local made = json.array {}
  for i = 1, count do
    local block = cidr.parse(range.Ipv6CidrBlock)
    block.lo = tonumber(call:hash("ipv6", interface.NetworkInterfaceId):sub(1, 12), 16)
    block.prefix = 128
    made[i] = cidr.format(block):gsub("/128$", "")
    table.insert(interface.Ipv6Addresses, { Ipv6Address = made[i], IsPrimaryIpv6 = false })
    interface.Ipv6Address = interface.Ipv6Address or made[i]
  end
  return made
end

function operations.AssignPrivateIpAddresses(call, params)
  local interface = support.need(call, "ec2.network_interface", params.NetworkInterfaceId)
  local subnet = call:get("ec2.subnet", interface.SubnetId)
  local instance = interface.Attachment and call:get("ec2.instance", interface.Attachment.InstanceId)
  local wanted = params.PrivateIpAddresses or {}
  local count = params.SecondaryPrivateIpAddressCount or #wanted
  local limit = instance and types.get(instance.InstanceType).NetworkInfo.Ipv4AddressesPerInterface or 50
  if #interface.PrivateIpAddresses + count > limit then
    fault.raise("PrivateIpAddressLimitExceeded",
      "Number of private addresses will exceed limit: %d", limit)
  end
  local made, from = json.array {}, #interface.PrivateIpAddresses
  if wanted[1] then
    for _, address in ipairs(wanted) do
      M.add(call, interface, M.take(call, subnet, 1, address))
    end
  else
    M.add(call, interface, M.take(call, subnet, count))
  end
  for i = from + 1, #interface.PrivateIpAddresses do
    made[#made + 1] = { PrivateIpAddress = interface.PrivateIpAddresses[i].PrivateIpAddress }
  end
  return {
    NetworkInterfaceId = interface.NetworkInterfaceId, AssignedPrivateIpAddresses = made,
    AssignedIpv4Prefixes = json.array {},
  }
end

function operations.UnassignPrivateIpAddresses(call, params)
  local interface = support.need(call, "ec2.network_interface", params.NetworkInterfaceId)
  for _, address in ipairs(params.PrivateIpAddresses or {}) do
    local place
    for i, item in ipairs(interface.PrivateIpAddresses) do
      if item.PrivateIpAddress == address and not item.Primary then place = i end
    end
    if not place then
      fault.raise("InvalidParameterValue", "Some of the specified addresses are not assigned to interface %s",
        interface.NetworkInterfaceId)
    end
    table.remove(interface.PrivateIpAddresses, place)
    M.give_back(call, interface, 1)
  end
end

function operations.AssignIpv6Addresses(call, params)
  local interface = support.need(call, "ec2.network_interface", params.NetworkInterfaceId)
  local subnet = call:get("ec2.subnet", interface.SubnetId)
  return {
    NetworkInterfaceId = interface.NetworkInterfaceId,
    AssignedIpv6Addresses = M.add_ipv6(call, interface, subnet, params.Ipv6AddressCount or 1),
  }
end

function operations.UnassignIpv6Addresses(call, params)
  local interface = support.need(call, "ec2.network_interface", params.NetworkInterfaceId)
  local gone, kept = {}, json.array {}
  for _, address in ipairs(params.Ipv6Addresses or {}) do gone[address] = true end
  for _, item in ipairs(interface.Ipv6Addresses) do
    if not gone[item.Ipv6Address] then kept[#kept + 1] = item end
  end
  if #kept + #(params.Ipv6Addresses or {}) ~= #interface.Ipv6Addresses then
    fault.raise("InvalidParameterValue", "Some of the specified addresses are not assigned to interface %s",
      interface.NetworkInterfaceId)
  end
  interface.Ipv6Addresses, interface.Ipv6Address = kept, kept[1] and kept[1].Ipv6Address
  return {
    NetworkInterfaceId = interface.NetworkInterfaceId, UnassignedIpv6Addresses = params.Ipv6Addresses,
  }
end

return M
