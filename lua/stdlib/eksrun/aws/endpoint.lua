--- Where a service is: host and signing facts for a region, from the partitions' patterns.
---
--- Source: botocore's partitions.json and endpoint rule sets. FIPS, dual-stack and the rule sets
--- themselves are not here.
local config = require "eksrun.aws.config"
local errors = require "eksrun.aws.errors"

local M = {}

--- @class eksrun.aws.Partition
--- @field id string "aws", "aws-cn", ...
--- @field suffix string DNS suffix
--- @field dual_suffix string DNS suffix of the dual-stack endpoints
--- @field global string the region that stands for the whole partition

local function partition(id, pattern, suffix, dual_suffix, global)
  return { id = id, pattern = pattern, suffix = suffix, dual_suffix = dual_suffix, global = global }
end

-- The last one takes every region that no other pattern knows.
local partitions = {
  partition("aws-cn", "^cn%-%w+%-%d+$", "amazonaws.com.cn", "api.amazonwebservices.com.cn",
    "cn-northwest-1"),
  partition("aws-us-gov", "^us%-gov%-%w+%-%d+$", "amazonaws.com", "api.aws", "us-gov-west-1"),
  partition("aws-eusc", "^eusc%-de%-%w+%-%d+$", "amazonaws.eu", "api.amazonwebservices.eu",
    "eusc-de-east-1"),
  partition("aws-iso", "^us%-iso%-%w+%-%d+$", "c2s.ic.gov", "api.aws.ic.gov", "us-iso-east-1"),
  partition("aws-iso-b", "^us%-isob%-%w+%-%d+$", "sc2s.sgov.gov", "api.aws.scloud",
    "us-isob-east-1"),
  partition("aws-iso-e", "^eu%-isoe%-%w+%-%d+$", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk",
    "eu-isoe-west-1"),
  partition("aws-iso-f", "^us%-isof%-%w+%-%d+$", "csp.hci.ic.gov", "api.aws.hci.ic.gov",
    "us-isof-south-1"),
  partition("aws", "", "amazonaws.com", "api.aws", "us-east-1"),
}

--- The partition that a region belongs to.
--- @param region string
--- @return eksrun.aws.Partition
function M.partition(region)
  for _, known in ipairs(partitions) do
    if region:find(known.pattern) then return known end
  end
end

-- Services with one endpoint a partition: its host in partition aws and elsewhere, %s being the
-- global region and the suffix. They sign for the global region.
local global_services = {
  iam = {
    ["aws"] = "iam.amazonaws.com",
    ["aws-cn"] = "iam.cn-north-1.amazonaws.com.cn",
    ["aws-us-gov"] = "iam.us-gov.amazonaws.com",
    default = "iam.{region}.{suffix}",
  },
  route53 = {
    ["aws-us-gov"] = "route53.us-gov.amazonaws.com",
    default = "route53.{suffix}",
  },
  organizations = { default = "organizations.{region}.{suffix}" },
  account = { default = "account.{region}.{suffix}" },
}

-- China's IAM is signed for another region than China's other global services.
local global_regions = { iam = { ["aws-cn"] = "cn-north-1" } }

-- Hosts that do not follow "{prefix}.{region}.{suffix}".
local regional_hosts = {
  ["eks-auth"] = "eks-auth.{region}.{dual_suffix}",
}

local function expand(template, values)
  return (template:gsub("{([%w_]+)}", values))
end

--- Whether a region may become part of a host name.
--- @param region any
--- @return boolean
function M.is_region(region)
  return type(region) == "string" and #region <= 63 and region:find("^%l[%l%d-]*[%l%d]$") ~= nil
end

--- @class eksrun.aws.Endpoint
--- @field url string "https://host[:port][/path]", without a slash at its end
--- @field host string with the port, as the Host header has it
--- @field path string what the paths of requests are put behind; "" mostly
--- @field region string the region to sign for
--- @field custom boolean given by the user
--- @field headers? table<string, string> to send along
--- @field scheme? eksrun.aws.AuthScheme what it is signed with, if not as the model says

--- Splits a URL given by the user.
--- @param url string
--- @param region string
--- @return eksrun.aws.Endpoint|nil, table|nil error object
function M.parse(url, region)
  local scheme, authority, path = url:match("^(https?)://([^/?#]+)([^?#]*)$")
  local host, port = (authority or ""):match("^([%w%.%-_]+):?(%d*)$")
  if not host then
    host, port = (authority or ""):match("^(%[[%x:%.]+%]):?(%d*)$")
  end
  if not host or (port ~= "" and tonumber(port) > 65535) then
    return nil, errors.new {
      code = "config",
      message = ("endpoint '%s' is not a URL like https://host:port"):format(url:gsub("//[^/@]*@", "//")),
    }
  end
  path = path:gsub("/+$", "")
  local default = (scheme == "https" and port == "443") or (scheme == "http" and port == "80")
  local shown = (port == "" or default) and host or host .. ":" .. port
  return {
    url = ("%s://%s%s"):format(scheme, authority, path),
    host = shown:lower(),
    path = path,
    region = region,
    custom = true,
  }
end

--- The endpoint of a service in a region.
--- @param service string "eks"
--- @param prefix string endpointPrefix of the service's model
--- @param region string a region's name (M.is_region)
--- @return eksrun.aws.Endpoint
function M.resolve(service, prefix, region)
  local part = M.partition(region)
  local values = { prefix = prefix, region = region, suffix = part.suffix, dual_suffix = part.dual_suffix }
  local template = regional_hosts[service] or "{prefix}.{region}.{suffix}"
  local everywhere = global_services[service]
  if everywhere then
    values.region = (global_regions[service] or {})[part.id] or part.global
    template = everywhere[part.id] or everywhere.default
  end
  local host = expand(template, values)
  return { url = "https://" .. host, host = host, path = "", region = values.region, custom = false }
end

--- The region to sign for at an endpoint of the user's own.
--- @param service string
--- @param region string
--- @return string
function M.signing_region(service, region)
  local part = M.partition(region)
  if not global_services[service] then return region end
  return (global_regions[service] or {})[part.id] or part.global
end

local function find(state)
  local metadata, options = state.metadata, state.options
  local region, err = config.try_region(options, state.system)
  if not region then return nil, err end
  local url
  url, err = config.endpoint(metadata.serviceId or state.name, options, state.system)
  if err then return nil, err end
  if url then return M.parse(url, M.signing_region(state.name, region)) end
  return M.resolve(state.name, metadata.endpointPrefix, region)
end

--- Where a call goes. What does not depend on its parameters is found once a client.
--- @param call eksrun.aws.Call with its request
--- @return eksrun.aws.Endpoint|nil, table|nil error object
function M.of(call)
  local state = call.client
  if not state.endpoint then
    local err
    state.endpoint, err = find(state)
    if err then return nil, err end
  end
  local found = state.endpoint
  local prefix = call.request.host_prefix
  if not prefix or found.custom then return found end
  return {
    url = found.url:gsub("//", "//" .. prefix, 1),
    host = prefix .. found.host,
    path = found.path,
    region = found.region,
    custom = false,
  }
end

return M
