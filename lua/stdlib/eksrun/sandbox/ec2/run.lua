--- EC2: starting instances by RunInstances and CreateFleet.
local capacity = require "eksrun.sandbox.ec2.capacity"
local calls = require "eksrun.sandbox.call"
local describe = require "eksrun.sandbox.ec2.instance_describe"
local fault = require "eksrun.sandbox.fault"
local images = require "eksrun.sandbox.ec2.image"
local instances = require "eksrun.sandbox.ec2.instance"
local json = require "eksrun.json"
local key_pairs = require "eksrun.sandbox.ec2.key_pair"
local placement = require "eksrun.sandbox.ec2.placement"
local profiles = require "eksrun.sandbox.ec2.profile_association"
local support = require "eksrun.sandbox.ec2.support"
local templates = require "eksrun.sandbox.ec2.launch_template"
local text = require "eksrun.text"
local types = require "eksrun.sandbox.ec2.instance_type"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local USER_DATA_MAX = 16384

-- What only the call itself has, and no template.
local OWN = { LaunchTemplate = true, MinCount = true, MaxCount = true, DryRun = true }

-- The request over the data of the launch template that it names.
local function merged(call, params)
  local data, template, version = {}, nil, nil
  if params.LaunchTemplate then
    template = templates.need(call, params.LaunchTemplate)
    version = templates.version(template, params.LaunchTemplate.Version)
    data = version.LaunchTemplateData
  end
  local given = {}
  for name, value in pairs(params) do
    if not OWN[name] then given[name] = value end
  end
  return util.overlay(data, given), template, version
end

local function check_image(call, data, found)
  if not data.ImageId then fault.raise("MissingParameter", "The request must contain the parameter "
    .. "ImageId") end
  local image = images.need(call, data.ImageId)
  local arch = found.ProcessorInfo.SupportedArchitectures[1]
  if image.Architecture ~= arch then
    fault.raise("InvalidParameterValue", "The architecture '%s' of the specified instance type does not "
      .. "match "
      .. "the architecture '%s' of the specified AMI. Specify an instance type and an AMI that have matching "
      .. "architectures, and try again.", arch, image.Architecture)
  end
end

local function check_user_data(encoded)
  if not encoded then return end
  local ok, plain = pcall(text.unbase64, encoded)
  if not ok then fault.raise("InvalidParameterValue", "Invalid BASE64 encoding of user data.") end
  if #plain > USER_DATA_MAX then
    fault.raise("InvalidParameterValue", "User data is limited to %d bytes", USER_DATA_MAX)
  end
end

local function subnet_of(call, data)
  local id = data.SubnetId or ((data.NetworkInterfaces or {})[1] or {}).SubnetId
  local interface = ((data.NetworkInterfaces or {})[1] or {}).NetworkInterfaceId
  if not id and interface then id = support.need(call, "ec2.network_interface", interface).SubnetId end
  if not id then
    local vpc = support.default_vpc(call)
    local found = support.default_subnet(call, (data.Placement or {}).AvailabilityZone)
    if not found then
      fault.raise("MissingInput", "No subnets found for the default VPC '%s'. Please specify a subnet.",
        vpc.VpcId)
    end
    id = found.SubnetId
  end
  if data.NetworkInterfaces and data.NetworkInterfaces[1] and (data.SubnetId or data.SecurityGroupIds) then
    fault.raise("InvalidParameterCombination", "Network interfaces and an instance-level subnet ID may not "
      .. "be "
      .. "specified on the same request")
  end
  return support.need(call, "ec2.subnet", id)
end

local function check(call, data, subnet)
  local name = data.InstanceType or "m1.small"
  local found = types.get(name)
  if not found then
    fault.raise("InvalidParameterValue", "Invalid value '%s' for InstanceType.", name)
  end
  check_image(call, data, found)
  if data.IamInstanceProfile then profiles.need(call, data.IamInstanceProfile) end
  check_user_data(data.UserData)
  local near = (data.Placement or {}).GroupName
  if near and near ~= "" then placement.need(call, near) end
  if data.KeyName then key_pairs.need(call, data.KeyName) end
  for _, id in ipairs(data.SecurityGroupIds or ((data.NetworkInterfaces or {})[1] or {}).Groups or {}) do
    local group = support.need(call, "ec2.security_group", id)
    if group.VpcId ~= subnet.VpcId then
      fault.raise("InvalidParameter", "Security group %s and subnet %s belong to different networks.", id,
        subnet.SubnetId)
    end
  end
  return name
end

-- Tags that a request and a template give to a kind of thing.
local function tags_of(data, kind, own)
  local map = {}
  for _, specification in ipairs(data.TagSpecifications or {}) do
    if specification.ResourceType == kind then
      support.check_tags(specification.Tags or {})
      for key, value in pairs(calls.tag_map(specification.Tags)) do map[key] = value end
    end
  end
  for key, value in pairs(own) do map[key] = value end
  return json.array(calls.tag_list(map))
end

