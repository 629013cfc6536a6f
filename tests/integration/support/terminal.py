"""A program on a pseudo-terminal: a thread reads what it writes, a screen model shows what a person sees."""

import fcntl
import itertools
import os
import pty
import signal
import struct
import subprocess
import termios
import threading
import time

import pyte

BEGIN, END = b"\x1b[?2026h", b"\x1b[?2026l"  # of a frame
DEADLINE = 60  # seconds until silence is a failure


class Terminal:
    deadline = DEADLINE

    def __init__(self, argv, env, cwd, rows=24, columns=80):
        self.chunks, self.changed, self.ended = [], threading.Condition(), False
        self.rows, self.columns = rows, columns
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=env, cwd=cwd, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            with self.changed:
                self.ended = not data
                self.chunks.append((time.monotonic(), data))
                self.changed.notify_all()
            if not data:
                return

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def bytes(self):
        with self.changed:
            return b"".join(data for _, data in self.chunks)

    def expect(self, wanted, after=0):
        """Waits until the bytes hold wanted behind a place; returns the place behind it."""
        wanted = wanted.encode() if isinstance(wanted, str) else wanted
        end = time.monotonic() + self.deadline
        while True:
            at = self.bytes.find(wanted, after)
            if at >= 0:
                return at + len(wanted)
            with self.changed:
                if self.ended or not self.changed.wait(max(0, end - time.monotonic())):
                    raise AssertionError(f"{wanted!r} did not appear in {self.bytes[after:]!r}")

    def type(self, text):
        os.write(self.master, text.encode())

    def send(self, number):
        os.kill(self.process.pid, number)

    def wait(self):
        """The exit status, when all that was written has been read."""
        status = self.process.wait(DEADLINE)
        self.thread.join(DEADLINE)
        return status

    def hang_up(self):
        """The terminal goes away."""
        os.close(self.master)

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


def frames(data):
    """What was written up to the end of each frame."""
    at, out = 0, []
    while (at := data.find(BEGIN, at)) >= 0:
        at = data.index(END, at) + len(END)
        out.append(data[:at])
    return out


def screen_of(data, rows=24, columns=80):
    screen = pyte.HistoryScreen(columns, rows, history=10000)
    pyte.ByteStream(screen).feed(data)
    return screen


def lines_of(screen):
    """The visible lines, without what is empty at their ends."""
    return [line.rstrip() for line in screen.display]


def scrolled_off(screen, after=0):
    """The lines above the visible ones, behind the first so many."""
    return ["".join(line[x].data for x in range(screen.columns)).rstrip()
            for line in itertools.islice(screen.history.top, after, None)]
