#!/usr/bin/env python3
"""Writes models/: the facts of AWS's API models, taken from a botocore data folder.

usage: import_models.py [--all] BOTOCORE_FOLDER MODELS_FOLDER

BOTOCORE_FOLDER is the installed package or its data/ folder; --all takes every service in it, not
only those named below. Kept are names, types, wire places,
bounds, errors, waiters, paginators and endpoint rules, under botocore's own keys, so that
tools/modelc reads these files and botocore's alike. Documentation, examples, regular expressions
of values and shapes that no operation reaches are left out. The output depends on the input only:
sorted where order means nothing, one line per operation, shape, waiter and paginator.
"""
import datetime
import gzip
import hashlib
import json
import pathlib
import re
import sys

SERVICES = """
    account acm autoscaling cloudcontrol cloudformation cloudwatch dynamodb ec2 ecr ecr-public efs
    eks eks-auth elb elbv2 events iam kms lambda logs organizations pricing
    resourcegroupstaggingapi route53 s3 secretsmanager service-quotas signin sqs ssm sso sso-oidc
    sts
""".split()

KEEP = {
    "metadata": {
        "apiVersion", "auth", "awsQueryCompatible", "checksumFormat", "endpointPrefix",
        "globalEndpoint", "jsonVersion", "protocol", "protocols", "serviceAbbreviation",
        "serviceFullName", "serviceId", "signatureVersion", "signingName", "targetPrefix",
        "xmlNamespace",
    },
    "operation": {
        "auth", "authtype", "deprecated", "endpoint", "endpointdiscovery", "endpointoperation",
        "errors", "http", "httpChecksum", "httpChecksumRequired", "idempotent", "input",
        "operationContextParams", "output", "readonly", "requestcompression",
        "staticContextParams", "unsignedPayload",
    },
    "shape": {
        "box", "deprecated", "document", "enum", "error", "event", "eventstream", "exception",
        "fault", "flattened", "key", "locationName", "max", "member", "members", "min", "payload",
        "required", "requiresLength", "retryable", "sensitive", "streaming", "synthetic",
        "timestampFormat", "type", "union", "value", "xmlAttribute", "xmlNamespace", "xmlOrder",
    },
    "reference": {
        "box", "contextParam", "deprecated", "eventheader", "eventpayload", "flattened",
        "hostLabel", "idempotencyToken", "jsonvalue", "location", "locationName", "queryName",
        "shape", "streaming", "timestampFormat", "xmlAttribute", "xmlNamespace",
    },
    "waiter": {"acceptors", "delay", "maxAttempts", "operation"},
}


def read(path):
    """The JSON value in path or path.gz, or None; with its bytes."""
    zipped = path.with_name(path.name + ".gz")
    if zipped.exists():
        data = gzip.decompress(zipped.read_bytes())
    elif path.exists():
        data = path.read_bytes()
    else:
        return None, b""
    return json.loads(data), data


def merge(base, extra):
    """botocore's deep merge: extra wins, lists are appended."""
    for key, value in extra.items():
        if isinstance(base.get(key), dict) and isinstance(value, dict):
            merge(base[key], value)
        elif isinstance(base.get(key), list) and isinstance(value, list):
            base[key].extend(value)
        else:
            base[key] = value


def load(folder, name, digest):
    """A data file with the SDKs' amendments (NAME.sdk-extras.json) applied."""
    value, data = read(folder / f"{name}.json")
    extras, more = read(folder / f"{name}.sdk-extras.json")
    digest.update(data + more)
    if value is not None and extras is not None:
        merge(value, extras.get("merge", {}))
    return value


def pick(kind, value):
    return {key: item for key, item in value.items() if key in KEEP[kind]}


def trim_shape(shape):
    out = pick("shape", shape)
    for key in ("member", "key", "value"):
        if key in out:
            out[key] = pick("reference", out[key])
    if "members" in out:
        out["members"] = {name: pick("reference", ref) for name, ref in out["members"].items()}
    return out


def trim_operation(operation):
    out = pick("operation", operation)
    if "errors" in out:
        out["errors"] = [{"shape": error["shape"]} for error in out["errors"]]
    for key in ("input", "output"):
        if key in out:
            kept = KEEP["reference"] | {"resultWrapper"}
            out[key] = {name: item for name, item in out[key].items() if name in kept}
    return out


