-- What a plan without changes asks AWS: how many calls, in how many rounds. A round is one behind another:
-- every answer comes a second late, so that the plan's seconds are its rounds.
local clock = require "eksrun.clock"
local file = require "eksrun.file"
local process = require "eksrun.process"
local trials = require "eksrun.trial"

local RECIPE = [[
local eksrun  = require "eksrun"
local ec2     = require "eksrun.ec2"
local vpc     = require "eksrun.vpc"
local cluster = require "eksrun.cluster"

local p = eksrun.params {
  groups = { 1, "node groups" }, addons = { 0, "add-ons" }, entries = { 0, "access entries" },
  apps = { 0, "security groups with a rule" },
}
local net = vpc.network { name = "calls", cidr = "10.0.0.0/16", zones = 3, nat = "single" }
local eks = cluster.create { name = "calls", version = "1.33", network = net, logs = { "api", "audit" } }
for i = 1, p.groups do
  eks:managed_nodes { name = "group-" .. i, instance_types = { "m7g.large" }, desired = 2 }
end
for i, name in ipairs { "vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent" } do
  if i <= p.addons then eks:addon(name) end
end
for i = 1, p.entries do
  eks:access {
    principal = "arn:aws:iam::111122223333:role/team-" .. i,
    policies = { "AmazonEKSViewPolicy" },
  }
end
for i = 1, p.apps do
  eksrun.scope("app-" .. i, function()
    local group = ec2.security_group { "group", VpcId = net.vpc.VpcId }
    ec2.security_group_rule {
      "in", GroupId = group.GroupId, Direction = "ingress", IpProtocol = "tcp",
      FromPort = 8000, ToPort = 8000,
      CidrIpv4 = "10.0.0.0/16",
    }
  end)
end
]]

local TRUST = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
  .. '"Principal":{"Service":"ec2.amazonaws.com"}}]}'

describe("a plan without changes", function()
  local folder, recipe

  setup(function()
    folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "")
    recipe = folder .. "/calls.lua"
    file.write_atomic(recipe, RECIPE)
  end)
  teardown(function() process.run { argv = { "rm", "-r", folder } } end)

  -- { calls, rounds, resources } of a plan of what was just made with these parameters.
  local function measure(words)
    local trial <close> = trials.new { seed = 1 }
    for i = 1, 3 do
      trial.aws.iam:create_role { RoleName = "team-" .. i, AssumeRolePolicyDocument = TRUST }
    end
    trial:apply(recipe, words)
    trial.aws.configure {} -- who we are is asked anew
    trial.sandbox:set_faults { slow = { rate = 1, seconds = 1 } }
    trial.calls = {}
    local began = clock.now()
    local plan = trial:plan(recipe, words)
    local rounds, calls = math.floor(clock.now() - began + 0.5), 0
    for _, count in pairs(trial.calls) do calls = calls + count end
    assert.equal(0, plan.counts.changes)
    return { calls, rounds, #plan.actions }
  end

  -- EKS describes one node group, one add-on, one access entry or the policies of one entry at a time, IAM
  -- one role or the policies of one; nothing that lists them tells enough to compare. All else is a call a
  -- kind, and two for the attributes of the VPC.
  for _, case in ipairs {
    { {}, { 17, 3, 28 } },
    { { "apps=16" }, { 19, 3, 60 } },
    { { "groups=2", "apps=16" }, { 20, 3, 61 } },
    { { "groups=2", "addons=4", "entries=3" }, { 28, 3, 39 } },
    { { "groups=5", "addons=4", "entries=3" }, { 31, 3, 42 } },
  } do
    local words = table.concat(case[1], " ")
    it(("takes %d calls in %d rounds for %d resources: %s"):format(case[2][1], case[2][2], case[2][3], words),
      function() assert.same(case[2], measure(case[1])) end)
  end
end)
