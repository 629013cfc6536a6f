"""eksrun repl, typed at on a pseudo-terminal."""

import os
import pty
import select
import signal
import stat
import subprocess
import time

import pytest

from conftest import EKSRUN

DEADLINE = 20  # seconds until a silent REPL is a failed test


class Terminal:
    """The program on a terminal of its own."""

    def __init__(self, argv, env):
        self.seen = b""
        master, slave = pty.openpty()
        self.master = master
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=env, start_new_session=True,
            preexec_fn=lambda: os.set_inheritable(slave, True))
        os.close(slave)

    def type(self, text):
        os.write(self.master, text.encode())

    def expect(self, text):
        """Waits until text appears behind what was matched before; returns what came before it."""
        end = time.monotonic() + DEADLINE
        while text.encode() not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"{text!r} did not appear in {self.seen!r}")
            try:
                self.seen += os.read(self.master, 4096)
            except OSError:
                raise AssertionError(f"ended before {text!r}: {self.seen!r}") from None
        before, _, self.seen = self.seen.partition(text.encode())
        return before.decode(errors="replace")

    def interrupt(self):
        """What Ctrl-C does: the terminal sends the signal to its foreground process."""
        os.kill(self.process.pid, signal.SIGINT)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def environment(tmp_path):
    return {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "TERM": "xterm",
        "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "example", "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    }


@pytest.fixture
def repl(environment):
    terminal = Terminal([str(EKSRUN), "repl"], environment)
    terminal.expect("eksrun> ")
    yield terminal
    terminal.close()


def test_an_expression_prints_itself(repl):
    repl.type("6 * 7\r")
    repl.expect("\r\n42")
    repl.type("{ b = 1, a = { 'x' } }\r")
    repl.expect('{ a = { "x" }, b = 1 }')


def test_a_statement_goes_over_several_lines(repl):
    repl.type("function twice(x)\r")
    repl.expect(">> ")
    repl.type("return 2 * x end\r")
    repl.expect("eksrun> ")
    repl.type("twice(21)\r")
    repl.expect("\r\n42")


def test_an_interrupt_stops_the_wait_and_not_the_prompt(repl):
    repl.type("task.sleep(1000)\r")
    repl.expect("\r\n")
    repl.interrupt()
    repl.expect("interrupted")
    repl.expect("eksrun> ")
    repl.type("'still ' .. 'here'\r")
    repl.expect('"still here"')


def test_an_interrupt_drops_the_line(repl):
    repl.type("half a li")
    repl.expect("li")
    repl.interrupt()
    repl.expect("eksrun> ")
    repl.type("1 + 1\r")
    repl.expect("\r\n2")


def test_a_task_goes_on_beside_the_prompt(repl):
    repl.type("t = task.spawn(function() task.sleep(0.01) return 'done ' .. 7 end)\r")
    repl.expect("eksrun> ")
    repl.type("t:join()\r")
    repl.expect('"done 7"')


def test_a_failed_call_is_one_line(repl):
    repl.type("aws.client('sts', { max_attempts = 1 }):get_caller_identity()\r")
    repl.expect("127.0.0.1:9")
    repl.expect("eksrun> ")


def test_ctrl_d_leaves_and_the_history_is_private(repl, tmp_path):
    repl.type("1 + 2\r")
    repl.expect("\r\n3")
    repl.expect("eksrun> ")
    repl.type("\x04")
    assert repl.process.wait(DEADLINE) == 0
    history = tmp_path / ".local/state/eksrun/history"
    assert history.read_text() == '"1 + 2"\n'
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def run_piped(environment, text):
    return subprocess.run([str(EKSRUN), "repl"], input=text, env=environment, text=True,
                          capture_output=True, timeout=DEADLINE, check=False)


def test_a_pipe_gets_json_and_no_prompt(environment):
    done = run_piped(environment, "x = { 1,\n2 }\nreturn { list = x, text = 'a' }\n1 + 1\n")
    assert done.stdout == '{"list":[1,2],"text":"a"}\n2\n'
    assert (done.stderr, done.returncode) == ("", 0)


@pytest.mark.parametrize("line, shown", [
    ("aws", "session of AWS"),
    ("setmetatable({}, { __index = function() error 'no' end })", "{}"),
    ("setmetatable({}, { __tostring = function() error('no', 0) end })", "cannot be shown: no"),
])
def test_no_value_ends_the_prompt(repl, line, shown):
    repl.type(line + "\r")
    repl.expect("\r\n" + shown)
    repl.expect("eksrun> ")
    repl.type("1 + 1\r")
    repl.expect("\r\n2")


@pytest.mark.parametrize("word", ["exit", "quit"])
def test_words_that_leave_unless_they_are_variables(repl, word):
    repl.type(f"{word} = 'mine'\r")
    repl.expect("eksrun> ")
    repl.type(f"{word}\r")
    repl.expect('\r\n"mine"')
    repl.type(f"{word} = nil\r{word}\r")
    assert repl.process.wait(DEADLINE) == 0


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
