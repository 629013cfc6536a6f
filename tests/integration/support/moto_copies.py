"""Copies of one moto: it is loaded once, and each copy, a fork(), begins empty and at once.

As a program, `python moto_copies.py [FILE]`: loads moto, goes into the background and gives who connects to its
port, which it prints or writes into FILE, a copy of his own, until the process that started it ends. He sends a
line for a fresh copy at the same URL; with his connection the copy goes.
"""

import contextlib
import ctypes
import os
import pathlib
import selectors
import signal
import socket
import subprocess
import sys
import urllib.request


class Copy:
    """A moto that nobody else uses; `url` is its endpoint."""

    _port = None  # where this process gets copies; EKSRUN_MOTO names a file that says where others do

    def __init__(self):
        self._connection = socket.create_connection(("127.0.0.1", self._source()))
        self._lines = self._connection.makefile("r")
        self.url = self._lines.readline().strip()

    @classmethod
    def _source(cls):
        if "EKSRUN_MOTO" in os.environ:
            return int(pathlib.Path(os.environ["EKSRUN_MOTO"]).read_text())
        if not cls._port:
            cls._port = int(subprocess.run([sys.executable, __file__], stdout=subprocess.PIPE, check=True).stdout)
        return cls._port

    def post(self, path, body=b""):
        urllib.request.urlopen(urllib.request.Request(self.url + path, body, {"Content-Type": "text/plain"})).close()

    def reset(self):
        """Forgets every resource, and whatever else it was told."""
        self._connection.sendall(b"\n")
        assert self._lines.readline().strip() == self.url

    def stop(self):
        self._lines.close()
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Original:
    """The process that is copied. It has one thread, or it could not be."""

    def __init__(self, owner):
        """owner: the id of the process with which this one ends."""
        self.copies = {}  # by connection: (process id, listening socket)
        self.owner = os.pidfd_open(owner)
        self.door = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.owner, selectors.EVENT_READ)
        self.selector.register(self.door, selectors.EVENT_READ)

    def run(self):
        while True:
            for key, _ in self.selector.select():
                if key.fileobj == self.owner:
                    return
                if key.fileobj is self.door:
                    connection, _ = self.door.accept()
                    self.selector.register(connection, selectors.EVENT_READ)
                    self.begin(connection, socket.create_server(("127.0.0.1", 0), backlog=128))
                else:
                    self.listen_to(key.fileobj)

    def listen_to(self, connection):
        try:
            line = connection.recv(1)
        except ConnectionError:
            line = b""
        pid, listener = self.copies.pop(connection)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        if line:
            self.begin(connection, listener)
        else:
            self.selector.unregister(connection)
            connection.close()
            listener.close()

    def begin(self, connection, listener):
        pid = os.fork()
        if pid == 0:
            try:
                self.serve(listener)
            finally:
                os._exit(1)
        self.copies[connection] = pid, listener
        connection.sendall(b"http://127.0.0.1:%d\n" % listener.getsockname()[1])

    def serve(self, listener):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: goes with the original
        for connection, (_, other) in self.copies.items():
            connection.close()
            other.close()
        self.door.close()
        from moto.moto_api._internal import mock_random
        from support.moto_inside import MOTO, make_server
        mock_random.seed()
        make_server("127.0.0.1", 0, MOTO, threaded=True, fd=listener.fileno()).serve_forever()


def load():
    """Has moto load what it loads at the first call of a service."""
    import botocore.exceptions
    from support.moto_inside import Served
    from support.reader import Reader
    with Served() as served:
        reader = Reader(served.url)
        reader.everything()
        for service, operation in (
                ("autoscaling", "describe_auto_scaling_groups"), ("cloudformation", "describe_stacks"),
                ("dynamodb", "list_tables"), ("elb", "describe_load_balancers"),
                ("elbv2", "describe_load_balancers"), ("kms", "list_keys"), ("logs", "describe_log_groups"),
                ("resourcegroupstaggingapi", "get_resources"), ("s3", "list_buckets"),
                ("secretsmanager", "list_secrets"), ("sqs", "list_queues"), ("ssm", "describe_parameters"),
                ("sts", "get_caller_identity")):
            getattr(reader.client(service), operation)()
        for refused in (
                lambda: reader.iam.get_role(RoleName="none"), lambda: reader.eks.describe_cluster(name="none"),
                lambda: reader.client("ssm").get_parameter(Name="none")):
            with contextlib.suppress(botocore.exceptions.ClientError):
                refused()


def main():
    import gc

    sys.path[0] = str(pathlib.Path(__file__).resolve().parents[1])  # not here, where a moto.py lies
    sys.dont_write_bytecode = True
    load()
    original = Original(os.getppid())
    port = original.door.getsockname()[1]
    if os.fork():
        if len(sys.argv) > 1:
            pathlib.Path(sys.argv[1]).write_text(f"{port}\n")
        else:
            print(port)
        return
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    gc.freeze()
    original.run()


if __name__ == "__main__":
    main()
