--- The one place through which every request goes: limits on how many and how fast, and the record
--- of what was sent and answered, belong here.
local limiter = require "eksrun.aws.limiter"

local M = {}

--- @param _ eksrun.aws.Call
--- @return string
function M.user_agent(_)
  return ("eksrun/%s lua/%s"):format(require "eksrun.version", _VERSION:match("%d+%.%d+"))
end

--- Sends a signed request, when its host has a place for it, and waits for the answer.
--- @param call eksrun.aws.Call
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
    timeout = signed.timeout,
    -- An answer may be as long in coming as it may take in all.
    idle_timeout = math.max(signed.timeout, 60),
    stream = signed.stream,
    ca_bundle = state.ca_bundle,
  })
end

return M
