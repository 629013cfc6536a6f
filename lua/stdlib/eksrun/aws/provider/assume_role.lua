--- Credentials of roles: of a profile's chain (role_arn with source_profile or credential_source),
--- or one that the caller names.
local ask = require "eksrun.aws.provider.ask"
local chain = require "eksrun.aws.provider.chain"
local cache = require "eksrun.aws.cache"
local errors = require "eksrun.aws.errors"
local sts = require "eksrun.aws.provider.sts"

local M = {}

-- Kept by the AWS CLI under these; a session name of our own making is no part of it.
local function parameters_of(role)
  return {
    RoleArn = role.role_arn,
    RoleSessionName = role.role_session_name,
    ExternalId = role.external_id,
    SerialNumber = role.mfa_serial,
    DurationSeconds = role.duration_seconds,
  }
end

local function ask_for_code(ctx, role)
  local code = ctx.system.prompt(("MFA code for %s: "):format(role.mfa_serial))
  code = code and code:match("^%s*(%d+)%s*$")
  if code then return code end
  return nil, errors.new {
    code = "credentials",
    message = ("role %s wants an MFA code of %s; there is no terminal to ask on, or it was no number"):format(
      role.role_arn, role.mfa_serial),
  }
end

-- Assumes a role with credentials.
local function assume(ctx, role, credentials)
  local parameters = parameters_of(role)
  parameters.RoleSessionName = parameters.RoleSessionName or sts.DEFAULT_SESSION
  local err
  if role.mfa_serial then
    parameters.TokenCode, err = ask_for_code(ctx, role)
    if err then return nil, err end
  end
  local client, answer
  client, err = sts.client(ctx, role.role_arn, credentials)
  if not client then return nil, err end
  answer, err = ask(client, "AssumeRole", parameters)
  if not answer then return nil, sts.failed(role.role_arn, err) end
  local found
  found, err = sts.credentials(answer, role.role_arn)
  return found, err, answer.AssumedRoleUser
end

-- The credentials of the n-th role of a chain; of the base for 0.
local function climb(ctx, steps, n)
  if n == 0 then return require("eksrun.aws.provider.profile").load_base(ctx, steps.base) end
  local role = steps.roles[n]
  local path = sts.is_aws(ctx) and cache.role_path(ctx.system, parameters_of(role)) or nil
  local found = cache.read_credentials(ctx.system, path)
  local err, user
  if not found then
    local below
    below, err = climb(ctx, steps, n - 1)
    if not below then return nil, err end
    found, err, user = assume(ctx, role, below)
    if not found then return nil, err end
    cache.write_credentials(ctx.system, path, found, { AssumedRoleUser = user })
  end
  found.source = ("role %s of profile '%s'"):format(role.role_arn, role.profile)
  return found
end

--- The credentials of a role that the caller names, with those found otherwise.
--- @param ctx eksrun.aws.Context options: role_arn, role_session_name, role_duration (seconds)
--- @param below table credentials
--- @return table|nil credentials
--- @return table|nil error object
function M.named(ctx, below)
  local options = ctx.options
  local found, err = assume(ctx, {
    role_arn = options.role_arn,
    role_session_name = options.role_session_name,
    duration_seconds = options.role_duration,
  }, below)
  return found, err
end

--- @param ctx eksrun.aws.Context
--- @return eksrun.aws.Candidate
function M.look(ctx)
  local profile, err = ctx:profile()
  if not profile then return { err = err } end
  if not chain.assumes_role(profile) then
    return { reason = ("profile '%s' assumes no role"):format(ctx.name) }
  end
  local steps
  steps, err = chain.of(ctx:files(), ctx.name)
  if not steps then return { err = err } end
  return {
    detail = ("profile '%s' assumes %s"):format(ctx.name, profile.role_arn),
    load = function() return climb(ctx, steps, #steps.roles) end,
  }
end

return M
