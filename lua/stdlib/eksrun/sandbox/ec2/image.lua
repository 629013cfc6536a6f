--- EC2: images, those that AWS publishes for clusters. Their ids are the ones that SSM's public parameters
--- name.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local versions = require "eksrun.sandbox.eks.versions"

local M = { operations = {} }
local operations = M.operations

-- The day that images were made on, in names and as a time.
local DAY, MADE = "20251120", "2025-11-20T08:00:00.000Z"

-- Accounts of AWS's that own images.
local OWNERS = { eks = "602401143452", bottlerocket = "092701018921", amazon = "137112412989" }

--- The id of the image that a public parameter names.
--- @param call eksrun.sandbox.Call
--- @param parameter string "/aws/service/eks/optimized-ami/1.34/.../recommended/image_id"
--- @return string
function M.id(call, parameter)
  return "ami-0" .. call.world:hash(call.region, parameter):sub(1, 16)
end

local function image(call, parameter, fields)
  local arm = parameter:find "arm64" ~= nil
  local device = fields.device or "/dev/xvda"
  local id = M.id(call, parameter)
  local mappings = json.array {}
  for i, disk in ipairs(fields.disks) do
    mappings[i] = {
      DeviceName = i == 1 and device or "/dev/xvdb",
      Ebs = { DeleteOnTermination = true, SnapshotId = "snap-0" .. call.world:hash("snap", id, i):sub(1, 16),
        VolumeSize = disk, VolumeType = fields.volume or "gp3", Encrypted = false },
    }
  end
  return {
    ImageId = id, Name = fields.name, Description = fields.description, OwnerId = OWNERS[fields.owner],
    ImageOwnerAlias = "amazon", ImageLocation = "amazon/" .. fields.name, Architecture = arm and "arm64"
    or "x86_64",
    CreationDate = MADE, DeprecationTime = "2027-11-20T08:00:00.000Z", ImageType = "machine", Public = true,
    State = "available", RootDeviceName = device, RootDeviceType = "ebs", BlockDeviceMappings = mappings,
    VirtualizationType = "hvm", Hypervisor = "xen", EnaSupport = true, SriovNetSupport = "simple",
    PlatformDetails = "Linux/UNIX", UsageOperation = "RunInstances", ProductCodes = json.array {},
    BootMode = arm and "uefi" or "uefi-preferred", ImdsSupport = "v2.0", Tags = json.array {},
    FreeTierEligible = false,
  }
end

local function al2023(call, list, version, arch)
  local variants = arch == "arm64" and { "standard", "nvidia" } or { "standard", "nvidia", "neuron" }
  for _, variant in ipairs(variants) do
    local parameter = ("/aws/service/eks/optimized-ami/%s/amazon-linux-2023/%s/%s/recommended/image_id")
      :format(version, arch, variant)
    list[#list + 1] = image(call, parameter, {
      name = ("amazon-eks-node-al2023-%s-%s-%s-v%s"):format(arch, variant, version, DAY), owner = "eks",
      description = ("EKS-optimized Kubernetes node based on Amazon Linux 2023, (k8s: %s.0, containerd: "
      .. "2.1.*)")
        :format(version), disks = { 20 },
    })
  end
end

local function bottlerocket(call, list, version, arch)
  for _, variant in ipairs { "", "-nvidia" } do
    local parameter = ("/aws/service/bottlerocket/aws-k8s-%s%s/%s/latest/image_id"):format(version, variant,
      arch)
    list[#list + 1] = image(call, parameter, {
      name = ("bottlerocket-aws-k8s-%s%s-%s-v1.50.0-2c2e2e5b"):format(version, variant, arch == "arm64"
        and "aarch64"
        or arch), owner = "bottlerocket", disks = { 2, 20 },
      description = "Bottlerocket for Kubernetes " .. version,
    })
  end
end

-- By the amiType of node groups: the parameter of its image.
local NODES = {
  AL2023_x86_64_STANDARD = "eks/optimized-ami/%s/amazon-linux-2023/x86_64/standard/recommended",
  AL2023_ARM_64_STANDARD = "eks/optimized-ami/%s/amazon-linux-2023/arm64/standard/recommended",
  AL2023_x86_64_NVIDIA = "eks/optimized-ami/%s/amazon-linux-2023/x86_64/nvidia/recommended",
  AL2023_ARM_64_NVIDIA = "eks/optimized-ami/%s/amazon-linux-2023/arm64/nvidia/recommended",
  AL2023_x86_64_NEURON = "eks/optimized-ami/%s/amazon-linux-2023/x86_64/neuron/recommended",
  BOTTLEROCKET_x86_64 = "bottlerocket/aws-k8s-%s/x86_64/latest",
  BOTTLEROCKET_ARM_64 = "bottlerocket/aws-k8s-%s/arm64/latest",
  BOTTLEROCKET_x86_64_NVIDIA = "bottlerocket/aws-k8s-%s-nvidia/x86_64/latest",
  BOTTLEROCKET_ARM_64_NVIDIA = "bottlerocket/aws-k8s-%s-nvidia/arm64/latest",
}

