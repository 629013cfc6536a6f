--- EC2: instances and their lives, whoever started them.
local addresses = require "eksrun.sandbox.ec2.address"
local fault = require "eksrun.sandbox.fault"
local images = require "eksrun.sandbox.ec2.image"
local interfaces = require "eksrun.sandbox.ec2.interface"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"
local types = require "eksrun.sandbox.ec2.instance_type"
local util = require "eksrun.util"
local volumes = require "eksrun.sandbox.ec2.volume"

local M = { operations = {}, events = {} }
local operations = M.operations

-- How long one that is terminated is still shown, in seconds.
local TERMINATED_SHOWN = 3600

local CODES = {
  ["pending"] = 0, ["running"] = 16, ["shutting-down"] = 32, ["terminated"] = 48, ["stopping"] = 64,
  ["stopped"] = 80,
}

local function state(name) return { Code = CODES[name], Name = name } end

-- -- beginnings ---------------------------------------------------------------------------------------------

local function profile_of(call, wanted)
  if not wanted then return nil end
  local found = call:get("iam.instance_profile", wanted.Name or (wanted.Arn or ""):match "[^/]+$")
  return found and { Arn = found.Arn, Id = found.InstanceProfileId } or nil
end

local function metadata_options(options)
  options = options or {}
  return {
    State = "applied", HttpTokens = options.HttpTokens or "required",
    HttpPutResponseHopLimit = options.HttpPutResponseHopLimit or 2,
    HttpEndpoint = options.HttpEndpoint or "enabled", HttpProtocolIpv6 = options.HttpProtocolIpv6
    or "disabled",
    InstanceMetadataTags = options.InstanceMetadataTags or "disabled",
  }
end

