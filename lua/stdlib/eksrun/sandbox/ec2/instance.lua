--- EC2: instances, as Auto Scaling groups make them.
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"

local M = { operations = {}, events = {} }
local operations = M.operations

-- How long one that is terminated is still shown.
local TERMINATED_SHOWN = 3600

local by_filter = support.describe {
  kind = "ec2.instance", prefix = "i", id = "InstanceId", tag = "instance", list = "Instances",
  ids = "InstanceIds", missing = "InvalidInstanceID.NotFound",
  missing_text = "The instance ID '%s' does not exist",
  filters = {
    ["instance-id"] = "InstanceId", ["vpc-id"] = "VpcId", ["subnet-id"] = "SubnetId",
    ["instance-state-name"] = "State.Name", ["instance-state-code"] = "State.Code",
    ["instance-type"] = "InstanceType", ["image-id"] = "ImageId",
    ["availability-zone"] = "Placement.AvailabilityZone",
    ["private-dns-name"] = "PrivateDnsName", ["private-ip-address"] = "PrivateIpAddress",
    ["instance.group-id"] = "SecurityGroups.GroupId",
    ["network-interface.network-interface-id"] = "NetworkInterfaces.NetworkInterfaceId",
  },
}

function operations.DescribeInstances(call, params)
  local reservations = json.array {}
  for i, instance in ipairs(by_filter(call, params).Instances) do
    reservations[i] = {
      ReservationId = instance._reservation, OwnerId = call.account, Groups = json.array {},
      Instances = { instance },
    }
  end
  return { Reservations = reservations }
end

--- Starts an instance. It is running after a while.
--- @param call eksrun.sandbox.Call
--- @param fields { subnet: string, type: string, image?: string, groups: string[], tags: table, of: string }
--- @return table instance
function M.start(call, fields)
  local id = call:id "i"
  local subnet = support.need(call, "ec2.subnet", fields.subnet)
  local interface = support.interface(call, subnet, { Groups = fields.groups, of = id })
  interface.Attachment = { InstanceId = id, DeviceIndex = 0, Status = "attached", DeleteOnTermination = true }
  local instance = call:put("ec2.instance", id, {
    InstanceId = id, InstanceType = fields.type, ImageId = fields.image,
    State = { Code = 0, Name = "pending" },
    LaunchTime = call:time(), SubnetId = subnet.SubnetId, VpcId = subnet.VpcId,
    Placement = { AvailabilityZone = subnet.AvailabilityZone, Tenancy = "default" },
    PrivateIpAddress = interface.PrivateIpAddress, SecurityGroups = interface.Groups,
    PrivateDnsName = ("ip-%s.%s.compute.internal"):format(interface.PrivateIpAddress:gsub("%.", "-"),
      call.region),
    NetworkInterfaces = {
      {
        NetworkInterfaceId = interface.NetworkInterfaceId, SubnetId = subnet.SubnetId, VpcId = subnet.VpcId,
        PrivateIpAddress = interface.PrivateIpAddress, Status = "in-use",
      },
    },
    Tags = fields.tags, _reservation = call:id "r", _of = fields.of,
  })
  call:becomes(call:duration("ec2.instance.start", id), "ec2.instance", id,
    { State = { Code = 16, Name = "running" } })
  return instance
end

--- Ends instances of a group. They and their interfaces are gone after a while.
--- @param call eksrun.sandbox.Call
--- @param of string
function M.stop_all(call, of)
  for _, instance in ipairs(call:all("ec2.instance", function(i) return i._of == of end)) do
    M.stop(call, instance)
  end
end

--- @param call eksrun.sandbox.Call
--- @param instance table
function M.stop(call, instance)
  if instance.State.Name == "shutting-down" or instance.State.Name == "terminated" then return end
  instance.State = { Code = 32, Name = "shutting-down" }
  call:after(call:duration("ec2.instance.stop", instance.InstanceId), "ec2.instance.stopped",
    { id = instance.InstanceId })
end

M.events["ec2.instance.stopped"] = function(call, arguments)
  local instance = call:get("ec2.instance", arguments.id)
  instance.State = { Code = 48, Name = "terminated" }
  support.remove_interfaces(call, arguments.id)
  call:vanishes(TERMINATED_SHOWN, "ec2.instance", arguments.id)
end

return M
