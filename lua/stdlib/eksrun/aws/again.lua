--- What a call does about an attempt that failed: puts right what can be put right, or waits, and tries
--- again.
local auth = require "eksrun.aws.auth"
local clock_skew = require "eksrun.aws.clock_skew"
local errors = require "eksrun.aws.errors"
local failure = require "eksrun.aws.failure"
local observe = require "eksrun.aws.observe"

local M = {}

-- Whether there are other credentials, after a service called these expired.
local function renew(call, err)
  local held, state = call.credentials, call.client
  if not held or not errors.is_expired(err) or held == state.fixed or held.token then return false end
  local resolver = auth.resolver(state)
  resolver:drop(held)
  local found = resolver:get()
  return found ~= nil and found.access_key_id ~= held.access_key_id
end

--- Whether the same call may succeed at once: with the clock or the credentials put right, or with
--- what a hook changed. Each of them has one try.
--- @param call eksrun.aws.Call
--- @param err table error object
--- @param response? eksrun.aws.Response
--- @return boolean
function M.is_mended(call, err, response)
  local tried = call.tried or {}
  call.tried = tried
  local function once(key, mend)
    if tried[key] or not mend() then return false end
    tried[key] = true
    observe.tell("mended", call, type(key) == "string" and key or "hook")
    return true
  end
  local permit = call.permit
  if response and permit and permit.not_after and once("age", function()
    return require("eksrun.aws.signature_age").learn(call, err)
  end) then
    return true
  end
  if response and once("clock", function() return clock_skew.learn(call, err, response) end) then
    return true
  end
  if response and once("credentials", function() return renew(call, err) end) then return true end
  for _, hook in ipairs(call.hooks) do
    if hook.mend and once(hook, function() return hook.mend(call, err, response) end) then return true end
  end
  return false
end

--- Whether there is another attempt; waits until its time has come.
--- @param call eksrun.aws.Call
--- @param policy eksrun.aws.RetryPolicy
--- @param err table error object; retryable and attempts are set
--- @param response? eksrun.aws.Response
--- @return boolean
function M.waited(call, policy, err, response)
  local system = call.client.system
  local wish = response and policy:wish(response.headers, system.now())
  local delay, _, pause = call.attempts:failed(err, wish)
  err.retryable = failure.classify(err) ~= nil
  err.attempts = call.attempts.count
  if call.options.resend == false and failure.leaves_open(err) then return false end
  if delay or pause then
    observe.tell("waiting", call, delay or pause, "retry")
    system.sleep(delay or pause)
  end
  return delay ~= nil
end

return M