-- The volumes that an image and a request ask for, the request's before the image's.
local function make_volumes(call, instance, image, wanted, tags)
  local by_device, order = {}, {}
  for _, list in ipairs { image and image.BlockDeviceMappings or {}, wanted or {} } do
    for _, mapping in ipairs(list) do
      local name = mapping.DeviceName
      if not by_device[name] then order[#order + 1] = name end
      by_device[name] = mapping.NoDevice == nil
        and util.overlay(by_device[name] or {}, mapping.Ebs or {}) or nil
    end
  end
  for _, name in ipairs(order) do
    local ebs = by_device[name]
    if ebs then
      local volume = volumes.make(call, {
        AvailabilityZone = instance.Placement.AvailabilityZone, Size = ebs.VolumeSize, Iops = ebs.Iops,
        VolumeType = ebs.VolumeType, Encrypted = ebs.Encrypted, KmsKeyId = ebs.KmsKeyId,
        Throughput = ebs.Throughput, SnapshotId = ebs.SnapshotId, tags = tags,
      })
      volumes.attach(call, volume, instance.InstanceId, name, ebs.DeleteOnTermination ~= false)
    end
  end
end

-- The first interface of an instance: the one that the request names, or a new one.
local function first_interface(call, id, subnet, fields, own)
  local named, data = own.NetworkInterfaceId, fields.data or {}
  if named then return support.need(call, "ec2.network_interface", named) end
  return interfaces.make(call, subnet, {
    Groups = fields.groups or own.Groups or data.SecurityGroupIds
      or { support.default_group(call, subnet.VpcId) },
    of = id, address = data.PrivateIpAddress or own.PrivateIpAddress, Description = own.Description,
  })
end

-- An instance as it is shown, of what it was started with.
local function description(call, id, fields, subnet, interface, image)
  local data, found = fields.data or {}, types.get(fields.type)
  local arch = found and found.ProcessorInfo.SupportedArchitectures[1] or "x86_64"
  local spot = fields.spot or (data.InstanceMarketOptions or {}).MarketType == "spot"
  local cpu = found and found.VCpuInfo or { DefaultCores = 1, DefaultThreadsPerCore = 2 }
  local placement, names = data.Placement or {}, subnet.PrivateDnsNameOptionsOnLaunch
  return {
    InstanceId = id, InstanceType = fields.type, ImageId = fields.image, State = state "pending",
    LaunchTime = call:time(), SubnetId = subnet.SubnetId, VpcId = subnet.VpcId,
    Placement = {
      AvailabilityZone = subnet.AvailabilityZone, AvailabilityZoneId = subnet.AvailabilityZoneId,
      Tenancy = placement.Tenancy or "default", GroupName = placement.GroupName or "",
    },
    PrivateIpAddress = interface.PrivateIpAddress, PrivateDnsName = interface.PrivateDnsName,
    AmiLaunchIndex = fields.index or 0, Architecture = arch, ClientToken = data.ClientToken,
    CpuOptions = { CoreCount = cpu.DefaultCores, ThreadsPerCore = cpu.DefaultThreadsPerCore },
    EbsOptimized = data.EbsOptimized or false, EnaSupport = true, Hypervisor = "xen",
    IamInstanceProfile = profile_of(call, data.IamInstanceProfile), KeyName = data.KeyName,
    InstanceLifecycle = spot and "spot" or nil,
    SpotInstanceRequestId = spot and "sir-" .. call.world:hash("sir", id):sub(1, 8) or nil,
    MetadataOptions = metadata_options(data.MetadataOptions),
    Monitoring = { State = (data.Monitoring or {}).Enabled and "enabled" or "disabled" },
    PlatformDetails = "Linux/UNIX", UsageOperation = "RunInstances", ProductCodes = json.array {},
    RootDeviceName = image and image.RootDeviceName or "/dev/xvda", RootDeviceType = "ebs",
    StateTransitionReason = "", VirtualizationType = "hvm", Tags = fields.tags,
    CurrentInstanceBootMode = arch == "arm64" and "uefi" or "legacy-bios",
    CapacityReservationSpecification = { CapacityReservationPreference = "open" },
    EnclaveOptions = { Enabled = false }, HibernationOptions = { Configured = false },
    MaintenanceOptions = { AutoRecovery = "default", RebootMigration = "default" },
    PrivateDnsNameOptions = {
      HostnameType = names.HostnameType,
      EnableResourceNameDnsARecord = names.EnableResourceNameDnsARecord,
      EnableResourceNameDnsAAAARecord = names.EnableResourceNameDnsAAAARecord,
    },
    Operator = { Managed = false },
    _reservation = fields.reservation or call:id "r", _requester = fields.of and "940372691376",
    _of = fields.of, _interfaces = json.array {}, _user_data = data.UserData,
    _keep = data.DisableApiTermination or false, _keep_running = data.DisableApiStop or false,
    _on_shutdown = data.InstanceInitiatedShutdownBehavior or "stop",
  }
end

--- Starts an instance. It is running after a while.
--- @param call eksrun.sandbox.Call
--- @param fields { subnet: string, type: string, image?: string, groups: string[], tags: table, of?: string,
---   data?: table, reservation?: string, index?: integer, spot?: boolean, volume_tags?: table[] } `of`: the
---   group that keeps it; `data`: what else it is started with, as RunInstances takes it
--- @return table instance
function M.start(call, fields)
  local id, data = call:id "i", fields.data or {}
  local subnet = support.need(call, "ec2.subnet", fields.subnet)
  local own = (data.NetworkInterfaces or {})[1] or {}
  local interface = first_interface(call, id, subnet, fields, own)
  local image = images.get(call, fields.image)
  local instance = call:put("ec2.instance", id,
    description(call, id, fields, subnet, interface, image))
  interfaces.attach(call, interface, instance, 0, own.DeleteOnTermination ~= false)
  interface._of = id
  make_volumes(call, instance, image, data.BlockDeviceMappings, fields.volume_tags)
  instance._public = own.AssociatePublicIpAddress
  if instance._public == nil then instance._public = subnet.MapPublicIpOnLaunch end
  if instance._public then
    local address = support.public_address(call.world:hash("public", id))
    interfaces.associate(call, interface, { PublicIp = address })
  end
  call:after(call:duration("ec2.instance.start", id), "ec2.instance.running", { id = id })
  return instance
end

M.events["ec2.instance.running"] = function(call, arguments)
  local instance = call:get("ec2.instance", arguments.id)
  if instance and instance.State.Name == "pending" then
    instance.State, instance._running = state "running", call:time()
  end
end

-- -- ends ---------------------------------------------------------------------------------------------------

--- Ends instances of a group. They and their interfaces are gone after a while.
--- @param call eksrun.sandbox.Call
--- @param of string
function M.stop_all(call, of)
  for _, instance in ipairs(call:all("ec2.instance", function(i) return i._of == of end)) do
    M.stop(call, instance)
  end
end

--- Ends an instance.
--- @param call eksrun.sandbox.Call
--- @param instance table
--- @param reason? string
function M.stop(call, instance, reason)
  if instance.State.Name == "shutting-down" or instance.State.Name == "terminated" then return end
  instance.State = state "shutting-down"
  instance.StateReason = { Code = "Client.UserInitiatedShutdown", Message = reason
    or "Client.UserInitiatedShutdown: User initiated shutdown" }
  call:after(call:duration("ec2.instance.stop", instance.InstanceId), "ec2.instance.stopped",
    { id = instance.InstanceId })
end

--- Takes an instance away at once, with what hangs on it.
--- @param call eksrun.sandbox.Call
--- @param instance table
function M.remove(call, instance)
  local id = instance.InstanceId
  for _, interface_id in ipairs { table.unpack(instance._interfaces) } do
    local interface = call:get("ec2.network_interface", interface_id)
    if interface then
      addresses.release_of(call, interface_id)
      interfaces.disassociate(interface)
      local goes = interface.Attachment.DeleteOnTermination
      interfaces.detach(call, interface)
      if goes then interfaces.remove(call, interface) end
    end
  end
  volumes.release(call, id)
end

M.events["ec2.instance.stopped"] = function(call, arguments)
  local instance = call:get("ec2.instance", arguments.id)
  if not instance then return end
  instance.State = state "terminated"
  M.remove(call, instance)
  call:vanishes(TERMINATED_SHOWN, "ec2.instance", arguments.id)
end

-- What an operation that changes states answers of an instance.
local function change(instance, before)
  return { InstanceId = instance.InstanceId, PreviousState = before, CurrentState = instance.State }
end

-- Instances of ids, each in one of the states.
local function need_in(call, ids, states)
  local list = {}
  for i, id in ipairs(ids) do
    list[i] = support.need(call, "ec2.instance", id)
    if states and not states[list[i].State.Name] then
      fault.raise("IncorrectInstanceState", "The instance '%s' is not in a state from which it can be "
        .. "changed.",
        id)
    end
  end
  return list
end

function operations.TerminateInstances(call, params)
  local instances, changes = need_in(call, params.InstanceIds), json.array {}
  for _, instance in ipairs(instances) do
    if instance._keep then
      fault.raise("OperationNotPermitted", "The instance '%s' may not be terminated. Modify its "
        .. "'disableApiTermination' instance attribute and try again.", instance.InstanceId)
    end
  end
  for i, instance in ipairs(instances) do
    local before = instance.State
    M.stop(call, instance)
    if instance._of then
      call:after(call:duration("autoscaling.notice", instance.InstanceId), "autoscaling.instance.lost",
        { id = instance.InstanceId, of = instance._of })
    end
    changes[i] = change(instance, before)
  end
  return { TerminatingInstances = changes }
end

function operations.StopInstances(call, params)
  local changes = json.array {}
  local stoppable = { running = true, stopping = true, stopped = true }
  for i, instance in ipairs(need_in(call, params.InstanceIds, stoppable)) do
    local before = instance.State
    if instance._keep_running then
      fault.raise("OperationNotPermitted", "The instance '%s' may not be stopped. Modify its "
        .. "'disableApiStop' "
        .. "instance attribute and try again.", instance.InstanceId)
    end
    if before.Name == "running" then
      instance.State = state "stopping"
      call:after(call:duration("ec2.instance.stop", instance.InstanceId, call.now), "ec2.instance.halted",
        { id = instance.InstanceId })
    end
    changes[i] = change(instance, before)
  end
  return { StoppingInstances = changes }
end

M.events["ec2.instance.halted"] = function(call, arguments)
  local instance = call:get("ec2.instance", arguments.id)
  if not instance or instance.State.Name ~= "stopping" then return end
  instance.State, instance._running = state "stopped", nil
  local interface = call:get("ec2.network_interface", instance._interfaces[1])
  if interface and interface.Association and not interface.Association.AllocationId then
    interfaces.disassociate(interface)
  end
end

function operations.StartInstances(call, params)
  local changes = json.array {}
  local startable = { stopped = true, running = true, pending = true }
  for i, instance in ipairs(need_in(call, params.InstanceIds, startable)) do
    local before = instance.State
    if before.Name == "stopped" then
      instance.State, instance.LaunchTime = state "pending", call:time()
      local interface = call:get("ec2.network_interface", instance._interfaces[1])
      if instance._public and interface and not interface.Association then
        interfaces.associate(call, interface,
          { PublicIp = support.public_address(call.world:hash("public", instance.InstanceId, call.now)) })
      end
      call:after(call:duration("ec2.instance.start", instance.InstanceId, call.now), "ec2.instance.running",
        { id = instance.InstanceId })
    end
    changes[i] = change(instance, before)
  end
  return { StartingInstances = changes }
end

function operations.RebootInstances(call, params) need_in(call, params.InstanceIds, { running = true }) end

return M
