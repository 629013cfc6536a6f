--- EKS: changes of a cluster, each an update that takes a while, one at a time.
local config = require "eksrun.sandbox.eks.cluster_config"
local durations = require "eksrun.sandbox.durations"
local insights = require "eksrun.sandbox.eks.insight"
local json = require "eksrun.json"
local logs = require "eksrun.sandbox.logs"
local support = require "eksrun.sandbox.eks.support"
local updates = require "eksrun.sandbox.eks.update"
local util = require "eksrun.util"
local versions = require "eksrun.sandbox.eks.versions"

local M = { operations = {} }
local operations = M.operations

local function merged(before, change) return util.overlay(before or {}, change) end

local NETWORK = { "subnetIds", "securityGroupIds", "endpointPublicAccess", "endpointPrivateAccess",
  "publicAccessCidrs", "controlPlaneEgressMode" }

local function update_vpc(call, cluster, wanted)
  local network = merged(cluster.resourcesVpcConfig, {})
  local where = wanted.subnetIds or wanted.securityGroupIds
  local access = wanted.endpointPublicAccess ~= nil or wanted.endpointPrivateAccess ~= nil
    or wanted.publicAccessCidrs
  local egress = wanted.controlPlaneEgressMode
  if (where and 1 or 0) + (access and 1 or 0) + (egress and 1 or 0) > 1 then
    support.refuse_parameter "Only one type of update can be allowed."
  end
  for _, name in ipairs(NETWORK) do
    if wanted[name] ~= nil then network[name] = wanted[name] end
  end
  if wanted.subnetIds then config.check_subnets(call, wanted.subnetIds) end
  config.check_groups(call, wanted.securityGroupIds)
  config.normalize_access(network)
  if util.equal(network, cluster.resourcesVpcConfig) then
    support.refuse_parameter("Cluster is already at the desired configuration with endpointPrivateAccess: %s "
      .. ", endpointPublicAccess: %s, and Public Endpoint Restrictions: [%s]", network.endpointPrivateAccess,
      network.endpointPublicAccess, table.concat(network.publicAccessCidrs, ", "))
  end
  local kind = where and "VpcConfigUpdate" or egress and "ControlPlaneEgressUpdate" or "EndpointAccessUpdate"
  return kind, { resourcesVpcConfig = network }, {
    Subnets = wanted.subnetIds, SecurityGroups = wanted.securityGroupIds, ControlPlaneEgressMode = egress,
    EndpointPublicAccess = access and network.endpointPublicAccess or nil,
    EndpointPrivateAccess = access and network.endpointPrivateAccess or nil,
    PublicAccessCidrs = access and network.publicAccessCidrs or nil,
  }
end

local function update_logging(call, cluster, wanted)
  local setup, on = config.logging(cluster.logging, wanted)
  if util.equal(setup, cluster.logging) then
    support.refuse_parameter "No changes needed for the logging config provided"
  end
  local group = ("/aws/eks/%s/cluster"):format(cluster.name)
  if on and not call:get("logs.log_group", group) then logs.make(call, group) end
  return "LoggingUpdate", { logging = setup }, { ClusterLogging = setup.clusterLogging }
end

local MODES = { CONFIG_MAP = 1, API_AND_CONFIG_MAP = 2, API = 3 }

local function update_access(_, cluster, wanted)
  local mode = cluster.accessConfig.authenticationMode
  if MODES[wanted.authenticationMode] < MODES[mode] then
    support.refuse_parameter("Unsupported authentication mode update from %s to %s", mode,
      wanted.authenticationMode)
  elseif wanted.authenticationMode == mode then
    support.refuse_parameter("Access config authentication mode is already %s", mode)
  end
  return "AccessConfigUpdate",
    { accessConfig = merged(cluster.accessConfig, { authenticationMode = wanted.authenticationMode }) },
    { AuthenticationMode = wanted.authenticationMode }
end

local function update_support(call, cluster, wanted)
  if wanted.supportType == "STANDARD" and versions.support(cluster.version, call.now) ~= "STANDARD" then
    support.refuse("InvalidRequestException",
      ("Cluster %s runs version %s, which is in extended support"):format(
      cluster.name, cluster.version), { clusterName = cluster.name })
  end
  return "UpgradePolicyUpdate", { upgradePolicy = wanted }, { UpgradePolicy = wanted }
end

-- A change that is taken as it is.
local function plain(kind, name, said)
  return function(_, cluster, wanted)
    if util.equal(cluster[name], wanted) then
      support.refuse_parameter("No changes needed for the %s provided", name)
    end
    return kind, { [name] = wanted }, { [said] = wanted }
  end
end

local function update_scaling(_, cluster, wanted)
  return "ControlPlaneScalingConfigUpdate", { controlPlaneScalingConfig = wanted },
    { UpdatedTier = wanted.tier, PreviousTier = (cluster.controlPlaneScalingConfig or {}).tier or "standard" }
end

-- By the member of UpdateClusterConfig: the update's type, the fields that it changes, what the update says.
local changes = {
  resourcesVpcConfig = update_vpc, logging = update_logging, accessConfig = update_access,
  upgradePolicy = update_support, controlPlaneScalingConfig = update_scaling,
  zonalShiftConfig = plain("ZonalShiftConfigUpdate", "zonalShiftConfig", "ZonalShiftConfig"),
  deletionProtection = plain("DeletionProtectionUpdate", "deletionProtection", "DeletionProtection"),
  remoteNetworkConfig = plain("RemoteNetworkConfigUpdate", "remoteNetworkConfig", "RemoteNetworkConfig"),
  kubeApiServerConfig = plain("ControlPlaneComponentConfigUpdate", "kubeApiServerConfig",
    "KubeApiServerConfig"),
  kubeSchedulerConfig = plain("ControlPlaneComponentConfigUpdate", "kubeSchedulerConfig",
    "KubeSchedulerConfig"),
  kubeControllerManagerConfig = plain("ControlPlaneComponentConfigUpdate", "kubeControllerManagerConfig",
    "KubeControllerManagerConfig"),
}

