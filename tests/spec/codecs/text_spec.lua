local text = require "eksrun.text"

describe("eksrun.text", function()
  it("encodes and decodes", function()
    assert.equal("aGk/", text.base64 "hi?")
    assert.equal("hi?", text.unbase64 "aGk/")
    assert.equal("aGk_", text.base64url "hi?")
    assert.equal("hi?", text.unbase64url "aGk_")
    assert.equal("00ff", text.hex "\0\xff")
    assert.equal("\0\xff", text.unhex "00FF")
    assert.equal("a%2Fb%20c", text.percent_encode "a/b c")
    assert.equal("a/b%20c", text.percent_encode("a/b c", true))
    assert.equal("a/b c", text.percent_decode "a%2Fb%20c")
    for _, name in ipairs { "unbase64", "unbase64url", "unhex", "percent_decode" } do
      local ok, err = pcall(text[name], "%")
      assert.is_false(ok)
      assert.equal("syntax", err.code)
    end
  end)

  it("hashes", function()
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", text.sha256 "abc")
  end)

  it("suggests the nearest names", function()
    assert.same({ "region", "regions" }, text.suggest("reigon", { "profile", "regions", "region", 5 }))
    assert.same({}, text.suggest("region", {}))
    assert.same({ "region" }, text.suggest("reigon", { "region", nil, "regions" }))
  end)

  it("suggests from a list whose length can be anything", function()
    -- Room for all keys beside the array, where the length is then sought by doubling.
    local fields = {}
    for i = 1, 64 do fields[i] = "k" .. i .. "=1" end
    local names = load("return {" .. table.concat(fields, ",") .. "}")()
    for key in pairs(names) do names[key] = nil end
    for i = 62, 0, -1 do names[1 << i] = "name" .. i end
    assert.equal(1 << 62, #names)
    assert.same({ "name0", "name1" }, text.suggest("name", names))
  end)

  it("measures columns", function()
    assert.equal(0, text.width "")
    assert.equal(4, text.width "caf\xc3\xa9")
    assert.equal(4, text.width "\xe6\x97\xa5\xe6\x9c\xac")
  end)

  it("shows what would act on a terminal", function()
    assert.equal("a\\x1b[31mb\n\tc", text.escape "a\27[31mb\n\tc")
    assert.equal("a\\nb\\tc", text.escape("a\nb\tc", true))
    assert.equal("\\u{9b}x\\u{202e}y\\xff \xc3\xa9", text.escape "\xc2\x9bx\xe2\x80\xaey\xff \xc3\xa9")
    assert.equal("\\x0d\\x00\\x7f", text.escape "\r\0\127")
  end)

  it("checks UTF-8", function()
    assert.is_true(text.valid_utf8 "caf\xc3\xa9")
    assert.is_false(text.valid_utf8 "caf\xc3")
  end)
end)
