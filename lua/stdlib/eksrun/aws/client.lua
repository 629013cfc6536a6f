--- A client of one service: its operations as methods, and what else can be done with them. A call
--- itself is aws/call.lua.
---
---   local eks = client.new("eks", { region = "eu-west-1" })
---   eks:describe_cluster { name = "x" }       -- the output, or raises an error object
---   eks.try:describe_cluster { name = "x" }   -- the output, or nil and the error object
---
--- A caller's mistake (an unknown operation or parameter) raises in either form, before anything is
--- sent. Nothing is looked up before the first call.
local error = error
local call_module = require "eksrun.aws.call"
local models = require "eksrun.aws.models"
local system_module = require "eksrun.aws.system"

local M = {}

-- What callers get wrong is told there; most get nothing wrong.
local function misuse(what, ...) require("eksrun.aws.misuse")[what](...) end

--- @class eksrun.aws.Client
--- @field try table the same operations, returning nil and the error instead of raising
local Client = {}

local function operation_of(self, name)
  local state = rawget(self, "_state")
  local found = state.operations[name]
  if found then return found end
  found = state.service:operation(name)
  if not found then misuse("operation", state, name) end
  state.operations[name] = found
  return found
end

-- Adds the method for an operation to the client or to its try.
local function add_method(client, receiver, key, raises)
  operation_of(client, key)
  local function method(this, params, options)
    if this ~= receiver then misuse("receiver", key) end
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
  if next(options) ~= nil then require("eksrun.aws.client_options").check(options) end
  local service = models.service(name, options.system)
  if not service then misuse("service", name, options.system) end
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

local function new_call(self, name, params, options)
  local state = rawget(self, "_state")
  if state.closed then misuse("closed", name) end
  return call_module.new(state, operation_of(self, name), params, options)
end

--- Calls an operation by name.
--- @param name string describe_cluster or DescribeCluster
--- @param params? table
--- @param options? eksrun.aws.CallOptions
--- @return table|nil output
--- @return table|nil error object
--- @return table|nil response with status and headers
function Client:invoke(name, params, options)
  local call, err = new_call(self, name, params, options)
  if not call then return nil, err end
  return call:run()
end

--- The request that a call would send, signed.
--- @param name string
--- @param params? table
--- @return table method, url, headers (by lower-case name), body
--- Raises an error object if there are no credentials.
function Client:dry(name, params)
  local call, err = new_call(self, name, params)
  local signed
  if call then call, err = call:prepare() end
  if call then signed, err = call:sign() end
  if not signed then error(err, 0) end
  return signed
end

--- A URL that makes a call for whoever has it, until it expires: of any operation whose parameters
--- fit into a URL, those of query services included.
---
---   local url = aws.s3:presign("get_object", { Bucket = "b", Key = "k" }, { expires = 3600 })
--- @param name string
--- @param params? table
--- @param options? { expires: integer?, headers: table<string, string>? } seconds, 900 if not given and
--- a week at most; headers to sign besides
--- @return string url
--- @return { method: string, headers: table<string, string> } how to use it: headers that have to be sent
--- Raises {code = "presign"} if the call does not fit, or what keeps it from being signed.
function Client:presign(name, params, options)
  local call, err = new_call(self, name, params)
  if not call then error(err, 0) end
  return require("eksrun.aws.presign").url(call, options or {})
end

--- Iterates over the pages of an operation; one page if it is not paginated.
---
---   for page in client:pages("list_clusters") do ... end
--- @param name string
--- @param params? table
--- @param options? eksrun.aws.PageOptions
--- @return fun(): table|nil
function Client:pages(name, params, options)
  operation_of(self, name)
  return require("eksrun.aws.paginator").pages(self, name, params, options)
end

--- All elements of a paginated operation, in one list.
--- @param name string
--- @param params? table
--- @param options? eksrun.aws.PageOptions
--- @return table list
function Client:collect(name, params, options)
  operation_of(self, name)
  return require("eksrun.aws.paginator").collect(self, name, params, options)
end

--- All pages of an operation as one answer.
--- @param name string
--- @param params? table
--- @param options? eksrun.aws.PageOptions
--- @return table answer
--- @return boolean more whether max_items cut it
function Client:merged(name, params, options)
  operation_of(self, name)
  return require("eksrun.aws.paginator").merged(self, name, params, options)
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

--- Ends the use of a client: it forgets its credentials, and calls through it are mistakes. So does
--- leaving the block of `local eks <close> = aws.client "eks"`. Connections are the process's.
function Client:close()
  local state = rawget(self, "_state")
  state.closed, state.resolver, state.fixed, state.options = true, nil, nil, {}
end

Client.__close = Client.close

--- The model of the service: operations, waiters, paginators.
function Client:service() return rawget(self, "_state").service end

--- @return string
function Client:service_name() return rawget(self, "_state").name end

--- The region that calls go to, or raises.
--- @return string
function Client:region()
  local state = rawget(self, "_state")
  return require("eksrun.aws.config").region(state.options, state.system)
end

return M
