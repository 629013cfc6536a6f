--- One call: what happens between the parameters of an operation and its output.
---
---   build -> endpoint -> credentials -> limiter -> sign -> exchange -> parse
---
--- and again from the endpoint on if that failed. A stage is a module of its own: the model builds
--- and parses, `endpoint` says where, `auth` who and how it is signed, `limiter` how fast, `exchange`
--- sends, `retry` decides what is tried again. What a service needs beyond its model are hooks
--- (`customize`), called with the call and the value of their stage:
---
---   params    the parameters, before the request is built
---   request   the request built: method, path, query, headers, body
---   sign      the request as it goes out, before each attempt is signed
---   response  status, headers, body of any answer
---   output    the output of an answer that was parsed
---   mend      the error of an attempt: true sends the call again at once, once for each hook
---
--- A hook returns what takes the value's place, nil to leave it, or nil and an error object.
local auth = require "eksrun.aws.auth"
local customize = require "eksrun.aws.customize"
local endpoint = require "eksrun.aws.endpoint"
local exchange = require "eksrun.aws.exchange"
local limiter = require "eksrun.aws.limiter"
local observe = require "eksrun.aws.observe"
local retry = require "eksrun.aws.retry"

local M = {}

--- @class eksrun.aws.Permit
--- @field not_after? number AWS's time from which on AWS is to refuse the request
--- @field credentials? eksrun.aws.Credentials that sign it, instead of the client's

--- Whether a request may leave now, and under which conditions: asked before each attempt of every call of
--- the process, of whoever answers for what it changes. It raises what forbids it, and may wait.
--- @type nil|fun(call: eksrun.aws.Call): eksrun.aws.Permit?
M.permit = nil

--- @class eksrun.aws.Call
--- @field client table the client's state: name, metadata, options, system
--- @field operation eksrun.native.aws.Operation
--- @field name string "DescribeCluster"
--- @field params table
--- @field options table of this call: token; resend = false: not again when it is open whether it was done;
--- permit = false: nobody is asked whether it may go; leaving: for whoever permits it, to be called then
--- @field hooks eksrun.aws.Hook[]
--- @field traits eksrun.native.aws.OperationInfo
--- @field region? string instead of the client's, set by a hook: the region that a bucket is in
--- @field request eksrun.native.aws.Request
--- @field endpoint eksrun.aws.Endpoint
--- @field scheme eksrun.aws.AuthScheme
--- @field credentials eksrun.aws.Credentials|nil those of the last attempt
--- @field permit eksrun.aws.Permit|nil of the last attempt
--- @field attempts eksrun.aws.Attempts|nil nil: it is not sent
--- @field sends integer requests so far
--- @field payload_hash? string instead of the body's hash, set by a hook: "UNSIGNED-PAYLOAD"
local Call = {}
Call.__index = Call

-- The value, or what the hooks of a stage made of it.
local function run_hooks(call, stage, value)
  for _, hook in ipairs(call.hooks) do
    local f = hook[stage]
    if f then
      local changed, err = f(call, value)
      if err then return nil, err end
      if changed ~= nil then value = changed end
    end
  end
  return value
end

--- A call with its request built.
--- @param state table of the client
--- @param operation eksrun.native.aws.Operation
--- @param params table|nil
--- @param options eksrun.aws.CallOptions|nil
--- @return eksrun.aws.Call|nil, table|nil error object
--- Raises {code = "validation"} and other mistakes of the caller.
function M.new(state, operation, params, options)
  local name = operation:name()
  if params ~= nil and type(params) ~= "table" then
    local message = ("%s: parameters (table) expected, not a %s"):format(name, type(params))
    require("eksrun.aws.errors").misuse(message)
  end
  local call = setmetatable({
    client = state,
    operation = operation,
    name = name,
    options = options or {},
  }, Call)
  call.hooks, call.traits = customize.hooks(state.name, name, operation)
  local err
  call.params, err = run_hooks(call, "params", params or {})
  if err then return nil, err end
  local token = call.options.token or state.options.token
  call.request, err = run_hooks(call, "request",
    operation:build(call.params, token and { token = token(name) }))
  if err then return nil, err end
  return call
end

--- Finds out where the call goes and what signs it; sends nothing but what credentials need.
--- @return eksrun.aws.Call|nil, table|nil error object
function Call:prepare()
  local ok, err = exchange.open(self.client)
  if not ok then return nil, err end
  self.endpoint, err = endpoint.of(self)
  if not self.endpoint then return nil, err end
  self.scheme, err = auth.scheme(self)
  if not self.scheme then return nil, err end
  self.credentials, err = auth.identity(self)
  if err then return nil, err end
  return self
