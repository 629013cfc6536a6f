--- EKS: managed node groups. Each has an Auto Scaling group with instances of its own.
local autoscaling = require "eksrun.sandbox.autoscaling.group"
local calls = require "eksrun.sandbox.call"
local insights = require "eksrun.sandbox.eks.insight"
local images = require "eksrun.sandbox.ec2.image"
local instances = require "eksrun.sandbox.ec2.instance"
local json = require "eksrun.json"
local node_types = require "eksrun.sandbox.eks.node_types"
local nodes = require "eksrun.sandbox.eks.node"
local support = require "eksrun.sandbox.eks.support"
local templates = require "eksrun.sandbox.ec2.launch_template"
local updates = require "eksrun.sandbox.eks.update"
local util = require "eksrun.util"
local versions = require "eksrun.sandbox.eks.versions"

local M = { operations = {}, events = {} }
local operations = M.operations

local NODES_MAX, GROUPS_MAX = 450, 30
-- Before the first node is replaced.
local SETUP = 120
-- How long EKS waits for instances that cannot be started, or do not join, in seconds.
local PATIENCE = 900

local function need(call, cluster, name)
  return support.need(call, "eks.nodegroup", cluster, name,
    ("No node group found for name: %s."):format(name), "nodegroupName")
end

local function check_scaling(scaling)
  if scaling.minSize > scaling.maxSize then
    support.refuse_parameter("Minimum capacity %d can't be greater than maximum size %d", scaling.minSize,
      scaling.maxSize)
  end
  if scaling.desiredSize < scaling.minSize or scaling.desiredSize > scaling.maxSize then
    support.refuse_parameter("Desired capacity %d can't be %s size %d", scaling.desiredSize,
      scaling.desiredSize < scaling.minSize and "less than minimum" or "greater than max",
      scaling.desiredSize < scaling.minSize and scaling.minSize or scaling.maxSize)
  end
  if scaling.maxSize > NODES_MAX then
    support.refuse("ResourceLimitExceededException",
      ("Nodes per nodegroup limit exceeded, the maximum is %d"):format(NODES_MAX))
  end
end

-- The launch template that a group names, by id, name and version.
local function template_of(call, wanted)
  if not wanted then return nil end
  local ok, template = pcall(templates.need, call, { LaunchTemplateId = wanted.id,
    LaunchTemplateName = wanted.name })
  if not ok then support.refuse_parameter("%s", template.message or tostring(template)) end
  local version = templates.version(template, wanted.version)
  return {
    id = template.LaunchTemplateId, name = template.LaunchTemplateName,
    version = tostring(version.VersionNumber),
  }, version.LaunchTemplateData
end

local function tags_of(group)
  local tags = {
    ["eks:cluster-name"] = group.clusterName, ["eks:nodegroup-name"] = group.nodegroupName,
    ["kubernetes.io/cluster/" .. group.clusterName] = "owned",
  }
  return tags
end

-- As an Auto Scaling group takes them, which gives them to its instances.
local function passed_on(tags)
  local list = calls.tag_list(tags)
  for _, tag in ipairs(list) do tag.PropagateAtLaunch = true end
  return list
end

-- Starts or ends instances until there are as many as the group wants.
local function scale(call, group)
  local scaling, own = group.scalingConfig, call:get("autoscaling.group", group._asg)
  own.MinSize, own.MaxSize, own.DesiredCapacity = scaling.minSize, scaling.maxSize, scaling.desiredSize
  autoscaling.scale(call, own)
end

-- What the group's instances are started with: its template's data and what EKS adds.
local function launch(call, group, cluster, data)
  data = util.overlay({ SecurityGroupIds = { cluster.resourcesVpcConfig.clusterSecurityGroupId } }, data
    or {})
  data.ImageId = data.ImageId or images.of_nodes(call, group.amiType, group.version)
  if group.diskSize then
    data.BlockDeviceMappings = { { DeviceName = "/dev/xvda", Ebs = { VolumeSize = group.diskSize } } }
  end
  if group.capacityType == "SPOT" then data.InstanceMarketOptions = { MarketType = "spot" } end
  return { data = data, types = group.instanceTypes or { data.InstanceType } }
end

-- EKS reads the role with the caller's permissions. What it may do, it does not look at: its nodes find out.
local function check_role(call, arn)
  local role = support.role(call, arn)
  if not role then
    support.refuse_parameter("The role with name %s cannot be found.", arn:match "([^/]*)$")
  elseif not support.is_trusting(call, role, "ec2.amazonaws.com") then
    support.refuse_parameter("Following required service principals [ec2.amazonaws.com] were not found in "
      .. "the trust relationships of nodeRole %s", arn)
  end
