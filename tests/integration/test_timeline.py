"""A run is as long as its longest path: every answer delayed, every call on the record.

How long it really took is measured, not asserted, here: script/bench sets EKSRUN_LONGEST_PATH, and a run may
then take no more than so many lengths of its longest path. Realistic times are cut to a twentieth there, and
shorter here: in them nothing happens.
"""

import math
import os
import time

import pytest

MEASURED = bool(os.environ.get("EKSRUN_LONGEST_PATH"))
DELAY = 0.2  # seconds; large against what moto and eksrun need for a call
LONG = 1.5  # on a busy machine and with sanitizers, too
RECIPE = "recipes/managed-cluster.lua"

# How long AWS usually takes, in seconds, until what was asked for is there: moto's is there at once, so that the
# answer has to wait instead.
REALISTIC = {"CreateCluster": 600, "CreateNodegroup": 130, "CreateNatGateway": 107, "CreateRole": 8, "CreateVpc": 1}
SCALE = 1 / 20 if MEASURED else 1 / 200


def realistic(operation):
    return REALISTIC.get(operation, 0.1) * SCALE


# The longest chains of calls in which each needs the answer of the one before. Before the first creation the
# stack's lock has to be held, for which is written down what there may be from then on; behind the last it is
# given back. Of calls that are made at once, the one that ends last counts.
TO_THE_NETWORK = ["DescribeAvailabilityZones", "PutParameter", "CreateVpc", "ModifyVpcAttribute"]
FROM_THE_NODES = ["CreateNodegroup", "DescribeNodegroup", "PutParameter"]

# By the declared graph the nodes wait for the way out of their subnets, which leads through NAT to the internet
# gateway, and for the cluster, which waits for the subnets and its role.
THROUGH_NAT = [
    *TO_THE_NETWORK,
    "CreateInternetGateway",
    "AttachInternetGateway",
    "CreateNatGateway",
    "DescribeNatGateways",
    "CreateRoute",
    *FROM_THE_NODES,
]
THROUGH_THE_CLUSTER = [
    *TO_THE_NETWORK,
    "CreateSubnet",
    "CreateCluster",
    "DescribeCluster",
    *FROM_THE_NODES,
]


def timeline(calls):
    return "\n".join(map(str, sorted(calls, key=lambda call: call.start)))


@pytest.mark.parametrize("delay, longest, bound", [
    pytest.param(DELAY, THROUGH_NAT, 1.15, id="even"),
    pytest.param(realistic, THROUGH_THE_CLUSTER, 1.05, id="realistic"),
])
def test_the_longest_path_decides_the_run(cloud, eksrun, reader, delay, longest, bound):
    reader.everything()  # an empty moto loads its data at the first call of each service
    cloud.delay = delay
    cloud.forget()
    start = time.monotonic()
    result = eksrun(RECIPE, "--yes")
    wall = time.monotonic() - start
    assert result.status == 0, result

    # From the end: the last of its operation that had been answered when the next began.
    path, begins = [], math.inf
    for operation in reversed(longest):
        before = [call for call in cloud.calls if call.operation == operation and call.end <= begins]
        assert before, f"{operation}\n{timeline(cloud.calls)}"
        path.insert(0, max(before, key=lambda call: call.end))
        begins = path[0].start
    observed = [call for call in cloud.calls if path[0].end <= call.start and call.end <= path[1].start]
    path.insert(1, max(observed, key=lambda call: call.end))
    length = sum(call.end - call.start for call in path)
    print(f"wall {wall:.2f} s, longest path {length:.2f} s, ratio {wall / length:.3f}, {len(cloud.calls)} calls")
    assert not MEASURED or wall <= bound * length, timeline(cloud.calls)


def test_independent_resources_overlap(cloud, eksrun):
    cloud.delay = lambda operation: LONG if operation == "CreateSubnet" else 0
    result = eksrun(RECIPE, "--yes")
    assert result.status == 0, result
    subnets = [call for call in cloud.calls if call.operation == "CreateSubnet"]
    assert len(subnets) == 6
    assert max(call.start for call in subnets) < min(call.end for call in subnets), timeline(subnets)


def test_a_plan_asks_in_a_few_rounds(cloud, eksrun):
    """Nothing to change: at most three rounds of calls, however many resources."""
    assert eksrun(RECIPE, "--yes").status == 0
    cloud.delay = LONG
    cloud.forget()
    result = eksrun("plan", RECIPE)
    assert result.status == 0, result
    rounds, end = 0, 0
    for call in sorted(cloud.calls, key=lambda call: call.end):
        if call.start >= end:  # waited for the last call of the round before
            rounds, end = rounds + 1, call.end
    assert rounds <= 3, timeline(cloud.calls)
