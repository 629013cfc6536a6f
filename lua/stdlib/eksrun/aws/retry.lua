--- Retries, as the SDKs have them: how often a call is tried, and the tokens that this costs. Decides
--- only; whoever calls it sleeps and sends.
---
--- Every retry takes tokens from a bucket that all calls of a client share, and success gives them
--- back, so a service that is down is not stormed. What a failure means and costs is
--- eksrun.aws.failure's business.
local config = require "eksrun.aws.config"

local M = {}

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
--- @field rules "released"|"2026" which version of the SDKs' specification counts
--- @field quick? boolean short delays at first, as that has them for DynamoDB
--- @field service? string
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
  local service = options.service
  local quick = options.rules == "2026" and (service == "dynamodb" or service == "dynamodbstreams")
  return setmetatable({
    mode = options.mode == "adaptive" and "adaptive" or "standard",
    max_attempts = options.max_attempts or options.mode == "legacy" and 5 or quick and 4 or 3,
    patience = not options.max_attempts and options.patience or nil,
    bucket = options.bucket or M.bucket(),
    rules = options.rules or "released",
    quick = quick,
    service = service,
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
  return setmetatable({ policy = self, operation = operation, count = 0, spent = 0 }, Attempts)
end

--- The seconds that a response asks a client to wait.
--- @param headers table<string, string> lower-case names
--- @param now number seconds since 1970
--- @return number|nil
function Policy:wish(headers, now) return require("eksrun.aws.failure").wish(self, headers, now) end

--- Records a failure.
--- @param err table error object
--- @param wish? number seconds, what the server asked for
--- @return number|nil seconds to wait before the next attempt; nil: give up
--- @return "final"|"max_attempts"|"quota"|nil why to give up
--- @return number|nil seconds to wait before giving up
function Attempts:failed(err, wish) return require("eksrun.aws.failure").count(self, err, wish) end

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
