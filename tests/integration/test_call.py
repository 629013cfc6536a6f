"""eksrun call beside the AWS CLI: the same words give the same parameters, the same answers the
same text. The AWS CLI runs in this process, eksrun once for all command lines of a test."""

import base64
import contextlib
import datetime
import io
import json
import os
import random
import subprocess

import awscli.clidriver
import botocore.client
import botocore.session
import pytest
import yaml

from conftest import EKSRUN, ROOT
from support.reader import REGION

SERVICES = ["eks", "ec2", "iam", "ssm", "kms", "dynamodb", "elbv2", "autoscaling", "logs", "sts", "ecr",
            "lambda", "acm", "route53", "cloudformation", "events", "sqs", "secretsmanager"]
# Flags of eksrun call in AWS's lower-case spelling.
TAKEN = {"DryRun", "dryRun", "MaxItems", "maxItems"}


@pytest.fixture
def aws(home, monkeypatch):
    """The AWS CLI: aws(words...) gives its status, stdout and stderr."""
    config = home / "config"
    config.write_text(f"[default]\nregion = {REGION}\ncli_timestamp_format = iso8601\n")
    for name in list(os.environ):
        if name.startswith("AWS_") and name != "AWS_DATA_PATH":  # that one is awscli's own
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_PAGER", "")
    driver = awscli.clidriver.create_clidriver()

    def run(*words):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                status = driver.main([str(word) for word in words])
            except SystemExit as e:
                status = e.code
        return status, out.getvalue(), err.getvalue()

    return run


# ---- words to parameters

class Writer:
    """Random parameters of an operation, and a way to write each on a command line."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def text(self, shape):
        if shape.enum:
            return self.random.choice(shape.enum)
        return self.random.choice(["x", "a b", "vpc-1", "a,b", "k=v", "it's", 'say "so"', "é", "[x", "{y",
                                   "arn:aws:iam::1:role/r", "tag:Name", "*", "back\\slash", "x]", "y}", "10.0.0.0/8"])

    def value(self, shape, depth=0):
        kind = shape.type_name
        if kind == "structure":
            names = list(shape.members)
            if depth > 2:
                names = shape.required_members
            else:
                names = [n for n in names if n in shape.required_members or self.random.random() < 0.5]
            if getattr(shape, "is_tagged_union", False):
                names = names[:1] or list(shape.members)[:1]
            return {n: self.value(shape.members[n], depth + 1) for n in names}
        if kind == "list":
            return [self.value(shape.member, depth + 1) for _ in range(self.random.randint(1, 3))]
        if kind == "map":
            keys = ["a", "b-c", "d.e", "f/g"][: self.random.randint(1, 3)]
            if shape.key.enum:
                keys = shape.key.enum[:2]
            return {key: self.value(shape.value, depth + 1) for key in keys}
        if kind in ("integer", "long"):
            return self.random.randint(0, 1000)
        if kind in ("float", "double"):
            return self.random.choice([0.5, 1.25, 100.0])
        if kind == "boolean":
            return self.random.random() < 0.5
        if kind == "timestamp":
            return "2026-01-31T12:00:00Z"
        if kind == "blob":
            return "bytes"
        return self.text(shape)

    def scalar(self, value):
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value)

    def quoted(self, text):
        """A text as a value of shorthand, in one of the forms that hold it."""
        bare = text and not any(c in text for c in "'\",=[]{}\\ ") and text.isascii()
        form = self.random.choice(["'", '"'] + (["", ""] if bare else []))
        if not form:
            return text
        return form + text.replace("\\", "\\\\").replace(form, "\\" + form) + form

    def shorthand(self, value, top=False):
        if isinstance(value, dict):
            inner = ",".join(f"{key}={self.shorthand(item)}" for key, item in value.items())
            return inner if top else "{" + inner + "}"
        if isinstance(value, list):
            return "[" + ",".join(self.shorthand(item) for item in value) + "]"
        return self.quoted(self.scalar(value))

    def words(self, shape, value):
        kind = shape.type_name
        if kind in ("structure", "map"):
            if value and self.random.random() < 0.6 and not has_empty(value):
                return [self.shorthand(value, top=True)]
            return [json.dumps(value)]
        if kind == "list":
            if shape.member.type_name in ("structure", "map", "list"):
                if self.random.random() < 0.6 and all(value) and not any(map(has_empty, value)):
                    if shape.member.type_name != "list":
                        return [self.shorthand(item, top=True) for item in value]
                return [json.dumps(value)]
            words = [self.scalar(item) for item in value]
            if self.random.random() < 0.7 and not words[0].lstrip().startswith(("[", "{")):
                return words
            return [json.dumps(value)]
        return [self.scalar(value)]


def has_empty(value):
    """Empty structures have no shorthand at every place."""
    if isinstance(value, dict):
        return not value or any(map(has_empty, value.values()))
    return isinstance(value, list) and (not value or any(map(has_empty, value)))


def is_plain(shape, seen=()):
    """Nothing in it that the AWS CLI treats apart: documents, files, recursion."""
    if shape.name in seen or getattr(shape, "is_document_type", False) or shape.serialization.get("streaming"):
        return False
    if shape.serialization.get("jsonvalue"):
        return False
    parts = []
    if shape.type_name == "structure":
        parts = shape.members.values()
    elif shape.type_name == "list":
        parts = [shape.member]
    elif shape.type_name == "map":
        parts = [shape.key, shape.value]
    return all(is_plain(part, (*seen, shape.name)) for part in parts)


def command_lines(count, seed):
    session = botocore.session.get_session()
    writer = Writer(seed)
    found = []
    for service in SERVICES:
        model = session.get_service_model(service)
        names = [n for n in model.operation_names if model.operation_model(n).input_shape]
        for name in writer.random.sample(names, min(count, len(names))):
            shape = model.operation_model(name).input_shape
            if not is_plain(shape):
                continue
            params = {key: value for key, value in writer.value(shape).items() if key not in TAKEN}
            words = [service, botocore.xform_name(name, "-")]
            for key, value in params.items():
                member = shape.members[key]
                flag = botocore.xform_name(key, "-")
                if member.type_name == "boolean":
                    words.append(f"--{'' if value else 'no-'}{flag}")
                else:
                    words += [f"--{flag}", *writer.words(member, value)]
            found.append((words, params))
    return found


DRIVER = """
local json = require "eksrun.json"
local call = require "eksrun.cli.call"
for line in io.lines() do
  local ok, parsed = pcall(call.parse, json.decode(line))
  local answer = ok and { given = json.object(parsed.request.given) } or { error = tostring(parsed) }
  print(json.encode(answer, { replace_invalid = true }))
