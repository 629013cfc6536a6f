"""How many calls a plan of a cluster with some 60 resources takes, on the wire. In how many rounds, one behind
another, tests/spec/sandbox/plan_calls_spec.lua counts on simulated time."""

RECIPE = """
local eksrun  = require "eksrun"
local ec2     = require "eksrun.ec2"
local vpc     = require "eksrun.vpc"
local cluster = require "eksrun.cluster"
local net = vpc.network { name = "big", cidr = "10.0.0.0/16", zones = 3, nat = "per-zone" }
local eks = cluster.create { name = "big", version = "1.33", network = net, logs = { "api" } }
eks:managed_nodes { name = "general", instance_types = { "m7g.large" }, min = 1, desired = 1, max = 3 }
for i = 1, 14 do
  eksrun.scope("app-" .. i, function()
    local group = ec2.security_group { "group", VpcId = net.vpc.VpcId }
    ec2.security_group_rule { "in", GroupId = group.GroupId, Direction = "ingress", IpProtocol = "tcp",
      FromPort = 8000 + i, ToPort = 8000 + i, CidrIpv4 = "10.0.0.0/16" }
  end)
end
"""


def test_a_plan_without_changes_is_a_few_calls(cloud, eksrun, tmp_path):
    recipe = tmp_path / "big.lua"
    recipe.write_text(RECIPE)
    result = eksrun(recipe, "--yes")
    assert result.status == 0, result
    cloud.forget()
    result = eksrun("plan", recipe)
    assert result.status == 0, result
    resources = int(result.stdout.split("no changes, ")[1].split()[0])
    assert resources >= 60
    shown = "\n".join(map(str, cloud.calls))
    assert len(cloud.calls) <= 20, shown
    print(resources, "resources,", len(cloud.calls), "calls")
