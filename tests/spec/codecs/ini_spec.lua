local ini = require "eksrun.ini"

-- { ["profile x"] = keys, ... }
local function sections(text)
  local out = {}
  for _, s in ipairs(ini.parse(text)) do out[s.type .. (s.name and " " .. s.name or "")] = s.keys end
  return out
end

local function refused(text)
  local list, err = ini.try_parse(text)
  assert.is_nil(list)
  assert.equal("syntax", err.code)
  return ("%d: %s"):format(err.line, err.message)
end

describe("ini.parse", function()
  it("reads sections in order, with their lines", function()
    local list = ini.parse "[default]\n\n[profile a]\nk=v\n[sso-session s]\n[services w]\n[plain]\n"
    local seen = {}
    for i, s in ipairs(list) do seen[i] = { s.type, s.name or false, s.line } end
    assert.same({
      { "default", false, 1 }, { "profile", "a", 3 }, { "sso-session", "s", 5 },
      { "services", "w", 6 }, { "plain", false, 7 },
    }, seen)
    assert.same({}, ini.parse "")
    assert.same({}, ini.parse "# only this\n")
  end)

  it("folds keys, trims values, cuts comments behind a space", function()
    assert.same({ ["profile a"] = { region = "x", b = "y#z", c = "", d = "1=2" } },
      sections "[ profile  a ] # c\r\nRegion =  x ; c\r\nb = y#z # c\r\nc = # c\r\nd = 1=2\r\n")
  end)

  it("goes on over indented lines", function()
    assert.same({ a = { k = "v\nmore\nand more", l = "1" } },
      sections "[a]\nk = v\n more \n\n\t# c\n\tand more\nl=1")
  end)

  it("reads properties of properties", function()
    local keys = { s3 = { endpoint_url = "http://x", a = "b" }, ec2 = "", eks = { e = "" } }
    assert.same({ ["services w"] = keys },
      sections "[services w]\ns3 =\n  Endpoint_URL = http://x\n  a = b # c\nec2 =\neks =\n e =\n")
  end)

  it("says where each key stands", function()
    local list = ini.parse "[a]\nk = v\n more\ns3 =\n  x = 1\n\n  y = 2\nk = w\n"
    assert.same({ k = 8, s3 = 4, ["s3.x"] = 5, ["s3.y"] = 7 }, list[1].lines)
  end)

  it("lets the last of equal keys count", function()
    assert.same({ a = { k = { x = "2" } } }, sections "[a]\nk = 1\nk =\n x = 1\n x = 2\n")
    assert.same({ a = { k = "2" } }, sections "[a]\nk =\n x = 1\nk = 2\n")
  end)

  it("takes quoted names and leaves out names that no SDK takes", function()
    assert.same({ ["profile my own"] = { k = "1" }, ["profile b@c.d/e"] = {} },
      sections '[profile "my own"]\nk=1\n[profile two words]\nk=2\n[profile b@c.d/e]\n[bad!]\nk=3\n')
    assert.same({ a = { ok = "1" } }, sections "[a]\nnot ok = 1\n  more\nok = 1\nbad! =\n x = 1\n")
  end)

  it("refuses what breaks the grammar, naming the line", function()
    assert.equal("1: expected a section, like [default], first", refused "k = v")
    assert.equal("1: expected a section, like [default], first", refused " k = v")
    assert.equal("2: expected '=' behind a key", refused "[a]\nk : v")
    assert.equal("3: expected a key before '='", refused "[a]\n\n= v")
    assert.equal("2: expected a key, not an indented line", refused "[a]\n k = v")
    assert.equal("4: expected a key, not an indented line", refused "[a]\nk = v\n[a]\n more")
    assert.equal("1: expected ']' at the end of a section's name", refused "[a\nk = v")
    assert.equal("3: expected '=' behind a key", refused "[a]\ns3 =\n  nonsense")
    assert.equal("3: expected a key before '='", refused "[a]\ns3 =\n  = v")
  end)

  it("says nothing of values in messages", function()
    assert.is_nil(refused("[a]\nhunter2"):find "hunter2")
  end)

  it("raises error objects from parse", function()
    local ok, err = pcall(ini.parse, "x")
    assert.is_false(ok)
    assert.equal(1, err.line)
  end)
end)