end
"""


def eksrun_parses(lines, home):
    driver = home / "driver.lua"
    driver.write_text(DRIVER)
    done = subprocess.run([str(EKSRUN), "lua", str(driver)], input="".join(json.dumps(line) + "\n" for line in lines),
                          capture_output=True, text=True, cwd=ROOT, timeout=120,
                          env={"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8"})
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def normal(value):
    """The AWS CLI's parameters as JSON has them; times as eksrun reads them."""
    if isinstance(value, dict):
        return {key: normal(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [normal(item) for item in value]
    if isinstance(value, bytes):
        return value.decode()
    if value == "2026-01-31T12:00:00Z":
        return 1769860800
    return value


def test_the_same_words_give_the_same_parameters(aws, home, monkeypatch):
    taken = {}

    def record(self, name, params):
        taken["params"] = params
        return {"ResponseMetadata": {}}

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", record)
    lines = command_lines(12, 20261123)
    ours = eksrun_parses([[*words, "--cli-binary-format", "raw-in-base64-out"] for words, _ in lines], home)
    compared, different = 0, []
    for (words, params), answer in zip(lines, ours):
        taken.clear()
        aws(*words, "--no-paginate")
        if not taken:
            continue  # it has arguments of its own here, not the model's
        compared += 1
        if answer.get("given") != normal(taken["params"]):
            different.append((words, normal(taken["params"]), answer))
    assert not different, f"{len(different)} of {compared}: {different[:3]}"
    assert compared > 0.95 * len(lines) > 150


# ---- answers to text

@pytest.fixture
def seeded(cloud, reader):
    """An account with something of each kind that is listed."""
    ec2, iam, eks = reader.ec2, reader.client("iam"), reader.eks
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=[
        {"ResourceType": "vpc", "Tags": [{"Key": "Name", "Value": "日本, \"x\""}, {"Key": "a", "Value": ""}]}])["Vpc"]["VpcId"]
    subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.1.{i}.0/24")["Subnet"]["SubnetId"] for i in range(2)]
    ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)
    ec2.run_instances(ImageId="ami-12c6146b", MinCount=2, MaxCount=2, SubnetId=subnets[0])
    for i in range(3):
        iam.create_user(UserName=f"user-{i}", Tags=[{"Key": "n", "Value": str(i)}])
    role = iam.create_role(RoleName="r", AssumeRolePolicyDocument='{"Version": "2012-10-17", "Statement": []}')
    eks.create_cluster(name="demo", roleArn=role["Role"]["Arn"],
                       resourcesVpcConfig={"subnetIds": subnets}, tags={"a": "b"})
    reader.client("ssm").put_parameter(Name="/a/b", Value="1", Type="String")
    reader.client("kms").create_key(Description="k")
    reader.client("logs").create_log_group(logGroupName="g")
    table = reader.client("dynamodb")
    table.create_table(TableName="t", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                       AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                       BillingMode="PAY_PER_REQUEST")
    table.put_item(TableName="t", Item={"id": {"S": "1"}, "b": {"B": b"\0\1"}, "n": {"N": "1.50"},
                                        "l": {"L": [{"NULL": True}, {"M": {"x": {"BOOL": False}}}]}})
    return cloud


