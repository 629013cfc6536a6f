--- EKS: add-ons. One whose pods find no node is DEGRADED until there is one.
local json = require "eksrun.json"
local support = require "eksrun.sandbox.eks.support"
local updates = require "eksrun.sandbox.eks.update"
local util = require "eksrun.util"

local M = { operations = {}, events = {} }
local operations = M.operations

-- By name: the version, and whether it is a deployment, which wants a node (others run on nodes as they
-- come).
local ADDONS = {
  ["vpc-cni"] = { "v1.20.4-eksbuild.2" }, ["kube-proxy"] = { "v%s.3-eksbuild.10" },
  ["coredns"] = { "v1.12.4-eksbuild.1", true }, ["eks-pod-identity-agent"] = { "v1.3.9-eksbuild.5" },
  ["aws-ebs-csi-driver"] = { "v1.52.1-eksbuild.1", true },
  ["aws-efs-csi-driver"] = { "v2.1.14-eksbuild.1", true },
  ["metrics-server"] = { "v0.8.0-eksbuild.5", true }, ["snapshot-controller"] = { "v8.3.0-eksbuild.3", true },
  ["aws-mountpoint-s3-csi-driver"] = { "v2.2.1-eksbuild.1", true },
  ["amazon-cloudwatch-observability"] = { "v4.7.0-eksbuild.1", true },
  ["eks-node-monitoring-agent"] = { "v1.4.2-eksbuild.1" }, ["adot"] = { "v0.131.0-eksbuild.1", true },
  ["cert-manager"] = { "v1.19.1-eksbuild.1", true }, ["external-dns"] = { "v0.19.0-eksbuild.3", true },
  ["kube-state-metrics"] = { "v2.17.0-eksbuild.4", true },
  ["prometheus-node-exporter"] = { "v1.10.2-eksbuild.2" },
  ["aws-network-flow-monitoring-agent"] = { "v1.1.1-eksbuild.1" }, ["fluent-bit"] = { "v4.0.7-eksbuild.1" },
}
-- How often a degraded one is looked at.
local CHECK_EVERY = 5

local function version_for(name, version) return (ADDONS[name][1]:gsub("%%s", version)) end

local function need(call, cluster, name)
  support.cluster(call, cluster)
  local addon = call:get("eks.addon", support.key(cluster, name))
  if not addon then
    support.refuse("ResourceNotFoundException", ("No addon: %s found in cluster: %s"):format(name, cluster),
      { clusterName = cluster, addonName = name })
  end
  return addon
end

local function check_values(values)
  if values and type(json.try_decode(values)) ~= "table" and not values:find ":" then
    support.refuse_parameter("ConfigurationValue is not in valid JSON or YAML format")
  end
end

function operations.CreateAddon(call, params)
  local cluster = support.active_cluster(call, params.clusterName)
  local name = params.addonName
  if not ADDONS[name] then
    support.refuse_parameter("Addon %s specified is not supported", name)
  end
  local key = support.key(cluster.name, name)
  if call:get("eks.addon", key) then
    support.refuse("ResourceInUseException", "Addon already exists.",
      { clusterName = cluster.name, addonName = name })
  end
  check_values(params.configurationValues)
  if params.serviceAccountRoleArn and not call:get("iam.role",
    params.serviceAccountRoleArn:match "[^/]+$") then
    support.refuse_parameter("Role with arn: %s, does not exist", params.serviceAccountRoleArn)
  end
  local associations = json.array {}
  for i, wanted in ipairs(params.podIdentityAssociations or {}) do
    associations[i] = require("eksrun.sandbox.eks.pod_identity").make(call, cluster, {
      namespace = (params.namespaceConfig or {}).namespace or "kube-system",
      serviceAccount = wanted.serviceAccount,
      roleArn = wanted.roleArn, ownerArn = call:arn("eks", "addon/" .. key),
    }).associationArn
  end
  local addon = call:put("eks.addon", key, {
    addonName = name, clusterName = cluster.name, status = "CREATING",
    addonVersion = params.addonVersion or version_for(name, cluster.version),
    addonArn = call:arn("eks", ("addon/%s/%s/%s"):format(cluster.name, name, call:uuid "arn")),
    createdAt = support.time(call), modifiedAt = support.time(call), health = { issues = json.array {} },
    serviceAccountRoleArn = params.serviceAccountRoleArn, configurationValues = params.configurationValues,
    podIdentityAssociations = associations[1] and associations or nil, tags = params.tags or {},
    namespaceConfig = params.namespaceConfig,
  })
  call:after(call:duration("eks.addon.create", key, call.now), "eks.addon.check", { key = key })
  return { addon = addon }
