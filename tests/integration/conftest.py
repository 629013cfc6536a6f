"""The fixtures: a moto for the session, a recording proxy and a clean home for each test."""

import os
import pathlib
import subprocess
import sys

import pytest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from support.moto_copies import Copy  # noqa: E402
from support.proxy import Proxy  # noqa: E402
from support.reader import REGION, Reader  # noqa: E402
from support.terminal import Terminal  # noqa: E402

EKSRUN = pathlib.Path(os.environ.get("EKSRUN", ROOT / "build/eksrun")).resolve()
TIMEOUT = 120  # seconds: nothing here may take that long


class Result:
    def __init__(self, process):
        self.status, self.stdout, self.stderr = process.returncode, process.stdout, process.stderr

    def __repr__(self):
        return f"exit status {self.status}\n--- stdout\n{self.stdout}\n--- stderr\n{self.stderr}"


class Shell:
    """Runs eksrun in a clean home with nothing of the caller's environment but the PATH."""

    def __init__(self, home, endpoint=None):
        self.home = home
        self.env = {
            "PATH": os.environ["PATH"], "HOME": str(home), "TERM": "dumb", "LC_ALL": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": REGION,
            "EKSRUN_SETTLE_SECONDS": "0.5",  # moto shows what it made at once
        }
        self.env |= {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        if endpoint:
            self.env["AWS_ENDPOINT_URL"] = endpoint

    def __call__(self, *args, stdin="", cwd=ROOT, timeout=TIMEOUT, **env):
        """env: variables to add; None takes one away."""
        merged = {k: v for k, v in {**self.env, **env}.items() if v is not None}
        return Result(subprocess.run(
            [str(EKSRUN), *map(str, args)], input=stdin, capture_output=True, text=True, env=merged,
            cwd=cwd, timeout=timeout))


@pytest.fixture(scope="session")
def moto():
    with Copy() as server:
        yield server


@pytest.fixture
def cloud(moto):
    """An empty AWS behind a recording proxy."""
    moto.reset()
    with Proxy(moto.url) as proxy:
        yield proxy


@pytest.fixture
def reader(moto):
    return Reader(moto.url)


@pytest.fixture
def home(tmp_path):
    path = tmp_path / "home"
    path.mkdir()
    return path


@pytest.fixture
def eksrun(cloud, home):
    """eksrun against the empty AWS."""
    return Shell(home, cloud.url)


@pytest.fixture
def eksrun_at(home):
    """eksrun against any endpoint: eksrun_at(url)."""
    return lambda endpoint: Shell(home, endpoint)


@pytest.fixture
def terminal(eksrun):
    """Starts eksrun on a terminal: terminal(*words, rows=, columns=, **environment)."""
    opened = []

    def start(*words, rows=24, columns=80, through=(), **env):
        merged = {k: v for k, v in {**eksrun.env, "TERM": "xterm-256color", **env}.items() if v is not None}
        opened.append(Terminal([*through, str(EKSRUN), *map(str, words)], merged, ROOT, rows, columns))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
