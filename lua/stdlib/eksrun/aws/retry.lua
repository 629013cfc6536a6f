--- Retries, as the SDKs' standard mode has them: which failures are worth another attempt, how long
--- to wait, and when to give up. Decides only; whoever calls it sleeps and sends.
---
--- Every retry takes tokens from a bucket that all calls of a client share, and success gives them
--- back, so a service that is down is not stormed. Source: botocore's retries/standard.py.
local config = require "eksrun.aws.config"
local errors = require "eksrun.aws.errors"

local M = {}

-- Codes that say "slower": an error with one is retried whatever its status.
local throttling = {
  Throttling = true,
  ThrottlingException = true,
  ThrottledException = true,
  RequestThrottledException = true,
  TooManyRequestsException = true,
  ProvisionedThroughputExceededException = true,
  TransactionInProgressException = true,
  RequestLimitExceeded = true,
  BandwidthLimitExceeded = true,
  LimitExceededException = true,
  RequestThrottled = true,
  SlowDown = true,
  PriorRequestNotComplete = true,
  EC2ThrottledException = true,
}

local transient = {
  RequestTimeout = true,
  RequestTimeoutException = true,
  PriorRequestNotComplete = true,
  IDPCommunicationError = true,
}

local transient_status = { [500] = true, [502] = true, [503] = true, [504] = true }

--- LimitExceededException is a quota in most services; only Kinesis throttles by it.
local function is_throttling(err)
  if err.code == "LimitExceededException" then return err.service == "kinesis" end
  return throttling[err.code] or err.throttling == true or err.status == 429
end

--- What kind of failure an error is, or nil if another attempt would not change it.
--- @param err table error object: code, status, service; from the model: retryable, throttling
--- @return "throttling"|"timeout"|"transient"|nil
function M.classify(err)
  if is_throttling(err) then return "throttling" end
  if err.code == "timeout" then return "timeout" end
  if transient[err.code] or transient_status[err.status] or err.retryable then return "transient" end
  return nil
end

--- @class eksrun.aws.Bucket
--- @field capacity integer
--- @field tokens integer

--- @param capacity? integer tokens; 500 if not given
--- @return eksrun.aws.Bucket
function M.bucket(capacity)
  capacity = capacity or 500
  return { capacity = capacity, tokens = capacity }
end

--- @class eksrun.aws.RetryPolicy
--- @field max_attempts integer the first one included
--- @field bucket eksrun.aws.Bucket
--- @field base number seconds: the first delay at most
--- @field max_backoff number seconds
--- @field random fun(): number in [0, 1)
local Policy = {}
Policy.__index = Policy

--- @param options? table max_attempts (3), bucket, base (1), max_backoff (20), random
--- @return eksrun.aws.RetryPolicy
function M.new(options)
  options = options or {}
  return setmetatable({
    max_attempts = options.max_attempts or 3,
    bucket = options.bucket or M.bucket(),
    base = options.base or 1,
    max_backoff = options.max_backoff or 20,
    random = options.random or math.random,
  }, Policy)
end

--- @class eksrun.aws.Attempts one call and its attempts
--- @field count integer attempts that failed so far
local Attempts = {}
Attempts.__index = Attempts

--- @return eksrun.aws.Attempts
function Policy:start()
  return setmetatable({ policy = self, count = 0, spent = 0 }, Attempts)
end

-- A server's own wish counts, within five seconds of what we would have waited.
local function delay_of(policy, count, wish)
  local delay = math.min(policy.random() * policy.base * 2 ^ (count - 1), policy.max_backoff)
  if wish == nil or wish <= delay then return delay end
  return math.min(wish, delay + 5)
end

--- Records a failure.
--- @param err table error object
--- @param wish? number seconds, what the server asked for
--- @return number|nil seconds to wait before the next attempt; nil: give up
--- @return "final"|"max_attempts"|"quota"|nil why to give up
function Attempts:failed(err, wish)
  local policy = self.policy
  local kind = M.classify(err)
  self.count = self.count + 1
  if not kind then return nil, "final" end
  if self.count >= policy.max_attempts then return nil, "max_attempts" end
  local cost = kind == "timeout" and 10 or 5
  if policy.bucket.tokens < cost then return nil, "quota" end
  policy.bucket.tokens = policy.bucket.tokens - cost
  self.spent = cost
  return delay_of(policy, self.count, wish)
end

--- Records success: the last retry's tokens come back, or one if none was needed.
function Attempts:succeeded()
  local bucket = self.policy.bucket
  bucket.tokens = math.min(bucket.capacity, bucket.tokens + (self.spent > 0 and self.spent or 1))
end

--- The seconds a response asks a client to wait, from Retry-After or x-amz-retry-after (ms).
--- @param headers table<string, string> lower-case names
--- @return number|nil
function M.wish(headers)
  local milliseconds = tonumber(headers["x-amz-retry-after"])
  local seconds = milliseconds and milliseconds / 1000 or tonumber(headers["retry-after"])
  return seconds and seconds >= 0 and seconds or nil
end

--- The policy of a client, from its options and the configuration.
--- @param state table of the client
--- @return eksrun.aws.RetryPolicy|nil, table|nil error object: "config"
function M.of(state)
  if state.retry then return state.retry end
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
  state.retry = M.new { max_attempts = attempts, random = state.system.random }
  return state.retry
end

return M
