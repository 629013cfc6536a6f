-- Every recipe that ships, through the program: made, planned empty, destroyed to nothing.
local file = require "eksrun.file"
local json = require "eksrun.json"
local process = require "eksrun.process"

local program = file.realpath "/proc/self/exe"

-- What a recipe wants beside its defaults, and what stands in the account for it; by the file's stem.
local NEEDS = {
  iam = { before = { "managed-cluster" }, params = function() return { "cluster=demo" } end },
  ["private-endpoints"] = {
    before = { "vpc", "internet=false" },
    params = function(state) return { "vpc=" .. next(state.regions["us-east-1"]["ec2.vpc"]) } end,
  },
}
-- What AWS itself leaves for a while, or for good: a cluster's logs, the roles of services.
local LEFT = { ["logs.log_group"] = true, ["ec2.dhcp_options"] = true, ["ssm.parameter"] = true,
  ["autoscaling.refresh"] = true }
local ENDED = { deleted = true, terminated = true }

local function temporary()
  local result = process.run { argv = { "mktemp", "-d" } }
  return (result.stdout:gsub("%s+$", ""))
end

local folder, state_file

local function eksrun(...)
  local result = process.run {
    argv = { program, ... }, env = { "PATH", HOME = folder, XDG_STATE_HOME = folder },
    max_output = 8 * 1024 * 1024,
  }
  return result
end

local function run(verb, stem, params, ...)
  local argv = { verb, "recipes/" .. stem .. ".lua", table.unpack(params) }
  for _, flag in ipairs { "--sandbox=" .. state_file, ... } do argv[#argv + 1] = flag end
  return eksrun(table.unpack(argv))
end

local function state() return json.decode(file.read(state_file)) end

-- Ids of what the account has.
local function things()
  local out = {}
  for _, kinds in pairs(state().regions) do
    for kind, by_id in pairs(kinds) do
      for id, thing in pairs(LEFT[kind] and {} or by_id) do
        local at = type(thing.State) == "table" and thing.State.Name or thing.State
        local linked = tostring(thing.Path):find "^/aws%-service%-role/"
        if not ENDED[at] and not linked then out[#out + 1] = kind .. " " .. id end
      end
    end
  end
  table.sort(out)
  return out
end

local function recipes()
  local list = {}
  for name in process.run({ argv = { "ls", "recipes" } }).stdout:gmatch "([%w-]+)%.lua" do
    list[#list + 1] = name
  end
  return list
end

describe("a recipe in the sandbox", function()
  before_each(function()
    folder = temporary()
    state_file = folder .. "/state.json"
  end)
  after_each(function() process.run { argv = { "rm", "-rf", folder } } end)

  for _, stem in ipairs(recipes()) do
    it(stem .. " is made, has nothing to change, and goes", function()
      local need, params, before = NEEDS[stem], {}, {}
      if need then
        local made = run("apply", need.before[1], { need.before[2] }, "--yes")
        assert.equal(0, made.code, made.stderr)
        params, before = need.params(state()), things()
      end
      local made = run("apply", stem, params, "--yes")
      assert.equal(0, made.code, made.stderr)
      assert.matches("in a sandbox: on AWS this takes about ", made.stderr)
      local plan = run("plan", stem, params)
      assert.equal(0, plan.code, plan.stdout .. plan.stderr)
      local gone = run("destroy", stem, params, "--yes", "--allow-destroy", "cluster/control-plane")
      assert.equal(0, gone.code, gone.stderr)
      local left = {}
      for _, thing in ipairs(things()) do left[#left + 1] = not thing:find "^eks.update" and thing or nil end
      assert.same(before, left)
    end)
  end

  it("prints the same for the same seed", function()
    local one = eksrun("recipes/managed-cluster.lua", "--sandbox", "--yes", "--json")
    assert.equal(0, one.code, one.stderr)
    assert.equal(one.stdout, eksrun("recipes/managed-cluster.lua", "--sandbox", "--yes", "--json").stdout)
  end)

  it("writes nothing of the user's", function()
    local made = eksrun("recipes/managed-cluster.lua", "--sandbox", "--yes")
    assert.equal(0, made.code, made.stderr)
    assert.equal("", process.run({ argv = { "ls", "-A", folder } }).stdout)
  end)

  it("writes the kubeconfig beside its file", function()
    assert.equal(0, run("apply", "managed-cluster", {}, "--yes").code)
    assert.matches("cluster/demo", file.read(state_file .. ".kubeconfig"))
  end)

  it("keeps what a run made before it failed", function()
    local failed = run("apply", "managed-cluster", { "version=1.12" }, "--yes")
    assert.equal(1, failed.code, failed.stderr)
    assert.is_true(#things() > 5)
    assert.equal(0, run("apply", "managed-cluster", {}, "--yes").code)
  end)

  it("is for one cloud at a time, and wants its own file", function()
    local both = eksrun("apply", "recipes/vpc.lua", "--sandbox", "--endpoint-url", "http://x", "--yes")
    assert.equal(2, both.code)
    assert.matches("exclude each other", both.stderr)
    assert.matches("%-%-sandbox wants a value", eksrun("plan", "recipes/vpc.lua", "--sandbox=").stderr)
    file.write_atomic(state_file, "{}")
    assert.matches("is not the state of a sandbox", run("apply", "vpc", {}, "--yes").stderr)
  end)
end)
