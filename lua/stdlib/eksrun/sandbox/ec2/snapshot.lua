--- EC2: snapshots of volumes.
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {} }
local operations = M.operations

local by_filter = support.describe {
  kind = "ec2.snapshot", prefix = "snap", id = "SnapshotId", tag = "snapshot", list = "Snapshots",
  ids = "SnapshotIds", pages_or_ids = true, missing = "InvalidSnapshot.NotFound",
  missing_text = "The snapshot '%s' does not exist.", malformed = "InvalidSnapshotID.Malformed",
  filters = filter.map("DescribeSnapshots", [[
    description encrypted owner-alias owner-id progress snapshot-id start-time storage-tier transfer-type
    volume-id volume-size]], { ["status"] = "State" }),
}

function operations.DescribeSnapshots(call, params)
  local answer, owners = by_filter(call, params), params.OwnerIds
  if not owners then return answer end
  for _, owner in ipairs(owners) do
    if owner == "self" or owner == call.account then return answer end
  end
  return { Snapshots = json.array {} }
end

function operations.CreateSnapshot(call, params)
  local volume = support.need(call, "ec2.volume", params.VolumeId)
  local id = call:id "snap"
  local snapshot = call:put("ec2.snapshot", id, {
    SnapshotId = id, VolumeId = volume.VolumeId, VolumeSize = volume.Size, State = "pending", Progress = "0%",
    StartTime = call:time(), OwnerId = call.account, Description = params.Description or "",
    Encrypted = volume.Encrypted, KmsKeyId = volume.KmsKeyId, StorageTier = "standard",
    Tags = support.tags(params, "snapshot"),
  })
  call:becomes(call:duration("ec2.snapshot", id), "ec2.snapshot", id,
    { State = "completed", Progress = "100%" })
  return snapshot
end

function operations.DeleteSnapshot(call, params)
  local snapshot = support.need(call, "ec2.snapshot", params.SnapshotId)
  call:remove("ec2.snapshot", snapshot.SnapshotId)
end

return M
