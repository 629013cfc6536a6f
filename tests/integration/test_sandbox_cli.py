"""The AWS CLI, unmodified, at `eksrun sandbox`: the life of a cluster with every type of node, by its waiters."""

import base64
import contextlib
import io
import json
import os
import re
import shlex
import subprocess

import awscli.clidriver
import pytest

from conftest import ROOT
from support.aws import REGION
from support.sandbox import EKSRUN, Sandbox

NODES = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryPullOnly"
FAILED = (254, 255)
# As on AWS, for some seconds: of a new role, a new profile, and what depends on what is going.
PASSES = ("could not be assumed|Misconfigured PodExecutionRole|Invalid IAM Instance Profile|invalid principal"
          "|DependencyViolation")


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    with Sandbox("--virtual") as running:
        yield {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path_factory.mktemp("home")), "AWS_ENDPOINT_URL": running.url,
            "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": REGION,
        }


@pytest.fixture
def aws(env, monkeypatch):
    """Runs a command line of the AWS CLI; in this process, since a new one takes most of its time to start."""
    # awscli says by AWS_DATA_PATH where its own data lie.
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_DATA_PATH"]:
        monkeypatch.delenv(name)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    driver = awscli.clidriver.create_clidriver()

    def run(line):
        for _ in range(8):
            out, err = io.StringIO(), io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = driver.main(shlex.split(line))
            if not status:  # nothing, of the commands of its own
                text = out.getvalue()
                return json.loads(text) if text.startswith("{") else text
            if not re.search(PASSES, err.getvalue()):
                break
        raise AssertionError(f"aws {line}: {err.getvalue()}")

    return run


