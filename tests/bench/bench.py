"""The table of script/bench: eksrun beside its peers, in one run."""

import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration/support"))

from moto import Moto  # noqa: E402

EKSRUN = str(ROOT / "build/eksrun")
AWS = str(ROOT / ".venv/bin/aws")
ENV = {
    "PATH": os.environ["PATH"], "HOME": "/nonexistent", "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
}


def wall(command, rounds, **env):
    """Median milliseconds of a command, start to end."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run(command, env={**ENV, **env}, check=True, cwd=ROOT, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def peak(command, **env):
    """Peak resident memory of a command, MiB: of a child of a process that has no other."""
    code = ("import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL,"
            "stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)")
    done = subprocess.run([sys.executable, "-S", "-E", "-c", code, *command], env={**ENV, **env}, check=True,
                          cwd=ROOT, capture_output=True, text=True)
    return float(done.stdout)


def output(*command):
    return subprocess.run(command, env=ENV, check=True, cwd=ROOT, capture_output=True, text=True).stdout


def signatures_of_botocore(seconds=1.0):
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials

    signer = botocore.auth.SigV4Auth(botocore.credentials.Credentials("AKID", "secret", "token"), "kms", "eu-central-1")
    done, start = 0, time.process_time()
    while time.process_time() - start < seconds:
        signer.add_auth(botocore.awsrequest.AWSRequest(
            "POST", "https://kms.eu-central-1.amazonaws.com/", data=b'{"KeyId":"alias/cluster"}',
            headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "TrentService.DescribeKey"}))
        done += 1
    return done / (time.process_time() - start)


def instances_by_botocore(document):
    import botocore.parsers
    import botocore.session

    shape = botocore.session.get_session().get_service_model("ec2").operation_model("DescribeInstances").output_shape
    parser = botocore.parsers.EC2QueryParser()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        parser.parse({"status_code": 200, "headers": {}, "body": document}, shape)
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def main():
    rows = []

    def row(what, ours, unit, peer, theirs, more_is_better=False):
        ratio = ours / theirs if more_is_better else theirs / ours
        rows.append((what, f"{ours:,.1f} {unit}", peer, f"{theirs:,.1f} {unit}", f"{ratio:,.1f} x"))

    row("start", wall([EKSRUN, "--version"], 50), "ms", "aws --version", wall([AWS, "--version"], 5))
    token = ([EKSRUN, "token", "demo"], [AWS, "eks", "get-token", "--cluster-name", "demo"])
    row("token for kubectl", wall(token[0], 50), "ms", "aws eks get-token", wall(token[1], 5))
    row("  its memory", peak(token[0]), "MiB", "aws eks get-token", peak(token[1]))
    tab = ([EKSRUN, "completion", "words", "--", "call", "ec2", "desc"], [AWS + "_completer"])
    line = {"COMP_LINE": "aws ec2 desc", "COMP_POINT": "12"}
    row("words at a Tab", wall(tab[0], 50), "ms", "aws_completer", wall(tab[1], 5, **line))
    with Moto() as moto:
        call = {"AWS_ENDPOINT_URL": moto.url}
        with tempfile.TemporaryDirectory() as folder:
            recipe = pathlib.Path(folder) / "identity.lua"
            recipe.write_text('print(require("eksrun.aws").sts:get_caller_identity({}).Arn)\n')
            identity = ([EKSRUN, str(recipe)], [AWS, "sts", "get-caller-identity"])
            row("one call (moto)", wall(identity[0], 20, **call), "ms", "aws sts", wall(identity[1], 5, **call))
    with tempfile.TemporaryDirectory() as folder:
        document = pathlib.Path(folder) / "instances.xml"
        text = output(EKSRUN, "lua", "tests/bench/describe_instances.lua", str(document))
        ours = float(re.search(r"([\d.]+) ms", text)[1])
        row("1,000 instances to Lua", ours, "ms", "botocore to Python", instances_by_botocore(document.read_bytes()))
    text = output(str(ROOT / "build/tests/bench_xml"))
    tree, bare = (float(re.search(rf"{name}\D*([\d.]+) ms", text)[1]) for name in ("tree", "expat"))
    row("3 MB of XML to a tree", tree, "ms", "expat, no handlers", bare)
    text = output(str(ROOT / "build/tests/bench_sigv4"))
    ours = float(re.search(r"sign\D*([\d,.]+)", text)[1].replace(",", ""))
    row("signatures a second", ours, "/s", "botocore", signatures_of_botocore(), more_is_better=True)
    rows.append(("binary", f"{os.path.getsize(EKSRUN) / 2**20:.1f} MiB", "", "", ""))

    head = ("", "eksrun", "beside", "", "better by")
    widths = [max(len(line[i]) for line in [head, *rows]) for i in range(5)]
    for what, ours, peer, theirs, ratio in [head, *rows]:
        print(f"{what:{widths[0]}}  {ours:>{widths[1]}}   {peer:{widths[2]}}  {theirs:>{widths[3]}}  {ratio:>{widths[4]}}")


if __name__ == "__main__":
    main()
