--- EC2: attributes of instances, one at a time, and what is read beside them.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local instances = require "eksrun.sandbox.ec2.instance_describe"
local interfaces = require "eksrun.sandbox.ec2.interface"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"
local types = require "eksrun.sandbox.ec2.instance_type"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

-- By the attribute's name: the member of answers, and what it reads.
local ATTRIBUTES = {
  instanceType = { "InstanceType", function(i) return { Value = i.InstanceType } end },
  userData = { "UserData", function(i) return { Value = i._user_data } end },
  disableApiTermination = { "DisableApiTermination", function(i) return { Value = i._keep } end },
  disableApiStop = { "DisableApiStop", function(i) return { Value = i._keep_running } end },
  instanceInitiatedShutdownBehavior = {
    "InstanceInitiatedShutdownBehavior", function(i) return { Value = i._on_shutdown } end,
  },
  rootDeviceName = { "RootDeviceName", function(i) return { Value = i.RootDeviceName } end },
  blockDeviceMapping = { "BlockDeviceMappings", function(i) return i.BlockDeviceMappings end },
  groupSet = { "Groups", function(i) return i.SecurityGroups end },
  ebsOptimized = { "EbsOptimized", function(i) return { Value = i.EbsOptimized } end },
  sourceDestCheck = { "SourceDestCheck", function(i) return { Value = i.SourceDestCheck } end },
  enaSupport = { "EnaSupport", function(i) return { Value = i.EnaSupport } end },
  sriovNetSupport = { "SriovNetSupport", function() return { Value = "simple" } end },
  productCodes = { "ProductCodes", function() return json.array {} end },
  enclaveOptions = { "EnclaveOptions", function(i) return i.EnclaveOptions end },
  kernel = { "KernelId", function() return {} end }, ramdisk = { "RamdiskId", function() return {} end },
}

function operations.DescribeInstanceAttribute(call, params)
  local instance = instances.view(call, support.need(call, "ec2.instance", params.InstanceId))
  local attribute = ATTRIBUTES[params.Attribute]
  if not attribute then
    fault.raise("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.",
      params.Attribute)
  end
  return { InstanceId = instance.InstanceId, [attribute[1]] = attribute[2](instance) }
end

local function need_stopped(instance, what)
  if instance.State.Name ~= "stopped" then
    fault.raise("IncorrectInstanceState", "The instance '%s' is not in the 'stopped' state, in which its %s "
      .. "can "
      .. "be changed.", instance.InstanceId, what)
  end
end

-- An instance that is gone has none any more.
local function first_interface(call, instance)
  local interface = call:get("ec2.network_interface", instance._interfaces[1])
  if interface then return interface end
  fault.raise("IncorrectInstanceState", "The instance '%s' has no network interface.", instance.InstanceId)
end

-- By the member of requests: what it changes.
local CHANGES = {
  InstanceType = function(_, instance, value)
    need_stopped(instance, "type")
    if not types.get(value.Value) then
      fault.raise("InvalidParameterValue", "Invalid value '%s' for InstanceType.", tostring(value.Value))
    end
    instance.InstanceType = value.Value
  end,
  UserData = function(_, instance, value)
    need_stopped(instance, "user data")
    instance._user_data = value.Value
  end,
  DisableApiTermination = function(_, instance, value) instance._keep = value.Value end,
  DisableApiStop = function(_, instance, value) instance._keep_running = value.Value end,
  InstanceInitiatedShutdownBehavior = function(_, instance, value) instance._on_shutdown = value.Value end,
  EbsOptimized = function(_, instance, value) instance.EbsOptimized = value.Value end,
  SourceDestCheck = function(call, instance, value)
    first_interface(call, instance).SourceDestCheck = value.Value
  end,
  Groups = function(call, instance, value)
    local interface = first_interface(call, instance)
    interface.Groups = interfaces.groups(call, value, interface.VpcId)
  end,
}

