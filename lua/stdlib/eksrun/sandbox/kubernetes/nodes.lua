--- The nodes of a cluster: its instances, once they have joined, as Kubernetes shows them.
local clock = require "eksrun.clock"
local instances = require "eksrun.sandbox.eks.node"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.eks.support"
local worlds = require "eksrun.sandbox.world"

local M = {}

--- The version of a server or a kubelet.
--- @param version string "1.33"
--- @return string
function M.version(version) return ("v%s.3-eks-113cf36"):format(version) end

local EFFECTS = {
  NO_SCHEDULE = "NoSchedule", NO_EXECUTE = "NoExecute", PREFER_NO_SCHEDULE = "PreferNoSchedule",
}

local function tag_of(instance, key)
  for _, tag in ipairs(instance.Tags or {}) do
    if tag.Key == key then return tag.Value end
  end
end

local function node(call, cluster, instance)
  local group_name = tag_of(instance, "eks:nodegroup-name")
  local group = group_name and call:get("eks.nodegroup", support.key(cluster.name, group_name))
  local zone = instance.Placement.AvailabilityZone
  local arm = instance.InstanceType:find "^%a+%d+g[%a]*%." or instance.InstanceType:find "^a1%."
  local joined = clock.format_iso8601(instances.joins_at(call, instance) // 1)
  local labels = {
    ["kubernetes.io/hostname"] = instance.PrivateDnsName, ["kubernetes.io/os"] = "linux",
    ["kubernetes.io/arch"] = arm and "arm64" or "amd64", ["topology.kubernetes.io/region"] = call.region,
    ["topology.kubernetes.io/zone"] = zone, ["node.kubernetes.io/instance-type"] = instance.InstanceType,
  }
  if group then
    labels["eks.amazonaws.com/nodegroup"] = group_name
    labels["eks.amazonaws.com/capacityType"] = group.capacityType
    for key, value in pairs(group.labels or {}) do labels[key] = value end
  end
  local taints = json.array {}
  for i, taint in ipairs(group and group.taints or {}) do
    taints[i] = { key = taint.key, value = taint.value, effect = EFFECTS[taint.effect] }
  end
  return {
    kind = "Node", apiVersion = "v1",
    metadata = {
      name = instance.PrivateDnsName, uid = worlds.uuid(call.world:hash("node", instance.InstanceId)),
      creationTimestamp = joined, labels = labels,
    },
    spec = {
      providerID = ("aws:///%s/%s"):format(zone, instance.InstanceId), taints = taints[1] and taints or nil,
    },
    status = {
      addresses = {
        { type = "InternalIP", address = instance.PrivateIpAddress },
        { type = "InternalDNS", address = instance.PrivateDnsName },
        { type = "Hostname", address = instance.PrivateDnsName },
      },
      conditions = {
        {
          type = "Ready", status = "True", reason = "KubeletReady", lastTransitionTime = joined,
          message = "kubelet is posting ready status",
        },
      },
      nodeInfo = {
        kubeletVersion = M.version(group and group.version or cluster.version), operatingSystem = "linux",
        architecture = labels["kubernetes.io/arch"], osImage = "Amazon Linux 2023",
        containerRuntimeVersion = "containerd://2.1.4", kernelVersion = "6.12.46-66.121.amzn2023",
      },
    },
  }
end

--- @param call eksrun.sandbox.Call
--- @param name string of the cluster
--- @return table[] nodes in the order of their names
function M.list(call, name)
  local cluster, list = call:get("eks.cluster", name), {}
  for i, instance in ipairs(instances.of(call, cluster)) do list[i] = node(call, cluster, instance) end
  table.sort(list, function(a, b) return a.metadata.name < b.metadata.name end)
  return list
end

-- A duration as kubectl shows ages.
local function age(seconds)
  seconds = math.max(0, seconds // 1)
  if seconds < 120 then return ("%ds"):format(seconds) end
  if seconds < 7200 then return ("%dm"):format(seconds // 60) end
  if seconds < 172800 then return ("%dh"):format(seconds // 3600) end
  return ("%dd"):format(seconds // 86400)
end

local columns = json.array {}
for i, column in ipairs {
  { "Name", 0 }, { "Status", 0 }, { "Roles", 0 }, { "Age", 0 }, { "Version", 0 }, { "Internal-IP", 1 },
  { "External-IP", 1 }, { "OS-Image", 1 }, { "Kernel-Version", 1 }, { "Container-Runtime", 1 },
} do
  columns[i] = {
    name = column[1], type = "string", format = i == 1 and "name" or "", description = "",
    priority = column[2],
  }
end

--- Nodes as the table that kubectl prints.
--- @param list table[]
--- @param now number
--- @param resource_version? string
--- @return table
function M.table(list, now, resource_version)
  local rows = json.array {}
  for i, one in ipairs(list) do
    local info = one.status.nodeInfo
    rows[i] = {
      cells = {
        one.metadata.name, "Ready", "<none>", age(now - clock.parse(one.metadata.creationTimestamp)),
        info.kubeletVersion, one.status.addresses[1].address, "<none>", info.osImage, info.kernelVersion,
        info.containerRuntimeVersion,
      },
      object = { kind = "PartialObjectMetadata", apiVersion = "meta.k8s.io/v1", metadata = one.metadata },
    }
  end
  return {
    kind = "Table", apiVersion = "meta.k8s.io/v1", metadata = { resourceVersion = resource_version or "" },
    columnDefinitions = columns, rows = rows,
  }
end

return M
