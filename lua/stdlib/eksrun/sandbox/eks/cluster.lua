--- EKS: clusters.
local auto_mode = require "eksrun.sandbox.eks.auto_mode"
local authority = require "eksrun.sandbox.eks.authority"
local calls = require "eksrun.sandbox.call"
local cidr = require "eksrun.cidr"
local config = require "eksrun.sandbox.eks.cluster_config"
local interfaces = require "eksrun.sandbox.ec2.interface"
local json = require "eksrun.json"
local logs = require "eksrun.sandbox.logs"
local roles = require "eksrun.sandbox.iam.role"
local security_group = require "eksrun.sandbox.ec2.security_group"
local support = require "eksrun.sandbox.eks.support"
local versions = require "eksrun.sandbox.eks.versions"

local M = { operations = {}, events = {} }
local operations = M.operations

local CLUSTERS_MAX = 100

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
    serviceIpv6Cidr = wanted.ipFamily == "ipv6" and ("fd%s::/108"):format(call:hash("ipv6"):sub(1, 2)) or nil,
    elasticLoadBalancing = { enabled = (wanted.elasticLoadBalancing or {}).enabled or false },
  }
end

local function check_name(name)
  if not name:find "^%w[%w_-]*$" or #name > 100 then
    support.refuse_parameter("The cluster name '%s' is not valid", name)
  end
end

local function check_auto_mode(call, params, access)
  local on = config.check_auto_mode(call, params)
  if on and params.bootstrapSelfManagedAddons ~= false then
    support.refuse_parameter "When Auto Mode is enabled, bootstrapSelfManagedAddons needs to be false."
  elseif on and (access.authenticationMode or "CONFIG_MAP") == "CONFIG_MAP" then
    support.refuse_parameter "EKS Auto Mode requires the authentication mode API or API_AND_CONFIG_MAP."
  end
  local policy = params.upgradePolicy or {}
  local version = params.version or versions.default()
  if policy.supportType == "STANDARD" and versions.support(version, call.now) ~= "STANDARD" then
    support.refuse_parameter("Kubernetes version %s is in extended support, which the upgrade policy "
      .. "STANDARD excludes", version)
  end
  return on
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

local function check_new(call, name)
  check_name(name)
  if call:get("eks.cluster", name) then
    support.refuse("ResourceInUseException", ("Cluster already exists with name: %s"):format(name),
      { clusterName = name })
  end
  if #call:all("eks.cluster") >= CLUSTERS_MAX then
    support.refuse("ResourceLimitExceededException",
      ("Clusters per region limit exceeded, the maximum is %d"):format(CLUSTERS_MAX))
  end
end

-- The network of a new cluster, which its subnets decide.
local function vpc_config(call, wanted)
  local subnets = config.check_subnets(call, wanted.subnetIds or {})
  config.check_groups(call, wanted.securityGroupIds)
  local network = {
    subnetIds = wanted.subnetIds, securityGroupIds = wanted.securityGroupIds or json.array {},
    vpcId = subnets[1].VpcId, endpointPublicAccess = given(wanted.endpointPublicAccess, true),
    endpointPrivateAccess = given(wanted.endpointPrivateAccess, false),
    publicAccessCidrs = wanted.publicAccessCidrs, controlPlaneEgressMode = wanted.controlPlaneEgressMode,
  }
  config.normalize_access(network)
  return network, subnets
end

