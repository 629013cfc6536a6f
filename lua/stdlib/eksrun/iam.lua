--- The IAM kit: the resource types of IAM (`iam.role { ... }`), what their inputs are made of, and roles with
--- statements of their own.

local aws = require "eksrun.aws"
local eksrun = require "eksrun"
local graph = require "eksrun.engine.graph"
local resource = require "eksrun.resource"
local util = require "eksrun.util"

local M = setmetatable({}, { __index = resource.namespace "iam" })

--- The ARN of one of AWS's own policies, in the partition at hand; an ARN stays as it is, and an iam.policy
--- gives its own.
--- @param policy any "AmazonEKSClusterPolicy", "service-role/AmazonEBSCSIDriverPolicy", an ARN, an iam.policy
--- @return string|eksrun.Ref
--- Raises at the recipe's line for anything else.
function M.policy_arn(policy)
  if eksrun.is_ref(policy) then return policy end
  if graph.node_of(policy) then return policy.Arn end
  if type(policy) ~= "string" then
    util.raise_at_caller("iam.policy_arn: a name, an ARN or an iam.policy expected, got %s", type(policy))
  end
  if policy:find("^arn:") then return policy end
  return ("arn:%s:iam::aws:policy/%s"):format(aws.partition(), policy)
end

--- The ARNs of several policies.
--- @param policies any[]
--- @return any[]
function M.policy_arns(policies)
  local arns = {}
  for i, policy in ipairs(policies) do arns[i] = M.policy_arn(policy) end
  return arns
end

--- The name by which a service assumes roles. EC2's ends as the partition's hosts do, all others are the same
--- everywhere.
--- @param service string "ec2", "eks", "pods.eks"
--- @return string
function M.service_principal(service)
  local suffix = "amazonaws.com"
  if service == "ec2" then suffix = require("eksrun.aws.endpoint").partition(aws.region()).dnsSuffix end
  return service .. "." .. suffix
end

--- A policy document of statements as AWS writes them; `Effect` is "Allow" where none is given.
--- @param statements table[]
--- @return table document
--- Raises at the recipe's line unless there is a statement.
function M.document(statements)
  if type(statements) ~= "table" or #statements == 0 then
    util.raise_at_caller("iam.document: a list of statements expected: { { Action = \"s3:GetObject\", "
      .. "Resource = \"...\" } }")
  end
  local list = {}
  for i, statement in ipairs(statements) do
    list[i] = { Effect = "Allow" }
    for key, value in pairs(statement) do list[i][key] = value end
  end
  return { Version = "2012-10-17", Statement = list }
end

--- The trust policy of a role that a service assumes.
--- @param service string as for service_principal
--- @param actions? string[] default { "sts:AssumeRole" }
--- @param condition? table of the statement
--- @return table document
--- Raises at the recipe's line unless the service is text.
function M.trust(service, actions, condition)
  if type(service) ~= "string" then
    util.raise_at_caller("iam.trust: a service such as 'ec2' expected, got %s", type(service))
  end
  return M.document {
    {
      Principal = { Service = M.service_principal(service) },
      Action = actions or { "sts:AssumeRole" },
      Condition = condition,
    },
  }
end

--- The trust policy of a role for pods by EKS Pod Identity.
--- @return table document
function M.pod_trust() return M.trust("pods.eks", { "sts:AssumeRole", "sts:TagSession" }) end

--- The trust policy of a role for the pods of a service account, by the tokens of a cluster's issuer (IRSA).
--- @param provider string ARN of the OIDC provider
--- @param issuer string URL
--- @param namespace string "*" for all
--- @param service_account string "*" for all
--- @return table document
function M.service_account_trust(provider, issuer, namespace, service_account)
  local host = issuer:gsub("^https://", "")
  local subject = ("system:serviceaccount:%s:%s"):format(namespace, service_account)
  local condition = { StringEquals = { [host .. ":aud"] = "sts.amazonaws.com" } }
  local operator = subject:find("*", 1, true) and "StringLike" or "StringEquals"
  condition[operator] = condition[operator] or {}
  condition[operator][host .. ":sub"] = subject
  return M.document {
    {
      Principal = { Federated = provider },
      Action = "sts:AssumeRoleWithWebIdentity",
      Condition = condition,
    },
  }
end

-- What a statement of a role's own policy may have; who is meant says the role.
local STATEMENT = {
  Sid = "any?", Effect = "any?", Action = "any?", NotAction = "any?", Resource = "any?", NotResource = "any?",
  Condition = "any?",
}

local function check_statements(statements)
  for i, statement in ipairs(statements) do
    util.check_options(("iam.role_for: statement %d"):format(i), statement, STATEMENT)
  end
end

local ROLE_OPTIONS = {
  [1] = "string", trust = "any", policies = "table?", statements = "table?", name = "string?",
  path = "string?", description = "string?", boundary = "any?", tags = "table?",
}

--- @class eksrun.iam.RoleOptions
--- @field [1] string name in the recipe
--- @field trust any who may assume it: a service ("ec2"), or a trust policy
--- @field policies? any[] what it may do: names of AWS's own policies, ARNs, iam.policy resources
--- @field statements? table[] and these statements, as a policy of its own
--- @field name? string in IAM; default: made from the stack and the address
--- @field path? string
--- @field description? string
--- @field boundary? any ARN of the permissions boundary
--- @field tags? table<string, string>

--- Declares a role; statements become a managed policy `NAME/policy` that it carries.
---
---   iam.role_for { "backup", trust = "ec2", statements = { { Action = "s3:PutObject", Resource = arn } } }
---
--- @param options eksrun.iam.RoleOptions
--- @return table role an iam.role
function M.role_for(options)
  util.check_options("iam.role_for", options, ROLE_OPTIONS)
  local name, arns = options[1], M.policy_arns(options.policies or {})
  if options.statements then
    check_statements(options.statements)
    arns[#arns + 1] = eksrun.scope(name, function()
      return M.policy { "policy", PolicyDocument = M.document(options.statements), tags = options.tags }
    end).Arn
  end
  -- Not by a tail call: mistakes are at the line that calls this (util.lua).
  local role = M.role {
    name,
    RoleName = options.name,
    Path = options.path,
    Description = options.description,
    AssumeRolePolicyDocument = type(options.trust) == "string" and not options.trust:find("^%s*{")
        and M.trust(options.trust) or options.trust,
    PermissionsBoundary = options.boundary,
    PolicyArns = arns,
    tags = options.tags,
  }
  return role
end

return M
