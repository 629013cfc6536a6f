--- EC2: launch templates and their versions.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

operations.DescribeLaunchTemplates = support.describe {
  kind = "ec2.launch_template", prefix = "lt", id = "LaunchTemplateId", tag = "launch-template",
  list = "LaunchTemplates", ids = "LaunchTemplateIds", missing = "InvalidLaunchTemplateId.NotFound",
  missing_text = "The specified launch template, with template ID %s, does not exist.",
  malformed = "InvalidLaunchTemplateId.Malformed",
  filters = filter.map("DescribeLaunchTemplates", [[
    create-time launch-template-id launch-template-name]]),
}
local by_filter = operations.DescribeLaunchTemplates

local function by_name(call, name)
  return call:find("ec2.launch_template", function(t) return t.LaunchTemplateName == name end)
end

function operations.DescribeLaunchTemplates(call, params)
  local names = params.LaunchTemplateNames
  if not names or not names[1] then return by_filter(call, params) end
  for _, name in ipairs(names) do
    if not by_name(call, name) then
      fault.raise("InvalidLaunchTemplateName.NotFoundException",
        "At least one of the launch templates specified in the request does not exist.")
    end
  end
  local filters = { { Name = "launch-template-name", Values = names } }
  table.move(params.Filters or {}, 1, #(params.Filters or {}), 2, filters)
  return by_filter(call, util.overlay(params, { Filters = filters }))
end

--- The template that parameters name, by id or name.
--- @param call eksrun.sandbox.Call
--- @param params table LaunchTemplateId or LaunchTemplateName
--- @return table
function M.need(call, params)
  if params.LaunchTemplateId then
    return support.need(call, "ec2.launch_template", params.LaunchTemplateId)
  end
  if not params.LaunchTemplateName then
    fault.raise("MissingParameter", "The request must contain the parameter launch template ID or launch "
      .. "template name")
  end
  local template = by_name(call, params.LaunchTemplateName)
  if not template then
    fault.raise("InvalidLaunchTemplateName.NotFoundException",
      "The specified launch template, with template name %s, does not exist.", params.LaunchTemplateName)
  end
  return template
end

local MISSING_VERSION = "Could not find the specified version %s for the launch template with ID %s."

-- A version of a template by its number, "$Latest" or "$Default", and its place.
local function find_version(template, which)
  local number = which == "$Latest" and template.LatestVersionNumber
    or (which == nil or which == "$Default") and template.DefaultVersionNumber
    or math.tointeger(tonumber(which))
  for i, version in ipairs(template._versions) do
    if version.VersionNumber == number then return version, i end
  end
end

--- A version of a template by its number, "$Latest" or "$Default".
--- @param template table
--- @param which string?
--- @return table
function M.version(template, which)
  return find_version(template, which) or fault.raise("InvalidLaunchTemplateId.VersionNotFound",
    MISSING_VERSION, tostring(which), template.LaunchTemplateId)
end

local function add_version(call, template, data, description)
  local number = template.LatestVersionNumber + 1
  template.LatestVersionNumber = number
  local version = {
    LaunchTemplateId = template.LaunchTemplateId, LaunchTemplateName = template.LaunchTemplateName,
    VersionNumber = number, VersionDescription = description, CreateTime = call:time(),
    CreatedBy = template.CreatedBy, DefaultVersion = number == template.DefaultVersionNumber,
    LaunchTemplateData = data,
  }
  table.insert(template._versions, version)
  return version
end

local function check_user_data(encoded)
  if encoded and not pcall(text.unbase64, encoded) then
    fault.raise("InvalidUserData.Malformed", "Invalid BASE64 encoding of user data.")
  end
end

function operations.CreateLaunchTemplate(call, params)
  local name = params.LaunchTemplateName
  check_user_data(params.LaunchTemplateData.UserData)
  if by_name(call, name) then
    fault.raise("InvalidLaunchTemplateName.AlreadyExistsException", "Launch template name already in use.")
  end
  local id = call:id "lt"
  local template = call:put("ec2.launch_template", id, {
    LaunchTemplateId = id, LaunchTemplateName = name, CreateTime = call:time(),
    CreatedBy = call:arn("iam", "root"),
    DefaultVersionNumber = 1, LatestVersionNumber = 0, Tags = support.tags(params, "launch-template"),
    _versions = {},
  })
  add_version(call, template, params.LaunchTemplateData, params.VersionDescription)
  return { LaunchTemplate = template }
end

function operations.CreateLaunchTemplateVersion(call, params)
  local template = M.need(call, params)
  local data = params.LaunchTemplateData
  check_user_data(data.UserData)
  if params.SourceVersion then
    data = util.overlay(M.version(template, params.SourceVersion).LaunchTemplateData, data)
  end
  return { LaunchTemplateVersion = add_version(call, template, data, params.VersionDescription) }
end

function operations.ModifyLaunchTemplate(call, params)
  local template = M.need(call, params)
  local version = M.version(template, params.DefaultVersion)
  template.DefaultVersionNumber = version.VersionNumber
  for _, other in ipairs(template._versions) do other.DefaultVersion = other == version end
  return { LaunchTemplate = template }
end

local VERSION = filter.map("DescribeLaunchTemplateVersions", "create-time", {
  ["ebs-optimized"] = "LaunchTemplateData.EbsOptimized",
  ["http-endpoint"] = "LaunchTemplateData.MetadataOptions.HttpEndpoint",
  ["http-protocol-ipv4"] = "LaunchTemplateData.MetadataOptions.HttpEndpoint",
  ["http-tokens"] = "LaunchTemplateData.MetadataOptions.HttpTokens",
  ["host-resource-group-arn"] = "LaunchTemplateData.Placement.HostResourceGroupArn",
  ["iam-instance-profile"] = "LaunchTemplateData.IamInstanceProfile.Arn",
  ["image-id"] = "LaunchTemplateData.ImageId", ["instance-type"] = "LaunchTemplateData.InstanceType",
  ["is-default-version"] = "DefaultVersion", ["kernel-id"] = "LaunchTemplateData.KernelId",
  ["license-configuration-arn"] = "LaunchTemplateData.LicenseSpecifications.LicenseConfigurationArn",
  ["network-card-index"] = "LaunchTemplateData.NetworkInterfaces.NetworkCardIndex",
  ["ram-disk-id"] = "LaunchTemplateData.RamDiskId",
})

function operations.DescribeLaunchTemplateVersions(call, params)
  local list = json.array {}
  local templates = call:all "ec2.launch_template"
  if params.LaunchTemplateId or params.LaunchTemplateName then
    templates = { M.need(call, params) }
  else
    -- Of all templates only these can be asked for.
    for _, which in ipairs(params.Versions or { "" }) do
      if which ~= "$Latest" and which ~= "$Default" then
        fault.raise("MissingParameter", "The request must contain the parameter LaunchTemplateId")
      end
    end
  end
  for _, template in ipairs(templates) do
    if params.Versions and params.Versions[1] then
      for _, which in ipairs(params.Versions) do list[#list + 1] = M.version(template, which) end
    else
      for i = #template._versions, 1, -1 do
        local version = template._versions[i]
        local number = version.VersionNumber
        if number >= (tonumber(params.MinVersion) or 1)
          and number <= (tonumber(params.MaxVersion) or number) then
          list[#list + 1] = version
        end
      end
    end
  end
  return { LaunchTemplateVersions = filter.select(VERSION, list, params.Filters) }
end

-- Why a version cannot be deleted, if it cannot, by the codes that EC2's model has.
local function undeletable(template, version, which)
  if not version then
    return {
      Code = "launchTemplateVersionDoesNotExist",
      Message = MISSING_VERSION:format(tostring(which), template.LaunchTemplateId),
    }
  elseif version.DefaultVersion then
    return {
      Code = "unexpectedError",
      Message = ("Cannot delete the default version %d of the launch template with ID %s."):format(
        version.VersionNumber, template.LaunchTemplateId),
    }
  end
end

function operations.DeleteLaunchTemplateVersions(call, params)
  local template = M.need(call, params)
  local done, failed = json.array {}, json.array {}
  for _, which in ipairs(params.Versions) do
    local version, place = find_version(template, which)
    local fields = {
      LaunchTemplateId = template.LaunchTemplateId, LaunchTemplateName = template.LaunchTemplateName,
      VersionNumber = version and version.VersionNumber or math.tointeger(tonumber(which)),
    }
    fields.ResponseError = undeletable(template, version, which)
    if fields.ResponseError then
      table.insert(failed, fields)
    else
      table.remove(template._versions, place)
      table.insert(done, fields)
    end
  end
  return {
    SuccessfullyDeletedLaunchTemplateVersions = done, UnsuccessfullyDeletedLaunchTemplateVersions = failed,
  }
end

function operations.DeleteLaunchTemplate(call, params)
  local template = M.need(call, params)
  call:remove("ec2.launch_template", template.LaunchTemplateId)
  return { LaunchTemplate = template }
end

function operations.GetLaunchTemplateData(call, params)
  local instance = support.need(call, "ec2.instance", params.InstanceId)
  local groups = json.array {}
  local interface = call:get("ec2.network_interface", instance._interfaces[1])
  for i, group in ipairs(interface and interface.Groups or {}) do groups[i] = group.GroupId end
  return {
    LaunchTemplateData = {
      ImageId = instance.ImageId, InstanceType = instance.InstanceType, KeyName = instance.KeyName,
      EbsOptimized = instance.EbsOptimized, UserData = instance._user_data, SecurityGroupIds = groups,
      DisableApiTermination = instance._keep,
      Monitoring = { Enabled = instance.Monitoring.State == "enabled" },
      Placement = { AvailabilityZone = instance.Placement.AvailabilityZone,
      Tenancy = instance.Placement.Tenancy },
    },
  }
end

return M
