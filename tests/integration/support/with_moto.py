"""Runs a command against a moto_server of its own: see script/with-moto."""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile

from moto import Moto
from proxy import Proxy


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--delay", type=float, default=0, metavar="MS")
    parser.add_argument("--record", type=argparse.FileType("w"), metavar="FILE")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()

    # Ended by a signal, this program still stops the server.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory())
        endpoint = stack.enter_context(Moto()).url
        if args.delay or args.record:
            endpoint = stack.enter_context(Proxy(endpoint, args.delay / 1000, record=args.record)).url
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "KUBE"))}
        env |= {"HOME": home, "AWS_ENDPOINT_URL": endpoint,
                "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
        with contextlib.suppress(KeyboardInterrupt):
            return subprocess.run(args.command, env=env, check=False).returncode
        return 130


if __name__ == "__main__":
    sys.exit(main())
