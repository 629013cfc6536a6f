"""eksrun sandbox, for tests: a process with a URL."""

import os
import pathlib
import signal
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[3]
EKSRUN = os.environ.get("EKSRUN", str(ROOT / "build/eksrun"))


class Sandbox:
    def __init__(self, *args, command=("sandbox", "--listen", "127.0.0.1:0")):
        self.process = subprocess.Popen(
            [EKSRUN, *command, *map(str, args)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self.url = self.process.stdout.readline().strip()
        assert self.url.startswith("http"), "the sandbox did not start"

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(timeout=20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
