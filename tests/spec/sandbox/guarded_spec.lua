-- What AWS itself keeps from being deleted: its protection is taken off where the deletion was allowed.
local file = require "eksrun.file"
local process = require "eksrun.process"
local trials = require "eksrun.trial"

local RECIPE = [[
local cluster = require "eksrun.cluster"
local cloudformation = require "eksrun.cloudformation"
local vpc = require "eksrun.vpc"
cluster.create {
  name = "kept", version = "1.33", deletion_protection = true,
  network = vpc.network { name = "kept", cidr = "10.0.0.0/16", zones = 2, nat = "none" },
}
cloudformation.stack {
  "stack", TemplateBody = '{"Resources":{"Group":{"Type":"AWS::Logs::LogGroup"}}}',
  EnableTerminationProtection = true,
}
]]

describe("what AWS protects", function()
  local folder

  setup(function() folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "") end)
  teardown(function() process.run { argv = { "rm", "-r", folder } } end)

  it("goes where that is allowed", function()
    local path = folder .. "/kept.lua"
    file.write_atomic(path, RECIPE)
    local trial <close> = trials.new { seed = 1 }
    trial:apply(path, {})
    assert.is_true(trial.aws.eks:describe_cluster({ name = "kept" }).cluster.deletionProtection)
    local gone = trial:destroy(path, {})
    assert.equal(1, gone.calls["eks:UpdateClusterConfig"])
    assert.equal(1, gone.calls["cloudformation:UpdateTerminationProtection"])
    assert.same({}, trial.aws.eks:list_clusters({}).clusters)
  end)
end)
