"""What a run shows: on a terminal, in a pipe, to a program, and as a page."""

import html.parser
import json
import os
import re
import signal
import subprocess
import threading
import time

import pyte
import pytest

from conftest import EKSRUN, ROOT
from support.terminal import BEGIN, END, frames, lines_of, screen_of, scrolled_off

RECIPE = "tests/integration/recipes/slow.lua"
CLUSTER = "recipes/managed-cluster.lua"
TITLE = re.compile(r"(applying|destroying) \S+: \d+ of \d+ done(, \d+ \S+)*(, starting nothing new)?, [\d.hms]+$")
BODY = re.compile(r"  +([✓✗>·!…] \S|\d+ more (running|failed))")
SHOW, HIDE = b"\x1b[?25h", b"\x1b[?25l"


def assert_frame_is_right(screen, above):
    """One title, below it nothing but lines of the tree, below them an empty line with the cursor. True, if it has
    a title: none has before the first step."""
    lines = lines_of(screen)
    titles = [i for i, line in enumerate(lines) if TITLE.match(line)]
    if not titles:
        return False
    assert len(titles) == 1, "\n".join(lines)
    top, bottom = titles[0], screen.cursor.y
    assert all(BODY.match(line) for line in lines[top + 1:bottom]), "\n".join(lines)
    assert not any(lines[bottom:]), "\n".join(lines)
    assert not any(BODY.match(line) for line in lines[:top] + above), "\n".join(lines)
    return True


def assert_all_frames_are_right(data, rows, columns):
    """Replays the bytes and looks at the screen after each frame."""
    screen = pyte.HistoryScreen(columns, rows, history=10000)
    stream, at, count, seen = pyte.ByteStream(screen), 0, 0, 0
    for frame in frames(data):
        stream.feed(data[at:len(frame)])
        at, count = len(frame), count + 1
        if assert_frame_is_right(screen, scrolled_off(screen, seen)):
            seen = len(screen.history.top)  # what is above stays as it is
    stream.feed(data[at:])
    left = [line for line in lines_of(screen) + scrolled_off(screen) if TITLE.match(line) or BODY.match(line)]
    assert left == []
    return count, screen


def visible_at_end(data):
    return data.rfind(SHOW) > data.rfind(HIDE)


@pytest.mark.parametrize("rows,columns", [(24, 80), (6, 40), (50, 132), (3, 20)])
def test_two_hundred_at_once_leave_no_wrong_line(terminal, rows, columns):
    start = time.monotonic()
    run = terminal(RECIPE, "count=200", "seconds=2", "fail=40", "--yes", "--no-lock", rows=rows, columns=columns)
    assert run.wait() == 1
    seconds = time.monotonic() - start
    count, screen = assert_all_frames_are_right(run.bytes, rows, columns)
    assert 1 < count <= seconds * 10 + 2
    assert visible_at_end(run.bytes)
    # The failure and the command that goes on come last; the terminal may have broken a line at a space.
    text = "".join(scrolled_off(screen) + lines_of(screen)).replace(" ", "")
    assert text.endswith(f"eksrun {RECIPE} count=200 seconds=2 fail=40 --yes --no-lock".replace(" ", "")), text[-500:]
    assert "requestidr-200" in text


def test_wide_characters_are_cut_at_the_edge(terminal):
    run = terminal(RECIPE, "count=6", "seconds=3", "wide=true", "--yes", "--no-lock")
    assert run.wait() == 0
    assert "準備中1" in run.bytes.decode()
    assert_all_frames_are_right(run.bytes, 24, 80)


def test_what_a_recipe_prints_stays_above_the_tree(terminal):
    run = terminal(RECIPE, "count=9", "seconds=4", "talk=true", "--yes", "--no-lock")
    assert run.wait() == 0
    _, screen = assert_all_frames_are_right(run.bytes, 24, 80)
    lines = [line.expandtabs() for line in scrolled_off(screen) + lines_of(screen)]
    assert sum(re.match(r"thing +\d +\d$", line) is not None for line in lines) == 27


