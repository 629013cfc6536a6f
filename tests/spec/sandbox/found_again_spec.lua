-- Several things of one kind, whose tags are asked for one by one: all are found again, by their recipe and
-- without it.
local file = require "eksrun.file"
local process = require "eksrun.process"
local trials = require "eksrun.trial"

local RECIPE = [[
local logs = require "eksrun.logs"
local ssm = require "eksrun.ssm"
for _, name in ipairs { "a", "b", "c" } do
  logs.log_group { "group-" .. name, logGroupName = "/several/" .. name }
  ssm.parameter { "parameter-" .. name, Name = "/several/" .. name, Value = name }
end
]]

describe("several of a kind", function()
  local folder

  setup(function() folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "") end)
  teardown(function() process.run { argv = { "rm", "-r", folder } } end)

  it("are all found again, with their recipe and without", function()
    local path = folder .. "/several.lua"
    file.write_atomic(path, RECIPE)
    local trial <close> = trials.new { seed = 1 }
    trial:apply(path, {})
    assert.equal(0, trial:plan(path, {}).counts.changes)
    local gone = trial:destroy(nil, nil, "several")
    assert.equal(6, gone.plan.counts.changes)
    assert.same({}, trial.aws.logs:describe_log_groups({}).logGroups)
  end)
end)
