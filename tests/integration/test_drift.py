"""Changes behind eksrun's back, one at a time: each shows as exactly that field, in drift and in plan, and apply
repairs it. docs/reference/drift.md lists them."""

import json

import pytest

RECIPE = """
local eksrun = require "eksrun"
local ec2, iam, eks = require "eksrun.ec2", require "eksrun.iam", require "eksrun.eks"
local logs, ssm, kms, autoscaling = require "eksrun.logs", require "eksrun.ssm", require "eksrun.kms",
  require "eksrun.autoscaling"

local function trust(service)
  return { Version = "2012-10-17", Statement = { {
    Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = service } } } }
end

local vpc = ec2.vpc { CidrBlock = "10.0.0.0/16", EnableDnsHostnames = true, tags = { team = "core" } }
local gateway = ec2.internet_gateway { VpcId = vpc.VpcId }
local subnets = {}
for i, zone in ipairs { "us-east-1a", "us-east-1b" } do
  subnets[i] = ec2.subnet { "s" .. i, VpcId = vpc.VpcId, AvailabilityZone = zone, MapPublicIpOnLaunch = true,
    CidrBlock = ("10.0.%d.0/24"):format(i) }
end
local ids = { subnets[1].SubnetId, subnets[2].SubnetId }
local routes = ec2.route_table { "routes", VpcId = vpc.VpcId }
ec2.route { "out", RouteTableId = routes.RouteTableId, DestinationCidrBlock = "0.0.0.0/0",
  GatewayId = gateway.InternetGatewayId }
ec2.route_table_association { "link", RouteTableId = routes.RouteTableId, SubnetId = ids[1] }
local group = ec2.security_group { "group", VpcId = vpc.VpcId, AllowAllEgress = true }
ec2.security_group_rule { "https", GroupId = group.GroupId, Direction = "ingress", IpProtocol = "tcp",
  FromPort = 443, ToPort = 443, CidrIpv4 = "10.0.0.0/8", Description = "inside" }

local role = iam.role { "role", RoleName = "the-role", AssumeRolePolicyDocument = trust "eks.amazonaws.com",
  Description = "for the cluster", PolicyArns = { "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy" } }
local nodes = iam.role { "node-role", AssumeRolePolicyDocument = trust "ec2.amazonaws.com" }
iam.policy { "policy", PolicyDocument = { Version = "2012-10-17", Statement = { {
  Effect = "Allow", Action = { "s3:GetObject" }, Resource = "*" } } } }
iam.instance_profile { "profile", RoleName = nodes.RoleName }
logs.log_group { "logs", logGroupName = "/the/logs", retentionInDays = 30, tags = { team = "core" } }
ssm.parameter { "parameter", Name = "/the/parameter", Value = "right" }
kms.key { "key", EnableKeyRotation = true, PendingWindowInDays = 7 }

local cluster = eks.cluster { name = "c", roleArn = role.Arn, version = "1.33", logging = { "api", "audit" },
  resourcesVpcConfig = { subnetIds = ids, endpointPublicAccess = true, endpointPrivateAccess = true },
  tags = { team = "core" } }
eks.nodegroup { "nodes", clusterName = cluster.name, nodegroupName = "general", nodeRole = nodes.Arn,
  subnets = ids, scalingConfig = { minSize = 1, maxSize = 3, desiredSize = 2 },
  labels = { role = "web" } }

local template = ec2.launch_template { "template", LaunchTemplateData = {
  ImageId = "ami-12345678", InstanceType = "m7g.large" } }
autoscaling.group { "asg", MinSize = 0, MaxSize = 2, DesiredCapacity = 0, VPCZoneIdentifier = ids,
  LaunchTemplate = { LaunchTemplateId = template.LaunchTemplateId, Version = "$Latest" } }
"""

CHANGES = []


def changed(address, *paths, kind="changed"):
    """Marks a function of (reader, ids by address) that changes one thing: what of it is to be seen."""
    def mark(function):
        CHANGES.append((function, address, kind, list(paths)))
        return function
    return mark


@changed("vpc", "EnableDnsHostnames")
def attribute_of_a_network(aws, ids):
    aws.ec2.modify_vpc_attribute(VpcId=ids["vpc"], EnableDnsHostnames={"Value": False})


