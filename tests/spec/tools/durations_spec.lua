-- The model of eksctl's order that docs/durations.md compares with.
local eksctl = require "tests.bench.durations.eksctl"

-- What AWS takes: a role's stack 60 s, an add-on 30 s, an update 240 s.
local function aws(of)
  return {
    of = function(name) return of[name] or {} end, addon = function() return 30 end,
    role_stack = function() return 60 end, update = function() return 240 end,
  }
end

local function replay(shape, of)
  local seconds, steps = eksctl.replay(shape, aws(of))
  local names = {}
  for i, step in ipairs(steps) do names[i] = step[1]:match "^%w+" .. "=" .. step[2] end
  return seconds, table.concat(names, " ")
end

describe("eksctl's order", function()
  it("makes the groups at once behind the control plane, each behind its role", function()
    local seconds, steps = replay({}, {
      ["eks.cluster.create"] = { 600 }, ["ec2.nat_gateway.create"] = { 110 },
      ["eks.nodegroup.create"] = { 100, 130 },
    })
    assert.equal("1=660 3a=0.0 3b=120 3i=190", steps)
    assert.equal(970, seconds)
  end)

  it("makes Fargate profiles and late add-ons one by one, and the API private at the end", function()
    local seconds, steps = replay({
      irsa = 3, pod_identities = 2, late_addons = { "a", "b" }, late_roles = 1, private = true,
    }, {
      ["eks.cluster.create"] = { 600 }, ["eks.fargate_profile.create"] = { 20, 40 },
      ["eks.addon.create"] = { 30, 30 },
    })
    assert.equal("1=660 3a=1.0 3b=120 3c=60.5 3e=180 3i=0 7=120 8=61.0 13=240", steps)
    assert.equal(1442.5, seconds)
  end)
end)
