-- The program as a whole, where no stand-in of AWS is needed: config, and `eksrun lua`.
local file = require "eksrun.file"
local process = require "eksrun.process"

local program = file.realpath "/proc/self/exe"

describe("the program", function()
  local folder

  before_each(function() folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "") end)
  after_each(function() process.run { argv = { "rm", "-rf", folder } } end)

  -- Nobody listens at the endpoint.
  local function eksrun(...)
    return process.run {
      argv = { "env", "AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL=http://127.0.0.1:9", "AWS_MAX_ATTEMPTS=1",
        "AWS_ACCESS_KEY_ID=A", "AWS_SECRET_ACCESS_KEY=S", program, ... },
      env = { "PATH", HOME = folder },
    }
  end

  local function write(text)
    file.write_atomic(folder .. "/f.lua", text)
    return folder .. "/f.lua"
  end

  it("says once that a profile is not there, and that credentials are missing", function()
    local result = eksrun("config", "--profile", "NOSUCH")
    assert.equal(4, result.code)
    local _, count = result.stdout:match("^(.-)\ncredentials,"):gsub("profile 'NOSUCH'", "")
    assert.equal(1, count)
    assert.matches("\n%d+ settings +%- +profile 'NOSUCH'", result.stdout)
    assert.equal(0, eksrun("config").code)
  end)

  it("tells wrong settings from missing credentials", function()
    file.mkdir_p(folder .. "/.aws")
    file.write_atomic(folder .. "/.aws/config", "[default]\nretry_mode = what\n")
    local result = eksrun "config"
    assert.equal(2, result.code)
    assert.matches("\nretry_mode +%- +retry_mode 'what'", result.stdout)
  end)

  it("does not take a missing region for a finding of check", function()
    local result = process.run {
      argv = { program, "check", "recipes/vpc.lua" },
      env = { "PATH", "EKSRUN_STDLIB", HOME = folder, AWS_EC2_METADATA_DISABLED = "true" },
    }
    assert.equal(2, result.code)
    assert.matches("^eksrun: recipes/vpc.lua:16: ec2:describe_availability_zones is asked while the recipe "
      .. "is read: no region: give %-%-region[^\n]*; or without an account: %-%-sandbox\n", result.stderr)
    assert.equal("", result.stdout)
  end)

  it("checks without region and account what asks AWS nothing while it is read", function()
    local function check(text, ...)
      return process.run {
        argv = { program, "check", write(text), ... },
        env = { "PATH", "EKSRUN_STDLIB", HOME = folder, AWS_EC2_METADATA_DISABLED = "true" },
      }
    end
    -- Names of roles have the region in them, and what trusts EC2 the partition's suffix.
    local role = [[
local iam = require "eksrun.iam"
iam.role_for { "r", trust = iam.trust "ec2", policies = { "AmazonEKSWorkerNodePolicy" } }]]
    local result = check(role)
    assert.equal(0, result.code, result.stderr)
    assert.matches("nothing found\n$", result.stdout)
    result = check "require('eksrun.aws').ec2:create_vpc {}"
    assert.equal(1, result.code, result.stderr)
    assert.matches(":1:%d+: create_vpc changes something while the recipe is read", result.stdout)
    assert.matches("1 found; there may be more behind the mistake at which the recipe stops\n$",
      result.stdout)
    result = check "one = two"
    assert.matches(": 2 found\n$", result.stdout)
    result = check("require('eksrun.aws').ec2:describe_vpcs {}", "--region", "eu-west-1")
    assert.equal(4, result.code)
    assert.matches("f.lua: AWS is asked while the recipe is read: no credentials: .*; or without an account: "
      .. "%-%-sandbox\n$", result.stderr)
  end)

  it("keeps what a module beside a recipe sets as a global from the library", function()
    file.write_atomic(folder .. "/sets.lua", [[
type, ipairs, string, error = "m7g.large", false, nil, 5
_G.pairs, shared = nil, "seen"
return require "eksrun"]])
    file.write_atomic(folder .. "/reads.lua", "return shared .. ' and ' .. type")
    local path = write [[
local same = require "sets" == require "eksrun"
local net = require("eksrun.ec2").vpc { "net", CidrBlock = "10.0.0.0/16", tags = { type = type } }
return { same = same, shared = shared, reads = require "reads", vpc = net.CidrBlock }]]
    local result = process.run {
      argv = { program, path, "--sandbox", "--yes" }, env = { "PATH", "EKSRUN_STDLIB", HOME = folder },
    }
    assert.equal(0, result.code, result.stderr)
    assert.equal("reads: seen and m7g.large\nsame: true\nshared: seen\nvpc: 10.0.0.0/16\n", result.stdout)
  end)

  it("warns of a global that nobody has set, once, with its line, and goes on", function()
    file.write_atomic(folder .. "/sets.lua", [[
local known = 1
shared = "seen"
return { f = function() return knwon, unpack, known end }]])
    local path = write [[
local ec2 = require "eksrun.ec2"
local sets, cidr = require "sets", "10.0.0.0/16"
for i = 1, 3 do ec2.vpc { "n" .. i, CidrBlock = cidr, InstanceTenancy = tenancy } end
own = true
sets.f()
if _G.absent or not own or not shared then error "no" end]]
    local function ran(command)
      return process.run {
        argv = { program, command, path, "--sandbox" }, env = { "PATH", "EKSRUN_STDLIB", HOME = folder },
      }
    end
    local plan, seen = ran "plan", {}
    assert.equal(2, plan.code, plan.stderr)
    for line in plan.stderr:gmatch "eksrun: warning: [^\n]*/(%l+%.lua:[^\n]*)" do seen[#seen + 1] = line end
    assert.same({
      "f.lua:3:73: 'tenancy' is not declared, so it is nil",
      "sets.lua:3:32: 'knwon' is not declared, so it is nil; did you mean 'known'?",
    }, seen)
    assert.matches("\n    3 | [^\n]*\n      | +%^^^^^^^\n", plan.stderr)
    assert.equal("", ran("check").stderr)
  end)

  it("says so where the line of a function is lost that returns what it calls", function()
    file.write_atomic(folder .. "/own.lua", [[
local ec2, vpc, iam = require "eksrun.ec2", require "eksrun.vpc", require "eksrun.iam"
return {
  type = function() return ec2.vpc { "one", CidrBlok = "10.0.0.0/16" } end,
  kit = function() return vpc.network { nme = "x" } end,
  role = function() return iam.role_for { "x", trst = "ec2" } end,
  plain = function()
    local net = vpc.network { nme = "x" }
    return net
  end,
}]])
    for name, place in pairs {
      type = "f.lua:2: ", kit = "f.lua:2: ", role = "f.lua:2: ", plain = "own.lua:7:%d+: ",
    } do
      local path = write("local own = require 'own'\nlocal made = own." .. name .. "()")
      local result = process.run {
        argv = { program, "plan", path, "--sandbox" }, env = { "PATH", "EKSRUN_STDLIB", HOME = folder },
      }
      local line = result.stderr:match "^[^\n]*"
      assert.matches("^eksrun: [^ ]*" .. place, line)
      assert.equal(name ~= "plain", line:find(" (in the return of a function that this line calls)", 1, true)
        ~= nil, line)
    end
  end)

  it("says what a saved plan and the file of a sandbox are for", function()
    local path = write "return {}"
    local function refused(...)
      local result = process.run {
        argv = { program, ... }, env = { "PATH", "EKSRUN_STDLIB", HOME = folder, AWS_REGION = "eu-west-1" },
      }
      return result.stderr
    end
    file.write_atomic(folder .. "/x.plan", '{"changes": [], "eksrun_plan": 1}')
    assert.matches("x.plan is a saved plan, which only apply takes: eksrun apply .*x.plan",
      refused("destroy", folder .. "/x.plan", "--yes"))
    write [[require("eksrun").params { a = { 1, "one" } }]]
    assert.matches("aws.json' is no parameter: .*; the file of a sandbox is given as %-%-sandbox=FILE",
      refused("plan", path, "--sandbox", "aws.json"))
  end)

  it("takes --sandbox before the service of a call", function()
    local result = process.run {
      argv = { program, "call", "--sandbox", "eks", "list-clusters" },
      env = { "PATH", "EKSRUN_STDLIB", HOME = folder },
    }
    assert.equal(0, result.code, result.stderr)
    assert.matches('"clusters": %[%]', result.stdout)
  end)

  it("says that --params takes JSON, or a file behind @", function()
    local result = eksrun("call", "eks", "list-clusters", "--params", "maxResults=1")
    assert.equal(2, result.code)
    assert.matches("^eksrun: %-%-params: line 1, column 1: .*; it takes JSON, or @FILE", result.stderr)
  end)

  it("promises to go on only where something is kept of a run that failed", function()
    local path = write [[require("eksrun.ec2").subnet { VpcId = "vpc-0", CidrBlock = "10.0.0.0/24" }]]
    local function failed(sandbox)
      local result = process.run {
        argv = { program, path, "--yes", sandbox }, env = { "PATH", "EKSRUN_STDLIB", HOME = folder },
      }
      assert.equal(1, result.code, result.stderr)
      return result.stderr
    end
    local gone, kept = failed "--sandbox", failed("--sandbox=" .. folder .. "/aws.json")
    assert.matches("\nmend what failed; then, to go on from here, keep the sandbox: --sandbox=FILE\n", gone,
      1, true)
    assert.is_nil(gone:find("stays done", 1, true))
    assert.matches("\nmend what failed, then run again %(what is done stays done%):\n  eksrun ", kept)
  end)

  it("says of a saved plan where it is to be applied", function()
    local state = "--sandbox=" .. folder .. "/aws.json"
    local result = process.run {
      argv = { program, "plan", "recipes/vpc.lua", "--out", folder .. "/p", state },
      env = { "PATH", "EKSRUN_STDLIB", HOME = folder },
    }
    assert.equal(2, result.code, result.stderr)
    assert.matches("to apply it: eksrun apply " .. folder .. "/p " .. state .. "\n", result.stderr, 1, true)
  end)

  it("says of what was adopted in which sandbox it is to be planned", function()
    local state = "--sandbox=" .. folder .. "/aws.json"
    local function ran(...)
      local result = process.run {
        argv = { program, ... }, env = { "PATH", "EKSRUN_STDLIB", HOME = folder, AWS_REGION = "us-east-1" },
      }
      assert.equal(0, result.code, result.stderr)
      return result
    end
    local path = write [[require("eksrun.ec2").vpc { CidrBlock = "10.0.0.0/16" }]]
    local made = ran("call", "ec2", "create-vpc", "--cidr-block", "10.0.0.0/16", state)
    local id = made.stdout:match "vpc%-%x%x%x%x%x%x%x%x+"
    local adopted = ran("adopt", path, "--yes", state, "vpc=" .. id)
    assert.matches("eksrun plan " .. path .. " " .. state, adopted.stderr .. adopted.stdout, 1, true)
  end)

  it("watches the calls of a plain file, whose arguments stay its own", function()
    local path = write [[
      require("eksrun.aws").try.ec2:describe_vpcs {}
      print(#arg, ...)
    ]]
    local counted = "AWS: 1 call, 1 request .* 1 failed\n"
    local result = eksrun("lua", "--stats", path, "a")
    assert.equal("1\ta\n", result.stdout)
    assert.matches(counted, result.stderr)
    result = eksrun("lua", path, "--stats")
    assert.equal("1\t--stats\n", result.stdout)
    assert.matches(counted, result.stderr)
    result = eksrun("lua", "--debug", path)
    assert.equal("0\n", result.stdout)
    assert.matches("> POST http://127%.0%.0%.1:9/ %(ec2:DescribeVpcs", result.stderr)
    assert.equal("", eksrun("lua", path).stderr)
  end)

  it("shows what was counted before what failed", function()
    local result = eksrun("lua", "--stats", write [[require("eksrun.aws").ec2:describe_vpcs {}]])
    assert.equal(1, result.code)
    assert.matches("^AWS: 1 call.*\neksrun: [^\n]*\n$", result.stderr)
  end)
end)
