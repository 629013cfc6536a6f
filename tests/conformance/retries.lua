-- Retries: the standard mode as released SDKs have it (v2.0), and what counts as retryable. The
-- successor (v2.1) and the adaptive mode are not what the client does.
local file = require "eksrun.file"
local json = require "eksrun.json"
local retry = require "eksrun.aws.retry"

local outcomes = { max_attempts = "max_attempts_exceeded", quota = "retry_quota_exceeded", final = "fail" }

local function step(attempts, response)
  if response.status_code < 300 then
    attempts:succeeded()
    return "success"
  end
  local delay, reason = attempts:failed { status = response.status_code, code = response.error_code }
  if delay then return "retry_request", delay end
  return outcomes[reason]
end

local function run(case)
  local given = case.given
  local bucket = retry.bucket()
  bucket.tokens = given.initial_retry_tokens or bucket.tokens
  local attempts = retry.new({
    max_attempts = given.max_attempts,
    bucket = bucket,
    base = given.exponential_base,
    max_backoff = given.max_backoff_time,
    random = function() return 1 end,
  }):start()
  for _, turn in ipairs(case.responses) do
    local outcome, delay = step(attempts, turn.response)
    local expected = turn.expected
    if outcome ~= expected.outcome then return false, outcome end
    if expected.retry_quota ~= bucket.tokens then return false, "quota " .. bucket.tokens end
    if expected.delay and expected.delay ~= delay then return false, "delay " .. tostring(delay) end
  end
  return true
end

-- The models' own retryable traits are read by Operation:parse_error, not here.
local function classify(case)
  local function value(v) return v ~= json.null and v or nil end
  local err = { status = value(case.status), code = value(case.error) }
  if case.error == "<ConnectionError>" or case.error == "<HTTPClientError>" then
    err = { code = "network", retryable = true }
  end
  local kind = retry.classify(err)
  if case.classifier == "throttling" then return (kind == "throttling") == case.expected end
  return (kind ~= nil) == case.expected
end

return function(dir)
  local totals = { passed = 0, total = 0, failures = {}, skipped = {} }
  local function count(name, passed, why)
    totals.total = totals.total + 1
    if passed then
      totals.passed = totals.passed + 1
    else
      table.insert(totals.failures, name .. (why and ": " .. why or ""))
    end
  end
  for _, case in ipairs(json.decode(file.read(dir .. "/retries/standard-v2.0.json")).cases) do
    count(case.name, run(case))
  end
  for _, case in ipairs(json.decode(file.read(dir .. "/retries/error-classification.json")).cases) do
    local name = ("%s: %s %s"):format(case.classifier, case.status, case.error)
    if case.classifier == "modeled" then
      table.insert(totals.skipped, name .. ": classified by the model")
    else
      count(name, classify(case))
    end
  end
  return totals
end
