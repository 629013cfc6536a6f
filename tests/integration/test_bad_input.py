"""What goes wrong outside of eksrun: one clear line, the documented exit status, nothing half-written."""

import collections
import os
import re
import signal
import socket
import subprocess

import pytest

from conftest import EKSRUN, ROOT

from support.moto_copies import Copy

RECIPE = "recipes/managed-cluster.lua"
USAGE, FAILED, CREDENTIALS = 2, 1, 4
NODES = ('require("eksrun.cluster").create { name = "n", subnets = { "s" } }'
         ':managed_nodes { name = "g", instance_types = { "m7g.large" }, subnets = { "s" }, %s }')


def assert_one_line(result, status, pattern, code=False):
    """One line on stderr that begins with the program's name, nothing on stdout; if code, below it the line of
    the recipe with a mark."""
    assert result.status == status, result
    assert result.stdout == "", result
    lines = result.stderr.splitlines()
    if code:
        assert re.fullmatch(r" +\d+ \| \S.*", lines[1]) and re.fullmatch(r" +\|  *\^+", lines[2]), result
        del lines[1:3]
    assert len(lines) == 1, result
    assert re.match("eksrun: .*" + pattern, lines[0]), result
    assert "traceback" not in result.stderr and "lua/stdlib" not in result.stderr, result
    assert not lines[0].endswith("."), result


@pytest.mark.parametrize("text, status, pattern", [
    ("local x = = 1\n", USAGE, r"recipe\.lua:1:\d+: unexpected symbol near '='"),
    ("return {\n", USAGE, r"recipe\.lua:1:8: unexpected symbol near <eof>"),
    ("\x1bLua", USAGE, r"recipe\.lua: compiled Lua"),
    ('require("eksrun.ec2").vpc { "v", CidrBlok = "10.0.0.0/16" }\n', USAGE,
     r"recipe\.lua:1:\d+: .*CidrBlok.*did you mean 'CidrBlock'"),
    ('require("eksrun.aws").eks:describe_clusterr { name = "x" }\n', USAGE, r"recipe\.lua:1:\d+: .*did you mean"),
    ('require("eksrun.aws").eks:describe_cluster { nam = "x" }\n', USAGE,
     r"recipe\.lua:1:\d+: eks:DescribeCluster: parameter nam is unknown, did you mean name"),
    ('require("eksrun.vpc").network { name = "n", cidr = "foo" }\n', USAGE,
     r"recipe\.lua:1:\d+: vpc\.network: cidr: .*foo"),
    ('require("eksrun.vpc").network { name = "n", cidr = "10.0.0.0/26" }\n', USAGE,
     r"recipe\.lua:1:\d+: vpc\.network: cidr: 10\.0\.0\.0/26 is too small for 3 zones"),
    ('require("eksrun.vpc").network { name = "n", zones = 2.5 }\n', USAGE, r"recipe\.lua:1:\d+: .*zones: .*not 2\.5"),
    ('local k = require("eksrun.cluster").create { name = "n", subnets = { "a" } }\n'
     'k.managed_nodes { name = "g" }\n', USAGE,
     r"recipe\.lua:2:\d+: managed_nodes is called with a colon: eks:managed_nodes"),
    ('local k = require("eksrun.cluster").create { name = "n", subnets = { "a" } }\n'
     'k:managd_nodes { name = "g" }\n', USAGE,
     r"recipe\.lua:2:\d+: a cluster has no 'managd_nodes'; did you mean 'managed_nodes'"),
], ids=["syntax", "unfinished", "bytecode", "input", "operation", "parameter", "cidr", "small", "zones", "dot",
        "method"])
def test_recipes(eksrun, cloud, tmp_path, text, status, pattern):
    recipe = tmp_path / "recipe.lua"
    recipe.write_text(text)
    assert_one_line(eksrun(recipe, "--yes"), status, pattern, code="compiled" not in pattern)
    assert cloud.calls == []


