"""moto_server, the AWS that we did not write: started on a free loopback port, stopped by pid."""

import os
import pathlib
import queue
import re
import subprocess
import sys
import threading
import urllib.request

START_TIMEOUT = 60  # seconds; a loaded machine needs a few


class Moto:
    """A running moto_server; `url` is its endpoint."""

    def __init__(self, seed=None, undo=False, **env):
        """seed: of all its chance; undo: with it, calls can be taken back (support/seeded_moto.py)."""
        here = pathlib.Path(sys.executable).parent / "moto_server"
        command = [str(here) if here.exists() else "moto_server"]
        if seed is not None:
            command = [sys.executable, str(pathlib.Path(__file__).with_name("seeded_moto.py")), str(seed)]
            env = {"PYTHONHASHSEED": "0", **env}
        command += ["--undo"] if undo else ["-H", "127.0.0.1", "-p", "0"]
        self.process = subprocess.Popen(
            command,
            env={**os.environ, "MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "PYTHONUNBUFFERED": "1", **env},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        # Port 0: the kernel picks, and the server says which once it listens. Nothing to race for.
        found = queue.Queue()
        threading.Thread(target=self._read, args=(found,), daemon=True).start()
        try:
            self.url = found.get(timeout=START_TIMEOUT)
        except queue.Empty:
            self.stop()
            raise TimeoutError(f"moto_server did not listen within {START_TIMEOUT} s") from None
        if self.url is None:
            raise RuntimeError(f"moto_server ended with status {self.process.wait()}")

    def _read(self, found):
        for line in self.process.stdout:
            match = re.search(r"Running on (http://127\.0\.0\.1:\d+)", line)
            if match:
                found.put(match[1])
        found.put(None)

    def post(self, path, body=b""):
        with urllib.request.urlopen(urllib.request.Request(self.url + path, data=body, method="POST")):
            pass

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
