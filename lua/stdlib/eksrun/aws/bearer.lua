--- Bearer tokens, which some services take instead of signatures.
local errors = require "eksrun.aws.errors"

local M = {}

local function variable_of(metadata)
  local name = metadata.signingName or metadata.endpointPrefix
  return "AWS_BEARER_TOKEN_" .. name:upper():gsub("[^%w]", "_")
end

--- Whether the calls of a client, whose service takes tokens, carry one: where nothing else will do, or
--- where there is one for this service.
--- @param state table of the client
--- @return boolean
function M.is_used(state)
  local metadata, only = state.metadata, true
  if metadata.signatureVersion == "bearer" then return true end
  for _, name in ipairs(metadata.auth) do only = only and name == "smithy.api#httpBearerAuth" end
  return only or state.options.bearer_token ~= nil or state.system.env(variable_of(metadata)) ~= nil
end

--- A token of the caller's, of the environment, of the profile's SSO session.
--- @param state table of the client
--- @return { token: string, source: string }|nil, table|nil error object
function M.token(state)
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

--- Adds a call's token to its request. It is as good as a password: it goes out encrypted, or not at all.
--- @param call eksrun.aws.Call prepared
--- @param out table base, headers
--- @return boolean|nil, table|nil error object
function M.add(call, out)
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

return M
