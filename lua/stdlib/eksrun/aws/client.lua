--- A client of one service: a call is built by the model, signed, sent, retried, and parsed.
---
---   local eks = client.new("eks", { region = "eu-west-1" })
---   eks:describe_cluster { name = "x" }       -- the output, or raises an error object
---   eks.try:describe_cluster { name = "x" }   -- the output, or nil and the error object
---
--- A caller's mistake (an unknown operation or parameter) raises in either form, before anything is
--- sent. Nothing is looked up before the first call.
local error = error
local config = require "eksrun.aws.config"
local credentials_module = require "eksrun.aws.credentials"
local endpoint_module = require "eksrun.aws.endpoint"
local errors = require "eksrun.aws.errors"
local native = require "eksrun.native.aws"
local retry = require "eksrun.aws.retry"
local system_module = require "eksrun.aws.system"

local M = {}

-- Seconds that the clocks of hosts run ahead of ours, once they complained.
local skews = {}

-- A difference of clocks smaller than this is no reason for a refusal.
local SKEW_MIN = 240

--- @class eksrun.aws.ClientOptions: eksrun.aws.Options
--- @field credentials? eksrun.aws.Credentials|table fixed ones
--- @field role_arn? string a role to assume
--- @field role_session_name? string
--- @field role_duration? integer seconds
--- @field max_attempts? integer the first one included; 3 if nothing says otherwise
--- @field timeout? number seconds a single attempt may take; 60
--- @field token? fun(operation: string): string|nil idempotency tokens, instead of random ones
--- @field system? eksrun.aws.System for tests

local known_options = {
  "credentials", "endpoint", "max_attempts", "profile", "region", "role_arn", "role_duration",
  "role_session_name", "system", "timeout", "token",
}

local function suggest(name, list) return require("eksrun.text").suggest(name, list) end

local function did_you_mean(near)
  if #near == 0 then return "" end
  return ", did you mean " .. table.concat(near, " or ") .. "?"
end

--- @class eksrun.aws.Client
--- @field try table the same operations, returning nil and the error instead of raising
local Client = {}

local function operation_of(self, name)
  local state = rawget(self, "_state")
  local found = state.operations[name]
  if found then return found end
  found = state.service:operation(name)
  if not found then
    errors.misuse(("%s has no operation '%s'%s"):format(state.name, name,
      did_you_mean(state.service:suggest(name))))
  end
  state.operations[name] = found
  return found
end

-- Adds the method for an operation to the client or to its try.
local function add_method(client, receiver, key, raises)
  operation_of(client, key)
  local function method(this, params, options)
    if this ~= receiver then errors.misuse(("call %s with a colon: client:%s { ... }"):format(key, key)) end
    local output, err = Client.invoke(client, key, params, options)
    if not raises then return output, err end
    if err then error(err, 0) end
    return output
  end
  rawset(receiver, key, method)
  return method
end

function Client:__index(key)
  if Client[key] ~= nil then return Client[key] end
  if type(key) ~= "string" then return nil end
  return add_method(self, self, key, true)
end

function Client:__tostring() return ("client of %s"):format(self._state.name) end

--- Makes a client.
--- @param name string service, as the AWS CLI calls it: "eks"
--- @param options? eksrun.aws.ClientOptions
--- @return eksrun.aws.Client
function M.new(name, options)
  options = options or {}
  local known = {}
  for _, key in ipairs(known_options) do known[key] = true end
  for key in pairs(options) do
    if not known[key] then
      errors.misuse(("aws.client: unknown option '%s'%s"):format(key,
        did_you_mean(suggest(tostring(key), known_options))))
    end
  end
  local service = native.service(name)
  if not service then
    errors.misuse(("there is no service '%s'%s"):format(name, did_you_mean(suggest(name, native.services()))))
  end
  local client = setmetatable({
    _state = {
      name = name,
      service = service,
      metadata = service:metadata(),
      options = options,
      system = options.system or system_module.default,
      operations = {},
    },
  }, Client)
  client.try = setmetatable({}, {
    __index = function(try, key) return add_method(client, try, key, false) end,
  })
  return client
end

-- ---- what the first call looks up

local function find_endpoint(state)
  local metadata, options = state.metadata, state.options
  local region, err = config.try_region(options, state.system)
  if not region then return nil, err end
  local url
  url, err = config.endpoint(metadata.serviceId or state.name, options, state.system)
  if err then return nil, err end
  if url then
    return endpoint_module.parse(url, endpoint_module.signing_region(state.name, region))
  end
  return endpoint_module.resolve(state.name, metadata.endpointPrefix, region)
