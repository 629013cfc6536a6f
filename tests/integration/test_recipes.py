"""The recipes beside managed-cluster, against moto_server and what support/eks.py adds to it: each plans as its
golden file says, applies, has nothing to do then, and is destroyed to nothing.

A golden is the plan of a recipe in an empty account. To write them anew, and read the difference:
    EKSRUN_GOLDENS=write python -m pytest test_recipes.py -k golden && git diff goldens
"""

import base64
import json
import os
import pathlib
import re

import pytest

from support.eks import Eks
from support.proxy import Proxy

HERE = pathlib.Path(__file__).parent
GOLDENS = HERE / "goldens"
RECIPES = ["auto-mode", "fargate", "iam", "private-cluster", "private-endpoints", "self-managed-nodes", "vpc"]


@pytest.fixture(scope="module")
def eks_api(moto):
    with Eks(moto.url) as api:
        yield api


@pytest.fixture
def cloud(moto, eks_api):
    """An empty AWS with all of EKS, behind a recording proxy."""
    moto.reset()
    eks_api.reset()
    with Proxy(eks_api.url) as proxy:
        yield proxy


@pytest.fixture
def reader(cloud):
    from support.reader import Reader

    return Reader(cloud.url)


@pytest.fixture
def others(reader):
    """What the recipes for what exists want to exist: {recipe: [parameters]}."""
    ec2 = reader.ec2
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": "shared"}])
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    public = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=public, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    private = []
    for i, zone in enumerate(["us-east-1a", "us-east-1b"]):
        made = [ec2.create_subnet(VpcId=vpc, AvailabilityZone=zone, CidrBlock=f"10.7.{16 * (2 * i + n)}.0/20")
                ["Subnet"]["SubnetId"] for n in range(2)]
        ec2.associate_route_table(RouteTableId=public, SubnetId=made[0])
        private.append(made[1])  # of the main route table
    role = reader.iam.create_role(RoleName="theirs", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    reader.eks.create_cluster(name="theirs", roleArn=role, version="1.33",
                              resourcesVpcConfig={"subnetIds": private})
    return {"private-endpoints": [f"vpc={vpc}"], "iam": ["cluster=theirs"], "vpc": vpc, "private": private}


def path(name):
    return f"recipes/{name}.lua"


def run(eksrun, *words):
    result = eksrun(*words)
    assert result.status == 0, result
    return result


def changes(eksrun, name, *params):
    """{address: operation} of what would change."""
    result = eksrun("plan", path(name), *params, "--json")
    assert result.status in (0, 2), result
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {line["address"]: line["op"] for line in lines if "op" in line}


def inventory(reader):
    """All that exists and is somebody's to delete."""
    found = {name for name in reader.everything() if not name.startswith("network-interface ")}
    found |= {g["AutoScalingGroupName"] for g in reader.client("autoscaling").describe_auto_scaling_groups()
              ["AutoScalingGroups"]}
    found |= {g["logGroupName"] for g in reader.client("logs").describe_log_groups()["logGroups"]}
    for cluster in reader.clusters():
        eks = reader.eks
        found |= {f"fargate {n}" for n in eks.list_fargate_profiles(clusterName=cluster)["fargateProfileNames"]}
        found |= {f"addon {n}" for n in eks.list_addons(clusterName=cluster)["addons"]}
        found |= {f"entry {n}" for n in eks.list_access_entries(clusterName=cluster)["accessEntries"]}
        found |= {f"pods {p['associationId']}"
                  for p in eks.list_pod_identity_associations(clusterName=cluster)["associations"]}
    return found


def test_every_recipe_is_here():
    assert {p.stem for p in (HERE.parents[1] / "recipes").glob("*.lua")} >= {*RECIPES, "managed-cluster"}


def compare(name, plan):
    # What chance decides: ids.
    text = re.sub(r"\b(vpc|subnet|rtb)-[0-9a-f]+", r"\1-ID", plan)
    golden = GOLDENS / f"{name}.txt"
    if os.environ.get("EKSRUN_GOLDENS") == "write":
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("name", RECIPES)
def test_golden_plan_then_applies_keeps_and_destroys(eksrun, cloud, reader, request, name):
    words = request.getfixturevalue("others")[name] if name in ("iam", "private-endpoints") else []
    before = inventory(reader)
    cloud.forget()
    planned = eksrun("plan", path(name), *words, "--full")
    assert planned.status == 2, planned
    compare(name, planned.stdout)
    assert cloud.mutating() == []
    run(eksrun, path(name), *words, "--yes")
    assert inventory(reader) > before
    cloud.forget()
    assert changes(eksrun, name, *words) == {}
    assert cloud.mutating() == []
    assert len(cloud.calls) <= 40, "\n".join(map(str, cloud.calls))
    run(eksrun, "destroy", path(name), *words, "--yes")
    assert inventory(reader) == before


def test_a_closed_cluster_has_no_way_out(eksrun, cloud, reader):
    before = inventory(reader)
    run(eksrun, path("private-cluster"), "--yes")
    # Nodes wait for endpoints and networking, what runs on them for the nodes.
    order = [call.operation for call in cloud.mutating()]
    nodes = order.index("CreateNodegroup")
    assert max(i for i, name in enumerate(order) if name == "CreateVpcEndpoint") < nodes
    addons = [i for i, name in enumerate(order) if name == "CreateAddon"]
    assert len(addons) == 4 and sum(i < nodes for i in addons) == 3

    config = reader.clusters()["demo"]["resourcesVpcConfig"]
    assert (config["endpointPublicAccess"], config["endpointPrivateAccess"]) == (False, True)
    ec2, within = reader.ec2, [{"Name": "vpc-id", "Values": [config["vpcId"]]}]
    assert ec2.describe_internet_gateways(
        Filters=[{"Name": "attachment.vpc-id", "Values": [config["vpcId"]]}])["InternetGateways"] == []
    assert ec2.describe_nat_gateways(Filters=within)["NatGateways"] == []
    routes = [r for t in ec2.describe_route_tables(Filters=within)["RouteTables"] for r in t["Routes"]]
    assert not any(r.get("DestinationCidrBlock") == "0.0.0.0/0" for r in routes)
    endpoints = {e["ServiceName"].removeprefix("com.amazonaws.us-east-1."): e
                 for e in ec2.describe_vpc_endpoints(Filters=within)["VpcEndpoints"]}
    assert set(endpoints) == {"ec2", "ecr.api", "ecr.dkr", "s3", "sts", "logs", "eks", "eks-auth",
                              "elasticloadbalancing", "autoscaling"}
    assert {name for name, e in endpoints.items() if e["VpcEndpointType"] == "Gateway"} == {"s3"}
    assert len(endpoints["s3"]["RouteTableIds"]) == 2
    assert endpoints["sts"]["PrivateDnsEnabled"] and len(endpoints["sts"]["SubnetIds"]) == 2
    group = ec2.describe_security_groups(GroupIds=[endpoints["sts"]["Groups"][0]["GroupId"]])["SecurityGroups"][0]
    assert [(p["FromPort"], p["ToPort"], [r["CidrIp"] for r in p["IpRanges"]]) for p in group["IpPermissions"]] == [
        (443, 443, ["10.0.0.0/16"])]
    assert group["IpPermissionsEgress"] == []
    run(eksrun, "destroy", "--stack", "private-cluster/demo", "--yes")  # the tags are enough
    assert inventory(reader) == before


def test_self_managed_nodes_know_their_cluster(eksrun, reader):
    run(eksrun, path("self-managed-nodes"), "ami=ami-0123456789abcdef0", "--yes")
    cluster = reader.clusters()["demo"]
    template = reader.ec2.describe_launch_templates()["LaunchTemplates"][0]
    data = reader.ec2.describe_launch_template_versions(LaunchTemplateId=template["LaunchTemplateId"])[
        "LaunchTemplateVersions"][0]["LaunchTemplateData"]
    text = base64.b64decode(data["UserData"]).decode()
    assert f'apiServerEndpoint: "{cluster["endpoint"]}"' in text
    assert f'certificateAuthority: "{cluster["certificateAuthority"]["data"]}"' in text
    assert 'cidr: "172.20.0.0/16"' in text
    assert data["SecurityGroupIds"] == [cluster["resourcesVpcConfig"]["clusterSecurityGroupId"]]
    assert data["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    group = reader.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert (group["MinSize"], group["DesiredCapacity"], group["MaxSize"]) == (1, 2, 6)
    assert {t["Key"]: t["Value"] for t in group["Tags"] if t["PropagateAtLaunch"]} == {
        "Name": "demo/general", "kubernetes.io/cluster/demo": "owned"}
    role = "self-managed-nodes-demo-nodes-self-managed-role-us-east-1"
    entry = reader.eks.describe_access_entry(
        clusterName="demo", principalArn=f"arn:aws:iam::123456789012:role/{role}")["accessEntry"]
    assert entry["type"] == "EC2_LINUX"

    # Another image is another version of the template, and reaches the group in the same run.
    assert changes(eksrun, "self-managed-nodes", "ami=ami-0123456789abcdef1") == {
        "nodes/general/template": "update", "nodes/general": "update"}
    run(eksrun, path("self-managed-nodes"), "ami=ami-0123456789abcdef1", "--yes")
    group = reader.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0]
    assert group["LaunchTemplate"]["Version"] == "2"


def test_spot_nodes_of_several_types(eksrun, reader):
    words = ("spot=true", "instances=m7g.large,m6g.large")
    run(eksrun, path("self-managed-nodes"), *words, "--yes")
    policy = reader.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"][0][
        "MixedInstancesPolicy"]
    assert [o["InstanceType"] for o in policy["LaunchTemplate"]["Overrides"]] == ["m7g.large", "m6g.large"]
    assert policy["InstancesDistribution"]["OnDemandPercentageAboveBaseCapacity"] == 0
    assert changes(eksrun, "self-managed-nodes", *words) == {}


