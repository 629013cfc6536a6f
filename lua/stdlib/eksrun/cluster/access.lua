--- Who may talk to the cluster, and as whom its pods talk to AWS: access entries, EKS Pod Identity, IRSA.
local aws = require "eksrun.aws"
local eks = require "eksrun.eks"
local eksrun = require "eksrun"
local graph = require "eksrun.engine.graph"
local iam = require "eksrun.iam"
local support = require "eksrun.cluster.support"
local util = require "eksrun.util"

local M = { methods = {} }

local ACCESS_OPTIONS = {
  name = "string?", principal = "any", policies = "table?", groups = "table?", username = "string?",
  type = "string?", tags = "table?",
}

--- @class eksrun.Access.Options
--- @field principal any ARN of a role or user, or an iam.role
--- @field policies? any[] EKS access policies: "AmazonEKSViewPolicy" for all of the cluster, or
---   { "AmazonEKSEditPolicy", namespaces = { "team-a" } }
--- @field groups? string[] Kubernetes groups that it is a member of
--- @field name? string in the recipe; default: the last part of the ARN
--- @field username? string that Kubernetes sees; default: made from the ARN by EKS
--- @field type? string default "STANDARD"
--- @field tags? table<string, string>

local function check_principal(principal)
  if eksrun.is_ref(principal) or graph.node_of(principal) then return end
  local name = type(principal) == "string" and principal:match "^arn:[%w-]+:iam::%d+:(.+)$"
  if not name or not (name == "root" or name:find "^role/." or name:find "^user/.") then
    util.raise_at_caller("access: field 'principal' wants an iam.role or the ARN of a role or user, "
      .. "arn:aws:iam::123456789012:role/ops, got %s",
      type(principal) == "string" and ("'%s'"):format(principal) or type(principal))
  end
end

local function access_name(options)
  local principal = options.principal
  if options.name then return options.name end
  if type(principal) == "string" then return (principal:match("[^/]+$"):gsub("[^%w._-]", "-")) end
  util.raise_at_caller("access: field 'name' is required where the principal is made in the recipe")
end

-- The short name of an access policy, its ARN and its scope.
local function access_policy(where, policy)
  local name, namespaces = policy, nil
  if type(policy) == "table" then
    util.check_options(where, policy, { [1] = "string", namespaces = "table?" })
    name, namespaces = policy[1], policy.namespaces
  end
  if type(name) ~= "string" then
    util.raise_at_caller("%s: policies wants names such as 'AmazonEKSViewPolicy', got %s", where, type(name))
  end
  local short = name:match("[^/]+$")
  local arn = name:find("^arn:") and name
    or ("arn:%s:eks::aws:cluster-access-policy/%s"):format(aws.partition(), name)
  return short, arn, namespaces and { type = "namespace", namespaces = namespaces } or { type = "cluster" }
end

--- Lets a role or user into the cluster: an access entry with policies, groups, or both, under the scope
--- `access`.
---
---   eks:access { principal = role, name = "ops", policies = { "AmazonEKSClusterAdminPolicy" } }
---
--- @param cluster eksrun.Cluster
--- @param options eksrun.Access.Options
--- @return table entry an eks.access_entry
function M.methods.access(cluster, options)
  util.check_options("access", options, ACCESS_OPTIONS)
  check_principal(options.principal)
  local name = access_name(options)
  local where = "access " .. name
  support.check_access_entries(cluster, where)
  local principal = support.role_arn(options.principal)
  return eksrun.scope("access", function()
    local entry = eks.access_entry {
      name,
      clusterName = cluster.name,
      principalArn = principal,
      type = options.type,
      kubernetesGroups = options.groups,
      username = options.username,
      tags = options.tags or cluster.tags,
      depends_on = cluster.kept.needs,
    }
    if options.type and options.type:find("^EC2") then cluster.kept.join:first(entry) end
    for _, policy in ipairs(options.policies or {}) do
      local short, arn, scope = access_policy(where, policy)
      eksrun.scope(name, function()
        eks.access_policy_association {
          short,
          clusterName = cluster.name,
          principalArn = principal,
          policyArn = arn,
          accessScope = scope,
          depends_on = { entry },
        }
      end)
    end
    return entry
  end)
end

