--- eks.cluster: an EKS control plane. Found by its name.
---
--- `logging` is the list of the log types that are on. Everything that can change is changed by a call of its
--- own, one behind the other: EKS does one update of a cluster at a time.
local check = require "eksrun.resource.check"
local json = require "eksrun.json"
local resource = require "eksrun.resource"
local subnets = require "eksrun.resource.eks.subnets"
local support = require "eksrun.resource.eks.support"
local util = require "eksrun.util"

local LOG_TYPES = { "api", "audit", "authenticator", "controllerManager", "scheduler" }

local function describer(ctx, name)
  return function() return support.describe_cluster(ctx, name) end
end

local function record_of(ctx, cluster)
  local record = ctx:record(cluster)
  record.logging = json.array {}
  for _, group in ipairs(cluster.logging and cluster.logging.clusterLogging or {}) do
    if group.enabled then
      for _, log_type in ipairs(group.types or {}) do table.insert(record.logging, log_type) end
    end
  end
  record.clusterSecurityGroupId = (cluster.resourcesVpcConfig or {}).clusterSecurityGroupId
  record.serviceIpv4Cidr = (cluster.kubernetesNetworkConfig or {}).serviceIpv4Cidr
  record.pending = cluster.status ~= "ACTIVE"
  record.leaving = cluster.status == "DELETING"
  record.failed = cluster.status == "FAILED" and "FAILED" or nil
  return record
end

-- The form of the API: which are on, which are off.
local function log_setup(types)
  local on, enabled, disabled = {}, json.array {}, json.array {}
  for _, log_type in ipairs(types) do on[log_type] = true end
  for _, log_type in ipairs(LOG_TYPES) do table.insert(on[log_type] and enabled or disabled, log_type) end
  local groups = json.array {}
  if #enabled > 0 then table.insert(groups, { types = enabled, enabled = true }) end
  if #disabled > 0 then table.insert(groups, { types = disabled, enabled = false }) end
  return { clusterLogging = groups }
end

local function check_log_types(types)
  for _, log_type in ipairs(types) do
    if not util.contains(LOG_TYPES, log_type) then
      return ("'%s' is no log type: %s"):format(tostring(log_type), table.concat(LOG_TYPES, ", "))
    end
  end
end

-- The named fields of a structure; nil when it has none.
local function picked(from, ...)
  local some
  for _, name in ipairs { ... } do
    if from[name] ~= nil then
      some = some or {}
      some[name] = from[name]
    end
  end
  return some
end

