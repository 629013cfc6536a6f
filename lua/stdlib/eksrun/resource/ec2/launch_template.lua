--- ec2.launch_template: how instances are made. Found by its tags. A change of its data makes a new
--- version and sets it as the default; what names LatestVersionNumber follows in the same run. Tags in
--- TagSpecifications stand in the order of their keys.
local resource = require "eksrun.resource"
local text = require "eksrun.text"
local util = require "eksrun.util"

local function latest(ctx)
  -- Of all templates that the account has, in one call: EC2 filters versions by no tag.
  local by_id = {}
  local versions = ctx:list("ec2", "describe_launch_template_versions", { Versions = { "$Latest" } },
    "LaunchTemplateVersions")
  for _, version in ipairs(versions) do by_id[version.LaunchTemplateId] = version end
  return by_id
end

-- User data is text in a recipe and base64 at EC2.
local function data_for_aws(data)
  local out = util.copy(data)
  if out.UserData then out.UserData = text.base64(out.UserData) end
  return out
end

local function data_of(version)
  local data = version and util.copy(version.LaunchTemplateData) or {}
  if data.UserData then
    local ok, decoded = pcall(text.unbase64, data.UserData)
    if ok then data.UserData = decoded end
  end
  -- The template's own tags are none of its data, and EC2 keeps no order: here it is that of the keys.
  local specifications = {}
  for _, specification in ipairs(data.TagSpecifications or {}) do
    if specification.ResourceType ~= "launch-template" then
      table.sort(specification.Tags or {}, function(a, b) return a.Key < b.Key end)
      specifications[#specifications + 1] = specification
    end
  end
  data.TagSpecifications = data.TagSpecifications and specifications
  return data
end

return resource.define {
  name = "ec2.launch_template",
  identity = "tag",
  id = "LaunchTemplateId",
  tagging = { "ec2", "launch-template" },
  inputs = {
    LaunchTemplateName = {
      type = "string",
      immutable = true,
      computed = function(node, stack) return stack:name_for(node, 125) end,
    },
    LaunchTemplateData = {
      type = "table", required = true, open = true,
      fields = { UserData = { opaque = true } }, -- EC2's model calls it sensitive: it often has tokens
    },
  },
  outputs = { "LatestVersionNumber", "DefaultVersionNumber" },
  moves = { "LatestVersionNumber", "DefaultVersionNumber" },
  delete_after = { "eks.nodegroup", "autoscaling.group" },
  retry = { create = { { code = "InvalidIamInstanceProfile.NotFound" } } },
  typical = { create = 1, update = 2, delete = 1 },

  observe = function(ctx)
    local templates = ctx:list("ec2", "describe_launch_templates", { Filters = ctx:stack_filter() },
      "LaunchTemplates")
    if not templates[1] then return {} end
    local versions = latest(ctx)
    return ctx:each(templates, function(template)
      local record = ctx:record(template)
      record.LaunchTemplateData = data_of(versions[template.LaunchTemplateId])
      return record
    end)
  end,

  create = function(ctx, inputs)
    return ctx.aws.ec2:create_launch_template(ctx:tagged {
      LaunchTemplateName = inputs.LaunchTemplateName,
      LaunchTemplateData = data_for_aws(inputs.LaunchTemplateData),
      ClientToken = ctx.token,
    }).LaunchTemplate
  end,

  update = function(ctx, record, inputs)
    local version = ctx.aws.ec2:create_launch_template_version({
      LaunchTemplateId = record.LaunchTemplateId,
      LaunchTemplateData = data_for_aws(inputs.LaunchTemplateData),
      ClientToken = ctx.token,
    }).LaunchTemplateVersion
    ctx.aws.ec2:modify_launch_template {
      LaunchTemplateId = record.LaunchTemplateId,
      DefaultVersion = tostring(version.VersionNumber),
    }
    return { LatestVersionNumber = version.VersionNumber, DefaultVersionNumber = version.VersionNumber }
  end,

  delete = function(ctx, record)
    ctx.aws.ec2:delete_launch_template { LaunchTemplateId = record.LaunchTemplateId }
  end,
}
