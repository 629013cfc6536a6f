--- The built-in parameters of endpoint rules that only some services have: STS, S3, those whose hosts
--- name the account.
local M = {}

-- Without a choice of the user's an endpoint of his own has the bucket in the path, as the AWS CLI
-- has it: few of them answer to a host for each bucket.
local function forces_path(read, custom)
  local style, accelerate = read "s3_addressing_style", read "s3_use_accelerate_endpoint"
  if accelerate then return false end
  if custom then return style ~= "virtual" end
  return style == "path"
end

-- By built-in: its value, from settings and what else is known.
local values_of = {
  ["AWS::STS::UseGlobalEndpoint"] = function(read) return read "sts_regional_endpoints" == "legacy" end,
  ["AWS::Auth::AccountIdEndpointMode"] = function(read) return read "account_id_endpoint_mode" end,
  ["AWS::S3::Accelerate"] = function(read, known)
    return not known.url and read "s3_use_accelerate_endpoint"
  end,
  ["AWS::S3::ForcePathStyle"] = function(read, known) return forces_path(read, known.url ~= nil) end,
  ["AWS::S3::UseGlobalEndpoint"] = function(read, known)
    return known.region == "us-east-1" and read "s3_us_east_1_regional_endpoint" == "legacy"
  end,
  ["AWS::S3::UseArnRegion"] = function(read) return read "s3_use_arn_region" end,
  ["AWS::S3Control::UseArnRegion"] = function(read) return read "s3_use_arn_region" end,
  ["AWS::S3::DisableMultiRegionAccessPoints"] = function(read)
    return read "s3_disable_multiregion_access_points"
  end,
}

--- @param built_in string "AWS::S3::Accelerate"
--- @param read fun(setting: string): any
--- @param known { region: string, url: string|nil } of the client; url is an endpoint of the user's own
--- @return any value nil: the rules' default
function M.value(built_in, read, known)
  local value_of = values_of[built_in]
  return value_of and value_of(read, known)
end

return M
