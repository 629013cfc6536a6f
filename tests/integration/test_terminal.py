"""What a person at a terminal meets beside plans and runs: pages, completion, errors, the kubeconfig."""

import json
import os
import shutil
import termios
import time

import pytest

from conftest import EKSRUN, ROOT
from support.terminal import lines_of, screen_of, scrolled_off

VPC = "recipes/vpc.lua"
LAST_OF_HELP = "`eksrun COMMAND --help` and `eksrun RECIPE --help` say more."


def text_of(run):
    """All that a person can scroll through."""
    screen = screen_of(run.bytes, run.rows, run.columns)
    return "\n".join(scrolled_off(screen) + lines_of(screen))


# ---- pages

MARKING = "sed s/^/PAGED:/"


@pytest.mark.parametrize("words, paged", [
    (["help"], True), (["plan", "--help"], True), (["help", "plan"], True),
    (["plan", VPC, "--sandbox"], True),
    (["help", "--no-pager"], False), (["plan", VPC, "--sandbox", "--json"], False),
    (["unlock", "--help"], False),  # fits
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_what_is_higher_than_the_terminal_goes_to_the_pager(terminal, words, paged):
    rows = 40 if words[0] == "unlock" else 15
    run = terminal(*words, rows=rows, PAGER=MARKING)
    assert run.wait() == (2 if words[0] == "plan" and VPC in words else 0)
    text = text_of(run)
    assert ("PAGED:" in text) == paged, text
    if words == ["help"]:
        assert "PAGED:" + LAST_OF_HELP in text


@pytest.mark.parametrize("env", [{"PAGER": ""}, {"PAGER": "no-such-pager"}, {"TERM": "dumb"}, {"PATH": "/nowhere"}],
                         ids=lambda env: "=".join(*env.items()))
def test_nothing_is_lost_without_a_pager(terminal, env):
    run = terminal("help", rows=10, **env)
    assert run.wait() == 0
    text = text_of(run)
    assert "eksrun turns a Lua recipe" in text and LAST_OF_HELP in text


@pytest.mark.parametrize("redirect", ["0", "1"])
def test_no_pager_where_stdin_or_stdout_is_no_terminal(terminal, tmp_path, redirect):
    out = tmp_path / "out"
    end = "< /dev/null" if redirect == "0" else f"> {out}"
    run = terminal("-c", f"'{EKSRUN}' help {end}", through=["sh", "-c", 'shift; exec sh "$@"', "-"], rows=10,
                   PAGER=MARKING)
    assert run.wait() == 0
    text = text_of(run) if redirect == "0" else out.read_text()
    assert LAST_OF_HELP in text and "PAGED:" not in text


def test_an_interrupt_is_the_pagers(terminal):
    pager = "trap 'echo STILL' INT; cat >/dev/null; echo READY; until read x </dev/tty; do :; done; echo OVER"
    run = terminal("help", rows=10, PAGER=pager)
    run.expect("READY")
    run.type("\x03")
    at = run.expect("STILL")
    assert run.process.poll() is None
    run.type("\r")
    run.expect("OVER", at)
    assert run.wait() == 0


def test_what_is_computed_is_counted(terminal):
    run = terminal("plan", VPC, "--sandbox", "--simulate", "--seeds", "60", "--no-pager")
    run.expect("simulating: 60 of 60")
    assert run.wait() == 0
    lines = lines_of(screen_of(run.bytes, 60, 100))
    assert lines[0].startswith("simulated 60 times") and not any("simulating" in line for line in lines)


@pytest.mark.skipif(not shutil.which("less"), reason="no less")
def test_less_is_left_by_q(terminal):
    run = terminal("plan", VPC, "--sandbox", rows=12, PAGER=None)
    run.expect("stack vpc/")
    run.expect(":")
    run.type("q")
    assert run.wait() == 2


# Reads a line in a task, which is waiting for it when what follows runs.
EDITING = """
local task, edit = require "eksrun.task", require "eksrun.native.edit"
local editor = edit.new "test"
local reader = task.spawn(function() return editor:read() end)
task.sleep(0)
"""


def test_a_line_that_was_given_up_is_its_readers_until_he_knows(terminal, tmp_path):
    script = tmp_path / "edit.lua"
    script.write_text(EDITING + """
        print(editor:interrupt(), pcall(editor.read, editor))
        print(reader:join())
        editor:close()
    """)
    run = terminal("lua", script)
    at = run.expect("true\tfalse\tedit: a line is being read already\r\n")
    run.expect("interrupt\r\n", at)
    assert run.wait() == 0


def test_a_terminal_is_put_right_at_the_end_of_the_state(terminal, tmp_path):
    script = tmp_path / "edit.lua"
    script.write_text(EDITING + "os.exit(0, true)")
    run = terminal("lua", script)
    assert run.wait() == 0
    assert termios.tcgetattr(run.master)[3] & termios.ICANON


def test_a_screen_that_a_finalizer_closes_is_drawn_on_no_more(terminal, tmp_path):
    script = tmp_path / "screen.lua"
    script.write_text("""
        local screen = require("eksrun.terminal").screen()
        local function at_each_collection(f)
          setmetatable({}, { __gc = function() f() at_each_collection(f) end })
        end
        at_each_collection(function() screen:close() end)
        collectgarbage("incremental", 1, 1000, 40)
        collectgarbage "stop"
        local long = 1234.5 -- becomes a string only when it is drawn
        collectgarbage "restart"
        print(pcall(screen.draw, screen, long, true))
    """)
    run = terminal("lua", script)
    run.expect("the screen is closed")
    assert run.wait() == 0


def test_tab_in_bash(terminal, tmp_path):
    path = tmp_path / "rc"
    path.write_text(f"PATH={EKSRUN.parent}:$PATH; PS1='READY '; bind 'set show-all-if-ambiguous on'\n"
                    "source <(eksrun completion bash)\n")
    run = terminal("--rcfile", path, through=["sh", "-c", 'shift; exec bash "$@"', "-"])
    run.deadline = 20
    at = run.expect("READY ")
    for typed, wanted in [("eksrun call eks describe-cluster-v\t", "describe-cluster-versions "),
                          ("--max-r\t", "--max-results "), ("\x15eksrun plan recipes/vpc.lua nat=s\t", "nat=single ")]:
        run.type(typed)
        at = run.expect(wanted, at)
    run.type("\x15eksrun call eks describe-cl\t")
    at = run.expect("describe-cluster-versions", run.expect("describe-cluster ", at))
    run.type("\x15exit\r")
    run.wait()


def test_a_token_reads_no_terminal_and_lasts_as_long_as_kubectl_may_keep_it(terminal, home):
    start = time.time()
    run = terminal("token", "demo", AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert run.wait() == 0
    answer = json.loads(text_of(run).replace("\n", ""))
    ends = time.mktime(time.strptime(answer["status"]["expirationTimestamp"], "%Y-%m-%dT%H:%M:%SZ")) - time.timezone
    assert 14 * 60 - 1 <= ends - start <= 14 * 60 + 60  # the token itself lasts 15 minutes
    assert answer["kind"] == "ExecCredential"


# ---- errors of AWS

def test_a_refusal_says_where_and_what_to_do(terminal):
    run = terminal("kubeconfig", "none", "--sandbox", columns=200)
    assert run.wait() == 1
    first, second = text_of(run).strip().splitlines()
    assert first.startswith("eksrun: eks:DescribeCluster: ResourceNotFoundException: No cluster found for name: none "
                            "(region us-east-1, request id ")
    assert second == ("  what to do: the clusters there: eksrun call eks list-clusters; "
                      "other places: --region, --profile")


SSO = ("[profile dev]\nsso_session = s\nsso_account_id = 123456789012\nsso_role_name = Admin\n"
       "[sso-session s]\nsso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\n")


@pytest.mark.parametrize("env, status, message", [
    ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_EC2_METADATA_DISABLED": "true"}, 4,
     "no credentials"),
    ({"AWS_REGION": None}, 2, "no region"),
    ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_PROFILE": "dev"}, 4,
     "the SSO session 's' is not signed in or has ended: run eksrun login --profile dev"),
], ids=["credentials", "region", "sso"])
def test_what_is_missing_is_told_apart(terminal, home, env, status, message):
    (home / ".aws").mkdir()
    (home / ".aws/config").write_text(SSO)
    run = terminal("call", "eks", "list-clusters", columns=900, **env)
    assert run.wait() == status
    line, = text_of(run).strip().splitlines()
    assert line.startswith("eksrun: ") and message in line


# ---- the kubeconfig

OTHERS = """# mine
clusters:
- {name: x, cluster: {server: "https://x"}}   # y
users:
- {name: x, user: {}}
contexts:
- {name: x, context: {cluster: x, user: x}}
kind: Config
apiVersion: v1
"""


def test_a_kubeconfig_says_what_changes_in_which_file(terminal, reader, home):
    arn = reader.iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    reader.eks.create_cluster(name="demo", roleArn=arn, resourcesVpcConfig={})
    path = home / "config"
    path.write_text(OTHERS)
    before = path.stat().st_ino

    shown = terminal("kubeconfig", "demo", "--dry-run", "--alias", "d", KUBECONFIG=str(path), columns=200)
    assert shown.wait() == 0
    lines = text_of(shown).splitlines()
    assert any(line.startswith("+") and "current-context: d" in line for line in lines), lines
    assert not any(line.startswith("-") for line in lines), lines
    assert path.read_text() == OTHERS and path.stat().st_ino == before

    done = terminal("kubeconfig", "demo", "--alias", "d", KUBECONFIG=str(path), columns=200)
    assert done.wait() == 0
    text = text_of(done)
    assert "context d: added" in text and "current-context set to d" in text and f"{path} updated" in text, text
    assert path.stat().st_ino != before  # another file took its place, whole
    kept = path.read_text()
    assert all(line in kept.splitlines() for line in OTHERS.splitlines()), kept
