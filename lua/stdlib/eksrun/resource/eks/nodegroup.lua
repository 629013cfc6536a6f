--- eks.nodegroup: a managed node group. Found by its cluster and its name.
---
--- Leave `desiredSize` out of scalingConfig when an autoscaler decides it: what is not declared is not
--- compared.
local check = require "eksrun.resource.check"
local resource = require "eksrun.resource"
local support = require "eksrun.resource.eks.support"
local util = require "eksrun.util"

local function describe(ctx, cluster, name)
  return ctx:found(function()
    return ctx.aws.eks:describe_nodegroup { clusterName = cluster, nodegroupName = name }.nodegroup
  end)
end

local function describer(ctx, record)
  return function() return describe(ctx, record.clusterName, record.nodegroupName) end
end

local function title(record)
  return ("node group %s of %s"):format(record.nodegroupName, record.clusterName)
end

local function record_of(ctx, nodegroup)
  local record = ctx:record(nodegroup)
  record.pending = nodegroup.status ~= "ACTIVE"
  return record
end

local function taint_name(taint) return taint.key .. "|" .. taint.effect end

-- What UpdateNodegroupConfig takes for the change of a set of taints.
local function taint_changes(wanted, present)
  local want, have, changes = {}, {}, { addOrUpdateTaints = {}, removeTaints = {} }
  for _, taint in ipairs(present or {}) do have[taint_name(taint)] = taint end
  for _, taint in ipairs(wanted or {}) do
    want[taint_name(taint)] = true
    if not util.equal(taint, have[taint_name(taint)]) then table.insert(changes.addOrUpdateTaints, taint) end
  end
  for _, taint in ipairs(present or {}) do
    if not want[taint_name(taint)] then table.insert(changes.removeTaints, taint) end
  end
  return changes
end

local function label_changes(wanted, present)
  local changes = { addOrUpdateLabels = {}, removeLabels = {} }
  for key, value in pairs(wanted or {}) do
    if (present or {})[key] ~= value then changes.addOrUpdateLabels[key] = value end
  end
  for key in util.sorted_pairs(present or {}) do
    if (wanted or {})[key] == nil then table.insert(changes.removeLabels, key) end
  end
  return changes
end

