--- Limits on how fast and how many requests go out, shared by all tasks and clients of the process.
---
--- AWS counts requests by account, region and API. So does this: where AWS documents the bucket that
--- it counts with (EC2), requests wait for a token of one like it; everywhere, an API that answered
--- "slower" is called more slowly for a while. Adaptive retries limit the whole client besides. And
--- a host serves so many requests at a time at most. Tasks pass in the order in which they came.

local M = {}

-- Requests under way at one host.
local IN_FLIGHT = 64

-- Seconds after the last "slower" until an API is called freely again.
local FORGET = 60

-- Requests a second that an API gets, however often it says "slower": retries wait besides.
local LEAST = 2

-- Waits for tokens of a bucket.
local function pass(bucket, system, count)
  if not bucket or not bucket.enabled then return 0 end
  return require("eksrun.aws.gate").pass(bucket, system, count)
end

-- What the process shares, by system: what it learnt of APIs, documented buckets, hosts.
local shared = setmetatable({}, { __mode = "k" })

local function shared_of(system)
  local own = shared[system]
  if not own then
    own = { apis = {}, fixed = {}, hosts = {} }
    shared[system] = own
  end
  return own
end

-- Whose buckets a call's are: AWS counts by account and region.
local function place_of(call)
  local held = call.credentials
  local account = held and (held.account_id or held.access_key_id) or "" -- a bearer token has neither
  return account .. " " .. call.endpoint.host .. " "
end

-- What is known of an API: since when, whether it was asked before, when it answered first, and the
-- bucket that is learnt from its answers, if it has one yet.
local function api_of(call)
  local system, key = call.client.system, place_of(call) .. call.name
  local apis = shared_of(system).apis
  apis[key] = apis[key] or { since = system.now() }
  return apis[key]
end

-- The bucket of an API, made with its second request or a first "slower": a program that asks once has
-- nothing to pace. The first answer counts all the same.
local function learnt_of(api)
  if not api.learnt then
    api.learnt = require("eksrun.aws.rate").learnt(api.since, 1, LEAST)
    if api.answered_at then api.learnt:answered(false, api.answered_at) end
  end
  return api.learnt
end

-- Waits for the tokens that AWS documents.
local function pass_documented(call)
  if call.endpoint.custom then return 0 end
  local state, seconds = call.client, 0
  local system = state.system
  local fixed = shared_of(system).fixed
  for _, limit in ipairs(require("eksrun.aws.limits").of(state.name, call.name, call.params)) do
    local key = place_of(call) .. limit.name
    fixed[key] = fixed[key] or require("eksrun.aws.rate").fixed(limit.capacity, limit.rate, system.now())
    seconds = seconds + pass(fixed[key], system, limit.cost)
  end
  return seconds
end

-- The bucket of a client's adaptive retries.
local function adaptive_of(call)
  local state = call.client
  if call.attempts.policy.mode ~= "adaptive" then return nil end
  state.adaptive = state.adaptive or require("eksrun.aws.rate").learnt(state.system.now())
  return state.adaptive
end

--- Waits until a call may send a request.
--- @param call eksrun.aws.Call prepared
--- @return number seconds waited
function M.admit(call)
  local state = call.client
  if state.options.rate_limit == false then return 0 end
  local api, system = api_of(call), state.system
  local learnt = api.asked and learnt_of(api) or nil
  api.asked = true
  if learnt and learnt.enabled and system.now() - learnt.slowed_at > FORGET then
    learnt:forget(system.now())
  end
  return pass(adaptive_of(call), system) + pass_documented(call) + pass(learnt, system)
end

--- Learns from what a request met.
--- @param call eksrun.aws.Call
--- @param err table|nil error object
function M.answered(call, err)
  local state = call.client
  if state.options.rate_limit == false then return end
  local now, throttled = state.system.now(), err ~= nil and require("eksrun.aws.failure").is_throttling(err)
  local api = api_of(call)
  if api.learnt or throttled then
    learnt_of(api):answered(throttled, now)
  else
    api.answered_at = now
  end
  local adaptive = adaptive_of(call)
  if adaptive then adaptive:answered(throttled, now) end
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
    places = require("eksrun.semaphore").new(IN_FLIGHT)
    hosts[host] = places
  end
  return places:with(f, ...)
end

return M
