--- EC2: volumes, those of instances included.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"
local zones = require "eksrun.sandbox.ec2.zone"

local M = { operations = {} }
local operations = M.operations

operations.DescribeVolumes = support.describe {
  kind = "ec2.volume", prefix = "vol", id = "VolumeId", tag = "volume", list = "Volumes", ids = "VolumeIds",
  pages_or_ids = true, missing = "InvalidVolume.NotFound",
  missing_text = "The volume '%s' does not exist.", malformed = "InvalidVolumeID.Malformed",
  filters = filter.map("DescribeVolumes", [[
    attachment.attach-time attachment.delete-on-termination attachment.device attachment.instance-id
    availability-zone availability-zone-id create-time encrypted fast-restored multi-attach-enabled
    operator.managed operator.principal size snapshot-id volume-id volume-type]], {
    ["attachment.status"] = "Attachments.State", ["status"] = "State",
  }),
}

--- Makes a volume.
--- @param call eksrun.sandbox.Call
--- @param fields table as CreateVolume takes them, with `tags`
--- @return table
function M.make(call, fields)
  local id = call:id "vol"
  local kind = fields.VolumeType or "gp2"
  local size = fields.Size or 8
  local zone_id
  for _, zone in ipairs(zones.of(call.region)) do
    if zone.name == fields.AvailabilityZone then zone_id = zone.id end
  end
  return call:put("ec2.volume", id, {
    VolumeId = id, AvailabilityZone = fields.AvailabilityZone, AvailabilityZoneId = zone_id, Size = size,
    VolumeType = kind, Iops = fields.Iops or kind == "gp3" and 3000 or math.max(100, 3 * size),
    Throughput = kind == "gp3" and (fields.Throughput or 125) or nil, Encrypted = fields.Encrypted or false,
    KmsKeyId = fields.KmsKeyId, SnapshotId = fields.SnapshotId or "", State = "available",
    CreateTime = call:time(), MultiAttachEnabled = fields.MultiAttachEnabled or false,
    Attachments = json.array {}, Tags = fields.tags or json.array {}, Operator = { Managed = false },
  })
end

--- Ties a volume to an instance.
--- @param call eksrun.sandbox.Call
--- @param volume table
--- @param instance string id
--- @param device string
--- @param delete boolean whether it goes with the instance
function M.attach(call, volume, instance, device, delete)
  volume.State = "in-use"
  local attachment = {
    VolumeId = volume.VolumeId, InstanceId = instance, Device = device, State = "attached",
    AttachTime = call:time(), DeleteOnTermination = delete,
  }
  table.insert(volume.Attachments, attachment)
  return attachment
end

--- An instance ends: its volumes go or are free.
--- @param call eksrun.sandbox.Call
--- @param instance string id
function M.release(call, instance)
  for _, volume in ipairs(call:all("ec2.volume")) do
    local attachment = volume.Attachments[1]
    if attachment and attachment.InstanceId == instance then
      if attachment.DeleteOnTermination then
        call:remove("ec2.volume", volume.VolumeId)
      else
        volume.State, volume.Attachments = "available", json.array {}
      end
    end
  end
end

--- The volumes of an instance as its block device mappings.
--- @param call eksrun.sandbox.Call
--- @param instance string id
--- @return table[]
function M.mappings(call, instance)
  local list = json.array {}
  for _, volume in ipairs(call:all "ec2.volume") do
    for _, attachment in ipairs(volume.Attachments) do
      if attachment.InstanceId == instance then
        list[#list + 1] = {
          DeviceName = attachment.Device,
          Ebs = { VolumeId = volume.VolumeId, Status = attachment.State, AttachTime = attachment.AttachTime,
            DeleteOnTermination = attachment.DeleteOnTermination },
        }
      end
    end
  end
  return list
end

-- Types that one says the IOPS of, and that want them.
local IOPS, NEED_IOPS = { gp3 = true, io1 = true, io2 = true }, { io1 = true, io2 = true }

local function check_speed(params)
  local kind = params.VolumeType or "gp2"
  if params.Iops and not IOPS[kind] then
    fault.raise("InvalidParameterCombination", "The parameter iops is not supported for %s volumes.", kind)
  elseif params.Throughput and kind ~= "gp3" then
    fault.raise("InvalidParameterCombination", "The parameter throughput is not supported for %s volumes.",
      kind)
  elseif NEED_IOPS[kind] and not params.Iops then
    fault.raise("MissingParameter", "The parameter iops must be specified for %s volumes.", kind)
  end