@changed("vpc", "tags.team")
def tag_with_another_value(aws, ids):
    aws.ec2.create_tags(Resources=[ids["vpc"]], Tags=[{"Key": "team", "Value": "theirs"}])


@changed("vpc", "tags.team")
def tag_taken_away(aws, ids):
    aws.ec2.delete_tags(Resources=[ids["vpc"]], Tags=[{"Key": "team"}])


@changed("internet_gateway", "VpcId")
def gateway_detached(aws, ids):
    aws.ec2.detach_internet_gateway(InternetGatewayId=ids["internet_gateway"], VpcId=ids["vpc"])


@changed("s1", "MapPublicIpOnLaunch")
def public_addresses_off(aws, ids):
    aws.ec2.modify_subnet_attribute(SubnetId=ids["s1"], MapPublicIpOnLaunch={"Value": False})


@changed("out", kind="missing")
def route_deleted(aws, ids):
    aws.ec2.delete_route(RouteTableId=ids["routes"], DestinationCidrBlock="0.0.0.0/0")


@changed("{routes}/192.0.2.0/24", kind="extra")
def route_added(aws, ids):
    aws.ec2.create_route(RouteTableId=ids["routes"], DestinationCidrBlock="192.0.2.0/24",
                         GatewayId=ids["internet_gateway"])


@changed("link", kind="missing")
def association_lost(aws, ids):
    table = aws.ec2.describe_route_tables(RouteTableIds=[ids["routes"]])["RouteTables"][0]
    aws.ec2.disassociate_route_table(AssociationId=next(
        a["RouteTableAssociationId"] for a in table["Associations"] if not a.get("Main")))


