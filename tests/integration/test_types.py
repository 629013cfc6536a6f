"""The resource types that managed-cluster does not use, against moto_server, read by boto3."""

import base64
import json

import pytest

RECIPE = "tests/integration/recipes/types.lua"
STACK = "types"


def run(eksrun, *words):
    result = eksrun(*words)
    assert result.status == 0, result
    return result


def changes(eksrun, *params):
    """{address: (op, {path: (from, to)})} of what a plan would do."""
    result = eksrun("plan", RECIPE, *params, "--json")
    assert result.status in (0, 2), result
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {line["address"]: (line["op"], {c["path"]: (c.get("from"), c.get("to")) for c in line["changes"]})
            for line in lines if "op" in line}


@pytest.fixture
def made(eksrun, cloud):
    run(eksrun, RECIPE, "--yes")
    return cloud


def mine(tags):
    return {t["Key"]: t["Value"] for t in tags}.get("eksrun:stack") == STACK


def group_of(reader):
    return next(g for g in reader.ec2.describe_security_groups()["SecurityGroups"] if mine(g.get("Tags", [])))


def test_makes_what_is_declared(made, reader, eksrun):
    group = group_of(reader)
    assert sorted(p["IpProtocol"] for p in group["IpPermissions"]) == ["-1", "tcp"]
    assert [(p["IpProtocol"], p["FromPort"]) for p in group["IpPermissionsEgress"]] == [("udp", 53)]

    template = next(t for t in reader.ec2.describe_launch_templates()["LaunchTemplates"] if mine(t["Tags"]))
    version = reader.ec2.describe_launch_template_versions(
        LaunchTemplateId=template["LaunchTemplateId"])["LaunchTemplateVersions"][0]
    assert base64.b64decode(version["LaunchTemplateData"]["UserData"]) == b"#!/bin/sh\n"

    asg = reader.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    passed_on = {t["Key"]: t["PropagateAtLaunch"] for t in asg["Tags"]}
    assert passed_on.pop("kubernetes.io/cluster/x") is True
    assert {"eksrun:stack", "eksrun:resource"} <= set(passed_on) and not any(passed_on.values())

    profile = reader.iam.get_instance_profile(InstanceProfileName="types-profile-us-east-1")["InstanceProfile"]
    assert [r["RoleName"] for r in profile["Roles"]] == ["types-role-us-east-1"]
    provider = reader.iam.list_open_id_connect_providers()["OpenIDConnectProviderList"][0]["Arn"]
    assert provider.endswith("oidc-provider/oidc.example.com/id/ABC")

    kms = reader.client("kms")
    key = next(a for a in kms.list_aliases()["Aliases"] if a["AliasName"] == "alias/types-alias")["TargetKeyId"]
    assert kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"] is True
    logs = reader.client("logs").describe_log_groups(logGroupNamePrefix="/types-logs")["logGroups"]
    assert logs[0]["retentionInDays"] == 7
    vpc = next(v for v in reader.ec2.describe_vpcs()["Vpcs"] if mine(v.get("Tags", [])))["VpcId"]
    assert reader.client("ssm").get_parameter(Name="/types-parameter")["Parameter"]["Value"] == vpc
    assert changes(eksrun) == {}


def test_update_of_a_template_reaches_the_group_in_the_same_run(made, reader, eksrun):
    planned = changes(eksrun, "instance=m5.xlarge")
    assert planned["template"] == (
        "update", {"LaunchTemplateData.InstanceType": ("m5.large", "m5.xlarge")})
    assert planned["nodes"][0] == "update"
    assert planned["nodes"][1]["LaunchTemplate.Version"][1] == {"unknown": True}
    assert len(planned) == 2
    run(eksrun, RECIPE, "instance=m5.xlarge", "--yes")
    asg = reader.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert asg["LaunchTemplate"]["Version"] == "2"
    assert changes(eksrun, "instance=m5.xlarge") == {}


def test_finds_and_repairs_what_others_changed(made, reader, eksrun):
    group = group_of(reader)["GroupId"]
    reader.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[
        {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    reader.ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[
        {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
    reader.client("logs").put_retention_policy(logGroupName="/types-logs", retentionInDays=30)
    kms = reader.client("kms")
    key = next(a for a in kms.list_aliases()["Aliases"] if a["AliasName"] == "alias/types-alias")["TargetKeyId"]
    kms.disable_key_rotation(KeyId=key)
    reader.iam.remove_role_from_instance_profile(
        InstanceProfileName="types-profile-us-east-1", RoleName="types-role-us-east-1")
    arn = next(p for p in reader.iam.list_policies(Scope="Local")["Policies"])["Arn"]
    reader.iam.create_policy_version(PolicyArn=arn, SetAsDefault=True, PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}))
    endpoint = next(e for e in reader.ec2.describe_vpc_endpoints()["VpcEndpoints"]
                    if e["ServiceName"].endswith(".s3"))
    reader.ec2.modify_vpc_endpoint(VpcEndpointId=endpoint["VpcEndpointId"],
                                   RemoveRouteTableIds=endpoint["RouteTableIds"])
    reader.client("ssm").put_parameter(Name="/types-parameter", Value="else", Overwrite=True)
    reader.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="types-nodes", MaxSize=5)

    planned = changes(eksrun)
    assert planned.pop(f"{group}/ingress/tcp/22/22/0.0.0.0/0")[0] == "delete"
    assert planned.pop("dns")[0] == "create"
    assert {address: (op, sorted(fields)) for address, (op, fields) in planned.items()} == {
        "logs": ("update", ["retentionInDays"]),
        "key": ("update", ["EnableKeyRotation"]),
        "profile": ("update", ["RoleName"]),
        "policy": ("update", ["PolicyDocument"]),
        "s3": ("update", ["RouteTableIds"]),
        "parameter": ("update", ["Value"]),
        "nodes": ("update", ["MaxSize"]),
    }
    run(eksrun, RECIPE, "--yes")
    assert changes(eksrun) == {}


def test_deletes_rules_that_are_no_longer_declared(made, reader, eksrun):
    run(eksrun, RECIPE, "bare=true", "--yes")
    assert group_of(reader)["IpPermissions"] == []
    assert changes(eksrun, "bare=true") == {}


def test_destroy_leaves_nothing(made, reader, eksrun):
    before = {name for name in reader.everything() if not name.startswith("network-interface ")}
    result = eksrun("destroy", "--stack", STACK, "--yes", "--allow-destroy", "key")
    assert result.status == 0, result
    after = {name for name, tags in reader.everything().items() if tags.get("eksrun:stack") == STACK}
    assert before and after == set()
    assert reader.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert reader.client("logs").describe_log_groups()["logGroups"] == []
    keys = reader.client("kms")
    states = {keys.describe_key(KeyId=k["KeyId"])["KeyMetadata"]["KeyState"] for k in keys.list_keys()["Keys"]}
    assert states <= {"PendingDeletion", "Enabled"} and "PendingDeletion" in states