end

local function check_new(call, cluster, name)
  if not name:find "^%w[%w_-]*$" or #name > 63 then
    support.refuse_parameter("The nodegroup name '%s' is not valid", name)
  end
  if call:get("eks.nodegroup", support.key(cluster.name, name)) then
    support.refuse("ResourceInUseException",
      ("NodeGroup already exists with name %s and cluster name %s"):format(name, cluster.name),
      { clusterName = cluster.name, nodegroupName = name })
  end
  if #support.within(call, "eks.nodegroup", cluster.name) >= GROUPS_MAX then
    support.refuse("ResourceLimitExceededException",
      ("Nodegroups per cluster limit exceeded, the maximum is %d"):format(GROUPS_MAX),
      { clusterName = cluster.name })
  end
end

local function scaling_of(given)
  given = given or { desiredSize = 2 }
  local scaling = { minSize = given.minSize or 1, maxSize = given.maxSize or 2 }
  scaling.desiredSize = given.desiredSize or scaling.minSize
  check_scaling(scaling)
  return scaling
end

-- The version of a new group's nodes: none that is newer than the cluster's, nor much older.
local function version_of(given, cluster)
  local version = given or cluster.version
  if not versions.index(version) or versions.index(version) > versions.index(cluster.version)
    or versions.minor(cluster.version) - versions.minor(version) > insights.SKEW then
    support.refuse_parameter("Requested Nodegroup version %s is not supported for cluster version %s",
      version, cluster.version)
  end
  return version
end

function operations.CreateNodegroup(call, params)
  local cluster, name = support.active_cluster(call, params.clusterName), params.nodegroupName
  check_new(call, cluster, name)
  check_role(call, params.nodeRole)
  support.subnets(call, params.subnets)
  local scaling = scaling_of(params.scalingConfig)
  local template, data = template_of(call, params.launchTemplate)
  local images_type = data and data.ImageId and "CUSTOM" or params.amiType or "AL2023_x86_64_STANDARD"
  local wanted = node_types.of_group(params.instanceTypes, images_type, data)
  local version = version_of(params.version, cluster)
  local key = support.key(cluster.name, name)
  local asg = ("eks-%s-%s"):format(name, call:uuid "asg")
  local group = call:put("eks.nodegroup", key, {
    nodegroupName = name, clusterName = cluster.name, nodeRole = params.nodeRole, status = "CREATING",
    nodegroupArn = call:arn("eks", ("nodegroup/%s/%s/%s"):format(cluster.name, name, call:uuid "arn")),
    createdAt = support.time(call), modifiedAt = support.time(call), version = version,
    releaseVersion = params.releaseVersion or versions.release(version),
    capacityType = params.capacityType or "ON_DEMAND",
    amiType = images_type,
    instanceTypes = wanted, subnets = params.subnets, scalingConfig = scaling,
    remoteAccess = params.remoteAccess,
    diskSize = not template and (params.diskSize or 20) or nil, labels = params.labels or {},
    taints = params.taints, updateConfig = params.updateConfig or { maxUnavailable = 1 },
    nodeRepairConfig = params.nodeRepairConfig, launchTemplate = template, tags = params.tags or {},
    resources = { autoScalingGroups = { { name = asg } } }, health = { issues = json.array {} },
    _asg = asg,
  })
  autoscaling.make(call, {
    AutoScalingGroupName = asg, MinSize = scaling.minSize, MaxSize = scaling.maxSize,
    DesiredCapacity = scaling.desiredSize, VPCZoneIdentifier = table.concat(params.subnets, ","),
    Tags = passed_on(tags_of(group)),
  }, launch(call, group, cluster, data))
  scale(call, group)
  require("eksrun.sandbox.iam.role").ensure_linked(call, "eks-nodegroup.amazonaws.com")
  if cluster.accessConfig.authenticationMode ~= "CONFIG_MAP" then
    require("eksrun.sandbox.eks.access").make(call, cluster,
      { principalArn = params.nodeRole, type = "EC2_LINUX" })
  end
  local kind = scaling.desiredSize > 0 and "eks.nodegroup.create" or "eks.nodegroup.create.empty"
  call:after(call:duration(kind, key, call.now), "eks.nodegroup.created", { key = key })
  return { nodegroup = group }
end

