"""Two runs on one stack, a holder that dies, and a lock that is ended by hand."""

import contextlib
import json
import signal
import subprocess
import threading
import time

import pytest

from conftest import EKSRUN, ROOT

RECIPE = "recipes/managed-cluster.lua"
STACK = "managed-cluster/demo"
PATH = "/eksrun/managed-cluster-demo-"


NET = """
local eksrun, ec2 = require "eksrun", require "eksrun.ec2"
local p = eksrun.params { name = { "net", "name" }, team = { "core", "a tag" } }
ec2.vpc { CidrBlock = "10.0.0.0/16", tags = { team = p.team } }
"""


@contextlib.contextmanager
def holding(cloud, eksrun, *args):
    """A run that holds the lock and waits for an answer: (process, function that lets the call arrive)."""
    arrived, go = threading.Event(), threading.Event()

    def fault(service, operation, nth):
        if operation == "CreateVpc" and nth == 1:
            arrived.set()
            go.wait(60)

    cloud.fault = fault
    process = subprocess.Popen([str(EKSRUN), *map(str, args), "--yes"], cwd=ROOT, env=eksrun.env, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert arrived.wait(60), process.communicate(timeout=1)
        yield process, go.set
    finally:
        go.set()
        process.kill()
        process.wait()


@pytest.fixture
def held(cloud, eksrun):
    with holding(cloud, eksrun, RECIPE) as (process, go):
        yield process, go


def records(reader):
    """The records of the lock, oldest first."""
    pages = reader.client("ssm").get_paginator("get_parameters_by_path").paginate(Path="/eksrun", Recursive=True)
    found = {p["Name"]: p["Value"] for page in pages for p in page["Parameters"] if "/lock/" in p["Name"]}
    return [json.loads(found[name]) for name in sorted(found)]


def test_the_second_is_refused_and_told_who_holds_it(held, eksrun):
    process, _ = held
    second = eksrun(RECIPE, "--yes")
    assert second.status == 1, second
    assert f"{STACK} is being changed by" in second.stderr
    assert f"process {process.pid}, apply {RECIPE}" in second.stderr
    assert "eksrun unlock --stack " + STACK in second.stderr


def test_the_second_waits_if_asked_to(held, eksrun, cloud, reader):
    process, go = held
    threading.Timer(1, go).start()
    second = eksrun(RECIPE, "--yes", "--wait", "60")
    assert second.status == 0, second
    assert process.wait(60) == 0
    assert [call.operation for call in cloud.calls].count("CreateVpc") == 1
    nonces = [record["nonce"] for record in records(reader)]
    assert len(set(nonces)) == 2 and nonces == sorted(nonces, key=nonces.index)
    assert [record["kind"] for record in records(reader)].count("release") == 2


def test_a_dead_holder_of_this_machine_is_taken_over_at_once(held, eksrun, reader):
    process, go = held
    process.send_signal(signal.SIGKILL)
    process.wait()
    go()
    start = time.monotonic()
    second = eksrun(RECIPE, "--yes")
    assert second.status == 0, second
    assert time.monotonic() - start < 60  # a lease and its margin are more
    assert eksrun("plan", RECIPE).status == 0


def rewrite(reader, **fields):
    """Puts a record of another machine's under the next number."""
    ssm = reader.client("ssm")
    names = [p["Name"] for page in ssm.get_paginator("get_parameters_by_path").paginate(Path="/eksrun", Recursive=True)
             for p in page["Parameters"] if "/lock/" in p["Name"]]
    record = {**records(reader)[-1], "kind": "hold", "nonce": "0" * 32, **fields}
    record["owner"] = {"user": "ann", "host": "elsewhere", "pid": 7, "machine": "another", "command": "apply x"}
    name = max(names)
    ssm.put_parameter(Name=name[:-12] + "%012d" % (int(name[-12:]) + 1), Value=json.dumps(record), Type="String")


def test_a_holder_elsewhere_keeps_it_until_its_lease_ends(eksrun, reader):
    assert eksrun(RECIPE, "--yes").status == 0
    now = time.time()
    rewrite(reader, at=now, deadline=now + 100)
    refused = eksrun(RECIPE, "nodes=3", "--yes")
    assert refused.status == 1, refused
    assert "ann@elsewhere (process 7, apply x)" in refused.stderr
    # Ended, but within the margin by which clocks may differ.
    rewrite(reader, at=now - 130, deadline=now - 2)
    assert eksrun(RECIPE, "nodes=3", "--yes").status == 1
    rewrite(reader, at=now - 200, deadline=now - 60)
    assert eksrun(RECIPE, "nodes=3", "--yes").status == 0


def test_unlock_ends_a_hold(eksrun, reader):
    assert eksrun(RECIPE, "--yes").status == 0
    rewrite(reader, at=time.time(), deadline=time.time() + 100)
    asked = eksrun("unlock", "--stack", STACK)
    assert asked.status == 2, asked
    ended = eksrun("unlock", "--stack", STACK, "--yes")
    assert ended.status == 0 and "ann@elsewhere" in ended.stderr, ended
    last = records(reader)[-1]
    assert last["kind"] == "release" and last["forced_by"]["pid"]
    assert eksrun(RECIPE, "nodes=3", "--yes").status == 0
    assert "nobody holds" in eksrun("unlock", "--stack", STACK, "--yes").stderr


def test_without_the_lock_nothing_is_written_down(eksrun, cloud, reader):
    assert eksrun(RECIPE, "--yes", "--no-lock").status == 0
    assert records(reader) == []
    assert not [call for call in cloud.calls if call.operation == "PutParameter"]


class Parameters:
    """The records of a lock as SSM has them: {name: text}."""
    name = "ssm"

    def __init__(self, reader):
        self.client = reader.client("ssm")

    def read(self):
        pages = self.client.get_paginator("get_parameters_by_path").paginate(Path="/eksrun", Recursive=True)
        return {p["Name"]: p["Value"] for page in pages for p in page["Parameters"] if "/lock/" in p["Name"]}

    def write(self, name, text):
        self.client.put_parameter(Name=name, Value=text, Type="String", Overwrite=True)


class Objects:
    name = "s3://locks/of/us"

    def __init__(self, reader):
        self.client = reader.client("s3")
        self.client.create_bucket(Bucket="locks")

    def read(self):
        keys = [o["Key"] for o in self.client.list_objects_v2(Bucket="locks").get("Contents", [])]
        return {key: self.client.get_object(Bucket="locks", Key=key)["Body"].read() for key in keys if "/lock/" in key}

    def write(self, name, text):
        self.client.put_object(Bucket="locks", Key=name, Body=text)


class Items:
    name = "dynamodb://locks"

    def __init__(self, reader):
        self.client = reader.client("dynamodb")
        self.client.create_table(
            TableName="locks", BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "stack", "AttributeType": "S"},
                                  {"AttributeName": "slot", "AttributeType": "N"}],
            KeySchema=[{"AttributeName": "stack", "KeyType": "HASH"}, {"AttributeName": "slot", "KeyType": "RANGE"}])

    def read(self):
        items = self.client.scan(TableName="locks")["Items"]
        return {f"{i['stack']['S']} {int(i['slot']['N']):012}": i["record"]["S"] for i in items}

    def write(self, name, text):
        stack, slot = name.split()
        self.client.put_item(TableName="locks", Item={
            "stack": {"S": stack}, "slot": {"N": str(int(slot))}, "record": {"S": text}})


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.lua"
    path.write_text(NET)
    return path


