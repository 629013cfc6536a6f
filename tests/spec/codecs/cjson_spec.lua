-- require "cjson": lua-cjson's interface, beside lua-cjson itself where that is installed.
local cjson = require "cjson"
local safe = require "cjson.safe"

local function other()
  local load = package.searchpath("cjson", package.cpath)
  return load and package.loadlib(load, "luaopen_cjson") and package.loadlib(load, "luaopen_cjson")()
end

describe("cjson", function()
  it("has every name of lua-cjson 2.1", function()
    assert.equal("cjson", cjson._NAME)
    assert.equal("2.1.0", cjson._VERSION)
    assert.equal(require("eksrun.json").null, cjson.null)
    for _, name in ipairs { "new", "encode", "decode", "encode_sparse_array", "encode_max_depth",
      "decode_max_depth", "encode_number_precision", "encode_keep_buffer", "encode_invalid_numbers",
      "decode_invalid_numbers" } do
      assert.is_function(cjson[name])
      assert.is_function(safe[name])
    end
  end)

  it("has lua-cjson's defaults", function()
    local fresh = cjson.new()
    assert.same({ false, 2, 10 }, { fresh.encode_sparse_array() })
    assert.equal(1000, fresh.encode_max_depth())
    assert.equal(1000, fresh.decode_max_depth())
    assert.equal(14, fresh.encode_number_precision())
    assert.is_true(fresh.encode_keep_buffer())
    assert.is_false(fresh.encode_invalid_numbers())
    assert.is_true(fresh.decode_invalid_numbers())
  end)

  it("keeps the settings of instances apart", function()
    local one, two = cjson.new(), cjson.new()
    one.encode_number_precision(3)
    assert.equal("3.14", one.encode(math.pi))
    assert.equal("3.1415926535898", two.encode(math.pi))
  end)

  it("writes as lua-cjson does", function()
    local fresh = cjson.new()
    local values = { 1, 1.5, 0.1, 3.0, "a/b\127\n\"\\\1", true, false, cjson.null, {}, { 1, 2, nil, 4 },
      { a = 1 }, { [1] = 1, x = 2 }, { { {} } }, "\xc3\xa9" }
    local peer = other()
    for _, value in ipairs(values) do
      if peer then
        assert.equal(peer.encode(value), fresh.encode(value))
      else
        assert.is_string(fresh.encode(value))
      end
    end
    assert.equal([["a\/b\u007f"]], fresh.encode "a/b\127")
    assert.equal("[1,2,null,4]", fresh.encode { 1, 2, nil, 4 })
    assert.equal("{}", fresh.encode {})
  end)

  it("treats sparse lists as told", function()
    local fresh = cjson.new()
    assert.has_error(function() fresh.encode { [100] = 1 } end, "excessively sparse array")
    assert.is_true((fresh.encode_sparse_array(true)))
    assert.equal('{"100":1}', fresh.encode { [100] = 1 })
    fresh.encode_sparse_array(false, 0)
    assert.equal(100, #fresh.decode(fresh.encode { [100] = 1 }))
  end)

  it("treats inf and nan as told", function()
    local fresh = cjson.new()
    assert.has_error(function() fresh.encode(1 / 0) end)
    assert.equal("null", fresh.encode_invalid_numbers "null")
    assert.equal("null", fresh.encode(0 / 0))
    assert.is_true(fresh.encode_invalid_numbers(true))
    assert.equal("-Infinity", fresh.encode(-1 / 0))
    assert.has_error(function() fresh.encode_invalid_numbers "maybe" end)
  end)

  it("reads numbers that JSON does not have, or not, as told", function()
    local fresh, peer = cjson.new(), other()
    local texts = { "nan", "NaN", "-nan", "inf", "-Infinity", "+inf", "INFINITY", "0x1F", "-0XfF", "007",
      "-012", "+5", "00", "010.5", "-00.25e2", "+1.5", "0xffffffffffffffff" }
    for _, text in ipairs(texts) do
      local value = fresh.decode("[" .. text .. ",1]")[1]
      local wanted = peer and peer.decode("[" .. text .. ",1]")[1] or value
      assert.is_true(value == wanted or value ~= value and wanted ~= wanted, text)
    end
    assert.equal("integer", math.type(fresh.decode "0x1F"))
    assert.equal(-12, fresh.decode '{"a":-012}'.a)
    for _, text in ipairs { "na", "infx", "0x", "+", "+-1", "--1", "0x1.8", "nan1", "+x", "0xg" } do
      assert.is_nil((safe.decode("[" .. text .. "]")), text)
    end
    assert.equal(cjson.null, fresh.decode "null")
    assert.is_false(fresh.decode_invalid_numbers(false))
    for _, text in ipairs(texts) do
      assert.is_false((pcall(fresh.decode, "[" .. text .. "]")), text)
    end
    assert.is_false((pcall(require("eksrun.json").decode, "nan")))
  end)

  it("reads plain tables, integers as integers", function()
    local v = cjson.decode '{"a":[1,2.5,null,"x"]}'
    assert.is_nil(getmetatable(v.a))
    assert.equal("integer", math.type(v.a[1]))
    assert.equal(cjson.null, v.a[3])
  end)

  it("limits depth", function()
    local fresh = cjson.new()
    assert.equal(2, fresh.decode_max_depth(2))
    assert.has_error(function() fresh.decode "[[[1]]]" end)
    assert.equal(2, fresh.encode_max_depth(2))
    assert.equal("[[1]]", fresh.encode { { 1 } })
    assert.has_error(function() fresh.encode { { { 1 } } } end)
    assert.has_error(function() fresh.decode_max_depth(0) end)
  end)

  it("raises strings; cjson.safe returns nil and the message", function()
    local ok, err = pcall(cjson.decode, "[1")
    assert.is_false(ok)
    assert.is_string(err)
    local value, message = safe.decode "[1"
    assert.is_nil(value)
    assert.equal("line 1, column 3: expected ',' or ']', got the end of the text", message)
    value, message = safe.encode { print }
    assert.is_nil(value)
    assert.equal("at [1]: cannot encode a function", message)
    assert.equal("[1]", safe.encode { 1 })
    assert.is_nil((safe.new().decode "["))
  end)
end)
