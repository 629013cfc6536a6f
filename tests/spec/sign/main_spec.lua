-- luacheck: ignore 122 (io.stdout and io.stderr are caught)
local cloud = require "tests.spec.support.cloud"
local main = require "eksrun.cli.main"

-- A stand-in of eksrun.aws: the cloud of the specs, every other service empty.
local function session(sky)
  local empty = setmetatable({}, {
    __index = function(_, name)
      if name == "pages" then return function() return function() end end end
      return function() return {} end
    end,
  })
  local aws = setmetatable({ cloud = sky.aws.cloud }, { __index = function() return empty end })
  function aws.configure(options) sky.options = options end
  function aws.region() return "eu-west-1" end
  function aws.account() return "123456789012" end
  return aws
end

local folder

local function write(name, text)
  local path = folder .. "/" .. name
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

-- Status, stdout and stderr of a command line.
local function eksrun(sky, ...)
  local written = { out = {}, err = {} }
  local function stream(list)
    return {
      write = function(self, ...)
        for _, text in ipairs { ... } do list[#list + 1] = tostring(text) end
        return self
      end,
      flush = function() end,
    }
  end
  local stdout, stderr, aws, path = io.stdout, io.stderr, package.loaded["eksrun.aws"], package.path
  io.stdout, io.stderr = stream(written.out), stream(written.err)
  package.loaded["eksrun.aws"] = session(sky)
  local ok, status = pcall(main.main, { ... })
  io.stdout, io.stderr, package.loaded["eksrun.aws"], package.path = stdout, stderr, aws, path
  assert(ok, status)
  return status, table.concat(written.out), table.concat(written.err)
end

local recipe_text = [[
local eksrun = require "eksrun"
local resource = require "eksrun.resource"
local p = eksrun.params {
  name = { "demo", "name of it", match = "^%l+$" },
  size = { 4, "how large", min = 1, max = 9 },
  mode = { "fast", "how", choices = { "fast", "slow" } },
}
local net = resource.get "cloud.net" { "net", Cidr = "10.0.0.0/16", Size = p.size }
local host = resource.get "cloud.host" { "host", NetId = net.NetId }
return { id = net.NetId, label = "net " .. net.Dns, host = host.HostName, list = { 1, net.Size } }
]]

describe("the command line", function()
  local sky, recipe

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    assert(os.execute("mkdir -p " .. folder))
    sky = cloud.new()
    recipe = write("thing.lua", recipe_text)
  end)

  after_each(function() os.execute("rm -rf " .. folder) end)

  it("plans, and says by its status whether there is something to do", function()
    local status, out, err = eksrun(sky, "plan", recipe)
    assert.equal(2, status)
    assert.equal("", err)
    assert.matches("stack thing/demo, account 123456789012, region eu%-west%-1", out)
    assert.matches('%+ net +cloud.net +Cidr 10.0.0.0/16, Size 4', out)
    assert.matches("plan: 2 to create\n$", out)
    assert.is_nil(next(sky.things))
  end)

  it("applies, prints what the recipe returned, and has nothing to do the second time", function()
    local status, out, err = eksrun(sky, recipe, "name=prod", "--yes", "size=5", "--region", "eu-west-1")
    assert.equal(0, status)
    assert.equal("eu-west-1", sky.options.region)
    assert.matches("host: thing%-prod%-host\n", out)
    assert.matches("id: net%-1\n", out)
    assert.matches("label: net net%-1.net\n", out)
    assert.matches("list.2: 5\n", out)
    assert.matches("created net %(net%-1%) in", err)
    assert.matches("applied thing/prod: 2 of 2 done", err)
    sky.calls = {}
    status, out, err = eksrun(sky, recipe, "name=prod", "size=5")
    assert.equal(0, status, err)
    assert.matches("no changes, 2 resources as declared", err)
    assert.matches("id: net%-1\n", out)
    assert.is_nil(sky.calls.create or sky.calls.update or sky.calls.delete)
    assert.equal(0, (eksrun(sky, "plan", recipe, "name=prod", "size=5")))
  end)

  it("shows fields that differ", function()
    eksrun(sky, recipe, "--yes")
    local status, out = eksrun(sky, "plan", recipe, "size=6")
    assert.equal(2, status)
    assert.matches("~ net +cloud.net\n +Size: 4 %-> 6\n", out)
  end)

  it("asks nobody without a terminal, and does nothing", function()
    local status, _, err = eksrun(sky, recipe)
    assert.equal(2, status)
    assert.matches("plan: 2 to create", err)
    assert.matches("add %-%-yes", err)
    assert.is_nil(next(sky.things))
  end)

  it("speaks JSON, an object a line", function()
    local status, out, err = eksrun(sky, recipe, "--yes", "--json")
    assert.equal(0, status)
    assert.equal("", err)
    local events = {}
    for line in out:gmatch("[^\n]+") do
      local event = require("eksrun.json").decode(line)
      events[#events + 1] = event.event
    end
    assert.equal("change change plan start done start state done result outputs", table.concat(events, " "))
  end)

  it("destroys by recipe or by name", function()
    eksrun(sky, recipe, "--yes", "name=prod")
    local status, _, err = eksrun(sky, "destroy", "--stack", "thing/prod", "--yes")
    assert.equal(0, status)
    assert.matches("destroyed thing/prod: 2 of 2 done", err)
    assert.is_nil(next(sky.things))
    status, _, err = eksrun(sky, "destroy", recipe, "name=prod", "--yes")
    assert.equal(0, status)
    assert.matches("nothing to delete", err)
    assert.equal(2, (eksrun(sky, "destroy")))
  end)

  it("says what failed, last, and how to go on", function()
    sky.faults["create thing-demo-host"] = cloud.refusal("AccessDenied", "not \27[31mallowed")
    local status, out, err = eksrun(sky, recipe, "--yes")
    assert.equal(1, status)
    assert.equal("", out)
    assert.is_nil(err:find("\27", 1, true))
    assert.matches("1 done, 1 failed, 0 not ready yet, 0 not started", err)
    assert.matches("failed: host %(cloud.host, .*thing.lua:9%)\n +not .*allowed", err)
    assert.matches("run the same command again: what is done stays done\n$", err)
  end)

  it("lists the parameters of a recipe", function()
    local status, out = eksrun(sky, recipe, "--help")
    assert.equal(0, status)
    assert.matches("size=INTEGER +how large %(1 to 9; default: 4%)", out)
    assert.matches("mode=STRING +how %(one of fast, slow; default: fast%)", out)
    for line in out:gmatch("[^\n]+") do
      assert.is_true(#line <= 80 or line:find(folder, 1, true) ~= nil, line)
    end
  end)

  it("refuses in one clear line", function()
    local cases = {
      { 2, "unknown command 'plam'", "plam" },
      { 2, "unknown flag '%-%-yess'", recipe, "--yess" },
      { 2, "unknown parameter 'sise'", recipe, "sise=3" },
      { 2, "parameter size: 12 is more than 9", recipe, "size=12" },
      { 2, "parameter size: 'x' is not a whole number", recipe, "size=x" },
      { 2, "parameter mode: 'odd' is none of fast, slow", recipe, "mode=odd" },
      { 2, "parameter name: 'A' does not match", recipe, "name=A" },
      { 2, "parameter size: given twice", recipe, "size=1", "size=2" },
      { 2, "'4' is no parameter: k=v expected", recipe, "4" },
      { 1, "parameter size: 12 is more than 9", "plan", recipe, "size=12" },
      { 2, "No such file", folder .. "/none.lua" },
      { 2, "broken.lua:2: .*near", write("broken.lua", "local x = 1\nlocal = 2\n") },
      { 2, "takes no parameters", write("bare.lua", 'require("eksrun").stack "s"'), "a=1" },
      { 1, "bug.lua:1: attempt to index a nil value", write("bug.lua", "local x = y.z") },
      { 1, "early.lua:3: comparison: the value of net.NetId is not known", write("early.lua",
        'local net = require("eksrun.resource").get "cloud.net"\n'
          .. 'local n = net { Cidr = "c" }\nif n.NetId == net { "b", Cidr = "d" }.NetId then return 1 end') },
      { 1, "twice.lua:3: two resources have the address net: .* declared at .*twice.lua:2", write("twice.lua",
        'local net = require("eksrun.resource").get "cloud.net"\nnet { Cidr = "c" }\nnet { Cidr = "c" }') },
    }
    for _, case in ipairs(cases) do
      local status, out, err = eksrun(sky, table.unpack(case, 3))
      assert.equal(case[1], status, err)
      assert.matches(case[2], err)
      assert.equal("", out)
      assert.matches("^eksrun: [^\n]*\n", err)
    end
    assert.is_nil(next(sky.things))
  end)

  it("just runs a plain script, with its arguments and the modules beside it", function()
    write("beside.lua", "return { word = 'found' }")
    local script = write("plain.lua",
      'local word = require("beside").word\nio.stdout:write(word, " ", arg[1], " ", ..., "\\n")')
    local status, out, err = eksrun(sky, script, "one")
    assert.equal(0, status, err)
    assert.equal("found one one\n", out)
    assert.is_nil(sky.calls.describe)
  end)

  it("shows the recipe's own frames of an error", function()
    local script = write("deep.lua",
      "local function inner() error('boom') end\nlocal function outer() inner() end\nouter()")
    local status, _, err = eksrun(sky, script)
    assert.equal(1, status)
    assert.matches("deep.lua:1: boom\n", err)
    assert.matches("deep.lua:2: in .*'outer'", err)
    assert.is_nil(err:find("cli/main.lua", 1, true))
    _, _, err = eksrun(sky, script, "--debug")
    assert.matches("stack traceback", err)
  end)
end)
