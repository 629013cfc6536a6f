--- Credentials of the role of an EC2 instance, from its metadata service: IMDSv2, and the version
--- without a session token where an instance has no other and nobody forbids it.
---
--- A machine that is no instance costs one connection that fails. Credentials that the service could
--- not renew in time are used beyond their end, as AWS wants it, and asked for again soon.
local config = require "eksrun.aws.config"
local errors = require "eksrun.aws.errors"
local issued = require "eksrun.aws.provider.issued"

local M = {}

M.name = "the instance"

local TOKEN_PATH = "/latest/api/token"
local ROLE_PATH = "/latest/meta-data/iam/security-credentials/"
local TOKEN_SECONDS = "21600"
local BODY_MAX = 64 * 1024

local hosts = { ipv4 = "http://169.254.169.254", ipv6 = "http://[fd00:ec2::254]" }

local function wrong(message, ...)
  return nil, errors.new { code = "credentials", message = message:format(...) }
end

--- Where the service is, without a slash at its end.
--- @param ctx eksrun.aws.Context
--- @return string|nil url
--- @return table|nil error object: "config"
function M.endpoint(ctx)
  local url, err = config.get("ec2_metadata_service_endpoint", ctx.options, ctx.system)
  if err then return nil, err end
  if url then return (url:gsub("/+$", "")) end
  local mode
  mode, err = config.get("ec2_metadata_service_endpoint_mode", ctx.options, ctx.system)
  if err then return nil, err end
  return hosts[mode:lower()]
end

local function settings(ctx)
  local found = {}
  for _, name in ipairs { "metadata_service_timeout", "metadata_service_num_attempts",
    "ec2_metadata_v1_disabled" } do
    local value, err = config.get(name, ctx.options, ctx.system)
    if err then return nil, err end
    found[name] = value
  end
  local err
  found.url, err = M.endpoint(ctx)
  if err then return nil, err end
  return found
end

-- An answer below 500, or nil and an error object. The first request, the PUT, is not repeated when
-- nobody answers it: then there is no instance.
local function ask(ctx, set, method, path, headers)
  local why
  for attempt = 1, set.metadata_service_num_attempts do
    local answer, err = ctx.system.request {
      method = method,
      url = set.url .. path,
      headers = headers,
      timeout = set.metadata_service_timeout,
      connect_timeout = set.metadata_service_timeout,
      max_body = BODY_MAX,
      proxy = "",
    }
    if answer and answer.status < 500 and answer.status ~= 429 then return answer end
    if not answer and method == "PUT" then return nil, err end
    why = err or errors.new { code = "status", message = ("HTTP status %d"):format(answer.status) }
    if attempt < set.metadata_service_num_attempts then ctx.system.sleep(0.1 * 2 ^ (attempt - 1)) end
  end
  return nil, why
end

-- The session token; "" for a service that has none; nil and a reason: no instance.
local function session(ctx, set)
  local answer, err = ask(ctx, set, "PUT", TOKEN_PATH,
    { ["x-aws-ec2-metadata-token-ttl-seconds"] = TOKEN_SECONDS })
  if answer and answer.status == 200 then
    if answer.body ~= "" and not answer.body:find("[^\33-\126]") then return answer.body end
    return nil, "answered garbage for a session token"
  end
  if answer and answer.status ~= 404 and answer.status ~= 405 then
    return nil, answer.status == 403 and "is switched off (HTTP status 403)"
      or ("answered HTTP status %d"):format(answer.status)
  end
  -- No answer in time: the hop limit of a container; v1 may get through.
  if not answer and err.code ~= "timeout" then return nil, "is not there: " .. tostring(err) end
  if not answer and tostring(err):find("no connection", 1, true) then
    return nil, "is not there: " .. tostring(err)
  end
  if set.ec2_metadata_v1_disabled then
    return nil, "gave no session token, and version 1 is disabled (ec2_metadata_v1_disabled)"
  end
  return ""
end

local function get(ctx, set, token, path)
  local headers = token ~= "" and { ["x-aws-ec2-metadata-token"] = token } or nil
  local answer, err = ask(ctx, set, "GET", path, headers)
  if answer and answer.status == 401 and token ~= "" then
    -- The token has ended.
    token = session(ctx, set)
    if token then
      headers = { ["x-aws-ec2-metadata-token"] = token }
      answer, err = ask(ctx, set, "GET", path, headers)
    end
  end
  return answer, err
end

-- Beyond their end credentials count on for 10 to 15 minutes.
local function extended(ctx, expiration)
  local now = ctx.system.now()
  if expiration > now then return expiration end
  return now + 600 + 300 * ctx.system.random()
end

local function read(ctx, answer, role)
  local found, why = issued(answer.body, function(given)
    if given.Code == nil or given.Code == "Success" then return nil end
    local code = tostring(given.Code):gsub("[^%w%._-]", "?"):sub(1, 80)
    return ("has none for role '%s': %s"):format(role, code)
  end)
  if not found then return nil, why end
  found.expiration = extended(ctx, found.expiration)
  found.source = ("instance role %s"):format(role)
  return found
end

--- @param ctx eksrun.aws.Context
--- @return table|nil credentials nil without an error: this is no instance, or it has no role
--- @return table|nil error object
--- @return string|nil reason why there are none
function M.load(ctx)
  local set, err = settings(ctx)
  if not set then return nil, err end
  local token, why = session(ctx, set)
  if not token then return nil, nil, "the metadata service " .. why end
  local answer
  answer, err = get(ctx, set, token, ROLE_PATH)
  if not answer or answer.status ~= 200 then
    if token == "" then return nil, nil, "the metadata service is not there" end
    if answer and answer.status == 404 then return nil, nil, "the instance has no role" end
    return wrong("no role from the metadata service: %s",
      answer and "HTTP status " .. answer.status or tostring(err))
  end
  local role = answer.body:match("^%s*([%w+=,.@_-]+)%s*$")
  if not role then return wrong "the metadata service answered garbage for the name of a role" end
  answer, err = get(ctx, set, token, ROLE_PATH .. role)
  if not answer or answer.status ~= 200 then
    return wrong("no credentials of role '%s' from the metadata service: %s", role,
      answer and "HTTP status " .. answer.status or tostring(err))
  end
  local found
  found, why = read(ctx, answer, role)
  if not found then return wrong("the metadata service %s", why) end
  return found
end

--- @param ctx eksrun.aws.Context
--- @return eksrun.aws.Candidate
function M.look(ctx)
  local disabled, err = config.get("ec2_metadata_disabled", ctx.options, ctx.system)
  if err then return { err = err } end
  if disabled then return { reason = "AWS_EC2_METADATA_DISABLED is true" } end
  local url
  url, err = M.endpoint(ctx)
  if err then return { err = err } end
  return { detail = url, load = M.load }
end

return M
