"""eksrun and boto3 understand AWS alike: the same random calls, sent to two servers in the same state,
give the same tables and the same errors. The servers are moto, and the sandbox."""

import contextlib
import json
import os
import re
import subprocess

import boto3
import botocore.config
import botocore.exceptions
import botocore.parsers
import pytest

from conftest import EKSRUN, ROOT, Shell
from support.calls import FIRST_OF_STRICT, Calls, for_boto, implemented, plain
from support.moto import Moto
from support.sandbox import Sandbox

SERVICES = ["eks", "ec2", "iam", "sts", "autoscaling", "kms", "ssm", "s3", "sqs", "dynamodb"]
CALLS = int(os.environ.get("EKSRUN_DIFFERENTIAL_CALLS", "200"))  # a service
SEED = int(os.environ.get("EKSRUN_DIFFERENTIAL_SEED", "1"))
REGION = "us-east-1"
# Seconds that two runs of the same calls may lie apart.
APART = 600


# Seconds that eksrun may take for what is still under way when boto3 is done.
BEHIND = 120


def operations_of_sandbox(service):
    return subprocess.run([EKSRUN, "lua", "tests/integration/support/sandbox_operations.lua", service],
                          cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()


class OfMoto:
    """Moto, whose chance is a seed's."""

    services, breaks = SERVICES, True

    def start(self):
        return Moto(seed=SEED, MOTO_IAM_LOAD_MANAGED_POLICIES="false")

    def calls(self, service, model):
        return Calls(service, model, SEED, implemented(service, model.operation_names))

    def begin(self, server, number):
        """Each service begins with a chance of its own; differential.lua does the same."""
        server.post(f"/moto-api/seed?a={number}")


class OfSandbox:
    """The sandbox, with a clock that its requests alone move."""

    # A cluster wants roles and subnets that are there.
    services, breaks = ["iam", "ec2", "eks", *(each for each in SERVICES if each not in ("iam", "ec2", "eks"))], False

    def start(self):
        self.pool = {}
        return Sandbox(SEED, command=("lua", "tests/integration/support/frozen_sandbox.lua"))

    def calls(self, service, model):
        names = [name for name in operations_of_sandbox(service) if name in model.operation_names]
        return Calls(service, model, SEED, names, FIRST_OF_STRICT, self.pool)

    def begin(self, server, number):
        pass


SESSION = boto3.session.Session(
    aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)


def boto_client(service, url):
    return SESSION.client(
        service, endpoint_url=url,
        config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=120))


def ask(client, model, name, params):
    try:
        answer = client._make_api_call(name, for_boto(model.operation_model(name).input_shape, params))
    except botocore.exceptions.ClientError as error:
        answer = error.response
        return {"error": {"code": answer["Error"].get("Code"), "message": answer["Error"].get("Message"),
                          "status": answer["ResponseMetadata"]["HTTPStatusCode"]}}
    except botocore.parsers.ResponseParserError:
        return {"error": {"code": "InvalidResponse"}}  # moto broke: a page of HTML
    except botocore.exceptions.BotoCoreError as error:
        return {"error": {"code": type(error).__name__, "message": str(error)}}
    answer.pop("ResponseMetadata", None)
    return {"output": plain(answer)}


def is_broken(answer):
    """A server's own failures: moto's are pages of HTML."""
    error = answer.get("error", {})
    return error.get("code") in ("InvalidResponse", "invalid_response", "500", "InternalFailure")


def make_calls(kind, theirs, send):
    """Asks boto3, call by call, and sends each to eksrun. All calls and what boto3 got for them."""
    calls, answers = [], []
    for number, service in enumerate(kind.services):
        client = boto_client(service, theirs.url)
        model = client.meta.service_model
        stream, sound = kind.calls(service, model), 0
        kind.begin(theirs, number)
        send({"seed": number})
        while sound < CALLS:
            name, params = stream.next()
            answer = ask(client, model, name, params)
            if is_broken(answer):
                stream.breaks(name)
            else:
                sound += 1
            if "output" in answer:
                stream.learn(name, params, answer["output"])
            calls.append({"service": service, "operation": name, "params": params})
            answers.append(answer)
            send(calls[-1])
    return calls, answers


