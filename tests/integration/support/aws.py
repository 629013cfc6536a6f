"""What tests of the sandbox do as a client of AWS: boto3 as it is, whose answers are held to AWS's models."""

import json
import os
from unittest import mock

import boto3
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator

REGION = "eu-west-1"


def unknown(value, shape, where=""):
    """Members of a JSON answer that the model does not have: botocore drops them silently."""
    if shape.type_name == "structure" and isinstance(value, dict):
        known = {part.serialization.get("name", name): part for name, part in shape.members.items()}
        for name, part in value.items():
            if name not in known:
                yield f"{where}.{name}"
            else:
                yield from unknown(part, known[name], f"{where}.{name}")
    elif shape.type_name in ("list", "map"):
        inner = shape.member if shape.type_name == "list" else shape.value
        for part in value if isinstance(value, list) else (value or {}).values():
            yield from unknown(part, inner, where)


def check_answer(http_response, parsed, model, **_):
    if http_response.status_code >= 300 or model.output_shape is None:
        return
    body = {name: value for name, value in parsed.items() if name != "ResponseMetadata"}
    report = ParamValidator().validate(body, model.output_shape)
    assert not report.has_errors(), f"{model.name}: {report.generate_report()}"
    if model.metadata["protocol"] == "rest-json":
        assert list(unknown(json.loads(http_response.content or "{}"), model.output_shape)) == [], model.name


def client(sandbox, service, **more):
    """As a user's program makes one: the environment says where AWS is."""
    env = {"AWS_ENDPOINT_URL": sandbox.url, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    with mock.patch.dict(os.environ, env):
        made = boto3.Session(region_name=REGION).client(service, **more)
    # Before boto3 makes of some texts what they mean.
    made.meta.events.register_first(f"after-call.{made.meta.service_model.service_id.hyphenize()}", check_answer)
    return made


def patiently(call, **params):
    """As on AWS, a new role cannot be assumed at once."""
    for _ in range(10):
        try:
            return call(**params)
        except ClientError as error:
            last = error
    raise last


def role(iam, name, service):
    trust = {"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": {"Service": service}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]}
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    nodes = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly")
    for policy in nodes if service == "ec2.amazonaws.com" else ():
        iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
    return made


def network(ec2):
    """A VPC with two subnets."""
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    ec2.get_waiter("vpc_available").wait(VpcIds=[vpc])
    return vpc, [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{i}.0/24", AvailabilityZone=REGION + zone)["Subnet"]["SubnetId"]
        for i, zone in enumerate("ab")
    ]


def without_network(ec2, vpc, subnets):
    for subnet in subnets:
        patiently(ec2.delete_subnet, SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
