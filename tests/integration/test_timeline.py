"""A run is as long as its longest path: every answer delayed, every call on the record.

How long it really took is measured, not asserted, here: script/bench sets EKSRUN_LONGEST_PATH_BOUND,
the most that the run may take in lengths of its longest path."""

import os
import time

import pytest

DELAY = 0.2  # seconds; large against what moto and eksrun need for a call
RECIPE = "recipes/managed-cluster.lua"

# The longest chain of calls in which each needs the answer of the one before. By the declared graph the
# nodes wait for the way out of their subnets, which leads through NAT to the internet gateway. Before the
# first creation the stack's lock has to be held, for which is written down what there may be from then on;
# behind the last it is given back. Of calls that are made at once, the one that ends last counts.
LONGEST = [
    ("DescribeAvailabilityZones", 0),
    ("PutParameter", 0),
    ("CreateVpc", 0),
    ("ModifyVpcAttribute", 0),
    ("CreateInternetGateway", 0),
    ("AttachInternetGateway", 0),
    ("CreateNatGateway", 0),
    ("DescribeNatGateways", -1),
    ("CreateRoute", -1),
    ("CreateNodegroup", 0),
    ("DescribeNodegroup", -1),
    ("PutParameter", -1),
]


def timeline(calls):
    return "\n".join(map(str, sorted(calls, key=lambda call: call.start)))


def test_the_longest_path_decides_the_run(cloud, eksrun, reader):
    reader.everything()  # an empty moto loads its data at the first call of each service
    cloud.delay = DELAY
    cloud.forget()
    start = time.monotonic()
    result = eksrun(RECIPE, "--yes")
    wall = time.monotonic() - start
    assert result.status == 0, result

    by_operation = {}
    for call in sorted(cloud.calls, key=lambda call: call.start):
        by_operation.setdefault(call.operation, []).append(call)
    path = [by_operation[operation][nth] for operation, nth in LONGEST]
    observed = [call for call in cloud.calls if path[0].end <= call.start and call.end <= path[1].start]
    path.insert(1, max(observed, key=lambda call: call.end))
    # It is a path: each begins after the one before has ended.
    assert all(a.end <= b.start for a, b in zip(path, path[1:])), timeline(path)
    longest = sum(call.end - call.start for call in path)
    print(f"wall {wall:.2f} s, longest path {longest:.2f} s, ratio {wall / longest:.3f}, {len(cloud.calls)} calls")
    bound = os.environ.get("EKSRUN_LONGEST_PATH_BOUND")
    if bound:
        assert wall <= float(bound) * longest, timeline(cloud.calls)


def test_independent_resources_overlap(cloud, eksrun):
    cloud.delay = DELAY
    result = eksrun(RECIPE, "--yes")
    assert result.status == 0, result
    subnets = [call for call in cloud.calls if call.operation == "CreateSubnet"]
    assert len(subnets) == 6
    assert max(call.start for call in subnets) < min(call.end for call in subnets), timeline(subnets)


def test_a_plan_asks_in_a_few_rounds(cloud, eksrun):
    """Nothing to change: at most three rounds of calls, however many resources."""
    assert eksrun(RECIPE, "--yes").status == 0
    cloud.delay = DELAY
    cloud.forget()
    result = eksrun("plan", RECIPE)
    assert result.status == 0, result
    rounds, end = 0, 0
    for call in sorted(cloud.calls, key=lambda call: call.end):
        if call.start >= end:  # waited for the last call of the round before
            rounds, end = rounds + 1, call.end
    assert rounds <= 3, timeline(cloud.calls)
