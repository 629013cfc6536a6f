--- EKS: add-ons. One whose pods find no node is DEGRADED until there is one.
local auto_mode = require "eksrun.sandbox.eks.auto_mode"
local catalog = require "eksrun.sandbox.eks.catalog"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.eks.support"
local updates = require "eksrun.sandbox.eks.update"
local util = require "eksrun.util"
local versions = require "eksrun.sandbox.eks.versions"
local yaml = require "eksrun.yaml"

local M = { operations = {}, events = {} }
local operations = M.operations

-- How often a degraded one is looked at.
local CHECK_EVERY = 5

-- The version that is meant, which has to suit the cluster.
local function version_of(cluster, name, wanted)
  if not wanted then return catalog.versions(name, cluster.version)[1] end
  if not catalog.fits(name, wanted, cluster.version) then
    support.refuse_parameter "Addon version specified is not supported"
  end
  return wanted
end

local function need(call, cluster, name)
  return support.need(call, "eks.addon", cluster, name,
    ("No addon: %s found in cluster: %s"):format(name, cluster), "addonName")
end

local function check_values(values)
  if values and type(yaml.try_parse(values)) ~= "table" then
    support.refuse_parameter("ConfigurationValue is not in valid JSON or YAML format")
  end
end

local function check_service_role(call, arn)
  if arn and not call:get("iam.role", arn:match "[^/]+$") then
    support.refuse_parameter("Role with arn: %s, does not exist", arn)
  end
end

-- Has just these associations for an add-on's service accounts; returns their ARNs.
local function associate(call, cluster, key, namespace, wanted)
  local pods, arns, owner = require "eksrun.sandbox.eks.pod_identity", json.array {}, call:arn("eks",
    "addon/" .. key)
  for _, present in ipairs(support.within(call, "eks.pod_identity", cluster.name)) do
    if present.ownerArn == owner then
      call:remove("eks.pod_identity", support.key(cluster.name, present.associationId))
    end
  end
  for i, association in ipairs(wanted or {}) do
    arns[i] = pods.make(call, cluster, {
      namespace = namespace, serviceAccount = association.serviceAccount, roleArn = association.roleArn,
      ownerArn = owner,
    }).associationArn
  end
  return arns
end

function operations.CreateAddon(call, params)
  local cluster = support.active_cluster(call, params.clusterName)
  local name = params.addonName
  if not catalog.addons[name] then
    support.refuse_parameter("Addon %s specified is not supported", name)
  end
  local key = support.key(cluster.name, name)
  if call:get("eks.addon", key) then
    support.refuse("ResourceInUseException", "Addon already exists.",
      { clusterName = cluster.name, addonName = name })
  end
  check_values(params.configurationValues)
  check_service_role(call, params.serviceAccountRoleArn)
  local namespace = (params.namespaceConfig or {}).namespace or catalog.addons[name].namespace
    or "kube-system"
  local associations = associate(call, cluster, key, namespace, params.podIdentityAssociations)
  local addon = call:put("eks.addon", key, {
    addonName = name, clusterName = cluster.name, status = "CREATING",
    addonVersion = version_of(cluster, name, params.addonVersion),
    addonArn = call:arn("eks", ("addon/%s/%s/%s"):format(cluster.name, name, call:uuid "arn")),
    createdAt = support.time(call), modifiedAt = support.time(call), health = { issues = json.array {} },
    serviceAccountRoleArn = params.serviceAccountRoleArn, configurationValues = params.configurationValues,
    podIdentityAssociations = associations[1] and associations or nil, tags = params.tags or {},
    namespaceConfig = { namespace = namespace }, publisher = catalog.addons[name].publisher or "eks",
    owner = catalog.addons[name].publisher == "community" and "community" or "aws",
  })
  call:after(call:duration("eks.addon.create", key, call.now), "eks.addon.check", { key = key })
  return { addon = addon }
end