def move_elsewhere(store):
    """The newest record is of another machine, where nobody can be seen to be gone."""
    found = store.read()
    name = max(found)
    record = json.loads(found[name])
    record["owner"] |= {"machine": "another", "host": "elsewhere"}
    store.write(name, json.dumps(record))


@pytest.mark.parametrize("make", [Parameters, Objects, Items], ids=["ssm", "s3", "dynamodb"])
def test_one_holds_it_wherever_it_is_kept(make, cloud, eksrun, reader, net):
    store = make(reader)
    eksrun.env["EKSRUN_LOCK"] = store.name
    with holding(cloud, eksrun, net) as (first, go):
        refused = eksrun(net, "--yes")
        assert refused.status == 1 and f"process {first.pid}, apply {net}" in refused.stderr, refused
        assert "in a run" in eksrun("stacks").stdout
        first.kill()
        first.wait()
        move_elsewhere(store)
        refused = eksrun(net, "--yes")
        assert refused.status == 1 and f"@elsewhere (process {first.pid}" in refused.stderr, refused
        assert "@elsewhere" in eksrun("status", net).stdout
        cloud.ahead = 125  # the lease is over, the margin is not
        assert eksrun(net, "--yes").status == 1
        cloud.ahead = 140
        second = eksrun(net, "--yes")
        assert second.status == 0, second
    found = store.read()
    last = [json.loads(found[name]) for name in sorted(found)]
    assert [r["kind"] for r in last] == ["hold"] * (len(last) - 1) + ["release"] and last[-1]["complete"]
    assert len({r["nonce"] for r in last}) == 2
    assert "complete" in eksrun("stacks").stdout
    assert "nobody holds" in eksrun("unlock", "--stack", "net/net", "--yes").stderr
    if make is not Parameters:
        assert not [call for call in cloud.calls if call.operation == "PutParameter"]