end

local function find_policy(state)
  local attempts = state.options.max_attempts
  if not attempts then
    local value, err = config.value("AWS_MAX_ATTEMPTS", "max_attempts", state.options, state.system)
    if err then return nil, err end
    attempts = value and math.tointeger(tonumber(value))
    if value and (not attempts or attempts < 1) then
      return nil, errors.new {
        code = "config",
        message = ("max_attempts '%s' is not a number of attempts"):format(value),
      }
    end
  end
  return retry.new { max_attempts = attempts, random = state.system.random }
end

local function prepare(state)
  local err
  state.endpoint, err = find_endpoint(state)
  if err then return nil, err end
  state.retry, err = find_policy(state)
  if err then return nil, err end
  return true
end

local function resolver_of(state)
  local options = state.options
  if not options.credentials then return credentials_module.shared(options, state.system) end
  -- A role assumed with credentials of the caller's is nobody else's.
  state.resolver = state.resolver or credentials_module.resolver(options, state.system)
  return state.resolver
end

local function credentials_of(state)
  local given = state.options.credentials
  if not given or state.options.role_arn then return resolver_of(state):get() end
  state.fixed = state.fixed or (getmetatable(given) == false and given or credentials_module.new(given))
  return state.fixed
end

-- ---- one attempt

local function user_agent()
  return ("eksrun/%s lua/%s"):format(_G._EKSRUN_VERSION or "0", _VERSION:match("%d+%.%d+"))
end

-- The headers go into the signature, so they are all that a proxy may not change.
local function headers_of(request, endpoint)
  local headers = { host = endpoint.host }
  for name, value in pairs(request.headers) do headers[name:lower()] = value end
  return headers
end

-- The URL and the headers to send. x-amz-content-sha256 is always signed: AWS takes it everywhere,
-- and a verifier that does not see the body needs it.
local function sign(state, operation, request, credentials)
  local endpoint, metadata = state.endpoint, state.metadata
  if request.host_prefix and not endpoint.custom then
    endpoint = { url = endpoint.url:gsub("//", "//" .. request.host_prefix, 1),
      host = request.host_prefix .. endpoint.host, path = endpoint.path, region = endpoint.region }
  end
  local headers = headers_of(request, endpoint)
  local query = request.query ~= "" and request.query or nil
  if credentials then
    local plain = metadata.signatureVersion == "s3" or metadata.signatureVersion == "s3v4"
    local signature = require("eksrun.sigv4").sign {
      method = request.method,
      path = endpoint.path .. request.path,
      query = query,
      headers = headers,
      body = request.body or "",
      credentials = credentials,
      region = endpoint.region,
      service = metadata.signingName or metadata.endpointPrefix,
      time = state.system.now() + (skews[endpoint.host] or 0),
      normalize_path = not plain,
      double_encode = not plain,
      sign_body_header = true,
    }
    for name, value in pairs(signature) do headers[name] = value end
  end
  headers["user-agent"] = user_agent()
  return {
    method = request.method,
    url = endpoint.url .. request.path .. (query and "?" .. query or ""),
    headers = headers,
    body = request.body,
    timeout = state.options.timeout or 60,
    operation = operation,
  }
end

-- Whether the server's clock is so far from ours that it explains an error; remembers by how much.
local function corrects_clock(state, err, response)
  local date = response.headers.date
  if not date or not errors.may_be_clock(err) then return false end
  local ok, theirs = pcall(require("eksrun.clock").parse, date)
  if not ok or not theirs then return false end
  local host = state.endpoint.host
  local skew = theirs - state.system.now()
  if math.abs(skew - (skews[host] or 0)) < SKEW_MIN then return false end
  skews[host] = skew
  return true
end

-- The one place through which every request goes: limits on how many and how fast belong here.
local function exchange(state, signed)
  return state.system.request {
    method = signed.method,
    url = signed.url,
    headers = signed.headers,
    body = signed.body,
    timeout = signed.timeout,
    ca_bundle = state.ca_bundle,
  }
end