local POD_OPTIONS = {
  namespace = "string", service_account = "string", role = "any?", policies = "table?", statements = "table?",
  tags = "table?",
}

--- @class eksrun.PodIdentity.Options
--- @field namespace string
--- @field service_account string
--- @field role? any ARN or iam.role that trusts pods.eks (iam.pod_trust()); default: made
--- @field policies? any[] of the role that is made: names of AWS's own, ARNs, iam.policy resources
--- @field statements? table[] of the role that is made
--- @field tags? table<string, string>

local function one_source(where, options)
  local makes = options.policies or options.statements
  if options.role and makes then
    util.raise_at_caller("%s: 'role', or 'policies' and 'statements' of a role to be made, not both", where)
  elseif not options.role and not makes then
    util.raise_at_caller("%s: one of 'role', 'policies' and 'statements' is required", where)
  end
end

--- Gives the pods of a service account a role by EKS Pod Identity, under the scope `pods`. The cluster needs
--- the add-on eks-pod-identity-agent, but for Auto Mode, which has it.
---
---   eks:pod_identity { namespace = "web", service_account = "api", policies = { "AmazonS3ReadOnlyAccess" } }
---
--- @param cluster eksrun.Cluster
--- @param options eksrun.PodIdentity.Options
--- @return table association an eks.pod_identity_association
function M.methods.pod_identity(cluster, options)
  util.check_options("pod_identity", options, POD_OPTIONS)
  local account = options.service_account
  one_source(("pod_identity %s/%s"):format(options.namespace, account), options)
  local tags = options.tags or cluster.tags
  return eksrun.scope("pods", eksrun.scope, options.namespace, function()
    local role = options.role or eksrun.scope(account, iam.role_for, {
      "role", trust = iam.pod_trust(), tags = tags,
      policies = options.policies, statements = options.statements,
    })
    return eks.pod_identity_association {
      account,
      clusterName = cluster.name,
      namespace = options.namespace,
      serviceAccount = account,
      roleArn = support.role_arn(role),
      tags = tags,
      depends_on = cluster.kept.needs,
    }
  end)
end

--- The cluster's issuer of tokens as IAM knows it, declared when first asked for, under the scope `cluster`.
--- @param cluster eksrun.Cluster
--- @return table provider an iam.oidc_provider
function M.methods.oidc_provider(cluster)
  local kept = cluster.kept
  if not kept.oidc_provider then
    kept.oidc_provider = eksrun.scope("cluster", function()
      return iam.oidc_provider {
        "oidc", Url = cluster.issuer, ClientIDList = { "sts.amazonaws.com" }, tags = cluster.tags,
      }
    end)
  end
  return kept.oidc_provider
end

local IRSA_OPTIONS = {
  namespace = "string", name = "string", policies = "table?", statements = "table?", tags = "table?",
}

--- @class eksrun.ServiceAccountRole.Options
--- @field namespace string "*" for all
--- @field name string of the service account; "*" for all
--- @field policies? any[] names of AWS's own, ARNs, iam.policy resources
--- @field statements? table[]
--- @field tags? table<string, string>

--- A role that the pods of a service account assume by its token (IRSA), under the scope `pods`. The service
--- account wants the annotation eks.amazonaws.com/role-arn with the role's ARN.
---
---   local role = eks:service_account_role { namespace = "web", name = "api", policies = { arn } }
---
--- @param cluster eksrun.Cluster
--- @param options eksrun.ServiceAccountRole.Options
--- @return table role an iam.role
function M.methods.service_account_role(cluster, options)
  util.check_options("service_account_role", options, IRSA_OPTIONS)
  local namespace, name = options.namespace, options.name
  if not options.policies and not options.statements then
    util.raise_at_caller("service_account_role %s/%s: one of 'policies' and 'statements' is required",
      namespace, name)
  end
  local provider = cluster:oidc_provider()
  local trust = eksrun.all({ provider = provider, issuer = cluster.issuer }):map(function(known)
    return iam.service_account_trust(known.provider, known.issuer, namespace, name)
  end)
  local function scope(text) return text == "*" and "all" or text end
  return eksrun.scope("pods", eksrun.scope, scope(namespace), eksrun.scope, scope(name), iam.role_for, {
    "irsa-role", trust = trust, policies = options.policies, statements = options.statements,
    tags = options.tags or cluster.tags,
  })
end

return M
