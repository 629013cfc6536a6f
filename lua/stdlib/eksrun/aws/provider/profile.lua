--- The keys of the profile in use, or what the profile names instead: a web identity, SSO, a login
--- session, a process, the environment, a container or an instance. A profile with a role is
--- assume_role's.
local chain = require "eksrun.aws.provider.chain"
local errors = require "eksrun.aws.errors"

local M = {}

local named_sources = {
  Environment = "environment", Ec2InstanceMetadata = "imds", EcsContainer = "container",
}

--- The credentials of a base of a chain.
--- @param ctx eksrun.aws.Context
--- @param base eksrun.aws.Base
--- @return table|nil, table|nil error object
function M.load_base(ctx, base)
  if base.kind ~= "source" then return require("eksrun.aws.provider." .. base.kind).load(ctx, base) end
  local found, err, reason = require("eksrun.aws.provider." .. named_sources[base.source]).load(ctx)
  if found or err then return found, err end
  return nil, errors.new {
    code = "credentials",
    message = ("credential_source %s of profile '%s' has no credentials%s"):format(base.source,
      base.profile, reason and ": " .. reason or ""),
  }
end

local base_details = {
  web_identity = "web_identity_token_file of profile '%s'",
  sso = "SSO of profile '%s'",
  login = "login_session of profile '%s'",
  static = "keys of profile '%s'",
  process = "credential_process of profile '%s'",
  source = "credential_source of profile '%s'",
}

--- @param ctx eksrun.aws.Context
--- @return eksrun.aws.Candidate
function M.look(ctx)
  local profile, err = ctx:profile()
  if not profile then return { err = err } end
  if chain.assumes_role(profile) then return { reason = "its role counts" } end
  local files = ctx:files()
  local base
  base, err = chain.base(files, ctx.name)
  if err then return { err = err } end
  if not base then
    return { reason = ("profile '%s' has no credentials in %s"):format(ctx.name, files.looked) }
  end
  return {
    detail = base_details[base.kind]:format(ctx.name),
    at_hand = base.kind == "static",
    load = function() return M.load_base(ctx, base) end,
  }
end

return M
