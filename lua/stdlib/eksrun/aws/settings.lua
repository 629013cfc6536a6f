--- The settings that the environment and the shared files can hold: a table as text, of which only
--- the lines that somebody asks for become values. Read by eksrun.aws.config.
---
--- The columns: the setting's name; its kind; its default, or `-`; the key of a profile, or `-`
--- ("s3.x" is x in the block below `s3 =`); the variables that set it, the first that is set counts,
--- or `-`. `=` is a key of the setting's name, and AWS_NAME as the only variable. A kind of words is
--- the list of the values allowed (case does not count), `count` a whole number from 1 on, `integer`
--- one from 0 on, `proxy` a URL in which a password may stand.
--- Source: AWS SDKs and Tools Reference Guide; botocore's configprovider.py.
local M = {}

local lines = "\n" .. [[
region                                region    -     =  AWS_REGION AWS_DEFAULT_REGION
output                                json|yaml|yaml-stream|text|table|off  json  =  AWS_DEFAULT_OUTPUT
retry_mode                            standard|adaptive|legacy  standard  =  =
max_attempts                          count     -     =  =
endpoint_url                          url       -     =  =
services                              string    -     =  -
ignore_configured_endpoint_urls       boolean   false =  =
use_fips_endpoint                     boolean   false =  =
use_dualstack_endpoint                boolean   false =  =
sts_regional_endpoints                regional|legacy  regional  =  =
account_id_endpoint_mode              preferred|disabled|required  preferred  =  =
disable_host_prefix_injection         boolean   false =  =
auth_scheme_preference                string    -     =  =
sigv4a_signing_region_set             string    -     =  =
request_checksum_calculation          when_supported|when_required  when_supported  =  =
response_checksum_validation          when_supported|when_required  when_supported  =  =
disable_request_compression           boolean   false =  =
request_min_compression_size_bytes    integer   10240 =  =
s3_addressing_style                   auto|virtual|path  auto  s3.addressing_style  -
s3_payload_signing_enabled            boolean   -     s3.payload_signing_enabled  -
s3_use_accelerate_endpoint            boolean   false s3.use_accelerate_endpoint  -
s3_use_arn_region                     boolean   true  =  =
s3_us_east_1_regional_endpoint        regional|legacy  regional  =  =
s3_disable_multiregion_access_points  boolean   false =  =
ca_bundle                             string    -     =  =
https_proxy                           proxy     -     -  HTTPS_PROXY https_proxy
http_proxy                            proxy     -     -  HTTP_PROXY http_proxy
all_proxy                             proxy     -     -  ALL_PROXY all_proxy
no_proxy                              string    -     -  NO_PROXY no_proxy
sdk_ua_app_id                         string    -     =  =
cli_binary_format                     base64|raw-in-base64-out  base64  =  -
cli_timestamp_format                  iso8601|wire  iso8601  =  -
ec2_metadata_disabled                 boolean   false -  =
ec2_metadata_v1_disabled              boolean   false =  =
ec2_metadata_service_endpoint         url       -     =  =
ec2_metadata_service_endpoint_mode    ipv4|ipv6  ipv4  =  =
metadata_service_timeout              seconds   1     =  =
metadata_service_num_attempts         count     4     =  =
login_cache_directory                 string    -     -  =
]]

--- @class eksrun.aws.Setting
--- @field name string
--- @field kind string
--- @field default? string|number|boolean
--- @field key? string
--- @field env string[]

-- The words of the column that are no strings.
local words = { ["true"] = true, ["false"] = false }

local function value_of(default)
  if default == "-" then return nil end
  if words[default] ~= nil then return words[default] end
  return math.tointeger(default) or default
end

local function parse(name, kind, default, key, variables)
  local env = {}
  if variables == "=" then variables = "AWS_" .. name:upper() end
  for variable in variables:gmatch "[%w_]+" do env[#env + 1] = variable end
  if key == "=" then key = name end
  return {
    name = name,
    kind = kind,
    default = value_of(default),
    key = key ~= "-" and key or nil,
    env = env,
  }
end

local columns = "^ +(%S+) +(%S+) +(%S+) +([^\n]+)"
local known = {}

--- @param name string
--- @return eksrun.aws.Setting|nil
function M.find(name)
  local setting = known[name]
  if setting == nil then
    local at = lines:find("\n" .. name .. " ", 1, true)
    setting = at and parse(name, lines:match(columns, at + 1 + #name))
    known[name] = setting
  end
  return setting
end

--- @return string[] in the order in which people read them
function M.names()
  local names = {}
  for name in lines:gmatch "\n([%w_]+)" do names[#names + 1] = name end
  return names
end

return M
