"""eksrun repl, typed at on a pseudo-terminal, and from a pipe."""

import http.server
import os
import re
import signal
import stat
import subprocess
import threading
import time

import pytest

from conftest import EKSRUN

from support.terminal import Terminal, lines_of, screen_of

TAKEN = "\x1b[?2004l"  # the line is closed: it runs
DEADLINE = 20  # seconds until a silent REPL is a failed test


class Prompt(Terminal):
    """A terminal with a place up to which what it shows was looked at."""

    at, deadline = 0, DEADLINE

    def expect(self, text):
        """Waits until text appears behind what was matched before; returns what came before it."""
        before, self.at = self.at, super().expect(text, self.at)
        return self.bytes[before:self.at - len(text.encode())].decode(errors="replace")

    def enter(self, text):
        """Types a line and waits for the next prompt; returns what came between."""
        self.type(text + "\r")
        self.expect(TAKEN)
        return self.until("> ")

    def until(self, text):
        """As expect, without what moves the cursor."""
        return re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", self.expect(text))

    def see(self, text):
        """Waits until what the screen shows up to the cursor's line ends with text."""
        end = time.monotonic() + self.deadline
        with self.changed:
            while not self.shown().endswith(text):
                assert self.changed.wait(max(0, end - time.monotonic())), f"{text!r}: {self.shown()!r}"
            self.at = len(self.bytes)

    def shown(self):
        screen = self.screen()
        return "".join(screen.display[:screen.cursor.y + 1]).rstrip()

    def interrupt(self):
        """What Ctrl-C does: the terminal sends the signal to its foreground process."""
        os.kill(self.process.pid, signal.SIGINT)

    def screen(self):
        return screen_of(self.bytes, self.rows, self.columns)

    def last_line(self):
        screen = self.screen()
        return lines_of(screen)[screen.cursor.y]


