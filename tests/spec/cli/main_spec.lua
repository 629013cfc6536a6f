local cloud = require "tests.spec.support.cloud"
local main = require "eksrun.cli.main"
local streams = require "tests.spec.support.streams"
local parameters = require "tests.spec.support.parameters"

-- A stand-in of eksrun.aws: the cloud of the specs, every other service empty.
local function stand_in(sky)
  local empty = setmetatable({}, {
    __index = function(_, name)
      if name == "pages" then return function() return function() end end end
      return function() return {} end
    end,
  })
  sky.ssm = sky.ssm or parameters.new()
  local clients = { cloud = sky.aws.cloud, ssm = sky.ssm }
  local aws = setmetatable(clients, { __index = function() return empty end })
  function aws.configure(options) sky.options = options end
  function aws.region() return "eu-west-1" end
  function aws.account() return "123456789012" end
  return aws
end

local folder, session

local function write(name, text)
  local path = folder .. "/" .. name
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

-- Status, stdout and stderr of a command line.
local function eksrun(sky, ...)
  local path = package.path
  local status, out, err = streams.of(session(sky), main.main, { ... })
  package.path = path
  return status, out, err
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
    sky, session = cloud.new(), stand_in
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
    assert.equal("change change plan begin start done start state done timeline result outputs",
      table.concat(events, " "))
    out = select(2, eksrun(sky, recipe, "--yes", "--json"))
    assert.matches('"event":"result","failed":0,', out, 1, true)
  end)

  it("gives events alone on stderr to who wants those, and the result as it is", function()
    local status, out, err = eksrun(sky, recipe, "--yes", "--progress", "json")
    assert.equal(0, status, err)
    assert.matches("^host: thing%-demo%-host\n", out)
    local seen = {}
    for line in err:gmatch "[^\n]+" do
      local event = require("eksrun.json").decode(line).event
      if seen[#seen] ~= event then seen[#seen + 1] = event end
    end
    assert.equal("change plan begin", table.concat(seen, " ", 1, 3))
    assert.equal("result", seen[#seen])
    status, out, err = eksrun(sky, "destroy", recipe, "--yes", "--progress", "json")
    assert.equal("", out)
    assert.equal(0, status, err)
    assert.is_nil(("\n" .. err):find "\n[^{]", err)
  end)

  it("is quiet where nobody is asked, and shows what it asks about", function()
    local status, out, err = eksrun(sky, recipe, "--yes", "--progress", "quiet")
    assert.equal(0, status, err)
    assert.equal("", err)
    assert.matches("^host: thing%-demo%-host\n", out)
    status, out, err = eksrun(sky, "destroy", recipe, "--progress", "quiet")
    assert.equal("", out)
    assert.equal(2, status)
    assert.matches("plan: 2 to delete", err)
  end)

  it("says as an event, too, what it failed by, and where in the recipe", function()
    local path = write("wrong.lua", "local x\n\trequire('eksrun').parms {}")
    for status, words in pairs { [2] = { path }, [1] = { "plan", path } } do
      local got, out, err = eksrun(sky, "--json", table.unpack(words))
      assert.equal(status, got)
      assert.matches("^eksrun: .*wrong.lua:2:20: eksrun has no 'parms'", err)
      assert.same({
        event = "error", code = "recipe", file = path, line = 2, column = 20,
        message = path .. ":2: eksrun has no 'parms'; did you mean 'params'?",
      }, require("eksrun.json").decode(out))
    end
    local _, out = eksrun(sky, "--json", recipe, "sise=3")
    assert.same({
      event = "error", code = "usage", message = "unknown parameter 'sise'; did you mean 'size'?",
    }, require("eksrun.json").decode(out))
    assert.equal("", (select(2, eksrun(sky, "config", "--json", "--yess"))))
  end)

  it("shows the line of a step or a map that failed while it was applied", function()
    local path = write("step.lua", [[
local eksrun = require "eksrun"
local net = require("eksrun.resource").get "cloud.net" { "net", Cidr = "c" }
eksrun.step("seed", { after = { net } }, function() fo("hunter2") end)]])
    local status, _, err = eksrun(sky, path, "--yes")
    assert.equal(1, status)
    assert.matches("failed: seed %(.*step.lua:3%)\n"
      .. "  .*step.lua:3:53: attempt to call a nil value %(global 'fo'%)\n"
      .. "    3 | eksrun.step%(\"…\", { after = { net } }, function%(%) fo%(\"…\"%) end%)\n"
      .. "      | +%^%^\n", err)
    local _, out = eksrun(sky, path, "--yes", "--json")
    assert.matches('"column":53,.*"file":"' .. path .. '","line":3,', out)
  end)

  describe("of needs that are declared later", function()
    local later = [[
local net = require("eksrun.resource").get "cloud.net"
net { "first", Cidr = "1", depends_on = { "last" } }
net { "last", Cidr = "2" }
net { "other", Cidr = "3" }]]

    -- The calls that change something, in their order.
    local function changes()
      local out = {}
      for _, call in ipairs(sky.log) do
        if not call:find "^describe" then out[#out + 1] = call end
      end
      sky.log = {}
      return table.concat(out, ", ")
    end

    it("makes them first and deletes them last, also by a saved plan and as targets", function()
      local path = write("later.lua", later)
      eksrun(sky, path, "--target", "first", "--yes")
      assert.equal("create 2, create 1", changes())
      eksrun(sky, "destroy", path, "--yes")
      assert.equal("delete net-2, delete net-1", changes())
      local saved = folder .. "/later.plan"
      eksrun(sky, "plan", path, "--target", "first", "--out", saved)
      assert.equal(0, (eksrun(sky, saved)))
      assert.equal("create 2, create 1", changes())
      assert.equal(2, (eksrun(sky, "plan", path)))
    end)

    it("draws them, and finds nothing wrong with them", function()
      local path = write("later.lua", later)
      local status, out, err = eksrun(sky, "graph", path, "--format", "mermaid")
      assert.equal(0, status, err)
      local names = {}
      for id, name in out:gmatch '(n%d+)%("%+ (%l+)<' do names[id] = name end
      local from, to = out:match "(n%d+) ?%-%->%s*(n%d+)"
      assert.same({ "last", "first" }, { names[from], names[to] }, out)
      assert.equal(0, (eksrun(sky, "check", path)))
    end)

    it("names a cycle, and asks nobody", function()
      local path = write("cycle.lua", (later:gsub('"2"', '"2", depends_on = { "first" }')))
      for command, wanted in pairs { apply = 2, plan = 1, destroy = 2, graph = 2, drift = 1, status = 2 } do
        local status, _, err = eksrun(sky, command, path)
        assert.equal(wanted, status, err)
        assert.matches("eksrun: P:2:28: first depends on itself: first (P:2) -> last (P:3) -> first; take",
          (err:gsub(path, "P")), 1, true)
      end
      local status, out = eksrun(sky, "check", path)
      assert.equal(1, status)
      assert.matches("cycle.lua:2:28: first depends on itself: ", out)
      assert.is_nil(sky.calls.describe)
    end)
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
    assert.matches("\nmend what failed, then run again %(what is done stays done%):\n"
      .. "  eksrun .*thing.lua %-%-yes\n$", err)
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
      { 2, "broken.lua:2:7: .*near", write("broken.lua", "local x = 1\nlocal = 2\n") },
      { 2, "takes no parameters", write("bare.lua", 'require("eksrun").stack "s"'), "a=1" },
      { 2, "bug.lua:1:11: attempt to index a nil value", write("bug.lua", "local x = y.z") },
      { 2, "early.lua:3:6: comparison: the value of net.NetId is not known", write(
        "early.lua",
        'local net = require("eksrun.resource").get "cloud.net"\n'
          .. 'local n = net { Cidr = "c" }\nif n.NetId == net { "b", Cidr = "d" }.NetId then return 1 end') },
      { 2, "twice.lua:3:%d+: two resources have the address net: .* declared at .*twice.lua:2", write(
        "twice.lua",
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

  it("knows a parameter that is written as a flag", function()
    local given = "; a parameter of the recipe is given as "
    local cases = {
      { "unknown flag '%-%-size'" .. given .. "size=5 ", recipe, "--size", "5" },
      { "unknown flag '%-%-size'" .. given .. "size=5 ", "apply", "--size=5", recipe },
      { "unknown flag '%-%-mode'" .. given .. "mode=... ", "plan", recipe, "--mode" },
      { "unknown flag '%-%-sise'" .. given .. "size=2 ", "destroy", recipe, "--sise", "2" },
      { "'%-%-jsn'; did you mean '%-%-json'%? %(see eksrun plan %-%-help%)", "plan", recipe, "--jsn" },
    }
    for _, case in ipairs(cases) do
      local _, out, err = eksrun(sky, table.unpack(case, 2))
      assert.equal("", out)
      assert.matches(case[1], err)
    end
    assert.is_nil(sky.calls.describe)
  end)

  it("points to the help", function()
    local _, _, err = eksrun(sky, "help", "destory")
    assert.equal("eksrun: unknown command 'destory'; did you mean 'destroy'? "
      .. "(see eksrun help)\n", err)
    _, _, err = eksrun(sky, "plam", recipe)
    assert.matches("did you mean 'plan'%? %(see eksrun help%)\n$", err)
  end)

  it("knows lua as a command, and says what it wants", function()
    local status, _, err = eksrun(sky, "lua")
    assert.equal(2, status)
    assert.equal("eksrun: FILE is missing; usage: eksrun lua [--debug] [--stats] FILE [ARG...]\n", err)
    status, _, err = eksrun(sky, "lua", "--debgu", "x.lua")
    assert.equal(2, status)
    assert.matches("^eksrun: '%-%-debgu' is no file", err)
    local out
    status, out = eksrun(sky, "lua", "--help")
    assert.equal(0, status)
    assert.matches("usage: eksrun lua %[%-%-debug%] %[%-%-stats%] FILE %[ARG...%]", out)
    assert.not_matches("common flags", out)
  end)

  it("shows the usage where an argument is too many", function()
    local status, _, err = eksrun(sky, "unlock", "a/b")
    assert.equal(2, status)
    assert.equal("eksrun: unexpected argument 'a/b'; usage: eksrun unlock --stack NAME [flags]\n", err)
  end)

  it("wants the name of a stack to destroy one", function()
    for _, name in ipairs { "", " ", "-x", ("n"):rep(129), "a\27b" } do
      local status, _, err = eksrun(sky, "destroy", "--yes", "--stack=" .. name)
      assert.equal(2, status)
      assert.matches("^eksrun: %-%-stack: '.*' is no stack's name; .* such as managed%-cluster/demo\n$", err)
    end
    assert.is_nil(sky.calls.describe)
  end)

  describe("says what is wrong with a recipe, with its line and one status:", function()
    -- text of the recipe, pattern of the line behind the place; the mistake is in line 2
    local cases = {
      field = { "net { 'n', Cidrr = 'c' }", "cloud.net n: unknown input 'Cidrr'; did you mean 'Cidr'%?" },
      global = { "nte { 'n' }", "attempt to call a nil value %(global 'nte'%); did you mean 'net'%?" },
      text = { "error 'no luck'", "no luck" },
      ["text without a place"] = { "error('no luck', 0)", "no luck" },
      table = { "error { code = 3, why = 'x' }", "raised { code = 3, why = \"x\" }" },
      ["table with a message"] = { "error { message = 'no luck' }", "no luck" },
      ["nil"] = { "error()", "raised nil" },
      kit = { "local x = require 'eksrun.vcp'",
        "module 'eksrun.vcp' not found; did you mean 'eksrun.vpc'%?" },
      ["kit without its room"] = { "local x = require 'vpc'",
        "module 'vpc' not found; did you mean 'eksrun.vpc'%?" },
      module = { "local x = require 'of.none'",
        "module 'of.none' not found: no file [^ ]*/of/none.lua or [^ ]*/of/none/init.lua" },
      ["key of eksrun"] = { "eksrun.parms {}", "eksrun has no 'parms'; did you mean 'params'%?" },
      ["parameter not declared"] = { "local p = eksrun.params { name = { 'a', 'h' } } local x = p.nmae",
        "the recipe declares no parameter 'nmae'; did you mean 'name'%?" },
      ["bare default"] = { "eksrun.params { a = 1 }",
        "params.a: { default, help, ... } expected, got a number: a = { 1, \"what it is\" }" },
      ["bare list"] = { "eksrun.params { a = { 'x', 'y', 'z' } }",
        "params.a: .* a list as the default stands in braces of its own" },
      ["help that is none"] = { "eksrun.params { a = { 1, 2 } }",
        "params.a: the help wants a string, got number" },
      ["default out of bounds"] = { "eksrun.params { a = { 1, 'h', min = 2 } }",
        "params.a: the default: 1 is less than 2" },
      ["default of another type"] = { "eksrun.params { a = { 'x', 'h', type = 'integer' } }",
        "params.a: the default is a string, not of type integer" },
      ["bound of another type"] = { "eksrun.params { a = { 1, 'h', min = 'x' } }",
        "params.a: 'min' wants a number" },
      ["tag that is no text"] = { "net { 'n', Cidr = 'c', tags = { Name = 5 } }",
        "cloud.net n: tags.Name wants text, got number" },
      ["tags as a list"] = { "net { 'n', Cidr = 'c', tags = { 'a' } }",
        "cloud.net n: tags wants a table by key" },
      ["tag of ours"] = { "net { 'n', Cidr = 'c', tags = { ['eksrun:stack'] = 'x' } }",
        "cloud.net n: tags.eksrun:stack: the prefix is not yours to use" },
      ["tag that a terminal would obey"] = { "net { 'n', Cidr = 'c', tags = { a = '\\27[31m' } }",
        "cloud.net n: tags.a has a control character in it" },
      ["need that is no list"] = { "net { 'n', Cidr = 'c', depends_on = net { 'm', Cidr = 'd' } }",
        "cloud.net n: depends_on wants a list" },
      ["protection by text"] = { "net { 'n', Cidr = 'c', protect = 'yes' }",
        "cloud.net n: protect wants boolean, got string" },
      ["scope without a function"] = { "eksrun.scope('x')", "scope: a function expected, got nil" },
      ["ref for a function of Lua's"] = { "local x = ('x'):rep(net { 'n', Cidr = 'c' }.NetId)",
        "bad argument #1 to 'rep' %(number expected, got eksrun.ref%): the value of n.NetId is not known "
          .. "before apply; use :map%(function%(v%) ... end%)$" },
      ["list of refs for a function of Lua's"] = { "local x = table.concat { net { 'n', Cidr = 'c' }.NetId }",
        "invalid value .* for 'concat': the value of n.NetId is not known before apply; "
          .. "use eksrun.all%(list%):map%(" },
      ["list that has no ref"] = { "local x = table.concat { net { 'n', Cidr = 'c' } }",
        "invalid value .* for 'concat'$" },
      ["nil behind a ref"] = { "local x = 'a' .. net { 'n', Cidr = 'c' }.NetId .. nil",
        "attempt to concatenate a nil value with n.NetId" },
      ["nil before a ref"] = { "local x = nil .. net { 'n', Cidr = 'c' }.NetId",
        "attempt to concatenate a nil value with n.NetId" },
      pattern = { "eksrun.params { a = { 'x', 'h', match = '[' } }",
        "params: match = '%[': malformed pattern" },
      ["parameter of a call"] = { "require('eksrun.aws').eks:describe_cluster { nam = 'x' }",
        "eks:DescribeCluster: parameter nam is unknown, did you mean name", true },
      operation = { "require('eksrun.aws').eks:describe_clustr {}",
        "eks has no operation 'describe_clustr', did you mean describe_cluster", true },
    }
    for name, case in pairs(cases) do
      it(name, function()
        local long = folder .. "/" .. ("long"):rep(30)
        assert(os.execute("mkdir -p " .. long))
        local path = long .. "/wrong.lua"
        local file = assert(io.open(path, "w"))
        file:write("local eksrun = require 'eksrun' local net = require('eksrun.resource').get 'cloud.net'\n",
          case[1], "\neksrun.stack 's'\n")
        file:close()
        if case[3] then -- the real client, without a request
          session = function(...) -- luacheck: ignore 431
            local aws = stand_in(...)
            aws.eks = require("eksrun.aws.client").new("eks", { region = "eu-west-1" })
            return aws
          end
        end
        for command, wanted in pairs { apply = 2, plan = 1, destroy = 2 } do
          local status, out, err = eksrun(sky, command, path)
          assert.equal(wanted, status, err)
          assert.equal("", out)
          local place, message, below = err:match("^eksrun: (.-:%d+):?%d*: ([^\n]*)\n(.*)")
          assert.equal(path .. ":2", place, err)
          assert.matches("^" .. case[2], message)
          assert.matches("^    2 | [^\n]+\n      | +%^+\n", below)
          assert.is_nil(err:find("lua/stdlib", 1, true), err)
        end
        assert.is_nil(sky.calls.describe)
      end)
    end
  end)

  it("refuses to return what cannot be printed, before anything is made", function()
    local declare = 'require("eksrun.resource").get "cloud.net" { "n", Cidr = "c" } '
    for text, wanted in pairs {
      ["return { a = { print } }"] = "what it returns.a.1 is a function, which cannot be printed",
      ["local t = {} t.t = t return t"] = "what it returns.t holds itself",
    } do
      local status, _, err = eksrun(sky, write("returns.lua", declare .. text), "--yes")
      assert.equal(2, status)
      assert.matches("^eksrun: .*returns.lua: " .. wanted .. "\n$", err)
    end
    assert.is_nil(sky.calls.describe)
  end)

  it("declares nothing once the recipe was read", function()
    local status, _, err = eksrun(sky, write("late.lua", [[
      local net = require("eksrun.resource").get "cloud.net"
      return net { "n", Cidr = "c" }.NetId:map(function(id) return net { id, Cidr = "d" } end)]]), "--yes")
    assert.equal(1, status)
    assert.matches("late.lua:2:%d+: cloud.net: resources are declared while the recipe is read", err)
    assert.equal(1, sky.calls.create)
  end)

  it("names the file where a tail call has left nothing but that", function()
    local path = write("tail.lua", "return require('eksrun.resource').get 'cloud.net' { 'n' }")
    local _, _, err = eksrun(sky, path)
    assert.equal(("eksrun: %s: cloud.net n: input 'Cidr' (string) is required\n"):format(path), err)
    path = write("tail2.lua", "return require('eksrun.vpc').network { nme = 'n' }")
    _, _, err = eksrun(sky, path)
    assert.equal(("eksrun: %s:1:40: vpc.network: unknown field 'nme'; did you mean 'name'?\n"
      .. "    1 | return require('eksrun.vpc').network { nme = '…' }\n"
      .. "      | %s^^^\n"):format(path, (" "):rep(39)), err)
  end)

  it("tells an unknown flag from an unknown command", function()
    local status, _, err = eksrun(sky, "--regoin", "eu-west-1", recipe)
    assert.equal(2, status)
    assert.equal("eksrun: unknown flag '--regoin'; did you mean '--region'? (see eksrun help)\n", err)
  end)

  it("begins the help of a command with an example, in 80 columns", function()
    for _, name in ipairs(main.commands()) do
      local status, out = eksrun(sky, name, "--help")
      assert.equal(0, status)
      if main.command(name).examples and not main.command(name).help then
        assert.matches("^[^\n]+\n\n  [^\n]*eksrun ", out)
      end
      for line in out:gmatch("[^\n]+") do assert.is_true(#line <= 80, name .. ": " .. line) end
    end
  end)

  it("finds what is wrong with an output before it changes anything, as far as it is known", function()
    local path = write("out.lua", [[
      local net = require("eksrun.resource").get "cloud.net" { "net", Cidr = "c", Size = 1 }
      return { label = net.Dns:map(function(dns) return dns.name.first end) }]])
    local status, out, err = eksrun(sky, path, "--yes")
    assert.equal(1, status)
    assert.equal("", out)
    assert.matches("\neksrun: all is done, but not what the recipe returns: .*out.lua:2:61: attempt", err)
    assert.equal(1, sky.calls.create)
    status, out, err = eksrun(sky, "plan", path)
    assert.equal(1, status)
    assert.equal("", out)
    assert.matches("^eksrun: .*out.lua:2:61: attempt to index", err)
    status = eksrun(sky, path, "--yes")
    assert.equal(2, status)
  end)

  it("does not do in a plan what a run does at its end, but looks whether it can be done", function()
    local done, checked = 0, 0
    local ref = require "eksrun.engine.ref"
    package.loaded.effect_of = function(value)
      return ref.effect(value, {
        check = function() checked = checked + 1 end,
        run = function(known) done = done + 1 return "done with " .. known end,
      })
    end
    local path = write("effect.lua", [[
      local net = require("eksrun.resource").get "cloud.net" { "net", Cidr = "c" }
      return { effect = require "effect_of"(net.NetId) }]])
    eksrun(sky, "plan", path)
    assert.same({ 0, 1 }, { done, checked })
    local status, out = eksrun(sky, path, "--yes")
    assert.equal(0, status)
    assert.matches("effect: done with net%-1\n", out)
    assert.same({ 1, 2 }, { done, checked })
    eksrun(sky, "plan", path)
    assert.same({ 1, 3 }, { done, checked })
    package.loaded.effect_of = nil
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

  it("shows the line of a module beside the recipe that is no Lua", function()
    write("wrong.lua", "local x = 1\nreturn = 2")
    local status, _, err = eksrun(sky, write("uses.lua", "local w = require 'wrong'\nreturn w"))
    assert.equal(2, status)
    assert.matches("^eksrun: .*wrong.lua:2:8: .* near '='\n    2 | return = 2\n      |        %^\n", err)
    write("wrong.lua", string.dump(function() end))
    status, _, err = eksrun(sky, write("uses.lua", "local w = require 'wrong'\nreturn w"))
    assert.equal(2, status)
    assert.matches("wrong.lua: attempt to load a binary chunk", err)
  end)

  it("shows the recipe's own frames of an error", function()
    local script = write("deep.lua",
      "local function inner() error('boom') end\nlocal function outer() inner() end\nouter()")
    local status, _, err = eksrun(sky, script)
    assert.equal(2, status)
    assert.matches("deep.lua:1:30: boom\n    1 | .*\n      | +%^+\n  ", err)
    assert.matches("deep.lua:2: in .*'outer'", err)
    assert.is_nil(err:find("cli/main.lua", 1, true))
    _, _, err = eksrun(sky, script, "--debug")
    assert.matches("stack traceback", err)
  end)

  it("keeps what a script sets without local from the library", function()
    local names = "type, next, error, pairs, string, table, require, tostring, setmetatable"
    local script = write("shadows.lua", "local type_of = type\n" .. names .. " = 'x'\n_G.pcall = 1\n"
      .. "return { mine = type_of(type), same = _G == _ENV, others = type_of(math), set = pcall }")
    local status, out, err = eksrun(sky, script)
    assert.equal(0, status, err)
    assert.equal("mine: string\nothers: table\nsame: true\nset: 1\n", out)
    assert.equal("function", type(pcall))
  end)

  it("ends soon in a recursion without end, and shows the innermost frames", function()
    local script = write("endless.lua", "local function f() return f() + 1 end\nf()")
    local status, _, err = eksrun(sky, script)
    assert.equal(2, status)
    assert.matches("endless.lua:1: stack overflow\n", err)
    assert.equal(20, select(2, err:gsub("in .-'f'", "")))
  end)
end)