function operations.ModifyInstanceAttribute(call, params)
  local instance = support.need(call, "ec2.instance", params.InstanceId)
  local changes = {}
  for member in util.sorted_pairs(CHANGES) do
    if params[member] ~= nil then changes[#changes + 1] = member end
  end
  -- The other way to say it.
  if params.Attribute then
    local member = (ATTRIBUTES[params.Attribute] or {})[1]
    if not CHANGES[member] then
      fault.raise("InvalidParameterValue", "Value (%s) for parameter attribute is invalid.", params.Attribute)
    end
    local value = params.Value
    if value == "true" or value == "false" then value = value == "true" end
    return CHANGES[member](call, instance, { Value = value })
  end
  if #changes ~= 1 then
    fault.raise("InvalidParameterCombination", "The request must change exactly one attribute, not %d",
      #changes)
  end
  CHANGES[changes[1]](call, instance, params[changes[1]])
end

function operations.ModifyInstanceMetadataOptions(call, params)
  local instance = support.need(call, "ec2.instance", params.InstanceId)
  for name in pairs(instance.MetadataOptions) do
    if params[name] ~= nil then instance.MetadataOptions[name] = params[name] end
  end
  return { InstanceId = instance.InstanceId, InstanceMetadataOptions = instance.MetadataOptions }
end

local CREDITS = filter.map("DescribeInstanceCreditSpecifications", "instance-id")

function operations.DescribeInstanceCreditSpecifications(call, params)
  local list = {}
  for _, id in ipairs(params.InstanceIds or {}) do support.need(call, "ec2.instance", id) end
  for _, instance in ipairs(call:all("ec2.instance", function(i)
    return not params.InstanceIds or util.contains(params.InstanceIds, i.InstanceId)
  end)) do
    if instance.InstanceType:find "^t" and not instance.InstanceType:find "^trn" then
      list[#list + 1] = {
        InstanceId = instance.InstanceId,
        CpuCredits = instance.InstanceType:find "^t2" and "standard" or "unlimited",
      }
    end
  end
  return { InstanceCreditSpecifications = filter.select(CREDITS, list, params.Filters) }
end

local function monitoring(on)
  return function(call, params)
    local list = json.array {}
    for i, id in ipairs(params.InstanceIds) do
      local instance = support.need(call, "ec2.instance", id)
      instance.Monitoring = { State = on and "enabled" or "disabled" }
      list[i] = { InstanceId = id, Monitoring = instance.Monitoring }
    end
    return { InstanceMonitorings = list }
  end
end
operations.MonitorInstances = monitoring(true)
operations.UnmonitorInstances = monitoring(false)

-- -- what an account has ------------------------------------------------------------------------------------

local ACCOUNT = {
  ["supported-platforms"] = "VPC", ["max-instances"] = "20",
  ["vpc-max-security-groups-per-interface"] = "5", ["max-elastic-ips"] = "5", ["vpc-max-elastic-ips"] = "5",
}

function operations.DescribeAccountAttributes(call, params)
  local list, wanted = json.array {}, nil
  local default = call:find("ec2.vpc", function(vpc) return vpc.IsDefault end)
  local all = util.overlay(ACCOUNT, { ["default-vpc"] = default and default.VpcId or "none" })
  for _, name in ipairs(params.AttributeNames or {}) do
    wanted = wanted or {}
    wanted[name] = true
  end
  for name, value in util.sorted_pairs(all) do
    if not wanted or wanted[name] then
      list[#list + 1] = { AttributeName = name, AttributeValues = { { AttributeValue = value } } }
    end
  end
  return { AccountAttributes = list }
end

function operations.GetEbsEncryptionByDefault(call)
  return { EbsEncryptionByDefault = next(call.world:things(call.region, "ec2.ebs_encryption")) ~= nil }
end

function operations.EnableEbsEncryptionByDefault(call)
  call:put("ec2.ebs_encryption", "default", { on = true })
  return { EbsEncryptionByDefault = true }
end

function operations.DisableEbsEncryptionByDefault(call)
  call:remove("ec2.ebs_encryption", "default")
  return { EbsEncryptionByDefault = false }
end

return M
