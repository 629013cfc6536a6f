"""recipes/managed-cluster.lua against moto_server: what it makes, repairs, changes and takes away."""

import ipaddress
import json

import pytest

RECIPE = "recipes/managed-cluster.lua"
STACK = "managed-cluster/demo"
NODE_ROLE = "managed-cluster-demo-nodes-role-us-east-1"
KINDS = {
    "vpc": 1, "subnet": 6, "internet-gateway": 1, "nat-gateway": 1, "address": 1, "route-table": 4,
    "cluster": 1, "nodegroup": 1, "role": 2,
}


def owned(reader):
    """{address: "kind id"} of what carries the stack's tags."""
    return {tags["eksrun:resource"]: name for name, tags in reader.everything().items()
            if tags.get("eksrun:stack") == STACK}


def in_account(reader):
    """What is there, without the network interfaces that moto invents and forgets."""
    return {name for name in reader.everything() if not name.startswith("network-interface ")}


def apply(eksrun, *params):
    result = eksrun(RECIPE, *params, "--yes")
    assert result.status == 0, result
    return result


def plan(eksrun, *params):
    """{address: operation} of what would change."""
    result = eksrun("plan", RECIPE, *params, "--json")
    assert result.status in (0, 2), result
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    return {line["address"]: line["op"] for line in lines if "op" in line}


@pytest.fixture
def made(eksrun, cloud):
    apply(eksrun)
    return cloud


