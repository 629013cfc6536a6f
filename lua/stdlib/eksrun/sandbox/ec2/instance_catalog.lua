--- EC2: the types of instances that clusters use, as facts: what schedulers and installers read of them.
local util = require "eksrun.util"

local M = {}

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
  fifth_amd = { "10", ["12xlarge"] = "10", ["16xlarge"] = "12", ["24xlarge"] = "20" },
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
  m5 = { 4, "Intel", 3.1, "fifth", FIFTH }, m5a = { 4, "AMD", 2.5, "fifth_amd", FIFTH },
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

-- Types of no such pattern: vCPUs, MiB, interfaces, addresses of one, network; how many accelerators, local
-- disks and GB of each, network cards.
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
      accelerator = accelerator, accelerators = row[6], memory = memory, disks = row[7], disk = row[8],
      cards = row[9],
    }
  end
end

accelerated("g4dn", "Intel", 2.5, "T4", 16384, {
  xlarge = { 4, 16, 3, 10, "Up to 25", 1, 1, 125 }, ["2xlarge"] = { 8, 32, 3, 10, "Up to 25", 1, 1, 225 },
  ["4xlarge"] = { 16, 64, 3, 10, "Up to 25", 1, 1, 225 }, ["8xlarge"] = { 32, 128, 4, 15, "50", 1, 1, 900 },
  ["12xlarge"] = { 48, 192, 8, 30, "50", 4, 1, 900 }, ["16xlarge"] = { 64, 256, 4, 15, "50", 1, 1, 900 },
})
accelerated("g5", "AMD", 3.3, "A10G", 22888, {
  xlarge = { 4, 16, 4, 15, "Up to 10", 1, 1, 250 }, ["2xlarge"] = { 8, 32, 4, 15, "Up to 10", 1, 1, 450 },
  ["4xlarge"] = { 16, 64, 8, 30, "Up to 25", 1, 1, 600 }, ["8xlarge"] = { 32, 128, 8, 30, "25", 1, 1, 900 },
  ["12xlarge"] = { 48, 192, 15, 50, "40", 4, 1, 3800 }, ["16xlarge"] = { 64, 256, 8, 30, "25", 1, 1, 1900 },
  ["24xlarge"] = { 96, 384, 15, 50, "50", 4, 1, 3800 }, ["48xlarge"] = { 192, 768, 7, 50, "100", 8, 2, 3800 },
})
accelerated("g6", "AMD", 3.4, "L4", 22888, {
  xlarge = { 4, 16, 4, 15, "Up to 10", 1, 1, 250 }, ["2xlarge"] = { 8, 32, 4, 15, "Up to 10", 1, 1, 450 },
  ["4xlarge"] = { 16, 64, 8, 30, "Up to 25", 1, 1, 600 }, ["8xlarge"] = { 32, 128, 8, 30, "25", 1, 2, 450 },
  ["12xlarge"] = { 48, 192, 8, 30, "40", 4, 4, 940 }, ["16xlarge"] = { 64, 256, 15, 50, "25", 1, 2, 940 },
  ["24xlarge"] = { 96, 384, 15, 50, "50", 4, 4, 940 }, ["48xlarge"] = { 192, 768, 15, 50, "100", 8, 8, 940 },
})
accelerated("p4d", "Intel", 3.0, "A100", 40960, {
  ["24xlarge"] = { 96, 1152, 60, 50, "4x 100", 8, 8, 1000, 4 },
})
accelerated("p5", "AMD", 3.6, "H100", 81920, {
  ["48xlarge"] = { 192, 2048, 64, 50, "3200", 8, 8, 3800, 32 },
})
accelerated("inf2", "AMD", 3.6, "Inferentia2", 32768, {
  xlarge = { 4, 16, 4, 15, "Up to 15", 1 }, ["8xlarge"] = { 32, 128, 8, 30, "Up to 25", 1 },
  ["24xlarge"] = { 96, 384, 15, 50, "50", 6 }, ["48xlarge"] = { 192, 768, 15, 50, "100", 12 },
})
accelerated("trn1", "Intel", 3.5, "Trainium", 32768, {
  ["2xlarge"] = { 8, 32, 4, 15, "Up to 12.5", 1, 1, 474 },
  ["32xlarge"] = { 128, 512, 40, 50, "8x 100", 16, 4, 1900, 8 },
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
    net = of[4], largest = of[5]:match "%S+$" == size,
  }
end

local function supported(value) return value and "supported" or "unsupported" end

-- AWS's own accelerators have drivers of their own.
local function is_neuron(name) return name:find "^inf" ~= nil or name:find "^trn" ~= nil end

local function accelerators(name, row)
  if not row.accelerator then return nil, nil end
  local total, memory = row.accelerators * row.memory, { SizeInMiB = row.memory }
  if is_neuron(name) then
    return nil, {
      TotalNeuronDeviceMemoryInMiB = total,
      NeuronDevices = {
        { Name = row.accelerator, Count = row.accelerators, CoreInfo = { Count = 2, Version = 2 },
          MemoryInfo = memory },
      },
    }
  end
  return {
    TotalGpuMemoryInMiB = total,
    Gpus = { { Name = row.accelerator, Manufacturer = "NVIDIA", Count = row.accelerators,
      MemoryInfo = memory } },
  }
end

local function storage(row)
  return row.disks and {
    TotalSizeInGB = row.disks * row.disk, NvmeSupport = "required", EncryptionSupport = "required",
    Disks = { { Count = row.disks, SizeInGB = row.disk, Type = "ssd" } },
  } or nil
end

-- Whether nodes of a type may talk past their kernel: the largest of the newer families, and accelerated
-- ones.
local function has_efa(name, row)
  if row.accelerator then return row[1] >= 32 and not name:find "^inf" end
  return row.largest and row.net ~= "fifth" and row.net ~= "fifth_amd" and row.net ~= "graviton2"
    or name:find "8g%.24xlarge$" ~= nil
end

local function network(name, row)
  local count, cards = row.cards or 1, {}
  for i = 1, count do
    cards[i] = {
      NetworkCardIndex = i - 1, MaximumNetworkInterfaces = row[3] // count,
      NetworkPerformance = count > 1 and "100 Gigabit" or row[5],
    }
  end
  local old = row.burst or row.net == "fifth" or row.net == "fifth_amd" or row.net == "graviton2"
  return {
    NetworkPerformance = row[5], MaximumNetworkInterfaces = row[3], MaximumNetworkCards = count,
    DefaultNetworkCardIndex = 0, Ipv4AddressesPerInterface = row[4], Ipv6AddressesPerInterface = row[4],
    Ipv6Supported = true, EnaSupport = "required", EfaSupported = has_efa(name, row), NetworkCards = cards,
    EncryptionInTransitSupported = not old,
  }
end

-- Types of the free tier, and families that AWS calls old.
local FREE = { ["t3.micro"] = true, ["t3.small"] = true, ["t4g.micro"] = true, ["t4g.small"] = true }
local PREVIOUS = { m5 = true, c5 = true, r5 = true, m6i = true, r6i = true }

-- As DescribeInstanceTypes shows it.
local function shown(name, row)
  local arm, vcpus = row.maker == "AWS", row[1]
  local threads = (arm or vcpus == 1 or name:find "^[mcr]7a%.") and 1 or 2
  local gpus, neuron = accelerators(name, row)
  local bios = name:find "^p4d" or name:find "^trn1"
  return {
    InstanceType = name, CurrentGeneration = not PREVIOUS[name:match "^%w+"],
    FreeTierEligible = FREE[name] or false, SupportedRootDeviceTypes = { "ebs" },
    SupportedUsageClasses = row.cards and { "capacity-block", "on-demand", "spot" } or { "on-demand",
      "spot" },
    SupportedVirtualizationTypes = { "hvm" }, BareMetal = false, Hypervisor = "nitro",
    ProcessorInfo = {
      SupportedArchitectures = { arm and "arm64" or "x86_64" }, SustainedClockSpeedInGhz = row.clock,
      Manufacturer = row.maker,
    },
    VCpuInfo = {
      DefaultVCpus = vcpus, DefaultCores = vcpus // threads, DefaultThreadsPerCore = threads,
      ValidThreadsPerCore = vcpus > 1 and not name:find "^g5%."
        and (threads == 2 and { 1, 2 } or { 1 }) or nil,
    },
    MemoryInfo = { SizeInMiB = row[2] }, InstanceStorageSupported = row.disks ~= nil,
    InstanceStorageInfo = storage(row),
    EbsInfo = { EbsOptimizedSupport = "default", EncryptionSupport = "supported", NvmeSupport = "required" },
    NetworkInfo = network(name, row), GpuInfo = gpus, NeuronInfo = neuron,
    PlacementGroupInfo = {
      SupportedStrategies = row.burst and { "partition", "spread" } or { "cluster", "partition", "spread" },
    },
    BurstablePerformanceSupported = row.burst or false, AutoRecoverySupported = not row.accelerator,
    SupportedBootModes = arm and { "uefi" } or bios and { "legacy-bios" } or { "legacy-bios", "uefi" },
    NitroEnclavesSupport = supported(not row.burst and vcpus >= (arm and 2 or 4) and not name:find "^trn1"),
    NitroTpmSupport = supported(not bios),
    RebootMigrationSupport = supported(not row.accelerator or name:find "^inf" ~= nil),
  }
end

local known = {}

--- A type, as DescribeInstanceTypes shows it.
--- @param name string?
--- @return table? nil when there is none of that name; the same table each time, not to be changed
function M.get(name)
  if name and known[name] then return known[name] end
  local family, size = (name or ""):match "^([%w-]+)%.(%w+)$"
  local row = OTHERS[name] or family and SIZES[size] and family_row(family, size)
  if row then known[name] = shown(name, row) end
  return row and known[name]
end

local all

--- @return string[] sorted
function M.names()
  if all then return all end
  all = util.sorted_keys(OTHERS)
  for family, row in pairs(FAMILIES) do
    for size in row[5]:gmatch "%S+" do all[#all + 1] = family .. "." .. size end
  end
  table.sort(all)
  return all
end

return M
