"""kubectl talks to a cluster of `eksrun sandbox`, with the tokens of both makers."""

import base64
import datetime
import os
import subprocess
from unittest import mock

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from conftest import EKSRUN, ROOT
from support.sandbox import Sandbox
from test_kubectl import KUBECTL

KEY, SECRET = "AKIASANDBOXTEST", "a/secret+of=ours"
AWS = str(ROOT / ".venv/bin/aws")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def run(home):
    """A managed cluster in a sandbox; runs programs against it."""
    with Sandbox("--virtual", "--keys", f"{KEY}:{SECRET}") as sandbox:
        env = {
            "PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", "AWS_ENDPOINT_URL": sandbox.url,
            "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
            "EKSRUN_SETTLE_SECONDS": "0",
        }

        def run(*argv, **more):
            return subprocess.run(list(map(str, argv)), env=env | more, capture_output=True, text=True,
                                  cwd=ROOT, timeout=120)

        made = run(EKSRUN, "recipes/managed-cluster.lua", "--yes", "nodes=2")
        assert made.returncode == 0, made.stderr
        yield run


def kubectl(run, *argv, **env):
    if not KUBECTL:
        pytest.skip("no kubectl")
    return run(KUBECTL, *argv, **env)


@pytest.fixture(params=["eksrun", "aws"])
def kubeconfig(run, home, request):
    path = home / request.param
    if request.param == "eksrun":
        written = run(EKSRUN, "kubeconfig", "demo", "--kubeconfig", path)
    else:
        written = run(AWS, "eks", "update-kubeconfig", "--name", "demo", "--kubeconfig", path)
    assert written.returncode == 0, written.stderr
    return str(path)


def test_shows_the_nodes(run, kubeconfig):
    shown = kubectl(run, "get", "nodes", KUBECONFIG=kubeconfig)
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0].split() == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
    assert len(lines) == 3 and all(line.split()[1] == "Ready" for line in lines[1:])
    version = kubectl(run, "version", "--output=json", KUBECONFIG=kubeconfig)
    assert '"gitVersion": "v1.33.' in version.stdout


# What follows is the same with either plugin; the AWS CLI takes longest to start.
@pytest.mark.parametrize("kubeconfig", ["eksrun"], indirect=True)
def test_names_and_describes_them(run, kubeconfig):
    names = kubectl(run, "get", "nodes", "-o", "name", KUBECONFIG=kubeconfig).stdout.split()
    assert len(names) == 2
    one = kubectl(run, "get", names[0], "-o", "jsonpath={.metadata.labels.eks\\.amazonaws\\.com/nodegroup}",
                  KUBECONFIG=kubeconfig)
    assert one.stdout == "general"
    none = kubectl(run, "get", "nodes", "-l", "eks.amazonaws.com/nodegroup notin (general)", KUBECONFIG=kubeconfig)
    assert none.returncode == 0 and "No resources found" in none.stderr
    waited = kubectl(run, "wait", "--for=condition=Ready", "node", "--all", "--timeout=30s", KUBECONFIG=kubeconfig)
    assert waited.stdout.count("condition met") == 2, waited.stderr
    missing = kubectl(run, "get", "node", "none", KUBECONFIG=kubeconfig)
    assert missing.returncode == 1 and 'nodes "none" not found' in missing.stderr


@pytest.mark.parametrize("change", [
    {"AWS_SECRET_ACCESS_KEY": "another"}, {"AWS_ACCESS_KEY_ID": "AKIANOBODY"},
])
def test_is_refused_with_other_keys(run, kubeconfig, change):
    refused = kubectl(run, "get", "nodes", KUBECONFIG=kubeconfig, **change)
    assert refused.returncode != 0
    assert "must be logged in" in refused.stderr or "Unauthorized" in refused.stderr


@pytest.mark.parametrize("kubeconfig", ["eksrun"], indirect=True)
def test_is_refused_with_a_token_of_another_cluster_or_of_yesterday(run, kubeconfig):
    def ask(token):
        return kubectl(run, "get", "nodes", "--token", token, KUBECONFIG=kubeconfig)

    def token(cluster, age):
        request = AWSRequest("GET", "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity"
                             "&Version=2011-06-15", headers={"x-k8s-aws-id": cluster})
        then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age)
        signer = botocore.auth.SigV4QueryAuth(Credentials(KEY, SECRET), "sts", "eu-west-1", expires=60)
        with mock.patch("botocore.auth.get_current_datetime", return_value=then.replace(tzinfo=None)):
            signer.add_auth(request)
        return "k8s-aws-v1." + base64.urlsafe_b64encode(request.url.encode()).decode().rstrip("=")

    assert ask(token("demo", 0)).returncode == 0
    for bad in (token("demo", 86400), token("demo", 16 * 60), token("other", 0), token("demo", 0)[:-4]):
        refused = ask(bad)
        assert refused.returncode != 0
        assert "must be logged in" in refused.stderr or "Unauthorized" in refused.stderr
