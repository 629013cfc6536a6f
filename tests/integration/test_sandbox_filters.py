"""The sandbox takes every filter that EC2's API reference documents, and looks where the answer has a field."""

import json
import re

import botocore.loaders
import pytest

# Filters of tags, which all Describe calls take.
TAGS = ("tag", "tag-key", "tag-value")
# What the documentation lists in the same way, and is values of filters.
VALUES = {"DescribeCapacityReservations": [
    "default", "dedicated", "active", "expired", "cancelled", "pending", "failed", "unlimited", "limited", "open",
    "targeted"]}
LIST = """
local filter = require "eksrun.sandbox.ec2.filter"
local services = require "eksrun.sandbox.services"
local out = {}
for _, name in ipairs(arg) do
  if services.handler("ec2", name) then out[name] = filter.known[name] or {} end
end
print(require("eksrun.json").encode(out))
"""

MODEL = botocore.loaders.Loader().load_service_model("ec2", "service-2")
SHAPES = MODEL["shapes"]


def documented():
    """By operation: the names that its documentation lists."""
    for name, operation in MODEL["operations"].items():
        members = SHAPES[operation["input"]["shape"]]["members"] if "input" in operation else {}
        for member in members.values():
            if member["shape"] == "FilterList":
                names = re.findall(r"<li>\s*<p>\s*<code>([^<]+)</code>", member.get("documentation", ""))
                yield name, [
                    n for n in names if n.split(":")[0] not in TAGS and n not in VALUES.get(name, [])]


def members(shape):
    while SHAPES[shape]["type"] == "list":
        shape = SHAPES[shape]["member"]["shape"]
    return {name: m["shape"] for name, m in SHAPES[shape].get("members", {}).items()}


def leads_somewhere(shape, path):
    """Whether a path names fields of a shape, in plural too."""
    for part in path.split("."):
        fields = members(shape)
        shape = next((fields[n] for n in (part, part + "s", part + "Set") if n in fields), None)
        if shape is None:
            return False
    return True


@pytest.fixture
def known(home, tmp_path):
    from conftest import Shell
    script = tmp_path / "filters.lua"
    script.write_text(LIST)
    done = Shell(home)("lua", script, *[name for name, _ in documented()])
    assert done.status == 0, done
    return json.loads(done.stdout)


def test_documented_filters(known):
    wrong = []
    for operation, names in documented():
        if operation in known:
            wrong += [f"{operation}: {name}" for name in names if name not in known[operation]]
    assert not wrong
    assert len(known) > 25


def test_fields_of_filters(known):
    wrong = []
    for operation, filters in known.items():
        output = members(MODEL["operations"][operation]["output"]["shape"])
        lists = [shape for shape in output.values() if SHAPES[shape]["type"] == "list"]
        lists += [shape for reservations in lists for shape in members(reservations).values()
                  if operation == "DescribeInstances" and SHAPES[shape]["type"] == "list"]
        for name, paths in filters.items():
            wrong += [f"{operation}: {name} in {path}" for path in paths
                      if not path.startswith("_") and not any(leads_somewhere(s, path) for s in lists)]
    assert not wrong