return resource.define {
  name = "eks.nodegroup",
  identity = "name",
  key = { "clusterName", "nodegroupName" },
  id = "nodegroupName",
  tagging = { "map" },
  exclusive = { update = "eks.nodegroup/{clusterName}/{nodegroupName}" },
  inputs = {
    clusterName = { type = "string", required = true, immutable = true, refers = "eks.cluster" },
    nodegroupName = {
      type = "string",
      immutable = true,
      computed = function(node, stack) return stack:name_for(node, 63) end,
      check = check.name("^%w[%w_-]*$", 63, "letters, digits, '_' and '-'"),
    },
    nodeRole = { type = "string", required = true, immutable = true, refers = "iam.role.Arn" },
    subnets = { type = "table", required = true, immutable = true, set = true, refers = "ec2.subnet" },
    scalingConfig = {
      type = "table",
      fields = {
        minSize = { type = "integer" },
        maxSize = { type = "integer" },
        desiredSize = { type = "integer" },
      },
    },
    instanceTypes = { type = "table", immutable = true },
    amiType = { type = "string", immutable = true },
    capacityType = { type = "string", immutable = true, default = "ON_DEMAND" },
    diskSize = { type = "integer", immutable = true },
    remoteAccess = { type = "table", immutable = true },
    launchTemplate = {
      type = "table",
      fields = {
        id = { type = "string", immutable = true },
        name = { type = "string", immutable = true },
        version = { type = "string" },
      },
    },
    labels = { type = "table", map = true, default = {} },
    taints = { type = "table", set = true, default = {} },
    updateConfig = {
      type = "table",
      fields = {
        maxUnavailable = { type = "integer" },
        maxUnavailablePercentage = { type = "integer" },
        updateStrategy = { type = "string" },
      },
    },
    nodeRepairConfig = { type = "table", fields = { enabled = { type = "boolean" } } },
    version = { type = "string" },
    releaseVersion = { type = "string" },
  },
  outputs = { "nodegroupArn", "status", "resources", "createdAt" },
  retry = {
    create = support.ROLE_NOT_VISIBLE_YET,
    delete = { { code = "ResourceInUseException", message = "in progress", seconds = 3600 } },
  },
  typical = {
    create = 130, update = 120, delete = 370,
    of = { version = 600, releaseVersion = 600, launchTemplate = 600 },
  },
  slow = "its health issues (eksrun call eks describe-nodegroup --cluster-name {clusterName} "
    .. "--nodegroup-name {nodegroupName} --query nodegroup.health), whether EC2 has room for its instance "
    .. "types in its zones, and whether the nodes reach the cluster: routes, NAT or endpoints, the node role",

  observe = function(ctx, wanted)
    return support.observe_children(ctx, wanted, {
      kind = "eks.nodegroup",
      key = "nodegroupName",
      list = function(cluster)
        return ctx:list("eks", "list_nodegroups", { clusterName = cluster }, "nodegroups")
      end,
      describe = function(cluster, name) return describe(ctx, cluster, name) end,
      record = function(nodegroup) return record_of(ctx, nodegroup) end,
    })
  end,

  create = function(ctx, inputs)
    return support.create_named(ctx, title(inputs), describer(ctx, inputs), function()
      return ctx.aws.eks:create_nodegroup(ctx:tagged {
        clusterName = inputs.clusterName,
        nodegroupName = inputs.nodegroupName,
        nodeRole = inputs.nodeRole,
        subnets = inputs.subnets,
        scalingConfig = inputs.scalingConfig,
        instanceTypes = inputs.instanceTypes,
        amiType = inputs.amiType,
        capacityType = inputs.capacityType,
        diskSize = inputs.diskSize,
        remoteAccess = inputs.remoteAccess,
        launchTemplate = inputs.launchTemplate,
        labels = inputs.labels,
        taints = inputs.taints,
        updateConfig = inputs.updateConfig,
        nodeRepairConfig = inputs.nodeRepairConfig,
        version = inputs.version,
        releaseVersion = inputs.releaseVersion,
        clientRequestToken = ctx.token,
      }).nodegroup
    end)
  end,

  ready = function(ctx, record)
    return record_of(ctx, support.wait_active(ctx, title(record), describer(ctx, record), 60))
  end,

  update = function(ctx, record, inputs, changed)
    local names = { clusterName = record.clusterName, nodegroupName = record.nodegroupName }
    local function settle(operation, params)
      params.clusterName, params.nodegroupName = names.clusterName, names.nodegroupName
      local answer = ctx.aws.eks[operation](ctx.aws.eks, params)
      support.wait_update(ctx, title(names), names, answer.update, 180)
      support.wait_active(ctx, title(names), describer(ctx, names), 60)
    end
    if changed.scalingConfig or changed.labels or changed.taints or changed.updateConfig
      or changed.nodeRepairConfig then
      settle("update_nodegroup_config", {
        scalingConfig = changed.scalingConfig and inputs.scalingConfig,
        labels = changed.labels and label_changes(inputs.labels, record.labels),
        taints = changed.taints and taint_changes(inputs.taints, record.taints),
        updateConfig = changed.updateConfig and inputs.updateConfig,
        nodeRepairConfig = changed.nodeRepairConfig and inputs.nodeRepairConfig,
      })
    end
    if changed.version or changed.releaseVersion or changed.launchTemplate then
      settle("update_nodegroup_version", {
        version = inputs.version,
        releaseVersion = inputs.releaseVersion,
        launchTemplate = changed.launchTemplate and inputs.launchTemplate,
      })
    end
  end,

  retag = support.retag_by "nodegroupArn",

  delete = function(ctx, record)
    ctx.aws.eks:delete_nodegroup { clusterName = record.clusterName, nodegroupName = record.nodegroupName }
  end,

  gone = function(ctx, record) support.wait_gone(ctx, title(record), describer(ctx, record), 60) end,
}