function operations.CreateCluster(call, params)
  local name, version = params.name, params.version or versions.default()
  check_new(call, name)
  if not versions.index(version) or versions.support(version, call.now) == "UNSUPPORTED" then
    support.refuse_parameter("unsupported Kubernetes version %s", version)
  end
  support.check_role(call, params.roleArn, "eks.amazonaws.com", "cluster/" .. name)
  local network, subnets = vpc_config(call, params.resourcesVpcConfig)
  config.check_encryption(call, params.encryptionConfig)
  local access = params.accessConfig or {}
  local auto = check_auto_mode(call, params, access)
  local setup, logs_on = config.logging(nil, params.logging)
  local cluster = call:put("eks.cluster", name, {
    name = name, arn = call:arn("eks", "cluster/" .. name), createdAt = support.time(call), version = version,
    roleArn = params.roleArn, status = "CREATING", platformVersion = versions.platform(version),
    tags = params.tags or {},
    resourcesVpcConfig = network,
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
    storageConfig = params.storageConfig, controlPlaneScalingConfig = params.controlPlaneScalingConfig,
    kubeApiServerConfig = params.kubeApiServerConfig, kubeSchedulerConfig = params.kubeSchedulerConfig,
    kubeControllerManagerConfig = params.kubeControllerManagerConfig, health = { issues = json.array {} },
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
  local network = cluster.resourcesVpcConfig
  local groups, seen, count = { network.clusterSecurityGroupId, table.unpack(network.securityGroupIds) },
    {}, 0
  for _, id in ipairs(network.subnetIds) do
    local subnet = call:get("ec2.subnet", id)
    if subnet and not seen[subnet.AvailabilityZone] and count < 2 then
      seen[subnet.AvailabilityZone], count = true, count + 1
      interfaces.make(call, subnet, {
        Description = "Amazon EKS " .. cluster.name, RequesterId = "amazon-eks", Groups = groups,
        of = cluster.arn,
      })
    end
  end
end

M.events["eks.cluster.created"] = function(call, arguments)
  local cluster = call:get("eks.cluster", arguments.name)
  local network, name = cluster.resourcesVpcConfig, cluster.name
  local id = call.world:hash("cluster", call.region, name, cluster.createdAt):upper():sub(1, 32)
  cluster.status = "ACTIVE"
  cluster.endpoint = ("https://%s.%s.%s.eks.amazonaws.com"):format(id, "gr7", call.region)
  cluster.certificateAuthority = { data = authority }
  cluster.identity = { oidc = { issuer = ("https://oidc.eks.%s.amazonaws.com/id/%s"):format(call.region,
    id) } }
  local group = security_group.make_managed(call, {
    vpc = network.vpcId, name = ("eks-cluster-sg-%s-%d"):format(name, tonumber(id:sub(1, 8),
      16) % 1000000000),
    description = "EKS created security group applied to ENI that is attached to EKS Control Plane master "
      .. "nodes, as well as any managed workloads.",
    tags = json.array(calls.tag_list {
      Name = ("eks-cluster-sg-%s"):format(name), ["aws:eks:cluster-name"] = name,
      ["kubernetes.io/cluster/" .. name] = "owned",
    }),
  })
  network.clusterSecurityGroupId = group.GroupId
  put_interfaces(call, cluster)
  auto_mode.let_nodes_in(call, cluster)
end

function operations.DescribeCluster(call, params)
  return { cluster = support.shown(call, support.cluster(call, params.name)) }
end

-- Connected ones only on request.
function operations.ListClusters(call, params)
  local all = params.include and params.include[1] == "all"
  return {
    clusters = support.names(call:all("eks.cluster", function(c) return all or not c.connectorConfig end),
      "name"),
  }
end

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
  if support.within(call, "eks.capability", name)[1] then refuse "Cluster has capabilities attached" end
  if cluster.connectorConfig then
    support.refuse("InvalidRequestException",
      ("Cluster %s is a connected cluster: deregister it"):format(name),
      { clusterName = name })
  end
  if cluster.status == "CREATING" or cluster.status == "UPDATING" then
    refuse(("Cannot delete because cluster %s currently has an update in progress"):format(name))
  end
  if cluster.status ~= "DELETING" then
    cluster.status = "DELETING"
    auto_mode.stop(call, cluster)
    call:after(call:duration("eks.cluster.delete", name, call.now), "eks.cluster.deleted", { name = name })
  end
  return { cluster = support.shown(call, cluster) }
end

M.events["eks.cluster.deleted"] = function(call, arguments)
  local name = arguments.name
  local cluster = call:get("eks.cluster", name)
  auto_mode.remove(call, cluster)
  interfaces.remove_of(call, cluster.arn)
  local group = cluster.resourcesVpcConfig.clusterSecurityGroupId
  -- Somebody's rule may name the group: then it stays.
  if group then security_group.remove(call, group) end
  for _, kind in ipairs {
    "addon", "access_entry", "pod_identity", "identity_provider", "certificate_authority",
  } do
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

return M