def test_makes_exactly_what_is_declared(made, reader):
    found = owned(reader)
    kinds = {}
    for name in found.values():
        kind = name.split()[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    assert kinds == KINDS
    # Nothing without the tags, apart from the network that every account has.
    loose = [name for name, tags in reader.everything().items() if name.split()[0] in ("nat-gateway", "address",
             "cluster", "nodegroup", "role") and "eksrun:stack" not in tags]
    assert loose == []


def test_network(made, reader):
    found = owned(reader)
    vpc = found["network/vpc"].split()[1]
    for attribute in ("enableDnsHostnames", "enableDnsSupport"):
        answer = reader.ec2.describe_vpc_attribute(VpcId=vpc, Attribute=attribute)
        assert answer[attribute[0].upper() + attribute[1:]] == {"Value": True}
    subnets = reader.ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    blocks = [ipaddress.ip_network(subnet["CidrBlock"]) for subnet in subnets]
    assert all(block.subnet_of(ipaddress.ip_network("10.0.0.0/16")) for block in blocks)
    assert not any(a.overlaps(b) for i, a in enumerate(blocks) for b in blocks[i + 1:])
    by_role = {}
    for subnet in subnets:
        tags = {tag["Key"]: tag["Value"] for tag in subnet["Tags"]}
        public = tags.get("kubernetes.io/role/elb") == "1"
        assert public != (tags.get("kubernetes.io/role/internal-elb") == "1")
        assert subnet["MapPublicIpOnLaunch"] == public
        by_role.setdefault(public, set()).add(subnet["AvailabilityZone"])
    assert len(by_role[True]) == 3 and by_role[True] == by_role[False]

    gateway = reader.ec2.describe_internet_gateways(
        InternetGatewayIds=[found["network/gateway"].split()[1]])["InternetGateways"][0]
    assert [attachment["VpcId"] for attachment in gateway["Attachments"]] == [vpc]
    tables = reader.ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
    ways = {}
    for table in tables:
        out = [r.get("GatewayId") or r.get("NatGatewayId") for r in table["Routes"] if r["Origin"] == "CreateRoute"]
        for association in table["Associations"]:
            if "SubnetId" in association:
                ways[association["SubnetId"]] = out
    for subnet in subnets:
        kind = "network/gateway" if subnet["MapPublicIpOnLaunch"] else "network/nat-a"
        assert ways[subnet["SubnetId"]] == [found[kind].split()[1]]


def test_cluster_and_nodes(made, reader):
    cluster = reader.clusters()["demo"]
    private = {s["SubnetId"] for s in reader.ec2.describe_subnets()["Subnets"]
               if "kubernetes.io/role/internal-elb" in {t["Key"] for t in s.get("Tags", [])}}
    assert cluster["version"] == "1.33"
    assert set(cluster["resourcesVpcConfig"]["subnetIds"]) == private
    logs = {t: group["enabled"] for group in cluster["logging"]["clusterLogging"] for t in group["types"]}
    assert {t for t, on in logs.items() if on} == {"api", "audit"}
    group = reader.nodegroups("demo")["general"]
    assert set(group["subnets"]) == private
    assert group["scalingConfig"] == {"minSize": 1, "maxSize": 6, "desiredSize": 2}
    assert group["instanceTypes"] == ["m7g.large"]
    assert group["amiType"] == "AL2023_ARM_64_STANDARD"
    roles = reader.roles()
    assert roles[NODE_ROLE]["Arn"] == group["nodeRole"]
    trust = roles[NODE_ROLE]["AssumeRolePolicyDocument"]
    assert trust["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com"}
    attached = reader.iam.list_attached_role_policies(RoleName=NODE_ROLE)["AttachedPolicies"]
    assert {policy["PolicyName"] for policy in attached} == {
        "AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonEKS_CNI_Policy",
        "AmazonSSMManagedInstanceCore"}


def test_second_run_changes_nothing(made, eksrun):
    made.forget()
    result = apply(eksrun)
    assert "no changes" in result.stderr
    assert made.mutating() == []
    assert len(made.calls) <= 20, "\n".join(map(str, made.calls))


def test_plan_changes_nothing(cloud, eksrun):
    assert len(plan(eksrun)) == 28
    assert cloud.mutating() == []


def test_writes_the_kubeconfig(made, home):
    text = (home / ".kube/config").read_text()
    assert "arn:aws:eks:us-east-1:123456789012:cluster/demo" in text
    assert (home / ".kube/config").stat().st_mode & 0o777 == 0o600


def test_more_nodes_and_gateways_are_updates(made, eksrun, reader):
    before = owned(reader)
    changes = plan(eksrun, "nodes=4", "nat=per-zone")
    assert changes == {
        "network/address-b": "create", "network/nat-b": "create", "network/private/default-b": "update",
        "network/address-c": "create", "network/nat-c": "create", "network/private/default-c": "update",
        "nodes/general": "update"}
    apply(eksrun, "nodes=4", "nat=per-zone")
    after = owned(reader)
    assert before.items() <= after.items()
    assert reader.nodegroups("demo")["general"]["scalingConfig"]["desiredSize"] == 4
    assert plan(eksrun, "nodes=4", "nat=per-zone") == {}
    apply(eksrun)  # and back: what is no longer declared goes
    assert owned(reader).keys() == before.keys()
    assert plan(eksrun) == {}


def test_another_zone_moves_no_subnet(made, eksrun, reader):
    changes = plan(eksrun, "zones=4")
    assert not any(op in ("delete", "replace") for address, op in changes.items() if address != "nodes/general")
    assert changes["network/private/d"] == "create"


def drift(change):
    """Marks a function of (reader, owned) that changes one thing out of band."""
    DRIFTS.append(change)
    return change


DRIFTS = []


@drift
def vpc_attribute(reader, found):
    reader.ec2.modify_vpc_attribute(VpcId=found["network/vpc"], EnableDnsHostnames={"Value": False})
    return {"network/vpc": "update"}


@drift
def tag(reader, found):
    reader.ec2.create_tags(Resources=[found["network/private/b"]],
                           Tags=[{"Key": "kubernetes.io/role/internal-elb", "Value": "0"}])
    return {"network/private/b": "update"}


@drift
def attachment(reader, found):
    reader.ec2.detach_internet_gateway(InternetGatewayId=found["network/gateway"], VpcId=found["network/vpc"])
    return {"network/gateway": "update"}


@drift
def public_addresses(reader, found):
    reader.ec2.modify_subnet_attribute(SubnetId=found["network/public/c"], MapPublicIpOnLaunch={"Value": False})
    return {"network/public/c": "update"}


@drift
def route_deleted(reader, found):
    reader.ec2.delete_route(RouteTableId=found["network/private/routes-a"], DestinationCidrBlock="0.0.0.0/0")
    return {"network/private/default-a": "create"}


@drift
def route_to_another_target(reader, found):
    reader.ec2.replace_route(RouteTableId=found["network/private/routes-a"], DestinationCidrBlock="0.0.0.0/0",
                             GatewayId=found["network/gateway"])
    return {"network/private/default-a": "update"}


@drift
def route_added(reader, found):
    table = found["network/public/routes"]
    reader.ec2.create_route(RouteTableId=table, DestinationCidrBlock="192.0.2.0/24",
                            GatewayId=found["network/gateway"])
    return {f"{table}/192.0.2.0/24": "delete"}


@drift
def association_lost(reader, found):
    table = reader.ec2.describe_route_tables(RouteTableIds=[found["network/private/routes-c"]])["RouteTables"][0]
    reader.ec2.disassociate_route_table(AssociationId=table["Associations"][0]["RouteTableAssociationId"])
    return {"network/private/link-c": "create"}


@drift
def policy_detached_and_another_attached(reader, found):
    arn = "arn:aws:iam::aws:policy/"
    reader.iam.detach_role_policy(RoleName=NODE_ROLE, PolicyArn=arn + "AmazonEKS_CNI_Policy")
    reader.iam.attach_role_policy(RoleName=NODE_ROLE, PolicyArn=arn + "AdministratorAccess")
    return {"nodes/role": "update"}


@drift
def trust_widened(reader, found):
    document = reader.roles()[NODE_ROLE]["AssumeRolePolicyDocument"]
    document["Statement"][0]["Principal"] = {"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]}
    reader.iam.update_assume_role_policy(RoleName=NODE_ROLE, PolicyDocument=json.dumps(document))
    return {"nodes/role": "update"}


@drift
def logging(reader, found):
    reader.eks.update_cluster_config(name="demo", logging={"clusterLogging": [
        {"types": ["api", "scheduler"], "enabled": True}]})
    return {"cluster/control-plane": "update"}


@drift
def scaling(reader, found):
    reader.eks.update_nodegroup_config(clusterName="demo", nodegroupName="general",
                                       scalingConfig={"minSize": 1, "maxSize": 9, "desiredSize": 2})
    return {"nodes/general": "update"}


@drift
def nodes_deleted(reader, found):
    reader.eks.delete_nodegroup(clusterName="demo", nodegroupName="general")
    return {"nodes/general": "create"}


@pytest.fixture(scope="module")
def shared(moto, tmp_path_factory):
    """One cluster for all cases of drift: each is repaired before the next."""
    from conftest import Shell

    moto.reset()
    shell = Shell(tmp_path_factory.mktemp("home"), moto.url)
    apply(shell)
    return shell


@pytest.mark.parametrize("change", DRIFTS, ids=lambda change: change.__name__)
def test_drift_shows_as_itself_and_is_repaired(shared, reader, change):
    expected = change(reader, {address: name.split()[-1] for address, name in owned(reader).items()})
    assert plan(shared) == expected
    apply(shared)
    assert plan(shared) == {}


@pytest.mark.parametrize("how", [(RECIPE,), ("--stack", STACK)], ids=["recipe", "tags"])
@pytest.mark.parametrize("nat", ["none", "per-zone"])
def test_destroy_leaves_nothing(cloud, eksrun, reader, how, nat):
    before = in_account(reader)
    apply(eksrun, f"nat={nat}")
    params = [f"nat={nat}"] if how == (RECIPE,) else []
    result = eksrun("destroy", *how, *params, "--yes")
    assert result.status == 0, result
    assert in_account(reader) == before
    order = [call.operation for call in cloud.mutating() if call.operation.startswith("Delete")]
    assert order.index("DeleteNodegroup") < order.index("DeleteCluster") < order.index("DeleteVpc")
    if nat != "none":
        assert order.index("DeleteNodegroup") < order.index("DeleteNatGateway")


def test_lost_answers_leave_no_duplicate(cloud, eksrun, reader):
    """The first answer to each kind of creation is lost behind the server's back: further runs put it right.

    Not a network's: of two networks one goes, with all that is in it, and moto never frees the address of a NAT
    gateway that was deleted.
    """
    lost = set()

    def fault(service, operation, nth):
        if operation.startswith("Create") and operation != "CreateVpc" and nth == 1:
            lost.add(operation)
            return "half"
        return None

    cloud.fault = fault
    runs = []
    while len(runs) < 12 and not (runs and runs[-1].status == 0 and plan(eksrun) == {}):
        runs.append(eksrun(RECIPE, "--yes"))
    assert plan(eksrun) == {}, runs[-1]
    assert len(lost) >= 7, lost
    kinds = [name.split()[0] for name, tags in reader.everything().items() if tags.get("eksrun:stack") == STACK]
    assert {kind: kinds.count(kind) for kind in kinds} == KINDS
