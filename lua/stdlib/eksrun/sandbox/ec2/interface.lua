--- EC2: network interfaces, those that services keep in subnets included.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local own = require "eksrun.sandbox.ec2.interface_address"
local quota = require "eksrun.sandbox.ec2.quota"
local support = require "eksrun.sandbox.ec2.support"
local types = require "eksrun.sandbox.ec2.instance_type"

local M = { operations = {} }
local operations = M.operations

operations.DescribeNetworkInterfaces = support.describe {
  kind = "ec2.network_interface", prefix = "eni", id = "NetworkInterfaceId", tag = "network-interface",
  list = "NetworkInterfaces", ids = "NetworkInterfaceIds", pages_or_ids = true,
  missing = "InvalidNetworkInterfaceID.NotFound",
  missing_text = "The networkInterface ID '%s' does not exist",
  malformed = "InvalidNetworkInterfaceId.Malformed",
  filters = filter.map("DescribeNetworkInterfaces", [[
    association.allocation-id association.association-id association.ip-owner-id association.public-ip
    association.public-dns-name attachment.attach-time attachment.attachment-id
    attachment.delete-on-termination attachment.device-index attachment.instance-id
    attachment.instance-owner-id attachment.status availability-zone availability-zone-id description
    ipv6-addresses.ipv6-address interface-type mac-address network-interface-id operator.managed
    operator.principal owner-id private-dns-name private-ip-address requester-id requester-managed
    source-dest-check status subnet-id vpc-id]], {
    ["addresses.association.owner-id"] = "PrivateIpAddresses.Association.IpOwnerId",
    ["addresses.association.public-ip"] = "PrivateIpAddresses.Association.PublicIp",
    ["addresses.primary"] = "PrivateIpAddresses.Primary",
    ["addresses.private-ip-address"] = "PrivateIpAddresses.PrivateIpAddress",
    ["group-id"] = "Groups.GroupId", ["group-name"] = "Groups.GroupName",
  }),
}

--- The interfaces that pass.
--- @param call eksrun.sandbox.Call
--- @param match fun(interface: table): any
--- @return table[]
function M.all(call, match) return call:all("ec2.network_interface", match) end

-- -- making and removing ------------------------------------------------------------------------------------

--- Groups as interfaces show them.
--- @param call eksrun.sandbox.Call
--- @param ids string[]
--- @param vpc string? which they have to be in
--- @return table[]
function M.groups(call, ids, vpc)
  local groups = json.array {}
  if #ids > quota.groups_of_interface then
    fault.raise("SecurityGroupsPerInterfaceLimitExceeded",
      "The maximum number of security groups per interface has been reached.")
  end
  for i, id in ipairs(ids) do
    local group = vpc and support.need(call, "ec2.security_group", id) or call:get("ec2.security_group", id)
    if vpc and group.VpcId ~= vpc then
      fault.raise("InvalidParameter", "Security group %s and the subnet belong to different networks.", id)
    end
    groups[i] = { GroupId = id, GroupName = group and group.GroupName }
  end
  return groups
end

local function mac_of(id)
  local digits = id:match "%x+$"
  return "02:" .. digits:sub(-10):gsub("(%x%x)", "%1:"):sub(1, -2)
end

--- Puts an interface into a subnet.
--- @param call eksrun.sandbox.Call
--- @param subnet table
--- @param fields table Description, InterfaceType, RequesterId, Groups (ids), address, PublicIp,
---   AllocationId,
---   of: what it is made for, which holds it
--- @return table interface
function M.make(call, subnet, fields)
  local id = call:id "eni"
  local address = own.take(call, subnet, 1, fields.address)
  local interface = {
    NetworkInterfaceId = id, SubnetId = subnet.SubnetId, VpcId = subnet.VpcId,
    AvailabilityZone = subnet.AvailabilityZone, AvailabilityZoneId = subnet.AvailabilityZoneId,
    OwnerId = call.account, Description = fields.Description or "", MacAddress = mac_of(id),
    InterfaceType = fields.InterfaceType or "interface", RequesterId = fields.RequesterId,
    RequesterManaged = fields.RequesterId ~= nil, Status = fields.of and "in-use" or "available",
    PrivateIpAddress = address[1], PrivateDnsName = own.private_name(call, address[1]),
    PrivateIpAddresses = json.array {}, Ipv6Addresses = json.array {}, SourceDestCheck = true,
    Groups = M.groups(call, fields.Groups or {}), TagSet = json.array {}, Operator = { Managed = false },
    _of = fields.of,
  }
  own.add(call, interface, address)
  if fields.RequesterId then
    interface.Attachment = {
      AttachmentId = "ela-attach-0" .. call.world:hash("attach", id):sub(1, 16), DeviceIndex = 1,
      InstanceOwnerId = fields.RequesterId, Status = "attached", AttachTime = call:time(),
      DeleteOnTermination = false,
    }
  end
  if fields.PublicIp then
    M.associate(call, interface, { PublicIp = fields.PublicIp, AllocationId = fields.AllocationId })
  end
  return call:put("ec2.network_interface", id, interface)