COMMANDS = [
    ["sts", "get-caller-identity"],
    ["ec2", "describe-vpcs"],
    ["ec2", "describe-vpcs", "--filters", "Name=cidr-block,Values=10.1.0.0/16,10.9.0.0/16", "--query", "Vpcs[0].Tags"],
    ["ec2", "describe-subnets"],
    ["ec2", "describe-subnets", "--query", "Subnets[].[SubnetId,AvailabilityZone,AvailableIpAddressCount]"],
    ["ec2", "describe-subnets", "--query", "Subnets[].{id: SubnetId, public: MapPublicIpOnLaunch, none: Nothing}"],
    ["ec2", "describe-instances"],
    ["ec2", "describe-instances", "--query", "Reservations[].Instances[].LaunchTime"],
    ["ec2", "describe-security-groups", "--query", "SecurityGroups[?GroupName=='g']"],
    ["ec2", "describe-regions", "--region-names", "eu-west-1", "us-east-1"],
    ["ec2", "describe-availability-zones", "--query", "length(AvailabilityZones)"],
    ["ec2", "describe-route-tables"],
    ["ec2", "describe-network-interfaces"],
    ["iam", "list-users"],
    ["iam", "list-users", "--query", "Users[].UserName"],
    ["iam", "list-users", "--query", "Users[?UserName=='none']"],
    ["iam", "get-role", "--role-name", "r"],
    ["iam", "list-roles", "--query", "Roles[0].AssumeRolePolicyDocument"],
    ["eks", "list-clusters"],
    ["eks", "describe-cluster", "--name", "demo"],
    ["eks", "describe-cluster", "--name", "demo", "--query", "cluster.[name, status, nothing]"],
    ["ssm", "get-parameters", "--names", "/a/b", "/none"],
    ["ssm", "get-parameter", "--name", "/a/b", "--query", "Parameter.Version"],
    ["kms", "list-keys", "--query", "Keys[].KeyArn"],
    ["logs", "describe-log-groups"],
    ["dynamodb", "describe-table", "--table-name", "t"],
    ["dynamodb", "get-item", "--table-name", "t", "--key", "id={S=1}"],
    ["dynamodb", "list-tables"],
]


def test_the_same_answers_give_the_same_text(seeded, aws, eksrun):
    paginators = {service: botocore.session.get_session().get_paginator_model(service)._paginator_config
                  for service in {words[0] for words in COMMANDS} - {"sts"}}
    names = {botocore.xform_name(name, "-"): name for config in paginators.values() for name in config}
    for words in COMMANDS:
        more = ["--all-pages"] if names.get(words[1]) in paginators.get(words[0], {}) else []
        for form in ("json", "text", "table"):
            status, theirs, err = aws(*words, "--output", form, "--endpoint-url", seeded.url)
            assert status == 0, (words, err)
            ours = eksrun("call", *words, "--output", form, *more)
            assert ours.status == 0, (words, ours)
            if form == "json":
                assert json.loads(ours.stdout or "{}") == json.loads(theirs or "{}"), words
                shown = eksrun("call", *words, "--output", "yaml", *more).stdout
                assert yaml.safe_load(shown) == json.loads(ours.stdout), words
                structured = isinstance(json.loads(ours.stdout), (dict, list))
            elif form == "text" or structured:  # of a lone value the AWS CLI's table shows the title only
                assert ours.stdout == theirs, (words, form)
