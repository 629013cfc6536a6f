-- Address range arithmetic, against hand-computed blocks.
local cidr = require "eksrun.cidr"

describe("cidr", function()
  it("reads and prints both families", function()
    for text, printed in pairs {
      ["10.0.0.0/16"] = "10.0.0.0/16",
      ["0.0.0.0/0"] = "0.0.0.0/0",
      ["255.255.255.255/32"] = "255.255.255.255/32",
      ["::/0"] = "::/0",
      ["2600:1F18:0:0:0:0:0:0/56"] = "2600:1f18::/56",
      ["2001:db8:0:1:0:0:0:1/128"] = "2001:db8:0:1::1/128",
      ["1:0:0:2:0:0:0:3/128"] = "1:0:0:2::3/128",
      ["::1/128"] = "::1/128",
      ["1:2:3:4:5:6:7:0/112"] = "1:2:3:4:5:6:7:0/112",
    } do
      assert.equal(printed, cidr.format(cidr.parse(text)))
    end
    assert.same({ family = 4, hi = 10 << 56, lo = 0, prefix = 16 }, cidr.parse("10.0.0.0/16"))
  end)

  it("refuses what is not a block, and says why", function()
    for text, reason in pairs {
      ["10.0.0.0"] = "not an address range such as 10.0.0.0/16; one address is 10.0.0.0/32",
      ["::1"] = "one address is ::1/128",
      ["home"] = "not an address range such as 10.0.0.0/16",
      ["10.0.0.0/33"] = "prefix /33",
      ["10.0.0.0/016"] = "prefix /016",
      ["10.0.0.256/32"] = "bad address",
      ["10.0.0.01/32"] = "bad address",
      ["10.0.0/16"] = "bad address",
      ["10.0.0.1/16"] = "did you mean 10.0.0.0/16?",
      ["2001:db8::1/64"] = "did you mean 2001:db8::/64?",
      ["1::2::3/64"] = "bad address",
      ["1:2:3:4:5:6:7:8::/64"] = "bad address",
      ["1:2:3:4:5:6:7/64"] = "bad address",
      [":1:2:3:4:5:6:7/64"] = "bad address",
      ["fffff::/64"] = "bad address",
      ["::/129"] = "prefix /129",
      [" 10.0.0.0/16"] = "not an address range",
    } do
      local block, why = cidr.try_parse(text)
      assert.is_nil(block, text)
      assert.is_truthy(why:find(reason, 1, true), text .. ": " .. why)
    end
    assert.is_nil(cidr.try_parse(nil))
    assert.is_nil(cidr.try_parse {})
  end)

  it("raises at the caller's line", function()
    local ok, message = pcall(function() cidr.split("10.0.0.1/16", 2) end)
    assert.is_false(ok)
    assert.matches("cidr_spec.lua:%d+: cidr: '10.0.0.1/16' has host bits set", message)
  end)

  it("gives the n-th part", function()
    assert.equal("10.0.32.0/19", cidr.subnet("10.0.0.0/16", 3, 1))
    assert.equal("10.0.224.0/19", cidr.subnet("10.0.0.0/16", 3, 7))
    assert.equal("10.0.0.0/16", cidr.subnet("10.0.0.0/16", 0, 0))
    assert.equal("128.0.0.0/1", cidr.subnet("0.0.0.0/0", 1, 1))
    assert.equal("2600:1f18:0:3::/64", cidr.subnet("2600:1f18::/56", 8, 3))
    assert.equal("2600:1f18:0:0:8000::/65", cidr.subnet("2600:1f18::/64", 1, 1))
    assert.equal("2600:1f18:0:1:8000::/65", cidr.subnet("2600:1f18::/63", 2, 3))
    assert.has_error(function() cidr.subnet("10.0.0.0/16", 3, 8) end)
    assert.has_error(function() cidr.subnet("10.0.0.0/16", 17, 0) end)
    assert.has_error(function() cidr.subnet("10.0.0.0/16", -1, 0) end)
  end)

  it("splits into equal parts that neither overlap nor leave the block", function()
    assert.same({ "10.0.0.0/16" }, cidr.split("10.0.0.0/16", 1))
    assert.same({ "10.0.0.0/18", "10.0.64.0/18", "10.0.128.0/18" }, cidr.split("10.0.0.0/16", 3))
    local parts = cidr.split("192.168.0.0/16", 6)
    assert.equal("192.168.160.0/19", parts[6])
    for i = 1, 6 do
      assert.is_true(cidr.contains("192.168.0.0/16", parts[i]))
      for j = i + 1, 6 do assert.is_false(cidr.overlaps(parts[i], parts[j])) end
    end
    assert.has_error(function() cidr.split("10.0.0.0/31", 3) end)
    assert.has_error(function() cidr.split("10.0.0.0/16", 0) end)
  end)

  it("compares", function()
    assert.is_true(cidr.contains("0.0.0.0/0", "10.0.0.0/8"))
    assert.is_false(cidr.contains("10.0.0.0/16", "10.0.0.0/8"))
    assert.is_true(cidr.overlaps("10.0.0.0/16", "10.0.0.0/8"))
    assert.is_false(cidr.overlaps("10.0.0.0/16", "10.1.0.0/16"))
    assert.is_false(cidr.overlaps("0.0.0.0/0", "::/0"))
    assert.is_true(cidr.contains("2600:1f18::/56", "2600:1f18:0:ff::/64"))
    assert.is_false(cidr.contains("2600:1f18::/56", "2600:1f18:0:100::/64"))
  end)

  it("counts addresses", function()
    assert.equal(65536, cidr.size("10.0.0.0/16"))
    assert.equal(1, cidr.size("10.0.0.0/32"))
    assert.equal(2.0 ^ 72, cidr.size("2600:1f18::/56"))
  end)
end)
