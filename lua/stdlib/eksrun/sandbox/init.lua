--- An AWS inside the program: it answers requests of the AWS client, or of any other, as AWS would, from a
--- state of its own and on whatever clock it is given.
---
---   local sandbox = require "eksrun.sandbox"
---   local world = sandbox.new { seed = 1 }
---   local aws = require "eksrun.aws".session(world:options())
---
--- A request goes: service and region by its signature -> operation and parameters by the model's server
--- half -> what happened meanwhile -> signature -> buckets -> IAM -> client token -> handler -> page ->
--- answer. Handlers are tables of functions by operation, a module a service or family (services.lua names
--- them); what they raise is an error of AWS's.
local authorize = require "eksrun.sandbox.iam.authorize"
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local faults = require "eksrun.sandbox.faults"
local native = require "eksrun.native.aws"
local paging = require "eksrun.sandbox.paging"
local principals = require "eksrun.sandbox.iam.principals"
local refusal = require "eksrun.sandbox.refusal"
local s3 = require "eksrun.sandbox.s3.address"
local services = require "eksrun.sandbox.services"
local throttles = require "eksrun.sandbox.throttle"
local tokens = require "eksrun.sandbox.tokens"
local util = require "eksrun.util"
local virtual = require "eksrun.sandbox.virtual"
local worlds = require "eksrun.sandbox.world"

local M = {}

--- @class eksrun.Sandbox
--- @field world eksrun.sandbox.World
--- @field started number when it was made, on its clock
--- @field virtual boolean
--- @field throttle? eksrun.sandbox.Throttle
--- @field scale? number how many seconds its clock shows in one of the world; 1
--- @field clock? fun(): number what it shows, once somebody asked
local Sandbox = {}
Sandbox.__index = Sandbox

--- @class eksrun.Sandbox.Options
--- @field seed? integer decides ids and durations; default 1
--- @field now? number when a new one begins, seconds since 1970; default world.EPOCH
--- @field state? table what save() returned
--- @field enforce? boolean|table[] true: everybody may do what IAM says; a list of policy documents, parsed:
--- those of the administrator, whom no key was given to. Default: nobody is refused
--- @field observe? fun(requests: eksrun.sandbox.iam.Request[], call: eksrun.sandbox.Call) sees what each call
--- asks IAM
--- @field keys? table<string, string> secrets by access key id: with them, every request has to be signed by
--- one of these, or by a key that was given out in the sandbox; without them any key will do
--- @field virtual? boolean nobody has to wait: virtual.lua
--- @field throttle? boolean false: requests may come as fast as they like; default: as fast as AWS documents
--- @field faults? string|eksrun.sandbox.Faults what goes wrong on purpose: faults.lua
--- @field crash? fun(sandbox: eksrun.Sandbox) ends the client where the faults say so: does not return

--- A sandbox that is new, or goes on from a state.
--- @param options? eksrun.Sandbox.Options
--- @return eksrun.Sandbox
--- Raises { code = "sandbox" } for a state that is none.
function M.new(options)
  options = options or {}
  util.check_options("sandbox.new", options, {
    seed = "integer?", now = "number?", state = "table?", virtual = "boolean?", enforce = "any?",
    observe = "function?", faults = "any?", crash = "function?",
    keys = "table?", throttle = "boolean?",
  })
  if options.state and options.state.version ~= 1 then
    util.fail("sandbox", "the state is not one of a sandbox")
  end
  local self = setmetatable({
    world = worlds.new(options), enforce = options.enforce, observe = options.observe,
    virtual = options.virtual or false, keys = options.keys, crash = options.crash, responses = 0,
    throttle = options.throttle ~= false and throttles.new() or nil,
  }, Sandbox)
  self:set_faults(options.faults)
  self.world.authorize = function(call) self:authorize(call) end
  self.world.pause = function(now, last, soonest) return self:pause(now, last, soonest) end
  self.started = self.world.state.now
  for name, handler in pairs(calls.events) do self.world.handlers[name] = handler end
  services.events(self.world.handlers)
  return self
end

--- Has things go wrong from now on.
--- @param settings? eksrun.sandbox.Faults|string nil: nothing any more
function Sandbox:set_faults(settings)
  if type(settings) == "string" then settings = faults.parse(settings) end
  self.faults = settings
  self.world.late = settings and settings.late
  self.world.state.shortages = settings and settings.capacity
end

-- Who asks for what, as the signature says: service as signed, region, access key id.
local function scope_of(request)
  local headers, query = request.headers or {}, request.query or ""
  local credential = (headers.authorization or ""):match "Credential=([^,%s]+)"
  if not credential then
    credential = query:match "X%-Amz%-Credential=([^&]+)"
    credential = credential and util.percent_decoded(credential)
  end
  local key, region, signed = (credential or ""):match "^([^/]+)/%d+/([^/]+)/([^/]+)/aws4_request$"
  if region then return signed, region, key end
  local host = (headers.host or ""):match "^[^:]+"
  -- Who has a token and no keys yet signs nothing.
  if (request.body or ""):find("Action=AssumeRoleWith", 1, true) then
    return "sts", (host or ""):match "^sts%.([%w-]+)%.amazonaws%." or "us-east-1"
  end
  return (host or ""):match "^([%w-]+)%.", (host or ""):match "^[%w-]+%.([%w-]+)%.amazonaws%." or "us-east-1"
