"""examples/: each recipe plans, and says what it is there to show."""

import json

import pytest

STANDARDS = "examples/standards/payments.lua"


def changes(result):
    assert result.status == 2, result
    events = map(json.loads, result.stdout.splitlines())
    return [event["address"] for event in events if event["event"] == "change"]


@pytest.mark.parametrize("stage, gateways, pools", [
    ("test", 1, ["nodes/api"]),
    ("prod", 3, ["nodes/api", "nodes/ledger"]),
])
def test_a_library_of_standards_decides(cloud, eksrun, stage, gateways, pools):
    addresses = changes(eksrun("plan", STANDARDS, f"stage={stage}", "--json"))
    assert sum("/nat-" in address for address in addresses) == gateways
    assert [a for a in addresses if a.startswith("nodes/") and a != "nodes/role"] == pools
    assert cloud.mutating() == []


def test_what_is_outside_the_standards_stops_at_the_recipes_line(cloud, eksrun, tmp_path):
    recipe = tmp_path / "huge.lua"
    recipe.write_text('package.path = "examples/standards/?.lua;" .. package.path\n'
                      'local eks = require("acme").cluster { team = "web", stage = "test" }\n'
                      'eks:pool { name = "api", size = "huge" }\n')
    result = eksrun("plan", recipe)
    assert result.status == 1
    assert "huge.lua:3:33: acme: size 'huge' is none of large, medium, small" in result.stderr
    assert cloud.mutating() == []
