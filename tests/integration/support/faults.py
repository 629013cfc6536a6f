"""Runs eksrun against an AWS that throttles, fails, drops connections and loses answers: see script/faults."""

import argparse
import functools
import json
import os
import random
import sys
import threading
import time

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # not here, where a moto.py lies
sys.dont_write_bytecode = True

from support import world  # noqa: E402
from support.proxy import Proxy  # noqa: E402

THROTTLED, FAILED, RESET, LOST = 0.30, 0.10, 0.05, 0.05


def error(service, status, code):
    """What a service answers that fails: (status, content type, body)."""
    message = "Rate exceeded" if status != 500 else "An internal error has occurred"
    if service == "ec2":
        return status, "text/xml", (f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error>"
                                    "</Errors><RequestID>fault</RequestID></Response>").encode()
    if service in ("iam", "sts", "autoscaling", "cloudformation"):
        return status, "text/xml", (f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error>"
                                    "<RequestId>fault</RequestId></ErrorResponse>").encode()
    return status, "application/json", json.dumps({"__type": code, "message": message}).encode()


def throttled(service):
    if service == "ec2":
        return error(service, 503, "RequestLimitExceeded")
    if service in ("iam", "sts", "autoscaling", "cloudformation"):
        return error(service, 400, "Throttling")
    return error(service, 429 if service == "eks" else 400,
                 "TooManyRequestsException" if service == "eks" else "ThrottlingException")


class Faults:
    """The fault of each call, by a seed."""

    def __init__(self, seed):
        self._random, self._lock = random.Random(seed), threading.Lock()
        self.calls = self.faults = 0

    def __call__(self, service, operation, nth):
        with self._lock:
            chance = self._random.random()
            self.calls += 1
            self.faults += chance < THROTTLED + FAILED + RESET + LOST
        if chance < THROTTLED:
            return throttled(service)
        if chance < THROTTLED + FAILED:
            return error(service, 500, "InternalError" if service == "ec2" else "InternalFailure")
        if chance < THROTTLED + FAILED + RESET:
            return "reset"
        return "lost" if chance < THROTTLED + FAILED + RESET + LOST else None


def run(seed, left):
    """What came of a run with a seed's faults."""
    faults = Faults(seed)
    with world.World() as cloud, Proxy(cloud.app, fault=faults) as proxy, \
            world.Home(proxy.url, EKSRUN_SETTLE_SECONDS="1") as shell:
        start = time.monotonic()
        made = shell.run(world.RECIPE, "--yes")
        out = {"seconds": time.monotonic() - start, "status": made.status, "calls": faults.calls,
               "faults": faults.faults, "output": made.output[-2000:] if made.status else ""}
        kinds, by_address, loose = world.inventory(cloud.url)
        out["twice"] = {address: names for address, names in by_address.items() if len(names) > 1}
        out["kinds"] = kinds == left[0]
        proxy.fault = None
        plan = shell.run("plan", world.RECIPE, "--no-color")
        out["plan"] = plan.output[-1000:] if plan.status else ""
        return out


def reference():
    with world.World() as cloud, world.Home(cloud.url) as shell:
        made = shell.run(world.RECIPE, "--yes")
        assert made.status == 0, made.output
        return world.inventory(cloud.url)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=50, metavar="N")
    parser.add_argument("--first", type=int, default=1, metavar="SEED")
    args = parser.parse_args()
    world.warm()
    [(_, left)] = world.forked([reference], 1)
    if isinstance(left, str):
        sys.exit(left)
    cases = [functools.partial(run, seed, left) for seed in range(args.first, args.first + args.seeds)]
    done, duplicates, calls, faults, longest = 0, 0, 0, 0, 0
    for case, result in world.forked(cases, args.jobs):
        if isinstance(result, str):
            print(f"WRONG: seed {case.args[0]}: {result}", flush=True)
            continue
        good = result["status"] == 0 and result["kinds"] and not result["twice"] and not result["plan"]
        done += good
        duplicates += bool(result["twice"])
        calls, faults = calls + result["calls"], faults + result["faults"]
        longest = max(longest, result["seconds"])
        if not good:
            print(f"WRONG: seed {case.args[0]}: {result}", flush=True)
    print(f"seeds {len(cases)}, completed {done}, duplicates {duplicates}; {faults} faults in {calls} requests, the "
          f"longest run {longest:.0f} s")
    sys.exit(0 if done == len(cases) else 1)


if __name__ == "__main__":
    main()