def reachable(model):
    """Names of the shapes that an operation's input, output or errors lead to."""
    seen, todo = set(), []
    for operation in model["operations"].values():
        todo += [operation[key]["shape"] for key in ("input", "output") if key in operation]
        todo += [error["shape"] for error in operation.get("errors", [])]
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        shape = model["shapes"][name]
        todo += [ref["shape"] for ref in shape.get("members", {}).values()]
        todo += [shape[key]["shape"] for key in ("member", "key", "value") if key in shape]
    return seen


def text(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write(path, document):
    """One line per entry of each top-level object."""
    parts = []
    for key, value in document.items():
        if isinstance(value, dict) and key not in ("metadata",):
            lines = ",\n".join(f"{text(name)}:{text(item)}" for name, item in value.items())
            parts.append(f"{text(key)}:{{\n{lines}\n}}" if value else f"{text(key)}:{{}}")
        else:
            parts.append(f"{text(key)}:{text(value)}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def import_service(data, target, name):
    folder = max(path.parent for path in (data / name).glob("*-*-*/service-2.json*"))
    digest = hashlib.sha256()
    model = load(folder, "service-2", digest)
    waiters = load(folder, "waiters-2", digest) or {"waiters": {}}
    paginators = load(folder, "paginators-1", digest) or {"pagination": {}}
    rules = load(folder, "endpoint-rule-set-1", digest)

    shapes = reachable(model)
    document = {
        "service": name,
        "metadata": dict(sorted(pick("metadata", model["metadata"]).items())),
        "clientContextParams": {
            key: {"type": value["type"]}
            for key, value in sorted(model.get("clientContextParams", {}).items())
        },
        "operations": {
            key: trim_operation(value) for key, value in sorted(model["operations"].items())
        },
        "shapes": {
            key: trim_shape(value)
            for key, value in sorted(model["shapes"].items()) if key in shapes
        },
        "waiters": {
            key: pick("waiter", value) for key, value in sorted(waiters["waiters"].items())
        },
        "pagination": dict(sorted(paginators["pagination"].items())),
    }
    write(target / f"{name}.json", document)
    if rules is not None:
        (target / "endpoints").mkdir(exist_ok=True)
        strip_documentation(rules)
        (target / "endpoints" / f"{name}.json").write_text(
            json.dumps(rules, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    return {"api": folder.name, "sha256": digest.hexdigest()}


def strip_documentation(value):
    if isinstance(value, dict):
        value.pop("documentation", None)
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            strip_documentation(item)


def import_partitions(data, target):
    partitions, raw = read(data / "partitions.json")
    if partitions is None:
        return None
    lines = []
    for partition in partitions["partitions"]:
        partition["regions"] = sorted(partition["regions"])
        lines.append(text(dict(sorted(partition.items()))))
    target.joinpath("partitions.json").write_text(
        '{"partitions":[\n' + ",\n".join(lines) + "\n]}\n", encoding="utf-8")
    return hashlib.sha256(raw).hexdigest()


def services_of(data):
    """The names of all services in a data folder."""
    return sorted(
        path.name for path in data.iterdir() if any(path.glob("*-*-*/service-2.json*")))


def version_of(data):
    """The release of the botocore that a data folder belongs to; a bare folder has none."""
    init = data.parent / "__init__.py"
    found = init.exists() and re.search(r"__version__ = '([^']+)'", init.read_text())
    return found[1] if found else None


def main():
    every = "--all" in sys.argv[1:]
    folders = [word for word in sys.argv[1:] if word != "--all"]
    if len(folders) != 2:
        sys.exit(__doc__.split("\n\n")[1])
    data, target = map(pathlib.Path, folders)
    if (data / "data").is_dir():
        data = data / "data"
    version = version_of(data)
    target.mkdir(parents=True, exist_ok=True)

    source = {
        "source": "botocore", "version": version, "licence": "Apache-2.0",
        "url": "https://pypi.org/project/botocore/" + (f"{version}/" if version else ""),
        "partitions": import_partitions(data, target),
        "services": {
            name: import_service(data, target, name)
            for name in (services_of(data) if every else SERVICES)
        },
    }
    record = target / "SOURCE.json"
    old = json.loads(record.read_text()) if record.exists() else {}
    imported = old.pop("imported", None)
    if old != source or imported is None:
        imported = datetime.date.today().isoformat()
    record.write_text(json.dumps({"imported": imported, **source}, indent=1) + "\n")


main()
