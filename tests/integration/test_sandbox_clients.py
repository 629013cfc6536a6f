"""boto3 and the AWS CLI, unmodified, at `eksrun sandbox`: the life of a cluster, with boto3's waiters."""

import json
import os
import signal
import subprocess

import boto3
import pytest
from botocore.exceptions import ClientError

from conftest import ROOT
from support.sandbox import Sandbox

REGION = "eu-west-1"


def client(sandbox, service):
    return boto3.client(service, endpoint_url=sandbox.url, region_name=REGION,
                        aws_access_key_id="any", aws_secret_access_key="any")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox("--virtual") as running:
        yield running


def role(iam, name, service):
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]}
    return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]


def patiently(call, **params):
    """As on AWS, a new role cannot be assumed at once."""
    for _ in range(10):
        try:
            return call(**params)
        except ClientError as error:
            last = error
    raise last


def test_boto3_drives_the_life_of_a_cluster(sandbox):
    ec2, eks, iam = (client(sandbox, name) for name in ("ec2", "eks", "iam"))
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=REGION + zone)["Subnet"]["SubnetId"]
        for i, zone in enumerate("ab")
    ]
    made = patiently(eks.create_cluster, name="demo", roleArn=role(iam, "cluster", "eks.amazonaws.com"),
                     version="1.32", resourcesVpcConfig={"subnetIds": subnets},
                     accessConfig={"authenticationMode": "API"})
    assert made["cluster"]["status"] == "CREATING"
    eks.get_waiter("cluster_active").wait(name="demo")
    patiently(eks.create_nodegroup, clusterName="demo", nodegroupName="general", subnets=subnets,
              nodeRole=role(iam, "nodes", "ec2.amazonaws.com"),
              scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 2})
    eks.get_waiter("nodegroup_active").wait(clusterName="demo", nodegroupName="general")
    patiently(eks.create_fargate_profile, clusterName="demo", fargateProfileName="serverless", subnets=subnets,
              podExecutionRoleArn=role(iam, "pods", "eks-fargate-pods.amazonaws.com"),
              selectors=[{"namespace": "jobs"}])
    eks.get_waiter("fargate_profile_active").wait(clusterName="demo", fargateProfileName="serverless")
    for addon in ("vpc-cni", "coredns", "kube-proxy"):
        eks.create_addon(clusterName="demo", addonName=addon)
        eks.get_waiter("addon_active").wait(clusterName="demo", addonName=addon)
    assert eks.list_addons(clusterName="demo")["addons"] == ["coredns", "kube-proxy", "vpc-cni"]
    admin = role(iam, "admin", "ec2.amazonaws.com")
    patiently(eks.create_access_entry, clusterName="demo", principalArn=admin)
    pages = eks.get_paginator("list_access_entries").paginate(clusterName="demo", PaginationConfig={"PageSize": 1})
    assert admin in [arn for page in pages for arn in page["accessEntries"]]
    update = eks.update_cluster_version(name="demo", version="1.33")["update"]["id"]
    assert eks.describe_update(name="demo", updateId=update)["update"]["status"] == "Successful"
    assert eks.describe_cluster(name="demo")["cluster"]["version"] == "1.33"
    with pytest.raises(eks.exceptions.ResourceInUseException):
        eks.delete_cluster(name="demo")
    eks.delete_nodegroup(clusterName="demo", nodegroupName="general")
    eks.get_waiter("nodegroup_deleted").wait(clusterName="demo", nodegroupName="general")
    eks.delete_fargate_profile(clusterName="demo", fargateProfileName="serverless")
    eks.get_waiter("fargate_profile_deleted").wait(clusterName="demo", fargateProfileName="serverless")
    eks.delete_cluster(name="demo")
    eks.get_waiter("cluster_deleted").wait(name="demo")
    assert eks.list_clusters()["clusters"] == []
    for subnet in subnets:
        ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
    with pytest.raises(ClientError, match="InvalidVpcID.NotFound"):
        ec2.describe_vpcs(VpcIds=[vpc])


def test_the_aws_cli_is_served(sandbox, tmp_path):
    env = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ENDPOINT_URL": sandbox.url,
        "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": REGION,
    }

    def aws(*argv):
        return subprocess.run([ROOT / ".venv/bin/aws", *argv], env=env, capture_output=True, text=True, timeout=60)

    assert json.loads(aws("sts", "get-caller-identity").stdout)["Account"] == "111122223333"
    missing = aws("eks", "describe-cluster", "--name", "none")
    assert missing.returncode in (254, 255) and "(ResourceNotFoundException)" in missing.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_state_outlives_the_process(tmp_path, number):
    state = tmp_path / "aws.json"
    with Sandbox("--state", state) as first:
        vpc = client(first, "ec2").create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        assert first.stop(number) == 128 + number
    assert state.stat().st_mode & 0o777 == 0o600
    with Sandbox("--state", state) as second:
        assert client(second, "ec2").describe_vpcs()["Vpcs"][0]["VpcId"] == vpc


def test_tls_is_trusted_by_the_certificate_that_was_written(tmp_path):
    ca = tmp_path / "ca.pem"
    with Sandbox(f"--tls={ca}") as sandbox:
        assert sandbox.url.startswith("https://127.0.0.1:")
        sts = boto3.client("sts", endpoint_url=sandbox.url, region_name=REGION, verify=str(ca),
                           aws_access_key_id="any", aws_secret_access_key="any")
        assert sts.get_caller_identity()["Account"] == "111122223333"
