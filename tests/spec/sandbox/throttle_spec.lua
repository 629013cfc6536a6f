-- How fast requests may come, and that our own client and recipes do not come faster.
local clock = require "eksrun.clock"
local json = require "eksrun.json"
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"
local trials = require "eksrun.trial"

-- A client that sends at once, and once.
local function hasty(aws, service) return aws.client(service, { max_attempts = 1, rate_limit = false }) end

-- How many of so many calls at once are answered, and what the last other one is refused with; params may be
-- a function of the call's number.
local function burst(client, count, operation, params)
  local done, refused = 0, nil
  task.scope(function(scope)
    for i = 1, count do
      scope:spawn(function()
        local given = type(params) == "function" and params(i) or params
        local _, err = client.try[operation](client.try, given)
        if err then refused = err else done = done + 1 end
      end)
    end
  end)
  return done, refused
end

describe("the sandbox's buckets", function()
  after_each(support.close)

  it("refuse what comes too fast, of that API alone, until they are filled again", function()
    local aws, world = support.open()
    local ec2 = hasty(aws, "ec2")
    local done, err = burst(ec2, 55, "describe_volumes", {})
    assert.equal(50, done)
    assert.equal("RequestLimitExceeded", err.code)
    assert.equal(503, err.status)
    assert.same({ ["ec2:DescribeVolumes"] = 5 }, world.throttle.refused)
    ec2:describe_instances {}
    ec2:describe_volumes { MaxResults = 5 }
    task.sleep(0.5)
    ec2:describe_volumes {}
    task.sleep(5)
    assert.equal(50, (burst(ec2, 51, "describe_volumes", {})))
  end)

  it("are of a region", function()
    local aws = support.open()
    local params = { NatGatewayId = "nat-0123456789abcdef0" }
    local function code(region)
      local client = aws.client("ec2", { max_attempts = 1, rate_limit = false, region = region })
      return select(2, burst(client, 11, "delete_nat_gateway", params)).code
    end
    assert.equal("RequestLimitExceeded", code "us-east-1")
    assert.equal("RequestLimitExceeded", code "us-east-1")
    local _, err = hasty(aws, "ec2").try:delete_nat_gateway(params)
    assert.equal("RequestLimitExceeded", err.code)
    local west = aws.client("ec2", { max_attempts = 1, rate_limit = false, region = "us-west-2" })
    _, err = west.try:delete_nat_gateway(params)
    assert.equal("NatGatewayNotFound", err.code)
  end)

  it("speak as the protocol does", function()
    local aws = support.open()
    local done, err = burst(hasty(aws, "elbv2"), 41, "describe_load_balancers", {})
    assert.equal(40, done)
    assert.equal("Throttling", err.code)
    assert.matches(": Rate exceeded$", err.message)
  end)

  it("do nothing of what they refuse", function()
    local aws = support.open()
    local ec2 = hasty(aws, "ec2")
    assert.equal(50, (burst(ec2, 60, "create_key_pair", function(i) return { KeyName = "key" .. i } end)))
    assert.equal(50, #ec2:describe_key_pairs({}).KeyPairs)
  end)

  it("can be taken away", function()
    local aws = support.open { throttle = false }
    assert.equal(120, (burst(hasty(aws, "ec2"), 120, "describe_vpcs", {})))
  end)

  it("are waited for where nobody has to wait", function()
    local aws, world = support.open { virtual = true }
    local before = clock.now()
    assert.equal(140, (burst(hasty(aws, "ec2"), 140, "describe_vpcs", {})))
    assert.is_true(world.world.state.now - before >= 2)
    assert.same({}, world.throttle.refused)
  end)

  it("never meet our own client, which waits for their tokens", function()
    local aws, world = support.open()
    local before = clock.now()
    local ec2 = aws.client("ec2", { max_attempts = 1 })
    assert.equal(140, (burst(ec2, 140, "describe_vpcs", {})))
    assert.is_true(clock.now() - before >= 2)
    burst(ec2, 8, "delete_vpc_endpoints", { VpcEndpointIds = { "vpce-0123456789abcdef0" } })
    assert.same({}, world.throttle.refused)
  end)

  it("never meet a recipe", function()
    for recipe, words in pairs {
      ["recipes/private-cluster.lua"] = {}, ["recipes/managed-cluster.lua"] = { "nodes=6" },
    } do
      local trial <close> = trials.new {}
      trial:apply(recipe, words)
      trial:destroy(recipe, words)
      assert.equal("{}", json.encode(trial.sandbox.throttle.refused), recipe)
    end
  end)
end)
