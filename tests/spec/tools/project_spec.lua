-- eksrun new and eksrun test, through the program, with nothing but the program.
local file = require "eksrun.file"
local process = require "eksrun.process"

local program = file.realpath "/proc/self/exe"
local top = file.realpath "."

local folder

local function run_in(below, env, ...)
  local at = folder .. "/" .. below
  local own = { HOME = folder, PATH = "/usr/bin:/bin" }
  own.EKSRUN_STDLIB = process.env "EKSRUN_STDLIB" and top .. "/lua/stdlib" or nil
  for name, value in pairs(env) do own[name] = value end
  return process.run {
    argv = { "sh", "-c", 'cd "$0" && exec "$@"', at, program, ... }, env = own, max_output = 1 << 20,
  }
end

local function eksrun(below, ...) return run_in(below, {}, ...) end

local function write(name, text)
  local path = folder .. "/" .. name
  file.mkdir_p(path:match "^(.*)/")
  file.write_atomic(path, text)
end

local RECIPE = [[
local eksrun = require "eksrun"
local ec2 = require "eksrun.ec2"
local p = eksrun.params { name = { "net", "name" }, cidr = { "10.0.0.0/16", "range" }, dns = { true, "DNS" },
  zones = { { "a" }, "zones" } }
local vpc = ec2.vpc { CidrBlock = p.cidr, EnableDnsHostnames = p.dns, tags = { Name = p.name } }
for i, zone in ipairs(p.zones) do
  ec2.subnet { "subnet-" .. zone, VpcId = vpc.VpcId, CidrBlock = ("10.0.%d.0/24"):format(i),
    AvailabilityZone = "us-east-1" .. zone }
end
return { vpc = vpc.VpcId }
]]

before_each(function() folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "") end)
after_each(function() process.run { argv = { "rm", "-rf", folder } } end)

describe("eksrun new", function()
  for kind, recipe in pairs { cluster = "cluster.lua", library = "payments.lua" } do
    it("begins a project of the kind " .. kind .. " that passes its tests and plans", function()
      local made = eksrun(".", "new", "acme-net", "--kind", kind)
      assert.equal(0, made.code, made.stderr)
      for _, name in ipairs { "README.md", ".gitignore", ".github/workflows/test.yml", recipe } do
        assert.matches("acme-net/" .. name .. "\n", made.stdout, 1, true)
        local text = file.read(folder .. "/acme-net/" .. name)
        assert.is_nil(text:match "%$[A-Z]+", name)
      end
      local tested = eksrun("acme-net", "test")
      assert.equal(0, tested.code, tested.stdout .. tested.stderr)
      assert.matches("%d+ passed, 0 failed, 0 pending\n$", tested.stdout)
      local planned = eksrun("acme-net", "plan", recipe, "--sandbox")
      assert.equal(2, planned.code, planned.stderr)
      local checked = eksrun("acme-net", "check", recipe, "--sandbox")
      assert.equal(0, checked.code, checked.stdout .. checked.stderr)
    end)
  end

  it("refuses a folder that has something, and names that are none", function()
    write("acme/notes.txt", "mine")
    local refused = eksrun(".", "new", "acme")
    assert.equal(2, refused.code)
    assert.matches("acme is not empty", refused.stderr)
    assert.same({ "notes.txt" }, file.list(folder .. "/acme"))
    for _, name in ipairs { "Acme", "../", "9x", "a b" } do
      assert.matches("is no name of a project", eksrun(".", "new", name).stderr)
    end
  end)
end)

