--- Retries, as the SDKs have them: which failures are worth another attempt, how long to wait, and
--- when to give up. Decides only; whoever calls it sleeps and sends.
---
--- Every retry takes tokens from a bucket that all calls of a client share, and success gives them
--- back, so a service that is down is not stormed. Source: botocore's retries/standard.py, which has
--- both rules: what released SDKs do, and what AWS_NEW_RETRIES_2026=true switches on.
local config = require "eksrun.aws.config"

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

local services_2026 = { dynamodb = true, dynamodbstreams = true }

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
--- @field mode "standard"|"adaptive"
--- @field max_attempts integer the first one included
--- @field patience? integer takes its place once the service has answered
--- @field answered? boolean
--- @field bucket eksrun.aws.Bucket
--- @field rules eksrun.aws.RetryRules
--- @field max_backoff number seconds
--- @field random fun(): number in [0, 1)
local Policy = {}
Policy.__index = Policy

--- @class eksrun.aws.RetryOptions
--- @field mode? "standard"|"adaptive"|"legacy" "standard"; legacy is standard with five attempts
--- @field max_attempts? integer 3; 4 for DynamoDB under the rules of 2026
--- @field patience? integer attempts once the service has answered; without max_attempts
--- @field rules? "released"|"2026"
--- @field service? string "sqs"
--- @field bucket? eksrun.aws.Bucket
--- @field max_backoff? number seconds; 20
--- @field random? fun(): number

--- @param options? eksrun.aws.RetryOptions
--- @return eksrun.aws.RetryPolicy
function M.new(options)
  options = options or {}
  local recent = options.rules == "2026"
  local dynamodb = recent and services_2026[options.service]
  local own = rules[options.rules or "released"]
  local base = own.base
  if dynamodb then base = { throttling = 1, transient = 0.025, timeout = 0.025 } end
  return setmetatable({
    mode = options.mode == "adaptive" and "adaptive" or "standard",
    max_attempts = options.max_attempts or options.mode == "legacy" and 5 or dynamodb and 4 or 3,
    patience = not options.max_attempts and options.patience or nil,
    bucket = options.bucket or M.bucket(),
    rules = own,
    base = base,
    long_polls = recent and long_polls[options.service] or {},
    max_backoff = options.max_backoff or 20,
    random = options.random or math.random,
  }, Policy)
end

--- @class eksrun.aws.Attempts one call and its attempts
--- @field count integer attempts that failed so far
local Attempts = {}
Attempts.__index = Attempts

--- @param operation? string "ReceiveMessage"
--- @return eksrun.aws.Attempts
function Policy:start(operation)
  return setmetatable({
    policy = self,
    count = 0,
    spent = 0,
    long_poll = self.long_polls[operation],
  }, Attempts)
end

--- The seconds that a response asks a client to wait.
--- @param headers table<string, string> lower-case names
--- @param now number seconds since 1970
--- @return number|nil
function Policy:wish(headers, now) return self.rules.wish(headers, now) end

-- A server's own wish counts, within five seconds of what we would have waited.
local function delay_of(policy, kind, count, wish)
  local delay = policy.random() * math.min(policy.base[kind] * 2 ^ (count - 1), policy.max_backoff)
  if wish == nil or wish <= delay then return delay end
  return math.min(wish, delay + 5)
end

--- Records a failure.
--- @param err table error object
--- @param wish? number seconds, what the server asked for
--- @return number|nil seconds to wait before the next attempt; nil: give up
--- @return "final"|"max_attempts"|"quota"|nil why to give up
--- @return number|nil seconds to wait before giving up
function Attempts:failed(err, wish)
  local policy = self.policy
  local kind = M.classify(err)
  self.count = self.count + 1
  if not kind then return nil, "final" end
  policy.answered = policy.answered or err.status ~= nil
  local limit = policy.answered and policy.patience or policy.max_attempts
  if self.count >= limit then return nil, "max_attempts" end
  local cost = policy.rules.cost[kind]
  if policy.bucket.tokens < cost then
    return nil, "quota", self.long_poll and delay_of(policy, kind, self.count, wish) or nil
  end
  policy.bucket.tokens = policy.bucket.tokens - cost
  self.spent = cost
  return delay_of(policy, kind, self.count, wish)
end

--- Records success: the last retry's tokens come back, or one if none was needed.
function Attempts:succeeded()
  self.policy.answered = true
  local bucket = self.policy.bucket
  bucket.tokens = math.min(bucket.capacity, bucket.tokens + (self.spent > 0 and self.spent or 1))
end

--- The policy of a client, from its options and the configuration.
--- @param state table of the client
--- @return eksrun.aws.RetryPolicy|nil, table|nil error object: "config"
function M.of(state)
  if state.retry then return state.retry end
  local attempts, mode, err
  attempts, err = config.get("max_attempts", state.options, state.system)
  if err then return nil, err end
  mode, err = config.get("retry_mode", state.options, state.system)
  if err then return nil, err end
  local recent = (state.system.env("AWS_NEW_RETRIES_2026") or ""):lower() == "true"
  state.retry = M.new {
    mode = mode,
    max_attempts = attempts,
    patience = state.options.patience,
    rules = recent and "2026" or "released",
    service = state.name,
    random = state.system.random,
  }
  return state.retry
end

return M
