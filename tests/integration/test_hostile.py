"""Servers that mean harm: whatever they answer, a call ends soon, in little memory, with a failure of one
line, and its credentials are shown to nobody and sent nowhere else."""

import concurrent.futures
import gzip
import itertools
import os
import socket
import struct
import subprocess
import threading
import time

import pytest

from conftest import EKSRUN, ROOT
from test_debug import CANARIES, assert_hidden

SECONDS, MEBIBYTES = 30, 128  # that a case may take
TIMEOUT = 3  # of a request

CALL = """
local aws = require "eksrun.aws"
local client = aws.client("sts", { timeout = %d, max_attempts = 1 })
local ok, err = pcall(client.get_caller_identity, client, {})
for line in io.lines "/proc/self/status" do io.write(line:match "^VmHWM:%%s*(%%d+) kB$" or "") end
if not ok then error(err, 0) end
""" % TIMEOUT

XML = b"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account>" \
      b"</GetCallerIdentityResult></GetCallerIdentityResponse>"
BOMB = b"<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + b"".join(
    b"<!ENTITY %c '&%c;&%c;&%c;&%c;&%c;&%c;&%c;&%c;'>" % (c, *[c - 1] * 8) for c in range(ord("b"), ord("k"))) + b"]>"


def answer(body=b"", *headers, status="200 OK", length=None):
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(status, where):
    return answer(b"", f"Location: {where}", status=status)


def chunked(*chunks):
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(chunks)


def zeros(n):
    return gzip.compress(bytes(n), 9)


# What is sent, and then the connection closed.
ANSWERS = {
    "nothing": b"",
    "one byte": b"H",
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a TLS alert": b"\x15\x03\x01\x00\x02\x02\x28",
    "an HTTP/2 preface": b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + bytes(18),
    "HTTP/0.9": XML,
    "HTTP/3.7": b"HTTP/3.7 200 OK\r\n\r\n" + XML,
    "status 0": b"HTTP/1.1 000 Zero\r\nContent-Length: 0\r\n\r\n",
    "status 99999": b"HTTP/1.1 99999 Much\r\nContent-Length: 0\r\n\r\n",
    "status of letters": b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n",
    "only 100s": b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    "101": answer(b"", "Upgrade: x", "Connection: upgrade", status="101 Switching Protocols"),
    "NUL in the header": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    "controls in the header": answer(b"", "X: \x1b[2J\x07\x9b", status="500 \x1b]0;x\x07"),
    "no colon": b"HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n",
    "no end of the header": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n",
    "a header of a megabyte": answer(b"", "X: " + "x" * (1 << 20)),
    "100,000 headers": answer(b"", *["X: x"] * 100_000),
    "a million headers": answer(b"", *["X: x"] * 1_000_000),
    "the same header 10,000 times": answer(b"", *["X-Amzn-RequestId: x"] * 10_000, status="400 Bad"),
    "folded for ever": b"HTTP/1.1 200 OK\r\nX: a" + b"\r\n b" * 100_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "two lengths": answer(XML, "Content-Length: 3"),
    "a negative length": answer(XML, length=-1),
    "a length of letters": answer(XML, length="ten"),
    "a length of 2^64": answer(XML, length=1 << 64),
    "a length too short": answer(XML, length=len(XML) - 5),
    "a length too long": answer(XML, length=len(XML) + 5),
    "a length of 10 GB": answer(XML, length=10 << 30),
    "length and chunks": answer(XML, "Transfer-Encoding: chunked"),
    "a chunk of no size": chunked(b"\r\n"),
    "a chunk of a negative size": chunked(b"-5\r\nhello\r\n"),
    "a chunk of 2^64": chunked(b"ffffffffffffffffff\r\nx"),
    "a chunk with an endless extension": chunked(b"5;" + b"x" * (1 << 20) + b"\r\nhello\r\n"),
    "no last chunk": chunked(b"5\r\nhello\r\n"),
    "a trailer of a megabyte": chunked(b"0\r\nX: " + b"x" * (1 << 20) + b"\r\n\r\n"),
    "gzip that is none": answer(b"plain", "Content-Encoding: gzip"),
    "half a gzip": answer(zeros(100_000)[:60], "Content-Encoding: gzip"),
    "a gzip bomb": answer(zeros(64 << 20), "Content-Encoding: gzip"),
    "a gzip bomb in a gzip": answer(gzip.compress(zeros(64 << 20)), "Content-Encoding: gzip, gzip"),
    "an encoding that nobody has": answer(XML, "Content-Encoding: rot13"),
    "30 encodings": answer(XML, "Content-Encoding: " + ", ".join(["gzip"] * 30)),
    "20 MB of spaces": answer(b" " * (20 << 20)),
    "no body": answer(b""),
    "a NUL": answer(b"\0"),
    "a page": answer(b"<html><body>Sign in</body></html>", "Content-Type: text/html"),
    "a page that is an error": answer(b"<html>" + b"x" * 100_000, status="503 Service Unavailable"),
    "JSON": answer(b'{"Account": "1"}', "Content-Type: application/json"),
    "entities that grow": answer(BOMB + b"<x>&j;</x>"),
    "an external entity": answer(b"<!DOCTYPE x [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><x>&a;</x>"),
    "a document type elsewhere": answer(b"<!DOCTYPE x SYSTEM 'http://169.254.169.254/'><x/>"),
    "depth": answer(b"<a>" * 1_000_000),
    "a million attributes": answer(b"<a " + b" ".join(b"a%d=''" % i for i in range(1_000_000)) + b"/>"),
    "one attribute twice": answer(b"<a a='1' a='2'/>"),
    "an error of controls": answer(b"<Error><Code>&#27;[2J</Code></Error>", status="400 Bad Request"),
    "an error of ten megabytes": answer(
        b"<ErrorResponse><Error><Code>X</Code><Message>" + b"m" * (10 << 20) + b"</Message></Error></ErrorResponse>",
        status="400 Bad Request"),
    "an error that quotes the request": None,  # below
    "UTF-16": answer("<x>1</x>".encode("utf-16")),
    "a redirect to metadata": redirect("301 Moved", "http://169.254.169.254/latest/meta-data/"),
    "a redirect to a file": redirect("302 Found", "file:///etc/passwd"),
    "a redirect to gopher": redirect("303 See Other", "gopher://127.0.0.1:6379/_x"),
    "a redirect elsewhere": redirect("307 Temporary Redirect", "http://127.0.0.1:{elsewhere}/"),
    "a redirect that keeps the method": redirect("308 Permanent Redirect", "http://127.0.0.1:{elsewhere}/"),
    "a redirect to itself": redirect("301 Moved", "/"),
    "a redirect with a body": answer(b"<x/>", "Location: http://127.0.0.1:{elsewhere}/", status="300 Many"),
    "a refresh": answer(b"", "Refresh: 0; url=http://127.0.0.1:{elsewhere}/"),
    "another service": answer(b"", "Alt-Svc: h2=\"127.0.0.1:{elsewhere}\"; ma=3600"),
    "an authentication": answer(b"", "WWW-Authenticate: Basic realm=x", status="401 Unauthorized"),
    "a proxy's authentication": answer(b"", "Proxy-Authenticate: NTLM", status="407 Proxy"),
    "a date of the year 9999": answer(b"<Error><Code>RequestTimeTooSkewed</Code></Error>",
                                      "Date: Fri, 31 Dec 9999 23:59:59 GMT", status="403 Forbidden"),
    "a date that is none": answer(b"<Error><Code>RequestTimeTooSkewed</Code></Error>", "Date: " + "9" * 5000,
                                  status="403 Forbidden"),
    "a wish to wait for ever": answer(b"", "Retry-After: 99999999999", status="503 Slow Down"),
}


