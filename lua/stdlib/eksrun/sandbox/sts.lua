--- STS: who somebody is, and keys for a while. What it gives out stands with the keys of users
--- (iam/principals.lua), so that whoever signs with it is known.
local document = require "eksrun.sandbox.iam.document"
local evaluate = require "eksrun.sandbox.iam.evaluate"
local fault = require "eksrun.sandbox.fault"
local iam = require "eksrun.sandbox.iam.support"
local json = require "eksrun.json"
local principals = require "eksrun.sandbox.iam.principals"
local text = require "eksrun.text"
local users = require "eksrun.sandbox.iam.user"

local M = { operations = {} }
local operations = M.operations

local HOUR = 3600

--- Gives out keys for a while.
--- @param call eksrun.sandbox.Call
--- @param seconds integer
--- @param fields table of eksrun.sandbox.iam.Key
--- @return table Credentials
function M.credentials(call, seconds, fields)
  fields.session_token = text.base64(text.unhex(call:hash("token", fields.session_name):rep(3)))
  fields.expires = call:time() + seconds
  local key = users.make_key(call, "ASIA", fields)
  return {
    AccessKeyId = key.access_key_id, SecretAccessKey = key.secret_access_key,
    SessionToken = key.session_token, Expiration = key.expires,
  }
end

function operations.GetCallerIdentity(call)
  local caller = call.principal
  return { Account = caller.account, Arn = caller.arn, UserId = caller.user_id }
end

local function refuse_access(message, ...)
  fault.raise_with("AccessDenied", message:format(...), { status = 403 })
end

local function role_of(call, arn)
  local role = call:get("iam.role", arn:match "[^/]+$")
  return role and role.Arn == arn and role._assumable <= call.now and role or nil
end

-- Whether a role's document lets somebody in.
local function trusts(role, action, caller, context)
  return evaluate.decide({ identity = { json.decode(iam.plain(role.AssumeRolePolicyDocument)) } }, {
    action = action, resource = role.Arn, principal = caller, context = context,
  }) == "allowed"
end

local function check_duration(params, role, chained)
  local seconds = params.DurationSeconds or HOUR
  if seconds > role.MaxSessionDuration then
    fault.raise("ValidationError",
      "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
  elseif chained and seconds > HOUR then
    fault.raise("ValidationError",
      "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
  end
  return seconds
end

-- The documents that hold a session.
local function session_policies(call, params)
  local list = {}
  if params.Policy then
    document.parse(params.Policy, "session")
    list[1] = params.Policy
  end
  for _, policy in ipairs(params.PolicyArns or {}) do
    local found = principals.document(call, policy.arn)
    if not found then
      fault.raise("MalformedPolicyDocument", "The policy %s does not exist.", tostring(policy.arn))
    end
    list[#list + 1] = found
  end
  return list
end

local function tags_context(params)
  local context, keys = {}, {}
  for i, tag in ipairs(params.Tags or {}) do
    context["aws:RequestTag/" .. tag.Key], keys[i] = tag.Value, tag.Key
  end
  if keys[1] then context["aws:TagKeys"] = keys end
  return context
end

local function session(call, params, role, seconds)
  local name = params.RoleSessionName
  local credentials = M.credentials(call, seconds, {
    role = role.RoleName, session_name = name, policies = session_policies(call, params),
  })
  return {
    Credentials = credentials,
    AssumedRoleUser = {
      AssumedRoleId = role.RoleId .. ":" .. name,
      Arn = call:arn("sts", ("assumed-role/%s/%s"):format(role.RoleName, name)),
    },
    SourceIdentity = params.SourceIdentity,
  }
end

function operations.AssumeRole(call, params)
  local role, caller, context = role_of(call, params.RoleArn), call.principal, tags_context(params)
  context["sts:ExternalId"], context["sts:RoleSessionName"] = params.ExternalId, params.RoleSessionName
  context["aws:PrincipalArn"], context["aws:PrincipalAccount"] = caller.role or caller.arn, caller.account
  local allowed = role and trusts(role, "sts:AssumeRole", caller, context)
    and (not params.Tags or not params.Tags[1] or trusts(role, "sts:TagSession", caller, context))
  if not allowed then
    refuse_access("User: %s is not authorized to perform: sts:AssumeRole on resource: %s", caller.arn,
      params.RoleArn)
  end
  return session(call, params, role, check_duration(params, role, caller.role_name ~= nil))
end

--- The claims of a token, without a look at its signature, which nobody here could check.
--- @param token string
--- @return table? claims
function M.claims(token)
  local ok, plain = pcall(text.unbase64url, token:match "^[%w_-]+%.([%w_-]+)%." or "?")
  local claims = ok and json.try_decode(plain)
  return type(claims) == "table" and claims or nil
end

local function is_of(list, wanted)
  for _, value in ipairs(list) do
    for _, one in ipairs(evaluate.list(wanted)) do
      if value == one then return true end
    end
  end
  return false
end

function operations.AssumeRoleWithWebIdentity(call, params)
  local claims = M.claims(params.WebIdentityToken)
  local issuer = claims and tostring(claims.iss):match "^https://(.+)$"
  if not issuer then
    fault.raise("InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error "
      .. "if you sent an Access Token)")
  end
  local arn = call:arn("iam", "oidc-provider/" .. issuer)
  local provider = call:get("iam.oidc_provider", arn)
  if not provider then
    fault.raise("InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://%s",
      issuer)
  elseif not is_of(provider.ClientIDList, claims.aud) then
    fault.raise("InvalidIdentityToken", "Incorrect token audience")
  elseif claims.exp and claims.exp < call.now then
    fault.raise("ExpiredTokenException", "Token expired: current date/time must be before the expiration "
      .. "date/time")
  end
  local role = role_of(call, params.RoleArn)
  local context = { [issuer .. ":sub"] = claims.sub, [issuer .. ":aud"] = claims.aud,
    ["sts:RoleSessionName"] = params.RoleSessionName }
  if not role or not trusts(role, "sts:AssumeRoleWithWebIdentity", { federated = arn }, context) then
    refuse_access "Not authorized to perform sts:AssumeRoleWithWebIdentity"
  end
  local answer = session(call, params, role, check_duration(params, role))
  answer.SubjectFromWebIdentityToken, answer.Provider = claims.sub, arn
  answer.Audience = evaluate.list(claims.aud)[1]
  return answer
end

function operations.GetSessionToken(call, params)
  local caller = call.principal
  if caller.role_name then
    refuse_access "Cannot call GetSessionToken with session credentials"
  end
  return {
    Credentials = M.credentials(call, params.DurationSeconds or 12 * HOUR,
      { user = caller.user, session_name = "session" }),
  }
end

function operations.GetAccessKeyInfo(call) return { Account = call.account } end

function operations.DecodeAuthorizationMessage()
  fault.raise("InvalidAuthorizationMessageException", "Message is invalid")
end

return M
