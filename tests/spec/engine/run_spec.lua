local apply = require "eksrun.engine.apply"
local cloud = require "tests.spec.support.cloud"
local eksrun = require "eksrun"
local graph = require "eksrun.engine.graph"
local stack = require "eksrun.engine.stack"
local task = require "eksrun.task"
local util = require "eksrun.util"

-- Sends this process a signal, as Ctrl-C does.
local function interrupt(signal)
  local stat = assert(io.open "/proc/self/stat")
  local pid = stat:read "n"
  stat:close()
  assert(os.execute(("kill -%s %d"):format(signal:gsub("^SIG", ""), pid)))
end

local plan, ops = cloud.plan, cloud.ops

local function run(sky, recipe, options)
  local planned = plan(sky, recipe, options)
  local events = {}
  local result = apply.run(planned, {
    aws = sky.aws,
    on_event = function(event)
      events[#events + 1] = event.event .. " " .. tostring(event.address)
      if options and options.on_event then options.on_event(event) end
    end,
  })
  return result, planned, events
end

local function addresses(steps)
  local out = {}
  for i, step in ipairs(steps) do out[i] = step.kind .. " " .. step.address end
  table.sort(out)
  return out
end

local function changes(planned, address)
  local out = {}
  for _, action in ipairs(planned.actions) do
    if action.address == address then
      for _, change in ipairs(action.changes) do out[#out + 1] = change.path end
    end
  end
  return out
end

local function position(list, item)
  for i, value in ipairs(list) do
    if value == item then return i end
  end
end

local function recipe()
  local net = cloud.net { "net", Cidr = "10.0.0.0/16", Size = 4, tags = { team = "core" } }
  graph.current():scope("hosts", function()
    for _, name in ipairs { "a", "b" } do
      cloud.host { name, NetId = net.NetId, Version = "1", Config = { public = true, nets = { net.NetId } } }
    end
  end)
  cloud.link { "link", NetId = net, Target = "0.0.0.0/0", To = "spec-one-hosts-a" }
end

describe("the engine", function()
  it("makes what is declared, and a second run changes nothing", function()
    local sky = cloud.new()
    local result, planned = run(sky, recipe)
    assert.same({ "create net", "create hosts/a", "create hosts/b", "create link" }, ops(planned))
    assert.equal(4, #result.done)
    local net = sky.things["net-1"]
    assert.equal("spec/one", net.tags["eksrun:stack"])
    assert.equal("net", net.tags["eksrun:resource"])
    assert.equal("core", net.tags.team)

    local calls = sky.calls
    sky.calls = {}
    local again, unchanged = run(sky, recipe)
    assert.same({}, ops(unchanged))
    assert.equal(0, #again.done)
    assert.is_nil(sky.calls.create or sky.calls.update or sky.calls.delete or sky.calls.retag)
    assert.equal(4, calls.create)
    assert.same({ "net-1" }, { again.fields[unchanged.graph.by_address.net].NetId })
  end)

  it("starts each as soon as what it needs is ready", function()
    local sky = cloud.new()
    local _, _, events = run(sky, recipe)
    assert.is_true(sky.most >= 3)
    assert.is_true(position(events, "start hosts/a") < position(events, "done hosts/b"))
    assert.is_true(position(events, "start hosts/b") < position(events, "done hosts/a"))
    assert.is_true(position(events, "done net") < position(events, "start hosts/a"))
  end)

  it("says exactly what differs, and repairs only that", function()
    local sky = cloud.new()
    run(sky, recipe)
    sky.things["net-1"].Size = 5
    sky.things["net-1"].tags.team = "other"
    sky.things["net-1"].tags.foreign = "stays"
    local planned = plan(sky, recipe)
    assert.same({ "update net" }, ops(planned))
    assert.same({ "Size", "tags.team" }, changes(planned, "net"))
    sky.calls = {}
    run(sky, recipe)
    assert.equal(1, sky.calls.update)
    assert.equal(1, sky.calls.retag)
    assert.equal(4, sky.things["net-1"].Size)
    assert.equal("stays", sky.things["net-1"].tags.foreign)
    assert.same({}, ops(plan(sky, recipe)))
  end)

  it("compares sets, policies and structures by meaning", function()
    local sky = cloud.new()
    local function declared(peers, doc, config)
      return function()
        cloud.net { "net", Cidr = "c", Peers = peers, Secret = "x" }
        cloud.host { "h", Doc = doc, Config = config }
      end
    end
    run(sky, declared({ "a", "b" }, '{"Statement":{"Effect":"Allow","Action":"s:A"}}', { public = true }))
    for _, host in pairs(sky.things) do
      if host.kind == "host" then host.Config = { public = true, more = 1 } end
    end
    local same = declared({ "b", "a", "a" }, { Statement = { { Action = { "s:A" }, Effect = "Allow" } } },
      { public = true })
    assert.same({}, ops(plan(sky, same)))
    local other = declared({ "b" }, { Statement = { { Action = { "s:B" }, Effect = "Allow" } } },
      { public = false })
    local planned = plan(sky, other)
    assert.same({ "Peers" }, changes(planned, "net"))
    assert.same({ "Config.public", "Doc" }, changes(planned, "h"))
  end)

  it("replaces what cannot be changed, with what depends on it, unless it is protected", function()
    local sky = cloud.new()
    run(sky, recipe)
    local function moved()
      local net = cloud.net { "net", Cidr = "10.9.0.0/16" }
      cloud.host { "h", NetId = net.NetId }
    end
    local function before()
      local net = cloud.net { "net", Cidr = "10.0.0.0/16" }
      cloud.host { "h", NetId = net.NetId }
    end
    sky = cloud.new()
    run(sky, before)
    local ok, err = pcall(plan, sky, moved)
    assert.is_false(ok)
    assert.equal("protected", err.code)
    assert.matches("%-%-allow%-destroy h", tostring(err))
    sky.log = {}
    local result, planned = run(sky, moved, { allow_destroy = { "h" } })
    assert.same({ "replace net", "replace h" }, ops(planned))
    assert.equal("Cidr cannot be changed", planned.actions[1].reason)
    assert.equal(4, #result.done)
    assert.is_true(position(sky.log, "delete host-2") < position(sky.log, "delete net-1"))
    assert.is_true(position(sky.log, "delete net-1") < position(sky.log, "create 10.9.0.0/16"))
    assert.same({}, ops(plan(sky, moved)))
  end)

  it("deletes what is no longer declared, users first, and relations with their parent", function()
    local sky = cloud.new()
    run(sky, recipe)
    sky.log = {}
    local result, planned = run(sky, function() end, { allow_destroy = { "hosts/a", "hosts/b" } })
    assert.equal(3, #result.done)
    assert.same({ "delete hosts/a", "delete hosts/b", "delete net" }, addresses(result.done))
    assert.equal("no longer declared", planned.actions[1].reason)
    assert.is_true(position(sky.log, "delete host-2") < position(sky.log, "delete net-1"))
    assert.is_true(position(sky.log, "delete host-3") < position(sky.log, "delete net-1"))
  end)

  it("destroys by the tags alone", function()
    local sky = cloud.new()
    run(sky, recipe)
    run(sky, recipe, { stack = cloud.stack "spec/two" })
    local result = run(sky, nil, { destroy = true })
    assert.equal(3, #result.done)
    local left = 0
    for _, thing in pairs(sky.things) do
      if thing.tags then
        assert.equal("spec/two", thing.tags["eksrun:stack"])
        left = left + 1
      end
    end
    assert.equal(3, left)
    assert.equal(0, plan(sky, nil, { destroy = true }).counts.changes)
  end)

  it("waits for what is being deleted already, and for nothing that holds on to it", function()
    local sky = cloud.new()
    run(sky, recipe)
    sky.things["host-2"].leaving, sky.log = true, {}
    local vanished
    local deletion = task.spawn(function()
      task.sleep(0.03)
      sky.things["host-2"], vanished = nil, #sky.log
    end)
    local result, planned = run(sky, nil, { destroy = true, allow_destroy = { "hosts/b" } })
    deletion:join()
    assert.equal(3, #result.done, "the one that is going needs no --allow-destroy")
    for _, action in ipairs(planned.actions) do
      if action.record.id == "host-2" then assert.equal("being deleted already", action.reason) end
    end
    assert.is_nil(position(sky.log, "delete host-2"))
    assert.is_true(position(sky.log, "delete net-1") > vanished)
  end)

  it("makes anew what is being deleted", function()
    local sky = cloud.new()
    local one = function() cloud.host { "h", Version = "1" } end
    run(sky, one)
    sky.things["host-1"].leaving = true
    assert.same({ "create h" }, ops(plan(sky, one)))
    assert.same({ "delete h" }, ops(plan(sky, function() end)))
  end)

  it("isolates failures and goes on where it stopped", function()
    local sky = cloud.new()
    sky.faults["create spec-one-hosts-a"] = cloud.refusal("AccessDenied", "not allowed")
    local function more()
      recipe()
      cloud.net { "after", Cidr = "x", ParentId = graph.current().by_address["hosts/a"] and "p",
        depends_on = { "hosts/a" } }
    end
    local result = run(sky, more)
    assert.same({ "create hosts/a" }, addresses(result.failed))
    assert.same({ "create after" }, addresses(result.not_started))
    assert.equal(3, #result.done)
    assert.equal("AccessDenied", result.failed[1].err.code)
    sky.faults = {}
    local second = run(sky, more)
    assert.same({ "create after", "create hosts/a" }, addresses(second.done))
  end)

  it("retries what passes by itself, with the same token", function()
    local sky = cloud.new()
    local left, tokens = 3, {}
    local create = sky.aws.cloud.create
    sky.aws.cloud.create = function(self, kind, fields, tags, token)
      tokens[#tokens + 1] = token
      left = left - 1
      if left > 0 then cloud.refusal("NotYet", "the role is not there")() end
      return create(self, kind, fields, tags, token)
    end
    local result = run(sky, function() cloud.host { "h" } end)
    assert.equal(1, #result.done)
    assert.equal(3, #tokens)
    assert.equal(tokens[1], tokens[3])
    assert.is_true(#tokens[1] <= 64)
  end)

  it("waits for what another run began", function()
    local sky = cloud.new()
    local one = function() cloud.host { "h", Version = "1" } end
    run(sky, one)
    sky.things["host-1"].up = nil
    local planned = plan(sky, one)
    assert.same({ "wait h" }, ops(planned))
    sky.calls = {}
    local result = run(sky, one)
    assert.equal(1, #result.done)
    assert.is_nil(sky.calls.create)
  end)

  it("takes no name that another owns", function()
    local sky = cloud.new()
    local named = function() cloud.host { "h", HostName = "mine" } end
    run(sky, named, { stack = cloud.stack "other" })
    local ok, err = pcall(plan, sky, named)
    assert.is_false(ok)
    assert.equal("conflict", err.code)
    assert.matches("run_spec.lua:%d+: .*mine exists already and belongs to the stack other", tostring(err))
    assert.equal(0, plan(sky, named, { destroy = true }).counts.changes)
    for _, thing in pairs(sky.things) do thing.tags = {} end
    ok, err = pcall(plan, sky, named)
    assert.is_false(ok)
    assert.matches("was not made by eksrun; .*take it over: eksrun adopt RECIPE h=", tostring(err))
  end)

  it("runs exclusive updates one at a time", function()
    local sky = cloud.new()
    run(sky, recipe)
    local busy, most = 0, 0
    local update = sky.aws.cloud.update
    sky.aws.cloud.update = function(...)
      busy = busy + 1
      most = math.max(most, busy)
      task.sleep(0.01)
      busy = busy - 1
      return update(...)
    end
    for _, thing in pairs(sky.things) do
      if thing.kind == "host" then thing.Version = "0" end
    end
    local result = run(sky, recipe)
    assert.equal(2, #result.done)
    assert.equal(1, most)
  end)

  it("runs steps at their place, and not again when they are done", function()
    local sky = cloud.new()
    local ran, done = {}, false
    local function stepped()
      local net = cloud.net { "net", Cidr = "c" }
      local seed = eksrun.step("seed", {
        with = { net.NetId },
        done = function(id) return done and "was " .. id end,
      }, function(id)
        ran[#ran + 1] = id
        return "made " .. id
      end)
      cloud.net { "after", Cidr = seed.result }
    end
    assert.same({ "create net", "create seed", "create after" }, ops(plan(sky, stepped)))
    assert.same({}, ran)
    run(sky, stepped)
    assert.same({ "net-1" }, ran)
    assert.equal("made net-1", sky.things["net-2"].Cidr)
    done = true
    sky.things["net-2"].Cidr = "was net-1"
    assert.same({}, ops(plan(sky, stepped)))
  end)

  it("ends in order when interrupted, and a second run goes on", function()
    local sky = cloud.new()
    local function chain()
      local host = cloud.host { "h" }
      cloud.net { "net", Cidr = "c", depends_on = { host } }
    end
    local result = run(sky, chain, {
      on_event = function(event)
        if event.event == "state" then interrupt "SIGTERM" end
      end,
    })
    assert.equal("SIGTERM", result.interrupted)
    assert.same({ "create h" }, addresses(result.unready))
    assert.same({ "create net" }, addresses(result.not_started))
    assert.same({ "wait h", "create net" }, ops(plan(sky, chain)))
    assert.equal(2, #run(sky, chain).done)
    assert.equal(2, sky.calls.create)
  end)

  it("keeps a second one of the same address apart and deletes it", function()
    local sky = cloud.new()
    local one = function() cloud.net { "net", Cidr = "c" } end
    run(sky, one)
    local twin = util.copy(sky.things["net-1"])
    twin.id = "net-9"
    sky.things["net-9"] = twin
    local planned = plan(sky, one)
    assert.same({ "delete net" }, ops(planned))
    assert.equal("a second one of net", planned.actions[2].reason)
  end)
end)

describe("names", function()
  it("are short, deterministic and apart", function()
    local node = { address = "cluster/role", type = { global = true } }
    local one = stack.new("managed-cluster/demo", { region = "eu-west-1" })
    assert.equal("managed-cluster-demo-cluster-role-eu-west-1", one:name_for(node))
    local cut = one:name_for(node, 30)
    assert.is_true(#cut <= 30)
    assert.equal(cut, one:name_for(node, 30))
    assert.are_not.equal(cut, stack.new("managed-cluster/demo", { region = "eu-west-2" }):name_for(node, 30))
    assert.is_true(one:maybe_names(one:name_for(node)))
    assert.is_false(one:maybe_names "somebody-else")
  end)
end)
