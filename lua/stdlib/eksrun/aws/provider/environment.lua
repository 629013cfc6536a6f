--- Credentials from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
local errors = require "eksrun.aws.errors"

local M = {}

M.name = "the environment"

--- @param _ eksrun.aws.Options
--- @param system eksrun.aws.System
--- @return table|nil credentials nil without an error: none here
--- @return table|nil error object
function M.load(_, system)
  local id, secret = system.env("AWS_ACCESS_KEY_ID"), system.env("AWS_SECRET_ACCESS_KEY")
  if not id and not secret then return nil end
  if not id or not secret then
    local set, missing = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
    if not id then set, missing = missing, set end
    return nil, errors.new {
      code = "credentials",
      message = ("%s is set but %s is not"):format(set, missing),
    }
  end
  return {
    access_key_id = id,
    secret_access_key = secret,
    session_token = system.env("AWS_SESSION_TOKEN"),
    account_id = system.env("AWS_ACCOUNT_ID"),
  }
end

return M
