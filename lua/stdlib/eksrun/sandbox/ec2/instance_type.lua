--- EC2: the types of instances that clusters use, with what schedulers and installers read of them.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local util = require "eksrun.util"
local zones = require "eksrun.sandbox.ec2.zone"

local M = { operations = {} }
local operations = M.operations

-- By size: vCPUs, interfaces, IPv4 addresses of an interface.
local SIZES = {
  medium = { 1, 2, 4 }, large = { 2, 3, 10 }, xlarge = { 4, 4, 15 }, ["2xlarge"] = { 8, 4, 15 },
  ["4xlarge"] = { 16, 8, 30 }, ["8xlarge"] = { 32, 8, 30 }, ["9xlarge"] = { 36, 8, 30 },
  ["12xlarge"] = { 48, 8, 30 }, ["16xlarge"] = { 64, 15, 50 }, ["18xlarge"] = { 72, 15, 50 },
  ["24xlarge"] = { 96, 15, 50 }, ["32xlarge"] = { 128, 15, 50 }, ["48xlarge"] = { 192, 15, 50 },
}

-- Bandwidth in Gbit/s: up to what small sizes go, and what large ones have.
local NETWORKS = {
  fifth = { "10", ["8xlarge"] = "10", ["9xlarge"] = "12", ["12xlarge"] = "12", ["16xlarge"] = "20",
    ["18xlarge"] = "25", ["24xlarge"] = "25" },
  sixth = { "12.5", ["8xlarge"] = "12.5", ["12xlarge"] = "18.75", ["16xlarge"] = "25", ["24xlarge"] = "37.5",
    ["32xlarge"] = "50", ["48xlarge"] = "50" },
  graviton2 = { "10", ["8xlarge"] = "12", ["12xlarge"] = "20", ["16xlarge"] = "25" },
  graviton3 = { "12.5", ["8xlarge"] = "15", ["12xlarge"] = "22.5", ["16xlarge"] = "30", ["24xlarge"] = "40",
    ["48xlarge"] = "50" },
}

local FIFTH = "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"
local C5 = "large xlarge 2xlarge 4xlarge 9xlarge 12xlarge 18xlarge 24xlarge"
local SIXTH = FIFTH .. " 32xlarge"
local SEVENTH = FIFTH .. " 48xlarge"
local GRAVITON = "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"
local EIGHTH = GRAVITON .. " 24xlarge 48xlarge"

-- Families: GiB for a vCPU, maker, GHz, network, sizes.
local FAMILIES = {
  m5 = { 4, "Intel", 3.1, "fifth", FIFTH }, m5a = { 4, "AMD", 2.5, "fifth", FIFTH },
  c5 = { 2, "Intel", 3.6, "fifth", C5 }, r5 = { 8, "Intel", 3.1, "fifth", FIFTH },
  m6i = { 4, "Intel", 3.5, "sixth", SIXTH }, c6i = { 2, "Intel", 3.5, "sixth", SIXTH },
  r6i = { 8, "Intel", 3.5, "sixth", SIXTH }, m6a = { 4, "AMD", 3.6, "sixth", SIXTH .. " 48xlarge" },
  c6a = { 2, "AMD", 3.6, "sixth", SIXTH .. " 48xlarge" },
  r6a = { 8, "AMD", 3.6, "sixth", SIXTH .. " 48xlarge" },
  m7i = { 4, "Intel", 3.2, "sixth", SEVENTH }, c7i = { 2, "Intel", 3.2, "sixth", SEVENTH },
  r7i = { 8, "Intel", 3.2, "sixth", SEVENTH },
  m7a = { 4, "AMD", 3.7, "sixth", "medium " .. SIXTH .. " 48xlarge" },
  c7a = { 2, "AMD", 3.7, "sixth", "medium " .. SIXTH .. " 48xlarge" },
  r7a = { 8, "AMD", 3.7, "sixth", "medium " .. SIXTH .. " 48xlarge" },
  m6g = { 4, "AWS", 2.5, "graviton2", GRAVITON }, c6g = { 2, "AWS", 2.5, "graviton2", GRAVITON },
  r6g = { 8, "AWS", 2.5, "graviton2", GRAVITON }, m7g = { 4, "AWS", 2.6, "graviton3", GRAVITON },
  c7g = { 2, "AWS", 2.6, "graviton3", GRAVITON }, r7g = { 8, "AWS", 2.6, "graviton3", GRAVITON },
  m8g = { 4, "AWS", 2.8, "graviton3", EIGHTH }, c8g = { 2, "AWS", 2.8, "graviton3", EIGHTH },
  r8g = { 8, "AWS", 2.8, "graviton3", EIGHTH },
}

