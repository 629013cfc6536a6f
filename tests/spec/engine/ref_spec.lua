local graph = require "eksrun.engine.graph"
local ref = require "eksrun.engine.ref"
local resource = require "eksrun.resource"

local thing = resource.define {
  name = "test.thing",
  identity = "tag",
  id = "Id",
  inputs = { Size = { type = "integer" }, Peer = { type = "string" }, Items = { type = "table" } },
  outputs = { "List", "Deep" },
  observe = function() return {} end,
  create = function() return {} end,
  delete = function() end,
}

local function with_graph(f)
  return function()
    local before = graph.set_current(graph.new())
    local ok, err = pcall(f)
    graph.set_current(before)
    if not ok then error(err, 0) end
  end
end

-- The message of the error that f raises; it must name this file.
local function message(f)
  local ok, err = pcall(f)
  assert.is_false(ok)
  local text = tostring(err)
  assert.matches("ref_spec.lua:%d+: ", text)
  return text
end

describe("refs", function()
  it("are fields of a resource that AWS says", with_graph(function()
    local a = thing { "a", Size = 3 }
    assert.equal(3, a.Size)
    assert.is_true(ref.is(a.Id))
    assert.is_true(ref.is(a.Peer))
    assert.equal("a.Deep.x[2]", ref.describe(a.Deep.x[2]))
    assert.matches("test.thing a has no field 'Sice'", message(function() return a.Sice end))
    assert.matches("cannot set 'Size'", message(function() a.Size = 4 end))
  end))

  it("resolve by field, text, function and table", with_graph(function()
    local a = thing { "a" }
    local values = { Id = "i-1", List = { "x", "y" }, Deep = { x = { n = 5 } } }
    local function env() return values end
    assert.equal("i-1", ref.resolve(a.Id, env))
    assert.equal("i-1", ref.resolve(a, env))
    assert.equal("y", ref.resolve(a.List[2], env))
    assert.equal(5, ref.resolve(a.Deep.x.n, env))
    assert.is_nil(ref.resolve(a.Deep.z.n, env))
    assert.equal("arn:i-1/x", ref.resolve("arn:" .. a.Id .. "/" .. a.List[1], env))
    assert.equal("I-1!", ref.resolve(a.Id:map(string.upper) .. "!", env))
    assert.equal("x,y,i-1", ref.resolve(ref.all { a.List[1], a.List[2], a.Id }:map(function(list)
      return table.concat(list, ",")
    end), env))
    assert.equal("y", ref.resolve(a.List:map(function(l) return { l[2] } end)[1], env))
  end))

  it("stay unknown until all of it is known", with_graph(function()
    local a, b = thing { "a" }, thing { "b" }
    local function env(node) return node.address == "a" and { Id = "i-1", List = ref.unknown } or nil end
    assert.equal(ref.unknown, ref.resolve(a.Id .. b.Id, env))
    assert.equal(ref.unknown, ref.resolve(a.List[1], env))
    assert.equal(ref.unknown, ref.resolve(b.Id:map(error), env))
    local value = ref.resolve({ x = a.Id, y = { b.Id } }, env)
    assert.equal("i-1", value.x)
    assert.is_false(ref.complete(value))
    assert.equal("(known after apply)", tostring(value.y[1]))
  end))

  it("refuse what needs the value now, at the recipe's line", with_graph(function()
    local a, b = thing { "a" }, thing { "b" }
    local uses = {
      comparison = function() return a.Id == b.Id end,
      ["comparison "] = function() return a.Id < "x" end,
      call = function() return a.Id() end,
      length = function() return #a.List end,
      arithmetic = function() return a.Deep.n + 1 end,
      tostring = function() return tostring(a.Id) end,
      loop = function() for _ in ipairs(a.List) do assert.is_nil(1) end end,
      ["loop "] = function() for _ in pairs(a.List) do assert.is_nil(1) end end,
    }
    for what, use in pairs(uses) do
      local text = message(use)
      assert.matches(what:gsub(" ", "") .. ": the value of a", text)
      assert.matches("use :map%(function%(v%)", text)
    end
    local text = message(function() return a.Id .. {} end)
    assert.matches("attempt to concatenate a table value with a.Id", text)
  end))
end)

