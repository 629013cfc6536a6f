local limiter = require "eksrun.aws.limiter"
local rate = require "eksrun.aws.rate"
local retry = require "eksrun.aws.retry"
local task = require "eksrun.task"

-- A world with a clock of its own: who sleeps lets the others run and finds the time advanced.
local function world()
  local w = { time = 1000, slept = 0 }
  function w.now() return w.time end
  function w.sleep(seconds)
    task.sleep(0)
    w.time = w.time + seconds
    w.slept = w.slept + seconds
  end
  return w
end

local function call(system, service, operation, options)
  options = options or {}
  return {
    name = operation, params = options.params or {},
    client = { name = service, system = system, options = { rate_limit = options.rate_limit } },
    credentials = { access_key_id = options.key or "AKID" },
    endpoint = { host = options.host or service .. ".eu-west-1.amazonaws.com", custom = options.custom },
    attempts = retry.new({ mode = options.mode }):start(operation),
  }
end

local slower = { code = "RequestLimitExceeded", status = 503 }

describe("the limiter", function()
  it("counts an API's answers from the first on", function()
    local w, expected = world(), rate.learnt(1000, 1, 2)
    local describe_key = call(w, "kms", "DescribeKey")
    for i = 0, 5 do
      w.time = 1000 + i / 10
      local throttled = i == 5
      assert.are.equal(0, limiter.admit(describe_key))
      limiter.answered(describe_key, throttled and slower or nil)
      expected:answered(throttled, w.time)
    end
    assert.are.equal(0, limiter.admit(describe_key))
    assert.are.equal(0, expected:take(w.time))
    assert.are.near(expected:take(w.time), limiter.admit(describe_key), 1e-9)
  end)

  it("lets a documented bucket's worth pass, and then its rate", function()
    local w = world()
    local run = call(w, "ec2", "RunInstances")
    for _ = 1, 5 do assert.are.equal(0, limiter.admit(run)) end
    assert.are.equal(0.5, limiter.admit(run))
    assert.are.equal(0.5, limiter.admit(run))
    w.time = w.time + 60
    for _ = 1, 5 do assert.are.equal(0, limiter.admit(run)) end
  end)

  it("counts by API, account and region", function()
    local w = world()
    for _ = 1, 5 do limiter.admit(call(w, "ec2", "RunInstances")) end
    assert.are.equal(0, limiter.admit(call(w, "ec2", "StartInstances")))
    assert.are.equal(0, limiter.admit(call(w, "ec2", "RunInstances", { key = "AKOTHER" })))
    local elsewhere = { host = "ec2.us-east-1.amazonaws.com" }
    assert.are.equal(0, limiter.admit(call(w, "ec2", "RunInstances", elsewhere)))
    -- Another client of the same account shares the bucket.
    assert.are.equal(0.5, limiter.admit(call(w, "ec2", "RunInstances")))
  end)

  it("counts instances, and reads with neither filter nor pages, apart", function()
    local w = world()
    limiter.admit(call(w, "ec2", "TerminateInstances", { params = { InstanceIds = {} } }))
    local thousand = {}
    for i = 1, 999 do thousand[i] = "i" end
    local many = call(w, "ec2", "TerminateInstances", { params = { InstanceIds = thousand } })
    assert.are.equal(0, limiter.admit(many))
    assert.is_near(999 / 20, limiter.admit(many), 0.001)
    local all = call(w, "ec2", "DescribeInstances")
    local some = call(w, "ec2", "DescribeInstances", { params = { Filters = { {} } } })
    for _ = 1, 50 do assert.are.equal(0, limiter.admit(all)) end
    assert.is_near(0.1, limiter.admit(all), 0.001)
    for _ = 1, 100 do assert.are.equal(0, limiter.admit(some)) end
    assert.is_near(0.05, limiter.admit(some), 0.001)
  end)

  it("has Elastic Load Balancing's buckets, which operations share", function()
    local w = world()
    for _ = 1, 20 do
      assert.are.equal(0, limiter.admit(call(w, "elbv2", "DescribeLoadBalancers")))
      assert.are.equal(0, limiter.admit(call(w, "elbv2", "DescribeTags")))
    end
    assert.is_near(0.1, limiter.admit(call(w, "elbv2", "DescribeTargetGroups")), 0.001)
    assert.is_near(0.1, limiter.admit(call(w, "elbv2", "AddTags")), 0.001)
    assert.are.equal(0, limiter.admit(call(w, "elb", "DescribeLoadBalancers")))
  end)

  it("does not apply AWS's buckets to an endpoint of the user's own, nor when told not to", function()
    local w = world()
    for _ = 1, 50 do
      assert.are.equal(0, limiter.admit(call(w, "ec2", "RunInstances", { custom = true })))
      assert.are.equal(0, limiter.admit(call(w, "ec2", "RunInstances", { rate_limit = false })))
    end
  end)

  it("serves the tasks in the order in which they came", function()
    local w, order = world(), {}
    local run = call(w, "ec2", "RunInstances")
    for _ = 1, 5 do limiter.admit(run) end
    task.scope(function(scope)
      for i = 1, 4 do
        scope:spawn(function()
          limiter.admit(run)
          order[#order + 1] = i
        end)
      end
    end)
    assert.are.same({ 1, 2, 3, 4 }, order)
    assert.are.equal(2, w.slept)
  end)

  it("goes on when the task whose turn it is gets canceled", function()
    local w = world()
    local run = call(w, "ec2", "RunInstances")
    for _ = 1, 5 do limiter.admit(run) end
    local passed = 0
    task.scope(function(scope)
      local first = scope:spawn(limiter.admit, run)
      for _ = 1, 2 do
        scope:spawn(function()
          limiter.admit(run)
          passed = passed + 1
        end)
      end
      task.sleep(0)
      first:cancel()
    end)
    assert.are.equal(2, passed)
  end)

  it("slows an API down that says so, and no other", function()
    local w = world()
    local list, describe = call(w, "eks", "ListClusters"), call(w, "eks", "DescribeCluster")
    for _ = 1, 40 do -- ten a second
      assert.are.equal(0, limiter.admit(list))
      w.time = w.time + 0.1
      limiter.answered(list)
    end
    limiter.answered(list, slower)
    local started = w.time
    for _ = 1, 21 do limiter.admit(list) end
    -- Seven tenths of the measured rate: a second's worth at once, the rest in two.
    assert.is_true(math.abs(w.time - started - 2) < 0.2, tostring(w.time - started))
    assert.are.equal(0, limiter.admit(describe))
    w.time = w.time + 61
    for _ = 1, 30 do assert.are.equal(0, limiter.admit(list)) end
  end)

  it("does not hold back the retry of a single call", function()
    local w = world()
    local list = call(w, "eks", "ListClusters")
    limiter.admit(list)
    limiter.answered(list, slower)
    assert.are.equal(0, limiter.admit(list))
  end)

  it("does not slow down for errors of another kind", function()
    local w = world()
    local list = call(w, "eks", "ListClusters")
    limiter.answered(list, { code = "InternalError", status = 500 })
    limiter.answered(list, { code = "LimitExceededException", status = 400 })
    for _ = 1, 30 do assert.are.equal(0, limiter.admit(list)) end
  end)

  it("limits the whole client in adaptive mode", function()
    local w = world()
    local list = call(w, "eks", "ListClusters", { mode = "adaptive" })
    local describe = call(w, "eks", "DescribeCluster", { mode = "adaptive" })
    describe.client = list.client
    limiter.admit(list)
    limiter.answered(list, slower)
    -- Half a request a second is the least, and its bucket begins empty.
    assert.is_true(limiter.admit(describe) > 1.9)
  end)

  it("sends so many requests to a host at a time, and no more", function()
    local w, most, now = world(), 0, 0
    task.scope(function(scope)
      for _ = 1, 200 do
        scope:spawn(limiter.at_host, w, "h", function()
          now = now + 1
          most = math.max(most, now)
          task.sleep(0)
          now = now - 1
        end)
      end
    end)
    assert.are.equal(64, most)
    assert.are.equal(0, now)
  end)
end)

describe("a learnt rate", function()
  it("is cut, and climbs back to what it was and beyond", function()
    local learnt = rate.learnt(0)
    for i = 1, 100 do learnt:answered(false, i / 10) end -- ten a second
    assert.is_false(learnt.enabled)
    learnt:answered(true, 10)
    assert.is_true(math.abs(learnt.rate - 0.7 * learnt.peak) < 1e-9)
    local before = learnt.rate
    for i = 101, 150 do learnt:answered(false, i / 10) end
    assert.is_true(learnt.rate > before)
    assert.is_true(learnt.rate > learnt.peak)
    assert.is_true(learnt.rate <= 2 * learnt.measured)
  end)

  it("survives a clock that is set back", function()
    local learnt = rate.learnt(1000)
    learnt:answered(true, 1000.6)
    for i = 1, 20 do learnt:answered(false, i / 10) end
    assert.is_true(learnt.rate >= 0.5)
    assert.is_true(learnt:take(0) <= 2)
    assert.is_true(learnt.measured > 0 and learnt.measured < 20)
  end)
end)
