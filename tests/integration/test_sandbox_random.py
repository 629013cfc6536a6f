"""The sandbox answers random calls as moto does where moto is right. What only one of the two does is taken back,
so that they stay in the same state. support/explained.py lists what differs, and why."""

import collections
import json
import os
import re
import urllib.request

from support.beside import Names, differences, filled
from support.calls import FIRST_OF_STRICT, KNOWN, Calls, implemented
from support.explained import CATALOGUES, EXPLAINED, MADE
from support.moto import Moto
from support.sandbox import Sandbox
from test_differential import SEED, ask, boto_client, is_broken, operations_of_sandbox

CALLS = int(os.environ.get("EKSRUN_DIFFERENTIAL_CALLS", "8"))  # a service
FULL = 200  # so many say which explanations are needed
# How they begin; their calls come in the same order.
SERVICES = ["iam", "ec2", "eks", "autoscaling", "sts", "kms", "ssm", "s3", "sqs", "dynamodb"]
BEGIN = {
    **FIRST_OF_STRICT,
    # Both have a default network, whose parts are called otherwise.
    "ec2": [*((f"Describe{kind}", {}) for kind in (
        "Vpcs", "Subnets", "SecurityGroups", "RouteTables", "InternetGateways", "NetworkAcls")),
            *(call for call in FIRST_OF_STRICT["ec2"] if call[0] not in CATALOGUES)],
    "autoscaling": FIRST_OF_STRICT["autoscaling"][-1:],
}
READS = re.compile("Describe|Get|List|Head|Scan|Query|Simulate|BatchGet")
# Without these, hardly a call would find what it is about.
LASTING = {"DeleteTable", "DeleteBucket", "DeleteCluster", "DeleteAutoScalingGroup", "DeleteLaunchTemplate",
           "DeleteVpc", "DeleteSubnet", "DeleteRole", "DeleteQueue", "TerminateInstances", "ScheduleKeyDeletion"}
TOKENS = ("ClientToken", "clientRequestToken", "ClientRequestToken")


def tell(server, path):
    urllib.request.urlopen(urllib.request.Request(server.url + path, b"", method="POST")).close()


class Side:
    """One of the two."""

    def __init__(self, server):
        self.server, self.clients = server, {}

    def client(self, service):
        if service not in self.clients:
            self.clients[service] = boto_client(service, self.server.url)
        return self.clients[service]

    def ask(self, service, name, params):
        """What it answers, with what following pages tell."""
        client = self.client(service)
        model, config = client.meta.service_model, pages_of(client, name)
        answer = page = ask(client, model, name, params)
        seen = [None]
        while config and (token := page.get("output", {}).get(config["output_token"])) not in seen:
            seen.append(token)
            page = ask(client, model, name, {**params, config["input_token"]: token})
            for key in config["result_key"]:
                answer["output"].setdefault(key, []).extend(page.get("output", {}).get(key, []))
        for member in (config["output_token"], config.get("more_results")) if config else ():
            answer.get("output", {}).pop(member, None)
        return answer


def pages_of(client, name):
    """How an operation is paged, if by one token; botocore's own paginators leave out what is not of the list."""
    method = next((method for method, operation in client.meta.method_to_api_mapping.items() if operation == name), "")
    if not client.can_paginate(method):
        return None
    config = client.get_paginator(method)._pagination_cfg
    if isinstance(config["output_token"], list) or " " in config["output_token"]:
        return None
    keys = config["result_key"]
    return {**config, "result_key": keys if isinstance(keys, list) else [keys]}


def outcome(answer):
    return "ok" if "output" in answer else answer["error"]["code"]


def explanations(call, what):
    """The places in EXPLAINED of those that fit."""
    return [i for i, (services, operations, where, _) in enumerate(EXPLAINED)
            if re.fullmatch(services, call["service"]) and re.fullmatch(operations, call["operation"])
            and re.fullmatch(where, what)]