describe("the graph", function()
  it("takes dependencies from inputs at any depth and from depends_on", with_graph(function()
    local a, b, c = thing { "a" }, thing { "b" }, thing { "c" }
    thing { "d", Items = { { x = a.Id:map(tostring) }, "p" .. b.Id }, Peer = c, depends_on = { "a" } }
    local g = graph.current()
    local names = {}
    for _, node in ipairs(g:dependencies(g.by_address.d)) do names[#names + 1] = node.address end
    assert.same({ "a", "b", "c" }, names)
    local order = g:order()
    assert.equal("d", order[#order].address)
  end))

  it("makes addresses of scopes, and refuses two of one", with_graph(function()
    local g = graph.current()
    g:scope("net", function() g:scope("private", function() thing { "a" } end) end)
    assert.is_table(g.by_address["net/private/a"])
    g:scope("net", function()
      assert.equal("net/thing", (thing {}).address)
      local text = message(function() thing {} end)
      assert.matches("two resources have the address net/thing: .* declared at .*ref_spec.lua:%d+", text)
    end)
    assert.equal("", g.prefix)
  end))

  it("checks declarations", with_graph(function()
    assert.matches("Size wants integer, got string", message(function() thing { Size = "big" } end))
    assert.matches("unknown input 'Sizes'", message(function() thing { Sizes = 1 } end))
    assert.matches("takes no tags", message(function() thing { tags = {} } end))
    assert.matches("'a b' is no name", message(function() thing { "a b" } end))
    assert.matches("thing: depends_on wants .* got number$",
      message(function() thing { depends_on = { 1 } } end))
  end))

  it("takes an address that is declared later as a need", with_graph(function()
    local g = graph.current()
    thing { "a", depends_on = { "net/b", "c" } }
    g:scope("net", function() thing { "b", depends_on = { "c" } } end)
    thing { "c" }
    local names = {}
    for i, node in ipairs(g:order()) do names[i] = node.address end
    assert.same({ "c", "net/b", "a" }, names)
    assert.equal(3, #g:order())
    assert.equal(2, #g.by_address.a.depends_on)
  end))

  it("names the line of a need that nothing is declared for", with_graph(function()
    thing { "a" }
    thing { "b", depends_on = { "net/vcp" } }
    graph.current():scope("net", function() thing { "vpc" } end)
    local text = message(function() graph.current():order() end)
    assert.matches("ref_spec.lua:%d+: b: depends_on: no resource has the address 'net/vcp'; "
      .. "did you mean 'net/vpc'%?$", text)
  end))

  it("names a cycle whole, from its first on, with the lines", with_graph(function()
    thing { "before", depends_on = { "b" } }
    local a = thing { "a", depends_on = { "c" } }
    local b = thing { "b", Items = { a.Id } }
    thing { "c", Size = 1, depends_on = { b } }
    local text = message(function() graph.current():order() end)
    local line = math.tointeger(text:match "ref_spec.lua:(%d+): a depends on itself: ")
    assert.equal(("f:%d: a depends on itself: a (f:%d) -> c (f:%d) -> b (f:%d) -> a; "
      .. "take one of these inputs or depends_on out"):format(line, line, line + 2, line + 1),
      (text:gsub("[^ (]*ref_spec.lua", "f")))
  end))

  it("names what depends on itself alone", with_graph(function()
    thing { "a", depends_on = { "a" } }
    assert.matches("ref_spec.lua:%d+: a depends on itself: take it out of its depends_on$",
      message(function() graph.current():order() end))
  end))

  -- Declared: one/a, one/b, network/private/a, c; "a" of the scope "one" has a need.
  for need, wanted in pairs {
    b = "one/a: depends_on: no resource has the address 'b'; did you mean 'one/b'%?$",
    ["one/c"] = "did you mean 'c' or 'one/b'%?$",
    ["two/b"] = "did you mean 'one/b'%?$",
    private = "no resource has the address 'private'$",
    ["private/a"] = "did you mean 'network/private/a'%?$",
    ["netwrk/private/a"] = "did you mean 'network/private/a'%?$",
    bb = "did you mean 'one/b'",
    a = "one/a depends on itself: take it out of its depends_on$",
    ["one/a"] = "one/a depends on itself: take it out of its depends_on$",
  } do
    it("says what may be meant by the need '" .. need .. "' within a scope", with_graph(function()
      graph.current():scope("one", function()
        thing { "a", depends_on = { need } }
        thing { "b" }
      end)
      graph.current():scope("network", function()
        graph.current():scope("private", function() thing { "a" } end)
      end)
      thing { "c" }
      assert.matches(wanted, message(function() graph.current():order() end))
    end))
  end
end)
