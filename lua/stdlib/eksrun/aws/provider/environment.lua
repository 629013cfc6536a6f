--- Credentials from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.

local M = {}

M.name = "the environment"

local function wrong(message)
  return nil, require("eksrun.aws.errors").new { code = "credentials", message = message }
end

--- @param ctx eksrun.aws.Context
--- @return table|nil credentials nil without an error: none here
--- @return table|nil error object
function M.load(ctx)
  local env = ctx.system.env
  local id, secret = env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY")
  if not id then return nil end
  if not secret then return wrong "AWS_ACCESS_KEY_ID is set but AWS_SECRET_ACCESS_KEY is not" end
  local expiration = env("AWS_CREDENTIAL_EXPIRATION")
  local seconds = expiration and require("eksrun.clock").try_parse(expiration)
  if expiration and not seconds then return wrong "AWS_CREDENTIAL_EXPIRATION is not a time" end
  return {
    access_key_id = id,
    secret_access_key = secret,
    session_token = env("AWS_SESSION_TOKEN") or env("AWS_SECURITY_TOKEN"),
    account_id = env("AWS_ACCOUNT_ID"),
    expiration = seconds,
    source = M.name,
  }
end

--- @param ctx eksrun.aws.Context
--- @return eksrun.aws.Candidate
function M.look(ctx)
  if ctx.by == "--profile" then return { reason = "--profile names a profile" } end
  if not ctx.system.env("AWS_ACCESS_KEY_ID") then return { reason = "AWS_ACCESS_KEY_ID is not set" } end
  return { detail = "AWS_ACCESS_KEY_ID", at_hand = true, load = M.load }
end

return M