@changed("https", kind="missing")
def rule_revoked(aws, ids):
    aws.ec2.revoke_security_group_ingress(GroupId=ids["group"], IpPermissions=[{
        "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}])


@changed("{group}/ingress/tcp/22/22/0.0.0.0/0", kind="extra")
def rule_added(aws, ids):
    aws.ec2.authorize_security_group_ingress(GroupId=ids["group"], IpPermissions=[{
        "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])


@changed("group", "AllowAllEgress")
def egress_closed(aws, ids):
    aws.ec2.revoke_security_group_egress(GroupId=ids["group"], IpPermissions=[{
        "IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])


@changed("role", "PolicyArns")
def policies_of_a_role(aws, ids):
    arn = "arn:aws:iam::aws:policy/"
    aws.iam.detach_role_policy(RoleName="the-role", PolicyArn=arn + "AmazonEKSClusterPolicy")
    aws.iam.attach_role_policy(RoleName="the-role", PolicyArn=arn + "AdministratorAccess")


@changed("role", "AssumeRolePolicyDocument")
def trust_widened(aws, ids):
    aws.iam.update_assume_role_policy(RoleName="the-role", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
            "Service": ["eks.amazonaws.com", "lambda.amazonaws.com"]}}]}))


@changed("role", "Description")
def description_of_a_role(aws, ids):
    aws.iam.update_role(RoleName="the-role", Description="somebody's")


@changed("policy", "PolicyDocument")
def version_of_a_policy(aws, ids):
    arn = next(p["Arn"] for p in aws.iam.list_policies(Scope="Local")["Policies"])
    aws.iam.create_policy_version(PolicyArn=arn, SetAsDefault=True, PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}))


@changed("profile", "RoleName")
def role_of_an_instance_profile(aws, ids):
    aws.iam.remove_role_from_instance_profile(InstanceProfileName=ids["profile"], RoleName=ids["node-role"])
    aws.iam.add_role_to_instance_profile(InstanceProfileName=ids["profile"], RoleName="the-role")


@changed("logs", "retentionInDays")
def retention_of_logs(aws, ids):
    aws.client("logs").put_retention_policy(logGroupName="/the/logs", retentionInDays=7)


@changed("logs", "tags.team")
def tags_of_logs(aws, ids):
    aws.client("logs").untag_log_group(logGroupName="/the/logs", tags=["team"])


@changed("logs", kind="missing")
def logs_deleted(aws, ids):
    aws.client("logs").delete_log_group(logGroupName="/the/logs")


@changed("parameter", "Value")
def value_of_a_parameter(aws, ids):
    aws.client("ssm").put_parameter(Name="/the/parameter", Value="wrong", Type="String", Overwrite=True)


@changed("key", "EnableKeyRotation")
def rotation_of_a_key(aws, ids):
    aws.client("kms").disable_key_rotation(KeyId=ids["key"])


@changed("cluster", "logging")
def logging_of_a_cluster(aws, ids):
    aws.eks.update_cluster_config(name="c", logging={"clusterLogging": [
        {"types": ["api", "scheduler"], "enabled": True}]})


@changed("cluster", "tags.team")
def tags_of_a_cluster(aws, ids):
    arn = aws.clusters()["c"]["arn"]
    aws.eks.untag_resource(resourceArn=arn, tagKeys=["team"])


@changed("nodes", "scalingConfig.maxSize")
def scaling_of_nodes(aws, ids):
    aws.eks.update_nodegroup_config(clusterName="c", nodegroupName="general",
                                    scalingConfig={"minSize": 1, "maxSize": 9, "desiredSize": 2})


@changed("nodes", "labels.role")
def labels_of_nodes(aws, ids):
    aws.eks.update_nodegroup_config(clusterName="c", nodegroupName="general",
                                    labels={"addOrUpdateLabels": {"role": "db"}})


@changed("nodes", kind="missing")
def nodes_deleted(aws, ids):
    aws.eks.delete_nodegroup(clusterName="c", nodegroupName="general")


@changed("template", "LaunchTemplateData.InstanceType")
def version_of_a_template(aws, ids):
    aws.ec2.create_launch_template_version(LaunchTemplateId=ids["template"], LaunchTemplateData={
        "ImageId": "ami-12345678", "InstanceType": "t3.nano"})


@changed("asg", "MaxSize")
def size_of_a_group(aws, ids):
    aws.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName=ids["asg"], MaxSize=5)


@pytest.fixture(scope="module")
def shared(moto, tmp_path_factory):
    """One stack for all: each change is repaired before the next."""
    from conftest import Shell

    moto.reset()
    folder = tmp_path_factory.mktemp("drift")
    shell, recipe = Shell(folder, moto.url), folder / "drift.lua"
    shell.env["EKSRUN_SETTLE_SECONDS"] = "0"
    recipe.write_text(RECIPE)
    result = shell(recipe, "--yes")
    assert result.status == 0, result
    return shell, recipe


def seen(shell, command, recipe, event):
    result = shell(command, recipe, "--json")
    assert result.status in (0, 2), result
    return [line for line in map(json.loads, result.stdout.splitlines()) if line["event"] == event]


def test_there_are_enough():
    assert len(CHANGES) >= 25


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change[0].__name__)
def test_shows_as_itself_and_is_repaired(shared, reader, change):
    function, address, kind, paths = change
    shell, recipe = shared
    status = shell("status", recipe, "--json")
    ids = {line["address"]: line["id"] for line in map(json.loads, status.stdout.splitlines()) if "address" in line}
    function(reader, ids)
    address = address.format(**ids)
    drift = [(line["address"], line["kind"], [field["path"] for field in line["fields"]])
             for line in seen(shell, "drift", recipe, "drift")]
    plan = [(line["address"], line["op"], [field["path"] for field in line["changes"]])
            for line in seen(shell, "plan", recipe, "change")]
    result = shell(recipe, "--yes")
    after = shell("drift", recipe)
    assert drift == [(address, kind, paths)]
    assert plan == [(address, {"changed": "update", "missing": "create", "extra": "delete"}[kind], paths)]
    assert result.status == 0, result
    assert after.status == 0, after


def test_secrets_are_not_told(shared, reader):
    shell, recipe = shared
    reader.client("ssm").put_parameter(Name="/the/parameter", Value="wrong", Type="String", Overwrite=True)
    for command in ("drift", "plan"):
        for flags in ((), ("--json",)):
            result = shell(command, recipe, *flags)
            assert "wrong" not in result.stdout + result.stderr and '"right"' not in result.stdout
            assert "sensitive" in result.stdout
    shell(recipe, "--yes")