-- Output or nil and error; then the response, if there was one.
local function attempt(state, operation, name, request, credentials)
  local response, err = exchange(state, sign(state, name, request, credentials))
  if not response then return nil, errors.failed(state.name, name, err) end
  if response.status >= 300 then
    local parsed = operation:parse_error(response.status, response.headers, response.body)
    err = errors.service(state.name, name, response.status, parsed, credentials and credentials.source)
    return nil, err, response
  end
  local ok, output = pcall(operation.parse, operation, response.status, response.headers, response.body)
  if ok then return output, nil, response end
  if type(output) ~= "table" then error(output, 0) end
  output.status = response.status
  return nil, errors.failed(state.name, name, output), response
end

-- Whether the same request may succeed at once, with the clock or the credentials put right.
local function is_mended(state, err, response, credentials)
  if not response then return false end
  if corrects_clock(state, err, response) then return true end
  if not errors.is_expired(err) or credentials == state.fixed then return false end
  local resolver = resolver_of(state)
  resolver:drop(credentials)
  local again = resolver:get()
  return again ~= nil and again.access_key_id ~= credentials.access_key_id
end

-- ---- calls

local function build(self, name, params, options)
  local state = rawget(self, "_state")
  local operation = operation_of(self, name)
  if params ~= nil and type(params) ~= "table" then
    errors.misuse(("%s: parameters (table) expected, not a %s"):format(name, type(params)))
  end
  local token = options and options.token or state.options.token
  return operation, operation:build(params or {}, token and { token = token(operation:name()) })
end

--- Calls an operation by name.
--- @param name string describe_cluster or DescribeCluster
--- @param params? table
--- @param options? table token: function(operation) -> string|nil
--- @return table|nil output
--- @return table|nil error object
--- @return table|nil response with status and headers
function Client:invoke(name, params, options)
  local state = rawget(self, "_state")
  local operation, request = build(self, name, params, options)
  local ok, err
  if not state.endpoint or not state.retry then
    ok, err = prepare(state)
    if not ok then return nil, err end
  end
  local attempts, mended = state.retry:start(), false
  local title = operation:name()
  while true do
    local credentials
    if not operation:is_unsigned() then
      credentials, err = credentials_of(state)
      if not credentials then return nil, err end
    end
    local output, response
    output, err, response = attempt(state, operation, title, request, credentials)
    if output then
      attempts:succeeded()
      return output, nil, response
    end
    if not mended and is_mended(state, err, response, credentials) then
      mended = true
    else
      local delay = attempts:failed(err, response and retry.wish(response.headers))
      err.retryable = retry.classify(err) ~= nil
      err.attempts = attempts.count
      if not delay then return nil, err, response end
      state.system.sleep(delay)
    end
  end
end

--- The request that a call would send, signed.
--- @param name string
--- @param params? table
--- @return table method, url, headers (by lower-case name), body
--- Raises an error object if there are no credentials.
function Client:dry(name, params)
  local state = rawget(self, "_state")
  local operation, request = build(self, name, params)
  local ok, err = prepare(state)
  if not ok then error(err, 0) end
  local credentials
  if not operation:is_unsigned() then
    credentials, err = credentials_of(state)
    if not credentials then error(err, 0) end
  end
  return sign(state, operation:name(), request, credentials)
end

--- Iterates over the pages of an operation; one page if it is not paginated.
---
---   for page in client:pages("list_clusters") do ... end
--- @param name string
--- @param params? table
--- @return fun(): table|nil
function Client:pages(name, params)
  operation_of(self, name)
  return require("eksrun.aws.paginator").pages(self, name, params)
end

--- All elements of a paginated operation, in one list.
--- @param name string
--- @param params? table
--- @return table list
function Client:collect(name, params)
  operation_of(self, name)
  return require("eksrun.aws.paginator").collect(self, name, params)
end

--- Waits until a waiter of the model is satisfied.
--- @param name string cluster_active or ClusterActive
--- @param params table of the operation that the waiter polls
--- @param options? eksrun.aws.WaitOptions
--- @return table output the last one, {} if an error was what was waited for
--- Raises {code = "wait_failed"|"timeout"} or the error that ended the wait.
function Client:wait(name, params, options)
  return require("eksrun.aws.waiter").wait(self, name, params, options)
end

--- The model of the service: operations, waiters, paginators.
function Client:service() return rawget(self, "_state").service end

--- @return string
function Client:service_name() return rawget(self, "_state").name end

--- The region that calls go to, or raises.
--- @return string
function Client:region()
  local state = rawget(self, "_state")
  return config.region(state.options, state.system)
end

return M
