--- EC2: what instances show of themselves.
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"
local volumes = require "eksrun.sandbox.ec2.volume"

local M = { operations = {} }
local operations = M.operations

-- How long the checks of a new one take, in seconds.
local CHECKS = 120

local function pick(thing, names)
  local out = {}
  if not thing then return nil end
  for name in names:gmatch "%S+" do out[name] = thing[name] end
  return out
end

local ASSOCIATION = "CarrierIp CustomerOwnedIp IpOwnerId PublicDnsName PublicIp"

-- An interface as its instance shows it: less than it shows of itself.
local function brief(interface)
  local shown = pick(interface, [[
    NetworkInterfaceId SubnetId VpcId Status Description OwnerId MacAddress PrivateIpAddress PrivateDnsName
    Ipv6Addresses SourceDestCheck InterfaceType Groups Operator]])
  shown.Association = pick(interface.Association, ASSOCIATION)
  shown.Attachment = pick(interface.Attachment,
    "AttachTime AttachmentId DeleteOnTermination DeviceIndex Status NetworkCardIndex")
  shown.PrivateIpAddresses = json.array {}
  for i, address in ipairs(interface.PrivateIpAddresses) do
    local one = pick(address, "Primary PrivateDnsName PrivateIpAddress")
    one.Association = pick(address.Association, ASSOCIATION)
    shown.PrivateIpAddresses[i] = one
  end
  return shown
end

--- An instance with what hangs on it.
--- @param call eksrun.sandbox.Call
--- @param instance table
--- @return table
function M.view(call, instance)
  local shown = {}
  for name, value in pairs(instance) do shown[name] = value end
  shown._all, shown.NetworkInterfaces = {}, json.array {}
  for _, id in ipairs(instance._interfaces) do
    local interface = call:get("ec2.network_interface", id)
    if interface then
      table.insert(shown._all, interface)
      table.insert(shown.NetworkInterfaces, brief(interface))
    end
  end
  shown.BlockDeviceMappings = volumes.mappings(call, instance.InstanceId)
  local first = shown.NetworkInterfaces[1]
  shown.SecurityGroups = first and first.Groups or json.array {}
  shown.SourceDestCheck = first and first.SourceDestCheck
  local public = first and first.Association
  shown.PublicIpAddress = public and public.PublicIp
  shown.PublicDnsName = public and public.PublicDnsName or ""
  shown.Ipv6Address = first and first.Ipv6Addresses[1] and first.Ipv6Addresses[1].Ipv6Address
  return shown
end
local by_filter = support.describe {
  kind = "ec2.instance", prefix = "i", id = "InstanceId", tag = "instance", list = "Instances",
  ids = "InstanceIds", pages_or_ids = true, missing = "InvalidInstanceID.NotFound",
  missing_text = "The instance ID '%s' does not exist", malformed = "InvalidInstanceID.Malformed",
  view = M.view,
  filters = filter.map("DescribeInstances", [[
    architecture boot-mode capacity-reservation-id
    capacity-reservation-specification.capacity-reservation-preference
    capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id
    capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn
    client-token current-instance-boot-mode ebs-optimized ena-support enclave-options.enabled
    hibernation-options.configured hypervisor iam-instance-profile.arn iam-instance-profile.id image-id
    instance-id instance-lifecycle instance-type ipv6-address kernel-id key-name launch-time
    maintenance-options.auto-recovery metadata-options.http-endpoint metadata-options.http-protocol-ipv6
    metadata-options.http-put-response-hop-limit metadata-options.http-tokens
    metadata-options.instance-metadata-tags metadata-options.state
    network-performance-options.bandwidth-weighting operator.managed operator.principal outpost-arn platform
    platform-details private-dns-name private-dns-name-options.enable-resource-name-dns-a-record
    private-dns-name-options.hostname-type private-ip-address ramdisk-id root-device-name root-device-type
    source-dest-check spot-instance-request-id subnet-id tpm-support usage-operation
    usage-operation-update-time virtualization-type vpc-id]], {
    ["affinity"] = "Placement.Affinity", ["availability-zone"] = "Placement.AvailabilityZone",
    ["availability-zone-id"] = "Placement.AvailabilityZoneId",
    ["block-device-mapping.attach-time"] = "BlockDeviceMappings.Ebs.AttachTime",
    ["block-device-mapping.delete-on-termination"] = "BlockDeviceMappings.Ebs.DeleteOnTermination",
    ["block-device-mapping.device-name"] = "BlockDeviceMappings.DeviceName",
    ["block-device-mapping.status"] = "BlockDeviceMappings.Ebs.Status",
    ["block-device-mapping.volume-id"] = "BlockDeviceMappings.Ebs.VolumeId",
    ["dns-name"] = "PublicDnsName", ["host-id"] = "Placement.HostId",
    ["instance-state-code"] = "State.Code", ["instance-state-name"] = "State.Name",
    ["instance.group-id"] = "SecurityGroups.GroupId", ["instance.group-name"] = "SecurityGroups.GroupName",
    ["group-id"] = "SecurityGroups.GroupId", ["group-name"] = "SecurityGroups.GroupName",
    ["ip-address"] = "PublicIpAddress", ["launch-index"] = "AmiLaunchIndex",
    ["metadata-options.http-protocol-ipv4"] = "MetadataOptions.HttpEndpoint",
    ["monitoring-state"] = "Monitoring.State",
    ["network-interface.group-id"] = "_all.Groups.GroupId",
    ["network-interface.group-name"] = "_all.Groups.GroupName",
    ["network-interface.ipv6-address"] = "_all.Ipv6Addresses.Ipv6Address",
    ["network-interface.public-dns-name"] = "_all.Association.PublicDnsName",
    ["network-interface.availability-zone"] = "_all.AvailabilityZone",
    ["owner-id"] = "_all.OwnerId",
    ["placement-group-name"] = "Placement.GroupName",
    ["placement-partition-number"] = "Placement.PartitionNumber",
    ["private-dns-name-options.enable-resource-name-dns-aaaa-record"] =
      "PrivateDnsNameOptions.EnableResourceNameDnsAAAARecord",
    ["product-code"] = "ProductCodes.ProductCodeId", ["product-code.type"] = "ProductCodes.ProductCodeType",
    ["reason"] = "StateTransitionReason", ["requester-id"] = "_requester",
    ["reservation-id"] = "_reservation",
    ["state-reason-code"] = "StateReason.Code", ["state-reason-message"] = "StateReason.Message",
    ["tenancy"] = "Placement.Tenancy",
    ["network-interface.tag-key"] = "_all.TagSet.Key",
    ["network-interface.tag-value"] = "_all.TagSet.Value",
  }),
}