# What differs by design: (service, operation, where), regular expressions, and why.
EXPLAINED = [
    (r"kms", r"GetPublicKey", r"output\.PublicKey", "a key that OpenSSL made at random"),
    (r"eks", r"\w+Cluster\w*", r"output\.cluster\.certificateAuthority\.data$", "made when the sandbox starts"),
    (r"eks", r"\w+Cluster\w*", r"output\.cluster\.endpoint$", "the sandbox's own, at a port that was free"),
    (r"ec2", r"\w+KeyPairs?", r"output\..*Key(Material|Fingerprint)$", "a key that OpenSSL made at random"),
]
# A time within a text, which no model says is one.
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?")


def differences(theirs, ours, where=""):
    """Where two answers differ: (where, theirs, ours)."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            path = f"{where}.{key}" if where else key
            if key not in theirs or key not in ours:
                yield path, theirs.get(key, "nothing"), ours.get(key, "nothing")
            else:
                yield from differences(theirs[key], ours[key], path)
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for i, (a, b) in enumerate(zip(theirs, ours)):
            yield from differences(a, b, f"{where}[{i}]")
    elif isinstance(theirs, bool) or isinstance(ours, bool) or not isinstance(theirs, (int, float)) \
            or not isinstance(ours, (int, float)):
        if isinstance(theirs, str) and isinstance(ours, str):
            if TIME.sub("TIME", theirs) != TIME.sub("TIME", ours):
                yield where, theirs, ours
        elif type(theirs) is not type(ours) or theirs != ours:
            yield where, theirs, ours
    elif abs(theirs - ours) > (APART if theirs > 1.5e9 else 0):
        yield where, theirs, ours


def compare(call, theirs, ours):
    if is_broken(theirs) and is_broken(ours):
        return []
    if "error" in theirs and "error" in ours:
        a, b = theirs["error"], ours["error"]
        if a["code"] == "ParamValidationError" and b["code"] == "validation":
            return []
        silent = re.fullmatch(r"\d+", str(a["code"]))  # an empty body, or one of HTML
        if silent and a.get("status") == b.get("status") and b["code"] in (a["code"], "invalid_response"):
            return []
        if not a.get("message"):  # each says so in its own words
            a.pop("message", None), b.pop("message", None)
    return [
        (where, a, b) for where, a, b in differences(theirs, ours)
        if not any(re.fullmatch(s, call["service"]) and re.fullmatch(o, call["operation"]) and
                   re.match(w, where) for s, o, w, _ in EXPLAINED)]


@contextlib.contextmanager
def reader(home, url, results):
    """eksrun, to which calls are sent as they are made."""
    errors = results.with_suffix(".err")
    with open(errors, "w") as err, subprocess.Popen(
            [EKSRUN, "lua", "tests/integration/support/differential.lua", "/dev/stdin", results], cwd=ROOT,
            env=Shell(home, url).env, stdin=subprocess.PIPE, stdout=err, stderr=err, text=True) as process:
        try:
            yield lambda line: print(line, file=process.stdin, flush=True)
            process.stdin.close()
            assert process.wait(BEHIND) == 0, errors.read_text()
        finally:
            process.kill()


@pytest.mark.parametrize("kind", [OfMoto(), OfSandbox()], ids=["moto", "sandbox"])
def test_random_calls(kind, home, tmp_path):
    path = tmp_path / "results"
    with kind.start() as theirs, kind.start() as ours:
        with reader(home, ours.url, path) as send:
            # Some answers tell where the server is, and calls repeat it.
            calls, answers = make_calls(
                kind, theirs, lambda call: send(json.dumps(call).replace(theirs.url, ours.url)))
        text = path.read_text().replace(ours.url, theirs.url)
    results = list(map(json.loads, text.splitlines()))
    assert len(results) == len(calls)
    if os.environ.get("EKSRUN_DIFFERENTIAL_DUMP"):
        json.dump([calls, answers, results], open(os.environ["EKSRUN_DIFFERENTIAL_DUMP"], "w"))
    wrong = []
    for i, (call, theirs, ours) in enumerate(zip(calls, answers, results)):
        for where, a, b in compare(call, theirs, ours):
            wrong.append(f"{i} {call['service']}:{call['operation']} {where}: boto3 {a!r:.200}, eksrun {b!r:.200}")
    succeeded = sum("output" in answer for answer in answers)
    print(f"{len(calls)} calls, {succeeded} succeeded, {len(wrong)} differences")
    assert not wrong, "\n" + "\n".join(wrong)
    assert kind.breaks or not any(map(is_broken, answers))
    # Calls that fail show little.
    assert succeeded > len(calls) / 3
