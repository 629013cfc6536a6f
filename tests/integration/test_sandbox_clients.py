"""boto3, unmodified, at `eksrun sandbox`: the life of a cluster with every type of node, by boto3's waiters and
paginators; parameters and answers are held to AWS's models on both sides. The AWS CLI: test_sandbox_cli.py."""

import base64
import signal

import botocore.config
import pytest
from botocore.exceptions import ClientError, ParamValidationError

from support.aws import REGION, client, network, patiently, role, without_network
from support.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox("--virtual") as running:
        yield running


def pages(eks, operation, size=1, **params):
    """All that a paginator finds, a page after the other; just what one call does."""
    paginator = eks.get_paginator(operation)
    key = paginator.result_keys[0].expression
    found = list(paginator.paginate(**params, PaginationConfig={"PageSize": size}))
    assert all(len(page[key]) <= size for page in found), operation
    items = [item for page in found for item in page[key]]
    assert items == getattr(eks, operation)(**params)[key], operation
    return items


def test_boto3_drives_the_life_of_a_cluster(sandbox):
    ec2, eks, iam = (client(sandbox, name) for name in ("ec2", "eks", "iam"))
    waited = set()

    def wait(waiter, /, **params):
        waited.add(waiter)
        eks.get_waiter(waiter).wait(**params)

    vpc, subnets = network(ec2)
    made = patiently(eks.create_cluster, name="demo", roleArn=role(iam, "cluster", "eks.amazonaws.com"),
                     version="1.32", resourcesVpcConfig={"subnetIds": subnets},
                     accessConfig={"authenticationMode": "API"})
    assert made["cluster"]["status"] == "CREATING"
    wait("cluster_active", name="demo")
    nodes = role(iam, "nodes", "ec2.amazonaws.com")
    for name in ("general", "more"):
        patiently(eks.create_nodegroup, clusterName="demo", nodegroupName=name, subnets=subnets, nodeRole=nodes,
                  scalingConfig={"minSize": 1, "maxSize": 3, "desiredSize": 2})
    for name in ("general", "more"):
        wait("nodegroup_active", clusterName="demo", nodegroupName=name)
    pods = role(iam, "pods", "eks-fargate-pods.amazonaws.com")
    for name in ("jobs", "web"):
        patiently(eks.create_fargate_profile, clusterName="demo", fargateProfileName=name, subnets=subnets,
                  podExecutionRoleArn=pods, selectors=[{"namespace": name}])
        wait("fargate_profile_active", clusterName="demo", fargateProfileName=name)
    for addon in ("vpc-cni", "coredns", "kube-proxy", "eks-pod-identity-agent"):
        eks.create_addon(clusterName="demo", addonName=addon)
        wait("addon_active", clusterName="demo", addonName=addon)
    eks.update_addon(clusterName="demo", addonName="coredns", configurationValues='{"replicaCount": 3}')
    wait("addon_active", clusterName="demo", addonName="coredns")
    eks.delete_addon(clusterName="demo", addonName="kube-proxy")
    wait("addon_deleted", clusterName="demo", addonName="kube-proxy")

    admin = role(iam, "admin", "ec2.amazonaws.com")
    patiently(eks.create_access_entry, clusterName="demo", principalArn=admin)
    for name in ("View", "Edit"):
        eks.associate_access_policy(
            clusterName="demo", principalArn=admin, accessScope={"type": "namespace", "namespaces": ["jobs"]},
            policyArn=f"arn:aws:eks::aws:cluster-access-policy/AmazonEKS{name}Policy")
    eks.update_access_entry(clusterName="demo", principalArn=admin, kubernetesGroups=["admins"])
    entry = eks.describe_access_entry(clusterName="demo", principalArn=admin)["accessEntry"]
    assert entry["kubernetesGroups"] == ["admins"]
    worker = role(iam, "worker", "pods.eks.amazonaws.com")
    for name in ("worker", "other"):
        association = patiently(eks.create_pod_identity_association, clusterName="demo", namespace="jobs",
                                serviceAccount=name, roleArn=worker)["association"]
    names = {"clusterName": "demo", "associationId": association["associationId"]}
    eks.update_pod_identity_association(**names, disableSessionTags=True)
    assert eks.describe_pod_identity_association(**names)["association"]["disableSessionTags"] is True

    update = eks.update_cluster_version(name="demo", version="1.33")["update"]["id"]
    assert eks.describe_update(name="demo", updateId=update)["update"]["status"] == "Successful"
    assert eks.describe_cluster(name="demo")["cluster"]["version"] == "1.33"
    eks.update_nodegroup_version(clusterName="demo", nodegroupName="general")
    wait("nodegroup_active", clusterName="demo", nodegroupName="general")
    group = eks.describe_nodegroup(clusterName="demo", nodegroupName="general")["nodegroup"]
    assert group["version"] == "1.33"
    eks.update_cluster_config(name="demo", resourcesVpcConfig={"endpointPrivateAccess": True})
    wait("cluster_active", name="demo")

    assert pages(eks, "list_clusters") == ["demo"]
    for operation, most in [("list_nodegroups", ["general", "more"]), ("list_fargate_profiles", ["jobs", "web"]),
                            ("list_addons", ["coredns", "eks-pod-identity-agent", "vpc-cni"]),
                            ("list_identity_provider_configs", []), ("list_capabilities", [])]:
        assert sorted(pages(eks, operation, clusterName="demo")) == most
    assert {admin, nodes, pods} <= set(pages(eks, "list_access_entries", clusterName="demo"))
    assert len(pages(eks, "list_associated_access_policies", clusterName="demo", principalArn=admin)) == 2
    assert len(pages(eks, "list_pod_identity_associations", clusterName="demo")) == 2
    assert len(pages(eks, "list_updates", name="demo")) == 2
    assert len(pages(eks, "list_insights", clusterName="demo")) > 1
    assert len(pages(eks, "list_access_policies")) > 2 and pages(eks, "list_eks_anywhere_subscriptions") == []
    assert len(pages(eks, "describe_addon_versions", size=5)) > 5
    assert len(pages(eks, "describe_cluster_versions", size=2)) > 2

    with pytest.raises(eks.exceptions.ResourceInUseException):
        eks.delete_cluster(name="demo")
    eks.delete_pod_identity_association(**names)
    eks.disassociate_access_policy(clusterName="demo", principalArn=admin,
                                   policyArn="arn:aws:eks::aws:cluster-access-policy/AmazonEKSEditPolicy")
    eks.delete_access_entry(clusterName="demo", principalArn=admin)
    for name in ("general", "more"):
        eks.delete_nodegroup(clusterName="demo", nodegroupName=name)
    for name in ("general", "more"):
        wait("nodegroup_deleted", clusterName="demo", nodegroupName=name)
    for name in ("jobs", "web"):
        eks.delete_fargate_profile(clusterName="demo", fargateProfileName=name)
        wait("fargate_profile_deleted", clusterName="demo", fargateProfileName=name)
    eks.delete_cluster(name="demo")
    wait("cluster_deleted", name="demo")
    assert eks.list_clusters()["clusters"] == []
    assert waited == set(eks.waiter_names)
    without_network(ec2, vpc, subnets)
    with pytest.raises(ClientError, match="InvalidVpcID.NotFound"):
        ec2.describe_vpcs(VpcIds=[vpc])


