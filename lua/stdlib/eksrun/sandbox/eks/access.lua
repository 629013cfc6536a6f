--- EKS: access entries and the policies that they carry.
local json = require "eksrun.json"
local support = require "eksrun.sandbox.eks.support"

local M = { operations = {} }
local operations = M.operations

local POLICIES = {
  "AmazonEKSAdminPolicy", "AmazonEKSAdminViewPolicy", "AmazonEKSAutoNodePolicy",
  "AmazonEKSClusterAdminPolicy",
  "AmazonEKSEditPolicy", "AmazonEKSViewPolicy", "AmazonEKSSecretReaderPolicy", "AmazonEKSHybridPolicy",
}

-- Whom a type of entry makes its principal.
local USERS = {
  EC2_LINUX = { "system:node:{{EC2PrivateDNSName}}", { "system:nodes" } },
  EC2_WINDOWS = { "system:node:{{EC2PrivateDNSName}}", { "system:nodes", "eks:kube-proxy-windows" } },
  FARGATE_LINUX = { "system:node:{{SessionName}}", { "system:node-proxier", "system:nodes" } },
  HYBRID_LINUX = { "system:node:{{SessionName}}", { "system:nodes" } },
  EC2 = { "system:node:{{EC2PrivateDNSName}}", { "system:nodes" } },
}

local function policy_arn(call, name)
  return ("arn:%s:eks::aws:cluster-access-policy/%s"):format(call.partition, name)
end

local function key_of(cluster, principal) return support.key(cluster, principal) end

local function username(call, principal)
  local role = principal:match ":role/.-([^/]+)$"
  if not role then return principal end
  return ("arn:%s:sts::%s:assumed-role/%s/{{SessionName}}"):format(call.partition, principal:match "::(%d+):",
    role)
end

--- Makes an entry, if there is none for the principal.
--- @param call eksrun.sandbox.Call
--- @param cluster table
--- @param fields table principalArn, type, username, kubernetesGroups, tags
--- @param policies? string[] names of policies, for the whole cluster
--- @return table entry
function M.make(call, cluster, fields, policies)
  local key = key_of(cluster.name, fields.principalArn)
  local present = call:get("eks.access_entry", key)
  if present then return present end
  local kind = fields.type or "STANDARD"
  local user = USERS[kind] or {}
  local associated = json.array {}
  for i, name in ipairs(policies or {}) do
    associated[i] = {
      policyArn = policy_arn(call, name), accessScope = { type = "cluster", namespaces = json.array {} },
      associatedAt = support.time(call), modifiedAt = support.time(call),
    }
  end
  local principal_kind, name = fields.principalArn:match ":(%a+)/.-([^/]+)$"
  return call:put("eks.access_entry", key, {
    clusterName = cluster.name, principalArn = fields.principalArn, type = kind,
    username = fields.username or user[1] or username(call, fields.principalArn),
    kubernetesGroups = json.array(fields.kubernetesGroups or user[2] or {}),
    accessEntryArn = call:arn("eks",
      ("access-entry/%s/%s/%s/%s/%s"):format(cluster.name, principal_kind or "role",
      call.account, name or "x", call:uuid(key))),
    createdAt = support.time(call), modifiedAt = support.time(call), tags = fields.tags or {},
    _policies = associated,
  })
end

local function cluster_with_entries(call, name)
  local cluster = support.active_cluster(call, name)
  if cluster.accessConfig.authenticationMode == "CONFIG_MAP" then
    support.refuse("InvalidRequestException", "The cluster's authentication mode must be set to one of [API, "
      .. "API_AND_CONFIG_MAP] to perform this operation.", { clusterName = name })
  end
  return cluster
end

local function need(call, cluster, principal)
  support.cluster(call, cluster)
  local entry = call:get("eks.access_entry", key_of(cluster, principal))
  if not entry then
    support.refuse("ResourceNotFoundException",
      ("The specified principalArn could not be found. You can view your available access entries with "
        .. "'list-access-entries': %s"):format(principal))
  end
  return entry
end

-- Roles and users of the account have to be there, and to be seen by EKS.
local function check_principal(call, arn)
  local account, kind, name = arn:match "^arn:[^:]*:iam::(%d+):(%a+)/.-([^/]+)$"
  local found = (kind == "role" or kind == "user") and call:get("iam." .. kind, name)
  local own = account == call.account and name ~= "sandbox"
  if not account or own and (not found or found.Arn ~= arn or (found._assumable or 0) > call.now) then
    support.refuse_parameter "The specified principalArn is invalid: invalid principal."
  end
end