end

--- Gives an interface a public address.
--- @param call eksrun.sandbox.Call
--- @param interface table
--- @param fields { PublicIp: string, AllocationId?: string, AssociationId?: string, owner?: string }
function M.associate(call, interface, fields)
  interface.Association = {
    PublicIp = fields.PublicIp, AllocationId = fields.AllocationId, AssociationId = fields.AssociationId,
    IpOwnerId = fields.owner or fields.AllocationId and call.account or "amazon",
    PublicDnsName = own.public_name(call, fields.PublicIp),
  }
  interface.PrivateIpAddresses[1].Association = interface.Association
end

--- @param interface table
function M.disassociate(interface)
  interface.Association, interface.PrivateIpAddresses[1].Association = nil, nil
end

--- @param call eksrun.sandbox.Call
--- @param interface table
function M.remove(call, interface)
  own.give_back(call, interface, #interface.PrivateIpAddresses)
  call:remove("ec2.network_interface", interface.NetworkInterfaceId)
end

--- Takes the interfaces of something away.
--- @param call eksrun.sandbox.Call
--- @param of string what they were made for
function M.remove_of(call, of)
  for _, interface in ipairs(M.all(call, function(i) return i._of == of end)) do M.remove(call, interface) end
end

local function add_addresses(call, interface, subnet, params)
  for _, item in ipairs(params.PrivateIpAddresses or {}) do
    if not item.Primary then
      own.add(call, interface, own.take(call, subnet, 1, item.PrivateIpAddress))
    end
  end
  own.add(call, interface, own.take(call, subnet, params.SecondaryPrivateIpAddressCount or 0))
  local count = params.Ipv6AddressCount or (subnet.AssignIpv6AddressOnCreation and 1 or 0)
  own.add_ipv6(call, interface, subnet, count)
end

function operations.CreateNetworkInterface(call, params)
  local subnet = support.need(call, "ec2.subnet", params.SubnetId)
  local groups = params.Groups or { support.default_group(call, subnet.VpcId) }
  M.groups(call, groups, subnet.VpcId)
  local address = params.PrivateIpAddress
  for _, item in ipairs(params.PrivateIpAddresses or {}) do
    if item.Primary then address = item.PrivateIpAddress end
  end
  local interface = M.make(call, subnet, {
    Description = params.Description, InterfaceType = params.InterfaceType, Groups = groups,
    address = address,
  })
  local ok, err = pcall(add_addresses, call, interface, subnet, params)
  if not ok then
    M.remove(call, interface)
    error(err, 0)
  end
  interface.TagSet = support.tags(params, "network-interface")
  return { NetworkInterface = interface, ClientToken = params.ClientToken }
end

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
  M.remove(call, interface)
end

-- -- attaching ----------------------------------------------------------------------------------------------

--- Ties an interface to an instance.
--- @param call eksrun.sandbox.Call
--- @param interface table
--- @param instance table
--- @param index integer
--- @param delete boolean whether it goes with the instance
--- @return string id of the attachment
function M.attach(call, interface, instance, index, delete)
  local id = "eni-attach-0" .. call.world:hash("attach", interface.NetworkInterfaceId, call.now):sub(1, 16)
  interface.Status = "in-use"
  interface.Attachment = {
    AttachmentId = id, InstanceId = instance.InstanceId, InstanceOwnerId = call.account, DeviceIndex = index,
    NetworkCardIndex = 0, Status = "attached", AttachTime = call:time(), DeleteOnTermination = delete,
  }
  table.insert(instance._interfaces, interface.NetworkInterfaceId)
  return id
end

function operations.AttachNetworkInterface(call, params)
  local interface = support.need(call, "ec2.network_interface", params.NetworkInterfaceId)
  local instance = support.need(call, "ec2.instance", params.InstanceId)
  if interface.Status == "in-use" then
    fault.raise("InvalidNetworkInterface.InUse", "Interface '%s' is currently in use.",
      interface.NetworkInterfaceId)
  end
  if interface.AvailabilityZone ~= instance.Placement.AvailabilityZone then
    fault.raise("InvalidParameterCombination", "You may not attach a network interface to an instance if "
      .. "they are not in the same availability zone")
  end
  local limit = types.get(instance.InstanceType).NetworkInfo.MaximumNetworkInterfaces
  if #instance._interfaces >= limit then
    fault.raise("AttachmentLimitExceeded",
      "Interface count %d exceeds the limit for %s", limit + 1, instance.InstanceType)
  end
  for _, id in ipairs(instance._interfaces) do
    local other = call:get("ec2.network_interface", id)
    if other and other.Attachment.DeviceIndex == params.DeviceIndex then
      fault.raise("InvalidParameterValue",
        "Instance '%s' already has an interface attached at device index '%d'.", instance.InstanceId,
        params.DeviceIndex)
    end
  end
  return { AttachmentId = M.attach(call, interface, instance, params.DeviceIndex, false),
    NetworkCardIndex = 0 }
end

local function need_attachment(call, id)
  local interface = M.all(call, function(i) return i.Attachment and i.Attachment.AttachmentId == id end)[1]
  if not interface then
    fault.raise("InvalidAttachmentID.NotFound", "The attachment '%s' does not exist", id)
  end
  return interface
end

--- Unties an interface from its instance.
--- @param call eksrun.sandbox.Call
--- @param interface table
function M.detach(call, interface)
  local instance = call:get("ec2.instance", interface.Attachment.InstanceId)
  for i, id in ipairs(instance and instance._interfaces or {}) do
    if id == interface.NetworkInterfaceId then table.remove(instance._interfaces, i) break end
  end
  interface.Attachment, interface.Status, interface._of = nil, "available", nil
end

function operations.DetachNetworkInterface(call, params)
  local interface = need_attachment(call, params.AttachmentId)
  if interface.RequesterManaged then
    fault.raise("OperationNotPermitted", "You are not allowed to manage 'ela-attach' attachments.")
  end
  if interface.Attachment.DeviceIndex == 0 then
    fault.raise("OperationNotPermitted",
      "The network interface at device index 0 and networkCard index 0 cannot be detached.")
  end
  M.detach(call, interface)
end

-- -- attributes ---------------------------------------------------------------------------------------------

function operations.ModifyNetworkInterfaceAttribute(call, params)
  local interface = support.need(call, "ec2.network_interface", params.NetworkInterfaceId)
  if params.Groups then
    if interface.RequesterManaged then
      fault.raise("OperationNotPermitted", "You are not allowed to manage '%s' interfaces.",
        interface.InterfaceType)
    end
    interface.Groups = M.groups(call, params.Groups, interface.VpcId)
  end
  if params.Description then interface.Description = params.Description.Value end
  if params.SourceDestCheck then interface.SourceDestCheck = params.SourceDestCheck.Value end
  local attachment = params.Attachment
  if attachment then
    if not interface.Attachment or interface.Attachment.AttachmentId ~= attachment.AttachmentId then
      fault.raise("InvalidAttachmentID.NotFound", "The attachment '%s' does not exist",
        tostring(attachment.AttachmentId))
    end
    interface.Attachment.DeleteOnTermination = attachment.DeleteOnTermination
  end
end

function operations.DescribeNetworkInterfaceAttribute(call, params)
  local interface = support.need(call, "ec2.network_interface", params.NetworkInterfaceId)
  local shown, wanted = { NetworkInterfaceId = interface.NetworkInterfaceId }, params.Attribute
  if wanted == "description" then shown.Description = { Value = interface.Description } end
  if wanted == "groupSet" then shown.Groups = interface.Groups end
  if wanted == "sourceDestCheck" then shown.SourceDestCheck = { Value = interface.SourceDestCheck } end
  if wanted == "attachment" then shown.Attachment = interface.Attachment end
  return shown
end

return M