@pytest.mark.parametrize("fence, made", [((), 2), (("--fence", "signature"), 1)], ids=["no fence", "signature"])
def test_a_call_that_arrives_behind_the_lease(fence, made, cloud, eksrun, reader, net):
    """A second network without a fence; with one, AWS refuses it."""
    cloud.ages["ec2"] = 300
    with holding(cloud, eksrun, net, *fence) as (first, go):
        first.kill()
        first.wait()
        move_elsewhere(Parameters(reader))
        cloud.ahead = 140
        second = eksrun(net, "--yes", *fence)
        assert second.status == 0, second
        before = len(cloud.calls)
        go()
        while len(cloud.calls) == before:
            time.sleep(0.01)
    ours = [v for v in reader.ec2.describe_vpcs()["Vpcs"] if v["CidrBlock"] == "10.0.0.0/16"]
    assert len(ours) == made


def test_the_session_of_a_fence_makes_the_changes(cloud, eksrun, reader, net):
    role = reader.iam.create_role(RoleName="deploy", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    other = eksrun(net, "--yes", "--fence", "session=" + role.replace("123456789012", "210987654321"))
    assert other.status == 2 and "is of account 210987654321" in other.stderr, other
    cloud.forget()
    assert eksrun(net, "--yes", "--fence", "session=" + role).status == 0
    keys = {call.operation: call.access_key for call in cloud.calls}
    assert keys["CreateVpc"] != "testing" and keys["CreateVpc"]
    assert keys["DescribeVpcs"] == keys["PutParameter"] == keys["AssumeRole"] == "testing"
    assumed = [call for call in cloud.calls if call.operation == "AssumeRole"]
    assert len(assumed) == 1 and "aws:CurrentTime" in assumed[0].params["Policy"]


def test_flags_that_say_nothing_are_refused(eksrun, net):
    for flags in (["--lock", "s4://x"], ["--fence", "maybe"], ["--fence", "signature", "--no-lock"]):
        result = eksrun(net, "--yes", *flags)
        assert result.status == 2 and flags[0] in result.stderr, result
    assert "EKSRUN_LOCK: 'here' is neither" in eksrun("plan", net, EKSRUN_LOCK="here").stderr