-- What keeps a group from having its nodes, as its health says it; nil: nothing.
local function issue_of(call, group)
  local own = call:get("autoscaling.group", group._asg)
  if #own._instances < own.DesiredCapacity then
    return {
      code = "AsgInstanceLaunchFailures", resourceIds = { group._asg },
      message = autoscaling.last_failure(call, group._asg) or "Instances could not be launched",
    }
  elseif own.DesiredCapacity > 0 and not nodes.can_join(call, call:get("iam.role",
    group.nodeRole:match "[^/]+$")) then
    local ids = {}
    for i, instance in ipairs(own._instances) do ids[i] = instance.InstanceId end
    return {
      code = "NodeCreationFailure", resourceIds = ids,
      message = "Instances failed to join the kubernetes cluster",
    }
  end
end

M.events["eks.nodegroup.created"] = function(call, arguments)
  local group = call:get("eks.nodegroup", arguments.key)
  if not group or group.status ~= "CREATING" then return end
  local issue = issue_of(call, group)
  if not issue then
    group.status = "ACTIVE"
  elseif not arguments.waited then
    call:after(PATIENCE, "eks.nodegroup.created", { key = arguments.key, waited = true })
  else
    group.status, group.health.issues[1] = "CREATE_FAILED", issue
  end
end

function operations.DescribeNodegroup(call, params)
  return { nodegroup = need(call, params.clusterName, params.nodegroupName) }
end

function operations.ListNodegroups(call, params)
  support.cluster(call, params.clusterName)
  return { nodegroups = support.names(support.within(call, "eks.nodegroup", params.clusterName),
    "nodegroupName") }
end

function operations.DeleteNodegroup(call, params)
  local group = need(call, params.clusterName, params.nodegroupName)
  if group.status == "CREATING" or group.status == "UPDATING" then
    support.refuse("ResourceInUseException", ("Nodegroup %s is being %s, which is in progress"):format(
      group.nodegroupName, group.status == "CREATING" and "created" or "updated"),
      { clusterName = group.clusterName, nodegroupName = group.nodegroupName })
  end
  if group.status ~= "DELETING" then
    local key = support.key(group.clusterName, group.nodegroupName)
    group.status = "DELETING"
    call:after(call:duration("eks.nodegroup.delete", key, call.now), "eks.nodegroup.deleted", { key = key })
  end
  return { nodegroup = group }
end

-- The instances are gone with the group.
M.events["eks.nodegroup.deleted"] = function(call, arguments)
  local group = call:get("eks.nodegroup", arguments.key)
  for _, instance in ipairs(call:all("ec2.instance", function(i) return i._of == group._asg end)) do
    instances.remove(call, instance)
    call:remove("ec2.instance", instance.InstanceId)
  end
  autoscaling.forget(call, group._asg)
  call:remove("eks.nodegroup", arguments.key)
end

-- -- updates ------------------------------------------------------------------------------------------------

local function start(call, group, kind, fields, params, seconds)
  return {
    update = updates.start(call, group, {
      kind = "eks.nodegroup", key = support.key(group.clusterName, group.nodegroupName), type = kind,
      fields = fields, params = params, seconds = seconds,
    }),
  }
end

local function new_labels(group, change)
  local labels = {}
  for key, value in pairs(group.labels) do labels[key] = value end
  for key, value in pairs(change.addOrUpdateLabels or {}) do labels[key] = value end
  for _, key in ipairs(change.removeLabels or {}) do labels[key] = nil end
  return labels
end