-- Types of no such pattern: vCPUs, MiB, interfaces, addresses of one, network; accelerators: count, name, MiB
-- of each.
local OTHERS = {}

for _, family in ipairs { { "t3", "Intel", 2.5 }, { "t3a", "AMD", 2.2 }, { "t4g", "AWS", 2.5 } } do
  local name = family[1]
  local small = name == "t3a" and 2 or 3
  for size, row in pairs {
    nano = { 2, 512, 2, 2 }, micro = { 2, 1024, 2, 2 }, small = { 2, 2048, small, 4 },
    medium = { 2, 4096, 3, 6 }, large = { 2, 8192, 3, 12 }, xlarge = { 4, 16384, 4, 15 },
    ["2xlarge"] = { 8, 32768, 4, 15 },
  } do
    OTHERS[name .. "." .. size] = {
      row[1], row[2], row[3], row[4], "Up to 5 Gigabit", maker = family[2], clock = family[3], burst = true,
    }
  end
end

local function accelerated(family, maker, clock, accelerator, memory, rows)
  for size, row in pairs(rows) do
    OTHERS[family .. "." .. size] = {
      row[1], row[2] * 1024, row[3], row[4], row[5] .. " Gigabit", maker = maker, clock = clock,
      accelerator = accelerator, accelerators = row[6], memory = memory,
    }
  end
end

accelerated("g4dn", "Intel", 2.5, "T4", 16384, {
  xlarge = { 4, 16, 3, 10, "Up to 25", 1 }, ["2xlarge"] = { 8, 32, 3, 10, "Up to 25", 1 },
  ["4xlarge"] = { 16, 64, 3, 10, "Up to 25", 1 }, ["8xlarge"] = { 32, 128, 4, 15, "50", 1 },
  ["12xlarge"] = { 48, 192, 8, 30, "50", 4 }, ["16xlarge"] = { 64, 256, 4, 15, "50", 1 },
})
accelerated("g5", "AMD", 3.3, "A10G", 22888, {
  xlarge = { 4, 16, 4, 15, "Up to 10", 1 }, ["2xlarge"] = { 8, 32, 4, 15, "Up to 10", 1 },
  ["4xlarge"] = { 16, 64, 8, 30, "Up to 25", 1 }, ["8xlarge"] = { 32, 128, 8, 30, "25", 1 },
  ["12xlarge"] = { 48, 192, 15, 50, "40", 4 }, ["16xlarge"] = { 64, 256, 8, 30, "25", 1 },
  ["24xlarge"] = { 96, 384, 15, 50, "50", 4 }, ["48xlarge"] = { 192, 768, 7, 50, "100", 8 },
})
accelerated("g6", "AMD", 3.4, "L4", 22888, {
  xlarge = { 4, 16, 4, 15, "Up to 10", 1 }, ["2xlarge"] = { 8, 32, 4, 15, "Up to 10", 1 },
  ["4xlarge"] = { 16, 64, 8, 30, "Up to 25", 1 }, ["8xlarge"] = { 32, 128, 8, 30, "25", 1 },
  ["12xlarge"] = { 48, 192, 8, 30, "40", 4 }, ["16xlarge"] = { 64, 256, 15, 50, "25", 1 },
  ["24xlarge"] = { 96, 384, 15, 50, "50", 4 }, ["48xlarge"] = { 192, 768, 15, 50, "100", 8 },
})
accelerated("p4d", "Intel", 3.0, "A100", 40960, { ["24xlarge"] = { 96, 1152, 60, 50, "4x 100", 8 } })
accelerated("p5", "AMD", 3.6, "H100", 81920, { ["48xlarge"] = { 192, 2048, 64, 50, "3200", 8 } })
accelerated("inf2", "AMD", 3.6, "Inferentia2", 32768, {
  xlarge = { 4, 16, 4, 15, "Up to 15", 1 }, ["8xlarge"] = { 32, 128, 8, 30, "Up to 25", 1 },
  ["24xlarge"] = { 96, 384, 15, 50, "50", 6 }, ["48xlarge"] = { 192, 768, 15, 50, "100", 12 },
})
accelerated("trn1", "Intel", 3.5, "Trainium", 32768, {
  ["2xlarge"] = { 8, 32, 4, 15, "Up to 12.5", 1 }, ["32xlarge"] = { 128, 512, 40, 50, "8x 100", 16 },
})

local function network_of(name, size)
  local net = NETWORKS[name]
  if net[size] then return net[size] .. " Gigabit" end
  local wide = name == "graviton3" and (size == "2xlarge" or size == "4xlarge")
  return ("Up to %s Gigabit"):format(wide and "15" or net[1])
