-- Retries: the standard mode as released SDKs have it (v2.0), its successor (v2.1), the adaptive
-- mode's rates, and what counts as retryable, by code and by the model.
local file = require "eksrun.file"
local json = require "eksrun.json"
local native = require "eksrun.native.aws"
local rate = require "eksrun.aws.rate"
local failure = require "eksrun.aws.failure"
local retry = require "eksrun.aws.retry"

local outcomes = {
  max_attempts = "max_attempts_exceeded", quota = "retry_quota_exceeded", final = "fail_request",
}

local long_polls = { sqs = "ReceiveMessage", sfn = "GetActivityTask", swf = "PollForActivityTask" }
local services = { sfn = "stepfunctions", ["dynamodb-streams"] = "dynamodbstreams" }

local function value(v) return v ~= json.null and v or nil end

local function lower(headers)
  local out = {}
  for name, text in pairs(headers or {}) do out[name:lower()] = tostring(text) end
  return out
end

-- ---- what is done after each answer

local function step(policy, attempts, response)
  local status = response.status_code
  if status and status < 300 then
    attempts:succeeded()
    return "success"
  end
  local err = { status = status, code = response.error_code }
  if response.timeout or response.error_code == "timeout" then err = { code = "timeout" } end
  if not status then err.retryable = true end
  local delay, reason, pause = attempts:failed(err, policy:wish(lower(response.headers), 0))
  if delay then return "retry_request", delay end
  return outcomes[reason], pause
end

local function close(a, b) return math.abs(a - b) < 1e-9 end

local function run_steps(rules)
  return function(case)
    local given = case.given or {}
    local bucket = retry.bucket()
    bucket.tokens = given.initial_retry_tokens or bucket.tokens
    local random = given.exponential_base or 1
    local policy = retry.new {
      rules = rules,
      service = services[given.service] or given.service,
      max_attempts = given.max_attempts,
      bucket = bucket,
      max_backoff = given.max_backoff_time,
      random = function() return random end,
    }
    local operation = given.operation or given.long_polling and long_polls[given.service] or nil
    local attempts = policy:start(operation)
    for i, turn in ipairs(case.responses) do
      local outcome, delay = step(policy, attempts, turn.response)
      local expected = turn.expected
      local where = "step " .. i .. ": "
      if outcome ~= expected.outcome then return false, where .. outcome end
      if expected.retry_quota and expected.retry_quota ~= bucket.tokens then
        return false, where .. "quota " .. bucket.tokens
      end
      if expected.delay and not (delay and close(expected.delay, delay)) then
        return false, where .. "delay " .. tostring(delay)
      end
      if not expected.delay and delay then return false, where .. "waited " .. delay end
      -- The next answer belongs to another call of the same client.
      if outcome ~= "retry_request" then attempts = policy:start(operation) end
    end
    return true
  end
end

-- ---- the adaptive mode

local function near(a, b) return math.abs(a - b) <= 1e-6 * math.max(1, math.abs(b)) end

local function run_curve(case)
  local peak, slowed_at = case.given.last_max_rate, case.given.last_throttle_time
  local current = peak
  for i, turn in ipairs(case.cases) do
    if turn.response == "throttle" then
      peak, slowed_at = current, turn.timestamp
      current = rate.cut(current)
    else
      current = rate.climb(peak, turn.timestamp - slowed_at)
    end
    if not near(current, turn.calculated_rate) then
      return false, ("step %d: rate %.12f"):format(i, current)
    end
  end
  return true
end

local function run_rates(case)
  local learnt = rate.learnt(0)
  for i, turn in ipairs(case.cases) do
    learnt:answered(turn.response == "throttle", turn.timestamp)
    local sending = turn.new_token_bucket_rate or turn.fill_rate
    local measured = turn.measured_tx_rate
    if measured and not near(learnt.measured, measured) then
      return false, ("step %d: measured %.9f"):format(i, learnt.measured)
    end
    if sending and not near(learnt.rate, sending) then
      return false, ("step %d: rate %.9f"):format(i, learnt.rate)
    end
    if not (measured or sending) then return false, "nothing to compare" end
  end
  return true
end

local function run_adaptive(case)
  local first = case.cases[1]
  return (first.calculated_rate and case.given and run_curve or run_rates)(case)
end

-- ---- what counts as retryable

-- An operation of the cases' own model, whose errors carry the traits.
local function operation_of(model)
  model.metadata = { protocol = "json", jsonVersion = "1.1", endpointPrefix = "test", serviceId = "Test" }
  model.operations.TestOperation.http = { method = "POST", requestUri = "/" }
  model.shapes.ErrorMessage = model.shapes.ErrorMessage or { type = "string" }
  return native.open(native.compile(json.encode(model), "test")):operation("TestOperation")
end

local function classifier(operation)
  return function(case)
    local code, status = value(case.error), value(case.status)
    local err = { status = status, code = code }
    if code and code:find("^<.*>$") then
      err = { code = "network", retryable = true }
    elseif case.classifier == "modeled" then
      err = operation:parse_error(status, {}, json.encode { __type = code, message = "m" })
      err.status = status
    end
    local kind = failure.classify(err)
    if case.classifier == "throttling" then return (kind == "throttling") == case.expected, kind end
    return (kind ~= nil) == case.expected, tostring(kind)
  end
end

return function(dir)
  local totals = require("tests.conformance.support.totals").new()
  local function drive(data, run)
    for _, case in ipairs(data.cases) do
      local name = case.name or ("%s: %s %s"):format(case.classifier, case.status, case.error)
      totals:judge(name, run, case)
    end
  end
  local function read(name) return json.decode(file.read(dir .. "/retries/" .. name)) end
  drive(read "standard-v2.0.json", run_steps "released")
  drive(read "standard-v2.1.json", run_steps "2026")
  drive(read "adaptive.json", run_adaptive)
  local classification = read "error-classification.json"
  drive(classification, classifier(operation_of(classification.model_for_modeled)))
  return totals
end
