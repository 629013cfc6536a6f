--- Credentials of a role that the caller names: sts:AssumeRole with the credentials found otherwise.
local M = {}

M.name = "an assumed role"

--- @param options eksrun.aws.Options role_arn, role_session_name (eksrun), role_duration (seconds)
--- @param system eksrun.aws.System
--- @return table|nil credentials
--- @return table|nil error object
function M.load(options, system)
  local base = {}
  for key, value in pairs(options) do base[key] = value end
  base.role_arn, base.role_session_name, base.role_duration = nil, nil, nil
  base.system = system
  local sts = require("eksrun.aws.client").new("sts", base)
  local answer, err = sts.try:assume_role {
    RoleArn = options.role_arn,
    RoleSessionName = options.role_session_name or "eksrun",
    DurationSeconds = options.role_duration,
  }
  if not answer then return nil, err end
  local given = answer.Credentials
  return {
    access_key_id = given.AccessKeyId,
    secret_access_key = given.SecretAccessKey,
    session_token = given.SessionToken,
    expiration = given.Expiration,
    source = ("role %s"):format(options.role_arn),
  }
end

return M
