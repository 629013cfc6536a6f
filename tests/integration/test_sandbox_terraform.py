"""Terraform and its AWS provider, unmodified, at `eksrun sandbox`: what they apply plans empty and goes away."""

import os
import pathlib
import shutil
import subprocess

import boto3
import pytest

from support.sandbox import Sandbox

HERE = pathlib.Path(__file__).parent
REGION = "eu-west-1"
TERRAFORM = shutil.which("terraform")
# Providers that are installed already; nothing is fetched.
PLUGINS = pathlib.Path(os.environ.get("EKSRUN_TF_PLUGINS", "/opt/tf-plugins"))


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox("--virtual") as running:
        yield running


@pytest.fixture
def terraform(sandbox, tmp_path):
    if not TERRAFORM:
        pytest.skip("no terraform")
    if not list(PLUGINS.glob("registry.terraform.io/hashicorp/aws/5.*")):
        pytest.skip(f"no AWS provider 5 for Terraform in {PLUGINS} (EKSRUN_TF_PLUGINS)")
    config = tmp_path / "terraform.rc"
    config.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{PLUGINS}"\n  }}\n}}\n')
    shutil.copy(HERE / "terraform/main.tf", tmp_path)
    env = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ENDPOINT_URL": sandbox.url,
        "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_EC2_METADATA_DISABLED": "true",
        "TF_CLI_CONFIG_FILE": str(config), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1",
    }

    def run(*argv, expect=0):
        ran = subprocess.run([TERRAFORM, *argv, "-no-color", "-input=false"], env=env, cwd=tmp_path,
                             capture_output=True, text=True, timeout=400)
        assert ran.returncode == expect, ran.stdout[-4000:] + ran.stderr
        return ran.stdout

    run("init")
    return run


def test_applies_plans_empty_changes_and_destroys(sandbox, terraform):
    def client(service):
        return boto3.client(service, endpoint_url=sandbox.url, region_name=REGION,
                            aws_access_key_id="any", aws_secret_access_key="any")

    ec2, eks, iam = client("ec2"), client("eks"), client("iam")
    vpcs = len(ec2.describe_vpcs()["Vpcs"])
    terraform("apply", "-auto-approve")
    cluster = eks.describe_cluster(name="demo")["cluster"]
    assert cluster["status"] == "ACTIVE" and cluster["tags"] == {"project": "demo"}
    terraform("plan", "-detailed-exitcode")  # 2 if anything were to be changed
    changed = ("-var", "kubernetes=1.33", "-var", "nodes=3")
    terraform("apply", "-auto-approve", *changed)
    assert eks.describe_cluster(name="demo")["cluster"]["version"] == "1.33"
    group = eks.describe_nodegroup(clusterName="demo", nodegroupName="general")["nodegroup"]
    assert group["version"] == "1.33" and group["scalingConfig"]["desiredSize"] == 3
    terraform("plan", "-detailed-exitcode", *changed)
    terraform("destroy", "-auto-approve", *changed)
    assert eks.list_clusters()["clusters"] == [] and iam.list_roles(PathPrefix="/")["Roles"] == [
        one for one in iam.list_roles()["Roles"] if one["Path"].startswith("/aws-service-role/")]
    assert len(ec2.describe_vpcs()["Vpcs"]) == vpcs
    assert ec2.describe_addresses()["Addresses"] == []
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []
    assert all(one["State"]["Name"] == "terminated" for many in ec2.describe_instances()["Reservations"]
               for one in many["Instances"])
