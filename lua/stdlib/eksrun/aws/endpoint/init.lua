--- Where calls go, and for which region and name they are signed there: AWS's endpoint rules,
--- evaluated with what the client and the call know (endpoint/params.lua).
---
--- An endpoint of the user's own (AWS_ENDPOINT_URL and the like) goes through the rules too: they
--- decide what of a call belongs into its host and its path. What comes out is kept for calls that
--- give the rules the same parameters.
local native = require "eksrun.native.endpoint"
local params = require "eksrun.aws.endpoint.params"

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
--- @field base string the URL without the path
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
    return nil, require("eksrun.aws.errors").new {
      code = "config",
      message = ("endpoint '%s' is not a URL like https://host:port"):format(
        (url:gsub("//[^/@]*@", "//****@"))),
    }
  end
  path = path:gsub("/+$", "")
  local default = (scheme == "https" and port == "443") or (scheme == "http" and port == "80")
  local shown = (port == "" or default) and host or host .. ":" .. port
  local base = scheme .. "://" .. authority
  return { url = base .. path, base = base, host = shown:lower(), path = path }
end

-- ---- one set of parameters

local function resolve(client, values)
  local resolved, err = client.rules:resolve(values)
  if resolved then return resolved end
  if err.code == "endpoint" then
    local message = ("%s: %s"):format(client.service, err.message)
    err = require("eksrun.aws.errors").new { code = "endpoint", message = message }
  end
  return nil, err
end

-- The scheme that the rules want; nil without an error: they leave it to the model.
local function scheme_of(client, resolved, region)
  local schemes = resolved.properties.authSchemes
  if type(schemes) ~= "table" or #schemes == 0 then return nil end
  return require("eksrun.aws.endpoint.scheme").of(client, resolved, region)
end

-- Who stands in for AWS is signed for as AWS is.
local function scheme_of_aws(client, values, region)
  local rest = {}
  for key, value in pairs(values) do rest[key] = value end
  rest[client.endpoint_parameter] = nil
  local resolved = client.rules:resolve(rest)
  return resolved and (scheme_of(client, resolved, region))
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
  if client.custom and not endpoint.scheme then endpoint.scheme = scheme_of_aws(client, values, region) end
  return endpoint
end

-- ---- calls

local function with_prefix(endpoint, prefix)
  local copy = {}
  for key, value in pairs(endpoint) do copy[key] = value end
  copy.url = endpoint.url:gsub("//", "//" .. prefix, 1)
  copy.base = endpoint.base:gsub("//", "//" .. prefix, 1)
  copy.host = prefix .. endpoint.host
  return copy
end

--- Where a call goes.
--- @param call eksrun.aws.Call with its request
--- @return eksrun.aws.Endpoint|nil, table|nil error object: "config", "endpoint"
function M.of(call)
  local client, err = params.of_client(call.client)
  if not client then return nil, err end
  local plan = params.of_operation(client, call.operation, call.name)
  local own, key
  own, key, err = params.of_call(client, plan, call)
  if err then return nil, err end
  local endpoint = plan.cache[key]
  if not endpoint then
    endpoint, err = find(client, params.values(client, plan, call, own), call.region or client.region)
    if not endpoint then return nil, err end
    endpoint.holds_bucket = plan.holds_bucket
    if plan.cached >= CACHE_MAX then plan.cache, plan.cached = {}, 0 end
    plan.cache[key], plan.cached = endpoint, plan.cached + 1
  end
  local prefix = call.request and call.request.host_prefix
  if not prefix or endpoint.custom or plan.holds_account or client.no_host_prefix then return endpoint end
  return with_prefix(endpoint, prefix)
end

return M