def test_drives_the_life_of_a_cluster(aws, tmp_path):
    def role(name, service):
        trust = json.dumps({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"]}]})
        made = aws(f"iam create-role --role-name {name} --assume-role-policy-document '{trust}'")["Role"]["Arn"]
        for policy in NODES.split() if service == "ec2" else ():
            aws(f"iam attach-role-policy --role-name {name} --policy-arn {policy}")
        return made

    vpc = aws("ec2 create-vpc --cidr-block 10.1.0.0/16 --query Vpc.VpcId --output text").strip()
    aws(f"ec2 wait vpc-available --vpc-ids {vpc}")
    subnets = " ".join(
        aws(f"ec2 create-subnet --vpc-id {vpc} --cidr-block 10.1.{i}.0/24 --availability-zone {REGION}{zone}"
            )["Subnet"]["SubnetId"] for i, zone in enumerate("ab"))
    endpoint = aws(f"ec2 create-vpc-endpoint --vpc-id {vpc} --service-name com.amazonaws.{REGION}.sts"
                   f" --vpc-endpoint-type Interface --subnet-ids {subnets} --no-private-dns-enabled"
                   )["VpcEndpoint"]["VpcEndpointId"]
    nodes = role("nodes", "ec2")
    made = aws(f"eks create-cluster --name cli --role-arn {role('cluster', 'eks')} --kubernetes-version 1.32"
               f" --resources-vpc-config subnetIds={subnets.replace(' ', ',')}"
               " --access-config authenticationMode=API")["cluster"]
    assert made["status"] == "CREATING"
    aws("eks wait cluster-active --name cli")

    # Managed nodes, Fargate, and nodes of one's own.
    aws(f"eks create-nodegroup --cluster-name cli --nodegroup-name general --node-role {nodes} --subnets {subnets}"
        " --scaling-config minSize=1,maxSize=2,desiredSize=1 --labels team=core")
    aws("eks wait nodegroup-active --cluster-name cli --nodegroup-name general")
    aws(f"eks create-fargate-profile --cluster-name cli --fargate-profile-name jobs --subnets {subnets}"
        f" --pod-execution-role-arn {role('pods', 'eks-fargate-pods')} --selectors namespace=jobs")
    aws("eks wait fargate-profile-active --cluster-name cli --fargate-profile-name jobs")
    aws("iam create-instance-profile --instance-profile-name nodes")
    aws("iam add-role-to-instance-profile --instance-profile-name nodes --role-name nodes")
    image = aws("ssm get-parameter --query Parameter.Value --output text --name"
                " /aws/service/eks/optimized-ami/1.32/amazon-linux-2023/x86_64/standard/recommended/image_id").strip()
    config = b"apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  cluster:\n    name: cli\n"
    data = {"ImageId": image, "InstanceType": "m6i.large", "IamInstanceProfile": {"Name": "nodes"},
            "UserData": base64.b64encode(config).decode()}
    aws(f"ec2 create-launch-template --launch-template-name own --launch-template-data '{json.dumps(data)}'")
    aws("autoscaling create-auto-scaling-group --auto-scaling-group-name own --min-size 0 --max-size 2"
        f" --desired-capacity 1 --launch-template LaunchTemplateName=own --vpc-zone-identifier {subnets.replace(' ', ',')}")
    own = aws("autoscaling describe-auto-scaling-groups --auto-scaling-group-names own"
              " --query AutoScalingGroups[0].Instances[0].InstanceId --output text").strip()
    aws(f"ec2 wait instance-running --instance-ids {own}")

    # Add-ons, access entries, Pod Identity.
    for addon in ("vpc-cni", "coredns"):
        aws(f"eks create-addon --cluster-name cli --addon-name {addon}")
        aws(f"eks wait addon-active --cluster-name cli --addon-name {addon}")
    entries = aws("eks list-access-entries --cluster-name cli")["accessEntries"]
    admin = role("admin", "ec2")
    aws(f"eks create-access-entry --cluster-name cli --principal-arn {admin}")
    aws(f"eks associate-access-policy --cluster-name cli --principal-arn {admin} --access-scope type=cluster"
        " --policy-arn arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy")
    listed = aws("eks list-access-entries --cluster-name cli --page-size 1")["accessEntries"]
    assert sorted(listed) == sorted([*entries, admin])
    association = aws("eks create-pod-identity-association --cluster-name cli --namespace jobs --service-account worker"
                      f" --role-arn {role('worker', 'pods.eks')}")["association"]["associationId"]

    # kubectl's side: an entry in its file, tokens.
    aws(f"eks update-kubeconfig --name cli --kubeconfig {tmp_path}/config")
    assert made["arn"] in (tmp_path / "config").read_text()
    credential = aws("eks get-token --cluster-name cli")
    assert credential["kind"] == "ExecCredential" and credential["status"]["token"].startswith("k8s-aws-v1.")

    # Upgrade, of the control plane and of the nodes.
    update = aws("eks update-cluster-version --name cli --kubernetes-version 1.33")["update"]["id"]
    aws("eks wait cluster-active --name cli")
    assert aws(f"eks describe-update --name cli --update-id {update}")["update"]["status"] == "Successful"
    aws("eks update-nodegroup-version --cluster-name cli --nodegroup-name general")
    aws("eks wait nodegroup-active --cluster-name cli --nodegroup-name general")
    group = aws("eks describe-nodegroup --cluster-name cli --nodegroup-name general")["nodegroup"]
    assert group["version"] == "1.33" and group["labels"] == {"team": "core"}

    # All of it goes.
    aws(f"eks delete-pod-identity-association --cluster-name cli --association-id {association}")
    aws(f"eks delete-access-entry --cluster-name cli --principal-arn {admin}")
    aws("eks delete-addon --cluster-name cli --addon-name coredns")
    aws("eks wait addon-deleted --cluster-name cli --addon-name coredns")
    aws("autoscaling delete-auto-scaling-group --auto-scaling-group-name own --force-delete")
    aws(f"ec2 wait instance-terminated --instance-ids {own}")
    aws("eks delete-fargate-profile --cluster-name cli --fargate-profile-name jobs")
    aws("eks wait fargate-profile-deleted --cluster-name cli --fargate-profile-name jobs")
    aws("eks delete-nodegroup --cluster-name cli --nodegroup-name general")
    aws("eks wait nodegroup-deleted --cluster-name cli --nodegroup-name general")
    aws("eks delete-cluster --name cli")
    aws("eks wait cluster-deleted --name cli")
    aws(f"ec2 delete-vpc-endpoints --vpc-endpoint-ids {endpoint}")

    # A cluster whose nodes EKS runs, in the same network.
    on = '{"enabled": true}'
    auto = json.dumps({"enabled": True, "nodePools": ["system"], "nodeRoleArn": nodes})
    aws(f"eks create-cluster --name auto --role-arn {made['roleArn']} --no-bootstrap-self-managed-addons"
        f" --resources-vpc-config subnetIds={subnets.replace(' ', ',')} --access-config authenticationMode=API"
        f" --compute-config '{auto}' --kubernetes-network-config '{{\"elasticLoadBalancing\": {on}}}'"
        f" --storage-config '{{\"blockStorage\": {on}}}'")
    aws("eks wait cluster-active --name auto")
    shown = aws("eks describe-cluster --name auto --query cluster.computeConfig")
    assert shown == json.loads(auto)
    aws("eks delete-cluster --name auto")
    aws("eks wait cluster-deleted --name auto")
    assert aws("eks list-clusters")["clusters"] == []
    for subnet in subnets.split():
        aws(f"ec2 delete-subnet --subnet-id {subnet}")
    aws(f"ec2 delete-vpc --vpc-id {vpc}")


def test_is_the_program_itself(env):
    def aws(*argv):
        return subprocess.run([ROOT / ".venv/bin/aws", *argv], env=env, capture_output=True, text=True, timeout=60)

    assert json.loads(aws("sts", "get-caller-identity").stdout)["Account"] == "111122223333"
    missing = aws("eks", "describe-cluster", "--name", "none")
    assert missing.returncode in FAILED and "(ResourceNotFoundException)" in missing.stderr


def test_does_what_the_help_of_the_sandbox_shows(env):
    """The example's lines as they stand there, but for the port, in a shell that knows nothing else of AWS."""
    shown = subprocess.run([EKSRUN, "sandbox", "--help"], capture_output=True, text=True, timeout=60).stdout
    lines = re.search(r"^  export .*?^  aws .*?$", shown, re.M | re.S)[0].replace("http://127.0.0.1:4566",
                                                                                env["AWS_ENDPOINT_URL"])
    ran = subprocess.run(["sh", "-euc", lines], capture_output=True, text=True, timeout=60,
                         env={"PATH": f"{ROOT}/.venv/bin:{env['PATH']}", "HOME": env["HOME"]})
    assert ran.returncode == 0 and json.loads(ran.stdout) == {"clusters": []}, (lines, ran)
