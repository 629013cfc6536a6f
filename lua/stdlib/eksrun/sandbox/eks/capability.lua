--- EKS: capabilities, controllers that run beside a cluster.
local json = require "eksrun.json"
local support = require "eksrun.sandbox.eks.support"
local updates = require "eksrun.sandbox.eks.update"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local VERSIONS = { ACK = "v1.0.0", KRO = "v0.5.0", ARGOCD = "v3.1.8" }

local function need(call, cluster, name)
  return support.need(call, "eks.capability", cluster, name,
    ("No capability found for name: %s."):format(name))
end

function operations.CreateCapability(call, params)
  local cluster = support.active_cluster(call, params.clusterName)
  local name, key = params.capabilityName, support.key(params.clusterName, params.capabilityName)
  for _, other in ipairs(support.within(call, "eks.capability", cluster.name)) do
    if other.capabilityName == name or other.type == params.type then
      support.refuse("ResourceInUseException", ("Capability %s of type %s already exists"):format(
        other.capabilityName, other.type), { clusterName = cluster.name })
    end
  end
  support.check_role(call, params.roleArn, "capabilities.eks.amazonaws.com", "cluster/" .. cluster.name)
  local configuration = util.copy(params.configuration)
  local argo = configuration and configuration.argoCd
  if params.type == "ARGOCD" and not argo then
    support.refuse_parameter("A capability of the type ARGOCD wants the configuration argoCd")
  end
  if argo then
    argo.namespace = argo.namespace or "argocd"
    argo.serverUrl = ("https://%s.eks-capabilities.%s.amazonaws.com"):format(
      call:hash("server"):sub(1, 16), call.region)
  end
  local capability = call:put("eks.capability", key, {
    capabilityName = name, clusterName = cluster.name, type = params.type, roleArn = params.roleArn,
    arn = call:arn("eks", ("capability/%s/%s/%s/%s"):format(cluster.name, params.type:lower(), name,
      call:uuid "arn")),
    status = "CREATING", version = VERSIONS[params.type], configuration = configuration,
    tags = params.tags or {}, health = { issues = json.array {} }, createdAt = support.time(call),
    modifiedAt = support.time(call), deletePropagationPolicy = params.deletePropagationPolicy,
  })
  call:becomes(call:duration("eks.capability.create", key, call.now), "eks.capability", key,
    { status = "ACTIVE" })
  return { capability = capability }
end

function operations.DescribeCapability(call, params)
  return { capability = need(call, params.clusterName, params.capabilityName) }
end

function operations.ListCapabilities(call, params)
  support.cluster(call, params.clusterName)
  local list = json.array {}
  for i, capability in ipairs(support.within(call, "eks.capability", params.clusterName)) do
    list[i] = {
      capabilityName = capability.capabilityName, arn = capability.arn, type = capability.type,
      status = capability.status, version = capability.version, createdAt = capability.createdAt,
      modifiedAt = capability.modifiedAt,
    }
  end
  return { capabilities = list }
end

-- Role mappings without those to remove, with those to add.
local function mapped(before, change)
  local by_role, list = {}, json.array {}
  for _, mapping in ipairs(before or {}) do by_role[mapping.role] = mapping end
  for _, mapping in ipairs(change.removeRoleMappings or {}) do by_role[mapping.role] = nil end
  for _, mapping in ipairs(change.addOrUpdateRoleMappings or {}) do by_role[mapping.role] = mapping end
  for _, mapping in util.sorted_pairs(by_role) do list[#list + 1] = mapping end
  return list
end

function operations.UpdateCapability(call, params)
  local capability = need(call, params.clusterName, params.capabilityName)
  local key = support.key(params.clusterName, params.capabilityName)
  updates.check_free(call, "eks.capability", key, "CapabilityUpdate")
  if params.roleArn then
    support.check_role(call, params.roleArn, "capabilities.eks.amazonaws.com")
  end
  local configuration, change = util.copy(capability.configuration) or {}, params.configuration or {}
  if change.ack then configuration.ack = util.overlay(configuration.ack or {}, change.ack) end
  local argo = change.argoCd
  if argo and configuration.argoCd then
    local present = configuration.argoCd
    if argo.rbacRoleMappings then
      present.rbacRoleMappings = mapped(present.rbacRoleMappings, argo.rbacRoleMappings)
    end
    present.networkAccess = argo.networkAccess or present.networkAccess
  end
  return {
    update = updates.start(call, capability, {
      kind = "eks.capability", key = key, type = "CapabilityUpdate",
      fields = {
        roleArn = params.roleArn, configuration = configuration,
        deletePropagationPolicy = params.deletePropagationPolicy,
      },
      params = { RoleArn = params.roleArn }, seconds = call:duration("eks.update", key, call.now),
    }),
  }
end

function operations.DeleteCapability(call, params)
  local capability = need(call, params.clusterName, params.capabilityName)
  if capability.status ~= "DELETING" then
    local key = support.key(params.clusterName, params.capabilityName)
    updates.check_free(call, "eks.capability", key, "delete")
    capability.status = "DELETING"
    call:vanishes(call:duration("eks.capability.delete", key, call.now), "eks.capability", key)
  end
  return { capability = capability }
end

return M
