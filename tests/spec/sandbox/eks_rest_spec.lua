-- EKS beside the life of clusters and their nodes: versions, insights, what clusters are joined with.
local native = require "eksrun.native.aws"
local services = require "eksrun.sandbox.services"
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

describe("EKS in the sandbox", function()
  local aws, eks
  before_each(function()
    aws = support.open()
    eks = aws.eks
  end)
  after_each(support.close)

  local function refused(operation, params)
    local code, message = support.refused(eks, operation, params)
    return code, (message:gsub("^[%w:]+: %w+: ", ""))
  end

  it("has every operation of the model", function()
    local missing = {}
    for _, name in ipairs(native.service "eks":operations()) do
      if not services.handler("eks", name) then missing[#missing + 1] = name end
    end
    assert.same({}, missing)
  end)

  it("supports versions for as long as EKS does", function()
    local function how(version)
      for _, found in ipairs(eks:describe_cluster_versions({ includeAll = true }).clusterVersions) do
        if found.clusterVersion == version then return found.versionStatus end
      end
    end
    assert.equal("EXTENDED_SUPPORT", how "1.29")
    assert.equal("STANDARD_SUPPORT", how "1.33")
    assert.equal(1, #eks:describe_cluster_versions({ defaultOnly = true }).clusterVersions)
    task.sleep(120 * 86400)
    assert.equal("UNSUPPORTED", how "1.29")
    local _, subnets = support.network(aws)
    local params = { name = "demo", roleArn = support.role(aws, "cluster", "eks.amazonaws.com"),
      resourcesVpcConfig = { subnetIds = subnets }, version = "1.29" }
    assert.equal("InvalidParameterException", (refused("create_cluster", params)))
    params.version, params.upgradePolicy = "1.31", { supportType = "STANDARD" }
    assert.equal("InvalidParameterException", (refused("create_cluster", params)))
  end)

  it("names the zones that a cluster can be in", function()
    local vpc, subnets = support.network(aws)
    local without = aws.ec2:create_subnet({ VpcId = vpc, CidrBlock = "10.0.7.0/24",
      AvailabilityZoneId = "use1-az3" }).Subnet.SubnetId
    local output, err = aws.try.eks:create_cluster {
      name = "demo", roleArn = support.role(aws, "cluster", "eks.amazonaws.com"),
      resourcesVpcConfig = { subnetIds = { subnets[1], without } },
    }
    assert.is_nil(output)
    assert.equal("UnsupportedAvailabilityZoneException", err.code)
    assert.matches("choose from these availability zones: us%-east%-1a, us%-east%-1b, us%-east%-1d",
      err.message)
  end)

  it("updates control planes one minor at a time, with nodes at most three behind", function()
    local _, _, subnets = support.cluster(aws, { version = "1.30" })
    eks:create_nodegroup {
      clusterName = "demo", nodegroupName = "n", subnets = subnets,
      nodeRole = support.role(aws, "nodes", "ec2.amazonaws.com"),
      scalingConfig = { minSize = 1, maxSize = 3, desiredSize = 3 },
    }
    eks:wait("nodegroup_active", { clusterName = "demo", nodegroupName = "n" })
    local function up(version, force)
      eks:update_cluster_version { name = "demo", version = version, force = force }
      task.sleep(2000)
      assert.equal(version, eks:describe_cluster({ name = "demo" }).cluster.version)
    end
    local function insight()
      for _, found in ipairs(eks:list_insights({ clusterName = "demo" }).insights) do
        if found.name == "Kubelet version skew" then return found end
      end
    end
    up "1.31"
    up "1.32"
    assert.equal("PASSING", insight().insightStatus.status)
    up "1.33"
    assert.equal("ERROR", insight().insightStatus.status)
    local detail = eks:describe_insight({ clusterName = "demo", id = insight().id }).insight
    assert.matches(":nodegroup/demo/n/", detail.resources[1].arn)
    local code, message = refused("update_cluster_version", { name = "demo", version = "1.34" })
    assert.equal("InvalidRequestException", code)
    assert.matches("Nodegroups n must be updated to match cluster version 1.33", message, 1, true)
    assert.equal("Cluster is already at version: 1.33",
      select(2, refused("update_cluster_version", { name = "demo", version = "1.33" })))

    local function instances()
      local running = {}
      local filters = { { Name = "instance-state-name", Values = { "pending", "running" } } }
      for _, reservation in ipairs(aws.ec2:describe_instances({ Filters = filters }).Reservations) do
        for _, one in ipairs(reservation.Instances) do running[one.InstanceId] = true end
      end
      return running
    end
    local before = instances()
    eks:update_nodegroup_version { clusterName = "demo", nodegroupName = "n", version = "1.31" }
    local function kept()
      local same, all = 0, 0
      for id in pairs(instances()) do
        all = all + 1
        if before[id] then same = same + 1 end
      end
      return { same, all }
    end
    task.sleep(60)
    assert.same({ 3, 3 }, kept())
    task.sleep(240)
    assert.same({ 2, 3 }, kept())
    task.sleep(1200)
    assert.same({ 0, 3 }, kept())
    local group = eks:describe_nodegroup({ clusterName = "demo", nodegroupName = "n" }).nodegroup
    assert.equal("1.31", group.version)
    assert.equal("ACTIVE", group.status)
    assert.equal("InvalidParameterException", (refused("update_nodegroup_version",
      { clusterName = "demo", nodegroupName = "n", version = "1.34" })))
    eks:update_nodegroup_version { clusterName = "demo", nodegroupName = "n" } -- to the cluster's version
    task.sleep(1800)
    group = eks:describe_nodegroup({ clusterName = "demo", nodegroupName = "n" }).nodegroup
    assert.equal("1.33", group.version)
    up "1.34"
    eks:start_insights_refresh { clusterName = "demo" }
    assert.equal("IN_PROGRESS", eks:describe_insights_refresh({ clusterName = "demo" }).status)
    task.sleep(600)
    assert.equal("COMPLETED", eks:describe_insights_refresh({ clusterName = "demo" }).status)
  end)

  it("changes a cluster's configuration, one thing at a time, and says what the update does", function()
    support.cluster(aws)
    local function change(fields)
      fields.name = "demo"
      local update = eks:update_cluster_config(fields).update
      task.sleep(1500)
      local said = {}
      for _, param in ipairs(update.params) do said[param.type] = param.value end
      assert.equal("Successful", eks:describe_update({ name = "demo", updateId = update.id }).update.status)
      return update.type, said, eks:describe_cluster({ name = "demo" }).cluster
    end
    local kind, said, cluster = change { accessConfig = { authenticationMode = "API" } }
    assert.same({ "AccessConfigUpdate", "API", "API" },
      { kind, said.AuthenticationMode, cluster.accessConfig.authenticationMode })
    kind, said, cluster = change { resourcesVpcConfig = { endpointPrivateAccess = true } }
    assert.same({ "EndpointAccessUpdate", "true", true },
      { kind, said.EndpointPrivateAccess, cluster.resourcesVpcConfig.endpointPrivateAccess })
    kind, said = change { zonalShiftConfig = { enabled = true } }
    assert.equal("ZonalShiftConfigUpdate", kind)
    assert.is_string(said.ZonalShiftConfig)
    kind, said = change { controlPlaneScalingConfig = { tier = "tier-xl" } }
    assert.same({ "ControlPlaneScalingConfigUpdate", "standard", "tier-xl" },
      { kind, said.PreviousTier, said.UpdatedTier })
    local node = support.role(aws, "nodes", "ec2.amazonaws.com")
    kind, said, cluster = change {
      computeConfig = { enabled = true, nodePools = { "system" }, nodeRoleArn = node },
      storageConfig = { blockStorage = { enabled = true } },
      kubernetesNetworkConfig = { elasticLoadBalancing = { enabled = true } },
    }
    assert.same({ "AutoModeUpdate", true }, { kind, cluster.computeConfig.enabled })
    assert.is_string(said.ComputeConfig)
    for _, fields in ipairs {
      { accessConfig = { authenticationMode = "CONFIG_MAP" } },
      { zonalShiftConfig = { enabled = true } }, {},
      { zonalShiftConfig = { enabled = false }, deletionProtection = true },
      { resourcesVpcConfig = { endpointPublicAccess = false, endpointPrivateAccess = false } },
      { computeConfig = { enabled = false } },
    } do
      fields.name = "demo"
      assert.equal("InvalidParameterException", (refused("update_cluster_config", fields)))
    end
  end)

  it("starts nodes of Auto Mode when pods ask for one", function()
    local node = support.role(aws, "nodes", "ec2.amazonaws.com")
    support.cluster(aws, {
      bootstrapSelfManagedAddons = false,
      computeConfig = { enabled = true, nodePools = { "system" }, nodeRoleArn = node },
      storageConfig = { blockStorage = { enabled = true } },
      kubernetesNetworkConfig = { elasticLoadBalancing = { enabled = true } },
    })
    local function running()
      local filters = { { Name = "instance-state-name", Values = { "pending", "running" } } }
      local found = aws.ec2:describe_instances({ Filters = filters }).Reservations
      return found[1] and found[1].Instances[1] or nil
    end
    task.sleep(600)
    assert.is_nil(running())
    eks:create_addon { clusterName = "demo", addonName = "metrics-server" }
    task.sleep(400)
    assert.equal("eks.amazonaws.com", running().Operator.Principal)
    assert.equal("ACTIVE",
      eks:describe_addon({ clusterName = "demo", addonName = "metrics-server" }).addon.status)
    eks:delete_cluster { name = "demo" }
    eks:wait("cluster_deleted", { name = "demo" })
    assert.is_nil(running())
    assert.equal(0, #aws.ec2:describe_network_interfaces({}).NetworkInterfaces)
  end)

  it("encrypts with keys that there are", function()
    support.cluster(aws)
    local function params(arn)
      return { clusterName = "demo", encryptionConfig = { { resources = { "secrets" },
        provider = { keyArn = arn } } } }
    end
    assert.equal("InvalidParameterException", (refused("associate_encryption_config",
      params "arn:aws:kms:x")))
    local key = aws.kms:create_key({}).KeyMetadata
    eks:associate_encryption_config(params(key.Arn))
    task.sleep(5000)
    assert.equal(key.Arn, eks:describe_cluster({ name = "demo" }).cluster.encryptionConfig[1].provider.keyArn)
  end)

  it("cancels updates", function()
    support.cluster(aws)
    local id = eks:update_cluster_config({ name = "demo", deletionProtection = true }).update.id
    assert.equal("Cancelled", eks:cancel_update({ name = "demo", updateId = id }).update.status)
    task.sleep(600)
    assert.is_false(eks:describe_cluster({ name = "demo" }).cluster.deletionProtection)
    assert.equal("InvalidStateException", (refused("cancel_update", { name = "demo", updateId = id })))
  end)

  it("trusts one issuer of users' tokens", function()
    support.cluster(aws)
    local params = { clusterName = "demo", oidc = { identityProviderConfigName = "corp",
      issuerUrl = "https://id.example", clientId = "k8s", groupsClaim = "groups" }, tags = { a = "b" } }
    local update = eks:associate_identity_provider_config(params).update
    assert.equal("AssociateIdentityProviderConfig", update.type)
    local wanted = { clusterName = "demo", identityProviderConfig = { type = "oidc", name = "corp" } }
    local function config()
      return eks:describe_identity_provider_config(wanted).identityProviderConfig.oidc
    end
    assert.equal("CREATING", config().status)
    task.sleep(2000)
    assert.equal("ACTIVE", config().status)
    assert.same({ a = "b" },
      eks:list_tags_for_resource({ resourceArn = config().identityProviderConfigArn }).tags)
    params.oidc.identityProviderConfigName, params.clientRequestToken = "other", "t"
    assert.equal("ResourceInUseException", (refused("associate_identity_provider_config", params)))
    eks:disassociate_identity_provider_config(wanted)
    task.sleep(2000)
    assert.equal("ResourceNotFoundException", (refused("describe_identity_provider_config", wanted)))
  end)

  it("runs capabilities beside a cluster, which keep it", function()
    support.cluster(aws)
    local names = { clusterName = "demo", capabilityName = "ack" }
    local params = { clusterName = "demo", capabilityName = "ack", type = "ACK",
      deletePropagationPolicy = "RETAIN",
      roleArn = support.role(aws, "ack", "capabilities.eks.amazonaws.com") }
    eks:create_capability(params)
    task.sleep(300)
    assert.equal("ACTIVE", eks:describe_capability(names).capability.status)
    assert.equal("ResourceInUseException", (refused("delete_cluster", { name = "demo" })))
    local id = eks:update_capability({ clusterName = "demo", capabilityName = "ack",
      configuration = { ack = { disabledServices = { "s3" } } } }).update.id
    task.sleep(300)
    assert.equal("Successful",
      eks:describe_update({ name = "demo", capabilityName = "ack", updateId = id }).update.status)
    assert.same({ "s3" }, eks:describe_capability(names).capability.configuration.ack.disabledServices)
    eks:delete_capability(names)
    task.sleep(300)
    assert.equal(0, #eks:list_capabilities({ clusterName = "demo" }).capabilities)
  end)

  it("changes a cluster's authority for a new one", function()
    support.cluster(aws)
    local names = { clusterName = "demo" }
    local first = eks:list_certificate_authorities(names).certificateAuthorities[1]
    assert.equal("IN_USE", first.signingStatus)
    local made = eks:create_certificate_authority(names)
    eks:wait("certificate_authority_update_complete", { name = "demo", updateId = made.update.id })
    names.certificateAuthorityId = first.id
    assert.equal("ResourceInUseException", (refused("delete_certificate_authority", names)))
    names.certificateAuthorityId = made.certificateAuthority.id
    eks:activate_certificate_authority(names)
    task.sleep(2000)
    assert.equal("IN_USE", eks:describe_certificate_authority(names).certificateAuthority.signingStatus)
    names.certificateAuthorityId = first.id
    eks:delete_certificate_authority(names)
    task.sleep(2000)
    assert.equal(1, #eks:list_certificate_authorities({ clusterName = "demo" }).certificateAuthorities)
  end)

  it("shows clusters of others, and subscriptions", function()
    local role = support.role(aws, "connector", "ssm.amazonaws.com")
    local made = eks:register_cluster({ name = "gke", connectorConfig = { roleArn = role,
      provider = "GKE" } })
    assert.equal("PENDING", made.cluster.status)
    assert.is_string(made.cluster.connectorConfig.activationCode)
    assert.same({}, eks:list_clusters({}).clusters)
    assert.same({ "gke" }, eks:list_clusters({ include = { "all" } }).clusters)
    assert.equal("InvalidRequestException", (refused("delete_cluster", { name = "gke" })))
    eks:deregister_cluster { name = "gke" }
    assert.same({}, eks:list_clusters({ include = { "all" } }).clusters)
    local id = eks:create_eks_anywhere_subscription({ name = "s", term = { duration = 12, unit = "MONTHS" },
      licenseQuantity = 2, licenseType = "Cluster" }).subscription.id
    task.sleep(200)
    local found = eks:list_eks_anywhere_subscriptions({ includeStatus = { "ACTIVE" } }).subscriptions
    assert.same({ id, 2 }, { found[1].id, #found[1].licenses })
    assert.equal("InvalidRequestException", (refused("delete_eks_anywhere_subscription", { id = id })))
  end)

  it("lets nobody in who is not there, nor as what EKS keeps for itself", function()
    support.cluster(aws)
    local function create(fields)
      fields.clusterName = "demo"
      return select(2, refused("create_access_entry", fields))
    end
    local role = support.role(aws, "admin", "ec2.amazonaws.com")
    assert.matches("invalid principal", create { principalArn = "arn:aws:iam::111122223333:user/none" })
    assert.matches("invalid principal", create { principalArn = role:gsub("role/", "role/path/") })
    assert.matches("cannot start with system:", create { principalArn = role,
      kubernetesGroups = { "system:masters" } })
    assert.matches("cannot be set", create { principalArn = role, type = "EC2_LINUX", username = "x" })
    aws.iam:create_user { UserName = "ann" }
    eks:create_access_entry { clusterName = "demo", principalArn = "arn:aws:iam::111122223333:user/ann",
      kubernetesGroups = { "viewers" } }
  end)

  it("says which versions of add-ons there are, and takes those that fit", function()
    support.cluster(aws, { version = "1.32" })
    local found = eks:describe_addon_versions({ addonName = "kube-proxy",
      kubernetesVersion = "1.32" }).addons[1]
    assert.matches("^v1.32", found.addonVersions[1].addonVersion)
    assert.is_true(found.addonVersions[1].compatibilities[1].defaultVersion)
    assert.is_false(found.addonVersions[2].compatibilities[1].defaultVersion)
    local function create(version)
      return refused("create_addon", { clusterName = "demo", addonName = "kube-proxy",
        addonVersion = version })
    end
    assert.equal("Addon version specified is not supported", select(2, create "v1.33.0-eksbuild.2"))
    assert.equal("Addon version specified is not supported", select(2, create "1.32"))
    local role = support.role(aws, "cni", "pods.eks.amazonaws.com")
    eks:create_addon { clusterName = "demo", addonName = "vpc-cni",
      podIdentityAssociations = { { serviceAccount = "aws-node", roleArn = role } } }
    task.sleep(120)
    assert.equal(1, #eks:list_pod_identity_associations({ clusterName = "demo" }).associations)
    eks:update_addon { clusterName = "demo", addonName = "vpc-cni", podIdentityAssociations = {} }
    task.sleep(120)
    assert.equal(0, #eks:list_pod_identity_associations({ clusterName = "demo" }).associations)
    local config = eks:describe_addon_configuration { addonName = "vpc-cni",
      addonVersion = "v1.20.4-eksbuild.2" }
    assert.equal("aws-node", config.podIdentityConfiguration[1].serviceAccount)
  end)
end)
