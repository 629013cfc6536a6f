"""The table of script/bench client: the AWS client beside its peers, and beside what no client can do
without, in one run. Processor time but where it says otherwise; the best of some rounds."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from bench import ENV, EKSRUN, ROOT

CALLS, IN_FLIGHT = 2000, 64
IDENTITY = ('<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
            "<Arn>arn:aws:iam::123456789012:user/bench</Arn><UserId>AIDAEXAMPLE</UserId>"
            "<Account>123456789012</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>"
            "0b2f3a1e-7c55-4b7e-9d0a-3f1f2e4d5c6b</RequestId></ResponseMetadata></GetCallerIdentityResponse>")
NO_INSTANCES = ('<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
                "<reservationSet/></DescribeInstancesResponse>")


def run(*command, **env):
    done = subprocess.run(list(map(str, command)), env={**ENV, **env}, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def ours(*words, **env):
    return json.loads(run(EKSRUN, "lua", "tests/bench/client.lua", *words, **env))


def theirs(*words, **env):
    """boto3's side, in a process of its own: peers.py."""
    return json.loads(run(sys.executable, "tests/bench/peers.py", *words, **env))


@contextlib.contextmanager
def server(folder, body):
    """A server that answers the same to all: its URL."""
    path = folder / "answer"
    path.write_text(body)
    process = subprocess.Popen([ROOT / "build/tests/bench_server", path], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(10)


def curl_parallel(url):
    """Seconds of the clock for as many bare GETs, and curl's peak memory in MiB."""
    code = ("import json, resource, subprocess, sys, time; start = time.perf_counter();"
            "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL);"
            "print(json.dumps({'seconds': time.perf_counter() - start,"
            "'peak': resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024}))")
    return json.loads(run(sys.executable, "-c", code, "curl", "-s", "-Z", "--parallel-max", IN_FLIGHT, "-o",
                          "/dev/null", f"{url}/?[1-{CALLS}]"))


def number(pattern, text):
    return float(re.search(pattern, text)[1].replace(",", ""))


def least(rounds, measure):
    return min((measure() for _ in range(rounds)), key=lambda result: result.get("ms", result.get("seconds")))


class Table:
    def __init__(self):
        self.rows, self.missed = [], 0

    def add(self, what, value, unit, beside="", ratio="", reach=None):
        """reach: (whether it is met, what it is)."""
        mark = "" if reach is None else f"{'met' if reach[0] else 'NOT MET'} ({reach[1]})"
        self.missed += reach is not None and not reach[0]
        self.rows.append((what, f"{value:,.1f} {unit}", beside, ratio, mark))

    def show(self):
        head = ("", "", "beside", "ratio", "reach")
        widths = [max(len(row[i]) for row in [head, *self.rows]) for i in range(5)]
        for row in [head, *self.rows]:
            print(f"{row[0]:{widths[0]}}  {row[1]:>{widths[1]}}  {row[2]:{widths[2]}}  {row[3]:>{widths[3]}}  {row[4]}"
                  .rstrip())


def signatures(table):
    text = run("build/tests/bench_sigv4")
    sign, floor = number(r"sign\s+([\d.]+)", text), number(r"floor\s+([\d.]+)", text)
    boto = theirs("sign")["a_second"]
    table.add("signatures a second", sign, "/s")
    table.add("  botocore", boto, "/s", "eksrun is faster", f"{sign / boto:.1f} x", (sign >= 15 * boto, ">= 15 x"))
    table.add("  the bare SHA-256 and HMAC of it", floor, "/s", "eksrun reaches", f"{sign / floor:.0%}",
              (sign >= 0.5 * floor, ">= 50 %"))
    whole = ours("sign")["a_second"]
    table.add("  checked, built and signed in Lua", whole, "/s", "botocore's signature alone", f"{whole / boto:.1f} x")


def xml(table, folder):
    document = folder / "instances.xml"
    run(EKSRUN, "lua", "tests/bench/describe_instances.lua", document)
    mine = ours("instances", document)
    bare = number(r"expat ([\d.]+) ms", run("build/tests/bench_xml", document))
    boto = theirs("instances", document)
    table.add(f"1,000 instances, {mine['bytes'] / 1e6:.1f} MB of XML, to tables", mine["ms"], "ms")
    table.add("  botocore", boto["ms"], "ms", "eksrun is faster", f"{boto['ms'] / mine['ms']:.1f} x",
              (boto["ms"] >= 10 * mine["ms"], ">= 10 x"))
    if shutil.which("node") and (ROOT / "build/bench-js/node_modules/@aws-sdk/client-ec2").exists():
        script = json.loads(run("node", "tests/bench/instances.mjs", document))
        table.add("  JavaScript SDK", script["ms"], "ms", "eksrun is faster", f"{script['ms'] / mine['ms']:.1f} x")
    else:
        script = None
    table.add("  bare expat", bare, "ms", "eksrun takes", f"{mine['ms'] / bare:.2f} x",
              (mine["ms"] <= 2.5 * bare, "<= 2.5 x"))
    peaks = f"botocore {boto['peak']:.0f} MiB" + (f", JavaScript {script['peak']:.0f} MiB" if script else "")
    table.add("  peak memory", mine["peak"], "MiB", peaks)


def items(table, folder):
    document = folder / "items.json"
    ours("make-items", document)
    mine, boto = ours("items", document), theirs("items", document)
    bare = number(r": ([\d.]+) ms", run("build/tests/bench_json", document))
    table.add(f"1,000 items, {mine['bytes'] / 1e6:.1f} MB of JSON, to tables", mine["ms"], "ms")
    table.add("  botocore", boto["ms"], "ms", "eksrun is faster", f"{boto['ms'] / mine['ms']:.1f} x")
    table.add("  bare tokens", bare, "ms", "eksrun takes", f"{mine['ms'] / bare:.2f} x")
    table.add("  peak memory", mine["peak"], "MiB", f"botocore {boto['peak']:.0f} MiB")


def first_call(table, folder):
    with server(folder, NO_INSTANCES) as url:
        where = {"AWS_ENDPOINT_URL": url}
        bare = least(15, lambda: ours("first", "curl", **where))["ms"]
        mine = least(15, lambda: ours("first", "ec2", **where))["ms"]
        boto = least(3, lambda: theirs("first", **where))["ms"]
    table.add("first call of EC2, cold", mine, "ms")
    table.add("  libcurl alone", bare, "ms", "eksrun adds", f"{mine - bare:.2f} ms", (mine - bare < 2, "< 2 ms"))
    table.add("  boto3", boto, "ms", "eksrun is faster", f"{boto / mine:.0f} x")


def many_calls(table, folder):
    with server(folder, IDENTITY) as url:
        where = {"AWS_ENDPOINT_URL": url}
        mine = least(5, lambda: ours("calls", CALLS, IN_FLIGHT, **where))
        boto = least(2, lambda: theirs("calls", CALLS, IN_FLIGHT, **where))
        curl = least(3, lambda: curl_parallel(url))
    rates = [CALLS / side["seconds"] for side in (mine, boto, curl)]
    table.add(f"calls a second, {IN_FLIGHT} in flight", rates[0], "/s", "of the clock")
    table.add("  boto3, as many threads", rates[1], "/s", "eksrun is faster", f"{rates[0] / rates[1]:.1f} x",
              (rates[0] >= 8 * rates[1], ">= 8 x"))
    table.add("  processor time a call", 1e6 * mine["cpu"] / CALLS, "us", f"boto3 {1e6 * boto['cpu'] / CALLS:,.0f} us",
              f"{boto['cpu'] / mine['cpu']:.1f} x")
    table.add("  curl --parallel, unsigned, unread", rates[2], "/s", "eksrun reaches", f"{rates[0] / rates[2]:.0%}")
    table.add("  peak memory", mine["peak"], "MiB", f"boto3 {boto['peak']:.0f} MiB, curl {curl['peak']:.0f} MiB")


def main():
    table = Table()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        signatures(table)
        xml(table, folder)
        items(table, folder)
        first_call(table, folder)
        many_calls(table, folder)
    table.show()
    load = os.getloadavg()[0]
    if load > 1:
        print(f"the machine is busy (load {load:.1f}): figures by the clock are worse than they are")
    return table.missed > 0


if __name__ == "__main__":
    sys.exit(main())
