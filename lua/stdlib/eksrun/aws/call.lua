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
local error = error
local auth = require "eksrun.aws.auth"
local clock_skew = require "eksrun.aws.clock_skew"
local customize = require "eksrun.aws.customize"
local endpoint = require "eksrun.aws.endpoint"
local errors = require "eksrun.aws.errors"
local exchange = require "eksrun.aws.exchange"
local limiter = require "eksrun.aws.limiter"
local observe = require "eksrun.aws.observe"
local retry = require "eksrun.aws.retry"

local M = {}

--- @class eksrun.aws.Call
--- @field client table the client's state: name, metadata, options, system
--- @field operation eksrun.native.aws.Operation
--- @field name string "DescribeCluster"
--- @field params table
--- @field options table of this call: token; resend = false: not again when it is open whether it was done
--- @field hooks eksrun.aws.Hook[]
--- @field traits eksrun.native.aws.OperationInfo
--- @field region? string instead of the client's, set by a hook: the region that a bucket is in
--- @field request eksrun.native.aws.Request
--- @field endpoint eksrun.aws.Endpoint
--- @field scheme eksrun.aws.AuthScheme
--- @field credentials eksrun.aws.Credentials|nil those of the last attempt
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
    errors.misuse(("%s: parameters (table) expected, not a %s"):format(name, type(params)))
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

