local retry = require "eksrun.aws.retry"

-- Feeds failures and successes to a policy without jitter; gives the delays, or why it gave up.
local function run(options, failures)
  options.random = function() return 1 end
  local attempts = retry.new(options):start()
  local delays = {}
  for _, failure in ipairs(failures) do
    local delay, reason = attempts:failed(failure.err or failure, failure.wish)
    if not delay then return delays, reason end
    delays[#delays + 1] = delay
  end
  attempts:succeeded()
  return delays, "success"
end

local unavailable = { code = "HTTP503", status = 503 }

describe("retry", function()
  it("doubles the delay up to its bound", function()
    local delays, reason = run({ max_attempts = 8, max_backoff = 9 },
      { unavailable, unavailable, unavailable, unavailable, unavailable })
    assert.are.same({ 1, 2, 4, 8, 9 }, delays)
    assert.are.equal("success", reason)
  end)

  it("gives up after three attempts", function()
    local delays, reason = run({}, { unavailable, unavailable, unavailable })
    assert.are.equal(2, #delays)
    assert.are.equal("max_attempts", reason)
  end)

  it("jitters between nothing and the bound", function()
    local values = { 0, 0.25 }
    local policy = retry.new { random = function() return table.remove(values, 1) end }
    local attempts = policy:start()
    assert.are.equal(0, attempts:failed(unavailable))
    assert.are.equal(0.5, attempts:failed(unavailable))
  end)

  it("pays for retries, more for timeouts, and gets the last price back", function()
    local bucket = retry.bucket(20)
    run({ bucket = bucket }, { unavailable, { code = "timeout" } })
    assert.are.equal(15, bucket.tokens)
    run({ bucket = bucket }, {})
    assert.are.equal(16, bucket.tokens)
  end)

  it("stops all calls of a client when the bucket is empty", function()
    local bucket = retry.bucket(7)
    local _, reason = run({ bucket = bucket }, { unavailable, unavailable })
    assert.are.equal("quota", reason)
    assert.are.equal(2, bucket.tokens)
  end)

  it("never holds more tokens than its capacity", function()
    local bucket = retry.bucket(10)
    run({ bucket = bucket }, {})
    assert.are.equal(10, bucket.tokens)
  end)

  it("listens to the server within five seconds of its own wish", function()
    local delays = run({ max_attempts = 9 }, {
      { err = unavailable, wish = 3 },
      { err = unavailable, wish = 1 },
      { err = unavailable, wish = 900 },
    })
    assert.are.same({ 3, 2, 9 }, delays)
    assert.are.equal(1.5, retry.wish { ["x-amz-retry-after"] = "1500" })
    assert.are.equal(7, retry.wish { ["retry-after"] = "7" })
    assert.is_nil(retry.wish { ["retry-after"] = "Fri, 31 Dec 1999 23:59:59 GMT" })
  end)

  for name, case in pairs {
    ["RequestLimitExceeded"] = { { code = "RequestLimitExceeded", status = 503 }, "throttling" },
    ["status 429"] = { { code = "HTTP429", status = 429 }, "throttling" },
    ["EC2 throttling"] = { { code = "EC2ThrottledException", status = 503 }, "throttling" },
    ["a lost connection"] = { { code = "network", retryable = true }, "transient" },
    ["a timeout"] = { { code = "timeout", retryable = true }, "timeout" },
    ["RequestTimeout"] = { { code = "RequestTimeout", status = 400 }, "transient" },
    ["status 500"] = { { code = "InternalError", status = 500 }, "transient" },
    ["status 501"] = { { code = "NotImplemented", status = 501 }, nil },
    ["not found"] = { { code = "ResourceNotFoundException", status = 404 }, nil },
    ["an untrusted certificate"] = { { code = "tls", retryable = false }, nil },
    ["a service quota"] = { { code = "LimitExceededException", status = 400, service = "logs" }, nil },
    ["Kinesis's limit"] = {
      { code = "LimitExceededException", status = 400, service = "kinesis" }, "throttling",
    },
  } do
    it("classifies " .. name, function()
      assert.are.equal(case[2], retry.classify(case[1]))
    end)
  end
end)
