--- Whether policies allow a request: IAM's logic, without IAM's things. An explicit deny wins; a boundary and
--- a session's policies have to allow what the identity's policies do.
local cidr = require "eksrun.cidr"
local clock = require "eksrun.clock"
local matches = require("eksrun.sandbox.glob").matches
local util = require "eksrun.util"

local M = {}

--- What somebody asks for.
--- @class eksrun.sandbox.iam.Request
--- @field action string "eks:CreateCluster"
--- @field resource string an ARN, or "*"
--- @field context? table<string, string|string[]> condition keys and their values; names in any case
--- @field principal? eksrun.sandbox.iam.Caller who asks, for documents that name principals

--- @class eksrun.sandbox.iam.Caller
--- @field arn? string of the session, user or role
--- @field role? string ARN of a session's role
--- @field account? string
--- @field service? string "eks.amazonaws.com"
--- @field federated? string ARN of an issuer

--- Policies that count together; each document is parsed.
--- @class eksrun.sandbox.iam.Policies
--- @field identity table[] documents of who asks
--- @field boundary? table[] documents that bound them
--- @field session? table[] documents of the session
--- @field resource? table[] documents of the resource, which name principals

--- A list, of which a document may have just one.
--- @param value any
--- @return any[]
function M.list(value)
  if value == nil then return {} end
  if type(value) == "table" and (value[1] ~= nil or next(value) == nil) then return value end
  return { value }
end

-- Six parts each, of which each matches.
local function arn_matches(pattern, arn)
  for _ = 1, 5 do
    local part, rest = pattern:match "^([^:]*):(.*)$"
    local have, more = arn:match "^([^:]*):(.*)$"
    if not part or not have or not matches(part, have) then return false end
    pattern, arn = rest, more
  end
  return matches(pattern, arn)
end

local function number(compare)
  return function(wanted, have)
    local a, b = tonumber(have), tonumber(wanted)
    return a ~= nil and b ~= nil and compare(a, b)
  end
end

local function seconds(value) return tonumber(value) or clock.try_parse(value) end

local function date(compare)
  return function(wanted, have)
    local ok, a, b = pcall(function() return seconds(have), seconds(wanted) end)
    return ok and a ~= nil and b ~= nil and compare(a, b)
  end
end

local function same(a, b) return a == b end
local function less(a, b) return a < b end
local function at_most(a, b) return a <= b end
local function more(a, b) return a > b end
local function at_least(a, b) return a >= b end

local function in_range(wanted, have)
  if not have:find "/" then have = have .. (have:find ":" and "/128" or "/32") end
  if not wanted:find "/" then wanted = wanted .. (wanted:find ":" and "/128" or "/32") end
  local ok, inside = pcall(cidr.contains, wanted, have)
  return ok and inside
end

-- By operator: whether one value of the context is what one value of the policy wants. `Not` of a name turns
-- it round.
local operators = {
  StringEquals = same, StringLike = matches,
  StringEqualsIgnoreCase = function(wanted, have) return wanted:lower() == have:lower() end,
  NumericEquals = number(same), NumericLessThan = number(less), NumericLessThanEquals = number(at_most),
  NumericGreaterThan = number(more), NumericGreaterThanEquals = number(at_least),
  DateEquals = date(same), DateLessThan = date(less), DateLessThanEquals = date(at_most),
  DateGreaterThan = date(more), DateGreaterThanEquals = date(at_least),
  Bool = function(wanted, have) return wanted:lower() == have:lower() end,
  BinaryEquals = same, IpAddress = in_range, ArnEquals = arn_matches, ArnLike = arn_matches,
}

local TURNED = {
  StringNotEquals = "StringEquals", StringNotLike = "StringLike",
  StringNotEqualsIgnoreCase = "StringEqualsIgnoreCase", NumericNotEquals = "NumericEquals",
  DateNotEquals = "DateEquals", NotIpAddress = "IpAddress", ArnNotEquals = "ArnEquals",
  ArnNotLike = "ArnLike",
}

--- The parts of a condition's operator, nil if there is no such.
--- @param name string "ForAllValues:StringLikeIfExists"
--- @return { test?: function, turned: boolean, quantifier?: string, if_exists: boolean, null: boolean }?
function M.operator(name)
  local quantifier, bare = name:match "^(ForA[%a]+):(.+)$"
  if quantifier and quantifier ~= "ForAllValues" and quantifier ~= "ForAnyValue" then return nil end
  bare = bare or name
  if bare == "Null" and not quantifier then
    return { null = true, turned = false, if_exists = false }
  end
  local core = bare:match "^(.+)IfExists$" or bare
  local test = operators[TURNED[core] or core]
  if not test then return nil end
  return { test = test, turned = TURNED[core] ~= nil, quantifier = quantifier, if_exists = core ~= bare,
    null = false }
end

local function lowered(context)
  local out = {}
  for name, value in pairs(context or {}) do out[name:lower()] = value end
  return out
end

-- A value of a policy with its variables: nil if one has no value.
local function resolved(value, context)
  value = type(value) == "string" and value or tostring(value)
  if not value:find("${", 1, true) then return value end
  local known = true
  value = value:gsub("%${([^}]*)}", function(name)
    if name == "*" or name == "?" or name == "$" then return name end
    local key, default = name:match "^([^,]+),%s*'(.*)'$"
    local found = M.list(context[(key or name):lower()])[1] or default
    if found == nil then known = false end
    return found and tostring(found) or ""
  end)
  return known and value or nil