local function sorted(value)
  if type(value) ~= "table" then return value end
  local copy = table.move(value, 1, #value, 1, {})
  table.sort(copy)
  return copy
end

-- Whether a part of resourcesVpcConfig is not what the cluster has; its lists are sets.
local function differs(part, present)
  for name, value in pairs(part) do
    if not util.equal(sorted(value), sorted(present[name])) then return true end
  end
  return false
end

-- Auto Mode is on or off as a whole: its compute, its storage and its load balancing.
local AUTO_MODE = { "computeConfig", "storageConfig", "kubernetesNetworkConfig" }

local function auto_mode_parts(inputs)
  return (inputs.computeConfig or {}).enabled,
    ((inputs.storageConfig or {}).blockStorage or {}).enabled,
    ((inputs.kubernetesNetworkConfig or {}).elasticLoadBalancing or {}).enabled
end

local function all_or_none(node)
  local compute, storage, load_balancing = auto_mode_parts(node.inputs)
  if compute ~= storage or compute ~= load_balancing then
    return ("Auto Mode is on or off as a whole: computeConfig.enabled is %s, "
      .. "storageConfig.blockStorage.enabled %s, kubernetesNetworkConfig.elasticLoadBalancing.enabled %s")
      :format(compute, storage, load_balancing)
  end
end

-- What EKS takes for a change of any part of Auto Mode.
local function auto_mode_update(inputs)
  return {
    computeConfig = inputs.computeConfig,
    storageConfig = inputs.storageConfig,
    kubernetesNetworkConfig = picked(inputs.kubernetesNetworkConfig or {}, "elasticLoadBalancing"),
  }
end

-- By changed input: the parameters of the UpdateClusterConfig calls that it takes.
local config_updates = {
  logging = function(inputs) return { { logging = log_setup(inputs.logging) } } end,
  accessConfig = function(inputs)
    return { { accessConfig = picked(inputs.accessConfig, "authenticationMode") } }
  end,
  -- Who reaches the endpoint and where the cluster lives are two updates.
  resourcesVpcConfig = function(inputs, record)
    local wanted, updates = inputs.resourcesVpcConfig, {}
    for _, part in ipairs {
      picked(wanted, "endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs") or false,
      picked(wanted, "subnetIds", "securityGroupIds") or false,
    } do
      if part and differs(part, record.resourcesVpcConfig) then
        table.insert(updates, { resourcesVpcConfig = part })
      end
    end
    return updates
  end,
}
for _, name in ipairs { "upgradePolicy", "zonalShiftConfig", "deletionProtection", "remoteNetworkConfig" } do
  config_updates[name] = function(inputs) return { { [name] = inputs[name] } } end
end

-- A cluster without encryption of its secrets takes it on; a key stays for good.
local function encrypt(ctx, record, inputs)
  if #(record.encryptionConfig or {}) > 0 then
    util.fail("eks", "cluster %s: its secrets are encrypted already: the key cannot be changed or taken away",
      record.name)
  end
  return ctx.aws.eks:associate_encryption_config {
    clusterName = record.name, encryptionConfig = inputs.encryptionConfig, clientRequestToken = ctx.token,
  }
end

local function settle(ctx, name, answer, minutes)
  support.wait_update(ctx, "cluster " .. name, { name = name }, answer.update, minutes)
  support.wait_active(ctx, "cluster " .. name, describer(ctx, name), minutes)
end

-- EKS goes up by one minor version at a time. It goes back by one within days of an upgrade, which is for a
-- person to say and not for a version that a recipe or a command line has dropped.
local function refuse_version(change)
  local has, wanted = change.record.version, change.inputs.version
  local major, minor = tostring(has):match "^(%d+)%.(%d+)$"
  local to_major, to_minor = tostring(wanted):match "^(%d+)%.(%d+)$"
  if not major or major ~= to_major then return nil end
  local up = math.tointeger(to_minor) - math.tointeger(minor)
  if up > 1 then
    return ("version %s -> %s: EKS goes up one minor version at a time: %s.%d first"):format(has, wanted,
      major, minor + 1)
  end
  if up >= 0 then return nil end
  local back = up == -1 and ("; EKS rolls an upgrade back for some days: eksrun call eks "
    .. "update-cluster-version --name %s --kubernetes-version %s"):format(change.record.name, wanted) or ""
  return ("version %s -> %s: a recipe takes no cluster back: keep version %s%s"):format(has, wanted, has,
    back)
end

return resource.define {
  name = "eks.cluster",
  identity = "name",
  key = { "name" },
  id = "name",
  tagging = { "map" },
  protect = true,
  guarded = function(record) return record.deletionProtection == true end,
  refuse = function(change) return refuse_version(change) or subnets.refuse(change) end,
  exclusive = { update = "eks.cluster/{name}" },
  inputs = {
    name = {
      type = "string",
      immutable = true,
      computed = function(node, stack) return stack:name_for(node, 100) end,
      check = check.name("^%w[%w_-]*$", 100, "letters, digits, '_' and '-'"),
    },
    version = { type = "string", check = check.text("^%d+%.%d+$", "a Kubernetes version such as 1.33") },
    roleArn = { type = "string", required = true, immutable = true, refers = "iam.role.Arn" },
    resourcesVpcConfig = {
      type = "table",
      required = true,
      fields = {
        subnetIds = { type = "table", set = true, refers = "ec2.subnet" },
        securityGroupIds = { type = "table", set = true },
        endpointPublicAccess = { type = "boolean" },
        endpointPrivateAccess = { type = "boolean" },
        publicAccessCidrs = { type = "table", set = true },
      },
    },
    kubernetesNetworkConfig = {
      type = "table",
      fields = {
        serviceIpv4Cidr = { type = "string", immutable = true },
        ipFamily = { type = "string", immutable = true },
        elasticLoadBalancing = { type = "table", default = { enabled = false }, fields = { enabled = {} } },
      },
    },
    computeConfig = {
      type = "table",
      default = { enabled = false },
      fields = {
        enabled = { type = "boolean", default = false },
        nodePools = { type = "table", set = true, default = {} },
        nodeRoleArn = { type = "string", refers = "iam.role.Arn" },
      },
    },
    storageConfig = {
      type = "table",
      default = { blockStorage = { enabled = false } },
      fields = { blockStorage = { type = "table", fields = { enabled = { type = "boolean" } } } },
    },
    logging = { type = "table", set = true, default = {}, check = check_log_types },
    accessConfig = {
      type = "table",
      fields = {
        authenticationMode = { type = "string" },
        bootstrapClusterCreatorAdminPermissions = { type = "boolean", write_only = true },
      },
    },
    encryptionConfig = { type = "table", default = {} },
    bootstrapSelfManagedAddons = { type = "boolean", write_only = true },
    upgradePolicy = { type = "table", fields = { supportType = { type = "string" } } },
    zonalShiftConfig = { type = "table", fields = { enabled = { type = "boolean" } } },
    remoteNetworkConfig = { type = "table" },
    deletionProtection = { type = "boolean" },
  },
  outputs = {
    "arn", "endpoint", "certificateAuthority", "identity", "platformVersion", "clusterSecurityGroupId",
    "serviceIpv4Cidr",
  },
  verify = all_or_none,
  retry = {
    create = support.ROLE_NOT_VISIBLE_YET,
    update = support.ROLE_NOT_VISIBLE_YET, -- of the nodes, when Auto Mode is turned on
    delete = { { code = "ResourceInUseException", message = "in progress", seconds = 3600 } },
  },
  typical = {
    create = 600, update = 120, delete = 150,
    of = { version = 600, encryptionConfig = 1800, resourcesVpcConfig = 240 },
  },
  slow = "its health issues (eksrun call eks describe-cluster --name {name} --query cluster.health) and the "
    .. "subnets' free addresses",

  observe = function(ctx, wanted)
    local records, seen, jobs = {}, {}, {}
    local function add(cluster)
      if not cluster or seen[cluster.name] then return end
      seen[cluster.name] = true
      records[#records + 1] = record_of(ctx, cluster)
    end
    for i, want in ipairs(wanted) do
      jobs[i] = function() add(support.observe_cluster(ctx, want.name)) end
    end
    jobs[#jobs + 1] = function()
      for _, cluster in ipairs(support.owned_clusters(ctx)) do add(cluster) end
    end
    ctx:each(jobs, function(job) job() end)
    return records
  end,

  create = function(ctx, inputs)
    local name = inputs.name
    return support.create_named(ctx, "cluster " .. name, describer(ctx, name), function()
      return ctx.aws.eks:create_cluster(ctx:tagged {
        name = name,
        version = inputs.version,
        roleArn = inputs.roleArn,
        resourcesVpcConfig = inputs.resourcesVpcConfig,
        kubernetesNetworkConfig = inputs.kubernetesNetworkConfig,
        logging = inputs.logging and log_setup(inputs.logging),
        accessConfig = inputs.accessConfig,
        computeConfig = inputs.computeConfig,
        storageConfig = inputs.storageConfig,
        encryptionConfig = inputs.encryptionConfig,
        bootstrapSelfManagedAddons = inputs.bootstrapSelfManagedAddons,
        upgradePolicy = inputs.upgradePolicy,
        zonalShiftConfig = inputs.zonalShiftConfig,
        remoteNetworkConfig = inputs.remoteNetworkConfig,
        deletionProtection = inputs.deletionProtection,
        clientRequestToken = ctx.token,
      }).cluster
    end)
  end,

  ready = function(ctx, record)
    local name = record.name
    return record_of(ctx, support.wait_active(ctx, "cluster " .. name, describer(ctx, name), 60))
  end,

  update = function(ctx, record, inputs, changed)
    local name = record.name
    for _, input in ipairs {
      "accessConfig", "upgradePolicy", "deletionProtection", "zonalShiftConfig", "remoteNetworkConfig",
      "resourcesVpcConfig", "logging",
    } do
      for _, params in ipairs(changed[input] and config_updates[input](inputs, record) or {}) do
        params.name = name
        settle(ctx, name, ctx.aws.eks:update_cluster_config(params), 60)
      end
    end
    local auto_mode = false
    for _, input in ipairs(AUTO_MODE) do auto_mode = auto_mode or changed[input] end
    if auto_mode then
      local params = auto_mode_update(inputs)
      params.name = name
      settle(ctx, name, ctx.aws.eks:update_cluster_config(params), 60)
    end
    if changed.encryptionConfig then settle(ctx, name, encrypt(ctx, record, inputs), 120) end
    if changed.version then
      settle(ctx, name, ctx.aws.eks:update_cluster_version { name = name, version = inputs.version }, 90)
    end
  end,

  retag = support.retag_by "arn",

  delete = function(ctx, record)
    local name = record.name
    if record.deletionProtection then
      settle(ctx, name, ctx.aws.eks:update_cluster_config { name = name, deletionProtection = false }, 60)
      record.deletionProtection = false
    end
    ctx.aws.eks:delete_cluster { name = name }
  end,

  gone = function(ctx, record)
    local name = record.name
    support.wait_gone(ctx, "cluster " .. name, describer(ctx, name), 60)
  end,
}
