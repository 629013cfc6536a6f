-- What plans show of values that may be secrets: `UserData` of a launch template, which often has tokens.
local file = require "eksrun.file"
local json = require "eksrun.json"
local saved = require "eksrun.engine.saved"
local shown = require "eksrun.engine.shown"
local testing = require "eksrun.testing"

local RECIPE = [[
local ec2 = require "eksrun.ec2"
local p = require("eksrun").params { token = { "", "of the bootstrap" } }
ec2.launch_template { "nodes", LaunchTemplateData = { ImageId = "ami-1", UserData = "token=" .. p.token } }
]]

describe("what may hold secrets", function()
  local recipe, out = os.tmpname() .. ".lua", os.tmpname()
  local trial

  setup(function()
    file.write_atomic(recipe, RECIPE)
    trial = testing.sandbox { seed = 1 }
  end)
  teardown(function()
    trial:close()
    os.remove(recipe)
    os.remove(out)
  end)

  local function plan(token) return trial.trial:plan(recipe, { "token=" .. token }) end

  it("is shown by its size, of what is made and of what is changed", function()
    local made = trial:plan(recipe, { token = "hush" })
    assert.matches('"ImageId":"ami-1"', made.text, 1, true)
    assert.matches('"UserData":"(not shown, 10 bytes)"', made.text, 1, true)
    assert.is_nil(made.text:find "hush")

    trial:apply(recipe, { token = "hush" })
    local changed = trial:plan(recipe, { token = "louder" })
    assert.matches("LaunchTemplateData.UserData: (not shown, 10 bytes) -> (not shown, 12 bytes)",
      changed.text, 1, true)
    local change = changed:action("nodes").changes[1]
    assert.equal("token=louder", change.to) -- which the run needs
    assert.same({ path = "LaunchTemplateData.UserData", from = { bytes = 10 }, to = { bytes = 12 } },
      json.decode(json.encode(shown.change(change))))
  end)

  it("is in no saved plan, which is out of date when it is another", function()
    trial:apply(recipe, { token = "hush" })
    saved.write(out, plan "louder", { recipe = recipe, params = {} })
    local text = file.read(out)
    assert.is_nil(text:find "hush")
    assert.is_nil(text:find "louder")
    assert.matches("LaunchTemplateData.UserData", text, 1, true)
    local held = saved.read(out)
    saved.check(held, plan "louder", out)
    local ok, err = pcall(saved.check, held, plan "lauder", out)
    assert.is_false(ok)
    assert.equal("stale", err.code)
  end)

  it("is hidden wherever it stands in a value, with what is sensitive", function()
    local spec = { fields = { password = { sensitive = true }, script = { opaque = true } } }
    local value = { name = "a", password = "hush", script = "#!/bin/sh" }
    assert.equal('{"name":"a","password":"(sensitive)","script":"(not shown, 9 bytes)"}',
      shown.text(value, spec))
    assert.same({ name = "a", password = { sensitive = true }, script = { bytes = 9 } },
      json.decode(json.encode(shown.change { path = "x", to = value, spec = spec })).to)
    assert.equal("(none)", shown.text(nil, { opaque = true }))
    assert.equal("(not shown)", shown.text({ 1 }, { opaque = true }))
  end)
end)

describe("a structure that is open", function()
  it("has rules for some of its fields, and takes all", function()
    local resource = require "eksrun.resource"
    local inputs = resource.get("ec2.launch_template").inputs
    assert.is_true(inputs.LaunchTemplateData.open)
    local changes = require("eksrun.engine.diff").compare(inputs,
      { LaunchTemplateData = { UserData = "a", Monitoring = { Enabled = true } } },
      { LaunchTemplateData = { UserData = "b", Monitoring = { Enabled = false }, KeyName = "k" } })
    assert.equal(2, #changes)
    assert.equal("LaunchTemplateData.Monitoring.Enabled", changes[1].path)
    assert.is_nil(changes[1].spec.opaque)
    assert.is_true(changes[2].spec.opaque)
  end)
end)

describe("a change", function()
  local function subnets(...)
    local list = json.array {}
    for i, letter in ipairs { ... } do list[i] = "subnet-0123456789abcdef" .. letter end
    return list
  end
  local function line(from, to, spec) return shown.difference({ from = from, to = to, spec = spec }, 60) end

  it("of a short value shows both sides", function()
    assert.equal('1 -> "x"', line(1, "x"))
    assert.equal('["a"] -> ["b"]', line({ "a" }, { "b" }))
  end)

  it("of a long list shows what comes and what goes", function()
    local from, to = subnets("a", "b", "c"), subnets("c", "a", "d")
    assert.equal('+ "subnet-0123456789abcdefd", - "subnet-0123456789abcdefb"', line(from, to, { set = true }))
    assert.equal('- "subnet-0123456789abcdefb"', line(from, subnets("a", "c")))
    assert.equal("the same in another order", line(from, subnets("b", "a", "c")))
    assert.equal('+ "subnet-0123456789abcdefa"', line(from, subnets("a", "a", "b", "c")))
    assert.equal(json.encode(from) .. " -> " .. json.encode(to), shown.difference { from = from, to = to })
    local many = {}
    for i = 1, 20 do many[i] = "10.0." .. i .. ".0/24" end
    local text = line(json.array {}, many)
    assert.matches('+ "10.0.8.0/24", + 12 more', text, 1, true)
    assert.is_nil(text:find("10.0.9.0", 1, true))
  end)

  it("of a member that is not known yet says so, and shows none that is sensitive", function()
    local ref = require "eksrun.engine.ref"
    local to = subnets("a", "b")
    to[3] = ref.unknown
    assert.equal("+ " .. tostring(ref.unknown) .. ', - "subnet-0123456789abcdefc"',
      line(subnets("a", "b", "c"), to))
    assert.equal("(sensitive) -> (sensitive)",
      line(subnets("a", "b", "c"), subnets("a", "b", "d"), { sensitive = true }))
  end)

  it("of a long value is cut where the sides differ", function()
    local head = ("x"):rep(100)
    for _, tails in ipairs { { "1", "2" }, { "ä", "ö" }, { "", "1" }, { "1" .. head, "2" .. head } } do
      local from, to = shown.pair(head .. tails[1], head .. tails[2], nil, 60)
      assert.are_not.equal(from, to)
      for _, text in ipairs { from, to } do
        assert.is_true(utf8.len(text) <= 60, text)
        assert.equal("…", text:sub(1, #"…"))
      end
    end
    local from, to = shown.pair("1" .. head, "2" .. head, nil, 60)
    assert.equal('"1' .. ("x"):rep(57) .. "…", from)
    assert.equal('"2' .. ("x"):rep(57) .. "…", to)
    local text = line({ { Name = head, Value = "1" } }, { { Name = head, Value = "2" } })
    assert.matches('"2"}, - …', text, 1, true)
    assert.matches('"1"}$', text)
  end)
end)
