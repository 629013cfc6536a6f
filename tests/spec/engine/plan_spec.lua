local cloud = require "tests.spec.support.cloud"
local graph = require "eksrun.engine.graph"
local apply = require "eksrun.engine.apply"
local file = require "eksrun.file"
local json = require "eksrun.json"
local report = require "eksrun.engine.report"
local saved = require "eksrun.engine.saved"
local util = require "eksrun.util"

local plan, ops = cloud.plan, cloud.ops

local function run(sky, recipe, options) return apply.run(plan(sky, recipe, options), { aws = sky.aws }) end

local function paths(planned)
  local out = {}
  for _, action in ipairs(planned.actions) do
    for _, change in ipairs(action.changes) do
      if not change.implied then out[#out + 1] = change.path end
    end
  end
  return out
end

local function net(fields)
  return function()
    local declaration = { "net", Cidr = "10.0.0.0/16" }
    for key, value in pairs(fields or {}) do declaration[key] = value end
    return cloud.net(declaration)
  end
end

local function text_of(planned)
  local lines = {}
  local out = { write = function(_, ...) lines[#lines + 1] = table.concat { ... } end }
  report.new({ no_color = true, out = out }):plan(planned)
  return table.concat(lines)
end

describe("tags", function()
  it("that the recipe drops go, and those of others stay", function()
    local sky = cloud.new()
    run(sky, net { tags = { team = "core", ["a b=c"] = "x", stays = "1" } })
    local tags = sky.things["net-1"].tags
    tags.foreign = "theirs"
    local less = net { tags = { stays = "1" } }
    assert.same({ "tags.a b=c", "tags.team" }, paths(plan(sky, less)))
    local removed
    function sky.aws.cloud.retag(_, id, set, gone)
      for key, value in pairs(set) do sky.things[id].tags[key] = value end
      for _, key in ipairs(gone) do sky.things[id].tags[key] = nil end
      removed = gone
    end
    local retag = cloud.net.retag
    cloud.net.retag = function(ctx, found, set, gone) ctx.aws.cloud:retag(found.NetId, set, gone) end
    finally(function() cloud.net.retag = retag end)
    run(sky, less)
    assert.same({ "a b=c", "team" }, removed)
    assert.same({}, ops(plan(sky, less)))
    assert.equal("theirs", tags.foreign)
    run(sky, net())
    assert.is_nil(tags.stays)
    assert.is_nil(tags["eksrun:tags"])
    assert.same({}, ops(plan(sky, net())))
  end)

  it("that others took away come back", function()
    local sky = cloud.new()
    local recipe = net { tags = { team = "core" } }
    run(sky, recipe)
    sky.things["net-1"].tags.team = nil
    assert.same({ "tags.team" }, paths(plan(sky, recipe)))
  end)
end)

describe("protect", function()
  it("holds without the recipe", function()
    local sky = cloud.new()
    run(sky, net { protect = true })
    assert.equal("true", sky.things["net-1"].tags["eksrun:protect"])
    for _, options in ipairs { { destroy = true }, {} } do
      local ok, err = pcall(plan, sky, nil, options)
      assert.is_false(ok)
      assert.equal("protected", err.code)
      assert.matches("%-%-allow%-destroy net", tostring(err))
    end
    assert.same({ "delete net" }, ops(plan(sky, nil, { destroy = true, allow_destroy = { "net" } })))
    assert.same({ "delete net" }, ops(plan(sky, nil, { only_look = true })))
  end)

  it("is AWS's, too", function()
    local sky = cloud.new()
    run(sky, net())
    finally(function() cloud.net.guarded = nil end)
    function cloud.net.guarded(record) return record.NetId == "net-1" end
    local ok, err = pcall(plan, sky, net(), { destroy = true })
    assert.is_false(ok)
    assert.matches("net is protected: the plan would delete it; .*%-%-allow%-destroy net", tostring(err))
    assert.same({ "delete net" }, ops(plan(sky, net(), { destroy = true, allow_destroy = { "net" } })))
  end)

  it("ends with the recipe's word", function()
    local sky = cloud.new()
    run(sky, net { protect = true })
    assert.same({ "tags.eksrun:protect" }, paths(plan(sky, net())))
  end)
end)

local function three()
  local one = cloud.net { "one", Cidr = "1", Size = 1 }
  graph.current():scope("deep", function()
    cloud.host { "two", HostName = "two", NetId = one.NetId }
    cloud.net { "three", Cidr = "3", Size = 3 }
  end)
end

describe("targets", function()
  it("take what they need along, and nothing else", function()
    local sky = cloud.new()
    local planned = plan(sky, three, { targets = { "deep/two" } })
    assert.same({ "create one", "create deep/two" }, ops(planned))
    assert.is_true(planned.partial)
    assert.same({ "create one", "create deep/two", "create deep/three" },
      ops(plan(sky, three, { targets = { "deep" } })))
  end)

  it("leave the others as they are", function()
    local sky = cloud.new()
    run(sky, three)
    for _, thing in pairs(sky.things) do thing.Size = 9 end
    local planned = plan(sky, three, { targets = { "one" } })
    assert.same({ "update one" }, ops(planned))
    assert.equal(2, planned.counts.keep)
    assert.equal(1, #run(sky, three, { targets = { "one" } }).done)
    assert.same({ "update deep/three" }, ops(plan(sky, three)))
    assert.same({ "delete deep/three" },
      ops(plan(sky, function() end, { targets = { "deep/three" } })))
  end)

  it("have to exist", function()
    for flag, name in pairs { targets = "--target", replace = "--replace" } do
      local ok, err = pcall(plan, cloud.new(), three, { [flag] = { "deep/tow" } })
      assert.is_false(ok)
      assert.equal("usage", err.code)
      local message = name .. ": no resource has the address 'deep/tow'; did you mean 'deep/two'"
      assert.matches(message, tostring(err), 1, true)
    end
  end)
end)

describe("replace", function()
  it("makes a thing anew, with what hangs on it", function()
    local sky = cloud.new()
    run(sky, three)
    local options = { replace = { "one" }, allow_destroy = { "deep/two" } }
    local planned = plan(sky, three, options)
    assert.same({ "replace one", "replace deep/two" }, ops(planned))
    assert.equal("asked for", planned.actions[1].reason)
    run(sky, three, options)
    assert.same({}, ops(plan(sky, three)))
    assert.equal(3, sky.calls.create - 2)
  end)
end)

describe("a replacement", function()
  it("says where the old one goes before there is a new one", function()
    local sky = cloud.new()
    run(sky, net())
    local text = text_of(plan(sky, net { Cidr = "10.1.0.0/16" }))
    assert.matches("± net  cloud.net  Cidr cannot be changed: deleted first, then made anew\n", text, 1, true)
    assert.matches("plan: 1 to replace (deleted first)\n", text, 1, true)
    text = text_of(plan(sky, net(), { replace = { "net" } }))
    assert.matches("asked for: deleted first, then made anew", text, 1, true)

    cloud.net.create_first = true
    finally(function() cloud.net.create_first = nil end)
    text = text_of(plan(sky, net { Cidr = "10.1.0.0/16" }))
    assert.matches("Cidr cannot be changed\n", text, 1, true)
    assert.matches("plan: 1 to replace\n", text, 1, true)
  end)

  it("is counted apart where others are made first", function()
    local sky = cloud.new()
    run(sky, net())
    run(sky, three)
    cloud.net.create_first = function(record) return record.address == "one" end
    finally(function() cloud.net.create_first = nil end)
    local planned = plan(sky, three, { replace = { "one" }, allow_destroy = { "deep/two" } })
    assert.matches("plan: 2 to replace (1 deleted first)", text_of(planned), 1, true)
  end)
end)

describe("a deletion", function()
  it("of what has no address says what it belongs to", function()
    local sky = cloud.new()
    run(sky, function()
      cloud.link { "link", NetId = cloud.net({ "net", Cidr = "1" }).NetId, Target = "t" }
    end)
    local planned = plan(sky, net { Cidr = "1" })
    assert.same({ "delete link-2" }, ops(planned))
    assert.equal("net", planned.actions[2].of)
    assert.matches("- link-2  cloud.link  of net, no longer declared\n", text_of(planned), 1, true)
    assert.is_nil(plan(sky, function() end).actions[1].of)
  end)
end)

describe("was", function()
  it("moves a thing to its new address", function()
    local sky = cloud.new()
    run(sky, function() cloud.net { "old", Cidr = "1" } end)
    local function moved() cloud.net { "new", Cidr = "1", was = { "older", "old" } } end
    local planned = plan(sky, moved)
    assert.same({ "update new" }, ops(planned))
    assert.same({ "tags.eksrun:resource" }, paths(planned))
    assert.equal("was old", planned.actions[1].reason)
    run(sky, moved)
    assert.equal("new", sky.things["net-1"].tags["eksrun:resource"])
    assert.same({}, ops(plan(sky, moved)))
    assert.same({}, ops(plan(sky, function() cloud.net { "new", Cidr = "1" } end)))
  end)

  it("keeps a name that was made from the old address", function()
    local sky = cloud.new()
    run(sky, function() cloud.host { "old" } end)
    local name = sky.things["host-1"].HostName
    local function moved() cloud.host { "new", was = { "old" } } end
    assert.same({ "update new" }, ops(plan(sky, moved)))
    run(sky, moved)
    assert.equal(name, sky.things["host-1"].HostName)
    assert.same({}, ops(plan(sky, moved)))
  end)

  it("refuses an address that is declared", function()
    local ok, err = pcall(plan, cloud.new(), function()
      cloud.net { "old", Cidr = "1" }
      cloud.net { "new", Cidr = "1", was = { "old" } }
    end)
    assert.is_false(ok)
    assert.matches("new was old, which is declared too", tostring(err))
    assert.has_error(function() cloud.declare(function() cloud.net { "a", Cidr = "1", was = "old" } end) end)
  end)
end)

describe("what a cut replacement left", function()
  it("is told apart: what can stay stays", function()
    local sky = cloud.new()
    run(sky, net())
    sky.things["net-0"] = {
      kind = "net", id = "net-0", Cidr = "9", tags = sky.things["net-1"].tags,
    }
    local planned = plan(sky, net())
    assert.same({ "delete net" }, ops(planned))
    assert.equal("net-0", planned.actions[2].record.NetId)
  end)
end)

describe("a type", function()
  it("refuses an update that AWS does not do", function()
    local sky = cloud.new()
    run(sky, net { Size = 1 })
    cloud.net.refuse = function(change)
      return ("from %d to %d"):format(change.record.Size, change.inputs.Size)
    end
    finally(function() cloud.net.refuse = nil end)
    local ok, err = pcall(plan, sky, net { Size = 2 })
    assert.is_false(ok)
    assert.equal("refused", err.code)
    assert.matches("net: from 1 to 2", tostring(err))
    assert.same({ "update net" }, ops(plan(sky, net { Size = 2 }, { only_look = true })))
  end)
end)

describe("a saved plan", function()
  local path = os.tmpname()
  after_each(function() os.remove(path) end)

  local function write(sky, recipe, options)
    options = options or {}
    options.recipe, options.params = options.recipe or "recipes/managed-cluster.lua", options.params or {}
    saved.write(path, plan(sky, recipe), options)
    return assert(saved.read(path))
  end

  it("is good as long as nothing has changed", function()
    local sky = cloud.new()
    local held = write(sky, three, {
      params = { "name=prod", "key=hush", "note=two words" }, parameters = { key = { sensitive = true } },
      target = { "one" }, allow_destroy = { "deep/two" },
    })
    assert.same({ "one", "deep/two", "deep/three" }, (function()
      local out = {}
      for i, change in ipairs(held.changes) do out[i] = change.address end
      return out
    end)())
    saved.check(held, plan(sky, three), path)
    run(sky, three)
    local ok, err = pcall(saved.check, held, plan(sky, three), path)
    assert.is_false(ok)
    assert.equal("stale", err.code)
    assert.matches("deep/three, deep/two, one; make it again: eksrun plan recipes/managed-cluster.lua "
      .. "name=prod 'note=two words' key=... --target one --allow-destroy deep/two --region eu-west-1 --out "
      .. path, tostring(err), 1, true)
    err = select(2, pcall(saved.check, held, plan(sky, three), path, " --sandbox"))
    assert.matches(path .. " --sandbox", tostring(err), 1, true)
  end)

  it("is refused in one line when somebody damaged a field", function()
    local sky = cloud.new()
    local held = write(sky, three)
    local others = { 1, true, "x", json.null, { 1 }, { a = 1 }, { a = { "b" } } }
    local names = { "recipe", "params", "secret", "stack", "region", "salt", "resources", "target" }
    for _, name in ipairs(names) do
      local refused = 0
      for i = 0, #others do
        local damaged = util.copy(held)
        damaged[name] = others[i]
        file.write_atomic(path, json.encode(damaged))
        local ok, err = pcall(saved.read, path)
        if not ok then
          refused = refused + 1
          assert.equal("invalid", err.code)
          assert.matches("field '" .. name .. "' is no .*; make it again", tostring(err))
        end
      end
      assert.is_true(refused >= #others - 1, name)
    end
  end)

  it("is the same plan in whatever order AWS names things", function()
    local sky = cloud.new()
    local function many()
      net { Peers = { "c" } } ()
      cloud.net { "other", Cidr = "10.1.0.0/16", Size = 2 }
    end
    run(sky, many)
    sky.things["net-1"].Peers, sky.things["net-2"].Size = { "a", "b" }, 1
    local before = saved.digest(plan(sky, many))
    sky.things["net-1"].Peers = { "b", "a" }
    assert.equal(before, saved.digest(plan(sky, many)))
    local left = saved.digest(plan(sky))
    local describe_things = sky.aws.cloud.describe
    function sky.aws.cloud.describe(...)
      local list, turned = describe_things(...), {}
      for i, thing in ipairs(list) do turned[#list + 1 - i] = thing end
      return turned
    end
    assert.equal(left, saved.digest(plan(sky)))
    sky.things["net-1"].Peers = { "b" }
    assert.not_equal(before, saved.digest(plan(sky, many)))
  end)

  it("is stale when a value in AWS or in the recipe is another", function()
    local sky = cloud.new()
    run(sky, net { Size = 1 })
    local held = write(sky, net { Size = 2 })
    saved.check(held, plan(sky, net { Size = 2 }), path)
    assert.has_error(function() saved.check(held, plan(sky, net { Size = 3 }), path) end)
    sky.things["net-1"].Size = 5
    assert.has_error(function() saved.check(held, plan(sky, net { Size = 2 }), path) end)
    sky.things["net-1"].Size = 1
    saved.check(held, plan(sky, net { Size = 2 }), path)
    sky.things["net-1"].id, sky.things["net-1"] = "net-7", nil
    assert.has_error(function() saved.check(held, plan(sky, net { Size = 2 }), path) end)
  end)

  it("holds no value and no secret", function()
    local sky = cloud.new()
    local held = write(sky, net { Secret = "hunter2", Size = 4711 }, {
      params = { "password=hunter2", "size=1" },
      parameters = { password = { "", sensitive = true }, size = { 1 } },
    })
    local content = assert(file.read(path))
    assert.is_nil(content:find("hunter2", 1, true))
    assert.is_nil(content:find("10.0.0.0", 1, true))
    assert.equal(384, file.stat(path).mode & 511)
    assert.same({ "size=1" }, { table.unpack(held.params) })
    assert.same({ "size=1", "password=again" }, saved.params(held, { "password=again" }))
    assert.has_error(function() saved.params(held, {}) end)
    assert.has_error(function() saved.params(held, { "size=2" }) end)
    -- A secret alone makes no plan stale: AWS never returns it.
    saved.check(held, plan(sky, net { Secret = "other", Size = 4711 }), path)
  end)

  it("is told from a recipe, and from one of another version", function()
    local handle = assert(io.open(path, "w"))
    handle:write(json.encode { eksrun_plan = 99 })
    handle:close()
    assert.has_error(function() saved.read(path) end)
    assert.is_nil(saved.read "recipes/managed-cluster.lua")
    assert.is_nil(saved.read "-")
  end)

  it("gives every value a digest of its own", function()
    local sky = cloud.new()
    local seen = {}
    local variants = { {}, { Size = 1 }, { Size = 2 }, { Peers = { "a" } }, { Peers = { "a", "b" } } }
    for _, fields in ipairs(variants) do
      local digest = saved.digest(plan(sky, net(fields)))
      assert.is_nil(seen[digest])
      assert.equal(digest, saved.digest(plan(sky, net(fields))))
      seen[digest] = true
    end
  end)
end)
