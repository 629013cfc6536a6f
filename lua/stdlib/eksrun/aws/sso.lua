--- The sign-in to IAM Identity Center (SSO): its token in ~/.aws/sso/cache, shared with the AWS CLI;
--- its refresh; signing in by a code on another device, and out.
local ask = require "eksrun.aws.provider.ask"
local cache = require "eksrun.aws.cache"
local chain = require "eksrun.aws.provider.chain"
local errors = require "eksrun.aws.errors"

local M = {}

-- A token of a session is refreshed that long before it ends.
local REFRESH = 15 * 60

local GRANT = "urn:ietf:params:oauth:grant-type:device_code"

local function parse_time(text)
  return type(text) == "string" and require("eksrun.clock").try_parse(text) or nil
end

local function format_time(seconds) return require("eksrun.clock").format_iso8601(seconds // 1) end

local function title(sso) return sso.session and ("'%s'"):format(sso.session) or sso.start_url end

--- @param system eksrun.aws.System
--- @param sso eksrun.aws.SsoConfig
--- @return string|nil path
function M.path(system, sso)
  return cache.path(system, "sso", cache.hash("sha1", sso.session or sso.start_url))
end

--- The error of a sign-in that has ended or never was.
--- @param sso eksrun.aws.SsoConfig
--- @param profile string
--- @param cause? table error object
--- @return table error object
function M.expired(sso, profile, cause)
  return errors.new {
    code = "credentials",
    message = ("the SSO session %s is not signed in or has ended: run eksrun login --profile %s")
      :format(title(sso), profile),
    cause = cause,
  }
end

local function oidc(ctx, sso)
  local options = ctx:client_options()
  options.region = sso.region
  return require("eksrun.aws.client").new("sso-oidc", options)
end

-- What is kept of an answer of CreateToken.
local function token_of(ctx, sso, answer, client)
  return {
    startUrl = sso.start_url,
    region = sso.region,
    accessToken = answer.accessToken,
    expiresAt = format_time(ctx.system.now() + answer.expiresIn),
    refreshToken = answer.refreshToken or client.refreshToken,
    clientId = client.clientId,
    clientSecret = client.clientSecret,
    registrationExpiresAt = client.registrationExpiresAt,
  }
end

-- A newer token, kept; nil if there is none to be had.
local function refresh(ctx, sso, held)
  if not sso.session then return nil end
  for _, key in ipairs { "refreshToken", "clientId", "clientSecret" } do
    if type(held[key]) ~= "string" then return nil end
  end
  local registered = parse_time(held.registrationExpiresAt)
  if not registered or registered <= ctx.system.now() then return nil end
  local answer = ask(oidc(ctx, sso), "CreateToken", {
    grantType = "refresh_token",
    clientId = held.clientId,
    clientSecret = held.clientSecret,
    refreshToken = held.refreshToken,
  })
  if not answer or type(answer.accessToken) ~= "string" or not answer.expiresIn then return nil end
  local token = token_of(ctx, sso, answer, held)
  cache.write(ctx.system, M.path(ctx.system, sso), token)
  return token
end

--- The token of a sign-in, refreshed if it ends soon; the old one while it lasts if that fails.
--- @param ctx eksrun.aws.Context
--- @param sso eksrun.aws.SsoConfig
--- @param profile string for messages
--- @return { token: string, expiration: number }|nil
--- @return table|nil error object: "credentials"
function M.token(ctx, sso, profile)
  local held, err = cache.read(ctx.system, M.path(ctx.system, sso))
  if err then
    return nil, errors.new {
      code = "credentials",
      message = ("cannot use the SSO session %s: %s"):format(title(sso), tostring(err)),
    }
  end
  local expiration = held and parse_time(held.expiresAt)
  if not held or type(held.accessToken) ~= "string" or not expiration then
    return nil, M.expired(sso, profile)
  end
  if expiration - ctx.system.now() < REFRESH then
    local newer = refresh(ctx, sso, held)
    if newer then held, expiration = newer, parse_time(newer.expiresAt) end
  end
  if expiration <= ctx.system.now() then return nil, M.expired(sso, profile) end
  return { token = held.accessToken, expiration = expiration }
end

--- The token of the profile in use, for services that are signed by bearer tokens.
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return { token: string, expiration: number }|nil nil without an error: the profile has no SSO
--- @return table|nil error object
function M.profile_token(options, system)
  local ctx = require("eksrun.aws.credentials").context(options, system)
  local files, err = ctx:files()
  if not files then return nil, err end
  local sso
  sso, err = chain.sso(files, ctx.name, true)
  if not sso then return nil, err end
  return M.token(ctx, sso, ctx.name)
end

-- ---- signing in

local function register(ctx, sso, client)
  local held = cache.read(ctx.system, M.path(ctx.system, sso))
  local ends = held and parse_time(held.registrationExpiresAt)
  if ends and ends - ctx.system.now() > 3600 and type(held.clientId) == "string"
    and type(held.clientSecret) == "string" then
    return { clientId = held.clientId, clientSecret = held.clientSecret,
      registrationExpiresAt = held.registrationExpiresAt }
  end
  local answer, err = ask(client, "RegisterClient", {
    clientName = ("eksrun-%d"):format(ctx.system.now() // 1),
    clientType = "public",
    scopes = sso.session and sso.scopes or nil,
    grantTypes = sso.session and { GRANT, "refresh_token" } or nil,
  })
  if not answer then return nil, err end
  return {
    clientId = answer.clientId,
    clientSecret = answer.clientSecret,
    registrationExpiresAt = format_time(answer.clientSecretExpiresAt or 0),
  }
end

local function poll(ctx, client, registration, device)
  local interval = device.interval or 5
  local ends = ctx.system.now() + (device.expiresIn or 600)
  while ctx.system.now() < ends do
    ctx.system.sleep(interval)
    local answer, err = ask(client, "CreateToken", {
      grantType = GRANT,
      clientId = registration.clientId,
      clientSecret = registration.clientSecret,
      deviceCode = device.deviceCode,
    })
    if answer then return answer end
    if err.code == "SlowDownException" then
      interval = interval + 5
    elseif err.code ~= "AuthorizationPendingException" then
      return nil, err
    end
  end
  return nil, errors.new { code = "timeout", message = "nobody confirmed the code in time" }
end

--- Signs in: shows where to confirm which code, waits until that was done, keeps the token.
--- @param ctx eksrun.aws.Context
--- @param sso eksrun.aws.SsoConfig
--- @param show fun(device: { url: string, code: string, complete: string|nil, seconds: number })
--- @return number|nil expiration seconds since 1970
--- @return table|nil error object
function M.login(ctx, sso, show)
  local client = oidc(ctx, sso)
  local function failed(err)
    return nil, errors.new {
      code = "credentials",
      message = ("cannot sign in to the SSO session %s"):format(title(sso)),
      cause = err,
    }
  end
  local registration, err = register(ctx, sso, client)
  if not registration then return failed(err) end
  local device
  device, err = ask(client, "StartDeviceAuthorization", {
    clientId = registration.clientId,
    clientSecret = registration.clientSecret,
    startUrl = sso.start_url,
  })
  if not device then return failed(err) end
  show {
    url = device.verificationUri,
    complete = device.verificationUriComplete,
    code = device.userCode,
    seconds = device.expiresIn or 600,
  }
  local answer
  answer, err = poll(ctx, client, registration, device)
  if not answer then return failed(err) end
  local token = token_of(ctx, sso, answer, registration)
  local written
  written, err = cache.write(ctx.system, M.path(ctx.system, sso), token)
  if not written then return failed(err) end
  return parse_time(token.expiresAt)
end

-- The roles of all profiles that sign in so.
local function forget_roles(ctx, sso)
  local files, removed = ctx:files(), false
  for name in pairs(files and files.profiles or {}) do
    local other = chain.sso(files, name)
    if other and other.session == sso.session and other.start_url == sso.start_url then
      local path = cache.sso_role_path(ctx.system, other)
      removed = path ~= nil and ctx.system.remove(path) or removed
    end
  end
  return removed
end

--- Signs out: tells the service, removes the token and what was kept of the roles of its profiles.
--- @param ctx eksrun.aws.Context
--- @param sso eksrun.aws.SsoConfig
--- @return boolean whether anything was there
function M.logout(ctx, sso)
  local path = M.path(ctx.system, sso)
  local held = cache.read(ctx.system, path)
  if held and type(held.accessToken) == "string" then
    local options = ctx:client_options()
    options.region = sso.region
    ask(require("eksrun.aws.client").new("sso", options), "Logout", { accessToken = held.accessToken })
  end
  local was_there = path ~= nil and ctx.system.remove(path)
  return forget_roles(ctx, sso) or was_there
end

return M
