"""Two runs on one stack, a holder that dies, and a lock that is ended by hand."""

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


@pytest.fixture
def held(cloud, home, eksrun):
    """A run that holds the lock and waits for an answer: (process, function that lets it go on)."""
    arrived, go = threading.Event(), threading.Event()

    def fault(service, operation, nth):
        if operation == "CreateVpc" and not go.is_set():
            arrived.set()
            go.wait(60)

    cloud.fault = fault
    process = subprocess.Popen([str(EKSRUN), RECIPE, "--yes"], cwd=ROOT, env=eksrun.env, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert arrived.wait(60)
    yield process, go.set
    go.set()
    process.kill()
    process.wait()


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
