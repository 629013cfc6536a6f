"""drift, status, stacks, adopt and move against moto_server."""

import json
import re

import pytest

RECIPE = """
local eksrun = require "eksrun"
local ec2, iam = require "eksrun.ec2", require "eksrun.iam"
local p = eksrun.params { name = { "net", "name" }, cidr = { "10.0.1.0/24", "a range" } }
local vpc = ec2.vpc { CidrBlock = "10.0.0.0/16", EnableDnsHostnames = true, tags = { team = "core" } }
eksrun.scope("zone", function()
  ec2.subnet { "a", VpcId = vpc.VpcId, CidrBlock = p.cidr, MapPublicIpOnLaunch = true }
  ec2.security_group { "group", VpcId = vpc.VpcId }
end)
iam.role { "role", RoleName = "the-role", AssumeRolePolicyDocument = { Statement = { {
  Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } } } } }
return { vpc = vpc.VpcId }
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "net.lua"
    path.write_text(RECIPE)
    return path


def lines(result, event=None):
    found = [json.loads(line) for line in result.stdout.splitlines()]
    return [line for line in found if event in (None, line.get("event"))]


def done(result, status=0):
    assert result.status == status, result
    return result


def owned(reader):
    return {tags["eksrun:resource"]: name.split()[1] for name, tags in reader.everything().items()
            if tags.get("eksrun:stack") == "net/net"}


def test_drift_says_what_is_not_as_declared(eksrun, recipe, reader, cloud):
    done(eksrun(recipe, "--yes"))
    assert "0 not as declared, 4 as declared" in done(eksrun("drift", recipe)).stdout
    found = owned(reader)
    reader.ec2.modify_subnet_attribute(SubnetId=found["zone/a"], MapPublicIpOnLaunch={"Value": False})
    reader.ec2.delete_security_group(GroupId=found["zone/group"])
    reader.ec2.create_subnet(VpcId=found["vpc"], CidrBlock="10.0.9.0/24", TagSpecifications=[{
        "ResourceType": "subnet", "Tags": [{"Key": "eksrun:stack", "Value": "net/net"},
                                           {"Key": "eksrun:resource", "Value": "old"}]}])
    cloud.forget()
    result = done(eksrun("drift", recipe, "--json"), 2)
    seen = {line["address"]: (line["kind"], line["fields"]) for line in lines(result, "drift")}
    assert seen == {
        "zone/a": ("changed", [{"path": "MapPublicIpOnLaunch", "recipe": True, "aws": False}]),
        "zone/group": ("missing", []), "old": ("extra", [])}
    text = done(eksrun("drift", recipe), 2).stdout
    assert "MapPublicIpOnLaunch: the recipe says true, AWS has false" in text
    assert "zone/group (ec2.security_group): not in AWS" in text
    assert cloud.mutating() == []


def test_status_and_stacks(eksrun, recipe, reader, tmp_path):
    assert "no stacks" in done(eksrun("stacks")).stdout
    done(eksrun(recipe, "--yes"))
    other = tmp_path / "other" / "net.lua"
    other.parent.mkdir()
    other.write_text(RECIPE.replace("the-role", "other-role"))
    done(eksrun(other, "name=two", "--target", "vpc", "--yes"))
    status = done(eksrun("status", "--stack", "net/net", "--json"))
    assert {line["address"]: line["id"] for line in lines(status, "resource")} == owned(reader)
    last = lines(status, "status")[0]
    assert (last["resources"], last["lock"], last["last"]["complete"]) == (4, "free", True)
    assert last["last"]["command"].startswith("apply ")
    text = done(eksrun("status", recipe)).stdout
    assert "lock: free; last run: apply" in text and "zone/a" in text
    listed = {line["stack"]: (line["resources"], line["state"]) for line in
              lines(done(eksrun("stacks", "--json")), "stack")}
    assert listed.keys() == {"net/net", "net/two"}
    assert all(state == "complete" and count >= 1 for count, state in listed.values()), listed
    assert "net/two" in done(eksrun("stacks")).stdout
    done(eksrun("destroy", "--stack", "net/two", "--yes"))
    assert [line["stack"] for line in lines(done(eksrun("stacks", "--json")), "stack")] == ["net/net"]
    everything = lines(done(eksrun("stacks", "--json", "--all")), "stack")
    assert [(line["stack"], line["state"]) for line in everything] == [
        ("net/net", "complete"), ("net/two", "destroyed")]
    # AWS goes on listing some things that are gone: the state says what became of the stack.
    reader.ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=[{
        "ResourceType": "vpc", "Tags": [{"Key": "eksrun:stack", "Value": "net/two"}]}])
    assert re.search(r"net/two +1 +destroyed +20", done(eksrun("stacks")).stdout)


def test_adopt_takes_what_exists(eksrun, recipe, reader, cloud):
    ec2 = reader.ec2
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(VpcId=vpc, GroupName="theirs", Description="d")["GroupId"]
    reader.iam.create_role(RoleName="the-role", AssumeRolePolicyDocument=json.dumps({"Statement": [{
        "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}}]}))
    refused = done(eksrun("plan", recipe), 1)
    assert "the-role exists already" in refused.stderr
    things = [f"vpc={vpc}", f"zone/a={subnet}", f"zone/group={group}", "role=the-role"]
    wrong = [
        ([f"vpc={subnet}"], 1, "AWS has no ec2.vpc"), ([f"vqc={vpc}"], 2, "did you mean 'vpc'"),
        (["vpc=vpc-0123456789abcdef0"], 1, "AWS has no ec2.vpc vpc-0123456789abcdef0"),
        (["role=other"], 1, "by that name it has the-role"), ([], 2, "missing"),
        ([*things, "cidr=10.0.7.0/24"], 1, 'would be replaced: CidrBlock is "10.0.1.0/24"'),
        ([*things, things[0]], 2, "given twice"), (["vpc"], 2, "ADDRESS=ID expected"),
    ]
    cloud.forget()
    for words, status, message in wrong:
        assert message in done(eksrun("adopt", recipe, *words, "--yes"), status).stderr
    assert "--yes" in done(eksrun("adopt", recipe, *things), 2).stderr
    assert cloud.mutating() == []
    result = done(eksrun("adopt", recipe, *things, "--yes"))
    assert "adopted 4 into net/net" in result.stderr
    assert owned(reader) == {"vpc": vpc, "zone/a": subnet, "zone/group": group, "role": "the-role"}
    # What adopt left as it was is the plan's to change, in place.
    plan = lines(done(eksrun("plan", recipe, "--json"), 2), "change")
    assert {line["address"]: [line["op"], *(change["path"] for change in line["changes"])] for line in plan} == {
        "vpc": ["update", "EnableDnsHostnames"], "zone/a": ["update", "MapPublicIpOnLaunch"]}
    assert "has them already" in done(eksrun("adopt", recipe, *things)).stderr
    other = done(eksrun("adopt", recipe, "name=other", f"vpc={vpc}", "--yes"), 1)
    assert f"{vpc} belongs to the stack net/net, as vpc" in other.stderr
    done(eksrun(recipe, "--yes"))
    assert done(eksrun("plan", recipe)).status == 0


def test_move_renames_an_address(eksrun, recipe, reader, cloud):
    done(eksrun(recipe, "--yes"))
    before = owned(reader)
    early = done(eksrun("move", recipe, "zone", "first", "--yes"), 2)
    assert "zone/a is still declared" in early.stderr or "zone/group is still declared" in early.stderr
    recipe.write_text(RECIPE.replace('scope("zone"', 'scope("first"').replace('"role", RoleName', '"r2", RoleName'))
    ops = {line["op"] for line in lines(done(eksrun("plan", recipe, "--json"), 2), "change")}
    assert "delete" in ops and "create" in ops
    cloud.forget()
    assert "has nothing at zoo" in done(eksrun("move", recipe, "zoo", "first", "--yes"), 2).stderr
    assert "declares no resource 'frist/a'; did you mean 'first/a'?" in done(
        eksrun("move", recipe, "zone/a", "frist/a", "--yes"), 2).stderr
    assert "is declared as a" in done(eksrun("move", recipe, "zone/a", "first/group", "--yes"), 1).stderr
    assert cloud.mutating() == []
    assert "moved 2 in net/net" in done(eksrun("move", recipe, "zone", "first", "--yes")).stderr
    done(eksrun("move", recipe, "role", "r2", "--yes"))
    after = owned(reader)
    assert after == {name.replace("zone/", "first/").replace("role", "r2"): id for name, id in before.items()}
    assert done(eksrun("plan", recipe)).status == 0


def test_was_moves_without_a_command(eksrun, recipe, reader):
    done(eksrun(recipe, "--yes"))
    before = owned(reader)
    recipe.write_text(RECIPE.replace('ec2.subnet { "a",', 'ec2.subnet { "b", was = { "zone/a" },'))
    result = done(eksrun("plan", recipe, "--json"), 2)
    assert [(line["op"], line["address"], line["reason"]) for line in lines(result, "change")] == [
        ("update", "zone/b", "was zone/a")]
    done(eksrun(recipe, "--yes"))
    assert owned(reader)["zone/b"] == before["zone/a"]
    assert done(eksrun("plan", recipe)).status == 0


def test_check_says_what_is_wrong_with_a_recipe(eksrun, cloud, tmp_path):
    recipe = tmp_path / "r.lua"
    cases = [
        ("", None),
        ("if vpc.VpcId then end", "r.lua:4:8: 'vpc.VpcId' is vpc.VpcId, not known before apply"),
        ("local x = unknwon", "r.lua:4:11: 'unknwon' is not declared"),
        ("local x = pirnt", "r.lua:4:11: 'pirnt' is not declared; did you mean 'print'?"),
        ("function f() count = 1 end", "r.lua:4:14: 'count' is set as a global"),
        ("ec2.subnet { VpcID = vpc }", "r.lua:4:14: ec2.subnet subnet: unknown input 'VpcID'; did you mean 'VpcId'?"),
        ('aws.ec2:create_vpc { CidrBlock = "10.0.0.0/16" }',
         "r.lua:4:9: create_vpc changes something while the recipe is read"),
        ('aws.ec2:describe_vpcs {}', None),
        ('eksrun.step("s", {}, function() aws.ec2:create_vpc { CidrBlock = "10.0.0.0/16" } end)', None),
        ("if true the", "r.lua:4:9: 'then' expected"),
    ]
    for line, message in cases:
        recipe.write_text('local eksrun, ec2, aws = require "eksrun", require "eksrun.ec2", require "eksrun.aws"\n'
                          'local _ = eksrun, aws\nlocal vpc = ec2.vpc { CidrBlock = "10.0.0.0/16" }\n' + line + "\n")
        result = eksrun("check", recipe)
        assert result.status == (1 if message else 0), (line, result)
        assert message is None or message in result.stdout, (line, result)
    assert cloud.mutating() == []
    for shipped in ("recipes/managed-cluster.lua",):
        assert eksrun("check", shipped).status == 0