@pytest.mark.parametrize("declaration, pattern", [
    ('require("eksrun.ec2").vpc { CidrBlock = "10.0.0.0/33" }',
     r"CidrBlock: '10\.0\.0\.0/33' is not an IPv4 address range"),
    ('require("eksrun.eks").cluster { name = "a b", roleArn = "r", resourcesVpcConfig = { subnetIds = { "s" } } }',
     r"name: 'a b' is no name: letters"),
    ('require("eksrun.eks").cluster { version = "v1", roleArn = "r", resourcesVpcConfig = { subnetIds = { "s" } } }',
     r"version: 'v1' is not a Kubernetes version such as 1\.33"),
    ('require("eksrun.iam").role { AssumeRolePolicyDocument = "{}", PolicyArns = { "AmazonEKS_CNI_Policy" } }',
     r"PolicyArns: 'AmazonEKS_CNI_Policy' is not an ARN; iam\.policy_arn 'AmazonEKS_CNI_Policy'"),
    ('require("eksrun.iam").role { AssumeRolePolicyDocument = "no document" }',
     r"AssumeRolePolicyDocument: a policy document .*'no document'"),
    ('require("eksrun.cluster").create { name = "n", network = {} }', r"'network' wants what vpc\.network returns"),
    (NODES % 'capacity = "spot"', r"capacity is 'ON_DEMAND' or 'SPOT', not 'spot'"),
    (NODES % 'labels = { "a" }', r"labels wants a table of text by key"),
], ids=["cidr", "name", "version", "arn", "policy", "network", "capacity", "labels"])
def test_values_that_aws_would_refuse(eksrun, cloud, tmp_path, declaration, pattern):
    recipe = tmp_path / "recipe.lua"
    recipe.write_text(declaration + "\n")
    assert_one_line(eksrun("plan", recipe), FAILED, r"recipe\.lua:1:\d+: .*" + pattern, code=True)
    assert cloud.calls == []


def test_a_recipe_from_stdin(eksrun, tmp_path):
    (tmp_path / "beside.lua").write_text("return 'found'\n")
    text = 'require("eksrun").stack "s"\nreturn require "beside"\n'
    result = eksrun("-", stdin=text, cwd=tmp_path)
    assert result.status == 0 and result.stdout == "found\n", result
    result = eksrun("plan", "-", stdin="\n\nfoo()\n")
    assert_one_line(result, FAILED, r"stdin:3:1: attempt to call a nil value", code=True)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_result_that_cannot_be_written(eksrun, tmp_path):
    recipe = tmp_path / "recipe.lua"
    recipe.write_text('require("eksrun").stack "s"\n')
    for command in (["plan", recipe], ["--help"], ["token", "demo"]):
        with open("/dev/full", "w") as full:
            process = subprocess.run([str(EKSRUN), *map(str, command)], stdout=full, stderr=subprocess.PIPE, text=True,
                                     env=eksrun.env, cwd=ROOT, timeout=60)
        assert process.returncode == FAILED, process
        assert process.stderr == "eksrun: cannot write to stdout: No space left on device\n", process


def test_an_error_of_the_recipe_names_file_and_line(eksrun, tmp_path):
    recipe = tmp_path / "recipe.lua"
    recipe.write_text('local function deep()\n  error("no luck")\nend\n\ndeep()\n')
    result = eksrun(recipe.name, "--yes", cwd=tmp_path)
    assert result.status == USAGE, result
    assert result.stderr.splitlines()[0] == "eksrun: recipe.lua:2:9: no luck", result
    assert "recipe.lua:5" in result.stderr, result


