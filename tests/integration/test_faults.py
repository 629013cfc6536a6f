"""A sample of script/faults: throttling, 500s, resets and answers lost, and nothing made twice."""

import os
import subprocess
import sys

from conftest import EKSRUN, ROOT


def test_a_run_completes_through_faults():
    sample = subprocess.run(
        [sys.executable, str(ROOT / "tests/integration/support/faults.py"), "--seeds", "3", "--jobs", "3"],
        capture_output=True, text=True, timeout=600, env={**os.environ, "EKSRUN": str(EKSRUN)}, check=False)
    assert sample.returncode == 0, sample.stdout + sample.stderr
    assert "seeds 3, completed 3, duplicates 0" in sample.stdout
