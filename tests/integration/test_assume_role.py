"""Roles that the command line assumes (`token --role-arn`, `kubeconfig --assume-role-arn`), against an STS.

moto's AssumeRole gives credentials of its own, which the calls that follow must be signed with.
"""

import base64
import json
import re
import urllib.parse

import pytest

from support.moto_copies import Copy

ROLE = "arn:aws:iam::123456789012:role/deployer"


@pytest.fixture
def cluster(reader):
    arn = reader.iam.create_role(RoleName="control-plane", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    return reader.eks.create_cluster(name="demo", roleArn=arn, resourcesVpcConfig={})["cluster"]


def url_of(token):
    """The query of the URL that a token holds."""
    encoded = token.removeprefix("k8s-aws-v1.")
    url = urllib.parse.urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    return dict(urllib.parse.parse_qsl(url.query))


def assumed(call, session):
    assert (call.service, call.operation, call.status) == ("sts", "AssumeRole", 200)
    assert call.params["RoleArn"] == ROLE
    assert call.params["RoleSessionName"] == session
    assert call.access_key == "testing"


def test_token(eksrun, cloud):
    result = eksrun("token", "demo", "--role-arn", ROLE)
    assert result.status == 0 and result.stderr == "", result
    query = url_of(json.loads(result.stdout)["status"]["token"])
    assert len(cloud.calls) == 1
    assumed(cloud.calls[0], "EKSGetTokenAuth")
    key = query["X-Amz-Credential"].split("/")[0]
    assert key.startswith("ASIA"), key
    assert query["X-Amz-Security-Token"]
    assert query["X-Amz-SignedHeaders"] == "host;x-k8s-aws-id"


def test_token_without_a_role_asks_nobody(eksrun, cloud):
    result = eksrun("token", "demo")
    assert result.status == 0, result
    query = url_of(json.loads(result.stdout)["status"]["token"])
    assert query["X-Amz-Credential"].startswith("testing/") and "X-Amz-Security-Token" not in query
    assert cloud.calls == []


def test_kubeconfig(eksrun, cloud, cluster, home):
    result = eksrun("kubeconfig", "demo", "--assume-role-arn", ROLE, "--role-arn", "arn:aws:iam::1:role/viewer")
    assert result.status == 0 and result.stdout == "", result
    sts, eks = cloud.calls
    assumed(sts, "EKSDescribeClusterSession")
    assert (eks.service, eks.operation) == ("eks", "DescribeCluster")
    assert eks.access_key.startswith("ASIA")
    text = (home / ".kube/config").read_text()
    assert cluster["arn"] in text
    # The role of the tokens is another one than that of the look-up, which leaves no trace.
    assert re.search(r"- --role-arn\n\s+- arn:aws:iam::1:role/viewer\n", text) and ROLE not in text


@pytest.mark.parametrize("command", [("token", "demo", "--role-arn"), ("kubeconfig", "demo", "--assume-role-arn")],
                         ids=["token", "kubeconfig"])
def test_refused(eksrun_at, command, home):
    """An STS that does not let us (moto with authentication on, and a key that it does not know)."""
    with Copy() as strict:
        strict.post("/moto-api/reset-auth", b"0")
        result = eksrun_at(strict.url)(*command, ROLE)
    assert result.status == 4 and result.stdout == "", result
    assert re.match(r"eksrun: .*sts:AssumeRole: InvalidClientTokenId: .*credentials from", result.stderr), result
    assert len(result.stderr.splitlines()) == 1
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("arn", ["deployer", "", "arn:aws:iam::123456789012:user/deployer"])
def test_no_role(eksrun, cloud, arn):
    """What is no role's ARN is told apart before anybody is asked."""
    for command, flag in (("token", "--role-arn"), ("kubeconfig", "--assume-role-arn")):
        result = eksrun(command, "demo", flag, arn)
        assert result.status == 2, result
        assert re.match(f"eksrun: {flag}: '{arn}' is not the ARN of a role", result.stderr), result
    assert cloud.calls == []
