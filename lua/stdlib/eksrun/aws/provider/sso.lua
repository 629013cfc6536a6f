--- Credentials of a role of IAM Identity Center, by the token of a sign-in (eksrun.aws.sso).
local ask = require "eksrun.aws.provider.ask"
local cache = require "eksrun.aws.cache"
local config = require "eksrun.aws.config"
local errors = require "eksrun.aws.errors"
local sso = require "eksrun.aws.sso"

local M = {}

-- A failure of ours, with what led to it.
local function failed(message, cause)
  return nil, errors.new { code = "credentials", message = message, cause = cause }
end

-- What the portal answers to a token; nil and the error object if that is none.
local function ask_portal(ctx, base, token, source)
  local wanted, options = base.sso, ctx:client_options()
  options.region = wanted.region
  local answer, err = ask(require("eksrun.aws.client").new("sso", options), "GetRoleCredentials", {
    accountId = wanted.account_id,
    roleName = wanted.role_name,
    accessToken = token.token,
  })
  if not answer then
    if err.code == "UnauthorizedException" then return nil, sso.expired(wanted, base.profile, err) end
    return failed(("no credentials of %s"):format(source), err)
  end
  local given = answer.roleCredentials
  if type(given) ~= "table" or not given.accessKeyId or not given.secretAccessKey then
    return failed(("sso gave no credentials of %s"):format(source))
  end
  return given
end

--- The credentials of the cache while they last, or new ones.
--- @param ctx eksrun.aws.Context
--- @param base eksrun.aws.Base
--- @return table|nil credentials
--- @return table|nil error object
function M.load(ctx, base)
  local wanted = base.sso
  local source = ("SSO role %s in %s (profile '%s')"):format(wanted.role_name, wanted.account_id,
    base.profile)
  local url, err = config.endpoint("SSO", ctx.options, ctx.system)
  if err then return nil, err end
  local path = not url and cache.sso_role_path(ctx.system, wanted) or nil
  local found = cache.read_credentials(ctx.system, path)
  if found then
    found.source = source
    return found
  end
  local token, given
  token, err = sso.token(ctx, wanted, base.profile)
  if not token then return nil, err end
  given, err = ask_portal(ctx, base, token, source)
  if not given then return nil, err end
  found = {
    access_key_id = given.accessKeyId,
    secret_access_key = given.secretAccessKey,
    session_token = given.sessionToken,
    expiration = given.expiration and given.expiration // 1000, -- milliseconds
    account_id = wanted.account_id,
    source = source,
  }
  cache.write_credentials(ctx.system, path, found, { ProviderType = "sso" })
  return found
end

return M
