--- EC2: types of instances, and where they are offered.
local catalog = require "eksrun.sandbox.ec2.instance_catalog"
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local glob = require "eksrun.sandbox.glob"
local json = require "eksrun.json"
local native = require "eksrun.native.aws"
local zones = require "eksrun.sandbox.ec2.zone"

local M = { operations = {}, get = catalog.get }
local operations = M.operations

local names

--- Whether AWS has a type, by the catalog or by EC2's model, which names many more.
--- @param name string
--- @return boolean
function M.exists(name)
  if M.get(name) then return true end
  if not names then
    names = {}
    local input = native.service("ec2"):operation("DescribeInstanceTypes"):input()
    for _, member in ipairs(input.members) do
      if member.name == "InstanceTypes" then
        for _, known in ipairs(member.element.enum) do names[known] = true end
      end
    end
  end
  return names[name] or false
end

--- Whether a zone has a type. The oldest zone of us-east-1 has no new ones.
--- @param zone_id string
--- @param name string
--- @return boolean
function M.offered(zone_id, name)
  if zone_id ~= "use1-az3" then return true end
  local generation = tonumber(name:match "^%a+(%d)")
  return generation <= 5 and not name:find "^[tgp]" or name:find "^t3%." ~= nil
end

local function within(range, value)
  return not range or value >= (range.Min or 0) and value <= (range.Max or math.huge)
end

local function named(patterns, name)
  for _, pattern in ipairs(patterns or {}) do
    if glob.matches(pattern, name) then return true end
  end
  return false
end

local MAKERS = { intel = "Intel", amd = "AMD", ["amazon-web-services"] = "AWS" }

local function made_by(wanted, maker)
  for _, name in ipairs(wanted or {}) do
    if MAKERS[name] == maker then return true end
  end
  return not wanted
end

