"""Saved plans, targets and replacements, the tags of a recipe, protection: against moto_server."""

import json

import pytest

RECIPE = """
local eksrun = require "eksrun"
local ec2 = require "eksrun.ec2"
local ssm = require "eksrun.ssm"
local p = eksrun.params {
  name = { "net", "name" },
  team = { "core", "a tag" },
  password = { "none", "a secret", sensitive = true },
  second = { false, "a second subnet" },
  cidr = { "10.0.1.0/24", "of the subnet" },
}
local vpc = ec2.vpc { CidrBlock = "10.0.0.0/16", tags = p.team ~= "" and { team = p.team } or nil }
local a = ec2.subnet { "a", VpcId = vpc.VpcId, CidrBlock = p.cidr }
if p.second then ec2.subnet { "b", VpcId = vpc.VpcId, CidrBlock = "10.0.2.0/24" } end
ssm.parameter { "secret", Name = "/app/secret", Type = "SecureString", Value = p.password }
return { vpc = vpc.VpcId, subnet = a.SubnetId }
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "net.lua"
    path.write_text(RECIPE)
    return path


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def changes(eksrun, recipe, *params):
    result = eksrun("plan", recipe, *params, "--json")
    assert result.status in (0, 2), result
    return {line["address"]: (line["op"], [change["path"] for change in line["changes"]])
            for line in lines(result) if line.get("event") == "change"}


def done(result, status=0):
    assert result.status == status, result
    return result


def test_a_saved_plan_is_applied_without_a_question(cloud, eksrun, recipe, tmp_path):
    plan = tmp_path / "net.plan"
    done(eksrun("plan", recipe, "password=hunter2", "--out", plan), 2)
    assert "hunter2" not in plan.read_text()
    assert plan.stat().st_mode & 0o777 == 0o600
    missing = done(eksrun("apply", plan), 2)
    assert "password is sensitive and not in the plan" in missing.stderr
    assert cloud.mutating() == []
    done(eksrun("apply", plan, "password=hunter2"))
    assert changes(eksrun, recipe, "password=hunter2") == {}


@pytest.mark.parametrize("how", ["applied", "recipe", "aws", "params"])
def test_a_saved_plan_is_refused_when_its_base_has_changed(cloud, eksrun, recipe, reader, tmp_path, how):
    plan = tmp_path / "net.plan"
    done(eksrun(recipe, "--yes"))
    done(eksrun("plan", recipe, "team=other", "--out", plan), 2)
    vpc = next(name.split()[1] for name, tags in reader.everything().items() if "team" in tags)
    if how == "applied":
        done(eksrun("apply", plan, "password=none"), 2)  # nothing secret was given: nothing may be now
        done(eksrun("apply", plan))
    elif how == "recipe":
        recipe.write_text(RECIPE + "-- changed\n")
    elif how == "aws":
        reader.ec2.create_tags(Resources=[vpc], Tags=[{"Key": "team", "Value": "theirs"}])
    else:
        done(eksrun("apply", plan, "team=third"), 2)
        return
    cloud.forget()
    result = done(eksrun("apply", plan), 1)
    assert "is out of date" in result.stderr
    assert "eksrun plan" in result.stderr
    assert cloud.mutating() == []


def test_an_address_can_be_chosen(eksrun, recipe, reader):
    done(eksrun(recipe, "second=true", "--target", "a", "--yes"))
    owned = {tags["eksrun:resource"] for tags in reader.everything().values() if "eksrun:resource" in tags}
    assert owned == {"vpc", "a"}
    assert {address: op for address, (op, _) in changes(eksrun, recipe, "second=true").items()} == {
        "b": "create", "secret": "create"}
    result = done(eksrun("plan", recipe, "--target", "aa"), 1)
    assert "no resource has the address 'aa'" in result.stderr


def test_a_part_keeps_the_rest_in_mind(eksrun, recipe, reader):
    """What is no longer declared is still found after a run that left it alone."""
    done(eksrun(recipe, "second=true", "--yes"))
    done(eksrun(recipe, "team=x", "--target", "vpc", "--yes"))
    assert changes(eksrun, recipe, "team=x") == {"b": ("delete", [])}


def test_replace_on_request(eksrun, recipe, reader):
    before = done(eksrun(recipe, "--yes", "--json"))
    done(eksrun(recipe, "--replace", "a", "--yes"))
    after = done(eksrun(recipe, "--yes", "--json"))
    old, new = lines(before)[-1]["outputs"], lines(after)[-1]["outputs"]
    assert old["vpc"] == new["vpc"] and old["subnet"] != new["subnet"]


def test_dropped_tags_go_and_foreign_ones_stay(eksrun, recipe, reader):
    vpc = lines(done(eksrun(recipe, "--yes", "--json")))[-1]["outputs"]["vpc"]
    reader.ec2.create_tags(Resources=[vpc], Tags=[{"Key": "theirs", "Value": "1"}])
    assert changes(eksrun, recipe, "team=") == {"vpc": ("update", ["tags.team"])}
    done(eksrun(recipe, "team=", "--yes"))
    tags = reader.everything()[f"vpc {vpc}"]
    assert tags == {"eksrun:stack": "net/net", "eksrun:resource": "vpc", "theirs": "1"}
    assert changes(eksrun, recipe, "team=") == {}


def test_what_the_recipe_protects_is_protected_without_it(eksrun, recipe, reader):
    recipe.write_text(RECIPE.replace('ec2.subnet { "a",', 'ec2.subnet { "a", protect = true,'))
    done(eksrun(recipe, "--yes"))
    for command in (("destroy", "--stack", "net/net"), ("destroy", recipe)):
        result = done(eksrun(*command, "--yes"), 1)
        assert "a is protected" in result.stderr and "--allow-destroy a" in result.stderr
    assert "a is protected" in done(eksrun(recipe, "--replace", "a", "--yes"), 1).stderr
    done(eksrun("destroy", "--stack", "net/net", "--allow-destroy", "a", "--yes"))
    assert not [tags for tags in reader.everything().values() if "eksrun:stack" in tags]


CLUSTER = """
local eksrun = require "eksrun"
local ec2, eks, iam = require "eksrun.ec2", require "eksrun.eks", require "eksrun.iam"
local p = eksrun.params { third = { "10.0.12.0/24", "a range" }, network = { "10.0.0.0/16", "a range" } }
local vpc = ec2.vpc { CidrBlock = p.network }
local subnets = {}
for i, range in ipairs { "10.0.11.0/24", p.third } do
  subnets[i] = ec2.subnet { "s" .. i, VpcId = vpc.VpcId, CidrBlock = range,
    AvailabilityZone = "us-east-1" .. ("ab"):sub(i, i) }
