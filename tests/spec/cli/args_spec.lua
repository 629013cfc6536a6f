local args = require "eksrun.cli.args"
local error_object = require "eksrun.error"

local command = {
  name = "probe",
  summary = "probe",
  arguments = { { "cluster", "name" }, { "params", "k=v", optional = true, rest = true } },
  flags = {
    { "yes", "do not ask", short = "y" },
    { "output", "form", value = "FORM", choices = { "text", "json" }, default = "text" },
    { "days", "how long", value = "N", type = "integer" },
    { "allow-destroy", "address", value = "ADDRESS", many = true },
  },
}

local function refused(argv)
  local ok, err = pcall(args.parse, command, argv)
  assert.is_false(ok)
  assert.is_true(error_object.is(err))
  assert.equal("usage", err.code)
  return err.message
end

describe("cli.args", function()
  it("takes flags before and after arguments, in both forms", function()
    local out = args.parse(command, { "-y", "demo", "--days=3", "a=1", "--region", "eu-west-1", "b=2" })
    assert.same({ "a=1", "b=2" }, out.params)
    assert.equal("demo", out.cluster)
    assert.equal(true, out.yes)
    assert.equal(3, out.days)
    assert.equal("eu-west-1", out.region)
    assert.equal("text", out.output)
  end)

  it("collects a repeated flag and stops at --", function()
    local out = args.parse(command, { "--allow-destroy", "x", "--allow-destroy=y", "--", "-odd", "--more" })
    assert.same({ "x", "y" }, out.allow_destroy)
    assert.equal("-odd", out.cluster)
    assert.same({ "--more" }, out.params)
  end)

  it("takes - alone as an argument and an empty value as a value", function()
    local out = args.parse(command, { "-", "--profile=" })
    assert.equal("-", out.cluster)
    assert.equal("", out.profile)
  end)

  it("refuses what it does not know", function()
    assert.matches("unknown flag '%-%-nope'", refused { "demo", "--nope" })
    assert.matches("%-%-output: 'xml' is none of text, json", refused { "demo", "--output", "xml" })
    assert.matches("%-%-days: '1.5' is not a whole number", refused { "demo", "--days", "1.5" })
    assert.matches("%-%-days wants a value, N", refused { "demo", "--days" })
    assert.matches("%-%-yes takes no value", refused { "demo", "--yes=1" })
    assert.matches("CLUSTER is missing; usage: eksrun probe CLUSTER", refused {})
  end)

  it("shows an argument as it is to be written", function()
    local things = { { "things", "what", value = "ADDRESS=ID", rest = true } }
    local adopt = { name = "adopt", summary = "x", arguments = things }
    local ok, err = pcall(args.parse, adopt, {})
    assert.is_false(ok)
    assert.matches("^ADDRESS=ID is missing; usage: eksrun adopt ADDRESS=ID%.%.%. ", tostring(err))
    assert.matches("\n  ADDRESS=ID%.%.%.  what\n", args.help(adopt))
  end)

  it("needs no arguments for the help, and the help fits 80 columns", function()
    assert.is_true(args.parse(command, { "--help" }).help)
    for line in args.help(command):gmatch("[^\n]+") do assert.is_true(#line <= 80, line) end
  end)
end)
