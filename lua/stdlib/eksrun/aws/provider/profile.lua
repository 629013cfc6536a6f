--- Static credentials of the profile in use, from the shared credentials and config files.
local config = require "eksrun.aws.config"
local errors = require "eksrun.aws.errors"

local M = {}

M.name = "the profile"

-- What other kinds of profile carry, so that a profile of one is not called empty.
local other_kinds = {
  role_arn = "assumes a role",
  sso_session = "uses SSO",
  sso_start_url = "uses SSO",
  credential_process = "runs a process",
  web_identity_token_file = "uses a web identity",
}

--- @param options eksrun.aws.Options
--- @param system eksrun.aws.System
--- @return table|nil credentials nil without an error: none here
--- @return table|nil error object
function M.load(options, system)
  local name = config.profile_name(options, system)
  local profile, err = config.profile(options, system)
  if not profile then return nil, err end
  local id, secret = profile.aws_access_key_id, profile.aws_secret_access_key
  if not id and not secret then
    for key, does in pairs(other_kinds) do
      if profile[key] then
        return nil, errors.new {
          code = "credentials",
          message = ("profile '%s' %s (%s), which is not supported yet"):format(name, does, key),
        }
      end
    end
    return nil
  end
  if type(id) ~= "string" or type(secret) ~= "string" then
    return nil, errors.new {
      code = "credentials",
      message = ("profile '%s' has only one of aws_access_key_id and aws_secret_access_key"):format(name),
    }
  end
  return {
    access_key_id = id,
    secret_access_key = secret,
    session_token = profile.aws_session_token,
    account_id = profile.aws_account_id,
    source = ("profile '%s'"):format(name),
  }
end

return M
