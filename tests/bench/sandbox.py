"""Requests a second of `eksrun sandbox` beside moto_server's, by wrk (16 connections that are kept): what both
answer in this run, and the processor time that a request takes of each.

usage: EKSRUN=build/eksrun python tests/bench/sandbox.py [SECONDS]
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

import boto3  # noqa: E402
from support.moto import Moto  # noqa: E402
from support.sandbox import Sandbox  # noqa: E402

WANTED = 20  # times moto's rate
CALLS = {
    "sts:GetCallerIdentity": ("sts", "Action=GetCallerIdentity&Version=2011-06-15"),
    "ec2:DescribeVpcs, 1 VPC": ("ec2", "Action=DescribeVpcs&Version=2016-11-15"),
}
SCRIPT = """
wrk.method, wrk.body = "POST", "{body}"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/{service}/aws4_request, "
  .. "SignedHeaders=host, Signature=0"
"""


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(server, service, body, seconds):
    """Requests a second, and microseconds of processor time for each."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT.format(service=service, body=body))
        script.flush()
        before = cpu_seconds(server.process.pid)
        out = subprocess.run(["wrk", "-t1", "-c16", f"-d{seconds}s", "-s", script.name, server.url + "/"],
                             capture_output=True, text=True, check=True).stdout
        spent = cpu_seconds(server.process.pid) - before
    if "Non-2xx" in out:
        raise SystemExit(f"{server.url} refuses: {out}")
    done = int(re.search(r"(\d+) requests in", out)[1])
    return float(re.search(r"Requests/sec:\s*([\d.]+)", out)[1]), spent / done * 1e6


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    servers = {"moto": Moto(), "eksrun": Sandbox("--no-throttle")}
    missed = []
    try:
        for server in servers.values():  # both are warm, and have a VPC: moto's is there already
            options = {"endpoint_url": server.url, "region_name": "us-east-1", "aws_access_key_id": "a",
                       "aws_secret_access_key": "b"}
            boto3.client("sts", **options).get_caller_identity()
            ec2 = boto3.client("ec2", **options)
            if not ec2.describe_vpcs()["Vpcs"]:
                ec2.create_vpc(CidrBlock="10.0.0.0/16")
        print(f"{'':26}{'moto/s':>10}{'eksrun/s':>10}{'times':>8}{'us moto':>10}{'us eksrun':>10}")
        for name, (service, body) in CALLS.items():
            (moto, moto_us), (own, own_us) = (measure(servers[s], service, body, seconds) for s in servers)
            print(f"{name:26}{moto:10.0f}{own:10.0f}{own / moto:8.1f}{moto_us:10.0f}{own_us:10.0f}")
            if own < WANTED * moto:
                missed.append(name)
    finally:
        servers["moto"].stop()
        servers["eksrun"].stop()
    if missed:
        raise SystemExit(f"less than {WANTED} times moto's rate: {', '.join(missed)}")


if __name__ == "__main__":
    main()