# The answer is there in whole, whatever else was said of it.
READABLE = {"two lengths", "a length of 2^64"}


def hang(peer):
    peer.recv(1)


def drip(peer):
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(100):
        peer.sendall(b"x")
        time.sleep(0.2)


def drip_in_the_header(peer):
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(100):
        peer.sendall(b"X: x\r\n")
        time.sleep(0.2)


def endless_body(peer):
    peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in itertools.repeat(None):
        peer.sendall(bytes(1 << 16))


def endless_header(peer):
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in itertools.repeat(None):
        peer.sendall(b"X: x\r\n" * 1000)


def endless_chunks(peer):
    peer.sendall(chunked())
    for _ in itertools.repeat(None):
        peer.sendall(b"1\r\nx\r\n" * 1000)


def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


BEHAVIOURS = {
    "hangs": hang, "drips": drip, "drips headers": drip_in_the_header, "sends a body for ever": endless_body,
    "sends a header for ever": endless_header, "sends chunks for ever": endless_chunks, "resets": reset,
}


class Server:
    """Does one thing to whoever comes; counts who comes."""

    def __init__(self, do):
        self.do, self.came = do, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            self.came += 1
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with peer:
            try:
                request = peer.recv(65536)
                self.do(peer, request)
                peer.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def close(self):
        self.socket.close()


def quote(peer, request):
    """What a service says of a signature that does not match, which holds the request."""
    text = request.decode("latin-1").replace("&", "&amp;").replace("<", "&lt;").encode()
    peer.sendall(answer(b"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>The request was\n" + text
                        + b"</Message></Error></ErrorResponse>", status="403 Forbidden"))


def behaviour(name, elsewhere):
    if name in BEHAVIOURS:
        return lambda peer, _: BEHAVIOURS[name](peer)
    if name == "an error that quotes the request":
        return quote
    return lambda peer, _: peer.sendall(ANSWERS[name].replace(b"{elsewhere}", b"%d" % elsewhere))


def attack(name, script, home):
    """None, or what went wrong."""
    elsewhere = Server(lambda peer, _: peer.sendall(answer(XML)))
    server = Server(behaviour(name, elsewhere.port))
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "AWS_REGION": "eu-west-1",
           "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.port}", **CANARIES}
    started = time.monotonic()
    process = subprocess.Popen([EKSRUN, "lua", script], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process.stdout, process.stderr:
        output, message = process.stdout.read(), process.stderr.read().decode()
    status, seconds, memory = process.wait(), time.monotonic() - started, int(output or 0) / 1024
    server.close()
    elsewhere.close()
    if name in READABLE and status == 0:
        return
    assert status == (4 if name == "an error that quotes the request" else 1), f"exit status {status}: {message}"
    assert seconds < SECONDS, f"{seconds:.0f} s"
    assert 0 < memory < MEBIBYTES, f"{memory:.0f} MiB"
    assert message.count("\n") == 1, message
    assert not any(ord(c) < 32 or ord(c) == 127 for c in message[:-1]), message
    assert len(message) < 4000
    assert elsewhere.came == 0, "it went elsewhere"
    assert_hidden(message)


@pytest.mark.skipif(bool(os.environ.get("EKSRUN_SANITIZE")), reason="sanitizers take memory of their own")
def test_hostile_servers(tmp_path):
    script = tmp_path / "call.lua"
    script.write_text(CALL)
    names = [*ANSWERS, *BEHAVIOURS]
    assert len(names) >= 60
    wrong = []
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for name, run in [(name, pool.submit(attack, name, script, tmp_path)) for name in names]:
            try:
                run.result()
            except AssertionError as problem:
                wrong.append(f"{name}: {problem}")
    assert not wrong, "\n".join(wrong)
