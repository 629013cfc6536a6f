--- Which Amazon Linux image an EC2 instance type wants, told by the type's name alone: no call, no table
--- to keep current. AWS names by rule: a `g` right behind the generation is Graviton (m7g, c7gn, is4gen),
--- families g, gr and p carry NVIDIA GPUs (g4ad: AMD), inf and trn are Neuron.

local M = {}

--- @class eksrun.ami.Traits
--- @field architecture "x86_64"|"arm64"
--- @field accelerator "nvidia"|"neuron"|nil

--- What the name of an instance type says. Raises at the caller when it is no such name.
--- @param instance_type string such as "m7g.large"
--- @return eksrun.ami.Traits
function M.traits(instance_type)
  local family = type(instance_type) == "string" and instance_type:match("^([%l%d-]+)%.[%l%d-]+$")
  if not family then
    error(("'%s' is not an instance type such as m7g.large"):format(tostring(instance_type)), 2)
  end
  local letters, generation, suffix = family:match("^(%l+)(%d+)(.*)$")
  local arm = suffix and (suffix:find("^g") or suffix:find("%-gb%d")) or family == "a1"
  local accelerator
  if letters == "p" or letters == "gr" or (letters == "g" and generation .. suffix ~= "4ad") then
    accelerator = "nvidia"
  elseif letters == "inf" or letters == "trn" then
    accelerator = "neuron"
  end
  return { architecture = arm and "arm64" or "x86_64", accelerator = accelerator }
end

--- The `amiType` of a managed node group of these instance types: Amazon Linux 2023. Raises at the caller
--- when no one image serves them all.
--- @param instance_types string[]
--- @return string
function M.managed_type(instance_types)
  local first, first_type
  for _, instance_type in ipairs(instance_types) do
    local known, traits = pcall(M.traits, instance_type)
    if not known then error(traits, 2) end
    local processor = traits.architecture == "arm64" and "ARM_64" or "x86_64"
    local ami_type = ("AL2023_%s_%s"):format(processor, (traits.accelerator or "standard"):upper())
    if first_type and ami_type ~= first_type then
      error(("%s and %s need different images: make two node groups"):format(first, instance_type), 2)
    end
    first, first_type = first or instance_type, ami_type
  end
  if not first_type then error("a node group needs at least one instance type", 2) end
  return first_type
end

-- By what is in the middle of an amiType's name, as AL2023_ARM_64_STANDARD; others (CUSTOM) tell none.
local PROCESSORS = { ARM_64 = "arm64", x86_64 = "x86_64" }

--- Which of some instance types cannot run the images of an `amiType`, for their processor is another. Says
--- nothing of those whose names it cannot read.
--- @param ami_type string such as "AL2023_x86_64_STANDARD"
--- @param instance_types string[]
--- @return string? instance_type the first
--- @return string? architecture its own
function M.mismatch(ami_type, instance_types)
  local processor = PROCESSORS[ami_type:match "ARM_64" or ami_type:match "x86_64"]
  if not processor then return nil end
  for _, instance_type in ipairs(instance_types) do
    local known, traits = pcall(M.traits, instance_type)
    if known and traits.architecture ~= processor then return instance_type, traits.architecture end
  end
end

--- The name of the public SSM parameter that holds the newest Amazon Linux 2023 image of EKS for these
--- instance types. Raises at the caller when no one image serves them all.
--- @param version string Kubernetes version, "1.33"
--- @param instance_types string[]
--- @return string
function M.parameter(version, instance_types)
  local known, ami_type = pcall(M.managed_type, instance_types)
  if not known then error(ami_type, 2) end
  local processor, variant = ami_type:match("^AL2023_(.+)_(%u+)$")
  return ("/aws/service/eks/optimized-ami/%s/amazon-linux-2023/%s/%s/recommended/image_id"):format(version,
    processor == "ARM_64" and "arm64" or processor, variant:lower())
end

return M