-- What an entry may say of its principal.
local function check_groups(params)
  local kind = params.type or "STANDARD"
  if kind ~= "STANDARD" and (params.username or params.kubernetesGroups) then
    support.refuse_parameter("The username and kubernetesGroups of an access entry of the type %s cannot be "
      .. "set", kind)
  end
  for _, group in ipairs(params.kubernetesGroups or {}) do
    for _, prefix in ipairs { "system:", "eks:", "aws:", "amazon:", "iam:" } do
      if group:sub(1, #prefix) == prefix then
        support.refuse_parameter("The kubernetes group name %s is invalid, it cannot start with %s", group,
          prefix)
      end
    end
  end
end

function operations.CreateAccessEntry(call, params)
  local cluster = cluster_with_entries(call, params.clusterName)
  local principal = params.principalArn
  check_principal(call, principal)
  check_groups(params)
  if call:get("eks.access_entry", key_of(cluster.name, principal)) then
    support.refuse("ResourceInUseException",
      "The specified access entry resource is already in use on this cluster.",
      { clusterName = cluster.name })
  end
  return { accessEntry = M.make(call, cluster, params) }
end

function operations.DescribeAccessEntry(call, params)
  return { accessEntry = need(call, params.clusterName, params.principalArn) }
end

function operations.ListAccessEntries(call, params)
  cluster_with_entries(call, params.clusterName)
  local list = {}
  for _, entry in ipairs(support.within(call, "eks.access_entry", params.clusterName)) do
    local shown = not params.associatedPolicyArn
    for _, policy in ipairs(entry._policies) do
      shown = shown or policy.policyArn == params.associatedPolicyArn
    end
    if shown then list[#list + 1] = entry end
  end
  return { accessEntries = support.names(list, "principalArn") }
end

function operations.UpdateAccessEntry(call, params)
  local entry = need(call, params.clusterName, params.principalArn)
  if entry.type ~= "STANDARD" then
    support.refuse("InvalidRequestException",
      ("An access entry of the type %s cannot be updated"):format(entry.type))
  end
  check_groups(params)
  if params.kubernetesGroups then entry.kubernetesGroups = json.array(params.kubernetesGroups) end
  entry.username = params.username or entry.username
  entry.modifiedAt = support.time(call)
  return { accessEntry = entry }
end

function operations.DeleteAccessEntry(call, params)
  need(call, params.clusterName, params.principalArn)
  call:remove("eks.access_entry", key_of(params.clusterName, params.principalArn))
  return {}
end

-- -- policies -----------------------------------------------------------------------------------------------

function operations.ListAccessPolicies(call)
  local list = json.array {}
  for i, name in ipairs(POLICIES) do list[i] = { name = name, arn = policy_arn(call, name) } end
  return { accessPolicies = list }
end

function operations.AssociateAccessPolicy(call, params)
  local entry = need(call, params.clusterName, params.principalArn)
  local known = false
  for _, name in ipairs(POLICIES) do known = known or policy_arn(call, name) == params.policyArn end
  if not known then
    support.refuse("ResourceNotFoundException", ("The specified policyArn could not be found: %s"):format(
      params.policyArn))
  end
  if entry.type ~= "STANDARD" and entry.type ~= "EC2" then
    support.refuse("InvalidRequestException",
      ("An access entry of the type %s takes no access policy"):format(
      entry.type))
  end
  local scope = params.accessScope
  if scope.type == "namespace" and not (scope.namespaces and scope.namespaces[1]) then
    support.refuse_parameter("The access scope namespace wants namespaces")
  end
  local found
  for _, policy in ipairs(entry._policies) do
    if policy.policyArn == params.policyArn then found = policy end
  end
  if not found then
    found = { policyArn = params.policyArn, associatedAt = support.time(call) }
    table.insert(entry._policies, found)
  end
  found.accessScope = { type = scope.type, namespaces = json.array(scope.namespaces or {}) }
  found.modifiedAt = support.time(call)
  return {
    clusterName = params.clusterName, principalArn = params.principalArn, associatedAccessPolicy = found,
  }
end

function operations.DisassociateAccessPolicy(call, params)
  local entry = need(call, params.clusterName, params.principalArn)
  for i, policy in ipairs(entry._policies) do
    if policy.policyArn == params.policyArn then
      table.remove(entry._policies, i)
      return {}
    end
  end
  support.refuse("ResourceNotFoundException", ("The specified policyArn is not associated: %s"):format(
    params.policyArn))
end

function operations.ListAssociatedAccessPolicies(call, params)
  local entry = need(call, params.clusterName, params.principalArn)
  return {
    clusterName = params.clusterName, principalArn = params.principalArn,
    associatedAccessPolicies = json.array(entry._policies),
  }
end

return M