@pytest.mark.parametrize("args, pattern", [
    (["none.lua"], r"none\.lua: No such file"),
    ([RECIPE, "nmae=x"], r"unknown parameter 'nmae'; did you mean 'name'"),
    ([RECIPE, "nodes=451"], r"nodes: 451 is more than 450"),
    ([RECIPE, "nodes=-1"], r"nodes: -1 is less than 0"),
    ([RECIPE, "nodes=two"], r"nodes: 'two' is not a whole number"),
    ([RECIPE, "name=-x"], r"name: '-x'"),
    ([RECIPE, "nat=some"], r"nat: 'some'"),
    ([RECIPE, "cidr=foo"], r"cidr: 'foo' is not an address range"),
    ([RECIPE, "cidr=10.0.0.0/26"], r"cidr: 10\.0\.0\.0/26 is too small for 3 zones"),
    ([RECIPE, "instance=m7g"], r"instance: 'm7g'"),
    ([RECIPE, "--nodes", "4"], r"unknown flag '--nodes'; a parameter of the recipe is given as nodes=4"),
    (["destroy", "--stack", ""], r"--stack: '' is no stack's name"),
    (["help", "destory"], r"unknown command 'destory'; did you mean 'destroy'\? \(see eksrun help\)"),
    ([RECIPE, "--yess"], r"unknown flag '--yess'; did you mean '--yes'"),
    (["plann", RECIPE], r"unknown command 'plann'; did you mean 'plan'"),
    (["token"], r"CLUSTER is missing"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_usage(eksrun, cloud, args, pattern):
    assert_one_line(eksrun(*args), USAGE, pattern, code="too small" in pattern)  # that the kit finds
    assert cloud.calls == []


def test_no_terminal_and_no_yes(eksrun, cloud):
    result = eksrun(RECIPE)
    assert result.status == USAGE and "--yes" in result.stderr.splitlines()[-1], result
    assert cloud.mutating() == []


@pytest.mark.parametrize("env, status, pattern", [
    ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, CREDENTIALS, "no credentials"),
    ({"AWS_REGION": None}, USAGE, "no region"),
    ({"AWS_REGION": "us east/1"}, USAGE, "region 'us east/1'"),
    ({"AWS_ENDPOINT_URL": "nowhere"}, USAGE, "endpoint 'nowhere'"),
    ({"AWS_PROFILE": "none"}, CREDENTIALS, "'none'"),
], ids=["credentials", "region", "region-name", "endpoint", "profile"])
def test_environment(eksrun, cloud, home, env, status, pattern):
    assert_one_line(eksrun(RECIPE, "--yes", **env), status, pattern)
    assert cloud.calls == []
    assert list(home.iterdir()) == []


def test_wrong_credentials(eksrun_at):
    secret = "wJalrXUtnFEMI-not-to-be-shown"
    with Copy() as strict:
        strict.post("/moto-api/reset-auth", b"0")
        result = eksrun_at(strict.url)(RECIPE, "--yes", AWS_SECRET_ACCESS_KEY=secret)
    assert_one_line(result, CREDENTIALS, "AuthFailure")
    assert secret not in repr(result)


@pytest.mark.parametrize("answer, pattern", [
    ((404, "text/html", b"<!doctype html><title>404</title>"), r"HTTP 404, text/html"),
    ((500, "text/html", b"<!doctype html><title>500</title>"), r"HTTP 500, text/html"),
    ((200, "text/html", b"<html>hello</html>"), r"HTTP 200, text/html"),
    ((200, "application/json", b'{"a": 1}'), r"xml: line 1"),
    ((200, "text/xml", b"<DescribeAvailabilityZonesResponse><a>"), r"xml: line 1"),
    ((200, "text/xml", b""), r"empty body"),
    ("half", r"cut off"),
    ("drop", r"closed the connection without an answer"),
], ids=["404-page", "500-page", "200-page", "json", "cut-xml", "empty", "half", "drop"])
def test_answers(eksrun, cloud, home, answer, pattern):
    cloud.fault = lambda *_: answer
    assert_one_line(eksrun(RECIPE, "--yes"), FAILED, pattern)
    # To somebody who is not AWS the run is not patient.
    assert max(collections.Counter(call.operation for call in cloud.calls).values()) <= 3
    assert list(home.iterdir()) == []


def test_what_the_server_does_not_implement_is_not_absent(eksrun, cloud):
    """moto answers unknown operations of EKS with a page and 404: that says nothing about the cluster."""
    page = (404, "text/html", b"<!doctype html><title>404 Not Found</title>")
    cloud.fault = lambda service, *_: page if service == "eks" else None
    assert_one_line(eksrun(RECIPE, "--yes"), FAILED, r"eks:\w+: .*HTTP 404, text/html")
    assert cloud.mutating() == []


def test_refused(eksrun_at):
    with socket.socket() as taken:  # bound, not listening
        taken.bind(("127.0.0.1", 0))
        result = eksrun_at("http://127.0.0.1:%d" % taken.getsockname()[1])(RECIPE, "--yes")
    assert_one_line(result, FAILED, r"connection to 127\.0\.0\.1:\d+ refused")


def test_hangs_are_left_by_interrupt(eksrun_at, home):
    """Nobody answers: the run waits, and SIGINT ends it at once with 130."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        shell = eksrun_at("http://127.0.0.1:%d" % silent.getsockname()[1])
        process = subprocess.Popen([str(EKSRUN), RECIPE, "--yes"], env=shell.env, cwd=ROOT, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        connection, _ = silent.accept()
        assert connection.recv(4) == b"POST"
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
        connection.close()
    assert process.returncode == 130, (stdout, stderr)
    assert list(home.iterdir()) == []


def test_a_kubeconfig_that_is_none_stays_as_it_is(eksrun, cloud, reader, tmp_path):
    arn = reader.iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    reader.eks.create_cluster(name="demo", roleArn=arn, resourcesVpcConfig={})
    path = tmp_path / "config"
    path.write_text("a: [b\n")
    result = eksrun("kubeconfig", "demo", KUBECONFIG=path)
    assert result.status == FAILED and f"{path} is no kubeconfig: yaml: line 2" in result.stderr, result
    assert path.read_text() == "a: [b\n"
    assert sorted(found.name for found in tmp_path.iterdir()) == ["config", "home"]


def test_a_kubeconfig_that_cannot_be_written(eksrun, cloud, reader, tmp_path):
    arn = reader.iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    reader.eks.create_cluster(name="demo", roleArn=arn, resourcesVpcConfig={})
    (tmp_path / "file").write_text("")
    result = eksrun("kubeconfig", "demo", KUBECONFIG=tmp_path / "file/config")
    assert_one_line(result, FAILED, "config|folder")


@pytest.mark.parametrize("broken, pattern", [
    (lambda home: (home / "config").write_text("a: [b\n"), r"config is no kubeconfig: yaml: line 2"),
    (lambda home: (home / "config").mkdir(), r"cannot read .*config: .*directory"),
    (lambda home: home.rmdir() or home.write_text(""), r"kubeconfig .*config cannot be written: .* is not a folder"),
], ids=["no-yaml", "folder", "below-a-file"])
def test_the_kubeconfig_is_looked_at_before_anything_is_made(eksrun, cloud, tmp_path, broken, pattern):
    folder = tmp_path / "kube"
    folder.mkdir()
    broken(folder)
    assert_one_line(eksrun(RECIPE, "--yes", KUBECONFIG=folder / "config"), FAILED, pattern)
    assert cloud.mutating() == []


def test_a_cluster_that_is_not_there(eksrun):
    result = eksrun("kubeconfig", "none")
    result.stderr, _, todo = result.stderr.partition("\n")
    assert todo == "  what to do: the clusters there: eksrun call eks list-clusters; other places: --region, --profile\n"
    assert_one_line(result, FAILED, "eks:DescribeCluster: ResourceNotFoundException: No cluster found for name: none")