end

local function holds(name, key, wanted, context)
  local operator = M.operator(name)
  local have = context[key:lower()]
  if not operator then return false end
  if operator.null then
    local absent = have == nil
    for _, value in ipairs(M.list(wanted)) do
      if (tostring(value):lower() == "true") == absent then return true end
    end
    return false
  end
  if have == nil then
    return operator.if_exists or operator.quantifier == "ForAllValues"
      or operator.turned and not operator.quantifier
  end
  local function passes(value)
    for _, one in ipairs(M.list(wanted)) do
      local against = resolved(one, context)
      if against and operator.test(against, tostring(value)) then return not operator.turned end
    end
    return operator.turned
  end
  local all = operator.quantifier == "ForAllValues" or not operator.quantifier and operator.turned
  for _, value in ipairs(M.list(have)) do
    if passes(value) ~= all then return not all end
  end
  return all
end

local function conditions_hold(statement, context)
  for name, keys in pairs(statement.Condition or {}) do
    for key, wanted in pairs(keys) do
      if not holds(name, key, wanted, context) then return false end
    end
  end
  return true
end

local function any(patterns, test)
  for _, pattern in ipairs(M.list(patterns)) do
    if test(pattern) then return true end
  end
  return false
end

local function names_action(statement, action)
  action = action:lower()
  local function test(pattern) return matches(tostring(pattern):lower(), action) end
  if statement.NotAction ~= nil then return not any(statement.NotAction, test) end
  return any(statement.Action, test)
end

local function names_resource(statement, resource, context)
  local function test(pattern)
    local value = resolved(pattern, context)
    return value ~= nil and matches(value, resource)
  end
  if statement.NotResource ~= nil then return not any(statement.NotResource, test) end
  -- A document that says who may assume a role has no resource.
  return statement.Resource == nil or any(statement.Resource, test)
end

local function is_principal(kind, value, caller)
  if value == "*" then return kind ~= "Service" and kind ~= "Federated" end
  if kind == "Service" then return value == caller.service end
  if kind == "Federated" then return value == caller.federated end
  if kind ~= "AWS" or caller.service or caller.federated then return false end
  return value == caller.arn or value == caller.role or value == caller.account
    or value:match "^arn:[^:]*:iam::(%d+):root$" == caller.account
end

local function any_principal(principal, caller)
  if type(principal) ~= "table" then return is_principal("AWS", principal, caller) end
  for kind, values in pairs(principal) do
    if any(values, function(value) return is_principal(kind, value, caller) end) then return true end
  end
  return false
end

local function names_principal(statement, caller)
  if statement.NotPrincipal ~= nil then return not any_principal(statement.NotPrincipal, caller) end
  return any_principal(statement.Principal, caller)
end

--- Whether a statement speaks of a request.
--- @param statement table
--- @param request eksrun.sandbox.iam.Request
--- @param context table by names in lower case
--- @return boolean
local function applies(statement, request, context)
  if statement.Principal ~= nil or statement.NotPrincipal ~= nil then
    if not names_principal(statement, request.principal or {}) then return false end
  end
  return names_action(statement, request.action) and names_resource(statement, request.resource, context)
    and conditions_hold(statement, context)
end

-- What a group of documents says: "explicitDeny", "allowed" or "implicitDeny", and the statements that do.
local function verdict(documents, request, context, matched)
  local allowed = false
  for place, document in ipairs(documents) do
    for _, statement in ipairs(M.list(document.Statement)) do
      if applies(statement, request, context) then
        matched[#matched + 1] = { document = document, place = place, statement = statement }
        if statement.Effect == "Deny" then return "explicitDeny" end
        allowed = true
      end
    end
  end
  return allowed and "allowed" or "implicitDeny"
end

--- @alias eksrun.sandbox.iam.Decision "allowed"|"explicitDeny"|"implicitDeny"

--- Decides.
--- @param policies eksrun.sandbox.iam.Policies
--- @param request eksrun.sandbox.iam.Request
--- @return eksrun.sandbox.iam.Decision
--- @return table[] matched the statements that spoke: document, place in its group, statement
--- @return string? because "boundary" or "session" that did not allow what the identity's policies do
function M.decide(policies, request)
  local context, matched = lowered(request.context), {}
  local decisions = {}
  for _, group in ipairs { "identity", "resource", "boundary", "session" } do
    decisions[group] = policies[group] and verdict(policies[group], request, context, matched)
    if decisions[group] == "explicitDeny" then return "explicitDeny", matched end
  end
  for _, group in ipairs { "boundary", "session" } do
    if decisions[group] == "implicitDeny" then return "implicitDeny", matched, group end
  end
  local allowed = decisions.identity == "allowed" or decisions.resource == "allowed"
  return allowed and "allowed" or "implicitDeny", matched
end

--- The condition keys that documents ask for, sorted.
--- @param documents table[]
--- @return string[]
function M.context_keys(documents)
  local seen = {}
  for _, document in ipairs(documents) do
    for _, statement in ipairs(M.list(document.Statement)) do
      for _, keys in pairs(statement.Condition or {}) do
        for key in pairs(keys) do seen[key] = true end
      end
      for _, resource in ipairs(M.list(statement.Resource)) do
        for name in tostring(resource):gmatch "%${([%w:/_-]+)" do seen[name] = true end
      end
    end
  end
  return util.sorted_keys(seen)
end

return M