local function template_tags(template, version)
  if not template then return {} end
  return {
    ["aws:ec2launchtemplate:id"] = template.LaunchTemplateId,
    ["aws:ec2launchtemplate:version"] = tostring(version.VersionNumber),
  }
end

function operations.RunInstances(call, params)
  local data, template, version = merged(call, params)
  if params.MinCount < 1 or params.MaxCount < params.MinCount then
    fault.raise("InvalidParameterValue", "Invalid value '%d' for parameter maxCount: it must be at least the "
      .. "minimum count %d", params.MaxCount, params.MinCount)
  end
  local subnet = subnet_of(call, data)
  local name = check(call, data, subnet)
  local spot = (data.InstanceMarketOptions or {}).MarketType == "spot"
  local count = params.MaxCount
  local ok, err = pcall(capacity.check, call, name, subnet, count, spot)
  if not ok and count > params.MinCount then
    count, ok = params.MinCount, true
    capacity.check(call, name, subnet, count, spot)
  end
  if not ok then error(err, 0) end
  if subnet.AvailableIpAddressCount < params.MinCount then
    fault.raise("InsufficientFreeAddressesInSubnet", "There are not enough free addresses in subnet '%s' to "
      .. "satisfy the requested number of instances.", subnet.SubnetId)
  end
  local reservation, list = call:id "r", json.array {}
  for i = 1, math.min(count, subnet.AvailableIpAddressCount) do
    local instance = instances.start(call, {
      subnet = subnet.SubnetId, type = name, image = data.ImageId, data = data, reservation = reservation,
      tags = tags_of(data, "instance", template_tags(template, version)), index = i - 1,
      volume_tags = tags_of(data, "volume", {}),
    })
    list[i] = describe.view(call, instance)
  end
  return { ReservationId = reservation, OwnerId = call.account, Groups = json.array {}, Instances = list }
end

-- -- fleets -------------------------------------------------------------------------------------------------

-- What a fleet may start, in its order: a template's data with an override each.
local function candidates(call, params)
  local list = {}
  for _, config in ipairs(params.LaunchTemplateConfigs) do
    local specification = config.LaunchTemplateSpecification
    local template = templates.need(call, specification)
    local version = templates.version(template, specification.Version)
    for _, override in ipairs(config.Overrides or { {} }) do
      local data = util.overlay(version.LaunchTemplateData, {
        InstanceType = override.InstanceType, SubnetId = override.SubnetId, ImageId = override.ImageId,
      })
      list[#list + 1] = {
        data = data, template = template, version = version, override = override,
        priority = override.Priority or 0,
      }
    end
  end
  table.sort(list, function(a, b) return a.priority < b.priority end)
  return list
end

local function refused(candidate, spot, err)
  return {
    LaunchTemplateAndOverrides = {
      LaunchTemplateSpecification = {
        LaunchTemplateId = candidate.template.LaunchTemplateId,
        Version = tostring(candidate.version.VersionNumber),
      },
      Overrides = candidate.override,
    },
    Lifecycle = spot and "spot" or "on-demand", ErrorCode = err.code, ErrorMessage = err.message,
  }
end

-- Starts what there is room for, from the first that does; the errors of the others.
local function launch(call, params, list, count, spot)
  local made, errors = json.array {}, json.array {}
  for _, candidate in ipairs(list) do
    if count == 0 then break end
    local ok, err = pcall(function()
      local subnet = subnet_of(call, candidate.data)
      local name = check(call, candidate.data, subnet)
      capacity.check(call, name, subnet, count, spot)
      local ids = json.array {}
      for i = 1, count do
        ids[i] = instances.start(call, {
          subnet = subnet.SubnetId, type = name, image = candidate.data.ImageId, data = candidate.data,
          spot = spot, volume_tags = tags_of(params, "volume", {}),
          tags = tags_of(candidate.data, "instance", util.overlay(
            template_tags(candidate.template, candidate.version),
            calls.tag_map(tags_of(params, "instance", { ["aws:ec2:fleet-id"] = params._fleet })))),
        }).InstanceId
      end
      local said = refused(candidate, spot, {})
      made[#made + 1] = {
        LaunchTemplateAndOverrides = said.LaunchTemplateAndOverrides, Lifecycle = said.Lifecycle,
        InstanceIds = ids, InstanceType = name,
      }
      count = 0
    end)
    if not ok and not fault.is(err) then error(err, 0) end
    if not ok then errors[#errors + 1] = refused(candidate, spot, err) end
  end
  return made, errors
end

function operations.CreateFleet(call, params)
  if params.Type ~= "instant" then
    fault.raise("InvalidParameterValue", "The sandbox starts fleets of the type instant only, not %s",
      tostring(params.Type or "maintain"))
  end
  local wanted = params.TargetCapacitySpecification
  local spot = (wanted.DefaultTargetCapacityType or "on-demand") == "spot"
  local id = "fleet-" .. call:uuid "fleet"
  params = util.overlay(params, { _fleet = id })
  local made, errors = launch(call, params, candidates(call, params), wanted.TotalTargetCapacity, spot)
  return { FleetId = id, Instances = made, Errors = errors }
end

return M
