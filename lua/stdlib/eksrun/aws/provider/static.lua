--- Keys that stand in a profile, in the shared credentials or config file.
local errors = require "eksrun.aws.errors"

local M = {}

local function text_of(profile, key)
  local value = profile[key]
  return type(value) == "string" and value ~= "" and value or nil
end

--- @param ctx eksrun.aws.Context
--- @param base eksrun.aws.Base
--- @return table|nil credentials
--- @return table|nil error object
function M.load(ctx, base)
  local files, err = ctx:files()
  if not files then return nil, err end
  local profile = files.profiles[base.profile]
  local id, secret = text_of(profile, "aws_access_key_id"), text_of(profile, "aws_secret_access_key")
  if not id or not secret then
    return nil, errors.new {
      code = "credentials",
      message = ("profile '%s' has only one of aws_access_key_id and aws_secret_access_key")
        :format(base.profile),
    }
  end
  return {
    access_key_id = id,
    secret_access_key = secret,
    session_token = text_of(profile, "aws_session_token") or text_of(profile, "aws_security_token"),
    account_id = text_of(profile, "aws_account_id"),
    source = ("profile '%s'"):format(base.profile),
  }
end

return M
