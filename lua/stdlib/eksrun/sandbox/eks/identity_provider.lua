--- EKS: issuers of users' tokens that a cluster trusts; one to a cluster.
local json = require "eksrun.json"
local support = require "eksrun.sandbox.eks.support"
local updates = require "eksrun.sandbox.eks.update"

local M = { operations = {}, events = {} }
local operations = M.operations

local function need(call, cluster, wanted)
  support.cluster(call, cluster)
  local config = wanted.type == "oidc" and call:get("eks.identity_provider", support.key(cluster,
    wanted.name))
  if config then return config end
  support.refuse("ResourceNotFoundException", ("Identity provider config %s not found on cluster %s"):format(
    wanted.name, cluster), { clusterName = cluster })
end

local function start(call, cluster, config, kind, done)
  local key = support.key(cluster.name, config.identityProviderConfigName)
  return updates.start(call, cluster, {
    kind = "eks.cluster", key = cluster.name, type = kind, fields = {},
    params = {
      IdentityProviderConfig = { { type = "oidc", name = config.identityProviderConfigName } },
    },
    seconds = call:duration("eks.update.AssociateIdentityProviderConfig", key, call.now),
    done = { done, { key = key } },
  })
end

function operations.AssociateIdentityProviderConfig(call, params)
  local cluster = support.active_cluster(call, params.clusterName)
  local oidc = params.oidc
  updates.check_free(call, "eks.cluster", cluster.name, "AssociateIdentityProviderConfig")
  if support.within(call, "eks.identity_provider", cluster.name)[1] then
    support.refuse("ResourceInUseException", ("Cluster %s already has an identity provider config"):format(
      cluster.name), { clusterName = cluster.name })
  end
  if not oidc.issuerUrl:find "^https://" then
    support.refuse_parameter("The issuer URL %s must begin with https://", oidc.issuerUrl)
  end
  local name = oidc.identityProviderConfigName
  local key = support.key(cluster.name, name)
  local config = call:put("eks.identity_provider", key, {
    identityProviderConfigName = name, clusterName = cluster.name, status = "CREATING",
    identityProviderConfigArn = call:arn("eks",
      ("identityproviderconfig/%s/oidc/%s/%s"):format(cluster.name, name, call:uuid "arn")),
    issuerUrl = oidc.issuerUrl, clientId = oidc.clientId, usernameClaim = oidc.usernameClaim,
    usernamePrefix = oidc.usernamePrefix, groupsClaim = oidc.groupsClaim, groupsPrefix = oidc.groupsPrefix,
    requiredClaims = oidc.requiredClaims, tags = params.tags or {},
  })
  return {
    update = start(call, cluster, config, "AssociateIdentityProviderConfig", "eks.identity_provider.active"),
    tags = config.tags,
  }
end

M.events["eks.identity_provider.active"] = function(call, arguments)
  local config = call:get("eks.identity_provider", arguments.key)
  if config then config.status = "ACTIVE" end
end

function operations.DisassociateIdentityProviderConfig(call, params)
  local config = need(call, params.clusterName, params.identityProviderConfig)
  local cluster = support.active_cluster(call, params.clusterName)
  updates.check_free(call, "eks.cluster", cluster.name, "DisassociateIdentityProviderConfig")
  config.status = "DELETING"
  return {
    update = start(call, cluster, config, "DisassociateIdentityProviderConfig", "eks.identity_provider.gone"),
  }
end

M.events["eks.identity_provider.gone"] = function(call, arguments)
  call:remove("eks.identity_provider", arguments.key)
end

function operations.DescribeIdentityProviderConfig(call, params)
  return { identityProviderConfig = { oidc = need(call, params.clusterName, params.identityProviderConfig) } }
end

function operations.ListIdentityProviderConfigs(call, params)
  support.cluster(call, params.clusterName)
  local list = json.array {}
  for i, config in ipairs(support.within(call, "eks.identity_provider", params.clusterName)) do
    list[i] = { type = "oidc", name = config.identityProviderConfigName }
  end
  return { identityProviderConfigs = list }
end

return M