-- What goes out, but for signature and user agent. The headers go into the signature, so they are
-- all that a proxy may not change.
local function outgoing(call)
  local request, where = call.request, call.endpoint
  local headers = { host = where.host }
  for name, value in pairs(where.headers or {}) do headers[name:lower()] = value end
  for name, value in pairs(request.headers) do headers[name:lower()] = value end
  require("eksrun.aws.trace").add(call.client.system, headers)
  exchange.number(call, headers)
  return run_hooks(call, "sign", {
    method = request.method,
    path = path_of(call),
    query = request.query ~= "" and request.query or nil,
    headers = headers,
    body = request.body,
    base = where.url:sub(1, #where.url - #where.path),
    timeout = call.options.timeout or call.client.options.timeout or 60,
  })
end

--- The request of the next attempt, signed: method, url, headers, body, timeout.
--- @return table|nil, table|nil error object
function Call:sign()
  local out, err = outgoing(self)
  if not out then return nil, err end
  local ok
  ok, err = auth.sign(self, out)
  if not ok then return nil, err end
  out.headers["user-agent"] = exchange.user_agent(self)
  out.url = out.base .. out.path .. (out.query and "?" .. out.query or "")
  out.operation = self.name
  return out
end

-- Headers that describe a body, which whoever uses the URL brings along.
local function is_of_body(name)
  return name == "content-length" or name == "content-md5" or name == "x-amz-sdk-checksum-algorithm"
    or name:find("^x%-amz%-checksum%-") ~= nil
end

-- Makes a request of what stands in its URL alone, or nil and the error.
local function without_body(call, out)
  local protocol = call.client.metadata.protocol
  if protocol == "query" or protocol == "ec2" then
    out.method, out.query, out.body = "GET", out.body:gsub("+", "%%20"), nil
  elseif protocol:find "^rest" and (type(out.body) ~= "string" or out.body == "") then
    out.body = nil
  else
    return nil, errors.new {
      code = "presign",
      message = ("%s:%s cannot be presigned: its parameters do not fit into a URL")
        :format(call.client.name, call.name),
    }
  end
  if not out.body and out.method ~= "PUT" then out.headers["content-type"] = nil end
  for name in pairs(out.headers) do
    if is_of_body(name) then out.headers[name] = nil end
  end
  return out
end

--- A URL that makes the call for whoever has it.
--- @param expires integer seconds
--- @param headers? table<string, string> to sign besides; who uses the URL has to send them
--- @return string|nil url
--- @return table method and headers; or the error object
function Call:presign(expires, headers)
  if self.scheme.name ~= "sigv4" and self.scheme.name ~= "sigv4a" then
    return nil, errors.new {
      code = "presign",
      message = ("%s:%s cannot be presigned: it is not signed"):format(self.client.name, self.name),
    }
  end
  local out, err = outgoing(self)
  if out then out, err = without_body(self, out) end
  if not out then return nil, err end
  for name, value in pairs(headers or {}) do out.headers[name:lower()] = value end
  self.payload_hash = self.scheme.disable_double_encoding and "UNSIGNED-PAYLOAD" or nil
  local query
  query, err = auth.presign(self, out, expires)
  if not query then return nil, err end
  local rest = {}
  for name, value in pairs(out.headers) do
    if name ~= "host" then rest[name] = value end
  end
  return out.base .. out.path .. "?" .. query, { method = out.method, headers = rest }
end

local function is_streamed(call)
  local options = call.options
  if options.stream == nil and options.save == nil then return nil end
  return require("eksrun.aws.customize.stream").is_wanted(call)
end

-- The answer of a call whose output is a stream of events or bytes: of an error, the body is read.
local function receive(call, signed, streams)
  signed.stream = streams or nil
  -- An object's bytes are what they are, compressed or not.
  if call.traits.stream_output then signed.decompress = false end
  observe.tell("sending", call, signed)
  local response, err = exchange.send(call, signed)
  if not response or not streams then return response, err end
  local body = response.body
  if response.status < 300 then
    response.stream, response.body = body, ""
  else
    response.body, err = body:try_read_all()
    if not response.body then return nil, err end
  end
  return response
end

-- Puts the stream into the output, or nil and error.
local function open_events(call, output, response, events)
  local module = require "eksrun.aws.events"
  local stream = module.open(call, response.stream, events)
  if not call.client.metadata.protocol:find "^rest" then
    local err
    output, err = module.initial(stream)
    if not output then return nil, err end
  end
  output[call.traits.event_output] = stream
  return output
end

-- Output or nil and error; then the response, if there was one.
local function send(call)
  local name, operation = call.client.name, call.operation
  local signed, err = call:sign()
  if not signed then return nil, err end
  local events, stream = operation:events(), is_streamed(call)
  local response
  response, err = receive(call, signed, events ~= nil or stream)
  if not response then return nil, errors.failed(name, call.name, err) end
  local changed
  changed, err = run_hooks(call, "response", response)
  if not changed then return nil, err, response end
  response = changed
  if response.status >= 300 then
    local parsed = operation:parse_error(response.status, response.headers, response.body)
    local source = call.credentials and call.credentials.source
    if response.status < 400 then parsed.message = errors.redirect(response) or parsed.message end
    return nil, errors.service(name, call.name, response.status, parsed, source), response
  end
  local ok, output = pcall(operation.parse, operation, response.status, response.headers, response.body)
  if not ok then
    if type(output) ~= "table" then error(output, 0) end
    output.status = response.status
    -- Where nothing said how long the answer is, the end of the connection may have cut it.
    output.retryable = response.headers["content-length"] == nil
      and response.headers["transfer-encoding"] == nil
    return nil, errors.failed(name, call.name, output), response
  end
  if events then
    output, err = open_events(call, output, response, events)
    if not output then return nil, err, response end
  elseif stream then
    output, err = require("eksrun.aws.customize.stream").deliver(call, output, response.stream)
    if not output then return nil, err, response end
  end
  output, err = run_hooks(call, "output", output)
  return output, err, response
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

-- Whether the same call may succeed at once: with the clock or the credentials put right, or with
-- what a hook changed. Each of them has one try.
local function is_mended(call, err, response)
  local tried = call.tried or {}
  call.tried = tried
  local function once(key, mend)
    if tried[key] or not mend() then return false end
    tried[key] = true
    return true
  end
  if response and once("clock", function() return clock_skew.learn(call, err, response) end) then
    return true
  end
  if response and once("credentials", function() return auth.renew(call, err) end) then return true end
  for _, hook in ipairs(call.hooks) do
    if hook.mend and once(hook, function() return hook.mend(call, err, response) end) then return true end
  end
  return false
end

-- Sends the call until it succeeds or is given up.
local function run(call, policy)
  local system = call.client.system
  while true do
    local ready, err = call:prepare()
    if not ready then return nil, err end
    local output, response
    output, err, response = attempt(call)
    if output then
      call.attempts:succeeded()
      return output, nil, response
    end
    if not is_mended(call, err, response) then
      local wish = response and policy:wish(response.headers, system.now())
      local delay, _, pause = call.attempts:failed(err, wish)
      err.retryable = retry.classify(err) ~= nil
      err.attempts = call.attempts.count
      if call.options.resend == false and retry.leaves_open(err) then return nil, err, response end
      if delay or pause then
        observe.tell("waiting", call, delay or pause, "retry")
        system.sleep(delay or pause)
      end
      if not delay then return nil, err, response end
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
