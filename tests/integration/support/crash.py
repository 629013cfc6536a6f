"""Kills eksrun at every request of a run, before it leaves, behind its arrival and behind its answer, then runs
it once more: see script/crash."""

import argparse
import collections
import functools
import os
import sys
import time

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # not here, where a moto.py lies
sys.dont_write_bytecode = True

from support import world  # noqa: E402
from support.late import Late  # noqa: E402
from support.proxy import Proxy  # noqa: E402

UPDATED = ("nodes=4", "nat=per-zone")
SCENARIOS = {
    "create": (world.RECIPE, "--yes"),
    "update": (world.RECIPE, *UPDATED, "--yes"),
    "destroy": ("destroy", world.RECIPE, "--yes"),
    "give-up": (world.RECIPE, "--yes"),
}
SECOND = {**SCENARIOS, "give-up": SCENARIOS["destroy"]}
PLANS = {"create": (), "update": UPDATED}
LATE = 3  # seconds after which a new thing is seen
# How long a run has to reckon with things that it does not see. What the killed one sent is done when the next
# begins, so that this is exact, however busy the machine is.
SETTLE = {"journal": "0", "no-journal": "0", "late": str(LATE), "late-no-journal": str(LATE)}
# A read that never left, or whose answer is not used, is the same to AWS.
PHASES = ("before", "between", "after")


def home(url, mode):
    return world.Home(url, EKSRUN_SETTLE_SECONDS=SETTLE[mode])


def reference(scenario, mode):
    """The calls of a run that nobody kills, and what it leaves."""
    with world.World() as cloud, Proxy(cloud.app, late=late(mode)) as proxy, home(proxy.url, mode) as shell:
        start = time.monotonic()
        run = shell.run(*SCENARIOS[scenario])
        assert run.status == 0, run.output
        calls = [(call.service, call.operation, call.mutating) for call in proxy.calls]
        if scenario == "give-up":
            before = world.inventory(cloud.url)
            proxy.late = None
            assert shell.run(*SECOND[scenario]).status == 0, before
        return {"calls": calls, "left": world.inventory(cloud.url), "seconds": time.monotonic() - start}


def late(mode):
    return Late(LATE) if mode.startswith("late") else None


def point(scenario, mode, service, operation, nth, phase, left):
    """What is wrong after a run that was killed there, and one that was not: {} for nothing."""
    reached = []

    def fault(*call):
        if call == (service, operation, nth) and not reached:
            reached.append(True)
            return "kill-" + phase
        return None

    with world.World() as cloud, Proxy(cloud.app, fault=fault, late=late(mode)) as proxy, \
            home(proxy.url, mode) as shell:
        process = shell.start(*SCENARIOS[scenario])
        proxy.victim = process
        first = world.Run(process)
        proxy.drain()
        proxy.fault = None
        wrong = {}
        if not reached:
            return {"missed": first.output[-300:]}
        if mode.endswith("no-journal"):
            shell.forget_journal()
        start = time.monotonic()
        again = shell.run(*SECOND[scenario])
        wrong["seconds"] = time.monotonic() - start
        if again.status != 0:
            wrong["failed"] = again.output[-1500:]
        if again.status == 2 or "locked" in again.output or "[y/N]" in again.output:
            wrong["question"] = again.output[-1500:]
        proxy.late = None  # by and by everything is seen
        kinds, by_address, loose = world.inventory(cloud.url)
        twice = {address: names for address, names in by_address.items() if len(names) > 1}
        expected = left[0]
        if twice or any(count > expected.get(kind, 0) for kind, count in kinds.items()):
            wrong["duplicate"] = str(twice or {kind: kinds[kind] for kind in kinds
                                               if kinds[kind] > expected.get(kind, 0)})
        if len(loose) > len(left[2]):
            wrong["orphan"] = str([name for name in loose if name not in left[2]])
        if scenario in PLANS:
            plan = shell.run("plan", world.RECIPE, *PLANS[scenario], "--no-color")
            if plan.status != 0:
                wrong["plan"] = plan.output[-1500:]
        elif by_address:
            wrong["orphan"] = str(by_address)
        return wrong


def points(calls, every, part):
    """(service, operation, n-th, phase) of all that can be cut."""
    counts, found = collections.Counter(), []
    for service, operation, mutating in calls:
        counts[operation] += 1
        for phase in PHASES if mutating else PHASES[:1]:
            found.append((service, operation, counts[operation], phase))
    return found[part % every::every]


def matrix(scenario, mode, args, total):
    [(_, whole)] = world.forked([functools.partial(reference, scenario, mode)], 1)
    if isinstance(whole, str):
        sys.exit(whole)
    cases = [functools.partial(point, scenario, mode, *cut, whole["left"])
             for cut in points(whole["calls"], args.every, args.seed)]
    longest, start = 0, time.monotonic()
    for done, (case, wrong) in enumerate(world.forked(cases, args.jobs), 1):
        if args.verbose and done % 25 == 0:
            print(f"{scenario}, {mode}: {done} of {len(cases)}, {time.monotonic() - start:.0f} s", flush=True)
        name = "{} {} {}:{} #{} {}".format(*case.args[:6])
        if isinstance(wrong, str):
            wrong = {"failed": wrong}
        if "missed" in wrong:
            total["missed"] += 1
            if args.verbose:
                print(f"missed: {name}", flush=True)
            continue
        total["points"] += 1
        longest = max(longest, wrong.pop("seconds", 0))
        total["converged"] += not ("failed" in wrong or "plan" in wrong)
        for key in ("duplicate", "orphan", "question"):
            total[key] += key in wrong
        if wrong:
            print(f"WRONG: {name}: " + "; ".join(f"{key}: {value}" for key, value in wrong.items()), flush=True)
    print(f"{scenario}, {mode}: {len(cases)} points of {len(whole['calls'])} requests; the run in one piece "
          f"{whole['seconds']:.1f} s, the longest second run {longest:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th point")
    parser.add_argument("--seed", type=int, default=0, help="which of the N")
    parser.add_argument("--mode", action="append", choices=SETTLE)
    parser.add_argument("--scenario", action="append", choices=SCENARIOS)
    parser.add_argument("--verbose", action="store_true", help="name the requests that a run did not make")
    args = parser.parse_args()
    scenarios = args.scenario or list(SCENARIOS)
    total = collections.Counter()
    world.warm()
    cloud = world.World()
    for mode in args.mode or list(SETTLE):
        for scenario in ("create", "give-up"):
            if scenario in scenarios:
                matrix(scenario, mode, args, total)
    if set(scenarios) & {"update", "destroy"}:
        with cloud, home(cloud.url, "journal") as shell:
            made = shell.run(*SCENARIOS["create"])
            assert made.status == 0, made.output
        for scenario in ("update", "destroy"):
            for mode in args.mode or list(SETTLE):
                # What is not new is seen by all.
                if scenario in scenarios and not (scenario == "destroy" and mode.startswith("late")):
                    matrix(scenario, mode, args, total)
    print("points {points}, converged {converged}, duplicates {duplicate}, orphans {orphan}, questions {question}"
          .format_map({key: total[key] for key in ("points", "converged", "duplicate", "orphan", "question")}))
    if total["missed"]:
        print(f"{total['missed']} requests were not made again by the run that was to be killed at them")
    good = total["points"] > 0 and total["converged"] == total["points"]
    sys.exit(0 if good and not (total["duplicate"] or total["orphan"] or total["question"]) else 1)


if __name__ == "__main__":
    main()
