"""The harness itself: what the other tests conclude from it must hold."""

import concurrent.futures
import threading

import botocore.exceptions
import pytest

from support.late import Late
from support.reader import Reader


def test_calls_are_recorded_by_service_and_operation(cloud):
    reader = Reader(cloud.url)
    vpc = reader.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    reader.ec2.describe_vpcs(VpcIds=[vpc])
    reader.eks.list_clusters()
    with pytest.raises(botocore.exceptions.ClientError):
        reader.eks.describe_cluster(name="none")
    reader.client("ssm").put_parameter(Name="a", Value="b", Type="String")
    assert [(c.service, c.operation, c.mutating, c.status) for c in cloud.calls] == [
        ("ec2", "CreateVpc", True, 200), ("ec2", "DescribeVpcs", False, 200),
        ("eks", "ListClusters", False, 200), ("eks", "DescribeCluster", False, 404),
        ("ssm", "PutParameter", True, 200)]
    assert cloud.calls[0].params["CidrBlock"] == "10.0.0.0/16"


def test_delayed_answers_overlap(cloud):
    cloud.delay = 0.2
    reader = Reader(cloud.url)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: reader.eks.list_clusters(), range(4)))
    assert all(call.end - call.start >= 0.2 for call in cloud.calls)
    assert max(call.start for call in cloud.calls) < min(call.end for call in cloud.calls)


@pytest.mark.parametrize("fault", ["drop", "half", (503, "text/html", b"<html>busy</html>")])
def test_faults_reach_the_client(cloud, fault):
    cloud.fault = lambda service, operation, nth: fault if operation == "ListClusters" else None
    with pytest.raises((botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError)):
        Reader(cloud.url).eks.list_clusters()


def test_reader_sees_what_is_made_and_what_is_gone(cloud, reader):
    before = reader.everything()
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "k", "Value": "v"}]}]
    vpc = reader.ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"]
    assert reader.everything()[f"vpc {vpc}"] == {"k": "v"}
    reader.ec2.delete_vpc(VpcId=vpc)
    assert f"vpc {vpc}" not in reader.everything()
    assert set(before) <= set(reader.everything())


def test_what_is_late_is_the_new_thing_and_nothing_that_refers_to_it(cloud):
    reader = Reader(cloud.url)
    vpc = reader.ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = reader.ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    address = reader.ec2.allocate_address(Domain="vpc")["AllocationId"]
    cloud.late = Late(60)
    reader.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)  # with an interface and an association
    assert reader.ec2.describe_nat_gateways()["NatGateways"] == []
    assert [found["AllocationId"] for found in reader.ec2.describe_addresses()["Addresses"]] == [address]
    cloud.late = None
    assert len(reader.ec2.describe_nat_gateways()["NatGateways"]) == 1


def test_a_drained_proxy_has_done_what_the_dead_had_sent(cloud):
    begun, go = threading.Event(), threading.Event()

    def fault(_, operation, nth):
        if operation == "CreateVpc":
            begun.set()
            go.wait(60)

    cloud.fault = fault
    client = threading.Thread(target=lambda: Reader(cloud.url).ec2.create_vpc(CidrBlock="10.0.0.0/16"))
    client.start()
    begun.wait(60)
    threading.Timer(0.05, go.set).start()
    cloud.drain()
    assert [call.operation for call in cloud.calls] == ["CreateVpc"]
    client.join()
