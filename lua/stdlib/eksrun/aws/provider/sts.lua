--- The STS client that assumes roles, and what its answers become.
local config = require "eksrun.aws.config"
local errors = require "eksrun.aws.errors"

local M = {}

M.DEFAULT_SESSION = "eksrun"

-- Where to ask when no region is configured: any of the partition that the role is of.
local regions = {
  ["aws"] = "us-east-1",
  ["aws-cn"] = "cn-north-1",
  ["aws-us-gov"] = "us-gov-west-1",
  ["aws-eusc"] = "eusc-de-east-1",
  ["aws-iso"] = "us-iso-east-1",
  ["aws-iso-b"] = "us-isob-east-1",
  ["aws-iso-e"] = "eu-isoe-west-1",
  ["aws-iso-f"] = "us-isof-south-1",
}

--- @param ctx eksrun.aws.Context
--- @param role_arn string
--- @param credentials? eksrun.aws.Credentials for calls that are signed
--- @return eksrun.aws.Client|nil, table|nil error object
function M.client(ctx, role_arn, credentials)
  local region, err = config.get("region", ctx.options, ctx.system)
  if err then return nil, err end
  local options = ctx:client_options()
  options.region = region or regions[role_arn:match("^arn:([^:]+):") or "aws"] or "us-east-1"
  options.credentials = credentials
  return require("eksrun.aws.client").new("sts", options)
end

--- Whether roles assumed here may be kept for, and taken from, other runs: not those of a made-up AWS.
--- @param ctx eksrun.aws.Context
--- @return boolean
function M.is_aws(ctx)
  local url, err = config.endpoint("STS", ctx.options, ctx.system)
  return not url and not err
end

--- The credentials of an answer of AssumeRole or AssumeRoleWithWebIdentity.
--- @param answer table
--- @param role_arn string
--- @return table|nil credentials
--- @return table|nil error object
function M.credentials(answer, role_arn)
  local given = answer.Credentials
  if type(given) ~= "table" or not given.AccessKeyId or not given.SecretAccessKey
    or not given.SessionToken then
    return nil, errors.new {
      code = "credentials",
      message = ("sts gave no credentials for role %s"):format(role_arn),
    }
  end
  local user = answer.AssumedRoleUser
  return {
    access_key_id = given.AccessKeyId,
    secret_access_key = given.SecretAccessKey,
    session_token = given.SessionToken,
    expiration = given.Expiration,
    account_id = user and type(user.Arn) == "string"
      and user.Arn:match("^arn:[^:]*:[^:]*:[^:]*:(%d+):") or nil,
    source = ("role %s"):format(role_arn),
  }
end

-- No answer at all says nothing of credentials.
local unanswered = { network = true, timeout = true, tls = true }

--- The error of a role that could not be assumed.
--- @param role_arn string
--- @param cause table error object
--- @return table error object: "credentials", or "network", "timeout", "tls" as the cause
function M.failed(role_arn, cause)
  return errors.new {
    code = unanswered[cause.code] and cause.code or "credentials",
    message = ("cannot assume role %s"):format(role_arn),
    cause = cause,
    retryable = cause.retryable,
  }
end

return M
