--- Where calls go, and for which region and name they are signed there: AWS's endpoint rules,
--- evaluated with what the client and the call know (aws/endpoint_params.lua).
---
--- An endpoint of the user's own (AWS_ENDPOINT_URL and the like) goes through the rules too: they
--- decide what of a call belongs into its host and its path. What comes out is kept for calls that
--- give the rules the same parameters.
local errors = require "eksrun.aws.errors"
local native = require "eksrun.native.endpoint"
local params_module = require "eksrun.aws.endpoint_params"

local M = {}

-- Results that a client keeps; a call that names a bucket may have one of its own.
local CACHE_MAX = 256

--- The partition that a region belongs to.
--- @param region string
--- @return eksrun.native.endpoint.Partition
function M.partition(region) return native.partition(region) end

--- @class eksrun.aws.Endpoint
--- @field url string "https://host[:port][/path]", without a slash at its end
--- @field host string with the port, as the Host header has it
--- @field path string what the paths of requests are put behind; "" mostly
--- @field region string the region of the client
--- @field custom boolean given by the user
--- @field holds_bucket boolean the URL names the bucket, so the path of a request must not
--- @field headers? table<string, string> to send along
--- @field scheme? eksrun.aws.AuthScheme what it is signed with, if not as the model says

--- Splits a URL.
--- @param url string
--- @return eksrun.aws.Endpoint|nil, table|nil error object
function M.parse(url)
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
  return { url = ("%s://%s%s"):format(scheme, authority, path), host = shown:lower(), path = path }
end

-- ---- what the rules say of signing

local supported = { sigv4 = true, sigv4a = true }

-- "aws.auth#sigv4" is sigv4.
local function short(name) return (name:gsub("^.*#", "")) end

-- The first scheme that is known, those that the user prefers before the others.
local function choose(schemes, preference)
  for wanted in (preference or ""):gmatch("[^,%s]+") do
    for _, scheme in ipairs(schemes) do
      if short(scheme.name) == short(wanted) and supported[short(wanted)] then return scheme end
    end
  end
  for _, scheme in ipairs(schemes) do
    if supported[short(scheme.name)] then return scheme end
  end
end

-- The scheme of resolved rules; nil without an error: they leave it to the model.
local function scheme_of(client, resolved, region)
  local schemes = resolved.properties.authSchemes
  if type(schemes) ~= "table" or #schemes == 0 then return nil end
  local chosen = choose(schemes, client.auth_scheme_preference)
  if not chosen then
    local names = {}
    for i, scheme in ipairs(schemes) do names[i] = short(scheme.name) end
    return nil, errors.new {
      code = "endpoint",
      message = ("%s is signed in a way that is not supported (%s)"):format(resolved.url,
        table.concat(names, ", ")),
    }
  end
  local name = short(chosen.name)
  local plain = chosen.disableDoubleEncoding
  if plain == nil then plain = client.plain end
  return {
    name = name,
    signing_name = chosen.signingName or client.signing_name,
    signing_region = name == "sigv4" and (chosen.signingRegion or region) or nil,
    signing_region_set = name == "sigv4a"
      and (client.signing_region_set or table.concat(chosen.signingRegionSet or { region }, ","))
      or nil,
    disable_double_encoding = plain,
  }
end

-- ---- one set of parameters

local function resolve(client, values)
  local resolved, err = client.rules:resolve(values)
  if resolved then return resolved end
  if err.code == "endpoint" then
    err = errors.new { code = "endpoint", message = ("%s: %s"):format(client.service, err.message) }
  end
  return nil, err
end

-- A copy without a parameter.
local function without(values, name)
  local rest = {}
  for key, value in pairs(values) do rest[key] = value end
  rest[name] = nil
  return rest
end

local function find(client, values, region)
  local resolved, err = resolve(client, values)
  if not resolved then return nil, err end
  local endpoint
  endpoint, err = M.parse(resolved.url)
  if not endpoint then return nil, err end
  endpoint.region = region
  endpoint.custom = client.custom
  for name, list in pairs(resolved.headers) do
    endpoint.headers = endpoint.headers or {}
    endpoint.headers[name] = table.concat(list, ",")
  end
  endpoint.scheme, err = scheme_of(client, resolved, region)
  if err then return nil, err end
  if client.custom and not endpoint.scheme then
    -- Who stands in for AWS is signed for as AWS is.
    local own = client.rules:resolve(without(values, client.endpoint_parameter))
    if own then endpoint.scheme = scheme_of(client, own, region) end
  end
  return endpoint
end

local function cached(client, plan, values, key, region)
  local endpoint = plan.cache[key]
  if endpoint then return endpoint end
  local err
  endpoint, err = find(client, values(), region)
  if not endpoint then return nil, err end
  endpoint.holds_bucket = plan.holds_bucket
  if plan.cached >= CACHE_MAX then plan.cache, plan.cached = {}, 0 end
  plan.cache[key], plan.cached = endpoint, plan.cached + 1
  return endpoint
end

-- ---- calls

local function with_prefix(endpoint, prefix)
  local copy = {}
  for key, value in pairs(endpoint) do copy[key] = value end
  copy.url = endpoint.url:gsub("//", "//" .. prefix, 1)
  copy.host = prefix .. endpoint.host
  return copy
end

--- Where a call goes.
--- @param call eksrun.aws.Call with its request
--- @return eksrun.aws.Endpoint|nil, table|nil error object: "config", "endpoint"
function M.of(call)
  local client, err = params_module.of_client(call.client)
  if not client then return nil, err end
  local plan = params_module.of_operation(client, call.operation, call.name)
  local values, key
  values, key, err = params_module.of_call(client, plan, call)
  if not values then return nil, err end
  local endpoint
  endpoint, err = cached(client, plan, values, key, call.region or client.region)
  if not endpoint then return nil, err end
  local prefix = call.request and call.request.host_prefix
  if not prefix or endpoint.custom or plan.holds_account or client.no_host_prefix then return endpoint end
  return with_prefix(endpoint, prefix)
end

return M
