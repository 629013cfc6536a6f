-- What goes wrong on purpose.
local clock = require "eksrun.clock"
local faults = require "eksrun.sandbox.faults"
local sandbox = require "eksrun.sandbox"
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

local function refused(text)
  local ok, err = pcall(faults.parse, text)
  assert.is_false(ok)
  assert.equal("usage", err.code)
  return err.message
end

-- How n calls end, by their error's code; "" for those that are answered.
local function tally(settings, n, seed)
  local aws = support.open { faults = settings, seed = seed }
  local client = aws.client("ec2", { max_attempts = 1 })
  local counts, order = {}, {}
  for i = 1, n do
    local _, err = client.try:describe_vpcs {}
    order[i] = err and err.code or ""
    counts[order[i]] = (counts[order[i]] or 0) + 1
  end
  support.close()
  return counts, table.concat(order, ",")
end

describe("the sandbox's faults", function()
  after_each(support.close)

  it("are read from a line", function()
    assert.same({
      throttle = 0.3, error = 0.1, reset = 0.05, lost = 0.05, late = 3, slow = { rate = 0.1, seconds = 120 },
      capacity = { "m7g.*", "t3.large@us-east-1a" }, crash = { at = 17, moment = "after" },
    }, faults.parse("throttle=0.3, error=0.1,reset=0.05,lost=.05,late=3s,slow=0.1:2m,capacity=m7g.*,"
      .. "capacity=t3.large@us-east-1a,crash=17:after"))
    assert.same({ crash = { at = 2, moment = "during" }, slow = { rate = 1, seconds = 10 } },
      faults.parse "crash=2,slow=1")
    assert.matches("did you mean 'throttle'", refused "throtle=1")
    assert.matches("no 'xyz', but capacity, crash, error, late, lost, reset, slow, throttle", refused "xyz=1")
    assert.matches("a rate from 0 to 1", refused "throttle=2")
    assert.matches("a rate from 0 to 1", refused "lost=often")
    assert.matches("twice", refused "lost=0.1,lost=0.2")
    assert.matches("NAME=VALUE", refused "lost")
    assert.matches("such as 17:during", refused "crash=0")
    assert.matches("such as 17:during", refused "crash=3:later")
    assert.matches("such as 3s", refused "late=soon")
    assert.matches("nothing is said", refused "")
  end)

  it("happen at their rates, and the same for the same seed", function()
    local settings = "throttle=0.2,error=0.2,reset=0.2"
    local counts, order = tally(settings, 300)
    assert.is_true(counts.RequestLimitExceeded > 30 and counts.RequestLimitExceeded < 90)
    assert.is_true(counts.InternalError > 20 and counts.InternalError < 80)
    assert.is_true(counts.network > 30 and counts.network < 90)
    assert.equal(order, select(2, tally(settings, 300)))
    assert.not_equal(order, select(2, tally(settings, 300, 2)))
  end)

  it("come to a run in the same order, its waits for another attempt included", function()
    local function requests()
      local names = {}
      local aws = support.open {
        faults = "throttle=0.4,error=0.1,reset=0.1",
        observe = function(_, call) names[#names + 1] = call.operation end,
      }
      local calls = {}
      local names_of = { "describe_vpcs", "describe_subnets", "describe_addresses", "describe_instances" }
      for i, name in ipairs(names_of) do
        calls[i] = function()
          for _ = 1, 5 do pcall(aws.ec2[name], aws.ec2, {}) end
        end
      end
      task.all(calls)
      support.close()
      return table.concat(names, " ")
    end
    local first = requests()
    assert.matches("DescribeVpcs.*DescribeInstances", first)
    assert.equal(first, requests())
  end)

  it("refuse in the words of the service, and do nothing then", function()
    local aws, world = support.open { faults = "throttle=1" }
    local function code(client, operation) return (support.refused(client, operation, {})) end
    local once = { max_attempts = 1 }
    assert.equal("RequestLimitExceeded", code(aws.client("ec2", once), "describe_vpcs"))
    assert.equal("Throttling", code(aws.client("iam", once), "list_roles"))
    assert.equal("ThrottlingException", code(aws.client("eks", once), "list_clusters"))
    assert.equal("ThrottlingException", code(aws.client("kms", once), "list_keys"))
    aws.try.ec2:create_vpc { CidrBlock = "10.0.0.0/16" }
    world:set_faults(nil)
    assert.equal(0, #aws.ec2:describe_vpcs({}).Vpcs)
  end)

  it("lose an answer, not what was done", function()
    local aws, world = support.open { faults = "lost=1" }
    local _, err = aws.client("ec2", { max_attempts = 1 }).try:create_vpc { CidrBlock = "10.0.0.0/16" }
    assert.equal("network", err.code)
    world:set_faults(nil)
    assert.equal(1, #aws.ec2:describe_vpcs({}).Vpcs)
  end)

  it("delay an answer", function()
    local aws = support.open { faults = "slow=1:30s" }
    local before = clock.now()
    aws.ec2:describe_vpcs {}
    assert.is_true(clock.now() - before >= 30)
  end)

  it("show what EC2 made later, to those who ask for it", function()
    local aws = support.open { faults = "late=5s" }
    local vpc = aws.ec2:create_vpc({ CidrBlock = "10.0.0.0/16" }).Vpc.VpcId
    assert.equal(0, #aws.ec2:describe_vpcs({}).Vpcs)
    assert.equal("InvalidVpcID.NotFound", (support.refused(aws.ec2, "describe_vpcs", { VpcIds = { vpc } })))
    assert.equal("InvalidVpcID.NotFound",
      (support.refused(aws.ec2, "create_subnet", { VpcId = vpc, CidrBlock = "10.0.1.0/24" })))
    task.sleep(5)
    assert.equal(1, #aws.ec2:describe_vpcs({}).Vpcs)
    aws.ec2:create_subnet { VpcId = vpc, CidrBlock = "10.0.1.0/24" }
    -- What is not seen yet is there.
    assert.equal("InvalidSubnet.Conflict",
      (support.refused(aws.ec2, "create_subnet", { VpcId = vpc, CidrBlock = "10.0.1.0/24" })))
    assert.equal("DependencyViolation", (support.refused(aws.ec2, "delete_vpc", { VpcId = vpc })))
  end)

  it("end the client before, during or behind a request", function()
    for _, case in ipairs { { "before", 0, 0 }, { "during", 1, 0 }, { "after", 1, 1 } } do
      local moment, made, told = case[1], case[2], 0
      local world = sandbox.new {
        faults = "crash=2:" .. moment, crash = function() error({ code = "crashed" }, 0) end,
      }
      clock.simulate(world.started)
      local aws = require("eksrun.aws").session(world:options())
      aws.ec2:describe_vpcs {}
      local ok, err = pcall(task.scope, function()
        aws.ec2:create_vpc { CidrBlock = "10.0.0.0/16" }
        told = told + 1
        task.sleep(1)
        told = told + 1
      end)
      assert.is_false(ok)
      assert.equal("crashed", err.code, moment)
      assert.equal(told, case[3], moment)
      world:set_faults(nil)
      assert.equal(made, #aws.ec2:describe_vpcs({}).Vpcs, moment)
      clock.simulate(nil)
    end
  end)
end)