def test_a_frame_says_what_runs_how_long_and_how_long_usually(terminal):
    run = terminal(RECIPE, "count=3", "seconds=6", "--yes", "--no-lock", NO_COLOR="1")
    at = run.expect(END, max(run.expect("CREATING 2"), run.expect("usually 5s")))
    text = "\n".join(lines_of(screen_of(run.bytes[:at])))
    assert re.search(r"^  > group-2/thing-2 +creating, CREATING \d +\d+s, usually 5s$", text, re.M), text
    assert run.wait() == 0
    assert b"\x1b[3" not in run.bytes  # no colors


def test_a_resize_leaves_no_wrong_line(terminal):
    run = terminal(RECIPE, "count=40", "seconds=4", "--yes", "--no-lock", rows=30, columns=100)
    run.expect(END, run.expect("usually 5s"))
    before = len(run.bytes)
    run.resize(12, 50)
    at = run.expect(b"\x1b[H\x1b[J", before)  # no longer fits: anew from the top
    run.expect(END, at)
    assert run.wait() == 0
    data = run.bytes
    assert_all_frames_are_right(data[data.rfind(BEGIN, 0, at):], 12, 50)


def test_interrupt_says_what_is_in_flight_and_ends_in_order(terminal, eksrun):
    run = terminal(RECIPE, "count=2", "seconds=300", "--yes", "--no-lock")
    run.expect(END, run.expect("CREATING"))
    at = len(run.bytes)
    start = time.monotonic()
    run.type("\x03")
    at = run.expect("interrupted by SIGINT", at)
    print(f"told after {(time.monotonic() - start) * 1000:.0f} ms")
    assert run.wait() == 130
    text = "".join(lines_of(screen_of(run.bytes)))
    assert "in flight: group-1/thing-1, group-2/thing-2; Ctrl-C again leaves at once" in text
    assert "2 not ready yet" in text
    assert f"eksrun {RECIPE} count=2" in text
    assert visible_at_end(run.bytes)


def test_a_second_interrupt_leaves_at_once_with_the_cursor(terminal, cloud):
    cloud.fault = lambda service, operation, nth: time.sleep(20) if operation == "CreateVpc" else None
    run = terminal(CLUSTER, "--yes", "--no-lock")
    run.expect(END, run.expect("network"))
    run.send(signal.SIGINT)
    run.expect("in flight: network/vpc")
    assert run.process.poll() is None
    run.send(signal.SIGINT)
    assert run.wait() == 130
    assert visible_at_end(run.bytes)


