-- What AWS gave up making: nothing leads out of it, so that the next run makes it anew.
local trials = require "eksrun.trial"

local RECIPE = "recipes/managed-cluster.lua"

describe("a node group that AWS gave up", function()
  it("is made anew, as often as it takes", function()
    local trial <close> = trials.new { seed = 1, faults = "capacity=m7g.*" }
    for attempt = 1, 2 do
      local ok, err = pcall(trial.apply, trial, RECIPE, {})
      assert.is_false(ok)
      assert.matches("CREATE_FAILED: .*sufficient m7g.large capacity", tostring(err))
      local _, count = tostring(err):gsub("CREATE_FAILED", "")
      assert.equal(1, count)
      local plan = trial:plan(RECIPE, {})
      assert.equal(1, plan.counts.changes, attempt)
      for _, action in ipairs(plan.actions) do
        if action.op ~= "keep" then
          assert.equal("replace nodes/general, it is CREATE_FAILED",
            ("%s %s, %s"):format(action.op, action.address, action.reason))
        end
      end
    end
    trial.sandbox:set_faults(nil)
    trial:apply(RECIPE, {})
    assert.equal(0, trial:plan(RECIPE, {}).counts.changes)
    assert.equal("ACTIVE",
      trial.aws.eks:describe_nodegroup({ clusterName = "demo", nodegroupName = "general" }).nodegroup.status)
  end)
end)
