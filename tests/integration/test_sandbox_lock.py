"""Two runs on one stack of `eksrun sandbox`, where what is new is seen late; and a holder that is killed."""

import json
import signal
import subprocess
import time

import pytest

from conftest import EKSRUN, ROOT, Shell
from support.reader import Reader
from support.sandbox import Sandbox

LATE = 1  # seconds after which EC2 shows what is new
NET = """
local eksrun, ec2 = require "eksrun", require "eksrun.ec2"
local p = eksrun.params { name = { "net", "name" }, team = { "core", "a tag" } }
ec2.vpc { CidrBlock = "10.0.0.0/16", tags = { team = p.team } }
"""


@pytest.fixture
def net(tmp_path):
    path = tmp_path / "net.lua"
    path.write_text(NET)
    return path


def shell(home, sandbox):
    home.mkdir(exist_ok=True)
    return Shell(home, sandbox.url)


def begin(eksrun, *args):
    return subprocess.Popen([str(EKSRUN), *map(str, args)], cwd=ROOT, text=True, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            env={**eksrun.env, "EKSRUN_SETTLE_SECONDS": str(LATE)})


def until(home, event):
    """Waits for the journal to have that event."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for path in home.glob(".local/state/eksrun/stacks/*.journal"):
            if f'"event":"{event}"' in path.read_text():
                return
        time.sleep(0.01)
    raise TimeoutError(event)


def records(sandbox):
    """[(name, record)] of the lock, oldest first."""
    pages = Reader(sandbox.url).client("ssm").get_paginator("get_parameters_by_path").paginate(
        Path="/eksrun", Recursive=True)
    return sorted((p["Name"], json.loads(p["Value"])) for page in pages for p in page["Parameters"]
                  if "/lock/" in p["Name"])


def networks(sandbox):
    return [v for v in Reader(sandbox.url).ec2.describe_vpcs()["Vpcs"] if v["CidrBlock"] == "10.0.0.0/16"]


def test_of_two_at_once_one_works_and_the_other_waits_or_is_refused(tmp_path, net):
    with Sandbox("--faults", f"late={LATE}s") as sandbox:
        eksrun = shell(tmp_path / "one", sandbox)
        first = begin(eksrun, net, "--yes")
        until(eksrun.home, "intent")
        first.send_signal(signal.SIGSTOP)  # it holds the lock for as long as we look
        refused = shell(tmp_path / "two", sandbox)(net, "team=web", "--yes")
        assert refused.status == 1 and f"process {first.pid}, apply {net}" in refused.stderr, refused
        waiting = begin(shell(tmp_path / "two", sandbox), net, "team=web", "--yes", "--wait", "60")
        while "is being changed by" not in waiting.stderr.readline():
            pass
        first.send_signal(signal.SIGCONT)
        assert first.wait(60) == 0, first.communicate()
        assert waiting.wait(60) == 0, waiting.communicate()
        held = [record for _, record in records(sandbox)]
        assert [r["kind"] for r in held].count("release") == 2
        assert len({r["nonce"] for r in held}) == 2
        [made] = networks(sandbox)
        assert {"Key": "team", "Value": "web"} in made["Tags"]


def test_a_killed_holder_is_taken_over_after_its_lease_by_another_machine(tmp_path, net):
    """What it had made, and AWS does not show yet, is not made twice."""
    elsewhere = ["lua", "tests/crash/eksrun.lua", '{"elsewhere": true}', "apply", net, "team=web", "--yes"]
    with Sandbox("--faults", f"late={LATE}s") as sandbox:
        eksrun = shell(tmp_path / "one", sandbox)
        first = begin(eksrun, net, "--yes")
        until(eksrun.home, "done")
        first.kill()
        first.wait()
        refused = shell(tmp_path / "two", sandbox)(*elsewhere)
        assert refused.status == 1 and f"process {first.pid}, apply {net}" in refused.stderr, refused
        [(name, held)] = records(sandbox)
        held |= {"at": held["at"] - 200, "deadline": held["deadline"] - 200}  # as if so much time had passed
        Reader(sandbox.url).client("ssm").put_parameter(Name=name, Value=json.dumps(held), Overwrite=True)
        second = begin(shell(tmp_path / "two", sandbox), *elsewhere)
        assert second.wait(60) == 0, second.communicate()
        assert len(networks(sandbox)) == 1
        assert records(sandbox)[-1][1]["kind"] == "release"
