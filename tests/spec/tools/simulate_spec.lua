-- eksrun plan --simulate, through the program; what things cost.
local file = require "eksrun.file"
local json = require "eksrun.json"
local prices = require "eksrun.sandbox.prices"
local process = require "eksrun.process"

local program = file.realpath "/proc/self/exe"
local folder

local function eksrun(...)
  return process.run {
    argv = { program, ... }, env = { "PATH", "EKSRUN_STDLIB", HOME = folder }, max_output = 1 << 20,
  }
end

local function simulated(...)
  local result = eksrun("plan", ...)
  assert.equal(0, result.code, result.stderr)
  return result.stdout
end

local function monthly(found)
  local of = {}
  for _, item in ipairs(found.cost.priced) do of[item.address] = item.monthly end
  return of
end

describe("eksrun plan --simulate", function()
  setup(function() folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "") end)
  teardown(function() process.run { argv = { "rm", "-rf", folder } } end)

  it("says how long it takes, what decides that, what is called and what it costs", function()
    local words = { "recipes/managed-cluster.lua", "nodes=3", "--simulate", "--seeds", "3", "--json" }
    local out = simulated(table.unpack(words))
    local found = json.decode(out)
    assert.equal("simulation", found.event)
    assert.equal(3, found.runs)
    local seconds = found.seconds
    assert.is_true(500 < seconds.least and seconds.least < seconds.median and seconds.median < seconds.most)
    assert.equal(seconds.most, seconds.p95)
    -- The run is as short as what it has to wait for.
    assert.is_true(found.longest_path_seconds <= seconds.median)
    assert.is_true(seconds.median <= found.longest_path_seconds * 1.02)
    assert.equal("network/vpc", found.longest_path[1].address)
    assert.equal("nodes/general", found.longest_path[#found.longest_path].address)
    assert.equal(1, found.calls["ec2:CreateNatGateway"])
    local costs = monthly(found)
    assert.equal(73, costs["cluster/control-plane"])
    assert.equal(32.85, costs["network/nat-a"])
    assert.equal(183.50, costs["nodes/general"]) -- 3 x (0.0816 x 730 + 20 x 0.08)
    assert.equal(293, math.floor(found.cost.monthly + 0.5))
    assert.equal(out, simulated(table.unpack(words)))
  end)

  it("takes longer where things go wrong", function()
    local function median(...)
      local out = simulated("recipes/vpc.lua", "--simulate", "--seeds=3", "--json", ...)
      return json.decode(out).seconds.median
    end
    assert.is_true(median("--faults", "throttle=0.3") > median() + 1)
  end)

  it("names what has no price", function()
    local found = json.decode(simulated("recipes/managed-cluster.lua", "instance=u7i-12tb.224xlarge",
      "--simulate", "--seeds", "1", "--json"))
    assert.same({ { address = "nodes/general", what = "2 of u7i-12tb.224xlarge: no price is known" } },
      found.cost.unpriced)
  end)

  it("begins with what an account has, and counts and changes nothing of it", function()
    local path = folder .. "/aws.json"
    local made = eksrun("recipes/vpc.lua", "name=own", "nat=none", "--yes", "--sandbox=" .. path)
    assert.equal(0, made.code, made.stderr)
    local before = file.read(path)
    local vpc = next(json.decode(before).regions["us-east-1"]["ec2.vpc"])
    local out = simulated("recipes/private-endpoints.lua", "vpc=" .. vpc, "--simulate", "--seeds", "2",
      "--sandbox=" .. path)
    assert.matches("duration: %d+m?[%d.]*s %(median%)", out)
    assert.matches("endpoints/ec2 .* zones, without data", out)
    assert.is_nil(out:find "network/")
    assert.equal(before, file.read(path))
  end)

  it("refuses what means nothing here", function()
    local refused = eksrun("plan", "recipes/vpc.lua", "--simulate", "--out", "x.plan")
    assert.equal(1, refused.code)
    assert.matches("%-%-out is not for %-%-simulate", refused.stderr)
    local none = eksrun("plan", "recipes/vpc.lua", "--simulate", "--seeds=0")
    assert.matches("not between 1 and 1000", none.stderr)
    assert.matches("%-%-seeds is for %-%-simulate", eksrun("plan", "recipes/vpc.lua", "--seeds=1").stderr)
  end)

  it("knows the prices of sizes, and of nothing else", function()
    assert.equal(0.3264, prices.instance "m7g.2xlarge")
    assert.equal(0.0104, prices.instance "t3.micro")
    for _, name in ipairs { "m7g", "m7g.huge", "p5.48xlarge", "" } do assert.is_nil(prices.instance(name)) end
  end)
end)
