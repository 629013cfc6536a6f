"""Where secrets do not get: core files, the logs of the system, and bytes for anybody but the service."""

import os
import re
import resource
import signal
import subprocess

import pytest
from conftest import EKSRUN
from test_debug import CANARIES, forms

# With the credentials in memory: of a call that was answered.
WAITS = """
local aws = require "eksrun.aws"
aws.sts:get_caller_identity {}
print "ready"
io.stdout:flush()
io.read()
"""


def any_size_of_core():
    """As `ulimit -c unlimited`."""
    most = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (most, most))


def crash(command, how, folder, env):
    """Whether the system wrote a core file, or handed it to who collects them."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, env=env,
                               preexec_fn=any_size_of_core)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(how)
    _, status = os.waitpid(process.pid, 0)
    process.returncode = 0  # it is waited for
    process.stdin.close()
    process.stdout.close()
    assert os.WTERMSIG(status) == how
    return os.WCOREDUMP(status)


# A sanitizer's build is made to be looked into; its search for leaks does not go with strace.
pytestmark = pytest.mark.skipif(bool(os.environ.get("EKSRUN_SANITIZE")), reason="of releases only")


@pytest.mark.parametrize("how", [signal.SIGSEGV, signal.SIGABRT])
def test_no_core_file(eksrun, tmp_path, how):
    env = {**eksrun.env, **CANARIES}
    if not crash(["sh", "-c", "echo ready; exec cat"], how, tmp_path, env):
        pytest.skip("the system writes no core files")
    for core in tmp_path.glob("core*"):
        core.unlink()
    program = tmp_path / "waits.lua"
    program.write_text(WAITS)
    assert not crash([EKSRUN, "lua", program], how, tmp_path, env)
    assert list(tmp_path.glob("core*")) == []


def traced(eksrun, trace, *words):
    """The system calls of a command that connect or write, one a line."""
    subprocess.run(
        ["strace", "-f", "-qq", "-s", "100000", "-o", trace, "-e", "trace=connect,write,writev,send,sendto,sendmsg",
         EKSRUN, *words], env={**eksrun.env, **CANARIES}, capture_output=True, timeout=120)
    return trace.read_text().splitlines()


@pytest.mark.parametrize("words", [
    ("call", "sts", "get-caller-identity", "--debug"),
    ("call", "eks", "describe-cluster", "--name", "none", "--debug"),
    ("config",),
])
def test_what_is_written_where(eksrun, tmp_path, words):
    if subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode != 0:
        pytest.skip("strace may not trace here")
    calls = traced(eksrun, tmp_path / "trace", *words)
    assert any("write(1, " in call or "write(2, " in call for call in calls), calls
    logs = [call for call in calls if re.search(r'"/dev/log"|"/run/systemd/|"/var/run/syslog', call)]
    assert logs == []
    sent = [call for call in calls if re.match(r"\d+ +send", call)]
    if words[0] == "call":
        assert any(CANARIES["AWS_SESSION_TOKEN"] in call for call in sent), "the trace does not show the request"
    for name, secret in CANARIES.items():
        for form in forms(secret):
            # The key signs, and is sent to nobody; id and token are the service's.
            where = calls if name == "AWS_SECRET_ACCESS_KEY" else [call for call in calls if call not in sent]
            assert not any(form in call for call in where), f"{name} is written"
