--- Limits on how fast and how many requests go out, shared by all tasks and clients of the process.
---
--- AWS counts requests by account, region and API. So does this: where AWS documents the bucket that
--- it counts with (EC2), requests wait for a token of one like it; everywhere, an API that answered
--- "slower" is called more slowly for a while. Adaptive retries limit the whole client besides. And
--- a host serves so many requests at a time at most. Tasks pass in the order in which they came.
local rate = require "eksrun.aws.rate"
local retry = require "eksrun.aws.retry"

local M = {}

-- Requests under way at one host.
local IN_FLIGHT = 64

-- Seconds after the last "slower" until an API is called freely again.
local FORGET = 60

-- Requests a second that an API gets, however often it says "slower": retries wait besides.
local LEAST = 2

local function new_learnt(now) return rate.learnt(now, 1, LEAST) end

-- Buckets that AWS documents: capacity, tokens a second. Source: Amazon EC2 developer guide,
-- "Request throttling for the Amazon EC2 API". Patterns count where no name does.
local documented = {
  ec2 = {
    names = {
      CreateLaunchTemplateVersion = { 100, 5 },
      CreateNatGateway = { 10, 1 },
      CreateNetworkInterface = { 100, 5 },
      CreateTags = { 100, 10 },
      CreateVpcEndpoint = { 4, 0.3 },
      DeleteNatGateway = { 10, 1 },
      DeleteNetworkInterface = { 100, 5 },
      DeleteTags = { 100, 10 },
      DeleteVpcEndpoints = { 4, 0.3 },
      ModifyVpcEndpoint = { 4, 0.3 },
      RunInstances = { 5, 2 },
      StartInstances = { 5, 2 },
      TerminateInstances = { 100, 5 },
    },
    patterns = {
      { "^Describe", { 100, 20 } },
      { "^Get", { 100, 20 } },
      { "^List", { 100, 20 } },
      { "^Search", { 100, 20 } },
      { "", { 50, 5 } },
    },
  },
}

local function documented_bucket(service, operation)
  local own = documented[service]
  if not own then return nil end
  if own.names[operation] then return own.names[operation] end
  for _, entry in ipairs(own.patterns) do
    if operation:find(entry[1]) then return entry[2] end
  end
end

--- @class eksrun.aws.Gate where tasks wait for a token of a bucket
--- @field rate eksrun.aws.Rate
--- @field turn eksrun.Semaphore|nil the tasks that wait, in their order
--- @field waiting integer
local Gate = {}
Gate.__index = Gate

local function new_gate(bucket) return setmetatable({ rate = bucket, waiting = 0 }, Gate) end

local function wait_for_token(gate, system)
  local now = system.now()
  while true do
    local seconds = gate.rate:take(now)
    if seconds <= 0 then return end
    system.sleep(seconds)
    now = math.max(now + seconds, system.now()) -- whatever became of the clock meanwhile
  end
end

local leaving = { __close = function(self) self.gate.waiting = self.gate.waiting - 1 end }

--- Waits for a token, behind those who came before.
--- @param system eksrun.aws.System
--- @return number seconds waited
function Gate:pass(system)
  local started = system.now()
  if self.waiting == 0 and self.rate:take(started) <= 0 then return 0 end
  self.turn = self.turn or require("eksrun.task").semaphore(1)
  self.waiting = self.waiting + 1
  local _ <close> = setmetatable({ gate = self }, leaving)
  self.turn:with(wait_for_token, self, system)
  return math.max(0, system.now() - started)
end

-- What the process shares, by system: its APIs and hosts.
local shared = setmetatable({}, { __mode = "k" })

local function shared_of(system)
  local own = shared[system]
  if not own then
    own = { apis = {}, hosts = {} }
    shared[system] = own
  end
  return own
end

-- The gates of an API: fixed (or nil) and learnt.
local function api_of(call)
  local state = call.client
  local apis = shared_of(state.system).apis
  local held = call.credentials
  local account = held and (held.account_id or held.access_key_id) or "" -- a bearer token has neither
  local key = table.concat({ account, call.endpoint.host, call.name }, " ")
  local api = apis[key]
  if not api then
    local now = state.system.now()
    local bucket = not call.endpoint.custom and documented_bucket(state.name, call.name)
    api = {
      fixed = bucket and new_gate(rate.fixed(bucket[1], bucket[2], now)),
      learnt = new_gate(new_learnt(now)),
    }
    apis[key] = api
  end
  return api
end

local function client_gate(call)
  local state = call.client
  if call.attempts.policy.mode ~= "adaptive" then return nil end
  state.gate = state.gate or new_gate(rate.learnt(state.system.now()))
  return state.gate
end

--- Waits until a call may send a request.
--- @param call eksrun.aws.Call prepared
--- @return number seconds waited
function M.admit(call)
  local state = call.client
  if state.options.rate_limit == false then return 0 end
  local system = state.system
  local now = system.now()
  local api, adaptive = api_of(call), client_gate(call)
  local learnt = api.learnt.rate
  if learnt.enabled and now - learnt.slowed_at > FORGET then api.learnt.rate = new_learnt(now) end
  return (adaptive and adaptive:pass(system) or 0) + (api.fixed and api.fixed:pass(system) or 0)
    + api.learnt:pass(system)
end

--- Learns from what a request met.
--- @param call eksrun.aws.Call
--- @param err table|nil error object
function M.answered(call, err)
  local state = call.client
  if state.options.rate_limit == false then return end
  local now, throttled = state.system.now(), err ~= nil and retry.is_throttling(err)
  api_of(call).learnt.rate:answered(throttled, now)
  local adaptive = client_gate(call)
  if adaptive then adaptive.rate:answered(throttled, now) end
end

--- Runs f(...) when the host has a place for one more request.
--- @param system eksrun.aws.System
--- @param host string
--- @param f function
--- @return ... the results of f
function M.at_host(system, host, f, ...)
  local hosts = shared_of(system).hosts
  local places = hosts[host]
  if not places then
    places = require("eksrun.task").semaphore(IN_FLIGHT)
    hosts[host] = places
  end
  return places:with(f, ...)
end

return M
