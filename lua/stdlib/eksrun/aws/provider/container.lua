--- Credentials of a container: of an ECS task, or of an EKS pod by Pod Identity.
---
--- The URL comes from the environment, so plain http goes to the few addresses only that AWS and
--- loopback have, by no proxy; a name other than localhost is never looked up for it.
local errors = require "eksrun.aws.errors"
local issued = require "eksrun.aws.provider.issued"

local M = {}

M.name = "the container"

local ECS = "http://169.254.170.2"
local ATTEMPTS, TIMEOUT, PAUSE = 3, 2, 1

local http_hosts = {
  ["localhost"] = true,
  ["169.254.170.2"] = true, -- ECS
  ["169.254.170.23"] = true, -- EKS Pod Identity
  ["[fd00:ec2::23]"] = true,
  ["[::1]"] = true,
  ["[0:0:0:0:0:0:0:1]"] = true,
}

local function wrong(message, ...)
  return nil, errors.new { code = "credentials", message = message:format(...) }
end

-- 127.0.0.0/8 as four plain decimal numbers, no other spelling.
local function is_loopback(host)
  local parts = { host:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$") }
  for _, part in ipairs(parts) do
    if tonumber(part) > 255 or part:find("^0%d") then return false end
  end
  return parts[1] == "127"
end

--- The URL to ask, by the rules of who may be asked.
--- @param system eksrun.aws.System
--- @return string|nil url nil without an error: no container
--- @return table|nil error object
function M.url(system)
  local relative = system.env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
  if relative then
    if not relative:find("^/[%w%-%._~:/?#%[%]@!$&'()*+,;=%%]*$") then
      return wrong "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not a path that begins with '/'"
    end
    return ECS .. relative
  end
  local full = system.env("AWS_CONTAINER_CREDENTIALS_FULL_URI")
  if not full then return nil end
  local scheme, authority, rest = full:match("^(%a+)://([^/?#]*)(.*)$")
  scheme = scheme and scheme:lower()
  if scheme ~= "http" and scheme ~= "https" then
    return wrong "AWS_CONTAINER_CREDENTIALS_FULL_URI is not a URL like http://host/path"
  end
  local host, port = authority:match("^([%w%.%-_]+):?(%d*)$")
  if not host then
    host, port = authority:match("^(%[[%x:%.]+%]):?(%d*)$")
  end
  if not host or (port ~= "" and tonumber(port) > 65535) or rest:find("[%s%c]") then
    return wrong "AWS_CONTAINER_CREDENTIALS_FULL_URI is not a URL like http://host:port/path"
  end
  host = host:lower()
  if scheme == "http" and not http_hosts[host] and not is_loopback(host) then
    return wrong("AWS_CONTAINER_CREDENTIALS_FULL_URI: host '%s' has to be asked by https; http is for "
      .. "loopback, 169.254.170.2, 169.254.170.23 and fd00:ec2::23", host)
  end
  return full
end

local function authorization(system)
  local path = system.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
  local token
  if path then
    local err
    token, err = system.read_file(path)
    if not token then
      return wrong("cannot read AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE %s: %s", path,
        err and tostring(err) or "it does not exist")
    end
    token = token:gsub("%s+$", "")
  else
    token = system.env("AWS_CONTAINER_AUTHORIZATION_TOKEN")
  end
  if token and token:find("[\r\n%z]") then
    return wrong "the container's authorization token has a line break"
  end
  return token
end

--- @param ctx eksrun.aws.Context
--- @return table|nil credentials nil without an error: no container
--- @return table|nil error object
function M.load(ctx)
  local url, err = M.url(ctx.system)
  if not url then return nil, err end
  local why
  for attempt = 1, ATTEMPTS do
    local token
    token, err = authorization(ctx.system)
    if err then return nil, err end
    local answer
    answer, err = ctx.system.request {
      url = url,
      headers = { accept = "application/json", authorization = token },
      timeout = TIMEOUT,
      connect_timeout = TIMEOUT,
      max_body = 64 * 1024,
      proxy = url:find("^[hH][tT][tT][pP]:") and "" or nil,
    }
    if not answer then
      why = tostring(err)
    elseif answer.status == 200 then
      local found
      found, why = issued(answer.body)
      if found then
        found.source = M.name
        return found
      end
    else
      why = ("answered HTTP status %d"):format(answer.status)
      if answer.status < 500 and answer.status ~= 429 then break end
    end
    if attempt < ATTEMPTS then ctx.system.sleep(PAUSE) end
  end
  return wrong("no credentials of the container from %s: %s", (url:gsub("[?#].*", "")), why)
end

--- @param ctx eksrun.aws.Context
--- @return eksrun.aws.Candidate
function M.look(ctx)
  local url, err = M.url(ctx.system)
  if err then return { err = err } end
  if not url then
    return { reason = "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor _FULL_URI is set" }
  end
  return { detail = url, load = M.load }
end

return M