--- The types that meet requirements, the smallest first.
--- @param wanted table InstanceRequirements
--- @return string[]
function M.matching(wanted)
  local list = {}
  for _, name in ipairs(catalog.names()) do
    local found = M.get(name)
    local devices = found.GpuInfo and found.GpuInfo.Gpus[1].Count
      or found.NeuronInfo and found.NeuronInfo.NeuronDevices[1].Count or 0
    local burstable = wanted.BurstablePerformance or "excluded"
    if within(wanted.VCpuCount, found.VCpuInfo.DefaultVCpus)
      and within(wanted.MemoryMiB, found.MemoryInfo.SizeInMiB)
      and within(wanted.AcceleratorCount or { Max = 0 }, devices)
      and made_by(wanted.CpuManufacturers, found.ProcessorInfo.Manufacturer)
      and (burstable == "included" or found.BurstablePerformanceSupported == (burstable == "required"))
      and (not wanted.AllowedInstanceTypes or named(wanted.AllowedInstanceTypes, name))
      and not named(wanted.ExcludedInstanceTypes, name) then
      list[#list + 1] = found
    end
  end
  table.sort(list, function(a, b)
    local x, y = a.VCpuInfo.DefaultVCpus, b.VCpuInfo.DefaultVCpus
    if x ~= y then return x < y end
    if a.MemoryInfo.SizeInMiB ~= b.MemoryInfo.SizeInMiB then
      return a.MemoryInfo.SizeInMiB < b.MemoryInfo.SizeInMiB
    end
    return a.InstanceType < b.InstanceType
  end)
  local types = {}
  for i, found in ipairs(list) do types[i] = found.InstanceType end
  return types
end

--- The class of a type whose vCPUs are counted together: "standard", "g", "p", "inf", "trn".
--- @param name string
--- @return string
function M.class(name)
  local letters = name:match "^%a+"
  return (letters == "g" or letters == "p" or letters == "inf" or letters == "trn") and letters or "standard"
end

local FILTERS = filter.map("DescribeInstanceTypes", [[
  auto-recovery-supported bare-metal burstable-performance-supported current-generation
  dedicated-hosts-supported ebs-info.attachment-limit-type ebs-info.maximum-ebs-attachments
  ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps ebs-info.ebs-optimized-info.baseline-iops
  ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps ebs-info.ebs-optimized-info.maximum-iops
  ebs-info.ebs-optimized-support ebs-info.encryption-support ebs-info.nvme-support free-tier-eligible
  hibernation-supported hypervisor instance-storage-info.disk.count instance-storage-info.disk.type
  instance-storage-info.encryption-support instance-storage-info.nvme-support
  instance-storage-info.total-size-in-gb instance-storage-supported instance-type
  network-info.bandwidth-weightings network-info.efa-info.maximum-efa-interfaces
  network-info.efa-supported network-info.ena-support network-info.flexible-ena-queues-support
  network-info.encryption-in-transit-supported network-info.ipv4-addresses-per-interface
  network-info.ipv6-addresses-per-interface network-info.ipv6-supported network-info.maximum-network-cards
  network-info.maximum-network-interfaces network-info.network-performance nitro-enclaves-support
  nitro-tpm-support nitro-tpm-info.supported-versions processor-info.supported-architecture
  processor-info.sustained-clock-speed-in-ghz processor-info.supported-features reboot-migration-support
  supported-boot-mode supported-root-device-type supported-virtualization-type]], {
  ["ebs-info.ebs-optimized-info.baseline-throughput-in-mbps"] =
    "EbsInfo.EbsOptimizedInfo.BaselineThroughputInMBps",
  ["ebs-info.ebs-optimized-info.maximum-throughput-in-mbps"] =
    "EbsInfo.EbsOptimizedInfo.MaximumThroughputInMBps",
  ["instance-storage-info.disk.size-in-gb"] = "InstanceStorageInfo.Disks.SizeInGB",
  ["instance-storage-info.total-size-in-gb"] = "InstanceStorageInfo.TotalSizeInGB",
  ["memory-info.size-in-mib"] = "MemoryInfo.SizeInMiB", ["supported-usage-class"] = "SupportedUsageClasses",
  ["vcpu-info.default-cores"] = "VCpuInfo.DefaultCores",
  ["vcpu-info.default-threads-per-core"] = "VCpuInfo.DefaultThreadsPerCore",
  ["vcpu-info.default-vcpus"] = "VCpuInfo.DefaultVCpus", ["vcpu-info.valid-cores"] = "VCpuInfo.ValidCores",
  ["vcpu-info.valid-threads-per-core"] = "VCpuInfo.ValidThreadsPerCore",
})

function operations.DescribeInstanceTypes(_, params)
  local list = {}
  for _, name in ipairs(params.InstanceTypes or catalog.names()) do
    list[#list + 1] = M.get(name) or fault.raise("InvalidInstanceType",
      "The following supplied instance types do not exist: [%s]", name)
  end
  return { InstanceTypes = filter.select(FILTERS, list, params.Filters) }
end

local OFFERING = filter.map("DescribeInstanceTypeOfferings", "instance-type location")

function operations.DescribeInstanceTypeOfferings(call, params)
  local kind, list = params.LocationType or "region", {}
  local places = { { name = call.region, id = "" } }
  if kind ~= "region" then places = zones.of(call.region) end
  for _, place in ipairs(places) do
    for _, name in ipairs(catalog.names()) do
      if M.offered(place.id, name) then
        list[#list + 1] = {
          InstanceType = name, LocationType = kind,
          Location = kind == "availability-zone-id" and place.id or place.name,
        }
      end
    end
  end
  return {
    InstanceTypeOfferings = filter.select(OFFERING, list, params.Filters),
  }
end

function operations.GetInstanceTypesFromInstanceRequirements(_, params)
  local list = json.array {}
  for _, name in ipairs(M.matching(params.InstanceRequirements)) do
    local arch = M.get(name).ProcessorInfo.SupportedArchitectures[1]
    for _, wanted in ipairs(params.ArchitectureTypes) do
      if wanted == arch then list[#list + 1] = { InstanceType = name } end
    end
  end
  return { InstanceTypes = list }
end

return M