@pytest.fixture
def environment(tmp_path):
    return {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm",
        "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example", "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }


@pytest.fixture
def start(environment):
    opened = []

    def begin(*words, rows=24, columns=80, **env):
        opened.append(Prompt([str(EKSRUN), "repl", *words], environment | env, "/", rows, columns))
        opened[-1].expect("> ")
        return opened[-1]

    yield begin
    for one in opened:
        one.close()


@pytest.fixture
def repl(start):
    return start()


@pytest.fixture
def sandbox(start):
    """On the AWS in the program."""
    return start("--sandbox")


def test_expressions_statements_and_their_values(repl):
    assert repl.enter("6 * 7").startswith("42\r\n")
    assert '{ a = { "x" }, b = 1 }' in repl.enter("{ b = 1, a = { 'x' } }")
    assert '"hushed"' not in repl.enter("'hush' .. 'ed';")
    assert '"hushed"' in repl.enter("_")
    assert "no luck" in repl.enter("error('no luck', 0)")
    assert '"no luck"' in repl.enter("_err")


def test_a_block_is_edited_and_recalled_as_one(repl, start):
    repl.enter("function twice(x)\r  return 2 * x\rend")
    assert "42" in repl.enter("twice(21)")
    repl.type("\x1b[A\x1b[A")  # the block, whole
    repl.expect("return 2 * x")
    repl.type("\x1b[A\x01\x1b[C\x1b[C")  # its second row, from the row's start two to the right
    repl.enter("\x1b[C" * 7 + "100 + ")  # behind "return "; Enter anywhere in the block runs it
    assert "142" in repl.enter("twice(21)")
    repl.type("\x04")
    assert repl.wait() == 0
    later = start()  # in another session, too
    later.type("\x1b[A\x1b[A")
    later.expect("return 100 + 2 * x")
    later.expect("end")
    assert [line.strip() for line in lines_of(later.screen()) if line][-3:] == \
        ["us-east-1 ro> function twice(x)", "return 100 + 2 * x", "end"]


def test_a_paste_is_text_until_enter(repl):
    repl.expect("")
    assert b"\x1b[?2004h" in repl.bytes
    repl.type("\x1b[200~x = {\t1,\r\n  2 }\ry = #x\r\x01\x1b[201~")
    repl.expect("y = #x")
    assert "eks" not in repl.last_line()  # no Tab fired
    repl.enter("")
    assert "2" in repl.enter("y")


def test_tab_completes_what_is_certain_and_lists_the_rest(sandbox):
    sandbox.type("eks.desc\t")
    sandbox.expect("describe_addon_versions")
    sandbox.see("ro> eks:describe_")  # with a colon
    sandbox.type("nodeg\t { clusterName = 'a', \t")
    sandbox.see("ro> eks:describe_nodegroup { clusterName = 'a', nodegroupName =")
    sandbox.interrupt()
    sandbox.expect("ro> ")
    sandbox.type(".sa\t")
    sandbox.see("ro> .save")


def test_wide_characters_and_a_resize_keep_line_and_cursor(start):
    repl = start(columns=60)
    repl.type("x = '準備中 wide' .. ' and a line that is longer than a narrow screen'")
    repl.type("\x1b[D" * 3 + "!")
    repl.expect("!")
    for columns in 40, 90:
        at = len(repl.bytes)
        repl.resize(24, columns)
        repl.columns = columns
        Terminal.expect(repl, "us-east-1 ro> ", at)
        Terminal.expect(repl, "en'", at)
        # What a terminal shows that keeps nothing of the old layout.
        screen = screen_of(repl.bytes[at:], 24, columns)
        text = "".join(lines_of(screen)).rstrip()
        assert text.endswith("narrow scre!en'"), text
        before = "".join(lines_of(screen)[:screen.cursor.y]) + lines_of(screen)[screen.cursor.y]
        assert before.replace(" ", "").endswith("scre!en'")
        assert screen.buffer[screen.cursor.y][screen.cursor.x].data == "e"
    repl.enter("")
    assert "56" in repl.enter("utf8.len(x)")


def test_lines_of_tasks_appear_above_what_is_typed(repl):
    repl.enter("e = task.event()")
    assert "1 running" in repl.enter("t = task.spawn(function() e:wait() print('from\\tthe task') end)") + \
        repl.enter("2 + 2")
    repl.enter("task.spawn(function() task.sleep(0.2) e:set() end)")
    repl.type("half a li")
    repl.expect("from")
    repl.expect("half a li")
    repl.see("us-east-1 ro> half a li")  # and none is running any more
    screen = repl.screen()
    lines = [line for line in lines_of(screen) if line]
    assert any(line.startswith("from") and line.endswith("the task") for line in lines)
    assert screen.cursor.x == len(lines[-1])


def test_an_interrupt_stops_the_wait_and_not_the_prompt(repl):
    repl.type("task.sleep(1000)\r")
    repl.expect("\r\n")
    repl.interrupt()
    repl.expect("interrupted")
    repl.expect("ro> ")
    assert '"still here"' in repl.enter("'still ' .. 'here'")


def test_an_interrupt_stops_what_never_waits(repl):
    repl.type("print(6 * 7) while true do end\r")
    repl.expect("42\r\n")
    repl.type("\x03")
    repl.expect("interrupted by SIGINT")
    repl.expect("ro> ")
    assert "2" in repl.enter("1 + 1")
    repl.type("\x12none\x03")  # nor does a search hold it up
    repl.expect("ro> ")
    assert "3" in repl.enter("1 + 2")


def test_an_interrupt_drops_the_line_and_says_how_to_leave(repl):
    repl.type("half a li")
    repl.expect("li")
    repl.type("\x03")
    assert "Ctrl-D" not in repl.expect("ro> ")
    repl.type("\x03")
    repl.expect("Ctrl-D leaves")
    repl.expect("ro> ")
    repl.type("x\x7f")  # an empty line is no end
    repl.expect("x")
    assert "2" in repl.enter("1 + 1")


def test_a_task_goes_on_beside_the_prompt(repl):
    repl.enter("t = task.spawn(function() task.sleep(0.01) return 'done ' .. 7 end)")
    assert '"done 7"' in repl.enter("t:join()")


def test_a_stop_leaves_the_terminal_as_it_was(start, environment):
    shell = 'set -m; "$@"; stty -a | grep -o "[-]*icanon"; fg >/dev/null'
    repl = Prompt(["bash", "-c", shell, "bash", str(EKSRUN), "repl"], environment, "/")
    try:
        repl.expect("ro> ")
        repl.type("half a li")
        repl.expect("li")
        repl.type("\x1a")
        repl.expect("\r\nicanon")
        repl.expect("ro> half a li")
        assert "2" in repl.enter("\x151 + 1")
    finally:
        repl.close()


def test_two_sessions_share_a_history_that_is_searched(start):
    first, second = start(), start()
    first.enter("'from the first'")
    second.enter("'from the second'")
    first.enter("'last'")
    third = start()
    third.type("\x12from the f")
    third.see("'from the first'")
    assert '"from the first"' in third.enter("")
    third.type("\x1b[A\x1b[A")
    third.see("'last'")


def test_keys_of_vi(start, tmp_path):
    (tmp_path / ".inputrc").write_text("$if Bash\nset editing-mode emacs\n$endif\n$if eksrun\nset editing-mode vi\n$endif\n")
    repl = start()
    repl.type("2 + 2\x1b")
    time.sleep(0)
    repl.type("0i40 + \x1b")
    repl.see("40 + 2 + 2")
    assert "44" in repl.enter("")


class Slow(http.server.BaseHTTPRequestHandler):
    """Lists clusters when it is told to."""

    go, asked = threading.Event(), []

    def do_GET(self):
        self.asked.append(self.path)
        self.go.wait(DEADLINE)
        body = b'{"clusters": ["prod-a", "prod-b"]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):  # sts: who we are
        self.send_error(403)

    def log_message(self, *_):
        pass


def test_names_that_only_aws_knows_come_beside_the_typing(start):
    Slow.go.clear()
    Slow.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        repl = start("--endpoint-url", f"http://127.0.0.1:{server.server_port}")
        repl.type("eks:describe_cluster { name = '\t")
        repl.expect("asking eks ListClusters ...")
        repl.type("x")  # keys go on; and the answer is for another line then
        repl.expect("'x")
        Slow.go.set()
        repl.type("\x7f\t")
        repl.expect("prod-a")
        repl.see("name = 'prod-")
        repl.type("b\t")
        repl.see("prod-b'")
        assert Slow.asked == ["/clusters"] or set(Slow.asked) == {"/clusters"} and len(Slow.asked) == 2
    finally:
        server.shutdown()
        server.server_close()


def test_it_reads_only_until_it_is_told(sandbox):
    create = "ec2:create_vpc { CidrBlock = '10.0.0.0/16' };"
    assert "ec2:CreateVpc CidrBlock=10.0.0.0/16 changes something, and this session only reads; .rw" in \
        re.sub(r"\s*\r\n", " ", sandbox.enter(create)).replace("all ows", "allows")
    sandbox.type(".rw\r")
    sandbox.expect("rw> ")
    for answer, count in ("n", 0), ("y", 1):
        sandbox.type(create + "\r")
        sandbox.expect("? [y/N] ")
        sandbox.type(answer + "\r")
        sandbox.expect("rw> ")
        assert sandbox.enter("#ec2:describe_vpcs{}.Vpcs").startswith(str(count))
    lines = " ".join(lines_of(sandbox.screen()))
    assert "111122223333 us-east-1" in lines  # the prompt, once it is known


def test_commands_of_the_prompt(repl, tmp_path):
    script = tmp_path / "session.lua"
    assert "eks:describe_cluster {" in repl.enter("eks.describe_cluster?")
    assert "took" in repl.enter(".time 1 + 1")
    assert "41" in repl.enter("{ n = 41 } | cat")
    assert "from the shell" in repl.enter("! echo from the shell")
    repl.enter("x = 20")
    assert "in /" in repl.enter(f".save {script}")
    assert "did you mean '.save'" in repl.enter(".svae")
    assert "eu-west-3" in repl.enter(".region eu-west-3")
    assert "eu-west-3 ro>" in repl.last_line()
    script.write_text("y = x + 22\n")
    repl.enter(f".load {script}")
    assert "42" in repl.enter("y")
    repl.type(".watch 0.1 y + 1\r")
    repl.expect("43")
    repl.expect("\x1b[2A")  # over the one before
    repl.interrupt()
    repl.expect("interrupted")


def test_a_failed_call_is_one_line(repl):
    assert "127.0.0.1:9" in repl.enter("aws.client('sts', { max_attempts = 1 }):get_caller_identity()")


def test_ctrl_d_leaves_and_the_history_is_private(repl, tmp_path):
    assert "3" in repl.enter("1 + 2")
    repl.enter(" 'a space keeps it out'")
    repl.enter("f = function() iam:create_login_profile { UserName = 'u', Password = 'canary' } end")
    repl.type("\x04")
    assert repl.wait() == 0
    assert b"\x1b[?2004l" in repl.bytes[-20:]
    history = tmp_path / ".local/state/eksrun/history"
    assert history.read_text() == '"1 + 2"\n'
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_no_value_ends_the_prompt(repl):
    assert "session of AWS" in repl.enter("aws")
    assert "{}" in repl.enter("setmetatable({}, { __index = function() error 'no' end })")
    shown = repl.enter("setmetatable({}, { __tostring = function() error('no', 0) end })")
    assert "cannot be shown: no" in shown
    assert "2" in repl.enter("1 + 1")


@pytest.mark.parametrize("word", ["exit", "quit"])
def test_words_that_leave_unless_they_are_variables(repl, word):
    repl.enter(f"{word} = 'mine'")
    assert '"mine"' in repl.enter(word)
    repl.type(f"{word} = nil\r{word}\r")
    assert repl.wait() == 0


def test_a_dumb_terminal_gets_no_escapes(start):
    repl = start(TERM="dumb")
    repl.type("eks:list_cl\t")
    repl.expect("list_clusters")
    repl.type("\x03")
    repl.expect("> ")
    repl.type("1 + 1\r")
    repl.expect("\r\n2")
    assert b"\x1b" not in repl.bytes


def run_piped(environment, text):
    return subprocess.run([str(EKSRUN), "repl"], input=text, env=environment, text=True,
                          capture_output=True, timeout=DEADLINE, check=False)


def test_a_pipe_gets_json_and_no_prompt(environment):
    done = run_piped(environment, "x = { 1,\n2 }\nreturn { list = x, text = 'a' }\n1 + 1\n")
    assert done.stdout == '{"list":[1,2],"text":"a"}\n2\n'
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize("text, message", [
    ("x = {\n1 }\n\nx.y.z\n", "eksrun: stdin:4: attempt to index a nil value (field 'y')\n"),
    ("aws.eks:foo {}\n", "eksrun: stdin:1: eks has no operation 'foo'\n"),
    ("error { message = 'no luck' }\n", "eksrun: stdin:1: no luck\n"),
])
def test_what_a_pipe_raises_is_one_line_with_its_place(environment, text, message):
    done = run_piped(environment, text)
    assert (done.stderr, done.returncode) == (message, 1)


def test_locals_stay(environment):
    text = "local x, y = 1, 2\nx + y\nlocal function f(n)\n  local hidden = n\n  return n * 2\nend\nf(x)\nhidden\n"
    done = run_piped(environment, text)
    assert done.stdout.split() == ["3", "2", "null"], done


def test_a_pipe_stops_at_the_first_error(environment):
    done = run_piped(environment, "1 + 1\nerror('no')\n3\n")
    assert done.stdout == "2\n"
    assert "no" in done.stderr and done.returncode == 1


def test_a_pipe_that_ends_within_a_statement(environment):
    done = run_piped(environment, "function f()\n")
    assert "ends within a statement" in done.stderr and done.returncode == 2


def test_a_pipe_changes_nothing_without_yes(environment):
    text = "ec2:create_vpc { CidrBlock = '10.0.0.0/16' }\n#ec2:describe_vpcs{}.Vpcs\n"

    def run(*words):
        return subprocess.run([str(EKSRUN), "repl", "--sandbox", *words], input=text, env=environment, text=True,
                              capture_output=True, timeout=DEADLINE, check=False)

    done = run()
    assert done.returncode == 1 and "only reads; --yes allows changes" in done.stderr and done.stdout == ""
    done = run("--yes")
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "1"
