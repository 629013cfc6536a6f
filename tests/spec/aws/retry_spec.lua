local failure = require "eksrun.aws.failure"
local retry = require "eksrun.aws.retry"

-- Feeds failures and successes to a policy without jitter; gives the delays, or why it gave up.
local function run(options, failures)
  options.random = function() return 1 end
  local attempts = retry.new(options):start()
  local delays = {}
  for _, failed in ipairs(failures) do
    local delay, reason = attempts:failed(failed.err or failed, failed.wish)
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
  end)

  it("reads a server's wish in milliseconds, in seconds and as a date", function()
    local policy, now = retry.new {}, 1700000000
    local function wish(name, value) return policy:wish({ [name] = value }, now) end
    assert.are.equal(1.5, wish("x-amz-retry-after", "1500"))
    assert.are.equal(7, wish("retry-after", "7"))
    assert.are.equal(40, wish("retry-after", "Tue, 14 Nov 2023 22:14:00 GMT"))
    assert.are.equal(0, wish("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"))
    for _, nonsense in ipairs { "", "-5", "1e3", "0x10", "soon", "nan" } do
      assert.is_nil(wish("x-amz-retry-after", nonsense))
      assert.is_nil(wish("retry-after", nonsense))
    end
    assert.is_nil(retry.new { rules = "2026" }:wish({ ["retry-after"] = "7" }, now))
  end)

  for name, case in pairs {
    ["RequestLimitExceeded"] = { { code = "RequestLimitExceeded", status = 503 }, "throttling" },
    ["status 429"] = { { code = "429", status = 429 }, "throttling" },
    ["EC2 throttling"] = { { code = "EC2ThrottledException", status = 503 }, "throttling" },
    ["a lost connection"] = { { code = "network", retryable = true }, "transient" },
    ["a timeout"] = { { code = "timeout", retryable = true }, "timeout" },
    ["RequestTimeout"] = { { code = "RequestTimeout", status = 400 }, "transient" },
    ["status 500"] = { { code = "InternalError", status = 500 }, "transient" },
    ["status 501"] = { { code = "NotImplemented", status = 501 }, nil },
    ["not found"] = { { code = "ResourceNotFoundException", status = 404 }, nil },
    ["an untrusted certificate"] = { { code = "tls", retryable = false }, nil },
    ["what the model calls retryable"] = { { code = "Busy", status = 409, retryable = true }, "transient" },
    ["what the model calls throttling"] = {
      { code = "Busy", status = 400, retryable = true, throttling = true }, "throttling",
    },
  } do
    it("classifies " .. name, function()
      assert.are.equal(case[2], failure.classify(case[1]))
    end)
  end

  it("does not send slower because a quota is used up", function()
    assert.is_true(failure.is_throttling { code = "ThrottlingException", status = 400 })
    assert.is_false(failure.is_throttling { code = "LimitExceededException", status = 400, service = "kms" })
    assert.is_false(failure.is_throttling { code = "InternalError", status = 500 })
  end)

  describe("under the rules of 2026", function()
    it("waits less for what is broken than for what is too fast", function()
      local broken = run({ rules = "2026", max_attempts = 4 }, { unavailable, unavailable, unavailable })
      assert.are.same({ 0.05, 0.1, 0.2 }, broken)
      local slower = { code = "ThrottlingException", status = 400 }
      assert.are.same({ 1, 2 }, (run({ rules = "2026" }, { slower, slower })))
    end)

    it("takes more tokens for what is broken", function()
      local bucket = retry.bucket(40)
      run({ rules = "2026", bucket = bucket, max_attempts = 9 },
        { unavailable, { code = "Throttling" }, { code = "timeout" } })
      -- 14, 5 and 14; the last ones came back.
      assert.are.equal(21, bucket.tokens)
    end)

    it("gives DynamoDB four attempts", function()
      local delays, reason = run({ rules = "2026", service = "dynamodb" },
        { unavailable, unavailable, unavailable, unavailable })
      assert.are.same({ 0.025, 0.05, 0.1 }, delays)
      assert.are.equal("max_attempts", reason)
    end)

    it("has a long poll wait before it gives up", function()
      local policy = retry.new {
        rules = "2026", service = "sqs", bucket = retry.bucket(0), random = function() return 1 end,
      }
      assert.are.same({ nil, "quota", 0.05 }, { policy:start("ReceiveMessage"):failed(unavailable) })
      assert.are.same({ nil, "quota" }, { policy:start("SendMessage"):failed(unavailable) })
    end)
  end)

  it("takes legacy for standard with five attempts", function()
    local delays, reason = run({ mode = "legacy" },
      { unavailable, unavailable, unavailable, unavailable, unavailable })
    assert.are.same({ 1, 2, 4, 8 }, delays)
    assert.are.equal("max_attempts", reason)
  end)
end)
