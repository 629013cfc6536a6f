"""The server's half of every protocol against a client that we did not write: botocore builds the
request of each operation of each model, with random parameters, and parses our answers."""

import base64
import datetime
import io
import json
import urllib.parse

import botocore.awsrequest
import botocore.model
import botocore.parsers
import botocore.serialize
from conftest import ROOT

SCRIPT = ROOT / "tests/integration/support/server.lua"
SHORT = {"smithy-rpc-v2-cbor": "cbor"}


def model_of(service):
    return botocore.model.ServiceModel(json.loads((ROOT / f"models/{service}.json").read_text()), service)


def protocols_of(model):
    return model.metadata.get("protocols") or [model.metadata["protocol"]]


def request_of(model, protocol, case):
    operation = model.operation_model(case["operation"])
    serializer = botocore.serialize.create_serializer(protocol, include_validation=False)
    serialized = serializer.serialize_to_request(case["params"], operation)
    botocore.awsrequest.prepare_request_dict(serialized, endpoint_url="https://host.example")
    request = botocore.awsrequest.create_request_object(serialized).prepare()
    url = urllib.parse.urlsplit(request.url)
    body = request.body or b""
    body = body.read() if hasattr(body, "read") else body
    body = body.encode() if isinstance(body, str) else body
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    return {
        "method": request.method, "path": url.path, "query": url.query, "headers": headers,
        "body": base64.b64encode(body).decode(),
    }


def plain(value):
    """As the cases have it: epoch seconds, text, and nothing that is empty."""
    if isinstance(value, datetime.datetime):
        return value.timestamp()
    if isinstance(value, (bytes, bytearray)):
        return value.decode()
    if hasattr(value, "read"):
        return value.read().decode()
    if isinstance(value, dict):
        parts = {key: plain(part) for key, part in value.items() if key != "ResponseMetadata"}
        return {key: part for key, part in parts.items() if part not in ({}, [], None)}
    if isinstance(value, list):
        return [part for part in map(plain, value) if part not in ({}, [], None)]
    return value


# What an answer has though the server did not say so: a status, a body, a type.
IMPLIED = {"AnnotationPayload", "Body", "ContentType", "Payload", "ResponseStreamContentType", "StatusCode"}


def same(want, got):
    if isinstance(want, dict) and isinstance(got, dict):
        extra = got.keys() - want.keys() - IMPLIED
        return not extra and all(key in got and same(value, got[key]) for key, value in want.items())
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(map(same, want, got))
    return want == got


def parse(model, protocol, case, answer):
    operation = model.operation_model(case["operation"])
    headers = botocore.awsrequest.HeadersDict({k.lower(): v for k, v in answer["headers"].items()})
    body = base64.b64decode(answer["body"])
    parser = botocore.parsers.create_parser(protocol)
    return parser.parse(
        {"status_code": answer["status"], "headers": headers, "body": body}, operation.output_shape)


def check(model, protocol, case, answer):
    operation = model.operation_model(case["operation"])
    if answer.get("operation") != case["operation"]:
        # Two operations of one path, of which the older is not used any more, or the host decides.
        if operation.deprecated or case["operation"] == "ListDirectoryBuckets":
            return
        raise AssertionError(answer.get("refused") or f"went to {answer['operation']}")
    want, got = plain(case["params"]), plain(answer["params"])
    want["ContentLength"] = got.get("ContentLength")  # of S3: the client's own
    wrong = {key: (value, got.get(key)) for key, value in {**got, **want}.items() if got.get(key) != want.get(key)}
    assert not wrong, f"params became others: {wrong}"
    if not operation.has_event_stream_output:
        want, got = plain(case["output"]), plain(parse(model, protocol, case, answer["output"]))
        assert same(want, got), f"output {want} became {got}"
    if operation.http["method"] != "HEAD":
        got = parse(model, protocol, case, answer["error"])
        want = answer["code"]
        assert got["Error"]["Code"] == want, f"error {want} became {got}"
        assert got["Error"]["Message"] == answer["message"]
        assert got["ResponseMetadata"]["HTTPStatusCode"] >= 400


def test_botocore_is_understood_and_understands(eksrun_at):
    shell = eksrun_at(None)
    cases = []
    for line in shell("lua", SCRIPT, "generate").stdout.splitlines():
        case = json.loads(line)
        model = model_of(case["service"]) if not cases or cases[-1][2]["service"] != case["service"] else cases[-1][0]
        cases += [(model, protocol, case) for protocol in protocols_of(model)]
    assert len(cases) > 2200
    lines = io.StringIO()
    for model, protocol, case in cases:
        request = request_of(model, protocol, case)
        lines.write(json.dumps({**case, "params": None, "request": request}) + "\n")
    result = shell("lua", SCRIPT, "answer", stdin=lines.getvalue())
    assert result.status == 0, result
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(answers) == len(cases)
    failures = []
    for (model, protocol, case), answer in zip(cases, answers):
        try:
            check(model, protocol, case, answer)
        except Exception as error:  # every one is a failure of its operation
            failures.append(f"{case['service']}:{case['operation']} in {protocol}: {error!r:.600}")
    assert not failures, f"{len(failures)} of {len(cases)}:\n" + "\n".join(failures[:40])