end
local role = iam.role { AssumeRolePolicyDocument = { Statement = { {
  Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "eks.amazonaws.com" } } } } }
eks.cluster { name = "c", roleArn = role.Arn, version = "1.33",
  resourcesVpcConfig = { subnetIds = { subnets[1].SubnetId, subnets[2].SubnetId } } }
"""


def test_a_cluster_stays_in_its_network_and_moves_between_subnets(cloud, eksrun, reader, tmp_path):
    recipe = tmp_path / "cluster.lua"
    recipe.write_text(CLUSTER)
    done(eksrun(recipe, "--yes"))
    cloud.forget()
    result = done(eksrun(recipe, "network=10.0.0.0/17", "--yes"), 1)
    assert "cluster.lua:13: cluster: subnet s1 is in another network (not made yet) than the cluster (" in result.stderr
    assert "--replace cluster --allow-destroy cluster" in result.stderr
    overlap = done(eksrun(recipe, "third=10.0.12.0/25", "--yes"), 1)
    assert "does not overlap 10.0.12.0/24" in overlap.stderr
    assert cloud.mutating() == []
    done(eksrun(recipe, "third=10.0.13.0/24", "--yes"))
    order = [call.operation for call in cloud.mutating()]
    assert order.index("CreateSubnet") < order.index("UpdateClusterConfig") < order.index("DeleteSubnet"), order
    assert done(eksrun("plan", recipe, "third=10.0.13.0/24")).status == 0
