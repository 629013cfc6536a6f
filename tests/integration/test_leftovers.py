"""What Kubernetes makes in AWS, made by boto3 in its stead: it goes with its cluster, and nobody else's does."""

import json

import pytest

RECIPE = "recipes/managed-cluster.lua"
STACK = "managed-cluster/demo"


def tags(pairs):
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


class Controllers:
    """The load balancer controllers, in-tree and out, the CNI and the EBS driver of one cluster."""

    def __init__(self, reader, cluster, vpc, subnets):
        self.ec2, self.v2, self.v1 = reader.ec2, reader.client("elbv2"), reader.client("elb")
        self.cluster, self.vpc, self.subnets = cluster, vpc, subnets
        self.lbc = tags({"elbv2.k8s.aws/cluster": cluster})
        self.in_tree = tags({f"kubernetes.io/cluster/{cluster}": "owned"})

    def group(self, name, own):
        answer = self.ec2.create_security_group(
            GroupName=name, Description=name, VpcId=self.vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": own}])
        return answer["GroupId"]

    def act(self):
        name = self.cluster
        front = self.group(f"k8s-{name}-web", self.lbc)
        back = self.group(f"k8s-traffic-{name}", self.lbc)
        self.ec2.authorize_security_group_ingress(GroupId=back, IpPermissions=[{
            "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": front}]}])
        balancer = self.v2.create_load_balancer(
            Name=f"k8s-{name}-web", Subnets=self.subnets, SecurityGroups=[front], Tags=self.lbc,
        )["LoadBalancers"][0]["LoadBalancerArn"]
        targets = self.v2.create_target_group(
            Name=f"k8s-{name}-web", Protocol="HTTP", Port=80, VpcId=self.vpc, Tags=self.lbc,
        )["TargetGroups"][0]["TargetGroupArn"]
        self.v2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[
            {"Type": "forward", "TargetGroupArn": targets}])
        classic = self.group(f"k8s-elb-{name}", self.in_tree)
        self.v1.create_load_balancer(
            LoadBalancerName=f"a{name}", Subnets=self.subnets, SecurityGroups=[classic], Tags=self.in_tree,
            Listeners=[{"Protocol": "TCP", "LoadBalancerPort": 80, "InstancePort": 30080}])
        self.ec2.create_network_interface(
            SubnetId=self.subnets[0], Description="aws-K8S-i-0123456789abcdef0",
            TagSpecifications=[{"ResourceType": "network-interface", "Tags": tags({
                "node.k8s.amazonaws.com/instance_id": "i-0123456789abcdef0",
                f"kubernetes.io/cluster/{name}": "owned"})}])
        self.ec2.create_volume(
            AvailabilityZone="us-east-1a", Size=4, TagSpecifications=[{"ResourceType": "volume", "Tags": tags({
                f"kubernetes.io/cluster/{name}": "owned", "kubernetes.io/created-for/pvc/name": "data",
                "kubernetes.io/created-for/pvc/namespace": "db"})}])


def balancers(reader):
    return sorted([b["LoadBalancerName"] for b in reader.client("elbv2").describe_load_balancers()["LoadBalancers"]]
                  + [b["LoadBalancerName"]
                     for b in reader.client("elb").describe_load_balancers()["LoadBalancerDescriptions"]])


def network_of(reader, stack):
    found = {key: name.split()[1] for name, own in reader.everything().items()
             for key in [own.get("eksrun:resource")] if own.get("eksrun:stack") == stack}
    return found["network/vpc"], [found["network/public/a"], found["network/public/b"]]


@pytest.mark.parametrize("cluster_is_gone", [False, True], ids=["whole", "without-cluster"])
def test_goes_with_its_cluster(eksrun, reader, cluster_is_gone):
    assert eksrun(RECIPE, "nat=none", "--yes").status == 0
    vpc, subnets = network_of(reader, STACK)
    Controllers(reader, "demo", vpc, subnets).act()
    other = reader.ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"]
    Controllers(reader, "other", other[0]["VpcId"], [s["SubnetId"] for s in other[:2]]).act()
    reader.client("elbv2").create_load_balancer(
        Name="by-hand", Subnets=[s["SubnetId"] for s in other[:2]])
    if cluster_is_gone:
        reader.eks.delete_nodegroup(clusterName="demo", nodegroupName="general")
        reader.eks.delete_cluster(name="demo")

    result = eksrun("destroy", "--stack", STACK, "--yes", "--json")
    assert result.status == 0, result
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    planned = {line["address"]: line["type"] for line in lines if line["event"] == "change"}
    assert planned["k8s-demo-web"] and planned["ademo"] == "elb.load_balancer"
    assert "k8s-other-web" not in planned
    if not cluster_is_gone:
        left = [line for line in lines if line["event"] == "left"]
        assert [(line["type"], line["blocks"]) for line in left] == [("ec2.volume", False)]
        assert "db/data" in left[0]["reason"]
    # AWS would not delete a network with anything in it; moto does.
    inside = [{"Name": "vpc-id", "Values": [vpc]}]
    assert reader.ec2.describe_vpcs(Filters=inside)["Vpcs"] == []
    assert reader.ec2.describe_security_groups(Filters=inside)["SecurityGroups"] == []
    assert reader.ec2.describe_network_interfaces(Filters=inside)["NetworkInterfaces"] == []
    assert balancers(reader) == ["aother", "by-hand", "k8s-other-web"]
    groups = reader.client("elbv2").describe_target_groups()["TargetGroups"]
    assert [group["TargetGroupName"] for group in groups] == ["k8s-other-web"]
    assert len(reader.ec2.describe_volumes()["Volumes"]) == 2


def test_names_what_it_does_not_take(eksrun, reader):
    assert eksrun("recipes/vpc.lua", "name=demo", "--yes").status == 0
    vpc, subnets = network_of(reader, "vpc/demo")
    reader.client("elbv2").create_load_balancer(Name="by-hand", Subnets=subnets)
    result = eksrun("destroy", "--stack", "vpc/demo")
    assert result.status == 2 and "add --yes" in result.stderr
    assert "in the way: elbv2.load_balancer by-hand: not known to be of Kubernetes" in result.stderr
    assert balancers(reader) == ["by-hand"]