# What no model of AWS allows: the operation, its parameters, what the sandbox says to who does not look.
WRONG = [
    ("create_cluster", {"name": "x"}, "InvalidParameterException"),
    ("create_cluster", {"name": "x", "roleArn": 1, "resourcesVpcConfig": {}}, "SerializationException"),
    ("create_nodegroup", {"clusterName": "x", "nodegroupName": "y", "nodeRole": "z"}, "InvalidParameterException"),
    ("create_nodegroup", {"clusterName": "x", "nodegroupName": "y", "nodeRole": "z", "subnets": [1]},
     "SerializationException"),
    ("list_nodegroups", {"clusterName": "x", "maxResults": 0}, "InvalidParameterException"),
    ("describe_update", {"name": "x"}, None),  # a path that lacks a part: botocore cannot send it
]


def test_parameters_are_validated_on_both_sides(sandbox):
    careful = client(sandbox, "eks")
    careless = client(sandbox, "eks", config=botocore.config.Config(parameter_validation=False))
    for operation, params, said in WRONG:
        with pytest.raises(ParamValidationError):
            getattr(careful, operation)(**params)
        if said:
            with pytest.raises(ClientError) as refused:
                getattr(careless, operation)(**params)
            assert refused.value.response["Error"]["Code"] == said, (params, refused.value)
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    # What the client lets pass, AWS does not: values that only EKS can judge.
    for params in ({"name": "-x"}, {"name": "x", "version": "0.1"}):
        with pytest.raises(careful.exceptions.InvalidParameterException):
            careful.create_cluster(roleArn="arn:aws:iam::111122223333:role/none",
                                   resourcesVpcConfig={"subnetIds": ["subnet-0"]}, **params)


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
    iam.get_waiter("instance_profile_exists").wait(InstanceProfileName="own-nodes")
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
    eks.create_addon(clusterName="own", addonName="coredns")  # which wants a node that has joined
    eks.get_waiter("addon_active").wait(clusterName="own", addonName="coredns")

    groups.delete_auto_scaling_group(AutoScalingGroupName="own", ForceDelete=True)
    ec2.get_waiter("instance_terminated").wait(InstanceIds=instances)
    assert groups.describe_auto_scaling_groups(AutoScalingGroupNames=["own"])["AutoScalingGroups"] == []
    eks.delete_cluster(name="own")
    eks.get_waiter("cluster_deleted").wait(name="own")
    with pytest.raises(ClientError, match="DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnets[0])
    ec2.delete_vpc_endpoints(VpcEndpointIds=endpoints)
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []
    without_network(ec2, vpc, subnets)


def test_boto3_has_eks_run_nodes_in_auto_mode(sandbox):
    ec2, eks, iam = (client(sandbox, name) for name in ("ec2", "eks", "iam"))
    vpc, subnets = network(ec2)
    auto, node_role = {"enabled": True}, role(iam, "auto-nodes", "ec2.amazonaws.com")
    pools = {"nodePools": ["general-purpose", "system"], "nodeRoleArn": node_role}
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
    assert eks.describe_access_entry(clusterName="auto", principalArn=node_role)["accessEntry"]["type"] == "EC2"
    eks.create_addon(clusterName="auto", addonName="metrics-server")  # whose pods EKS makes a node for
    assert eks.describe_addon(clusterName="auto", addonName="metrics-server")["addon"]["status"] != "CREATING"
    of = [{"Name": "tag:eks:eks-cluster-name", "Values": ["auto"]}]
    assert len(ec2.describe_instances(Filters=of)["Reservations"][0]["Instances"]) == 1
    eks.delete_cluster(name="auto")
    eks.get_waiter("cluster_deleted").wait(name="auto")
    without_network(ec2, vpc, subnets)


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
        assert client(sandbox, "sts", verify=str(ca)).get_caller_identity()["Account"] == "111122223333"
