"""A moto in this process that can be copied: fork() is a snapshot, so that a case begins in a state that took
long to make. And what a case is: eksrun in a home of its own, what boto3 sees behind it."""

import collections
import gc
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/integration"))

from support.moto_inside import MOTO, Served  # noqa: E402
from support.proxy import Proxy, rest_operations  # noqa: E402
from support.reader import REGION, Reader  # noqa: E402

EKSRUN = os.environ.get("EKSRUN", str(ROOT / "build/eksrun"))
RECIPE = "recipes/managed-cluster.lua"
STACK = "managed-cluster/demo"
TIMEOUT = 300  # seconds that a run may take


class World(Served):
    """The one moto of this process. `app` is its inside, for a Proxy."""

    app = staticmethod(MOTO)


class Run:
    def __init__(self, process):
        self.output, _ = process.communicate(timeout=TIMEOUT)
        self.status = process.returncode


class Home:
    """Runs eksrun in a home of its own against an endpoint."""

    def __init__(self, url, **env):
        self.path = tempfile.mkdtemp(prefix="eksrun-")
        self.env = {
            "PATH": os.environ["PATH"], "HOME": self.path, "TERM": "dumb", "LC_ALL": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": url, **env,
        }

    def start(self, *args):
        return subprocess.Popen([EKSRUN, *args], cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def run(self, *args):
        return Run(self.start(*args))

    def forget_journal(self):
        shutil.rmtree(self.path + "/.local", ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def inventory(url):
    """({kind: how many}, {address: [things]}, {things without an address}) of what is there."""
    everything = {name: tags for name, tags in Reader(url).everything().items()
                  if not name.startswith("network-interface ")}
    kinds = collections.Counter(name.split()[0] for name in everything)
    by_address = collections.defaultdict(list)
    for name, tags in everything.items():
        if tags.get("eksrun:stack") == STACK:
            by_address[tags["eksrun:resource"]].append(name)
    owned = {name for names in by_address.values() for name in names}
    return dict(kinds), dict(by_address), sorted(set(everything) - owned)


def warm():
    """Has moto and botocore load what they load at a first call: once for all cases, which begin empty."""
    rest_operations("eks")
    with World() as cloud:
        with Proxy(cloud.app) as proxy, Home(proxy.url, EKSRUN_SETTLE_SECONDS="0") as shell:
            for args in ((RECIPE, "--yes"), ("destroy", RECIPE, "--yes")):
                run = shell.run(*args)
                assert run.status == 0, run.output
        urllib.request.urlopen(cloud.url + "/moto-api/reset", b"").close()
        inventory(cloud.url)
    gc.freeze()


def forked(cases, jobs):
    """Yields (case, result of case(), or the text of what it raised) of callables, each in a copy of this process."""
    waiting, running = collections.deque(cases), {}
    while waiting or running:
        while waiting and len(running) < jobs:
            case = waiting.popleft()
            out = tempfile.TemporaryFile("w+")
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                try:
                    signal.signal(signal.SIGINT, signal.SIG_DFL)
                    result = case()
                except BaseException:
                    result = traceback.format_exc()
                json.dump(result, out)
                out.flush()
                os._exit(0)
            running[pid] = case, out
        pid, _ = os.wait()
        if pid in running:
            case, out = running.pop(pid)
            out.seek(0)
            with out:
                yield case, json.loads(out.read() or '"a case died"')
