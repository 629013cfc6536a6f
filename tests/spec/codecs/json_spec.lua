local error_object = require "eksrun.error"
local json = require "eksrun.json"

-- The message without the position in front.
local function raised(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  return tostring(err)
end

describe("json.decode", function()
  it("keeps integers, floats, lists, objects and null apart", function()
    local v = json.decode '{"i":1,"f":1.0,"big":9007199254740993,"l":[],"o":{},"n":null,"b":[true,false]}'
    assert.equal("integer", math.type(v.i))
    assert.equal("float", math.type(v.f))
    assert.equal(9007199254740993, v.big)
    assert.equal(json.array_mt, getmetatable(v.l))
    assert.is_nil(getmetatable(v.o))
    assert.equal(json.null, v.n)
    assert.same({ true, false }, v.b)
  end)

  it("builds containers of any size", function()
    for _, n in ipairs { 0, 1, 31, 32, 33, 64, 65, 1000 } do
      local list, object = {}, {}
      for i = 1, n do
        list[i] = tostring(i)
        object[i] = ('"k%d":[%d]'):format(i, i)
      end
      local l = json.decode("[" .. table.concat(list, ",") .. "]")
      local o = json.decode("{" .. table.concat(object, ",") .. "}")
      assert.equal(n, #l)
      for i = 1, n do
        assert.equal(i, l[i])
        assert.equal(i, o["k" .. i][1])
      end
    end
  end)

  it("lets the last of equal keys count", function()
    assert.same({ a = 2, b = 1 }, json.decode '{"a":1,"b":1,"a":2}')
    local many = {}
    for i = 1, 40 do many[i] = ('"k%d":%d'):format(i, i) end
    assert.equal(99, json.decode("{" .. table.concat(many, ",") .. ',"k1":99}').k1)
  end)

  it("raises error objects that say where", function()
    local ok, err = pcall(json.decode, '{"a":\n [1,}')
    assert.is_false(ok)
    assert.is_true(error_object.is(err))
    assert.equal("syntax", err.code)
    assert.equal("line 2, column 5: expected a value, got '}'", err.message)
    local value, same = json.try_decode "[1"
    assert.is_nil(value)
    assert.equal("line 1, column 3: expected ',' or ']', got the end of the text", same.message)
  end)

  it("limits depth", function()
    local deep = ("["):rep(512) .. ("]"):rep(512)
    assert.is_table(json.decode(deep))
    local _, err = json.try_decode("[" .. deep .. "]")
    assert.equal("limit", err.code)
    _, err = json.try_decode("[[1]]", { max_depth = 1 })
    assert.equal("limit", err.code)
  end)

  it("checks its arguments", function()
    assert.matches("json.decode: a string is required, not a number", raised(json.decode, 1))
    assert.matches("unknown option 'depth'", raised(json.decode, "1", { depth = 1 }))
    assert.matches("'max_depth' must be an integer from 1 to 1024",
      raised(json.decode, "1", { max_depth = 0 }))
  end)
end)

describe("json.encode", function()
  it("sorts keys by their bytes and keeps lists", function()
    assert.equal('{"B":1,"a":{"x":[]},"a1":[1,"two",null],"\xc3\xa9":{}}',
      json.encode {
        a1 = { 1, "two", json.null }, B = 1, a = { x = json.array() }, ["\xc3\xa9"] = json.object {},
      })
  end)

  it("writes numbers that read back the same", function()
    local integers = { 0, -1, math.maxinteger, math.mininteger }
    for _, n in ipairs { 0.1, 1.0, -0.0, 1e300, 5e-324, 2 ^ 53, 1 / 3, table.unpack(integers) } do
      local back = json.decode(json.encode(n))
      assert.equal(math.type(n), math.type(back))
      assert.equal(n, back)
    end
    assert.equal("1.0", json.encode(1.0))
    assert.equal("0.1", json.encode(0.1))
  end)

  it("indents", function()
    assert.equal('{\n  "a": [\n    1,\n    {}\n  ],\n  "b": []\n}',
      json.encode({ a = { 1, {} }, b = json.array {} }, { indent = 2 }))
  end)

  it("names the place of what it cannot write", function()
    local cases = {
      { { a = { 1, 2, print } }, "at .a[3]: cannot encode a function" },
      { { a = { ["x y"] = 0 / 0 } }, 'at .a["x y"]: cannot encode nan' },
      { { math.huge }, "at [1]: cannot encode infinity" },
      { { 1, 2, nil, 4 }, "cannot encode a list with holes" },
      { { x = { 1, a = 1 } }, "at .x: cannot encode a table with both names and indices as keys" },
      { { [true] = 1 }, "cannot encode a table with keys other than strings" },
      { { [1.5] = 1 }, "cannot encode a table with keys other than strings" },
      { { [0] = 1 }, "cannot encode a table with keys other than strings" },
      { { x = "\xff" }, "at .x: cannot encode a string that is not UTF-8" },
      { { ["\xff"] = 1 }, "cannot encode a string that is not UTF-8" },
      { json.array { a = 1 }, "cannot encode a list with names as keys" },
      { json.object { 1 }, "cannot encode an object with indices as keys" },
      { coroutine.create(print), "cannot encode a thread" },
    }
    for _, case in ipairs(cases) do
      local message = raised(json.encode, case[1])
      assert.truthy(message:find(case[2], 1, true), message)
    end
  end)

  it("refuses cycles", function()
    local t = {}
    t.t = { t }
    assert.matches("nested too deep, or within themselves", raised(json.encode, t))
  end)

  it("repairs ill-formed text on request", function()
    assert.equal('{"k":"a\xef\xbf\xbdb\\n\xef\xbf\xbd\xef\xbf\xbd"}',
      json.encode({ k = "a\xffb\n\xed\xa0" }, { replace_invalid = true }))
    assert.equal('"\xef\xbf\xbd"', json.encode("\x80", { replace_invalid = true }))
    assert.equal('"plain"', json.encode("plain", { replace_invalid = true }))
  end)

  it("reads tables raw", function()
    local t = setmetatable({ a = 1 }, { __index = { b = 2 }, __pairs = error, __len = error })
    assert.equal('{"a":1}', json.encode(t))
  end)
end)

describe("json.encode of a table that a finalizer empties meanwhile", function()
  it("still writes every name once, whole and in order", function()
    local names, t = {}, {}
    for i = 1, 20000 do
      names[i] = ("name %05d of a string too long to be shared by its content"):format(i)
      t[names[i]] = true
    end
    for i = 1, #names do names[i] = #names[i] end -- the table alone holds the names
    local emptied = false
    local function arm()
      setmetatable({}, { __gc = function()
        for name in pairs(t) do t[name] = nil end
        emptied = true
      end })
    end
    for _ = 1, 10 do arm() end
    collectgarbage("incremental", 100, 400)
    local text = json.encode(t)
    collectgarbage("incremental", 200, 100)
    local n = 0
    for name in text:gmatch '"(name [^"]*)"' do
      n = n + 1
      assert.equal(("name %05d of a string too long to be shared by its content"):format(n), name)
    end
    assert.equal(20000, n)
    assert.is_boolean(emptied)
  end)
end)