local function update_auto_mode(call, cluster, params)
  local on = config.check_auto_mode(call, params)
  if not (params.computeConfig and params.storageConfig and params.kubernetesNetworkConfig) then
    config.refuse_auto_mode()
  end
  if on and cluster.accessConfig.authenticationMode == "CONFIG_MAP" then
    support.refuse_parameter "EKS Auto Mode requires the authentication mode API or API_AND_CONFIG_MAP."
  end
  return "AutoModeUpdate", {
    computeConfig = on and merged(cluster.computeConfig, params.computeConfig) or { enabled = false },
    storageConfig = merged(cluster.storageConfig, params.storageConfig),
    kubernetesNetworkConfig = merged(cluster.kubernetesNetworkConfig, {
      elasticLoadBalancing = params.kubernetesNetworkConfig.elasticLoadBalancing,
    }),
  }, {
    ComputeConfig = params.computeConfig, StorageConfig = params.storageConfig,
    KubernetesNetworkConfig = params.kubernetesNetworkConfig,
  }, { on and "eks.auto_mode.on" or "eks.auto_mode.off", { name = cluster.name } }
end

local function start(call, cluster, kind, fields, params, done)
  local seconds = durations["eks.update." .. kind] and "eks.update." .. kind or "eks.update"
  return {
    update = updates.start(call, cluster, {
      kind = "eks.cluster", key = cluster.name, type = kind, params = params, fields = fields,
      seconds = call:duration(seconds, cluster.name, call.now), done = done,
    }),
  }
end

function operations.UpdateClusterConfig(call, params)
  local cluster = support.active_cluster(call, params.name)
  updates.check_free(call, "eks.cluster", cluster.name, "update")
  local auto = params.computeConfig or params.storageConfig or params.kubernetesNetworkConfig
  local member
  for name in util.sorted_pairs(changes) do
    if params[name] ~= nil then
      if member or auto then support.refuse_parameter "Only one type of update can be allowed." end
      member = name
    end
  end
  if auto then return start(call, cluster, update_auto_mode(call, cluster, params)) end
  if not member then support.refuse_parameter "An update wants something to update" end
  return start(call, cluster, changes[member](call, cluster, params[member]))
end

function operations.UpdateClusterVersion(call, params)
  local cluster, version = support.active_cluster(call, params.name), params.version
  updates.check_free(call, "eks.cluster", cluster.name, "VersionUpdate")
  local from, to = versions.index(cluster.version), versions.index(version)
  if not to then support.refuse_parameter("unsupported Kubernetes version %s", version) end
  if to == from then support.refuse_parameter("Cluster is already at version: %s", version) end
  if to ~= from + 1 then
    support.refuse_parameter("Unsupported Kubernetes minor version update from %s to %s", cluster.version,
      version)
  end
  local behind = insights.left_behind(call, cluster, version)
  if behind[1] and not params.force then
    support.refuse("InvalidRequestException", ("Nodegroups %s must be updated to match cluster version %s "
      .. "before updating cluster version"):format(table.concat(behind, ", "), cluster.version),
      { clusterName = cluster.name })
  end
  local platform = versions.platform(version)
  return start(call, cluster, "VersionUpdate", { version = version, platformVersion = platform },
    { Version = version, PlatformVersion = platform })
end

function operations.AssociateEncryptionConfig(call, params)
  local cluster = support.active_cluster(call, params.clusterName)
  updates.check_free(call, "eks.cluster", cluster.name, "AssociateEncryptionConfig")
  if cluster.encryptionConfig and cluster.encryptionConfig[1] then
    support.refuse_parameter("Encryption is already enabled on cluster %s", cluster.name)
  end
  config.check_encryption(call, params.encryptionConfig)
  return start(call, cluster, "AssociateEncryptionConfig", { encryptionConfig = params.encryptionConfig },
    { EncryptionConfig = params.encryptionConfig })
end

function operations.DescribeClusterVersions(call, params)
  local list, wanted = json.array {}, nil
  for _, version in ipairs(params.clusterVersions or {}) do
    wanted = wanted or {}
    wanted[version] = true
  end
  for i = #versions.list, 1, -1 do
    local known, default = versions.list[i], i == #versions.list
    local how = versions.support(known.version, call.now)
    local shown = not wanted or wanted[known.version]
    if params.defaultOnly then shown = shown and default end
    if params.versionStatus then
      shown = shown and how == params.versionStatus:gsub("_SUPPORT$", "")
    elseif not params.includeAll and not wanted then
      shown = shown and how ~= "UNSUPPORTED"
    end
    if shown then
      list[#list + 1] = {
        clusterVersion = known.version, clusterType = params.clusterType or "eks", defaultVersion = default,
        defaultPlatformVersion = versions.platform(known.version),
        kubernetesPatchVersion = ("%s.%d"):format(known.version, known.patch),
        releaseDate = versions.at(known.released), endOfStandardSupportDate = versions.at(known.standard),
        endOfExtendedSupportDate = versions.at(known.extended), versionStatus = how == "UNSUPPORTED" and how
          or how .. "_SUPPORT",
        status = how == "UNSUPPORTED" and "unsupported" or how:lower() .. "-support",
      }
    end
  end
  return { clusterVersions = list }
end

return M
