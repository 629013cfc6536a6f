--- The one place through which every request goes: how many at a time, with which certificates, and
--- what says who sends it.
local config = require "eksrun.aws.config"
local limiter = require "eksrun.aws.limiter"

local M = {}

-- What a call makes use of, as the SDKs' user agents say it.
local features = { waiter = "B", paginator = "C", legacy = "D", standard = "E", adaptive = "F" }

--- Looks up, once a client, what its requests have in common.
--- @param state table of the client
--- @return boolean|nil, table|nil error object: "config"
function M.open(state)
  if state.agent then return true end
  local id, err = config.get("sdk_ua_app_id", state.options, state.system)
  if err then return nil, err end
  state.ca_bundle, err = config.get("ca_bundle", state.options, state.system)
  if err then return nil, err end
  state.app_id = id and " app/" .. id:gsub("[^%w!#$%%&'*+%-.^_`|~]", "-"):sub(1, 50) or ""
  state.agent = ("eksrun/%s ua/2.1 lang/lua#%s"):format(require "eksrun.version", _VERSION:match("%d+%.%d+"))
  return true
end

--- @param call eksrun.aws.Call prepared
--- @return string
function M.user_agent(call)
  local state = call.client
  local used = {}
  if call.options.feature then used[1] = features[call.options.feature] end
  if call.attempts then used[#used + 1] = features[call.attempts.policy.mode] end
  local said = #used > 0 and " m/" .. table.concat(used, ",") or ""
  return state.agent .. said .. state.app_id
end

-- An id of this call, the same for all its attempts.
local function new_id()
  local random = math.random
  return ("%08x-%04x-4%03x-%04x-%012x"):format(random(0, 0xffffffff), random(0, 0xffff),
    random(0, 0xfff), random(0x8000, 0xbfff), random(0, 0xffffffffffff))
end

--- Adds the headers that tell a service which attempt of which call a request is, and within AWS
--- Lambda on whose behalf.
--- @param call eksrun.aws.Call
--- @param headers table<string, string> by lower-case name
function M.describe(call, headers)
  local system = call.client.system
  if system.env "AWS_LAMBDA_FUNCTION_NAME" then require("eksrun.aws.trace").add(system, headers) end
  if not call.attempts then return end
  call.id = call.id or new_id()
  headers["amz-sdk-invocation-id"] = call.id
  headers["amz-sdk-request"] = "attempt=" .. call.sends .. "; max=" .. call.attempts.policy.max_attempts
end

--- Sends a signed request, when its host has a place for it, and waits for the answer.
--- @param call eksrun.aws.Call prepared
--- @param signed table method, url, headers, body, timeout, stream
--- @return table|nil response status, headers, body, timing
--- @return table|nil error object of http
function M.send(call, signed)
  local state = call.client
  return limiter.at_host(state.system, call.endpoint.host, state.system.request, {
    method = signed.method,
    url = signed.url,
    headers = signed.headers,
    body = signed.body,
    body_length = signed.body_length,
    timeout = signed.timeout,
    -- An answer may be as long in coming as it may take in all.
    idle_timeout = math.max(signed.timeout, 60),
    stream = signed.stream,
    decompress = signed.decompress,
    ca_bundle = state.ca_bundle,
  })
end

return M
