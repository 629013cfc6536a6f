local diff = require "eksrun.engine.diff"
local json = require "eksrun.json"
local ref = require "eksrun.engine.ref"

local function paths(specs, want, have)
  local out = {}
  for _, change in ipairs(diff.compare(specs, want, have)) do
    out[#out + 1] = change.path .. (change.replaces and "!" or "")
  end
  return table.concat(out, " ")
end

describe("the comparison", function()
  it("sees only what is declared and what AWS returns", function()
    assert.equal("", paths({}, { a = 1 }, { a = 1, b = 2 }))
    assert.equal("a", paths({}, { a = 1 }, { a = 2 }))
    assert.equal("", paths({}, { a = 1 }, {}))
    assert.equal("", paths({}, { a = 1 }, { a = json.null }))
    assert.equal("a", paths({ a = { default = 2 } }, { a = 1 }, {}))
    assert.equal("", paths({ a = { default = 1 } }, { a = 1 }, {}))
    assert.equal("a", paths({ a = { default = true } }, { a = false }, {}))
    assert.equal("", paths({ a = { write_only = true } }, { a = 1 }, { a = 2 }))
  end)

  it("goes into structures, each field by its own rule", function()
    local specs = {
      net = { fields = { ids = { set = true }, public = {}, kind = { immutable = true } } },
      frozen = { immutable = true, fields = { a = {} } },
    }
    local want = { net = { ids = { "a", "b" }, public = true } }
    assert.equal("", paths(specs, want, { net = { ids = { "b", "a" }, public = true, vpc = "v" } }))
    assert.equal("net.ids net.public", paths(specs, want, { net = { ids = { "b" }, public = false } }))
    assert.equal("net.kind!", paths(specs, { net = { kind = "x" } }, { net = { kind = "y" } }))
    assert.equal("frozen.a!", paths(specs, { frozen = { a = 1 } }, { frozen = { a = 2, b = 1 } }))
  end)

  it("keeps the order of lists, ignores further fields of maps", function()
    assert.equal("l", paths({}, { l = { "a", "b" } }, { l = { "b", "a" } }))
    assert.equal("l", paths({}, { l = { "a" } }, { l = { "a", "b" } }))
    assert.equal("", paths({}, { m = { x = 1 } }, { m = { x = 1, y = 2 } }))
    assert.equal("", paths({}, { l = { { x = 1 } } }, { l = { { x = 1, y = 2 } } }))
    assert.equal("l", paths({ l = { set = true } }, { l = {} }, { l = { "a" } }))
  end)

  it("takes what is not known for a change", function()
    assert.equal("a!", paths({ a = { immutable = true } }, { a = ref.unknown }, { a = 1 }))
    assert.equal("a", paths({ a = { set = true } }, { a = { "x", ref.unknown } }, { a = { "x", "y" } }))
  end)

  it("compares tags that are wanted", function()
    local changes = diff.compare_tags({ a = "1", b = "2" }, { a = "1", b = "3", c = "4" })
    assert.equal(1, #changes)
    assert.equal("tags.b", changes[1].path)
    assert.equal("3", changes[1].from)
  end)

  it("compares policies by meaning", function()
    local function same(a, b) return diff.same_policy(a, b) end
    local one = [[{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
      "Principal":{"Service":"eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}]]
    local other = {
      Statement = {
        {
          Action = { "sts:TagSession", "sts:AssumeRole" }, Effect = "Allow",
          Principal = { Service = { "eks.amazonaws.com" } },
        },
      },
      Version = "2012-10-17",
    }
    assert.is_true(same(one, other))
    other.Statement[1].Principal.Service = { "ec2.amazonaws.com" }
    assert.is_false(same(one, other))
    assert.is_true(same('{"Statement":{"Action":"a"}}', '{"Statement":[{"Action":["a"]}]}'))
    assert.is_false(same('{"Statement":{"Action":"a"}}', '{"Statement":[{"Action":["a","b"]}]}'))
    local equals = [[{"Condition":{"StringEquals":{"k":"v"}}}]]
    assert.is_true(same(equals, [[{"Condition":{"StringEquals":{"k":["v"]}}}]]))
    local like = [[{"Condition":{"StringLike":{"k":["v"]}}}]]
    assert.is_false(same(equals, like))
    assert.is_false(same("not json", '{"a":"b"}'))
    assert.is_true(same("not json", "not json"))
  end)
end)
