-- The line of code below an error: which piece is marked, and what is never shown.
local cloud = require "tests.spec.support.cloud"
local excerpt = require "eksrun.cli.excerpt"
local recipe = require "eksrun.engine.recipe"

local HEAD = "local eksrun, net = require 'eksrun', require('eksrun.resource').get 'cloud.net'\n"

local function error_of(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  finally(function() os.remove(path) end)
  local before = package.path
  local ok, err = pcall(recipe.load, path, {})
  package.path = before
  assert.is_false(ok)
  return err, path
end

-- "line:column", the line that is shown and the piece of it that is marked.
local function marked(text)
  local found = assert(excerpt.of((error_of(text))))
  local number, shown = found.lines[1]:match "^ *(%d+) | (.*)$"
  assert.equal(found.line, tonumber(number))
  local indent, carets = found.lines[2]:match "^      |( *)(%^+)$"
  local from = utf8.offset(shown, #indent)
  local to = utf8.offset(shown, #indent + #carets)
  return ("%d:%s"):format(found.line, found.column or "-"), shown, shown:sub(from, to - 1)
end

describe("the line of code below an error", function()
  assert.equal("cloud.net", cloud.net.name)

  for name, case in pairs {
    ["an unknown input"] = { HEAD .. "net { 'n', Cidrr = 'c' }", "2:12", "Cidrr" },
    ["an input lines below its call"] = { HEAD .. "net {\n  'n',\n  Cidrr = 'c',\n}", "4:3", "Cidrr" },
    ["a wrong type"] = { HEAD .. "net { 'n', Cidr = 5 }", "2:12", "Cidr" },
    ["a field of a field"] = { HEAD .. "net { 'n', Cidr = 'c', tags = { a = 'x', b = 5 } }", "2:42", "b" },
    ["a value"] = { "require('eksrun.ec2').vpc { 'v',\nCidrBlock = '10.0.0.0/33' }\nlocal x", "2:13",
      "'10.0.0.0/33'" },
    ["a value without quotes in the message"] = {
      "require('eksrun.vpc').network {\nname = 'n', cidr = '10.0.0.0/26' }\nlocal x", "2:13", "cidr" },
    ["an option of a kit"] = { "require('eksrun.vpc').network { name = 'n', cdir = 'c' }\nlocal x",
      "1:45", "cdir" },
    ["a missing input, by its call"] = { HEAD .. "local n = net { 'n' }", "2:11", "net" },
    ["a ref too early"] = { HEAD .. "local n = net { 'n', Cidr = 'c' }\nif n.NetId == n.Dns then end", "3:6",
      "NetId" },
    ["a ref too early under another name"] = {
      HEAD .. "local id = net { 'n', Cidr = 'c' }.NetId\nlocal x = id + 1", "3:14", "+" },
    ["a parameter that is not declared"] = {
      HEAD .. "local p = eksrun.params {}\nlocal x = p.nmae", "3:13", "nmae" },
    ["a global that is nil"] = { "local x\nlocal y = 1 + fo()", "2:15", "fo" },
    ["the second of two signs"] = { "local x = = 1", "1:11", "=" },
    ["the second of two numbers"] = { "local x = 1 1", "1:13", "1" },
    ["a constant that is set"] = { "local x <const> = 1\nx = 2", "2:1", "x" },
    ["the end of the text"] = { "return {\n  a = 1\n\n", "2:7", "1" },
    ["what nothing names: the whole line"] = { "local x\n  error()", "2:-", "error()" },
    ["behind tabs and wide characters"] = { "local a = 'ä'\n\tlocal b = '日本' .. fo()", "2:20", "fo" },
  } do
    it("marks " .. name, function()
      local place, _, piece = marked(case[1])
      assert.equal(case[2], place)
      assert.equal(case[3], piece)
    end)
  end

  it("stands below the message, whose place it makes exact", function()
    local err, path = error_of(HEAD .. "net {\n  'n', Cidrr = 'c' }")
    assert.matches(path .. ":2: cloud.net n: unknown", tostring(err), 1, true)
    local line, below = excerpt.describe(err)
    assert.equal(path .. ":3:8: cloud.net n: unknown input 'Cidrr'; did you mean 'Cidr'?", line)
    assert.same({ "    3 |   'n', Cidrr = '…' }", "      |        ^^^^^" }, below)
  end)

  it("stands in as its line does, so that mark and column agree", function()
    for _, case in ipairs {
      { "local x\n  if true then\n      fo()\n  end", 7, "      fo()", "      ^^" },
      { "local x\n  error()", nil, "  error()", "  ^^^^^^^" },
      { "local x\n\tfo()", 2, "    fo()", "    ^^" },
    } do
      local _, below = excerpt.describe((error_of(case[1])))
      local found = excerpt.of((error_of(case[1])))
      assert.equal(case[2], found.column)
      assert.equal(case[3], below[1]:match "| (.*)$")
      assert.equal(case[4], below[2]:match "| (.*)$")
    end
  end)

  it("is the one of the cause, where that is the recipe's", function()
    local err, path = error_of("local x\nfo()")
    local outer = require("eksrun.error").new { message = "all is done, but", cause = err }
    assert.matches("^all is done, but: " .. path .. ":2:1: attempt to call", (excerpt.describe(outer)))
  end)

  it("keeps to its width, around the mark", function()
    local long = ("x = x, "):rep(60)
    local _, shown, piece = marked("local x, f\nf {" .. long .. " y = fo(), " .. long .. "}")
    assert.equal("fo", piece)
    assert.equal(120 - 8, utf8.len(shown))
    assert.matches("^….*…$", shown)
  end)

  it("is not there for what has no text", function()
    assert.is_nil(excerpt.of(require("eksrun.error").new { message = "/etc/hostname:1: no" }))
    assert.is_nil(excerpt.of("/etc/hostname:1: no"))
    assert.is_nil(excerpt.of(nil))
  end)
end)

describe("the line of code hides", function()
  local SECRET = "hunter2"
  for name, text in pairs {
    ["the value of a sensitive input"] = "local x\nlocal ssm = require('eksrun.ssm')\n"
      .. "ssm.parameter { 'p', Type = 5, Value = 'hunter2' }",
    ["a sensitive input under a wrong name"] = "local x\n"
      .. "require('eksrun.ssm').parameter { 'p', Valu = \"hunter2\" }",
    ["texts of any form"] = "local x\n"
      .. "fo('hunter2', \"hunter2\", [[hunter2]], [==[hunter2]==], 'a\\'hunter2')",
    ["a text of several lines"] = "local x = [[\nhunter2]] .. fo()",
    ["a text that continues"] = "local x = 'a\\\nhunter2' .. fo()",
    ["a text that is not closed"] = "local x = 'hunter2\nlocal y",
    ["a text where none may stand"] = "local x = 1 'hunter2'",
    ["a long text where none may stand"] = "local x = 1 [[hunter2]]",
    ["comments"] = "local x\nfo() -- hunter2",
    ["comments before"] = "local x\n--[[ hunter2 ]] fo()",
    ["the default of a parameter"] = "local x\n"
      .. "require('eksrun').params { p = { 'hunter2', 5, sensitive = true } }\nlocal y",
  } do
    it(name, function()
      local err = error_of(text)
      local line, below = excerpt.describe(err)
      local all = line .. table.concat(below, "\n")
      assert.is_not_nil(below[1], line)
      assert.is_nil(all:find(SECRET, 1, true), all)
      assert.matches("\n", table.concat(below, "\n"))
    end)
  end

  it("long numbers, not short ones", function()
    local _, shown = marked("local x\nfo(443, 123456, '443')")
    assert.equal("fo(443, …, '…')", shown)
  end)

  it("neither what is required nor what the message names", function()
    local _, shown = marked("local x\nlocal y = require 'eksrun', require(\"eksrun.vpc\"), fo('abc')")
    assert.equal("local y = require 'eksrun', require(\"eksrun.vpc\"), fo('…')", shown)
  end)

  it("what would move the cursor", function()
    local _, shown = marked("local x\nlocal y = fo(\27[31m)")
    assert.is_nil(shown:find "\27")
  end)
end)