M.events["eks.addon.check"] = function(call, arguments)
  local addon = call:get("eks.addon", arguments.key)
  if not addon or addon.status ~= "CREATING" and addon.status ~= "DEGRADED" then return end
  local cluster = call:get("eks.cluster", addon.clusterName)
  local wants_node = catalog.addons[addon.addonName].node
  if wants_node then auto_mode.want_node(call, cluster) end
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
  check_service_role(call, params.serviceAccountRoleArn)
  local cluster, pods = support.cluster(call, addon.clusterName), params.podIdentityAssociations
  if params.addonVersion then version_of(cluster, addon.addonName, params.addonVersion) end
  local fields = {
    addonVersion = params.addonVersion, serviceAccountRoleArn = params.serviceAccountRoleArn,
    configurationValues = params.configurationValues,
    podIdentityAssociations = pods
      and associate(call, cluster, key, (addon.namespaceConfig or {}).namespace or "kube-system", pods),
  }
  return {
    update = updates.start(call, addon, {
      kind = "eks.addon", key = key, type = "AddonUpdate", fields = fields,
      params = {
        AddonVersion = params.addonVersion, ResolveConflicts = params.resolveConflicts,
        ServiceAccountRoleArn = params.serviceAccountRoleArn, PodIdentityAssociations = pods,
        ConfigurationValues = params.configurationValues,
      },
      seconds = call:duration("eks.addon.update", key, call.now),
    }),
  }
end

function operations.DeleteAddon(call, params)
  local addon = need(call, params.clusterName, params.addonName)
  if addon.status ~= "DELETING" then
    local key = support.key(addon.clusterName, addon.addonName)
    addon.status = "DELETING"
    associate(call, support.cluster(call, addon.clusterName), key)
    call:vanishes(call:duration("eks.addon.delete", key, call.now), "eks.addon", key)
  end
  return { addon = addon }
end

-- -- what there is -----------------------------------------------------------------------------------------

-- The versions of an add-on with the Kubernetes versions that they suit: one of all or one of each.
local function versions_of(name, kubernetes)
  local list, place = json.array {}, {}
  for i = #versions.list, 1, -1 do
    local cluster = versions.list[i].version
    for rank, version in ipairs((not kubernetes or kubernetes == cluster) and catalog.versions(name, cluster)
      or {}) do
      local entry = place[version]
      if not entry then
        local known = catalog.addons[name]
        entry = {
          addonVersion = version, architecture = { "amd64", "arm64" },
          computeTypes = known.node and { "ec2", "fargate", "auto", "hybrid" } or { "ec2", "auto", "hybrid" },
          compatibilities = json.array {}, requiresConfiguration = false,
          requiresIamPermissions = known.account ~= nil,
        }
        place[version], list[#list + 1] = entry, entry
      end
      table.insert(entry.compatibilities, {
        clusterVersion = cluster, platformVersions = { "*" }, defaultVersion = rank == 1,
      })
    end
  end
  return list
end

function operations.DescribeAddonVersions(_, params)
  local list = json.array {}
  if params.addonName and not catalog.addons[params.addonName] then
    support.refuse_parameter("Addon %s specified is not supported", params.addonName)
  end
  for name, known in util.sorted_pairs(catalog.addons) do
    local publisher = known.publisher or "eks"
    local owner = publisher == "community" and "community" or "aws"
    if (not params.addonName or params.addonName == name) and support.is_wanted(params.types, known.type)
      and support.is_wanted(params.publishers, publisher) and support.is_wanted(params.owners, owner) then
      list[#list + 1] = {
        addonName = name, type = known.type, publisher = publisher, owner = owner,
        addonVersions = versions_of(name, params.kubernetesVersion),
        defaultNamespace = known.namespace or "kube-system",
      }
    end
  end
  return { addons = list }
end

function operations.DescribeAddonConfiguration(call, params)
  local name = params.addonName
  local known = catalog.addons[name]
  if not known then support.refuse_parameter("Addon %s specified is not supported", name) end
  if not catalog.fits(name, params.addonVersion, versions.default()) then
    support.refuse("ResourceNotFoundException",
      ("Addon version %s of %s not found"):format(params.addonVersion, name), { addonName = name })
  end
  local policies = json.array {}
  for i, policy in ipairs(known.policies or {}) do
    policies[i] = ("arn:%s:iam::aws:policy/%s"):format(call.partition, policy)
  end
  return {
    addonName = name, addonVersion = params.addonVersion,
    configurationSchema = json.encode { ["$schema"] = "http://json-schema.org/draft-07/schema#",
      type = "object" },
    podIdentityConfiguration = known.account and {
      { serviceAccount = known.account, recommendedManagedPolicies = policies },
    } or json.array {},
  }
end

return M