def test_auto_mode_goes_off_in_place(eksrun, reader):
    def modes():
        cluster = reader.clusters()["demo"]
        return (cluster["computeConfig"]["enabled"], cluster["storageConfig"]["blockStorage"]["enabled"],
                cluster["kubernetesNetworkConfig"]["elasticLoadBalancing"]["enabled"])

    run(eksrun, path("auto-mode"), "--yes")
    assert modes() == (True, True, True)
    planned = changes(eksrun, "auto-mode", "mode=none")
    assert planned["cluster/control-plane"] == "update"
    run(eksrun, path("auto-mode"), "mode=none", "--yes")
    assert modes() == (False, False, False)
    assert changes(eksrun, "auto-mode", "mode=none") == {}


def test_fargate_profiles_and_coredns(eksrun, reader, cloud):
    run(eksrun, path("fargate"), "namespaces=web,jobs", "--yes")
    eks = reader.eks
    profiles = {n: eks.describe_fargate_profile(clusterName="demo", fargateProfileName=n)["fargateProfile"]
                for n in eks.list_fargate_profiles(clusterName="demo")["fargateProfileNames"]}
    assert {n: [s["namespace"] for s in p["selectors"]] for n, p in profiles.items()} == {
        "system": ["kube-system"], "pods": ["web", "jobs"]}
    role = profiles["pods"]["podExecutionRoleArn"].split("/")[-1]
    condition = reader.roles()[role]["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]
    assert condition == {"ArnLike": {
        "aws:SourceArn": "arn:aws:eks:us-east-1:123456789012:fargateprofile/demo/*"}}
    order = [call.operation for call in cloud.mutating()]
    assert order.index("CreateAddon") > max(i for i, n in enumerate(order) if n == "CreateFargateProfile")


def test_roles_of_pods_trust_one_service_account(eksrun, reader, others):
    run(eksrun, path("iam"), "cluster=theirs", "namespace=web", "irsa=api", "--yes")
    roles = reader.roles()
    trust = roles["iam-theirs-pods-web-api-irsa-role-us-east-1"]["AssumeRolePolicyDocument"]["Statement"][0]
    issuer = "oidc.eks.us-east-1.amazonaws.com/id/THEIRS"
    assert trust["Principal"] == {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{issuer}"}
    assert trust["Condition"] == {"StringEquals": {
        f"{issuer}:aud": "sts.amazonaws.com", f"{issuer}:sub": "system:serviceaccount:web:api"}}
    pod = reader.eks.list_pod_identity_associations(clusterName="theirs")["associations"][0]
    association = reader.eks.describe_pod_identity_association(
        clusterName="theirs", associationId=pod["associationId"])["association"]
    role = association["roleArn"].split("/")[-1]
    attached = reader.iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    policy = reader.iam.get_policy(PolicyArn=attached[0]["PolicyArn"])["Policy"]
    document = reader.iam.get_policy_version(
        PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])["PolicyVersion"]["Document"]
    assert [s["Action"] for s in document["Statement"]] == ["s3:ListBucket", "s3:GetObject"]


def test_a_network_that_exists_is_read_and_left_alone(eksrun, reader, others):
    run(eksrun, path("private-endpoints"), *others["private-endpoints"], "--yes")
    endpoints = reader.ec2.describe_vpc_endpoints()["VpcEndpoints"]
    assert {e["VpcId"] for e in endpoints} == {others["vpc"]}
    sts = next(e for e in endpoints if e["ServiceName"].endswith(".sts"))
    assert set(sts["SubnetIds"]) == set(others["private"])
    tags = reader.ec2.describe_vpcs(VpcIds=[others["vpc"]])["Vpcs"][0]["Tags"]
    assert tags == [{"Key": "Name", "Value": "shared"}]


def test_what_cannot_be_is_said_before_anything_is_made(eksrun, cloud, others):
    cloud.forget()
    for words, complaint in [
        (("private-endpoints", "vpc=vpc-0123"), "vpc.existing:"),
        (("private-endpoints", f"vpc={others['vpc']}", "services=ecr.dk"), "no service 'ecr.dk' in this region; did"),
        (("iam", "cluster=nobody"), "No cluster found for name: nobody"),
        (("self-managed-nodes", "instances=m7g.large,m7i.large"), "need different images"),
        (("fargate", "namespaces=a,b,c,d,e,f"), "1 to 5 namespaces"),
        (("private-cluster", "services=s3x"), "no service 's3x'"),
    ]:
        result = eksrun("plan", path(words[0]), *words[1:])
        assert result.status == 1 and complaint in result.stderr, result
        assert f"recipes/{words[0]}.lua:" in result.stderr
    assert cloud.mutating() == []


MODULES = """
local eksrun, vpc, cluster = require "eksrun", require "eksrun.vpc", require "eksrun.cluster"
local iam = require "eksrun.iam"
"""
CLUSTER = """
local net = vpc.network { name = "demo" }
local eks = cluster.create { name = "demo", version = "1.33", network = net }
"""


def blocks_of(page, after=""):
    text = (HERE.parents[1] / "docs" / page).read_text()
    text = text.partition(after)[2] if after else text
    found = re.findall(r"```lua\n(.*?)```", text, re.S)
    assert found
    return found


def test_what_the_documents_show_plans(eksrun, reader, others, tmp_path):
    reader.ec2.create_tags(Resources=others["private"], Tags=[{"Key": "tier", "Value": "cluster"}])
    recipe = tmp_path / "page.lua"
    for page in ["private-clusters", "self-managed-nodes", "fargate", "pod-roles"]:
        recipe.write_text(MODULES + CLUSTER + "".join(
            f'eksrun.scope("block-{i}", function()\n{block}end)\n'
            for i, block in enumerate(blocks_of(f"guide/{page}.md"))))
        result = eksrun("plan", recipe)
        assert result.status == 2, (page, result)
    recipe.write_text(MODULES + "".join(blocks_of("reference/recipes.md", "## Kits")))
    result = eksrun("plan", recipe)
    assert result.status == 2, result
