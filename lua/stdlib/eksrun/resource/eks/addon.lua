--- eks.addon: a component that EKS installs and keeps in a cluster. Found by its cluster and its name.
---
--- An add-on whose pods have no node to run on is DEGRADED and becomes ACTIVE when one comes: that status
--- ends no wait.
local document = require "eksrun.resource.document"
local resource = require "eksrun.resource"
local support = require "eksrun.resource.eks.support"

local function describe(ctx, cluster, name)
  return ctx:found(function()
    return ctx.aws.eks:describe_addon { clusterName = cluster, addonName = name }.addon
  end)
end

local function describer(ctx, record)
  return function() return describe(ctx, record.clusterName, record.addonName) end
end

local function title(record) return ("add-on %s of %s"):format(record.addonName, record.clusterName) end

local PENDING = { CREATING = true, UPDATING = true, DEGRADED = true }

local function record_of(ctx, addon)
  local record = ctx:record(addon)
  record.pending = addon.status == "CREATING" or addon.status == "UPDATING"
  return record
end

-- What creation and update take alike.
local function params_of(ctx, inputs)
  return {
    clusterName = inputs.clusterName,
    addonName = inputs.addonName,
    addonVersion = inputs.addonVersion,
    serviceAccountRoleArn = inputs.serviceAccountRoleArn,
    podIdentityAssociations = inputs.podIdentityAssociations,
    configurationValues = document.text(inputs.configurationValues),
    resolveConflicts = inputs.resolveConflicts,
    clientRequestToken = ctx.token,
  }
end

return resource.define {
  name = "eks.addon",
  identity = "name",
  key = { "clusterName", "addonName" },
  id = "addonName",
  parent = "clusterName",
  tagging = { "map" },
  exclusive = { update = "eks.addon/{clusterName}/{addonName}" },
  inputs = {
    clusterName = { type = "string", required = true, immutable = true, refers = "eks.cluster" },
    addonName = { type = "string", required = true, immutable = true },
    addonVersion = { type = "string" },
    serviceAccountRoleArn = { type = "string", refers = "iam.role.Arn" },
    podIdentityAssociations = { type = "table", write_only = true },
    configurationValues = { type = "string", policy = true },
    resolveConflicts = { type = "string", write_only = true },
    namespaceConfig = { type = "table", immutable = true },
    preserve = { type = "boolean", write_only = true },
  },
  outputs = { "addonArn", "status", "createdAt" },
  retry = {
    create = {
      { code = "InvalidParameterException", message = "does not exist" },
      { code = "InvalidParameterException", message = "CREATE_FAILED" },
    },
    delete = { { code = "ResourceInUseException", message = "in progress", seconds = 1800 } },
  },
  typical = { create = 45, update = 60, delete = 20 },
  slow = "its health issues (eksrun call eks describe-addon --cluster-name {clusterName} --addon-name "
    .. "{addonName} --query addon.health), and whether the cluster has nodes that its pods fit on",

  observe = function(ctx, wanted)
    return support.observe_children(ctx, wanted, {
      kind = "eks.addon",
      key = "addonName",
      list = function(cluster) return ctx:list("eks", "list_addons", { clusterName = cluster }, "addons") end,
      describe = function(cluster, name) return describe(ctx, cluster, name) end,
      record = function(addon) return record_of(ctx, addon) end,
    })
  end,

  create = function(ctx, inputs)
    local params = params_of(ctx, inputs)
    params.namespaceConfig = inputs.namespaceConfig
    return support.create_named(ctx, title(inputs), describer(ctx, inputs), function()
      return ctx.aws.eks:create_addon(ctx:tagged(params)).addon
    end)
  end,

  ready = function(ctx, record)
    return record_of(ctx, support.wait_active(ctx, title(record), describer(ctx, record), 20, PENDING))
  end,

  update = function(ctx, record, inputs, changed)
    local params = params_of(ctx, inputs)
    -- A version that is not declared stays.
    params.addonVersion = changed.addonVersion and inputs.addonVersion or record.addonVersion
    local names = { clusterName = record.clusterName, addonName = record.addonName }
    local answer = ctx.aws.eks:update_addon(params)
    support.wait_update(ctx, title(names), names, answer.update, 30)
  end,

  retag = support.retag_by "addonArn",

  delete = function(ctx, record)
    ctx.aws.eks:delete_addon {
      clusterName = record.clusterName, addonName = record.addonName, preserve = record.preserve,
    }
  end,

  gone = function(ctx, record) support.wait_gone(ctx, title(record), describer(ctx, record), 30) end,
}
