--- Which types of instances a managed node group may have.
local support = require "eksrun.sandbox.eks.support"
local types = require "eksrun.sandbox.ec2.instance_type"
local util = require "eksrun.util"

local M = {}

local function refuse_those(names, wrong, message, ...)
  local found = {}
  for _, name in ipairs(names) do
    if wrong(name) then found[#found + 1] = name end
  end
  if found[1] then support.refuse_parameter(message, table.concat(found, ", "), ...) end
end

--- The types that a group names, or gets where its template names none.
--- @param given string[]?
--- @param images string amiType
--- @param data table? of its launch template
--- @return string[]?
function M.of_group(given, images, data)
  if data and data.InstanceType and given then
    support.refuse_parameter("You cannot specify an instance type in both launch template and node group")
  end
  refuse_those(given or {}, function(name) return not types.exists(name) end,
    "The following supplied instance types do not exist: [%s]")
  local architecture = images:find "ARM_64" and "arm64" or images:find "x86_64" and "x86_64"
  refuse_those(architecture and given or {}, function(name)
    local known = types.get(name) -- not every type that exists is described
    return known and not util.contains(known.ProcessorInfo.SupportedArchitectures, architecture)
  end, "[%s] is not a valid instance type for requested amiType %s", images)
  return given or not (data and data.InstanceType) and { "t3.medium" } or nil
end

return M
