local error_objects = require "eksrun.error"
local jmespath = require "eksrun.jmespath"
local json = require "eksrun.json"

local null = json.null

local function search(expression, text)
  return jmespath.search(expression, json.decode(text))
end

local function encoded(expression, text)
  return json.encode(search(expression, text))
end

local function refusal(expression, value)
  local ok, err = pcall(jmespath.search, expression, value)
  assert.is_false(ok)
  assert.is_true(error_objects.is(err))
  return err
end

describe("jmespath", function()
  local cluster = [=[{"cluster": {"name": "x", "status": "ACTIVE", "tags": {"b": "2", "a": "1"},
    "subnets": [{"id": "s1", "zone": "a", "free": 12}, {"id": "s2", "zone": "b", "free": 7},
                {"id": "s3", "zone": "a", "free": null}],
    "logs": [[1, 2], [], [3, [4]]], "none": null}}]=]

  for expression, expected in pairs {
    ["cluster.status"] = '"ACTIVE"',
    ["cluster.subnets[*].id"] = '["s1","s2","s3"]',
    ["cluster.subnets[].free"] = "[12,7]",
    ["cluster.subnets[-1].id"] = '"s3"',
    ["cluster.subnets[::-1].id"] = '["s3","s2","s1"]',
    ["cluster.subnets[:1]"] = '[{"free":12,"id":"s1","zone":"a"}]',
    ["cluster.subnets[?zone == 'a'].id"] = '["s1","s3"]',
    ["cluster.subnets[?free > `7`].id | [0]"] = '"s1"',
    ["cluster.subnets[?free] | length(@)"] = "2",
    ["cluster.subnets[0].[id, nothing]"] = '["s1",null]',
    ["cluster.subnets[*].{n: id, z: zone} | [0]"] = '{"n":"s1","z":"a"}',
    ["cluster.subnets[*].id[0]"] = "[]",
    ["cluster.tags.*"] = '["1","2"]',
    ["cluster.tags.keys(@)"] = '["a","b"]',
    ["cluster.logs[]"] = "[1,2,3,[4]]",
    ["cluster.logs[][]"] = "[1,2,3,4]",
    ["cluster.nothing || cluster.name"] = '"x"',
    ["cluster.name && cluster.status"] = '"ACTIVE"',
    ["!(cluster.none)"] = "true",
    ["cluster.none == cluster.absent"] = "true",
    ["cluster.name < `1`"] = "null",
    ["cluster.\"na\\u006de\""] = '"x"',
    ["length(cluster.subnets[?free < `10`]) > `0`"] = "true",
    ["sort_by(cluster.subnets, &not_null(free, `0`))[*].id"] = '["s3","s2","s1"]',
    ["max_by(cluster.subnets[?free], &free).id"] = '"s1"',
    ["sum(cluster.subnets[].free)"] = "19",
    ["avg(cluster.subnets[].free)"] = "9.5",
    ["join(',', cluster.subnets[*].id)"] = '"s1,s2,s3"',
    ["map(&free, cluster.subnets)"] = "[12,7,null]",
    ["merge(cluster.tags, `{\"a\": 9}`)"] = '{"a":9,"b":"2"}',
    ["to_string(cluster.tags)"] = '"{\\"a\\":\\"1\\",\\"b\\":\\"2\\"}"',
    ["to_number('12')"] = "12",
    ["to_number('0x10')"] = "null",
    ["to_array('x')"] = '["x"]',
    ["reverse('aé✓')"] = '"✓éa"',
    ["length('aé✓')"] = "3",
    ["ceil(`1.2`)"] = "2",
    ["floor(`-1.2`)"] = "-2",
    ["abs(`-3`)"] = "3",
    ["type(cluster.none)"] = '"null"',
    ["contains(cluster.logs, `[3, [4]]`)"] = "true",
    ["starts_with(cluster.status, 'ACT')"] = "true",
    ["ends_with(cluster.status, 'ACT')"] = "false",
    ["sort(cluster.subnets[*].zone)"] = '["a","a","b"]',
    ["min(cluster.subnets[].free)"] = "7",
    ["@.cluster.name | @"] = '"x"',
    ["'it\\'s'"] = '"it\'s"',
  } do
    it("evaluates " .. expression, function()
      local result = search(expression, cluster)
      assert.are.equal(expected, json.encode(result == nil and null or result))
    end)
  end

  it("keeps empty lists lists, also in results", function()
    assert.are.equal("[]", encoded("a", '{"a": []}'))
    assert.are.equal("[]", encoded("a[?b]", '{"a": [1]}'))
    assert.are.equal("[]", encoded("keys(@)", "{}"))
  end)

  it("keeps integers integers", function()
    assert.are.equal("integer", math.type(search("a", '{"a": 9007199254740993}')))
    assert.are.equal("9007199254740993", encoded("max(@)", "[1, 9007199254740993]"))
  end)

  it("sorts stably", function()
    local list = {}
    for i = 1, 500 do list[i] = { key = i % 7, i = i } end
    local sorted = jmespath.search("sort_by(@, &key)", list)
    for n = 2, #sorted do
      local a, b = sorted[n - 1], sorted[n]
      assert.is_true(a.key < b.key or (a.key == b.key and a.i < b.i))
    end
  end)

  it("reads plain Lua tables", function()
    assert.are.equal("y", jmespath.search("a[1].x", { a = { 1, { x = "y" } } }))
    assert.is_nil(jmespath.search("a.b.c", { a = {} }))
    assert.is_nil(jmespath.search("a", nil))
    assert.is_nil(jmespath.search("a", null))
  end)

  it("compiles once and searches often", function()
    local names = jmespath.compile "[*].name"
    assert.are.same({ "a", "b" }, { table.unpack(names:search { { name = "a" }, { name = "b" } }) })
    assert.are.same({ "c" }, { table.unpack(names { { name = "c" } }) })
  end)

  it("forgets expressions rather than keep thousands", function()
    for i = 1, 2000 do assert.are.equal(i, jmespath.search(("`%d`"):format(i), {})) end
  end)

  it("names the column of what it cannot parse", function()
    assert.are.equal("jmespath: unexpected end at column 3", tostring(refusal("a.", {})))
    assert.are.equal("syntax", refusal("a.", {}).code)
    assert.are.equal("not_found", refusal("lenght(a)", {}).code)
  end)

  it("refuses values that a function does not take", function()
    assert.are.equal("jmespath: length(): argument 1 is a number, not string or array or object",
      tostring(refusal("length(a)", { a = 1 })))
    assert.are.equal("jmespath: max(): element 2 is of type string, others are of type number",
      tostring(refusal("max(a)", { a = { 1, "x" } })))
    assert.are.equal("jmespath: join(): element 1 is of type number",
      tostring(refusal("join('', a)", { a = { 1 } })))
  end)

  it("refuses cyclic values where it has to walk them", function()
    local a, b = {}, {}
    a.self, b.self = a, b
    local ok, message = pcall(jmespath.search, "a == b", { a = a, b = b })
    assert.is_false(ok)
    assert.matches("nested too deeply", tostring(message))
  end)
end)