end

function operations.CreateVolume(call, params)
  if not params.AvailabilityZone and not params.AvailabilityZoneId then
    fault.raise("MissingParameter", "The request must contain the parameter zone")
  end
  local known
  for _, zone in ipairs(zones.of(call.region)) do
    known = known or (zone.name == params.AvailabilityZone or zone.id == params.AvailabilityZoneId) and zone
  end
  if not known then
    fault.raise("InvalidZone.NotFound", "The zone '%s' does not exist.",
      params.AvailabilityZone or params.AvailabilityZoneId)
  end
  if not params.Size and not params.SnapshotId then
    fault.raise("MissingParameter", "The request must contain the parameter size/snapshot")
  end
  if params.Size and (params.Size < 1 or params.Size > 65536) then
    fault.raise("InvalidParameterValue", "Volume of %dGiB is out of range", params.Size)
  end
  check_speed(params)
  local fields = { tags = support.tags(params, "volume") }
  for name, value in pairs(params) do fields[name] = value end
  fields.AvailabilityZone = known.name
  local volume = M.make(call, fields)
  volume.State = "creating"
  call:becomes(call:duration("ec2.volume", volume.VolumeId), "ec2.volume", volume.VolumeId,
    { State = "available" })
  return volume
end

function operations.DeleteVolume(call, params)
  local volume = support.need(call, "ec2.volume", params.VolumeId)
  if volume.Attachments[1] then
    fault.raise("VolumeInUse", "Volume %s is currently attached to %s", volume.VolumeId,
      volume.Attachments[1].InstanceId)
  end
  call:remove("ec2.volume", volume.VolumeId)
end

function operations.AttachVolume(call, params)
  local volume = support.need(call, "ec2.volume", params.VolumeId)
  local instance = support.need(call, "ec2.instance", params.InstanceId)
  if volume.State ~= "available" then
    fault.raise("IncorrectState", "%s is not 'available'.", volume.VolumeId)
  end
  if volume.AvailabilityZone ~= instance.Placement.AvailabilityZone then
    fault.raise("InvalidVolume.ZoneMismatch",
      "The volume '%s' is not in the same availability zone as instance '%s'", volume.VolumeId,
      instance.InstanceId)
  end
  for _, mapping in ipairs(M.mappings(call, instance.InstanceId)) do
    if mapping.DeviceName == params.Device then
      fault.raise("InvalidParameterValue", "Invalid value '%s' for unixDevice. Attachment point %s is "
        .. "already "
        .. "in use", params.Device, params.Device)
    end
  end
  return M.attach(call, volume, instance.InstanceId, params.Device, false)
end

function operations.DetachVolume(call, params)
  local volume = support.need(call, "ec2.volume", params.VolumeId)
  local attachment = volume.Attachments[1]
  if not attachment or params.InstanceId and params.InstanceId ~= attachment.InstanceId then
    fault.raise("IncorrectState", "Volume '%s' is in the 'available' state.", volume.VolumeId)
  elseif params.Device and params.Device ~= attachment.Device then
    fault.raise("InvalidAttachment.NotFound", "The volume %s is not attached to instance %s as device %s",
      volume.VolumeId, attachment.InstanceId, params.Device)
  end
  volume.State, volume.Attachments = "available", json.array {}
  attachment.State = "detaching"
  return attachment
end

function operations.ModifyVolume(call, params)
  local volume = support.need(call, "ec2.volume", params.VolumeId)
  if params.Size and params.Size < volume.Size then
    fault.raise("InvalidParameterValue", "New size cannot be smaller than existing size")
  end
  local change = {
    VolumeId = volume.VolumeId, ModificationState = "modifying", Progress = 0, StartTime = call:time(),
    OriginalSize = volume.Size, OriginalVolumeType = volume.VolumeType, OriginalIops = volume.Iops,
    OriginalThroughput = volume.Throughput, OriginalMultiAttachEnabled = volume.MultiAttachEnabled,
  }
  for _, name in ipairs { "Size", "VolumeType", "Iops", "Throughput", "MultiAttachEnabled" } do
    if params[name] ~= nil then volume[name] = params[name] end
    change["Target" .. name] = volume[name]
  end
  return { VolumeModification = change }
end

return M