end

M.events["eks.addon.check"] = function(call, arguments)
  local addon = call:get("eks.addon", arguments.key)
  if not addon or addon.status ~= "CREATING" and addon.status ~= "DEGRADED" then return end
  local cluster = call:get("eks.cluster", addon.clusterName)
  local wants_node = (ADDONS[addon.addonName] or {})[2]
  if not wants_node or support.nodes(call, cluster) > 0 then
    if addon.status == "DEGRADED" and not arguments.recovering then
      return call:after(call:duration("eks.addon.recover", arguments.key), "eks.addon.check",
        { key = arguments.key, recovering = true })
    end
    addon.status, addon.health = "ACTIVE", { issues = json.array {} }
    addon.modifiedAt = support.time(call)
    return
  end
  if addon.status == "CREATING" and not arguments.waited then
    return call:after(call:duration("eks.addon.degraded", arguments.key), "eks.addon.check",
      { key = arguments.key, waited = true })
  end
  addon.status = "DEGRADED"
  addon.health = {
    issues = {
      {
        code = "InsufficientNumberOfReplicas",
        message = "The add-on is unhealthy because it doesn't have the desired number of replicas.",
      },
    },
  }
  call:after(CHECK_EVERY, "eks.addon.check", { key = arguments.key })
end

function operations.DescribeAddon(call, params)
  return { addon = need(call, params.clusterName, params.addonName) }
end

function operations.ListAddons(call, params)
  support.cluster(call, params.clusterName)
  return { addons = support.names(support.within(call, "eks.addon", params.clusterName), "addonName") }
end

function operations.UpdateAddon(call, params)
  local addon = need(call, params.clusterName, params.addonName)
  local key = support.key(addon.clusterName, addon.addonName)
  updates.check_free(call, "eks.addon", key, "AddonUpdate")
  check_values(params.configurationValues)
  local fields = {
    addonVersion = params.addonVersion, serviceAccountRoleArn = params.serviceAccountRoleArn,
    configurationValues = params.configurationValues,
  }
  return {
    update = updates.start(call, addon, {
      kind = "eks.addon", key = key, type = "AddonUpdate", fields = fields,
      params = { AddonVersion = params.addonVersion, ResolveConflicts = params.resolveConflicts },
      seconds = call:duration("eks.addon.update", key, call.now),
    }),
  }
end

function operations.DeleteAddon(call, params)
  local addon = need(call, params.clusterName, params.addonName)
  if addon.status ~= "DELETING" then
    local key = support.key(addon.clusterName, addon.addonName)
    addon.status = "DELETING"
    call:vanishes(call:duration("eks.addon.delete", key, call.now), "eks.addon", key)
  end
  return { addon = addon }
end

function operations.DescribeAddonVersions(_, params)
  local list = json.array {}
  for name, found in util.sorted_pairs(ADDONS) do
    if not params.addonName or params.addonName == name then
      local compatible, by_version = json.array {}, json.array {}
      for _, version in ipairs(support.VERSIONS) do
        if not params.kubernetesVersion or params.kubernetesVersion == version[1] then
          compatible[#compatible + 1] = {
            clusterVersion = version[1], platformVersions = { "*" }, defaultVersion = true,
          }
          by_version[#by_version + 1] = version_for(name, version[1])
        end
      end
      local versions = json.array {}
      if found[1]:find "%%s" then
        for i, version in ipairs(by_version) do
          versions[i] = { addonVersion = version, architecture = { "amd64", "arm64" },
            compatibilities = { compatible[i] }, requiresConfiguration = false }
        end
      else
        versions[1] = { addonVersion = found[1], architecture = { "amd64", "arm64" },
          compatibilities = compatible, requiresConfiguration = false }
      end
      list[#list + 1] = { addonName = name, type = "networking", addonVersions = versions, publisher = "eks",
        owner = "aws" }
    end
  end
  return { addons = list }
end

return M
