"""A moto that takes back what it was asked: POST /-/mark, and POST /-/undo for all calls since."""

import ctypes
import os
import signal
import time
import types

LIBC = ctypes.CDLL(None)
PDEATHSIG, SUBREAPER = 1, 36  # of prctl()


class Server:
    """Keeps a process aside at each mark, which goes on in place of the one that serves where calls are undone."""

    def __init__(self, make_server, application):
        """make_server: of werkzeug; application: what answers."""
        self.application, self.order, self.kept = application, None, None
        self.server = make_server("127.0.0.1", 0, self.answer)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.owner = os.getpid()

    def run(self):
        """Serves in a child, whose place others take; the owner, with whom they end, adopts them."""
        LIBC.prctl(SUBREAPER, 1)
        if os.fork():
            while True:
                os.wait()
        LIBC.prctl(PDEATHSIG, signal.SIGKILL)
        while True:
            self.order = None
            self.server.handle_request()
            if self.order == "mark":
                self.mark()
            elif self.order == "undo":
                os.write(self.kept.door, b"!")
                os.read(self.kept.ready, 1)
                os._exit(0)

    def answer(self, environ, start_response):
        if not environ["PATH_INFO"].startswith("/-/"):
            return self.application(environ, start_response)
        self.order = environ["PATH_INFO"][3:]
        start_response("204 No Content", [])
        return [b""]

    def mark(self):
        if self.kept:
            os.kill(self.kept.pid, signal.SIGKILL)
            os.waitpid(self.kept.pid, 0)
            os.close(self.kept.door), os.close(self.kept.ready)
        inside, door = os.pipe()
        ready, outside = os.pipe()
        pid = os.fork()
        if pid:
            os.close(inside), os.close(outside)
            self.kept = types.SimpleNamespace(pid=pid, door=door, ready=ready)
            return
        LIBC.prctl(PDEATHSIG, signal.SIGKILL)
        os.close(door), os.close(ready)
        os.read(inside, 1)
        LIBC.prctl(PDEATHSIG, 0)  # the parent goes, the owner stays
        os.write(outside, b"!")
        while os.getppid() != self.owner:
            time.sleep(0.001)
        LIBC.prctl(PDEATHSIG, signal.SIGKILL)
        os.close(inside), os.close(outside)
        self.kept = None
        self.mark()  # what follows may be undone, too
