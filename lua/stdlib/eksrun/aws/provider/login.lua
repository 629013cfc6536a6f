--- Credentials of a sign-in by `aws login`: kept in ~/.aws/login/cache, refreshed with the key that
--- the sign-in made. The files are the AWS CLI's and stay so.
local ask = require "eksrun.aws.provider.ask"
local cache = require "eksrun.aws.cache"
local errors = require "eksrun.aws.errors"

local M = {}

-- Refreshed that long before they end, as by the AWS CLI.
local REFRESH = 5 * 60

local needed = { "accessToken", "refreshToken", "clientId", "dpopKey" }

local function credentials_of(held, source)
  local access = held.accessToken
  return {
    access_key_id = access.accessKeyId,
    secret_access_key = access.secretAccessKey,
    session_token = access.sessionToken,
    account_id = access.accountId,
    expiration = require("eksrun.clock").try_parse(access.expiresAt),
    source = source,
  }
end

-- What of a file is missing; nil: nothing.
local function lacks(held)
  for _, key in ipairs(needed) do
    if held[key] == nil then return key end
  end
  if type(held.accessToken) ~= "table" then return "accessToken" end
  for _, key in ipairs { "accessKeyId", "secretAccessKey", "sessionToken", "expiresAt" } do
    if type(held.accessToken[key]) ~= "string" then return "accessToken." .. key end
  end
  for _, key in ipairs { "refreshToken", "clientId", "dpopKey" } do
    if type(held[key]) ~= "string" then return key end
  end
  if not require("eksrun.clock").try_parse(held.accessToken.expiresAt) then return "accessToken.expiresAt" end
end

-- Newer contents of the file, or nil and an error object.
local function refresh(ctx, held)
  local client = require("eksrun.aws.client").new("signin", ctx:client_options())
  local ok, answer, err = pcall(ask, client, "CreateOAuth2Token", {
    tokenInput = { clientId = held.clientId, refreshToken = held.refreshToken, grantType = "refresh_token" },
  }, { dpop_key = held.dpopKey })
  -- The key may be none.
  if not ok then answer, err = nil, answer end
  local output = answer and answer.tokenOutput
  local access = output and output.accessToken
  if not access or not access.accessKeyId or not output.expiresIn then
    return nil, err or errors.new { code = "invalid_response", message = "signin gave no credentials" }
  end
  local newer = {}
  for key, value in pairs(held) do newer[key] = value end
  newer.refreshToken = output.refreshToken or held.refreshToken
  newer.idToken = output.idToken or held.idToken
  newer.accessToken = {
    accessKeyId = access.accessKeyId,
    secretAccessKey = access.secretAccessKey,
    sessionToken = access.sessionToken,
    accountId = held.accessToken.accountId,
    expiresAt = require("eksrun.clock").format_iso8601((ctx.system.now() + output.expiresIn) // 1),
  }
  return newer
end

--- @param ctx eksrun.aws.Context
--- @param base eksrun.aws.Base
--- @return table|nil credentials
--- @return table|nil error object
function M.load(ctx, base)
  local session = ctx:files().profiles[base.profile].login_session
  local function wrong(why, cause)
    return nil, errors.new {
      code = "credentials",
      message = ("the login session of profile '%s' %s: run aws login --profile %s"):format(base.profile, why,
        base.profile),
      cause = cause,
    }
  end
  local path = cache.path(ctx.system, "login", cache.hash("sha256", session))
  local held, err = cache.read(ctx.system, path)
  if err then return wrong("cannot be used", err) end
  if not held then return wrong "is not signed in" end
  local missing = lacks(held)
  if missing then return wrong("has no " .. missing) end
  local source = ("login session of profile '%s'"):format(base.profile)
  local found = credentials_of(held, source)
  local left = found.expiration - ctx.system.now()
  if left > REFRESH then return found end
  local newer
  newer, err = refresh(ctx, held)
  if not newer then
    if left > 0 then return found end
    return wrong("has ended and cannot be renewed", err)
  end
  cache.write(ctx.system, path, newer)
  return credentials_of(newer, source)
end

return M
