--- What a failed attempt is worth: whether another one may help, how long to wait for it, and what it
--- costs. Source: botocore's retries/standard.py, which has both rules: what released SDKs do, and what
--- AWS_NEW_RETRIES_2026=true switches on.
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
  IDPCommunicationError = true,
}

local transient_status = { [500] = true, [502] = true, [503] = true, [504] = true }

--- What kind of failure an error is, or nil if another attempt would not change it.
--- @param err table error object: code, status; from the model: retryable, throttling
--- @return "throttling"|"timeout"|"transient"|nil
function M.classify(err)
  if throttling[err.code] or err.throttling == true or err.status == 429 then return "throttling" end
  if err.code == "timeout" then return "timeout" end
  if transient[err.code] or transient_status[err.status] or err.retryable then return "transient" end
  return nil
end

--- Whether it is open if the service did what it was asked: no answer, or none of its own.
--- @param err table error object of a call
--- @return boolean
function M.leaves_open(err)
  if err.service == nil or M.classify(err) == "throttling" then return false end
  if err.status == nil then return err.kind ~= "credentials" end
  return err.status < 300 or err.status >= 500
end

--- Whether an error says that calls come too fast. A quota that is used up is retried, as the SDKs
--- do, but to call less often does not mend it.
--- @param err table error object
--- @return boolean
function M.is_throttling(err)
  if err.code == "LimitExceededException" then return err.throttling == true or err.service == "kinesis" end
  return M.classify(err) == "throttling"
end

--- @class eksrun.aws.RetryRules how a version of the SDKs' specification counts
--- @field cost table<string, integer> tokens that a retry costs, by the kind of failure
--- @field base table<string, number> seconds the first delay takes at most, by the kind of failure
--- @field wish fun(headers: table): number|nil what a server asked for, in seconds

-- Operations that wait for something to happen. Their callers call again at once, so they wait even
-- where the call is given up.
local long_polls = {
  sqs = { ReceiveMessage = true },
  stepfunctions = { GetActivityTask = true },
  swf = { PollForActivityTask = true, PollForDecisionTask = true },
}

local function wish_2026(headers)
  local milliseconds = headers["x-amz-retry-after"]
  milliseconds = milliseconds and milliseconds:match("^%d+$")
  return milliseconds and tonumber(milliseconds) / 1000
end

-- Retry-After is in seconds or a date.
local function wish_released(headers, now)
  local wish = wish_2026(headers)
  local after = headers["retry-after"]
  if wish or not after then return wish end
  if after:match("^%d+$") then return tonumber(after) + 0.0 end
  local ok, date = pcall(require("eksrun.clock").parse, after:match("^%a%a%a, .* GMT$"))
  return ok and date and math.max(0, date - now) or nil
end

--- @type table<string, eksrun.aws.RetryRules>
local rules = {
  released = {
    cost = { throttling = 5, transient = 5, timeout = 10 },
    base = { throttling = 1, transient = 1, timeout = 1 },
    wish = wish_released,
  },
  ["2026"] = {
    cost = { throttling = 5, transient = 14, timeout = 14 },
    base = { throttling = 1, transient = 0.05, timeout = 0.05 },
    wish = wish_2026,
  },
}

local quick = { throttling = 1, transient = 0.025, timeout = 0.025 }

--- The seconds that a response asks a client to wait.
--- @param policy eksrun.aws.RetryPolicy
--- @param headers table<string, string> lower-case names
--- @param now number seconds since 1970
--- @return number|nil
function M.wish(policy, headers, now) return rules[policy.rules].wish(headers, now) end

-- A server's own wish counts, within five seconds of what we would have waited.
local function delay_of(policy, kind, count, wish)
  local base = policy.quick and quick or rules[policy.rules].base
  local delay = policy.random() * math.min(base[kind] * 2 ^ (count - 1), policy.max_backoff)
  if wish == nil or wish <= delay then return delay end
  return math.min(wish, delay + 5)
end

local function is_long_poll(policy, operation)
  return policy.rules == "2026" and (long_polls[policy.service] or {})[operation]
end

--- Counts a failure: eksrun.aws.Attempts:failed.
--- @param attempts eksrun.aws.Attempts
--- @param err table error object
--- @param wish? number seconds, what the server asked for
--- @return number|nil seconds to wait before the next attempt; nil: give up
--- @return "final"|"max_attempts"|"quota"|nil why to give up
--- @return number|nil seconds to wait before giving up
function M.count(attempts, err, wish)
  local policy, kind = attempts.policy, M.classify(err)
  attempts.count = attempts.count + 1
  if not kind then return nil, "final" end
  -- A page from somewhere between us and the service is no answer of it.
  policy.answered = policy.answered or err.status ~= nil and err.code ~= "invalid_response"
  local limit = policy.answered and policy.patience or policy.max_attempts
  if attempts.count >= limit then return nil, "max_attempts" end
  local cost, bucket = rules[policy.rules].cost[kind], policy.bucket
  if bucket.tokens < cost then
    local polls = is_long_poll(policy, attempts.operation)
    return nil, "quota", polls and delay_of(policy, kind, attempts.count, wish) or nil
  end
  bucket.tokens = bucket.tokens - cost
  attempts.spent = cost
  return delay_of(policy, kind, attempts.count, wish)
end

return M
