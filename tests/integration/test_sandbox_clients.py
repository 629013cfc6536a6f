"""boto3 and the AWS CLI, unmodified, at `eksrun sandbox`: the life of a cluster, with boto3's waiters."""

import base64
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
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    nodes = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
    for policy in nodes if service == "ec2.amazonaws.com" else ():
        iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
    return made


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


def network(ec2):
    """A VPC with two subnets."""
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    return vpc, [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{i}.0/24", AvailabilityZone=REGION + zone)["Subnet"]["SubnetId"]
        for i, zone in enumerate("ab")
    ]


def test_boto3_runs_nodes_of_its_own_behind_endpoints(sandbox):
    ec2, eks, iam, groups, ssm = (client(sandbox, name) for name in ("ec2", "eks", "iam", "autoscaling", "ssm"))
    vpc, subnets = network(ec2)
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    table = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"][0]["RouteTableId"]
    made = [
        ec2.create_vpc_endpoint(VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.{service}", **more)["VpcEndpoint"]
        for service, more in [
            ("s3", {"VpcEndpointType": "Gateway", "RouteTableIds": [table]}),
            ("sts", {"VpcEndpointType": "Interface", "SubnetIds": subnets, "PrivateDnsEnabled": True}),
        ]
    ]
    endpoints = [one["VpcEndpointId"] for one in made]
    shown = ec2.describe_vpc_endpoints(VpcEndpointIds=endpoints)["VpcEndpoints"]
    assert [one["State"] for one in shown] == ["available", "available"]
    assert sorted(len(one["NetworkInterfaceIds"]) for one in shown) == [0, 2]

    nodes = role(iam, "own-nodes", "ec2.amazonaws.com")
    iam.create_instance_profile(InstanceProfileName="own-nodes")
    iam.add_role_to_instance_profile(InstanceProfileName="own-nodes", RoleName="own-nodes")
    patiently(eks.create_cluster, name="own", roleArn=role(iam, "own-cluster", "eks.amazonaws.com"), version="1.33",
              resourcesVpcConfig={"subnetIds": subnets, "endpointPrivateAccess": True, "endpointPublicAccess": False},
              accessConfig={"authenticationMode": "API"})
    eks.get_waiter("cluster_active").wait(name="own")
    eks.create_access_entry(clusterName="own", principalArn=nodes, type="EC2_LINUX")
    image = ssm.get_parameter(
        Name="/aws/service/eks/optimized-ami/1.33/amazon-linux-2023/x86_64/standard/recommended/image_id")
    config = "apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster:\n    name: own\n"
    template = ec2.create_launch_template(LaunchTemplateName="own", LaunchTemplateData={
        "ImageId": image["Parameter"]["Value"], "InstanceType": "m6i.large",
        "IamInstanceProfile": {"Name": "own-nodes"}, "UserData": base64.b64encode(config.encode()).decode(),
    })["LaunchTemplate"]["LaunchTemplateId"]
    patiently(groups.create_auto_scaling_group, AutoScalingGroupName="own", MinSize=0, MaxSize=3, DesiredCapacity=2,
              LaunchTemplate={"LaunchTemplateId": template, "Version": "$Latest"},
              VPCZoneIdentifier=",".join(subnets))
    group = groups.describe_auto_scaling_groups(AutoScalingGroupNames=["own"])["AutoScalingGroups"][0]
    instances = [one["InstanceId"] for one in group["Instances"]]
    assert len(instances) == 2 and {one["LifecycleState"] for one in group["Instances"]} == {"InService"}
    ec2.get_waiter("instance_running").wait(InstanceIds=instances)

    pods = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"]}]}
    arn = iam.create_role(RoleName="own-pods", AssumeRolePolicyDocument=json.dumps(pods))["Role"]["Arn"]
    association = patiently(eks.create_pod_identity_association, clusterName="own", namespace="jobs",
                            serviceAccount="worker", roleArn=arn)["association"]["associationId"]
    listed = eks.get_paginator("list_pod_identity_associations").paginate(clusterName="own", namespace="jobs")
    assert [one["associationId"] for page in listed for one in page["associations"]] == [association]
    eks.delete_pod_identity_association(clusterName="own", associationId=association)

    groups.delete_auto_scaling_group(AutoScalingGroupName="own", ForceDelete=True)
    ec2.get_waiter("instance_terminated").wait(InstanceIds=instances)
    assert groups.describe_auto_scaling_groups(AutoScalingGroupNames=["own"])["AutoScalingGroups"] == []
    eks.delete_cluster(name="own")
    eks.get_waiter("cluster_deleted").wait(name="own")
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnets[0])
    ec2.delete_vpc_endpoints(VpcEndpointIds=endpoints)
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
    for subnet in subnets:
        patiently(ec2.delete_subnet, SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def test_boto3_has_eks_run_nodes_in_auto_mode(sandbox):
    ec2, eks, iam = (client(sandbox, name) for name in ("ec2", "eks", "iam"))
    vpc, subnets = network(ec2)
    auto = {"enabled": True}
    pools = {"nodePools": ["general-purpose", "system"], "nodeRoleArn": role(iam, "auto-nodes", "ec2.amazonaws.com")}
    rest = {"kubernetesNetworkConfig": {"elasticLoadBalancing": auto}, "storageConfig": {"blockStorage": auto}}
    wanted = {
        "name": "auto", "roleArn": role(iam, "auto-cluster", "eks.amazonaws.com"),
        "resourcesVpcConfig": {"subnetIds": subnets}, "accessConfig": {"authenticationMode": "API"},
        "bootstrapSelfManagedAddons": False, "computeConfig": auto | pools,
    }
    with pytest.raises(ClientError, match="InvalidParameterException"):
        patiently(eks.create_cluster, **wanted)  # all three or none
    patiently(eks.create_cluster, **wanted, **rest)
    eks.get_waiter("cluster_active").wait(name="auto")
    cluster = eks.describe_cluster(name="auto")["cluster"]
    assert cluster["computeConfig"] == auto | pools and cluster["storageConfig"] == rest["storageConfig"]
    eks.delete_cluster(name="auto")
    eks.get_waiter("cluster_deleted").wait(name="auto")
    for subnet in subnets:
        patiently(ec2.delete_subnet, SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)


def test_the_aws_cli_drives_the_life_of_a_cluster(sandbox, tmp_path):
    kubeconfig = tmp_path / "config"
    env = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ENDPOINT_URL": sandbox.url,
        "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": REGION,
    }

    def aws(line):
        for _ in range(5):
            ran = subprocess.run([ROOT / ".venv/bin/aws", *line.split()], env=env, capture_output=True, text=True,
                                 timeout=60)
            if "could not be assumed" not in ran.stderr:  # as on AWS, a new role, for some seconds
                break
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout) if ran.stdout.startswith("{") else ran.stdout

    ec2, iam = client(sandbox, "ec2"), client(sandbox, "iam")
    vpc, subnets = network(ec2)
    roles = [role(iam, f"cli-{name}", f"{name}.amazonaws.com") for name in ("eks", "ec2")]
    assert aws("sts get-caller-identity")["Account"] == "111122223333"
    made = aws(f"eks create-cluster --name cli --role-arn {roles[0]} --kubernetes-version 1.33"
               f" --resources-vpc-config subnetIds={','.join(subnets)} --access-config authenticationMode=API")
    assert made["cluster"]["status"] == "CREATING"
    aws("eks wait cluster-active --name cli")
    aws(f"eks create-nodegroup --cluster-name cli --nodegroup-name general --node-role {roles[1]}"
        f" --subnets {' '.join(subnets)} --scaling-config minSize=1,maxSize=2,desiredSize=1")
    aws("eks wait nodegroup-active --cluster-name cli --nodegroup-name general")
    aws(f"eks update-kubeconfig --name cli --kubeconfig {kubeconfig}")
    assert made["cluster"]["arn"] in kubeconfig.read_text()
    credential = aws("eks get-token --cluster-name cli")
    assert credential["kind"] == "ExecCredential" and credential["status"]["token"].startswith("k8s-aws-v1.")
    assert "cli" in aws("eks list-clusters")["clusters"]
    assert aws("eks list-nodegroups --cluster-name cli")["nodegroups"] == ["general"]
    aws("eks delete-nodegroup --cluster-name cli --nodegroup-name general")
    aws("eks wait nodegroup-deleted --cluster-name cli --nodegroup-name general")
    aws("eks delete-cluster --name cli")
    aws("eks wait cluster-deleted --name cli")
    for subnet in subnets:
        patiently(ec2.delete_subnet, SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
    missing = subprocess.run([ROOT / ".venv/bin/aws", "eks", "describe-cluster", "--name", "cli"], env=env,
                             capture_output=True, text=True, timeout=60)
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
