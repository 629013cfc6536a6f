--- Credentials of a role by a token of an identity provider: AWS_WEB_IDENTITY_TOKEN_FILE (EKS service
--- accounts, CI) or web_identity_token_file of a profile. The file is read anew for each refresh.
local ask = require "eksrun.aws.provider.ask"
local errors = require "eksrun.aws.errors"
local sts = require "eksrun.aws.provider.sts"

local M = {}

local variables = {
  web_identity_token_file = "AWS_WEB_IDENTITY_TOKEN_FILE",
  role_arn = "AWS_ROLE_ARN",
  role_session_name = "AWS_ROLE_SESSION_NAME",
}

local function wrong(message, ...)
  return nil, errors.new { code = "credentials", message = message:format(...) }
end

local function assume(ctx, path, role_arn, session_name)
  local token, err = ctx.system.read_file(path)
  if not token then
    if err then return wrong("cannot read the web identity token %s: %s", path, tostring(err)) end
    return wrong("the web identity token %s does not exist", path)
  end
  token = token:match("^%s*(.-)%s*$")
  if token == "" then return wrong("the web identity token %s is empty", path) end
  local client, answer
  client, err = sts.client(ctx, role_arn)
  if not client then return nil, err end
  answer, err = ask(client, "AssumeRoleWithWebIdentity", {
    RoleArn = role_arn,
    RoleSessionName = session_name or sts.DEFAULT_SESSION,
    WebIdentityToken = token,
  })
  if not answer then return nil, sts.failed(role_arn, err) end
  local found
  found, err = sts.credentials(answer, role_arn)
  if found then found.source = ("web identity %s for role %s"):format(path, role_arn) end
  return found, err
end

--- By the profile alone.
--- @param ctx eksrun.aws.Context
--- @param base eksrun.aws.Base
--- @return table|nil credentials
--- @return table|nil error object
function M.load(ctx, base)
  local profile = ctx:files().profiles[base.profile]
  return assume(ctx, profile.web_identity_token_file, profile.role_arn, profile.role_session_name)
end

--- By the environment, with the profile's keys where a variable is not set.
--- @param ctx eksrun.aws.Context
--- @return eksrun.aws.Candidate
function M.look(ctx)
  if ctx.by == "--profile" then return { reason = "--profile names a profile" } end
  local path = ctx.system.env(variables.web_identity_token_file)
  if not path then return { reason = "AWS_WEB_IDENTITY_TOKEN_FILE is not set" } end
  local function value(key)
    local set = ctx.system.env(variables[key])
    if set then return set end
    local profile, err = ctx:profile()
    return profile and profile[key], err
  end
  local role_arn, err = value "role_arn"
  if err then return { err = err } end
  if not role_arn then
    return { err = select(2, wrong "AWS_WEB_IDENTITY_TOKEN_FILE is set but AWS_ROLE_ARN is not") }
  end
  return {
    detail = ("AWS_WEB_IDENTITY_TOKEN_FILE for %s"):format(role_arn),
    load = function() return assume(ctx, path, role_arn, (value "role_session_name")) end,
  }
end

return M
