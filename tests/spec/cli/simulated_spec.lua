-- The file of --sandbox=FILE: when there is one, and what is in it.
local file = require "eksrun.file"
local process = require "eksrun.process"

local program = file.realpath "/proc/self/exe"

describe("the file of a sandbox", function()
  local folder, state, recipe

  before_each(function()
    folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "")
    state, recipe = folder .. "/aws.json", folder .. "/net.lua"
    file.write_atomic(recipe, 'require("eksrun.ec2").vpc { "net", CidrBlock = "10.0.0.0/16" }')
  end)
  after_each(function() process.run { argv = { "rm", "-rf", folder } } end)

  local function eksrun(...)
    return process.run {
      argv = { program, ... }, env = { "PATH", "EKSRUN_STDLIB", HOME = folder },
    }
  end

  it("is not made by commands that only look, which say that there is none", function()
    local none = "there is no sandbox in " .. state .. " yet: this was an empty one\n"
    for _, words in ipairs {
      { "plan", recipe }, { "status", "--stack", "net" }, { "stacks" }, { "destroy", recipe, "--yes" },
      { "call", "ec2", "describe-vpcs" },
    } do
      words[#words + 1] = "--sandbox=" .. state
      local result = eksrun(table.unpack(words))
      assert.matches(none, result.stderr, 1, true)
      assert.is_false(file.exists(state))
      assert.is_false(file.exists(state .. ".lock"))
    end
  end)

  it("may be in a region that AWS does not list, which is said", function()
    local odd = eksrun("plan", recipe, "--sandbox", "--region", "eu-cental-1")
    assert.equal(2, odd.code)
    assert.matches("warning: region 'eu%-cental%-1' .*did you mean 'eu%-central%-1'%?\n", odd.stderr)
    assert.is_nil(eksrun("plan", recipe, "--sandbox", "--region", "eu-central-1").stderr:find "warning")
  end)

  it("is made by what makes something, which says so once", function()
    local said = "the sandbox is new, and kept in " .. state .. "\n"
    local first = eksrun(recipe, "--yes", "--sandbox=" .. state)
    assert.equal(0, first.code, first.stderr)
    assert.matches(said, first.stderr, 1, true)
    local second = eksrun("destroy", recipe, "--yes", "--sandbox=" .. state)
    assert.equal(0, second.code, second.stderr)
    assert.is_nil(second.stderr:find("the sandbox is new", 1, true))
    assert.is_nil(second.stderr:find("there is no sandbox", 1, true))
  end)

  it("knows which stack may be meant by one that nobody knows", function()
    local where = "--sandbox=" .. state
    assert.equal(0, eksrun(recipe, "--yes", where).code)
    for _, command in ipairs { "status", "destroy", "unlock" } do
      local result = eksrun(command, "--stack", "nte", where)
      assert.equal(0, result.code, result.stderr)
      assert.matches("eksrun: no stack nte is known here; did you mean 'net'?\n", result.stderr, 1, true)
      assert.is_nil(eksrun(command, "--stack", "net", where).stderr:find("did you mean", 1, true))
    end
  end)

  it("is counted alike by plan, status, stacks and destroy", function()
    local where = "--sandbox=" .. state
    local planned = eksrun("plan", "recipes/vpc.lua", where).stdout:match "\nplan: (%d+) to create\n"
    assert.equal(0, eksrun("recipes/vpc.lua", "--yes", where).code)
    local status = eksrun("status", "recipes/vpc.lua", where).stdout
    local own, tagged, held =
      status:match "\n(%d+) resources, (%d+) of them with tags of their own, (%d+) more that these hold\n"
    assert.equal(tonumber(planned), own + held)
    assert.matches("\nvpc/demo +" .. tagged .. " +complete ", eksrun("stacks", where).stdout)
    assert.matches(("\nplan: %s to delete, with %s more that they hold\n"):format(own, held),
      eksrun("destroy", "recipes/vpc.lua", where).stderr)
  end)

  it("tells what has no tags by the recipe's address, or by what it belongs to", function()
    local where = "--sandbox=" .. state
    assert.equal(0, eksrun("recipes/vpc.lua", "--yes", where).code)
    local by_recipe = eksrun("status", "recipes/vpc.lua", where).stdout
    assert.matches("\n  network/public/link%-a +ec2%.route_table_association +rtbassoc%-%x+\n", by_recipe)
    local by_tags = eksrun("status", "--stack", "vpc/demo", where).stdout
    assert.matches("\n  rtbassoc%-%x+ +ec2%.route_table_association +of network/public/a\n", by_tags)
    local event = eksrun("status", "--stack", "vpc/demo", "--json", where).stdout
    assert.matches('"of":"network/public/a"', event, 1, true)
  end)

  it("has what was made by a command that was killed", function()
    file.write_atomic(recipe, [[
local eksrun, process = require "eksrun", require "eksrun.process"
local net = require("eksrun.ec2").vpc { "net", CidrBlock = "10.0.0.0/16" }
eksrun.step("die", { after = { net } }, function()
  local began = os.clock()
  repeat until os.clock() - began > 0.2 -- the state is not written after every call
  require("eksrun.aws").ec2:describe_vpcs {}
  process.kill(process.pid(), "KILL")
end)]])
    assert.equal(9, eksrun(recipe, "--yes", "--sandbox=" .. state).signal)
    local plan = eksrun("plan", recipe, "--sandbox=" .. state)
    assert.matches("1 unchanged\n", plan.stdout, plan.stderr)
    assert.is_nil(plan.stdout:find("+ net", 1, true))
  end)
end)