end

local function partition_of(region)
  if region:find "^cn%-" then return "aws-cn" end
  if region:find "^us%-gov%-" then return "aws-us-gov" end
  return "aws"
end

local function lower(headers)
  local out = {}
  for name, value in pairs(headers) do out[name:lower()] = value end
  return out
end

function Sandbox:call_context(fields)
  fields.world, fields.account = self.world, self.world.state.account
  fields.partition = partition_of(fields.region)
  fields.principal = principals.of(self.world, fields.partition, fields.access_key_id)
  fields.own = fields.own or util.fingerprint(fields.operation, fields.params)
  return calls.new(fields)
end

local outputs = {}

-- The shape of what an operation answers.
local function output_of(operation)
  local info = operation:info()
  local key = info.service .. ":" .. info.name
  outputs[key] = outputs[key] or operation:output() or { type = "structure", members = {} }
  return outputs[key]
end

-- How often who waits looks again, in seconds of the world.
local LOOK = 0.1

--- Has a request wait on the sandbox's clock. Virtual time goes to what will happen, or nowhere.
--- @param now number
--- @param last number
--- @param soonest number?
--- @return number? now
function Sandbox:pause(now, last, soonest)
  if self.virtual then
    if not soonest or soonest > last then return nil end
    self:advance(soonest)
  else
    local scale = self.scale or 1
    local seconds = math.min(last, soonest or last) - now
    require("eksrun.task").sleep(math.max(0, math.min(seconds / scale, LOOK)))
    self:advance(self.clock())
  end
  return self.world.state.now
end

-- What the call asks IAM, and whether that says yes.
function Sandbox:authorize(call)
  if self.observe then self.observe(authorize.requests(call), call) end
  if not self.enforce then return end
  local own = call.principal.root and type(self.enforce) == "table" and self.enforce
  authorize.check(call, own or nil)
end

-- Calls the handler of an operation; returns the output.
function Sandbox:perform(service_name, region, operation, params, access_key_id)
  local service = native.service(service_name)
  local name, info = operation:name(), operation:info()
  local handler = services.handler(service_name, name)
  if not handler then
    fault.raise("NotInSandbox", "the sandbox does not have %s:%s", service_name, name)
  end
  refusal.check(service_name, operation, params)
  local call = self:call_context {
    region = region, service = service_name, operation = name, params = params, access_key_id = access_key_id,
    now = self.world.state.now, own = tokens.fingerprint(name, info, params),
  }
  self:authorize(call)
  if params.DryRun then
    fault.raise_with("DryRunOperation", "Request would have succeeded, but DryRun flag is set.",
      { status = 412 })
  end
  local shape = output_of(operation)
  local output = tokens.once(call, info, handler, shape) or {}
  -- What is not of the page need not be copied.
  return calls.shown(paging.page(service_name, service:paginator(name), params, output), shape)
end

-- Raises what nobody foresaw: that the state was damaged, if it was.
function Sandbox:stumble(err)
  require("eksrun.sandbox.store").blame(self.world.state, tostring(err))
  error(err, 0)
end

--- Has happen what happens by then.
--- @param now number seconds since 1970
function Sandbox:advance(now)
  local ok, err = pcall(self.world.advance, self.world, now, function(event)
    return self:call_context {
      region = event.region, operation = event.name, params = event.arguments, now = event.at,
      own = util.fingerprint(event.name, event.arguments, event.at), event = true,
    }
  end)
  if not ok then self:stumble(err) end
end

-- Whether a request comes too fast. Where nobody has to wait, time goes on until it does not.
function Sandbox:is_too_fast(region, service, operation, params)
  if not self.throttle then return false end
  local state = self.world.state
  local seconds = self.throttle:take(region, service, operation, params, state.now)
  if seconds == 0 then return false end
  if not self.virtual then
    self.throttle:count(service, operation)
    return true
  end
  self:advance(state.now + seconds)
  return self:is_too_fast(region, service, operation, params)
end

-- What is wrong with who signs a request, if anything. Keys that nobody was given are anybody's, unless there
-- are others; those that were given out have to be used rightly where it matters who calls.
function Sandbox:distrust(request, access_key_id, service, protocol)
  local signature = require "eksrun.sandbox.signature"
  if not access_key_id then return signature.missing(service, protocol) end
  if self.keys or self.enforce and principals.key(self.world, access_key_id) then
    return signature.check(request, self.world, self.keys or {}, service, protocol)
  end
end

