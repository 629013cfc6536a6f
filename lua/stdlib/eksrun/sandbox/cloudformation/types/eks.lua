--- How CloudFormation makes EKS's things.
local support = require "eksrun.sandbox.eks.support"

--- @type table<string, eksrun.sandbox.cloudformation.Type>
local M = {}

-- What a thing in a cluster is called: its kind's key and Ref, CLUSTER|NAME.
local function in_cluster(kind, name)
  return function(call, id)
    return call:get(kind, (id:gsub("|", "/", 1)))
  end, function(_, properties) return ("%s|%s"):format(properties.ClusterName, properties[name]) end
end

M["AWS::EKS::Cluster"] = {
  service = "eks", create = "CreateCluster", id = "cluster.name", kind = "eks.cluster", name = "Name",
  delete = { "DeleteCluster", "name" }, ready = { status = "ACTIVE" }, failed = { status = "FAILED" },
  drop = { "Logging" },
  params = function(properties, convert)
    local enabled = ((properties.Logging or {}).ClusterLogging or {}).EnabledTypes
    local params = convert(properties)
    if enabled and enabled[1] then
      local types = {}
      for i, one in ipairs(enabled) do types[i] = one.Type end
      params.logging = { clusterLogging = { { types = types, enabled = true } } }
    end
    return params
  end,
  mutable = { Version = true },
  update = function(run, id, properties)
    run("eks", "UpdateClusterVersion", { name = id, version = tostring(properties.Version) })
  end,
  attributes = {
    Arn = "arn", Endpoint = function(call, cluster) return support.shown(call, cluster).endpoint end,
    CertificateAuthorityData = function(call, cluster)
      return support.shown(call, cluster).certificateAuthority.data
    end,
    ClusterSecurityGroupId = "resourcesVpcConfig.clusterSecurityGroupId",
    OpenIdConnectIssuerUrl = "identity.oidc.issuer", Id = "name",
  },
}

local find, id = in_cluster("eks.nodegroup", "NodegroupName")
M["AWS::EKS::Nodegroup"] = {
  service = "eks", create = "CreateNodegroup", id = id, find = find, name = "NodegroupName",
  drop = { "ForceUpdateEnabled" },
  remove = function(run, _, properties)
    run("eks", "DeleteNodegroup",
      { clusterName = properties.ClusterName, nodegroupName = properties.NodegroupName })
  end,
  ready = { status = "ACTIVE" }, failed = { status = "CREATE_FAILED" },
  mutable = { ScalingConfig = true, UpdateConfig = true },
  update = function(run, _, properties, convert)
    local all = convert(properties)
    run("eks", "UpdateNodegroupConfig", {
      clusterName = properties.ClusterName, nodegroupName = properties.NodegroupName,
      scalingConfig = all.scalingConfig, updateConfig = all.updateConfig,
    })
  end,
  attributes = { Arn = "nodegroupArn", NodegroupName = "nodegroupName", ClusterName = "clusterName",
    Id = "nodegroupName" },
}

find, id = in_cluster("eks.addon", "AddonName")
M["AWS::EKS::Addon"] = {
  service = "eks", create = "CreateAddon", id = id, find = find, drop = { "PreserveOnDelete" },
  remove = function(run, _, properties)
    run("eks", "DeleteAddon", { clusterName = properties.ClusterName, addonName = properties.AddonName })
  end,
  -- CloudFormation waits for no pods.
  ready = { status = { "ACTIVE", "DEGRADED" } }, failed = { status = "CREATE_FAILED" },
  mutable = { AddonVersion = true, ConfigurationValues = true, ServiceAccountRoleArn = true },
  update = function(run, _, properties)
    run("eks", "UpdateAddon", {
      clusterName = properties.ClusterName, addonName = properties.AddonName,
      addonVersion = properties.AddonVersion, configurationValues = properties.ConfigurationValues,
      serviceAccountRoleArn = properties.ServiceAccountRoleArn,
      resolveConflicts = properties.ResolveConflicts,
    })
  end,
  attributes = { Arn = "addonArn" },
}

find, id = in_cluster("eks.fargate_profile", "FargateProfileName")
M["AWS::EKS::FargateProfile"] = {
  service = "eks", create = "CreateFargateProfile", id = id, find = find, name = "FargateProfileName",
  remove = function(run, _, properties)
    run("eks", "DeleteFargateProfile",
      { clusterName = properties.ClusterName, fargateProfileName = properties.FargateProfileName })
  end,
  ready = { status = "ACTIVE" }, failed = { status = "CREATE_FAILED" },
  attributes = { Arn = "fargateProfileArn" },
}

find, id = in_cluster("eks.access_entry", "PrincipalArn")
M["AWS::EKS::AccessEntry"] = {
  service = "eks", create = "CreateAccessEntry", id = id, find = find, drop = { "AccessPolicies" },
  after = function(run, _, properties)
    for _, policy in ipairs(properties.AccessPolicies or {}) do
      local scope = policy.AccessScope
      run("eks", "AssociateAccessPolicy", {
        clusterName = properties.ClusterName, principalArn = properties.PrincipalArn,
        policyArn = policy.PolicyArn, accessScope = { type = scope.Type, namespaces = scope.Namespaces },
      })
    end
  end,
  remove = function(run, _, properties)
    run("eks", "DeleteAccessEntry",
      { clusterName = properties.ClusterName, principalArn = properties.PrincipalArn })
  end,
  attributes = { AccessEntryArn = "accessEntryArn" },
}

M["AWS::EKS::PodIdentityAssociation"] = {
  service = "eks", create = "CreatePodIdentityAssociation", id = "association.associationArn",
  find = function(call, arn)
    return call:find("eks.pod_identity", function(a) return a.associationArn == arn end)
  end,
  remove = function(run, _, properties, thing)
    if not thing then return end
    run("eks", "DeletePodIdentityAssociation",
      { clusterName = properties.ClusterName, associationId = thing.associationId })
  end,
  mutable = { RoleArn = true },
  update = function(run, _, properties, _, thing)
    run("eks", "UpdatePodIdentityAssociation", {
      clusterName = properties.ClusterName, associationId = thing.associationId, roleArn = properties.RoleArn,
    })
  end,
  attributes = { AssociationArn = "associationArn", AssociationId = "associationId" },
}

return M
