"""A sample of script/crash: runs that are killed at some of their requests, and run once more."""

import os
import subprocess
import sys

import pytest

from conftest import EKSRUN, ROOT

MODES = ("journal", "no-journal")


@pytest.fixture(scope="module")
def sample():
    modes = [word for mode in MODES for word in ("--mode", mode)]
    return subprocess.run(
        [sys.executable, str(ROOT / "tests/integration/support/crash.py"), "--every", "40", "--jobs", "2", *modes],
        capture_output=True, text=True, timeout=500, env={**os.environ, "EKSRUN": str(EKSRUN)}, check=False)


@pytest.mark.parametrize("scenario", ["create", "update", "destroy", "give-up"])
def test_a_killed_run_converges(sample, scenario):
    lines = sample.stdout.splitlines()
    wrong = [line for line in lines if line.startswith(f"WRONG: {scenario} ")]
    assert not wrong, "\n".join(wrong)
    for mode in MODES:
        assert any(line.startswith(f"{scenario}, {mode}: ") for line in lines), sample.stdout + sample.stderr


def test_all_killed_runs_converge(sample):
    assert sample.returncode == 0, sample.stdout + sample.stderr
    assert "duplicates 0, orphans 0, questions 0" in sample.stdout