--- The image that EKS starts managed nodes from.
--- @param call eksrun.sandbox.Call
--- @param kind string amiType
--- @param version string of Kubernetes
--- @return string
function M.of_nodes(call, kind, version)
  local name = (NODES[kind] or "eks/optimized-ami/%s/" .. kind):format(version)
  return M.id(call, ("/aws/service/%s/image_id"):format(name))
end

local function published(call)
  local list = {}
  for _, arch in ipairs { "x86_64", "arm64" } do
    for _, kubernetes in ipairs(versions.list) do
      al2023(call, list, kubernetes.version, arch)
      bottlerocket(call, list, kubernetes.version, arch)
    end
    list[#list + 1] = image(call,
      ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-%s"):format(arch), {
        name = ("al2023-ami-2023.9.20251117.1-kernel-6.1-%s"):format(arch), owner = "amazon", disks = { 8 },
        description = ("Amazon Linux 2023 AMI 2023.9.20251117.1 %s HVM kernel-6.1"):format(arch),
      })
  end
  return list
end

-- By world and region: the images, which stay as they are.
local kept = setmetatable({}, { __mode = "k" })

-- All images that AWS publishes.
local function published_once(call)
  local regions = kept[call.world] or {}
  kept[call.world] = regions
  regions[call.region] = regions[call.region] or published(call)
  return regions[call.region]
end

--- @param call eksrun.sandbox.Call
--- @param id string?
--- @return table?
function M.get(call, id)
  for _, found in ipairs(published_once(call)) do
    if found.ImageId == id then return found end
  end
end

--- An image that has to be there.
--- @param call eksrun.sandbox.Call
--- @param id string
--- @return table
function M.need(call, id)
  if not id:find "^ami%-%x+$" or (#id ~= 12 and #id ~= 21) then
    fault.raise("InvalidAMIID.Malformed", 'Invalid id: "%s" (expecting "ami-...")', id)
  end
  return M.get(call, id)
    or fault.raise("InvalidAMIID.NotFound", "The image id '[%s]' does not exist", id)
end

local IMAGE = filter.map("DescribeImages", [[
  architecture creation-date description ena-support free-tier-eligible hypervisor image-allowed image-id
  image-type kernel-id name owner-id platform product-code.type ramdisk-id root-device-name root-device-type
  source-image-id source-image-region source-instance-id state state-reason-code sriov-net-support
  virtualization-type]], {
  ["block-device-mapping.delete-on-termination"] = "BlockDeviceMappings.Ebs.DeleteOnTermination",
  ["block-device-mapping.device-name"] = "BlockDeviceMappings.DeviceName",
  ["block-device-mapping.snapshot-id"] = "BlockDeviceMappings.Ebs.SnapshotId",
  ["block-device-mapping.volume-size"] = "BlockDeviceMappings.Ebs.VolumeSize",
  ["block-device-mapping.volume-type"] = "BlockDeviceMappings.Ebs.VolumeType",
  ["block-device-mapping.encrypted"] = "BlockDeviceMappings.Ebs.Encrypted", ["is-public"] = "Public",
  ["manifest-location"] = "ImageLocation", ["owner-alias"] = "ImageOwnerAlias",
  ["product-code"] = "ProductCodes.ProductCodeId", ["product-code.type"] = "ProductCodes.ProductCodeType",
  ["state-reason-code"] = "StateReason.Code", ["state-reason-message"] = "StateReason.Message",
})

local function owned(found, owners)
  for _, owner in ipairs(owners) do
    if owner == found.OwnerId or owner == found.ImageOwnerAlias then return true end
  end
  return false
end

function operations.DescribeImages(call, params)
  local list, owners = {}, params.Owners
  if params.ImageIds then
    for i, id in ipairs(params.ImageIds) do list[i] = M.need(call, id) end
  else
    list = published_once(call)
  end
  local out = json.array {}
  for _, found in ipairs(filter.select(IMAGE, list, params.Filters)) do
    if not owners or owned(found, owners) then out[#out + 1] = found end
  end
  return { Images = out }
end

return M
