--- How a call is signed, and by whom: the scheme that its endpoint or its model asks for, the
--- credentials, the signature.
local error = error
local credentials_module = require "eksrun.aws.credentials"
local clock_skew = require "eksrun.aws.clock_skew"
local errors = require "eksrun.aws.errors"

local M = {}

--- @class eksrun.aws.AuthScheme
--- @field name "none"|"sigv4"|"sigv4a"|"bearer"
--- @field signing_name? string
--- @field signing_region? string
--- @field signing_region_set? string of "sigv4a", comma-separated
--- @field disable_double_encoding? boolean

local none = { name = "none" }
local bearer = { name = "bearer" }

local function variable_of(metadata)
  local name = metadata.signingName or metadata.endpointPrefix
  return "AWS_BEARER_TOKEN_" .. name:upper():gsub("[^%w]", "_")
end

-- Whether a service takes bearer tokens, and whether it takes nothing else.
local function bearer_by_model(metadata)
  if metadata.signatureVersion == "bearer" then return true, true end
  local takes, only = false, true
  for _, name in ipairs(metadata.auth or {}) do
    if name == "smithy.api#httpBearerAuth" then takes = true else only = false end
  end
  return takes, takes and only
end

-- Whether a client's calls carry a bearer token: where nothing else will do, or where there is one
-- for this service.
local function uses_bearer(state)
  if state.bearer == nil then
    local takes, only = bearer_by_model(state.metadata)
    state.bearer = only or takes and (state.options.bearer_token ~= nil
      or state.system.env(variable_of(state.metadata)) ~= nil)
  end
  return state.bearer
end

--- @param call eksrun.aws.Call with its endpoint
--- @return eksrun.aws.AuthScheme|nil, table|nil error object
function M.scheme(call)
  if call.operation:is_unsigned() then return none end
  local state, endpoint = call.client, call.endpoint
  if uses_bearer(state) then return bearer end
  if endpoint.scheme then return endpoint.scheme end
  local metadata = state.metadata
  return {
    name = "sigv4",
    signing_name = metadata.signingName or metadata.endpointPrefix,
    signing_region = endpoint.region,
    disable_double_encoding = metadata.signatureVersion == "s3" or metadata.signatureVersion == "s3v4",
  }
end

local function resolver_of(state)
  local options = state.options
  if not options.credentials then return credentials_module.shared(options, state.system) end
  -- A role assumed with credentials of the caller's is nobody else's.
  state.resolver = state.resolver or credentials_module.resolver(options, state.system)
  return state.resolver
end

-- A token of the caller's, of the environment, of the profile's SSO session.
local function bearer_token(state)
  local options, source = state.options, "the caller"
  local token = options.bearer_token
  if type(token) == "function" then token = token() end
  if token == nil then
    source = variable_of(state.metadata)
    token = state.system.env(source)
  end
  if token == nil then
    local found, err = require("eksrun.aws.sso").profile_token(options, state.system)
    if err then return nil, err end
    token, source = found and found.token, "the SSO session"
  end
  if type(token) == "string" and token:find("^[%w%-._~+/]+=*$") then
    return { token = token, source = source }
  end
  return nil, errors.new {
    code = "credentials",
    message = token and ("the bearer token from %s is not one"):format(source)
      or ("%s wants a bearer token: set %s, or use a profile with an SSO session"):format(state.name,
        variable_of(state.metadata)),
  }
end

--- The credentials that sign a call; nil without an error: it goes unsigned.
--- @param call eksrun.aws.Call with its scheme, if that is known
--- @return eksrun.aws.Credentials|nil, table|nil error object
function M.identity(call)
  if call.scheme and call.scheme.name == "none" then return nil end
  local state = call.client
  if call.scheme and call.scheme.name == "bearer" then return bearer_token(state) end
  local given = state.options.credentials
  if not given or state.options.role_arn then return resolver_of(state):get() end
  state.fixed = state.fixed or (getmetatable(given) == false and given or credentials_module.new(given))
  return state.fixed
end

-- What signing by header and by query have in common.
local function parts(call, out)
  local scheme = call.scheme
  local plain = scheme.disable_double_encoding == true
  return {
    algorithm = scheme.name == "sigv4a" and "sigv4a" or nil,
    method = out.method,
    path = out.path,
    query = out.query,
    headers = out.headers,
    body = not call.payload_hash and (out.body or "") or nil,
    payload_hash = call.payload_hash,
    credentials = call.credentials,
    region = scheme.signing_region,
    region_set = scheme.signing_region_set,
    service = scheme.signing_name,
    time = clock_skew.now(call),
    normalize_path = not plain,
    double_encode = not plain,
  }
end

-- The results of a function of sigv4, or nil and the error object that it raised.
local function try(f, request)
  local ok, result = pcall(f, request)
  if ok then return result end
  if type(result) ~= "table" then error(result, 0) end
  return nil, result
end

-- A token is as good as a password: it goes out encrypted, or not at all.
local function add_bearer(call, out)
  local host = call.endpoint.host
  if not out.base:find("^https:") and not host:find("^127%.") and not host:find("^localhost%f[:\0]")
    and not host:find("^%[::1%]") then
    return nil, errors.new {
      code = "config",
      message = ("a bearer token is not sent unencrypted to %s: use https"):format(host),
    }
  end
  out.headers.authorization = "Bearer " .. call.credentials.token
  return true
end

--- Signs a request by its headers.
--- @param call eksrun.aws.Call prepared
--- @param out table method, path, query, headers (lower-case names), body; headers are added
--- @return boolean|nil, table|nil error object
function M.sign(call, out)
  if call.scheme.name == "none" then return true end
  if call.scheme.name == "bearer" then return add_bearer(call, out) end
  local request = parts(call, out)
  -- x-amz-content-sha256 is always signed: AWS takes it everywhere, and a verifier that does not
  -- see the body needs it.
  request.sign_body_header = true
  local added, err = try(require("eksrun.sigv4").sign, request)
  if not added then return nil, err end
  for name, value in pairs(added) do out.headers[name] = value end
  return true
end

--- Signs a request by its query.
--- @param call eksrun.aws.Call prepared
--- @param out table method, path, query, headers (lower-case names), body
--- @param expires integer seconds that it is valid
--- @return string|nil query, table|nil error object
function M.presign(call, out, expires)
  local request = parts(call, out)
  request.expires = expires
  return try(require("eksrun.sigv4").presign, request)
end

--- Whether there are other credentials, after a service called these expired.
--- @param call eksrun.aws.Call
--- @param err table error object
--- @return boolean
function M.renew(call, err)
  local held, state = call.credentials, call.client
  if not held or not errors.is_expired(err) or held == state.fixed or held.token then return false end
  local resolver = resolver_of(state)
  resolver:drop(held)
  local again = resolver:get()
  return again ~= nil and again.access_key_id ~= held.access_key_id
end

return M
