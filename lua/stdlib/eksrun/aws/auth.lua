--- How a call is signed, and by whom: the scheme that its endpoint or its model asks for, the
--- credentials, the signature.
local error = error
local credentials_module = require "eksrun.aws.credentials"
local clock_skew = require "eksrun.aws.clock_skew"

local M = {}

--- @class eksrun.aws.AuthScheme
--- @field name "none"|"sigv4"|"sigv4a"|"bearer"
--- @field signing_name? string
--- @field signing_region? string
--- @field signing_region_set? string of "sigv4a", comma-separated
--- @field disable_double_encoding? boolean

local none = { name = "none" }
local bearer = { name = "bearer" }

local function takes_bearer(metadata)
  if metadata.signatureVersion == "bearer" then return true end
  for _, name in ipairs(metadata.auth or {}) do
    if name == "smithy.api#httpBearerAuth" then return true end
  end
  return false
end

local function uses_bearer(state)
  if state.bearer == nil then
    state.bearer = takes_bearer(state.metadata) and require("eksrun.aws.bearer").is_used(state)
  end
  return state.bearer
end

--- @param call eksrun.aws.Call with its endpoint
--- @return eksrun.aws.AuthScheme|nil, table|nil error object
function M.scheme(call)
  if call.operation:is_unsigned() then return none end
  local state, endpoint = call.client, call.endpoint
  if uses_bearer(state) then return bearer end
  local metadata = state.metadata
  endpoint.scheme = endpoint.scheme or {
    name = "sigv4",
    signing_name = metadata.signingName or metadata.endpointPrefix,
    signing_region = endpoint.region,
    disable_double_encoding = metadata.signatureVersion == "s3" or metadata.signatureVersion == "s3v4",
  }
  return endpoint.scheme
end

--- Who finds the credentials of a client.
--- @param state table of the client
--- @return eksrun.aws.Resolver
function M.resolver(state)
  local options = state.options
  if not options.credentials then return credentials_module.shared(options, state.system) end
  -- A role assumed with credentials of the caller's is nobody else's.
  state.resolver = state.resolver or credentials_module.resolver(options, state.system)
  return state.resolver
end

local function usable(found)
  if found.expired then return nil, found.expired end
  return found
end

--- The credentials that sign a call; nil without an error: it goes unsigned.
--- @param call eksrun.aws.Call with its scheme, if that is known
--- @return eksrun.aws.Credentials|nil, table|nil error object
function M.identity(call)
  if call.scheme and call.scheme.name == "none" then return nil end
  local state = call.client
  if call.scheme and call.scheme.name == "bearer" then return require("eksrun.aws.bearer").token(state) end
  local given = state.options.credentials
  if not given or state.options.role_arn then
    local found, err = M.resolver(state):get()
    if not found then return nil, err end
    return usable(found)
  end
  state.fixed = state.fixed or (getmetatable(given) == false and given or credentials_module.new(given))
  return usable(state.fixed)
end

-- When a signature is dated: back, where AWS is to refuse it from some time on.
local function time_of(call)
  local permit = call.permit
  if permit and permit.not_after then return require("eksrun.aws.signature_age").of(call) end
  return clock_skew.now(call)
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
    time = time_of(call),
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

--- Signs a request by its headers.
--- @param call eksrun.aws.Call prepared
--- @param out table method, path, query, headers (lower-case names), body; headers are added
--- @return boolean|nil, table|nil error object
function M.sign(call, out)
  if call.scheme.name == "none" then return true end
  if call.scheme.name == "bearer" then return require("eksrun.aws.bearer").add(call, out) end
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

return M