describe("eksrun test", function()
  before_each(function() write("p/net.lua", RECIPE) end)

  local function spec(body)
    write("p/tests/net_spec.lua", 'local testing = require "eksrun.testing"\n' .. body)
  end

  it("has sandboxes, plans, applies, time, calls of others, refusals", function()
    spec [[
      describe("net", function()
        it("works", function()
          local sandbox = testing.sandbox()
          local plan = sandbox:plan("net.lua", { zones = { "a", "b" }, dns = false })
          assert.creates(plan, "vpc")
          assert.creates(plan, "ec2.subnet", 2)
          assert.is_not.creates(plan, "ec2.nat_gateway")
          assert.is_not.unchanged(plan)
          assert.equal("10.0.2.0/24", plan:action("subnet-b").inputs.CidrBlock)
          assert.matches("EnableDnsHostnames: false", plan.text, 1, true)
          local run = sandbox:apply("net.lua", { zones = { "a", "b" } })
          assert.matches("^vpc%-", run.outputs.vpc)
          assert.equal(1, run.calls["ec2:CreateVpc"])
          assert.is_true(run.seconds > 0)
          assert.unchanged(sandbox:plan("net.lua", { zones = { "a", "b" } }))
          assert.deletes(sandbox:plan "net.lua", "subnet-b")
          local now = require("eksrun.clock").now()
          sandbox:advance "2h"
          assert.equal(7200, math.floor(require("eksrun.clock").now() - now + 0.5))
          sandbox.aws.ec2:modify_vpc_attribute {
            VpcId = run.outputs.vpc, EnableDnsHostnames = { Value = false },
          }
          assert.updates(sandbox:plan("net.lua", { zones = { "a", "b" } }), "vpc", 1)
          assert.replaces(sandbox:plan("net.lua", { cidr = "10.0.0.0/20", zones = { "a", "b" } }), "vpc")
          local state = sandbox:state()
          sandbox:destroy("net.lua", { zones = { "a", "b" } })
          assert.creates(sandbox:plan "net.lua", "vpc")
          assert.deletes(testing.sandbox({ state = state }):plan "net.lua", "subnet-b")
          assert.has_error(function() sandbox:plan "net.lua" end) -- it has ended
        end)
        it("refuses once", function()
          local sandbox = testing.sandbox { seed = 2, region = "us-east-1" }
          sandbox:refuse("ec2:CreateSubnet", { code = "InsufficientFreeAddressesInSubnet", message = "full" })
          assert.error_matches(function() sandbox:apply "net.lua" end, "subnet%-a.*full")
          sandbox:apply "net.lua"
        end)
        it("refuses what there is", function()
          local sandbox = testing.sandbox()
          assert.error_matches(function() sandbox:refuse("ec2:CreateSubnt", { code = "x" }) end,
            "ec2 has no operation 'CreateSubnt'; did you mean 'CreateSubnet'")
          assert.error_matches(function() sandbox:refuse("ec3:CreateSubnet", { code = "x" }) end,
            "there is no service 'ec3'; did you mean 'ec2'")
        end)
        it("goes on whatever goes wrong", function()
          local sandbox = testing.sandbox { faults = "throttle=0.3,lost=0.1,error=0.1" }
          local run = sandbox:apply "net.lua"
          sandbox:faults()
          assert.unchanged(sandbox:plan "net.lua")
          assert.equal(1, #sandbox.aws.ec2:describe_vpcs({}).Vpcs)
          -- Which calls meet what depends on their order, but some were made again.
          local function total(calls)
            local n = 0
            for _, count in pairs(calls) do n = n + count end
            return n
          end
          assert.is_true(total(run.calls) > total(testing.sandbox():apply("net.lua").calls))
        end)
        it("is held to a policy", function()
          local policy = {
            Version = "2012-10-17",
            Statement = {
              { Effect = "Allow", Action = { "ec2:Describe*", "ssm:*" }, Resource = "*" },
              { Effect = "Allow", Action = { "ec2:Create*" }, Resource = "arn:aws:ec2:*:*:vpc/*",
                Condition = { StringEquals = { ["aws:RequestTag/Name"] = "net" } } },
            },
          }
          assert.allows(policy, "ec2:DescribeVpcs")
          assert.denies(policy, "ec2:DeleteVpc", "arn:aws:ec2:us-east-1:1:vpc/vpc-1")
          local vpc = "arn:aws:ec2:us-east-1:1:vpc/*"
          assert.denies(policy, "ec2:CreateVpc", vpc)
          assert.allows(policy, "ec2:CreateVpc", vpc, { ["aws:RequestTag/Name"] = "net" })
          local sandbox = testing.sandbox { enforce = policy }
          assert.error_matches(function() sandbox:apply "net.lua" end, "not authorized to perform: ec2:")
        end)
        it("is alone", function() assert.creates(testing.plan "net.lua", "vpc") end)
      end)
    ]]
    local tested = eksrun("p", "test")
    assert.equal(0, tested.code, tested.stdout .. tested.stderr)
    assert.matches("6 passed, 0 failed, 0 pending", tested.stdout)
  end)

  it("keeps what a setup made for all tests of the file, and nothing for the next file", function()
    spec [[
      describe("net", function()
        local sandbox
        setup(function()
          sandbox = testing.sandbox()
          sandbox:apply "net.lua"
        end)
        it("is there", function() assert.unchanged(testing.plan "net.lua") end)
        it("is still there", function() assert.unchanged(sandbox:plan "net.lua") end)
      end)
    ]]
    write("p/tests/other_spec.lua", [[
      it("has nothing", function()
        assert.creates(require("eksrun.testing").plan "net.lua", "vpc")
      end)
    ]])
    local tested = eksrun("p", "test")
    assert.equal(0, tested.code, tested.stdout .. tested.stderr)
    assert.matches("3 passed", tested.stdout)
  end)

  it("says what failed and where, and exits with 1", function()
    spec 'it("fails", function() assert.creates(testing.plan "net.lua", "eks.cluster") end)\n'
    local failed = eksrun("p", "test")
    assert.equal(1, failed.code)
    assert.matches("✗ fails\n  tests/net_spec.lua:2\n", failed.stdout, 1, true)
    assert.matches("the plan creates 0 eks.cluster, some expected; what it creates:\n      vpc (ec2.vpc)",
      failed.stdout, 1, true)
    spec "it("
    assert.equal(1, eksrun("p", "test").code)
    assert.matches("tests/net_spec.lua:2\n    unexpected symbol", eksrun("p", "test").stdout, 1, true)
    assert.equal(2, eksrun("p", "test", "nowhere").code)
    assert.matches("no file %*_spec.lua in nowhere_else", (function()
      write("p/nowhere_else/x.lua", "")
      return eksrun("p", "test", "nowhere_else").stderr
    end)())
    assert.matches("tests open sandboxes of their own", eksrun("p", "test", "--sandbox").stderr)
  end)

  it("names the line of the spec where the library refuses what that asks for", function()
    spec [[
      it("a", function()
        testing.plan("net.lua", { nam = "x" })
      end)
      it("b", function()
        testing.apply "nett.lua"
      end)
      it("c", function()
        testing.sandbox().aws.ec2:describe_vpcs { VpcIdz = { "vpc-1" } }
      end)
    ]]
    local failed = eksrun("p", "test").stdout
    assert.matches("✗ a\n  tests/net_spec.lua:3\n    unknown parameter 'nam'", failed, 1, true)
    assert.matches("✗ b\n  tests/net_spec.lua:6\n    recipe nett.lua: No such file", failed, 1, true)
    assert.matches("✗ c\n  tests/net_spec.lua:9\n    ec2:DescribeVpcs: parameter VpcIdz", failed, 1, true)
  end)

  it("passes in the example that ships", function()
    assert.equal(0, process.run({ argv = { "cp", "-r", "examples/standards", folder } }).code)
    local tested = eksrun("standards", "test")
    assert.equal(0, tested.code, tested.stdout .. tested.stderr)
    assert.matches("3 passed, 0 failed", tested.stdout)
  end)

  it("prints TAP, JUnit and JSON", function()
    spec 'it("a", function() end) it("b", function() error("<no>", 0) end) pending("c")\n'
    local tap = eksrun("p", "test", "--output", "tap")
    assert.matches("ok 1 %- a\nnot ok 2 %- b\n.*1%.%.3", tap.stdout)
    assert.matches("<testsuite[^>]* tests='3'", eksrun("p", "test", "--output", "junit").stdout)
    assert.matches('"event":"result","failed":1,"passed":1,"pending":1', eksrun("p", "test", "--json").stdout)
    assert.equal(0, eksrun("p", "test", "--filter", "^a$").code)
    local none = eksrun("p", "test", "--filter", "nothing like it")
    assert.equal(2, none.code)
    assert.matches("no test has a name that %-%-filter nothing like it matches", none.stderr)
  end)

  it("compares plans with goldens, and writes them on request", function()
    spec 'it("is as it was", function() assert.golden(testing.plan "net.lua", "tests/goldens/net.txt") end)\n'
    assert.matches("EKSRUN_GOLDENS=write eksrun test writes it", eksrun("p", "test").stdout)
    assert.equal(0, run_in("p", { EKSRUN_GOLDENS = "write" }, "test").code)
    assert.matches("CidrBlock: \"10.0.0.0/16\"", file.read(folder .. "/p/tests/goldens/net.txt"))
    assert.equal(0, eksrun("p", "test").code)
    write("p/net.lua", (RECIPE:gsub("10%.0%.0%.0/16", "10.0.0.0/17")))
    local changed = eksrun("p", "test")
    assert.equal(1, changed.code)
    assert.matches('-      CidrBlock: "10.0.0.0/16"', changed.stdout, 1, true)
    assert.matches('+      CidrBlock: "10.0.0.0/17"', changed.stdout, 1, true)
  end)
end)