end

-- The path of a request behind the endpoint's: without the bucket, where that is part of the URL.
local function path_of(call)
  local where, path = call.endpoint, call.request.path
  if where.holds_bucket then path = path:gsub("^/[^/]*", "") end
  path = where.path .. path
  return path == "" and "/" or path
end

--- What goes out, but for signature and user agent. The headers go into the signature, so they are
--- all that a proxy may not change.
--- @return table|nil method, path, query, headers, body, base, timeout
--- @return table|nil error object
function Call:outgoing()
  local request, where = self.request, self.endpoint
  local headers = { host = where.host }
  if where.headers then
    for name, value in pairs(where.headers) do headers[name:lower()] = value end
  end
  for name, value in pairs(request.headers) do headers[name:lower()] = value end
  exchange.describe(self, headers)
  return run_hooks(self, "sign", {
    method = request.method,
    path = path_of(self),
    query = request.query ~= "" and request.query or nil,
    headers = headers,
    body = request.body,
    base = where.base,
    timeout = self.options.timeout or self.client.options.timeout or 60,
  })
end

--- The request of the next attempt, signed: method, url, headers, body, timeout.
--- @return table|nil, table|nil error object
function Call:sign()
  local out, err = self:outgoing()
  if not out then return nil, err end
  local ok
  ok, err = auth.sign(self, out)
  if not ok then return nil, err end
  out.headers["user-agent"] = exchange.user_agent(self)
  out.url = out.base .. out.path .. (out.query and "?" .. out.query or "")
  out.operation = self.name
  return out
end

--- The output of an answer that has come, or its error.
--- @param response eksrun.aws.Response
--- @param finish? fun(output: table): table|nil, table|nil what is made of the output before the hooks see it
--- @return table|nil output
--- @return table|nil error object
--- @return eksrun.aws.Response response as the hooks left it
function Call:read(response, finish)
  local changed, err = run_hooks(self, "response", response)
  if not changed then return nil, err, response end
  response = changed
  if response.status >= 300 then
    return nil, require("eksrun.aws.errors").refused(self, response), response
  end
  local operation = self.operation
  local ok, output = pcall(operation.parse, operation, response.status, response.headers, response.body)
  if not ok then return nil, require("eksrun.aws.errors").unreadable(self, response, output), response end
  if finish then
    output, err = finish(output)
    if not output then return nil, err, response end
  end
  output, err = run_hooks(self, "output", output)
  return output, err, response
end

-- Output or nil and error; then the response, if there was one.
local function send(call)
  if M.permit and call.options.permit ~= false then
    call.permit = M.permit(call)
    call.credentials = call.permit and call.permit.credentials or call.credentials
  end
  local signed, err = call:sign()
  if not signed then return nil, err end
  local options, events = call.options, call.operation:events()
  if events or options.stream ~= nil or options.save ~= nil or call.traits.stream_output then
    return require("eksrun.aws.streamed").send(call, signed, events)
  end
  observe.tell("sending", call, signed)
  local response
  response, err = exchange.send(call, signed)
  if not response then return nil, require("eksrun.aws.errors").unanswered(call, err) end
  return call:read(response)
end

-- As send, at the pace that the service bears, and seen by those who watch.
local function attempt(call)
  local waited = limiter.admit(call)
  if waited > 0 then observe.tell("waiting", call, waited, "limit") end
  call.sends = (call.sends or 0) + 1
  local output, err, response = send(call)
  if err then require("eksrun.aws.redact").error(call, err) end
  limiter.answered(call, err)
  observe.tell("answered", call, response, output, err)
  return output, err, response
end

-- Sends the call until it succeeds or is given up.
local function run(call, policy)
  while true do
    local ready, err = call:prepare()
    if not ready then return nil, err end
    local output, response
    output, err, response = attempt(call)
    if output then
      call.attempts:succeeded()
      return output, nil, response
    end
    local again = require("eksrun.aws.again")
    if not again.is_mended(call, err, response) and not again.waited(call, policy, err, response) then
      return nil, err, response
    end
  end
end

--- Sends the call until it succeeds or is given up.
--- @return table|nil output
--- @return table|nil error object
--- @return table|nil response with status and headers
function Call:run()
  local policy, err = retry.of(self.client)
  if not policy then return nil, err end
  self.attempts = policy:start(self.name)
  local output, response
  output, err, response = run(self, policy)
  observe.tell("ended", self, err)
  return output, err, response
end

return M
