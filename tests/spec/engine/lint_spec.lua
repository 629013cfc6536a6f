local cloud = require "tests.spec.support.cloud"
local graph = require "eksrun.engine.graph"
local lint = require "eksrun.engine.lint"
local stack = require "eksrun.engine.stack"

local function globals(text)
  local out = {}
  lint.globals(assert(load(text, "=text", "t")), function(name, line, writes)
    out[#out + 1] = ("%d %s%s"):format(line, name, writes and "=" or "")
  end)
  table.sort(out)
  return out
end

describe("globals", function()
  it("are found in every function, with their lines", function()
    assert.same({ "1 a=", "2 b", "4 c", "4 d=", "7 e" }, globals [[
a = 1
local x = b
local function f(y)
  d = c + y + x
end
local z = function()
  return function() return e, f end
end]])
  end)

  it("are found beside functions that use nothing from outside", function()
    assert.same({ "1 f", "2 f", "5 g" }, globals [[
f("seed", { 1 }, function() return 1 end)
f(function() end)
local inner = function() return function() return 1.5 end end
local two = function(a, b) return function() return a, b end end
return g]])
  end)

  it("are told from locals, fields, upvalues and texts", function()
    assert.same({ "1 print" }, globals [[
local a, p = 1, print
local t = { b = a, c = "d", f = 1.5, g = 7 }
function t.m(self) return self.x, a, t.y end
for i, v in p, t do t[i] = v end
return t]])
  end)

  it("have their lines in long and wide texts too", function()
    local text = "local a = 1\n" .. ("a = a + 1\n"):rep(400) .. ("\n"):rep(300) .. "late = a"
    assert.same({ "702 late=" }, globals(text))
  end)
end)

-- What the run of a text says of its refs.
local function refs(text)
  local declared, out = graph.new(), {}
  declared.stack = stack.new("spec", { region = "eu-west-1" })
  local before = graph.set_current(declared)
  finally(function() graph.set_current(before) end)
  local source = "local net = require 'tests.spec.support.cloud'.net { Cidr = '1' }\n" .. text
  lint.watch(function(name) return name == "@own.lua" end, function() return source end,
    function(file, line, message)
      out[#out + 1] = ("%s:%d %s"):format(file, line - 1, message:match "^'.-'")
    end, assert(load(source, "@own.lua", "t")))
  return out
end

describe("a ref as a condition", function()
  it("is found in if, while, not, and, or", function()
    assert.equal("cloud.net", cloud.net.name)
    assert.same({
      "own.lua:1 'net.Dns'", "own.lua:3 'id'", "own.lua:4 'net.Dns'", "own.lua:5 'id'", "own.lua:6 'id'",
    }, refs [[
if net.Dns then end
local id = net.NetId
if not id then end
local x = net.Dns or 1
while id do break end
local y = (id and 1)]])
  end)

  it("is found where it is compared with a literal", function()
    assert.same({
      "own.lua:1 'net.Dns'", "own.lua:2 'net.Dns'", "own.lua:3 'net.Dns'", "own.lua:4 'net.Dns'",
    }, refs [[
local x = net.Dns == "a"
if 1 ~= net.Dns then end
if net.Dns == nil then end
if nil ~= net.Dns then end]])
  end)

  it("is found in a function, by what it is there", function()
    assert.same({ "own.lua:2 'value'" }, refs [[
local function f(value)
  if value then return 1 end
end
f(nil)
f(net.Dns)
f(net.Dns)]])
  end)

  it("is not what only looks like one", function()
    assert.same({}, refs [=[
-- if net.Dns then
local text = "if net.Dns then" .. [[ net.Dns and ]] .. 'net.Dns or \' net.Dns or'
local plain, t = 1, { NetId = 1 }
if plain and t.NetId and text then end
if net then end
if plain == 1 then end
local id = net.NetId
local link = "x" .. id]=])
  end)

  it("leaves errors as they are", function()
    local ok, err = pcall(refs, "error({ code = 1 })")
    assert.is_false(ok)
    assert.same({ code = 1 }, err)
    assert.is_nil((debug.gethook()))
  end)
end)
