local yaml = require "eksrun.yaml"
local null = yaml.parse ""

local function refused(text, code, pattern, options)
  local value, err = yaml.try_parse(text, options)
  assert.is_nil(value)
  assert.equal(code, err.code)
  assert.matches(pattern, err.message)
  return err
end

describe("yaml.parse", function()
  it("reads scalars by the core schema", function()
    local cases = {
      ["12"] = 12, ["-7"] = -7, ["+7"] = 7, ["012"] = 12, ["0o17"] = 15, ["0xff"] = 255,
      ["1.5"] = 1.5, [".5"] = 0.5, ["1e3"] = 1000.0, ["true"] = true, ["FALSE"] = false,
      ["yes"] = "yes", ["1:30"] = "1:30", ["'12'"] = "12", ['"true"'] = "true", ["!!str 12"] = "12",
      ["0b1"] = "0b1", ["1_000"] = "1_000", ["-"] = { null }, [".inf"] = math.huge,
      ["9223372036854775807"] = math.maxinteger, ["~"] = null, ["null"] = null, ["a\\b"] = "a\\b",
      ["."] = ".", ["e3"] = "e3", ["1e"] = "1e", ["0x"] = "0x",
    }
    for text, value in pairs(cases) do
      local got = yaml.parse(text)
      assert.same(value, got, text)
      assert.equal(math.type(value), math.type(got), text)
    end
    assert.is_true(yaml.parse ".nan" ~= yaml.parse ".nan")
  end)

  it("keeps an empty list apart from an empty map", function()
    local value = yaml.parse "{a: [], b: {}}"
    assert.is_not_nil(getmetatable(value.a))
    assert.is_nil(getmetatable(value.b))
  end)

  it("takes every key for a string", function()
    assert.same({ ["1"] = "a", ["true"] = "b", [""] = "c" }, yaml.parse "1: a\ntrue: b\n'': c\n")
  end)

  it("refuses a key that comes twice unless the last shall win", function()
    local err = refused("a: 1\nb: 2\na: 3\n", "invalid", "a second key named a")
    assert.equal(3, err.line)
    assert.same({ a = 3 }, yaml.parse("a: 1\na: 3\n", { last_wins = true }))
  end)

  it("reads one document, or all", function()
    refused("a\n---\nb\n", "invalid", "second document")
    assert.same({ "a", "b" }, yaml.parse("a\n---\nb\n", { documents = true }))
  end)

  it("refuses aliases, compound keys and malformed text with their place", function()
    refused("a: &x 1\nb: *x\n", "invalid", "line 2, column 4: aliases")
    refused("? [a]\n: b\n", "invalid", "a key is not")
    refused("a: [1\n", "syntax", "line 2")
    refused("a: \xff", "syntax", "UTF%-8")
    refused("a: \x01", "syntax", "control")
  end)

  it("limits depth, size, nodes, anchors and directives", function()
    refused(("["):rep(100000), "limit", "nested too deeply")
    refused(("[\n"):rep(100000), "limit", "nested too deeply")
    refused(("- "):rep(1000), "limit", "nested too deeply")
    refused((" "):rep((16 << 20) + 1), "limit", "longer than")
    refused(("&a x\n"):rep(1):gsub("^", "- ") .. ("- &a x\n"):rep(1001), "limit", "too many anchors")
    refused(("%TAG !a! tag:x,2000:\n"):rep(1000) .. "--- a", "limit", "directives")
    assert.same("x", yaml.parse(("["):rep(63) .. "x" .. ("]"):rep(63))
      [1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1]
      [1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1]
      [1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1][1])
  end)

  it("refuses arguments of the wrong type at the caller's line", function()
    assert.has_error(function() yaml.parse(nil) end)
    assert.has_error(function() yaml.parse("a", 1) end)
  end)
end)

describe("yaml.compose", function()
  it("says where every scalar stands, whatever characters come before", function()
    local text = "\u{feff}é: 'ü'\r\n日本: [x, \"😀\"]\r\nz: |\r\n  lit\r\n"
    local function check(node)
      if node.kind == "scalar" then
        local raw = text:sub(node.first, node.stop - 1)
        if not node.block then assert.equal(node.value, (raw:gsub("^['\"](.*)['\"]$", "%1"))) end
        return 1
      end
      local count = 0
      for _, list in ipairs { node.items or {}, node.keys or {}, node.values or {} } do
        for _, child in ipairs(list) do count = count + check(child) end
      end
      return count
    end
    assert.equal(7, check(yaml.compose(text)))
  end)

  it("keeps keys in the order of the text", function()
    local root = yaml.compose "z: 1\na: 2\n"
    assert.equal("z", root.keys[1].value)
    assert.equal(2, root.values[root.index.a].value)
    assert.is_nil(yaml.compose "# nothing\n")
  end)

  it("knows the tags that are the document's own", function()
    local root = yaml.compose "a: !Ref x\nb: !Join [',', [y]]\nc: !If { d: e }\nf: ! 1\ng: !!str 1\n"
    local tags = {}
    for i, value in ipairs(root.values) do tags[i] = value.tag or "none" end
    assert.same({ "!Ref", "!Join", "!If", "none", "none" }, tags)
  end)
end)

describe("yaml.emit", function()
  it("writes blocks with sorted keys", function()
    assert.equal("a:\n- 1\n- b: true\n  c: null\nd: {}\n",
      yaml.emit { d = {}, a = { 1, { c = null, b = true } } })
    assert.equal("[]\n", yaml.emit(yaml.parse "[]"))
  end)

  it("quotes what a reader of 1.1 or 1.2 would take for something else", function()
    for _, text in ipairs {
      "yes", "No", "on", "y", "~", "", "null", "true", "12", "0o7", "017", "1_000", "1:30", "0x1f",
      "433e40", "1.5", ".5", ".inf", "2001-12-14", "2001-12-14 21:59:43.1 -5", "<<", "=", "+1",
      " lead", "a: b", "# c", "- x", "*a", "&a", "!t", "%d", "@x", "`x", "a\nb", "tab\there", "\u{7f}",
    } do
      local out = yaml.emit(text)
      assert.matches("^['\"]", out)
      assert.equal(text, yaml.parse(out))
    end
    for _, text in ipairs { "arn:aws:eks:eu-west-1:1:cluster/x", "1-cluster", "https://x.y", "a b", "é" } do
      assert.equal(text .. "\n", yaml.emit(text))
    end
  end)

  it("round-trips numbers", function()
    for _, n in ipairs {
      1, -5, math.maxinteger, math.mininteger, 0.1, 1e300, 3.0, math.huge, -math.huge, 1 / 3,
    } do
      local back = yaml.parse(yaml.emit(n))
      assert.equal(n, back)
      assert.equal(math.type(n), math.type(back))
    end
  end)

  it("refuses what YAML has not", function()
    local loop = {}
    loop.a = loop
    assert.has_error(function() yaml.emit(loop) end)
    assert.has_error(function() yaml.emit(print) end)
    assert.has_error(function() yaml.emit { [{}] = 1 } end)
    assert.has_error(function() yaml.emit "\xff" end)
  end)
end)
