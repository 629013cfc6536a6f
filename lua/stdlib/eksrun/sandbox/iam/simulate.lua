--- IAM: what policies would allow: SimulatePrincipalPolicy, SimulateCustomPolicy, the keys that they ask for.
local document = require "eksrun.sandbox.iam.document"
local evaluate = require "eksrun.sandbox.iam.evaluate"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local principals = require "eksrun.sandbox.iam.principals"

local M = { operations = {} }
local operations = M.operations

-- What says how an entity is called, by its kind in ARNs.
local NAMED = { role = "RoleName", user = "UserName", group = "GroupName" }

-- The role, user or group of an ARN.
local function entity_of(call, arn)
  local kind, name = arn:match ":iam::%d+:(%a+)/.-([^/]+)$"
  local entity = kind and call:get("iam." .. kind, name)
  if entity and entity._inline then return entity, kind end
  fault.raise_with("NoSuchEntity", ("The %s with name %s cannot be found."):format(kind or "principal",
    name or arn), { status = 404 })
end

local function parsed(list, kind)
  local out = {}
  for i, text in ipairs(list or {}) do out[i] = document.parse(text, kind) end
  return out
end

local function context_of(entries)
  local context = {}
  for _, entry in ipairs(entries or {}) do
    local values = entry.ContextKeyValues or {}
    context[entry.ContextKeyName] = #values == 1 and values[1] or values
  end
  return context
end

-- The keys that documents ask for and the request does not give.
local function missing_of(documents, context)
  local given, missing = {}, json.array {}
  for name in pairs(context) do given[name:lower()] = true end
  for _, key in ipairs(evaluate.context_keys(documents)) do
    if not given[key:lower()] then missing[#missing + 1] = key end
  end
  return missing
end

-- Decides each action on each resource. `sources` says by document what it is called.
local function results(params, policies, sources, context, caller)
  local all = {}
  for _, group in ipairs { "identity", "boundary", "resource" } do
    for _, one in ipairs(policies[group] or {}) do all[#all + 1] = one end
  end
  local missing, list = missing_of(all, context), json.array {}
  for _, action in ipairs(params.ActionNames) do
    if not action:find "^[%w-]+:[%w*?]+$" then
      fault.raise("InvalidInput", "Invalid Entity Action: %s", action)
    end
    local arns = params.ResourceArns
    for _, arn in ipairs(arns and arns[1] and arns or { "*" }) do
      local decision, matched, group = evaluate.decide(policies, {
        action = action, resource = arn, context = context, principal = caller,
      })
      local statements = json.array {}
      for i, found in ipairs(matched) do
        local source = sources[found.document] or { "PolicyInputList." .. found.place, "none" }
        statements[i] = { SourcePolicyId = source[1], SourcePolicyType = source[2] }
      end
      list[#list + 1] = {
        EvalActionName = action, EvalResourceName = arn, EvalDecision = decision,
        MatchedStatements = statements, MissingContextValues = missing,
        PermissionsBoundaryDecisionDetail = policies.boundary and {
          AllowedByPermissionsBoundary = group ~= "boundary",
        } or nil,
      }
    end
  end
  return { EvaluationResults = list }
end

function operations.SimulateCustomPolicy(_, params)
  local boundary = params.PermissionsBoundaryPolicyInputList
  return results(params, {
    identity = parsed(params.PolicyInputList, "inline"),
    boundary = boundary and boundary[1] and parsed(boundary, "managed") or nil,
  }, {}, context_of(params.ContextEntries), { arn = params.CallerArn })
end

function operations.SimulatePrincipalPolicy(call, params)
  local entity, kind = entity_of(call, params.PolicySourceArn)
  local policies, boundary = principals.entity_policies(call, entity)
  local sources, identity = {}, {}
  for i, policy in ipairs(policies) do
    identity[i] = policy.document
    local name = ("%s_%s_%s"):format(kind, entity[NAMED[kind]], policy.id)
    sources[policy.document] = { name, policy.kind == "inline" and kind or "IAM Policy" }
  end
  for _, more in ipairs(parsed(params.PolicyInputList, "inline")) do identity[#identity + 1] = more end
  local bounds = params.PermissionsBoundaryPolicyInputList
  local context = context_of(params.ContextEntries)
  context["aws:PrincipalArn"] = context["aws:PrincipalArn"] or params.PolicySourceArn
  return results(params, {
    identity = identity, boundary = bounds and bounds[1] and parsed(bounds, "managed") or boundary,
  }, sources, context, { arn = params.PolicySourceArn, account = call.account })
end

function operations.GetContextKeysForCustomPolicy(_, params)
  return { ContextKeyNames = json.array(evaluate.context_keys(parsed(params.PolicyInputList, "inline"))) }
end

function operations.GetContextKeysForPrincipalPolicy(call, params)
  local documents = parsed(params.PolicyInputList, "inline")
  for _, policy in ipairs(principals.entity_policies(call, (entity_of(call, params.PolicySourceArn)))) do
    documents[#documents + 1] = policy.document
  end
  return { ContextKeyNames = json.array(evaluate.context_keys(documents)) }
end

return M