local function new_taints(group, change)
  local function name(taint) return (taint.key or "") .. "\0" .. (taint.effect or "") end
  local by_name, list = {}, json.array {}
  for _, taint in ipairs(group.taints or {}) do by_name[name(taint)] = taint end
  for _, taint in ipairs(change.removeTaints or {}) do by_name[name(taint)] = nil end
  for _, taint in ipairs(change.addOrUpdateTaints or {}) do by_name[name(taint)] = taint end
  for _, taint in util.sorted_pairs(by_name) do list[#list + 1] = taint end
  return list
end

function operations.UpdateNodegroupConfig(call, params)
  local group = need(call, params.clusterName, params.nodegroupName)
  local key = support.key(group.clusterName, group.nodegroupName)
  updates.check_free(call, "eks.nodegroup", key, "ConfigUpdate")
  local fields, said = {}, {}
  if params.scalingConfig then
    fields.scalingConfig = util.overlay(group.scalingConfig, params.scalingConfig)
    check_scaling(fields.scalingConfig)
    said.MinSize, said.MaxSize, said.DesiredSize = fields.scalingConfig.minSize, fields.scalingConfig.maxSize,
      fields.scalingConfig.desiredSize
  end
  if params.labels then
    fields.labels = new_labels(group, params.labels)
    said.LabelsToAdd = params.labels.addOrUpdateLabels
  end
  if params.taints then
    fields.taints = new_taints(group, params.taints)
    said.TaintsToAdd = params.taints.addOrUpdateTaints
  end
  fields.updateConfig, fields.nodeRepairConfig = params.updateConfig, params.nodeRepairConfig
  said.NodeRepairConfig = params.nodeRepairConfig
  if params.updateConfig then
    said.MaxUnavailable = params.updateConfig.maxUnavailable
    said.MaxUnavailablePercentage = params.updateConfig.maxUnavailablePercentage
  end
  local answer = start(call, group, "ConfigUpdate", fields, said,
    call:duration("eks.nodegroup.update", key, call.now))
  if fields.scalingConfig then
    group.scalingConfig = fields.scalingConfig
    scale(call, group)
  end
  return answer
end

-- Has nodes replaced, as many at a time as the group allows; returns the seconds that it takes.
local function roll(call, group, key)
  local count, config = group.scalingConfig.desiredSize, group.updateConfig or {}
  local at_once = config.maxUnavailable
    or math.max(1, count * (config.maxUnavailablePercentage or 1) // 100)
  local seconds = SETUP
  for i = 1, math.ceil(count / at_once) do
    call:after(seconds, "eks.nodegroup.roll", { key = key, count = math.min(at_once, count) })
    seconds = seconds + call:duration("eks.nodegroup.node", key, call.now, i)
  end
  return seconds
end

M.events["eks.nodegroup.roll"] = function(call, arguments)
  local group = call:get("eks.nodegroup", arguments.key)
  local own = group and group.status == "UPDATING" and call:get("autoscaling.group", group._asg)
  if not own then return end
  for _ = 1, math.min(arguments.count, #own._instances) do
    local gone = call:get("ec2.instance", table.remove(own._instances, 1).InstanceId)
    if gone then instances.stop(call, gone) end
  end
  scale(call, group)
end

local function check_version(cluster, group, params, version)
  if group.amiType == "CUSTOM" and (params.version or params.releaseVersion) then
    support.refuse_parameter("You cannot specify the field version or releaseVersion when using a custom AMI")
  elseif params.launchTemplate and not group.launchTemplate then
    support.refuse_parameter("You cannot specify the field launchTemplate for a node group that was created "
      .. "without one")
  elseif params.launchTemplate and params.launchTemplate.id and params.launchTemplate.id
    ~= group.launchTemplate.id then
    support.refuse_parameter("You cannot change the launch template of a node group, only its version")
  end
  local wanted = versions.index(version)
  if not wanted or wanted > versions.index(cluster.version) or wanted < versions.index(group.version) then
    support.refuse_parameter("Requested Nodegroup version %s is not supported for cluster version %s",
      version, cluster.version)
  end
  local of = params.releaseVersion
  if of and not of:find(version .. ".", 1, true) and not of:find "^%d+%.%d+%.%d+%-%x+$" then
    support.refuse_parameter("Requested release version %s is not valid for kubernetes version %s.", of,
      version)
  end
end

function operations.UpdateNodegroupVersion(call, params)
  local group = need(call, params.clusterName, params.nodegroupName)
  local cluster = support.cluster(call, group.clusterName)
  local key = support.key(group.clusterName, group.nodegroupName)
  updates.check_free(call, "eks.nodegroup", key, "VersionUpdate")
  -- Releases of Amazon Linux begin with Kubernetes' version, those of Bottlerocket have one of their own.
  local of_release = (params.releaseVersion or ""):match "^(%d+%.%d+)%.%d+%-%d%d%d%d%d%d%d%d$"
  local version = params.version or of_release or cluster.version
  check_version(cluster, group, params, version)
  local template, data = template_of(call, params.launchTemplate)
  local own = group.amiType == "CUSTOM"
  if data then group._type, group._groups = data.InstanceType or group._type, data.SecurityGroupIds end
  local answer = start(call, group, "VersionUpdate", {
    version = not own and version or nil, launchTemplate = template,
    releaseVersion = not own and (params.releaseVersion or versions.release(version)) or nil,
  }, {
    Version = version, ReleaseVersion = params.releaseVersion,
    LaunchTemplateName = template and template.name, LaunchTemplateVersion = template and template.version,
  }, roll(call, group, key))
  return answer
end

return M