-- The rest of an interface's filters look where their names say.
for name in ([[
  addresses.association.allocation-id addresses.association.association-id
  addresses.association.carrier-ip addresses.association.customer-owned-ip
  addresses.association.ip-owner-id addresses.association.public-dns-name addresses.association.public-ip
  addresses.primary addresses.private-dns-name addresses.private-ip-address association.allocation-id
  association.association-id association.carrier-ip association.customer-owned-ip association.ip-owner-id
  association.public-dns-name association.public-ip attachment.attach-time attachment.attachment-id
  attachment.delete-on-termination attachment.device-index attachment.instance-id
  attachment.instance-owner-id attachment.network-card-index attachment.status deny-all-igw-traffic
  description ipv4-prefixes.ipv4-prefix ipv6-addresses.ipv6-address ipv6-addresses.is-primary-ipv6
  ipv6-native ipv6-prefixes.ipv6-prefix mac-address network-interface-id operator.managed
  operator.principal outpost-arn owner-id private-dns-name private-ip-address requester-id
  requester-managed status source-dest-check subnet-id vpc-id]]):gmatch "%S+" do
  local full = "network-interface." .. name
  filter.known.DescribeInstances[full] = {
    "_all." .. filter.path(name):gsub("^Addresses", "PrivateIpAddresses"),
  }
end

function operations.DescribeInstances(call, params)
  local reservations, by_id = json.array {}, {}
  for _, instance in ipairs(by_filter(call, params).Instances) do
    local reservation = by_id[instance._reservation]
    if not reservation then
      reservation = {
        ReservationId = instance._reservation, OwnerId = call.account, Groups = json.array {},
        RequesterId = instance._requester, Instances = json.array {},
      }
      by_id[instance._reservation] = reservation
      reservations[#reservations + 1] = reservation
    end
    table.insert(reservation.Instances, instance)
  end
  return { Reservations = reservations }
end

-- -- status -------------------------------------------------------------------------------------------------

local STATUS = filter.map("DescribeInstanceStatus", [[
  availability-zone availability-zone-id event.code event.description event.instance-event-id event.not-after
  event.not-before event.not-before-deadline instance-status.status operator.managed operator.principal
  system-status.status attached-ebs-status.status]], {
  ["instance-state-code"] = "InstanceState.Code", ["instance-state-name"] = "InstanceState.Name",
  ["instance-status.reachability"] = "InstanceStatus.Details.Status",
  ["system-status.reachability"] = "SystemStatus.Details.Status",
})

local function status_of(call, instance)
  local running = instance._running
  local word, detail = "not-applicable", nil
  if running then
    word = call.now < running + CHECKS and "initializing" or "ok"
    detail = { { Name = "reachability", Status = word == "ok" and "passed" or "initializing" } }
  end
  return {
    InstanceId = instance.InstanceId, AvailabilityZone = instance.Placement.AvailabilityZone,
    AvailabilityZoneId = instance.Placement.AvailabilityZoneId, InstanceState = instance.State,
    InstanceStatus = { Status = word, Details = detail }, SystemStatus = { Status = word, Details = detail },
    AttachedEbsStatus = { Status = word, Details = detail }, Operator = instance.Operator,
  }
end

function operations.DescribeInstanceStatus(call, params)
  local list, wanted = {}, nil
  for _, id in ipairs(params.InstanceIds or {}) do
    wanted = wanted or {}
    wanted[support.need(call, "ec2.instance", id)] = true
  end
  for _, instance in ipairs(call:all "ec2.instance") do
    if (not wanted or wanted[instance]) and (params.IncludeAllInstances
      or instance.State.Name == "running") then
      list[#list + 1] = status_of(call, instance)
    end
  end
  return { InstanceStatuses = filter.select(STATUS, list, params.Filters) }
end

return M