--- Answers a request.
--- @param request eksrun.native.aws.Received
--- @param now number seconds since 1970
--- @param refuse? "throttle"|"error" without a look at what is asked for
--- @return eksrun.native.aws.Answer
function Sandbox:answer(request, now, refuse)
  local state = self.world.state
  self:advance(now)
  state.requests = state.requests + 1
  local options = { request_id = worlds.uuid(self.world:hash("request", state.requests)) }
  local signed, region, access_key_id = scope_of(request)
  local name = services.signed_as(signed, request)
  local service = name and native.service(name)
  if not service then return refusal.unknown_service(request, signed, access_key_id, options) end
  local operation, params, meant = service:route(name == "s3" and s3.by_path(request) or request)
  local answer
  if not operation then
    answer = (meant or service):serialize_error(params, options)
  else
    local protocol = service:metadata().protocol
    local bad = not operation:is_unsigned() and self:distrust(request, access_key_id, name, protocol)
    if not bad and not refuse and self:is_too_fast(region, name, operation:name(), params) then
      refuse = "throttle"
    end
    local function perform()
      if bad then return false, bad end
      if refuse then return false, faults.refusal(refuse, name, protocol) end
      return pcall(self.perform, self, name, region, operation, params, access_key_id)
    end
    local ok, output = perform()
    if self.virtual then ok, output = virtual.pass(self, operation:name(), perform, ok, output) end
    if ok then
      ok, answer = pcall(operation.serialize, operation, output, options)
      if not ok then self:stumble(answer) end
    elseif fault.is(output) then
      answer = refusal.answer(service, operation, output, options)
    else
      self:stumble(output)
    end
  end
  answer.headers = lower(answer.headers)
  answer.headers["x-amzn-requestid"] = answer.headers["x-amzn-requestid"] or options.request_id
  return answer
end

-- The client ends here, if it is to end at this moment of this request.
function Sandbox:crash_at(number, moment)
  local crash = self.faults and self.faults.crash
  if crash and crash.at == number and crash.moment == moment then self.crash(self) end
end

--- Answers a request, unless something goes wrong on purpose.
--- @param request eksrun.native.aws.Received
--- @param now fun(): number seconds since 1970
--- @return eksrun.native.aws.Answer? answer nil: the connection breaks
function Sandbox:respond(request, now)
  self.clock = now
  if not self.faults then return self:answer(request, now()) end
  local task = require "eksrun.task"
  self.responses = self.responses + 1
  local number = self.responses
  local met = faults.draw(self.faults, self.world, number)
  self:crash_at(number, "before")
  if met.slow then task.sleep(met.slow) end
  if met.reset then return nil end
  local answer = self:answer(request, now(), met.refuse)
  self:crash_at(number, "during")
  if met.lost then return nil end
  -- The client goes on with the answer until it waits.
  if self.faults.crash then task.spawn(self.crash_at, self, number, "after") end
  return answer
end

--- Answers a request of eksrun.http, after the time that a call takes.
--- @param request table url, method, headers, body
--- @return table? response status, headers, body
--- @return table? error object, where the connection breaks on purpose
function Sandbox:request(request)
  local clock, task = require "eksrun.clock", require "eksrun.task"
  local host, path, query = request.url:match "^%a+://([^/?]*)([^?]*)%??(.*)$"
  local headers = lower(request.headers or {})
  -- The same for the same operation: what comes of many requests does not depend on their order.
  task.sleep(self.world:duration("call", host, path, headers["x-amz-target"],
    tostring(request.body):match "Action=%w+"))
  local answer = self:respond({
    method = request.method or "GET", path = path == "" and "/" or path, query = query,
    headers = headers, body = request.body or "",
  }, clock.now)
  if not answer then
    return nil, require("eksrun.error").new {
      code = "network", message = "the sandbox broke the connection, as it was told to", retryable = true,
    }
  end
  answer.headers.date = clock.format_iso8601(clock.now(), "http")
  return { status = answer.status, headers = answer.headers, body = answer.body }
end

--- What makes clients of eksrun.aws talk to this sandbox, and to nothing else: nobody's credentials, settings
--- and endpoints count.
--- @param region? string default us-east-1
--- @return eksrun.aws.ClientOptions
function Sandbox:options(region)
  local drawn = 0
  -- Waits before another attempt are the seed's, too: the same run asks the same in the same order.
  local function random()
    drawn = drawn + 1
    return tonumber(self.world:hash("random", drawn):sub(1, 8), 16) / 0x100000000
  end
  return {
    region = region or "us-east-1",
    credentials = { access_key_id = "AKIASANDBOX000000000", secret_access_key = "sandbox" },
    ignore_configured_endpoint_urls = true,
    system = require("eksrun.aws.system").with {
      request = function(request) return self:request(request) end,
      env = function() return nil end,
      read_file = function() return nil end,
      read_private = function() return nil end,
      random = random,
    },
  }
end

--- How long the sandbox has been in use, on its clock: seconds since it was made or loaded.
--- @return number
function Sandbox:elapsed() return self.world.state.now - self.started end

--- All of it, as data that JSON can hold, for new { state = ... }.
--- @param now number seconds since 1970, on its clock
--- @return table
function Sandbox:save(now)
  self.world.state.now = math.max(self.world.state.now, now)
  return self.world.state
end

return M
