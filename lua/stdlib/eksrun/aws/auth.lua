--- How a call is signed, and by whom: the scheme that its endpoint or its model asks for, the
--- credentials, the signature.
local credentials_module = require "eksrun.aws.credentials"
local clock_skew = require "eksrun.aws.clock_skew"
local errors = require "eksrun.aws.errors"

local M = {}

--- @class eksrun.aws.AuthScheme
--- @field name "none"|"sigv4"|"sigv4a"
--- @field signing_name? string
--- @field signing_region? string
--- @field signing_region_set? string of "sigv4a", comma-separated
--- @field disable_double_encoding? boolean

local none = { name = "none" }

--- @param call eksrun.aws.Call with its endpoint
--- @return eksrun.aws.AuthScheme|nil, table|nil error object
function M.scheme(call)
  if call.operation:is_unsigned() then return none end
  local state, endpoint = call.client, call.endpoint
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

--- The credentials that sign a call; nil without an error: it goes unsigned.
--- @param call eksrun.aws.Call with its scheme, if that is known
--- @return eksrun.aws.Credentials|nil, table|nil error object
function M.identity(call)
  if call.scheme and call.scheme.name == "none" then return nil end
  local state = call.client
  local given = state.options.credentials
  if not given or state.options.role_arn then return resolver_of(state):get() end
  state.fixed = state.fixed or (getmetatable(given) == false and given or credentials_module.new(given))
  return state.fixed
end

--- Signs a request by its headers.
--- @param call eksrun.aws.Call prepared
--- @param out table method, path, query, headers (lower-case names), body; headers are added
function M.sign(call, out)
  local scheme = call.scheme
  if scheme.name == "none" then return end
  local plain = scheme.disable_double_encoding == true
  -- x-amz-content-sha256 is always signed: AWS takes it everywhere, and a verifier that does not
  -- see the body needs it.
  local added = require("eksrun.sigv4").sign {
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
    sign_body_header = true,
  }
  for name, value in pairs(added) do out.headers[name] = value end
end

--- Whether there are other credentials, after a service called these expired.
--- @param call eksrun.aws.Call
--- @param err table error object
--- @return boolean
function M.renew(call, err)
  local held, state = call.credentials, call.client
  if not held or not errors.is_expired(err) or held == state.fixed then return false end
  local resolver = resolver_of(state)
  resolver:drop(held)
  local again = resolver:get()
  return again ~= nil and again.access_key_id ~= held.access_key_id
end

return M