class Both:
    """Moto and the sandbox, asked the same."""

    def __init__(self, moto, sandbox):
        self.theirs, self.ours, self.names = Side(moto), Side(sandbox), Names()
        self.ours.client("ec2").create_default_vpc()
        images = [side.client("ec2").describe_images(Owners=["amazon"], Filters=[
            {"Name": "architecture", "Values": ["x86_64"]}, {"Name": "virtualization-type", "Values": ["hvm"]},
            {"Name": "name", "Values": ["amzn2*" if side is self.theirs else "al2023*"]}])["Images"][0]["ImageId"]
            for side in (self.theirs, self.ours)]
        self.names.pair(*images)
        self.pool = {"imageId": images[:1], "$imageId": images[:1]}
        self.marked = False  # whether nothing has changed since the last mark
        self.known = {**KNOWN, "imageId": images[:1]}

    def calls(self, service):
        model, have = self.theirs.client(service).meta.service_model, operations_of_sandbox(service)
        names = [n for n in implemented(service, model.operation_names) if n in have and n not in CATALOGUES]
        return Calls(service, model, SEED, names, BEGIN, self.pool, self.known)

    def tell(self, path):
        tell(self.theirs.server, path), tell(self.ours.server, path)

    def ask(self, stream):
        """Asks the next call, unless moto breaks: the call, what each answered, and the differences."""
        name, params = stream.next()
        params = {key: value for key, value in params.items() if key not in TOKENS}
        if name == "ReceiveMessage":
            params["WaitTimeSeconds"] = 0  # moto would, in real time
        reads = READS.match(name)
        if not reads and not self.marked:
            self.tell("/-/mark")
            self.marked = True
        theirs = self.theirs.ask(stream.service, name, params)
        if is_broken(theirs) or "<!doctype" in (theirs.get("error", {}).get("message") or ""):
            stream.breaks(name)
            if not reads:
                tell(self.theirs.server, "/-/undo")
            return None
        ours = self.ours.ask(stream.service, name, self.names.to_ours(params))
        wrong = list(self.compare(theirs, self.names.to_theirs(ours)))
        agree = outcome(theirs) == outcome(ours) == "ok"
        if agree:
            stream.learn(name, params, theirs["output"])
        if not reads and agree and name not in LASTING:
            self.marked = False
        elif not reads:
            self.tell("/-/undo")  # what moto refuses may have had an effect
        return {"service": stream.service, "operation": name, "params": params, "theirs": theirs, "ours": ours,
                "wrong": wrong}

    def compare(self, theirs, ours):
        """What differs, and how each has it."""
        if outcome(theirs) != outcome(ours):
            yield f"{outcome(theirs)} -> {outcome(ours)}", theirs.get("error"), ours.get("error")
        elif "error" in theirs:
            if theirs["error"].get("status") != ours["error"].get("status"):
                yield "status", theirs["error"].get("status"), ours["error"].get("status")
        else:
            for where, a, b in differences(filled(theirs["output"]), filled(ours["output"]), self.names):
                if a is None or b is None or not re.search(MADE, where):
                    yield where + (" lacks" if b is None else " more" if a is None else ""), a, b
                elif isinstance(a, str) and isinstance(b, str):
                    self.names.pair(a, b)


def make_calls(both):
    """Asks: what begins each service, then so many random calls of each. Calls, and how many broke moto."""
    calls, broken = [], 0
    streams = {service: both.calls(service) for service in SERVICES}
    made = dict.fromkeys(SERVICES, 0)
    for beginning in (True, False):
        for service, stream in streams.items():
            while stream.first if beginning else made[service] < CALLS:
                call = both.ask(stream)
                broken += call is None
                if call:
                    made[service] += not beginning
                    calls.append(call)
    return calls, broken


def test_random_calls():
    with Moto(seed=SEED, undo=True, MOTO_IAM_LOAD_MANAGED_POLICIES="false", MOTO_ENABLE_AMI_VALIDATION="1",
              MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION="1", MOTO_ENABLE_KEYPAIR_VALIDATION="1") as moto, \
            Sandbox(SEED, command=("lua", "tests/integration/support/frozen_sandbox.lua")) as sandbox:
        calls, broken = make_calls(Both(moto, sandbox))
    if os.environ.get("EKSRUN_DIFFERENTIAL_DUMP"):
        json.dump(calls, open(os.environ["EKSRUN_DIFFERENTIAL_DUMP"], "w"))
    used, reasons, wrong = set(), collections.Counter(), []
    for i, call in enumerate(calls):
        for what, a, b in call["wrong"]:
            found = explanations(call, what)
            used.update(found)
            if found:
                reasons[EXPLAINED[found[0]][3]] += 1
            else:
                wrong.append(f"{i} {call['service']}:{call['operation']} {what}: moto {a!r:.150}, sandbox {b!r:.150}")
    succeeded = sum("output" in call["theirs"] for call in calls)
    print(f"{len(calls)} calls, {succeeded} succeeded at moto, {broken} more broke it; "
          f"{sum(not call['wrong'] for call in calls)} answers are the same; differences: {reasons.total()} explained, "
          f"{len(wrong)} not")
    if CALLS >= FULL:
        print(*(f"{count:5}  {why}" for why, count in reasons.most_common()), sep="\n")
        print("no longer seen:", *(entry for i, entry in enumerate(EXPLAINED) if i not in used), sep="\n  ")
    assert not wrong, "\n" + "\n".join(wrong)
    # Calls that fail show little.
    assert succeeded > len(calls) / 3
