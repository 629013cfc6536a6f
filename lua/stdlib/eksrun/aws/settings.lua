--- The settings that the environment and the shared files can hold: data, read by eksrun.aws.config.
---
--- One line is one setting: its name, the variables that set it, the key of a profile that does
--- ("s3.x" is x in the block below `s3 =`), what kind of value it takes, and what counts without it.
--- Kinds: "string", "boolean", "integer", "seconds", "region", "url", or a list of the values allowed
--- (case does not count). Source: AWS SDKs and Tools Reference Guide; botocore's configprovider.py.

--- @class eksrun.aws.Setting
--- @field name string
--- @field env string[]
--- @field key? string
--- @field kind string|string[]
--- @field default? any
--- @field min? integer
--- @field secret? boolean a password may stand in it

local checksums = { "when_supported", "when_required" }

--- @type eksrun.aws.Setting[]
return {
  { name = "region", env = { "AWS_REGION", "AWS_DEFAULT_REGION" }, key = "region", kind = "region" },
  { name = "output", env = { "AWS_DEFAULT_OUTPUT" }, key = "output", default = "json",
    kind = { "json", "yaml", "yaml-stream", "text", "table", "off" } },
  { name = "retry_mode", env = { "AWS_RETRY_MODE" }, key = "retry_mode", default = "standard",
    kind = { "standard", "adaptive", "legacy" } },
  { name = "max_attempts", env = { "AWS_MAX_ATTEMPTS" }, key = "max_attempts", kind = "integer", min = 1 },
  { name = "endpoint_url", env = { "AWS_ENDPOINT_URL" }, key = "endpoint_url", kind = "url" },
  { name = "services", env = {}, key = "services", kind = "string" },
  { name = "ignore_configured_endpoint_urls", env = { "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS" },
    key = "ignore_configured_endpoint_urls", kind = "boolean", default = false },
  { name = "use_fips_endpoint", env = { "AWS_USE_FIPS_ENDPOINT" }, key = "use_fips_endpoint",
    kind = "boolean", default = false },
  { name = "use_dualstack_endpoint", env = { "AWS_USE_DUALSTACK_ENDPOINT" },
    key = "use_dualstack_endpoint", kind = "boolean", default = false },
  { name = "sts_regional_endpoints", env = { "AWS_STS_REGIONAL_ENDPOINTS" },
    key = "sts_regional_endpoints", kind = { "regional", "legacy" }, default = "regional" },
  { name = "account_id_endpoint_mode", env = { "AWS_ACCOUNT_ID_ENDPOINT_MODE" },
    key = "account_id_endpoint_mode", kind = { "preferred", "disabled", "required" },
    default = "preferred" },
  { name = "disable_host_prefix_injection", env = { "AWS_DISABLE_HOST_PREFIX_INJECTION" },
    key = "disable_host_prefix_injection", kind = "boolean", default = false },
  { name = "auth_scheme_preference", env = { "AWS_AUTH_SCHEME_PREFERENCE" },
    key = "auth_scheme_preference", kind = "string" },
  { name = "sigv4a_signing_region_set", env = { "AWS_SIGV4A_SIGNING_REGION_SET" },
    key = "sigv4a_signing_region_set", kind = "string" },
  { name = "request_checksum_calculation", env = { "AWS_REQUEST_CHECKSUM_CALCULATION" },
    key = "request_checksum_calculation", kind = checksums, default = "when_supported" },
  { name = "response_checksum_validation", env = { "AWS_RESPONSE_CHECKSUM_VALIDATION" },
    key = "response_checksum_validation", kind = checksums, default = "when_supported" },
  { name = "disable_request_compression", env = { "AWS_DISABLE_REQUEST_COMPRESSION" },
    key = "disable_request_compression", kind = "boolean", default = false },
  { name = "request_min_compression_size_bytes", env = { "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES" },
    key = "request_min_compression_size_bytes", kind = "integer", min = 0, default = 10240 },
  { name = "s3_addressing_style", env = {}, key = "s3.addressing_style",
    kind = { "auto", "virtual", "path" }, default = "auto" },
  { name = "s3_payload_signing_enabled", env = {}, key = "s3.payload_signing_enabled",
    kind = "boolean" },
  { name = "s3_use_accelerate_endpoint", env = {}, key = "s3.use_accelerate_endpoint",
    kind = "boolean", default = false },
  { name = "s3_use_arn_region", env = { "AWS_S3_USE_ARN_REGION" }, key = "s3_use_arn_region",
    kind = "boolean", default = true },
  { name = "s3_us_east_1_regional_endpoint", env = { "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT" },
    key = "s3_us_east_1_regional_endpoint", kind = { "regional", "legacy" }, default = "regional" },
  { name = "s3_disable_multiregion_access_points",
    env = { "AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS" },
    key = "s3_disable_multiregion_access_points", kind = "boolean", default = false },
  { name = "ca_bundle", env = { "AWS_CA_BUNDLE" }, key = "ca_bundle", kind = "string" },
  { name = "https_proxy", env = { "HTTPS_PROXY", "https_proxy" }, kind = "url", secret = true },
  { name = "http_proxy", env = { "HTTP_PROXY", "http_proxy" }, kind = "url", secret = true },
  { name = "all_proxy", env = { "ALL_PROXY", "all_proxy" }, kind = "url", secret = true },
  { name = "no_proxy", env = { "NO_PROXY", "no_proxy" }, kind = "string" },
  { name = "sdk_ua_app_id", env = { "AWS_SDK_UA_APP_ID" }, key = "sdk_ua_app_id", kind = "string" },
  { name = "cli_binary_format", env = {}, key = "cli_binary_format",
    kind = { "base64", "raw-in-base64-out" }, default = "base64" },
  { name = "cli_timestamp_format", env = {}, key = "cli_timestamp_format",
    kind = { "iso8601", "wire" }, default = "iso8601" },
  { name = "ec2_metadata_disabled", env = { "AWS_EC2_METADATA_DISABLED" }, kind = "boolean",
    default = false },
  { name = "ec2_metadata_v1_disabled", env = { "AWS_EC2_METADATA_V1_DISABLED" },
    key = "ec2_metadata_v1_disabled", kind = "boolean", default = false },
  { name = "ec2_metadata_service_endpoint", env = { "AWS_EC2_METADATA_SERVICE_ENDPOINT" },
    key = "ec2_metadata_service_endpoint", kind = "url" },
  { name = "ec2_metadata_service_endpoint_mode", env = { "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE" },
    key = "ec2_metadata_service_endpoint_mode", kind = { "ipv4", "ipv6" }, default = "ipv4" },
  { name = "metadata_service_timeout", env = { "AWS_METADATA_SERVICE_TIMEOUT" },
    key = "metadata_service_timeout", kind = "seconds", default = 1 },
  { name = "metadata_service_num_attempts", env = { "AWS_METADATA_SERVICE_NUM_ATTEMPTS" },
    key = "metadata_service_num_attempts", kind = "integer", min = 1, default = 4 },
  { name = "login_cache_directory", env = { "AWS_LOGIN_CACHE_DIRECTORY" }, kind = "string" },
}
