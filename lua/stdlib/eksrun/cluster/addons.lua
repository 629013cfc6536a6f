--- Add-ons: components that EKS installs into the cluster and keeps there.
local eks = require "eksrun.eks"
local eksrun = require "eksrun"
local iam = require "eksrun.iam"
local support = require "eksrun.cluster.support"
local util = require "eksrun.util"

local M = { methods = {} }

local AGENT = "eks-pod-identity-agent"

-- Without these no node becomes ready; they need none to become active themselves. All others run on nodes.
local BEFORE_NODES = { ["vpc-cni"] = true, ["kube-proxy"] = true, [AGENT] = true }

-- Of the add-ons that call AWS: the service account that does, and what it has to be allowed.
local IDENTITIES = {
  ["vpc-cni"] = { "aws-node", "AmazonEKS_CNI_Policy" },
  ["aws-ebs-csi-driver"] = { "ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy" },
  ["aws-efs-csi-driver"] = { "efs-csi-controller-sa", "service-role/AmazonEFSCSIDriverPolicy" },
  ["amazon-cloudwatch-observability"] = { "cloudwatch-agent", "CloudWatchAgentServerPolicy" },
}

local OPTIONS = {
  [1] = "string",
  version = "string?",
  configuration = "any?",
  role = "any?",
  pod_identity = "any?",
  resolve_conflicts = "string?",
  before_nodes = "boolean?",
  tags = "table?",
}

local IDENTITY_OPTIONS = {
  service_account = "string?", role = "any?", policies = "table?", statements = "table?",
}

--- @class eksrun.Addon.Options
--- @field [1] string name at EKS: "coredns"
--- @field version? string "v1.11.4-eksbuild.2"; default: EKS's choice when it is installed, kept afterwards
--- @field configuration? table|string its configuration values
--- @field role? any ARN or iam.role that its service account assumes by IRSA
--- @field pod_identity? boolean|eksrun.Addon.Identity a role by EKS Pod Identity; true where eksrun knows it
--- @field resolve_conflicts? "OVERWRITE"|"NONE"|"PRESERVE" with what is in the cluster; default OVERWRITE
--- @field before_nodes? boolean default: vpc-cni, kube-proxy and eks-pod-identity-agent come before nodes
--- @field tags? table<string, string>

--- @class eksrun.Addon.Identity
--- @field service_account? string default: that of an add-on which eksrun knows
--- @field role? any ARN or iam.role; default: made, with `policies` and `statements`
--- @field policies? any[] default: AWS's own for an add-on which eksrun knows
--- @field statements? table[]

local function pod_identity(cluster, name, wanted, tags)
  if wanted == nil or wanted == false then return nil end
  local known = IDENTITIES[name]
  if wanted == true then wanted = {} end
  util.check_options("addon " .. name .. ": pod_identity", wanted, IDENTITY_OPTIONS)
  local account = wanted.service_account or known and known[1]
  if not account then
    util.raise_at_caller("addon %s: pod_identity wants a table: { service_account = ..., "
      .. "policies = { ... } }", name)
  end
  local policies = wanted.policies or not wanted.statements and known and { known[2] } or nil
  if not wanted.role and not policies and not wanted.statements then
    util.raise_at_caller("addon %s: pod_identity: one of 'role', 'policies' and 'statements' is required",
      name)
  end
  local role = wanted.role or eksrun.scope(name, iam.role_for, {
    "role", trust = iam.pod_trust(), policies = policies, statements = wanted.statements,
    tags = tags or cluster.tags,
  })
  return { { serviceAccount = account, roleArn = support.role_arn(role) } }
end

--- Declares an add-on, under the scope `addons`. Those that nodes need come before the nodes, all others
--- behind them, wherever they stand in the recipe.
---
---   eks:addon "vpc-cni"
---   eks:addon { "aws-ebs-csi-driver", pod_identity = true }
---
--- @param cluster eksrun.Cluster
--- @param options string|eksrun.Addon.Options
--- @return table addon an eks.addon
function M.methods.addon(cluster, options)
  if type(options) == "string" then options = { options } end
  util.check_options("addon", options, OPTIONS)
  local name = options[1]
  if options.role and options.pod_identity then
    util.raise_at_caller("addon %s: 'role' (IRSA) or 'pod_identity', not both", name)
  end
  local early = BEFORE_NODES[name] or false
  if options.before_nodes ~= nil then early = options.before_nodes end
  local addon = eksrun.scope("addons", function()
    return eks.addon {
      name,
      clusterName = cluster.name,
      addonName = name,
      addonVersion = options.version,
      configurationValues = options.configuration,
      serviceAccountRoleArn = support.role_arn(options.role),
      podIdentityAssociations = pod_identity(cluster, name, options.pod_identity, options.tags),
      resolveConflicts = options.resolve_conflicts or "OVERWRITE",
      tags = options.tags or cluster.tags,
      depends_on = cluster.kept.needs,
    }
  end)
  local kept = cluster.kept
  if early then kept.join:first(addon) else kept.compute:behind(addon) end
  if name == AGENT then kept.agent:first(addon) end
  if options.pod_identity then kept.agent:behind(addon) end
  return addon
end

return M
