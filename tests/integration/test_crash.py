"""A sample of script/crash: runs that are killed at some of their requests, and run once more."""

import os
import subprocess
import sys

import pytest

from conftest import EKSRUN, ROOT


@pytest.mark.parametrize("scenario", ["create", "update", "destroy", "give-up"])
def test_a_killed_run_converges(scenario):
    sample = subprocess.run(
        [sys.executable, str(ROOT / "tests/integration/support/crash.py"), "--every", "40", "--jobs", "2",
         "--scenario", scenario, "--mode", "journal", "--mode", "no-journal"],
        capture_output=True, text=True, timeout=300, env={**os.environ, "EKSRUN": str(EKSRUN)}, check=False)
    assert sample.returncode == 0, sample.stdout + sample.stderr
    assert "duplicates 0, orphans 0, questions 0" in sample.stdout
