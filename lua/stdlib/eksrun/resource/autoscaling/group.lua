--- autoscaling.group: instances that are kept at a number. Found by its name, which is made from the stack
--- and the address when the recipe gives none.
---
--- The recipe's tags are passed on to the instances; eksrun's own are not. With InstanceRefresh
--- (preferences as StartInstanceRefresh takes them, {} for AWS's own) a change of what instances are made
--- of replaces those that run; without it only new ones follow. Leave DesiredCapacity out when an
--- autoscaler decides it.
local resource = require "eksrun.resource"
local tags = require "eksrun.resource.tags"
local util = require "eksrun.util"

local function describe(ctx, name)
  local answer = ctx.aws.autoscaling:describe_auto_scaling_groups { AutoScalingGroupNames = { name } }
  return answer.AutoScalingGroups[1]
end

local function split(text)
  local out = {}
  for part in (text or ""):gmatch("[^,%s]+") do out[#out + 1] = part end
  return out
end

local function record_of(ctx, group)
  local record = ctx:record(group)
  record.VPCZoneIdentifier = split(group.VPCZoneIdentifier)
  -- Only one that is being deleted has a status.
  record.leaving = group.Status ~= nil
  return record
end

local SETTINGS = {
  "MinSize", "MaxSize", "DesiredCapacity", "LaunchTemplate", "MixedInstancesPolicy", "HealthCheckType",
  "HealthCheckGracePeriod", "TerminationPolicies", "CapacityRebalance", "MaxInstanceLifetime",
  "NewInstancesProtectedFromScaleIn", "DefaultInstanceWarmup", "InstanceMaintenancePolicy",
}

local function params_of(inputs)
  local params = { AutoScalingGroupName = inputs.AutoScalingGroupName }
  for _, name in ipairs(SETTINGS) do params[name] = inputs[name] end
  params.VPCZoneIdentifier = table.concat(inputs.VPCZoneIdentifier, ",")
  return params
end

local function refresh(ctx, name, preferences)
  local client = ctx.aws.autoscaling
  local id = client:start_instance_refresh({
    AutoScalingGroupName = name,
    Preferences = next(preferences) and preferences or nil,
  }).InstanceRefreshId
  ctx:poll(function()
    local found = client:describe_instance_refreshes({
      AutoScalingGroupName = name, InstanceRefreshIds = { id },
    }).InstanceRefreshes[1]
    local status = found and found.Status or "Pending"
    if status == "Successful" then return true end
    if status == "Failed" or status == "Cancelled" or status:find("Rollback", 1, true) then
      util.fail("InstanceRefresh", "instance refresh %s of %s: %s: %s", id, name, status,
        found.StatusReason or "no reason given")
    end
    return nil, ("refreshing instances, %d %%"):format(found and found.PercentageComplete or 0)
  end, { timeout = 3 * 3600 })
end

-- A change of the targets of a group is a call of its own.
local function change_targets(ctx, record, inputs)
  local attach = util.missing(inputs.TargetGroupARNs, record.TargetGroupARNs)
  local detach = util.missing(record.TargetGroupARNs, inputs.TargetGroupARNs)
  local client, name = ctx.aws.autoscaling, record.AutoScalingGroupName
  if attach[1] then
    client:attach_load_balancer_target_groups { AutoScalingGroupName = name, TargetGroupARNs = attach }
  end
  if detach[1] then
    client:detach_load_balancer_target_groups { AutoScalingGroupName = name, TargetGroupARNs = detach }
  end
end

return resource.define {
  name = "autoscaling.group",
  identity = "name",
  key = { "AutoScalingGroupName" },
  id = "AutoScalingGroupName",
  tagging = { "asg" },
  inputs = {
    AutoScalingGroupName = {
      type = "string",
      immutable = true,
      computed = function(node, stack) return stack:name_for(node, 255) end,
    },
    MinSize = { type = "integer", required = true },
    MaxSize = { type = "integer", required = true },
    DesiredCapacity = { type = "integer" },
    VPCZoneIdentifier = { type = "table", required = true, set = true, refers = "ec2.subnet" },
    LaunchTemplate = {
      type = "table",
      fields = {
        LaunchTemplateId = { type = "string", refers = "ec2.launch_template" },
        LaunchTemplateName = { type = "string" },
        Version = {},
      },
    },
    MixedInstancesPolicy = { type = "table", open = true },
    TargetGroupARNs = { type = "table", set = true },
    HealthCheckType = { type = "string" },
    HealthCheckGracePeriod = { type = "integer" },
    TerminationPolicies = { type = "table" },
    CapacityRebalance = { type = "boolean" },
    MaxInstanceLifetime = { type = "integer" },
    NewInstancesProtectedFromScaleIn = { type = "boolean", default = false },
    DefaultInstanceWarmup = { type = "integer" },
    InstanceMaintenancePolicy = { type = "table", open = true },
    InstanceRefresh = { type = "table", write_only = true },
  },
  outputs = { "AutoScalingGroupARN" },
  retry = {
    create = {
      { code = "ValidationError", message = "Invalid IAM Instance Profile" },
      { code = "ValidationError", message = "does not exist" },
      { code = "AlreadyExists", message = "pending delete", seconds = 900 },
    },
    delete = {
      { code = "ResourceInUse", seconds = 900 }, { code = "ScalingActivityInProgress", seconds = 900 },
    },
  },
  typical = { create = 5, update = 5, delete = 120 },
  slow = "its activities (eksrun call autoscaling describe-scaling-activities --auto-scaling-group-name "
    .. "{AutoScalingGroupName})",

  observe = function(ctx, wanted)
    local records, seen = {}, {}
    local function add(groups)
      for _, group in ipairs(groups) do
        if not seen[group.AutoScalingGroupName] then
          seen[group.AutoScalingGroupName] = true
          records[#records + 1] = record_of(ctx, group)
        end
      end
    end
    local names = {}
    for i, want in ipairs(wanted) do names[i] = want.AutoScalingGroupName end
    ctx:each({
      function()
        if not ctx.sweep then return end
        add(ctx:list("autoscaling", "describe_auto_scaling_groups", { Filters = ctx:stack_filter() },
          "AutoScalingGroups"))
      end,
      function()
        if not names[1] then return end
        add(ctx:list("autoscaling", "describe_auto_scaling_groups", { AutoScalingGroupNames = names },
          "AutoScalingGroups"))
      end,
    }, function(job) job() end)
    return records
  end,

  create = function(ctx, inputs)
    local params = params_of(inputs)
    params.TargetGroupARNs = inputs.TargetGroupARNs
    ctx.aws.autoscaling:create_auto_scaling_group(ctx:tagged(params))
    return { AutoScalingGroupName = inputs.AutoScalingGroupName }
  end,

  ready = function(ctx, record)
    return ctx:poll(function()
      local group = describe(ctx, record.AutoScalingGroupName)
      if group then return record_of(ctx, group) end
      return nil, "not visible yet"
    end, { timeout = 300 })
  end,

  update = function(ctx, record, inputs, changed)
    ctx.aws.autoscaling:update_auto_scaling_group(params_of(inputs))
    if changed.TargetGroupARNs then change_targets(ctx, record, inputs) end
    if inputs.InstanceRefresh and (changed.LaunchTemplate or changed.MixedInstancesPolicy) then
      refresh(ctx, record.AutoScalingGroupName, inputs.InstanceRefresh)
    end
  end,

  retag = function(ctx, record, set, removed)
    local name = record.AutoScalingGroupName
    if next(set) then
      ctx.aws.autoscaling:create_or_update_tags { Tags = tags.asg(set, name) }
    end
    local gone = {}
    for i, key in ipairs(removed) do
      gone[i] = { Key = key, ResourceId = name, ResourceType = "auto-scaling-group" }
    end
    if gone[1] then ctx.aws.autoscaling:delete_tags { Tags = gone } end
  end,

  delete = function(ctx, record)
    ctx.aws.autoscaling:delete_auto_scaling_group {
      AutoScalingGroupName = record.AutoScalingGroupName, ForceDelete = true,
    }
  end,

  -- Its instances hold on to subnets and groups until they are gone.
  gone = function(ctx, record)
    ctx:poll(function()
      local group = describe(ctx, record.AutoScalingGroupName)
      if not group then return true end
      return nil, ("%s, %d instances"):format(group.Status or "deleting", #(group.Instances or {}))
    end)
  end,
}
