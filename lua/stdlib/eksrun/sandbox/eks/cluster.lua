--- EKS: clusters.
local authority = require "eksrun.sandbox.eks.authority"
local calls = require "eksrun.sandbox.call"
local cidr = require "eksrun.cidr"
local ec2 = require "eksrun.sandbox.ec2.support"
local json = require "eksrun.json"
local logs = require "eksrun.sandbox.logs"
local roles = require "eksrun.sandbox.iam.role"
local security_group = require "eksrun.sandbox.ec2.security_group"
local support = require "eksrun.sandbox.eks.support"
local updates = require "eksrun.sandbox.eks.update"
local util = require "eksrun.util"

local M = { operations = {}, events = {} }
local operations = M.operations

local LOG_TYPES = { "api", "audit", "authenticator", "controllerManager", "scheduler" }
-- Zones that EKS puts no control plane into.
local WITHOUT_EKS = { ["use1-az3"] = true, ["usw1-az2"] = true, ["cac1-az3"] = true }

-- Logging in EKS's form: which types are on, which are off.
local function logging(before, setup)
  local on = {}
  for _, group in ipairs(before and before.clusterLogging or {}) do
    for _, log_type in ipairs(group.enabled and group.types or {}) do on[log_type] = true end
  end
  for _, group in ipairs(setup and setup.clusterLogging or {}) do
    for _, log_type in ipairs(group.types or {}) do on[log_type] = group.enabled or nil end
  end
  local enabled, disabled = json.array {}, json.array {}
  for _, log_type in ipairs(LOG_TYPES) do table.insert(on[log_type] and enabled or disabled, log_type) end
  local list = json.array {}
  if enabled[1] then list[#list + 1] = { types = enabled, enabled = true } end
  if disabled[1] then list[#list + 1] = { types = disabled, enabled = false } end
  return { clusterLogging = list }, enabled[1] ~= nil
end

local function check_subnets(call, ids)
  local subnets, zones, count = support.subnets(call, ids), {}, 0
  for _, subnet in ipairs(subnets) do
    if WITHOUT_EKS[subnet.AvailabilityZoneId] then
      support.refuse("UnsupportedAvailabilityZoneException",
        ("Cannot create cluster because %s, the targeted availability zone, does not currently have "
          .. "sufficient capacity to support the cluster."):format(subnet.AvailabilityZone))
    end
    if not zones[subnet.AvailabilityZone] then count = count + 1 end
    zones[subnet.AvailabilityZone] = true
  end
  if count < 2 then
    support.refuse_parameter("Subnets specified must be in at least two different AZs")
  end
  return subnets
end

local function check_groups(call, ids)
  for _, id in ipairs(ids or {}) do
    if not call:get("ec2.security_group", id) then
      support.refuse_parameter("The security group '%s' does not exist", id)
    end
  end
end

local function given(value, default)
  if value == nil then return default end
  return value
end

local function network_config(wanted, subnets, call)
  wanted = wanted or {}
  local vpc = call:get("ec2.vpc", subnets[1].VpcId)
  local range = wanted.serviceIpv4Cidr
    or (cidr.overlaps(vpc.CidrBlock, "10.0.0.0/8") and "172.20.0.0/16" or "10.100.0.0/16")
  if cidr.overlaps(range, vpc.CidrBlock) then
    support.refuse_parameter("Service IPv4 CIDR block %s overlaps with the VPC's %s", range, vpc.CidrBlock)
  end
  return {
    serviceIpv4Cidr = range, ipFamily = wanted.ipFamily or "ipv4",
    elasticLoadBalancing = { enabled = (wanted.elasticLoadBalancing or {}).enabled or false },
  }
end

-- Auto Mode is on or off as a whole.
local function check_auto_mode(params)
  local compute = (params.computeConfig or {}).enabled or false
  local storage = ((params.storageConfig or {}).blockStorage or {}).enabled or false
  local balancing = ((params.kubernetesNetworkConfig or {}).elasticLoadBalancing or {}).enabled or false
  if compute ~= storage or compute ~= balancing then
    support.refuse_parameter("For EKS Auto Mode, please ensure that all required configs, including "
      .. "computeConfig, kubernetesNetworkConfig, and blockStorage are all either fully enabled or fully "
      .. "disabled.")
  end
  return compute
end

local function check_name(name)
  if not name:find "^%w[%w_-]*$" or #name > 100 then
    support.refuse_parameter("The cluster name '%s' is not valid", name)
  end
end

local function platform(version)
  return ("eks.%d"):format(support.VERSIONS[support.version_index(version)][2])
end

local function creator_entry(call, cluster)
  local access = cluster.accessConfig
  if not access.bootstrapClusterCreatorAdminPermissions or access.authenticationMode == "CONFIG_MAP" then
    return
  end
  local entries = require "eksrun.sandbox.eks.access"
  local caller = call.principal
  entries.make(call, cluster, { principalArn = caller.role or caller.arn }, { "AmazonEKSClusterAdminPolicy" })
end

function operations.CreateCluster(call, params)
  local name = params.name
  check_name(name)
  if call:get("eks.cluster", name) then
    support.refuse("ResourceInUseException", ("Cluster already exists with name: %s"):format(name),
      { clusterName = name })
  end
  local version = params.version or support.VERSIONS[#support.VERSIONS][1]
  if not support.version_index(version) then
    support.refuse_parameter("unsupported Kubernetes version %s", version)
  end
  support.check_role(call, params.roleArn, "eks.amazonaws.com", "cluster/" .. name)
  local wanted = params.resourcesVpcConfig
  local subnets = check_subnets(call, wanted.subnetIds or {})
  check_groups(call, wanted.securityGroupIds)
  local public, private = given(wanted.endpointPublicAccess, true), given(wanted.endpointPrivateAccess, false)
  if not public and not private then
    support.refuse_parameter("Private and public endpoint access cannot be false.")
  end
  local auto = check_auto_mode(params)
  local access = params.accessConfig or {}
  local setup, logs_on = logging(nil, params.logging)
  local cluster = call:put("eks.cluster", name, {
    name = name, arn = call:arn("eks", "cluster/" .. name), createdAt = support.time(call), version = version,
    roleArn = params.roleArn, status = "CREATING", platformVersion = platform(version),
    tags = params.tags or {},
    resourcesVpcConfig = {
      subnetIds = wanted.subnetIds, securityGroupIds = wanted.securityGroupIds or json.array {},
      vpcId = subnets[1].VpcId, endpointPublicAccess = public, endpointPrivateAccess = private,
      publicAccessCidrs = public and (wanted.publicAccessCidrs or { "0.0.0.0/0" }) or json.array {},
    },
    kubernetesNetworkConfig = network_config(params.kubernetesNetworkConfig, subnets, call), logging = setup,
    accessConfig = {
      authenticationMode = access.authenticationMode or "CONFIG_MAP",
      bootstrapClusterCreatorAdminPermissions = given(access.bootstrapClusterCreatorAdminPermissions, true),
    },
    encryptionConfig = params.encryptionConfig,
    upgradePolicy = params.upgradePolicy or { supportType = "EXTENDED" },
    zonalShiftConfig = params.zonalShiftConfig, remoteNetworkConfig = params.remoteNetworkConfig,
    deletionProtection = params.deletionProtection or false,
    computeConfig = auto and params.computeConfig or params.computeConfig and { enabled = false },
    storageConfig = params.storageConfig, health = { issues = json.array {} },
    _bootstrap = params.bootstrapSelfManagedAddons ~= false,
  })
  if logs_on and not call:get("logs.log_group", ("/aws/eks/%s/cluster"):format(name)) then
    logs.make(call, ("/aws/eks/%s/cluster"):format(name))
  end
  creator_entry(call, cluster)
  roles.ensure_linked(call, "eks.amazonaws.com")
  call:after(call:duration("eks.cluster.create", name, call.now), "eks.cluster.created", { name = name })
  return { cluster = cluster }
end

-- The control plane's interfaces, in two of its subnets.
local function put_interfaces(call, cluster)
  local config = cluster.resourcesVpcConfig
  local groups, seen, count = { config.clusterSecurityGroupId, table.unpack(config.securityGroupIds) }, {}, 0
  for _, id in ipairs(config.subnetIds) do
    local subnet = call:get("ec2.subnet", id)
    if subnet and not seen[subnet.AvailabilityZone] and count < 2 then
      seen[subnet.AvailabilityZone], count = true, count + 1
      ec2.interface(call, subnet, {
        Description = "Amazon EKS " .. cluster.name, RequesterId = "amazon-eks", Groups = groups,
        of = cluster.arn,
      })
    end
  end
end

M.events["eks.cluster.created"] = function(call, arguments)
  local cluster = call:get("eks.cluster", arguments.name)
  local config, name = cluster.resourcesVpcConfig, cluster.name
  local id = call.world:hash("cluster", call.region, name, cluster.createdAt):upper():sub(1, 32)
  cluster.status = "ACTIVE"
  cluster.endpoint = ("https://%s.%s.%s.eks.amazonaws.com"):format(id, "gr7", call.region)
  cluster.certificateAuthority = { data = authority }
  cluster.identity = { oidc = { issuer = ("https://oidc.eks.%s.amazonaws.com/id/%s"):format(call.region,
    id) } }
  local group = security_group.make_managed(call, {
    vpc = config.vpcId, name = ("eks-cluster-sg-%s-%d"):format(name, tonumber(id:sub(1, 8), 16) % 1000000000),
    description = "EKS created security group applied to ENI that is attached to EKS Control Plane master "
      .. "nodes, as well as any managed workloads.",
    tags = json.array(calls.tag_list {
      Name = ("eks-cluster-sg-%s"):format(name), ["aws:eks:cluster-name"] = name,
      ["kubernetes.io/cluster/" .. name] = "owned",
    }),
  })
  config.clusterSecurityGroupId = group.GroupId
  put_interfaces(call, cluster)
end

function operations.DescribeCluster(call, params) return { cluster = support.cluster(call, params.name) } end

function operations.ListClusters(call) return { clusters = support.names(call:all "eks.cluster", "name") } end

function operations.DeleteCluster(call, params)
  local name = params.name
  local cluster = support.cluster(call, name)
  local function refuse(message)
    support.refuse("ResourceInUseException", message, { clusterName = name })
  end
  if cluster.deletionProtection then
    support.refuse("InvalidRequestException", ("Cluster %s has deletion protection enabled"):format(name),
      { clusterName = name })
  end
  if support.within(call, "eks.nodegroup", name)[1] then refuse "Cluster has nodegroups attached" end
  if support.within(call, "eks.fargate_profile", name)[1] then
    refuse "Cluster has Fargate profiles attached"
  end
  if cluster.status == "CREATING" or cluster.status == "UPDATING" then
    refuse(("Cannot delete because cluster %s currently has an update in progress"):format(name))
  end
  if cluster.status ~= "DELETING" then
    cluster.status = "DELETING"
    call:after(call:duration("eks.cluster.delete", name, call.now), "eks.cluster.deleted", { name = name })
  end
  return { cluster = cluster }
end

M.events["eks.cluster.deleted"] = function(call, arguments)
  local name = arguments.name
  local cluster = call:get("eks.cluster", name)
  ec2.remove_interfaces(call, cluster.arn)
  local group = cluster.resourcesVpcConfig.clusterSecurityGroupId
  -- Somebody's rule may name the group: then it stays.
  if group then security_group.remove(call, group) end
  for _, kind in ipairs { "addon", "access_entry", "pod_identity" } do
    kind = "eks." .. kind
    for id, thing in pairs(call.world:things(call.region, kind)) do
      if thing.clusterName == name then call:remove(kind, id) end
    end
  end
  for id, update in pairs(call.world:things(call.region, "eks.update")) do
    if update._cluster == name then call:remove("eks.update", id) end
  end
  call:remove("eks.cluster", name)
end

-- -- updates ------------------------------------------------------------------------------------------------

local function merged(before, change) return util.overlay(before or {}, change) end

local function update_vpc(call, cluster, wanted)
  local config = merged(cluster.resourcesVpcConfig, {})
  local where = wanted.subnetIds or wanted.securityGroupIds
  local access = wanted.endpointPublicAccess ~= nil or wanted.endpointPrivateAccess ~= nil
    or wanted.publicAccessCidrs
  if where and access then
    support.refuse_parameter("Only one type of update can be allowed.")
  end
  for _, name in ipairs {
    "subnetIds", "securityGroupIds", "endpointPublicAccess", "endpointPrivateAccess", "publicAccessCidrs",
  } do
    if wanted[name] ~= nil then config[name] = wanted[name] end
  end
  if wanted.subnetIds then check_subnets(call, wanted.subnetIds) end
  check_groups(call, wanted.securityGroupIds)
  if not config.endpointPublicAccess and not config.endpointPrivateAccess then
    support.refuse_parameter("Private and public endpoint access cannot be false.")
  end
  if config.endpointPublicAccess and not config.publicAccessCidrs[1] then
    config.publicAccessCidrs = { "0.0.0.0/0" }
  end
  if not config.endpointPublicAccess then config.publicAccessCidrs = json.array {} end
  if access and util.equal(config, cluster.resourcesVpcConfig) then
    support.refuse_parameter("Cluster is already at the desired configuration with endpointPrivateAccess: %s "
      .. ", endpointPublicAccess: %s, and Public Endpoint Restrictions: [%s]", config.endpointPrivateAccess,
      config.endpointPublicAccess, table.concat(config.publicAccessCidrs, ", "))
  end
  return where and "VpcConfigUpdate" or "EndpointAccessUpdate", { resourcesVpcConfig = config }
end

local MODES = { CONFIG_MAP = 1, API_AND_CONFIG_MAP = 2, API = 3 }

-- By the member of UpdateClusterConfig: the update's type, and the fields that it changes.
local changes = {
  resourcesVpcConfig = update_vpc,
  logging = function(call, cluster, wanted)
    local setup, on = logging(cluster.logging, wanted)
    if util.equal(setup, cluster.logging) then
      support.refuse_parameter("No changes needed for the logging config provided")
    end
    local group = ("/aws/eks/%s/cluster"):format(cluster.name)
    if on and not call:get("logs.log_group", group) then logs.make(call, group) end
    return "LoggingUpdate", { logging = setup }
  end,
  accessConfig = function(_, cluster, wanted)
    local mode = cluster.accessConfig.authenticationMode
    if MODES[wanted.authenticationMode] < MODES[mode] then
      support.refuse_parameter("Unsupported authentication mode update from %s to %s", mode,
        wanted.authenticationMode)
    end
    return "AccessConfigUpdate", {
      accessConfig = merged(cluster.accessConfig, { authenticationMode = wanted.authenticationMode }),
    }
  end,
  upgradePolicy = function(_, _, wanted) return "UpgradePolicyUpdate", { upgradePolicy = wanted } end,
  zonalShiftConfig = function(_, _, wanted)
    return "ZonalShiftConfigUpdate", { zonalShiftConfig = wanted }
  end,
  deletionProtection = function(_, _, wanted)
    return "DeletionProtectionUpdate", { deletionProtection = wanted }
  end,
  remoteNetworkConfig = function(_, _, wanted)
    return "RemoteNetworkConfigUpdate", { remoteNetworkConfig = wanted }
  end,
}

local function update_auto_mode(_, cluster, params)
  local on = check_auto_mode(params)
  return "AutoModeUpdate", {
    computeConfig = on and merged(cluster.computeConfig, params.computeConfig) or { enabled = false },
    storageConfig = merged(cluster.storageConfig, params.storageConfig),
    kubernetesNetworkConfig = merged(cluster.kubernetesNetworkConfig, {
      elasticLoadBalancing = params.kubernetesNetworkConfig.elasticLoadBalancing,
    }),
  }
end

local durations = require "eksrun.sandbox.durations"

local function start(call, cluster, kind, fields, params)
  local seconds = durations["eks.update." .. kind] and "eks.update." .. kind or "eks.update"
  return {
    update = updates.start(call, cluster, {
      kind = "eks.cluster", key = cluster.name, type = kind, params = params, fields = fields,
      seconds = call:duration(seconds, cluster.name, call.now),
    }),
  }
end

function operations.UpdateClusterConfig(call, params)
  local cluster = support.active_cluster(call, params.name)
  updates.check_free(call, "eks.cluster", cluster.name, "update")
  if params.computeConfig or params.storageConfig or params.kubernetesNetworkConfig then
    local kind, fields = update_auto_mode(call, cluster, params)
    return start(call, cluster, kind, fields, { ComputeConfig = params.computeConfig })
  end
  local member
  for name in util.sorted_pairs(changes) do
    if params[name] ~= nil then
      if member then support.refuse_parameter("Only one type of update can be allowed.") end
      member = name
    end
  end
  if not member then support.refuse_parameter("An update wants something to update") end
  local kind, fields = changes[member](call, cluster, params[member])
  return start(call, cluster, kind, fields, { [member] = params[member] })
end

function operations.UpdateClusterVersion(call, params)
  local cluster = support.active_cluster(call, params.name)
  updates.check_free(call, "eks.cluster", cluster.name, "VersionUpdate")
  local from, to = support.version_index(cluster.version), support.version_index(params.version)
  if not to then support.refuse_parameter("unsupported Kubernetes version %s", params.version) end
  if to ~= from + 1 then
    support.refuse_parameter("Unsupported Kubernetes minor version update from %s to %s", cluster.version,
      params.version)
  end
  return start(call, cluster, "VersionUpdate",
    { version = params.version, platformVersion = platform(params.version) },
    { Version = params.version, PlatformVersion = platform(params.version) })
end

function operations.AssociateEncryptionConfig(call, params)
  local cluster = support.active_cluster(call, params.clusterName)
  if cluster.encryptionConfig and cluster.encryptionConfig[1] then
    support.refuse_parameter("Encryption is already enabled on cluster %s", cluster.name)
  end
  return start(call, cluster, "AssociateEncryptionConfig", { encryptionConfig = params.encryptionConfig },
    { EncryptionConfig = params.encryptionConfig })
end

function operations.DescribeClusterVersions(_, params)
  local list, wanted = json.array {}, nil
  for _, version in ipairs(params.clusterVersions or {}) do
    wanted = wanted or {}
    wanted[version] = true
  end
  for i = #support.VERSIONS, 1, -1 do
    local version = support.VERSIONS[i][1]
    local default = i == #support.VERSIONS
    local standard = i > #support.VERSIONS - 3
    if (not wanted or wanted[version]) and (not params.defaultOnly or default) then
      list[#list + 1] = {
        clusterVersion = version, clusterType = params.clusterType or "eks", defaultVersion = default,
        defaultPlatformVersion = platform(version), kubernetesPatchVersion = version .. ".3",
        versionStatus = standard and "STANDARD_SUPPORT" or "EXTENDED_SUPPORT",
        status = standard and "standard-support" or "extended-support",
      }
    end
  end
  return { clusterVersions = list }
end

return M