end

local function family_row(family, size)
  local of = FAMILIES[family]
  if not of or not (" " .. of[5] .. " "):find(" " .. size .. " ", 1, true) then return nil end
  local row = SIZES[size]
  return {
    row[1], row[1] * of[1] * 1024, row[2], row[3], network_of(of[4], size), maker = of[2], clock = of[3],
  }
end

local function disabled(value) return value and "supported" or "unsupported" end

-- As DescribeInstanceTypes shows it.
local function shown(name, row)
  local arm, vcpus = row.maker == "AWS", row[1]
  local threads = (arm or vcpus == 1 or name:find "^[mcr]7a%.") and 1 or 2
  local neuron = name:find "^inf" or name:find "^trn"
  return {
    InstanceType = name, CurrentGeneration = true, FreeTierEligible = name == "t3.micro",
    SupportedUsageClasses = { "on-demand", "spot" }, SupportedRootDeviceTypes = { "ebs" },
    SupportedVirtualizationTypes = { "hvm" }, BareMetal = false, Hypervisor = "nitro",
    ProcessorInfo = {
      SupportedArchitectures = { arm and "arm64" or "x86_64" }, SustainedClockSpeedInGhz = row.clock,
      Manufacturer = row.maker,
    },
    VCpuInfo = {
      DefaultVCpus = vcpus, DefaultCores = vcpus // threads, DefaultThreadsPerCore = threads,
      ValidThreadsPerCore = threads == 2 and { 1, 2 } or { 1 },
    },
    MemoryInfo = { SizeInMiB = row[2] }, InstanceStorageSupported = false,
    EbsInfo = {
      EbsOptimizedSupport = "default", EncryptionSupport = "supported", NvmeSupport = "required",
      AttachmentLimitType = "shared", MaximumEbsAttachments = 28,
    },
    NetworkInfo = {
      NetworkPerformance = row[5], MaximumNetworkInterfaces = row[3], MaximumNetworkCards = 1,
      DefaultNetworkCardIndex = 0, Ipv4AddressesPerInterface = row[4], Ipv6AddressesPerInterface = row[4],
      Ipv6Supported = true, EnaSupport = "required", EfaSupported = vcpus >= 96,
      EncryptionInTransitSupported = true,
      NetworkCards = {
        { NetworkCardIndex = 0, NetworkPerformance = row[5], MaximumNetworkInterfaces = row[3] },
      },
    },
    GpuInfo = row.accelerator and not neuron and {
      TotalGpuMemoryInMiB = row.accelerators * row.memory,
      Gpus = {
        { Name = row.accelerator, Manufacturer = "NVIDIA", Count = row.accelerators,
          MemoryInfo = { SizeInMiB = row.memory } },
      },
    } or nil,
    NeuronInfo = neuron and {
      TotalNeuronDeviceMemoryInMiB = row.accelerators * row.memory,
      NeuronDevices = {
        { Name = row.accelerator, Count = row.accelerators, CoreInfo = { Count = 2, Version = 2 },
          MemoryInfo = { SizeInMiB = row.memory } },
      },
    } or nil,
    PlacementGroupInfo = { SupportedStrategies = { "cluster", "partition", "spread" } },
    HibernationSupported = not row.accelerator, BurstablePerformanceSupported = row.burst or false,
    DedicatedHostsSupported = not row.burst, AutoRecoverySupported = not row.accelerator,
    SupportedBootModes = arm and { "uefi" } or { "legacy-bios", "uefi" },
    NitroEnclavesSupport = disabled(not row.burst and vcpus >= 4),
    NitroTpmSupport = disabled(not arm), RebootMigrationSupport = "supported",
  }
end

--- A type, as DescribeInstanceTypes shows it.
--- @param name string?
--- @return table? nil when there is none of that name
function M.get(name)
  local family, size = (name or ""):match "^([%w-]+)%.(%w+)$"
  local row = OTHERS[name] or family and SIZES[size] and family_row(family, size)
  return row and shown(name, row) or nil
end

local all

local function names()
  if all then return all end
  all = util.sorted_keys(OTHERS)
  for family, row in pairs(FAMILIES) do
    for size in row[5]:gmatch "%S+" do all[#all + 1] = family .. "." .. size end
  end
  table.sort(all)
  return all
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
    if filter.like(name, pattern) then return true end
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
  for _, name in ipairs(names()) do
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
  for _, name in ipairs(params.InstanceTypes or names()) do
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
    for _, name in ipairs(names()) do
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