@pytest.mark.parametrize("number,status", [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_other_signals_end_in_order_too(terminal, number, status):
    run = terminal(RECIPE, "count=2", "seconds=300", "--yes", "--no-lock")
    run.expect(END, run.expect("CREATING"))
    run.send(number)
    assert run.wait() == status
    assert b"2 not ready yet" in run.bytes and visible_at_end(run.bytes)


def test_a_stop_shows_the_cursor_and_a_continued_run_draws_below(terminal):
    shell = 'set -m; "$@"; echo the shell has the terminal; fg >/dev/null'
    run = terminal(RECIPE, "count=2", "seconds=8", "--yes", "--no-lock", through=["bash", "-c", shell, "bash"])
    run.expect(END, run.expect("CREATING"))
    run.type("\x1a")
    at = run.expect("the shell has the terminal")
    assert visible_at_end(run.bytes[:at])
    run.expect(BEGIN + HIDE + b"\rapplying", at)  # not over the last frame: the shell wrote below it
    assert run.wait() == 0
    assert visible_at_end(run.bytes)


def test_a_lost_terminal_ends_the_run_in_order_and_leaves_a_note(terminal, home, cloud):
    run = terminal(RECIPE, "count=2", "seconds=300", "--yes")
    run.expect(END, run.expect("CREATING"))
    cloud.forget()
    os.kill(run.process.pid, signal.SIGSTOP)  # so that the reader lets go first
    run.hang_up()
    os.kill(run.process.pid, signal.SIGCONT)
    assert run.process.wait(60) == 129
    assert [call for call in cloud.mutating() if call.operation == "PutParameter"], "the lock was not given back"
    note = next((home / ".local/state/eksrun/stacks").glob("*.hangup")).read_text()
    assert "the terminal went away" in note and "2 not ready yet" in note and f"eksrun {RECIPE}" in note


def test_killed_by_quit_the_cursor_is_back(terminal):
    run = terminal(RECIPE, "count=2", "seconds=300", "--yes", "--no-lock")
    run.expect(HIDE)
    run.send(signal.SIGQUIT)
    run.wait()
    assert visible_at_end(run.bytes)


@pytest.mark.parametrize("env", [{"TERM": "dumb"}, {"TERM": None}, {"ACCESSIBLE": "1"}, {"EKSRUN_PROGRESS": "plain"}])
def test_no_animation_where_none_is_wanted(terminal, env):
    run = terminal(RECIPE, "count=2", "--yes", "--no-lock", **env)
    assert run.wait() == 0
    assert b"\x1b[?" not in run.bytes and b"created group-1/thing-1" in run.bytes
    if "TERM" in env:  # no colors either
        assert b"\x1b" not in run.bytes


def test_no_color_anywhere(terminal):
    run = terminal(RECIPE, "count=2", "--yes", "--no-lock", "--progress", "plain", NO_COLOR="1")
    assert run.wait() == 0
    assert b"\x1b" not in run.bytes


def test_a_pipe_gets_a_line_a_change_and_no_escape(eksrun):
    result = eksrun(RECIPE, "count=12", "fail=6", "wide=true", "--yes", "--no-lock", TERM="xterm")
    assert result.status == 1
    assert "\x1b" not in result.stderr and "\r" not in result.stderr
    lines = result.stderr.splitlines()
    for i in range(1, 12):
        if i % 6:
            assert [line for line in lines if re.search(rf"created group-{i}/thing-{i} \(t-{i}\) in .*\[\d+/12\]$", line)]
    assert sum("failed group-" in line for line in lines) == 2
    assert "the longest path took" not in result.stderr  # a second needs no account
    assert lines[-1] == f"  eksrun {RECIPE} count=12 fail=6 wide=true --yes --no-lock"


def test_secrets_are_not_in_the_command_that_goes_on(eksrun):
    result = eksrun(RECIPE, "secret=hunter2-canary", "fail=1", "--yes", "--no-lock")
    assert result.status == 1
    assert "secret=..." in result.stderr
    assert "canary" not in result.stderr + result.stdout


def test_quiet_says_what_failed_only(eksrun):
    result = eksrun(RECIPE, "--yes", "--no-lock", "--progress", "quiet")
    assert result.status == 0 and result.stderr == "", result
    result = eksrun(RECIPE, "fail=3", "--yes", "--no-lock", "--progress=quiet")
    assert result.status == 1 and "number 6 is refused" in result.stderr


def test_tty_without_a_terminal_is_refused(eksrun, cloud):
    result = eksrun(RECIPE, "--yes", "--progress", "tty")
    assert result.status == 2 and "no terminal" in result.stderr
    assert cloud.mutating() == []
    result = eksrun(RECIPE, "--yes", EKSRUN_PROGRESS="nice")
    assert result.status == 2 and "EKSRUN_PROGRESS: 'nice' is none of" in result.stderr


@pytest.mark.parametrize("flags", [["--json"], ["--progress", "json"]])
def test_events_for_a_program(eksrun, flags):
    result = eksrun(RECIPE, "count=4", "fail=4", "--yes", "--no-lock", *flags)
    assert result.status == 1
    text = result.stdout if flags == ["--json"] else result.stderr
    events = [json.loads(line) for line in text.splitlines()]
    kinds = [event["event"] for event in events if event["event"] not in ("change", "plan")]
    assert kinds[0] == "begin" and kinds[-2:] == ["timeline", "result"]
    states = [e["state"] for e in events if e["event"] == "state" and e["address"] == "group-1/thing-1"]
    assert states == ["CREATING 1", "CREATING 2", "CREATING 3"]
    failed, = [event for event in events if event["event"] == "failed"]
    assert failed["error"]["code"] == "Refused" and failed["error"]["request_id"] == "r-4"
    timeline = events[-2]
    assert {step["address"]: step["status"] for step in timeline["steps"]}["group-4/thing-4"] == "failed"
    assert len(timeline["longest_path"]) == 1
    assert events[-1]["done"] == 3 and events[-1]["failed"] == 1


def test_a_cluster_on_a_slow_aws_has_its_longest_path(eksrun, cloud):
    cloud.delay = 0.1
    result = eksrun(CLUSTER, "--yes", "--json")
    assert result.status == 0, result
    timeline = [event for event in map(json.loads, result.stdout.splitlines()) if event["event"] == "timeline"][0]
    steps = {step["address"]: step for step in timeline["steps"]}
    path = [steps[address] for address in timeline["longest_path"]]
    assert path[0]["address"] == "network/vpc" and path[-1]["address"] == "nodes/general"
    for before, after in zip(path, path[1:]):
        assert after["start"] >= before["start"] + before["elapsed"] - 0.002
    assert timeline["longest_path_seconds"] == pytest.approx(sum(step["elapsed"] for step in path), abs=0.01)


class Page(html.parser.HTMLParser):
    """Checks that tags nest, and collects text, tags and attributes."""

    VOID = {"meta", "rect", "line", "br", "link"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.text = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_report_is_one_page_that_needs_nothing(eksrun, tmp_path):
    path = tmp_path / "run.html"
    result = eksrun(RECIPE, "count=5", "fail=5", "--yes", "--no-lock", "--report", path)
    assert result.status == 1
    page = Page(path.read_text())
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    for name, value in page.attributes:
        assert not name.startswith("on") and name not in ("src", "href")
        assert "http" not in (value or "")
    assert "url(" not in path.read_text() and "@import" not in path.read_text()
    assert page.tags.count("rect") >= 5 and {"svg", "title", "desc", "table"} <= set(page.tags)
    text = " ".join(page.text)
    assert "group-5/thing-5" in text and "number 5 is refused" in text and "prefers-color-scheme" in text


def test_a_report_that_cannot_be_written_is_refused_first(eksrun, cloud, tmp_path):
    result = eksrun(RECIPE, "--yes", "--report", tmp_path / "none" / "run.html")
    assert result.status == 2 and "--report" in result.stderr
    assert cloud.mutating() == []


def test_a_plan_says_what_it_waits_for_and_leaves_no_trace_of_it(terminal, cloud):
    go = threading.Event()
    cloud.fault = lambda service, operation, nth: go.wait(60) and None if operation == "DescribeVpcs" else None
    for words, status, wanted in (["plan", "recipes/vpc.lua"], 2, "to create"), \
            (["call", "ec2", "describe-vpcs"], 0, '"VpcId"'):
        go.clear()
        run = terminal(*words, PAGER="")
        run.expect(END, run.expect("asking ec2 DescribeVpcs"))
        go.set()
        assert run.wait() == status
        screen = screen_of(run.bytes)
        text = "\n".join(lines_of(screen) + scrolled_off(screen))
        assert "asking" not in text and wanted in text
        assert visible_at_end(run.bytes)


def test_waiting_for_the_lock_is_shown(eksrun, terminal):
    holder = subprocess.Popen([str(EKSRUN), RECIPE, "seconds=300", "--yes"], env=eksrun.env, cwd=ROOT,
                              stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    for line in holder.stderr:
        if "CREATING" in line:
            break
    run = terminal(RECIPE, "seconds=0", "--yes", "--wait", "100")
    at = run.expect(END, run.expect("is being changed by"))
    text = "\n".join(lines_of(screen_of(run.bytes[:at])))
    assert re.search(r"^waiting: slow/slow is being changed by \S+@", text, re.M), text
    holder.send_signal(signal.SIGINT)
    holder.stderr.read()
    assert holder.wait(60) == 130
    assert run.wait() == 0
    assert visible_at_end(run.bytes)
