-- eksrun test, in this folder's parent: what the standards promise to the payments team.
local testing = require "eksrun.testing"

describe("the payments cluster", function()
  it("has what production wants, and test does not", function()
    local test = testing.plan("payments.lua", { stage = "test" })
    local prod = testing.plan("payments.lua", { stage = "prod" })
    assert.creates(test, "ec2.nat_gateway", 1)
    assert.creates(prod, "ec2.nat_gateway", 3)
    assert.creates(prod, "nodes/ledger")
    assert.is_not.creates(test, "nodes/ledger")
  end)

  it("is made in less than 20 minutes, with the team's tags on it", function()
    local sandbox = testing.sandbox()
    local run = sandbox:apply("payments.lua", { stage = "prod" })
    assert.is_true(run.seconds < 20 * 60)
    local found = sandbox.aws.eks:describe_cluster({ name = run.outputs.cluster }).cluster
    assert.equal("payments", found.tags.team)
    assert.unchanged(sandbox:plan("payments.lua", { stage = "prod" }))
  end)

  it("is not for teams and sizes that nobody knows", function()
    local acme = require "acme"
    assert.error_matches(function() acme.cluster { team = "sales", stage = "test" } end,
      "team 'sales' is none of payments, search, web")
  end)
end)
