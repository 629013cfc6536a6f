"""An HTTP server that misbehaves on request, for the tests of eksrun.http.

Takes a free port on 127.0.0.1, prints "PORT PID" and serves until it is killed. What it does is
named by the path; see ROUTES. Answers tell in x-connection which connection they came over, and in
x-request which request of that connection they answer. Standard library only.
"""

import datetime
import email.utils
import gzip
import hashlib
import itertools
import os
import socket
import struct
import sys
import threading

connections = itertools.count(1)
requests = itertools.count(1)
forever = threading.Event()
barrier = threading.Barrier(8)
step = threading.Semaphore(0)
downloader = None


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        self.path, _, self.query = target.partition("?")


def read_request(stream, peer):
    if stream.peek(1)[:1] == b"\x16":  # a TLS handshake: this server is plain
        raise OSError
    line = stream.readline().decode("latin-1").split()
    if len(line) < 3:
        return None
    headers = []
    while (header := stream.readline().decode("latin-1").rstrip("\r\n")) != "":
        name, _, value = header.partition(":")
        headers.append((name, value.strip()))
    length = int(next((v for n, v in headers if n.lower() == "content-length"), 0))
    if line[1] == "/at-once":
        peer.send(answer(b"hello", length=10))
    return Request(line[0], line[1], headers, stream.read(length))


def answer(body=b"", status="200 OK", headers=(), length=None):
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body) if length is None else length}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def echo(peer, request):
    lines = [f"{request.method} {request.target}"]
    lines += sorted(f"{name.lower()}: {value}" for name, value in request.headers)
    body = "\n".join(lines).encode() + b"\n\n" + request.body
    ids = (f"X-Connection: {peer.number}", f"X-Request: {peer.requests}")
    peer.send(answer(b"" if request.method == "HEAD" else body, headers=ids, length=len(body)))


def status(peer, request):
    code = request.path.rsplit("/", 1)[1]
    if code == "204":
        peer.send(b"HTTP/1.1 204 No Content\r\nX-Empty:\r\n\r\n")
    elif code == "302":
        peer.send(answer(status="302 Found", headers=("Location: /echo",)))
    else:
        peer.send(answer(b"<html>oops</html>", status=code + " Some Reason", headers=("Content-Type: text/html",)))


def count(peer, _):
    """How many requests came before this one."""
    peer.send(answer(str(peer.serial).encode()))


def together(peer, request):
    """Answers when eight are here."""
    barrier.wait()
    echo(peer, request)


def repeated(peer, _):
    peer.send(answer(b"x", headers=("X-Multi: a", "x-multi:  b ", "X-MULTI:c", "Empty:")))


def chunked(peer, _):
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")


def half_chunked(peer, _):
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")
    peer.close()


def gzipped(peer, _):
    peer.send(answer(gzip.compress(b"hello " * 100), headers=("Content-Encoding: gzip",)))


def bad_gzip(peer, _):
    peer.send(answer(b"this is not gzip at all", headers=("Content-Encoding: gzip",)))


def gzip_bomb(peer, _):
    peer.send(answer(gzip.compress(bytes(256 * 1024 * 1024), 1), headers=("Content-Encoding: gzip",)))


def hang(peer, _):
    forever.wait()


def hang_in_header(peer, _):
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    forever.wait()


def hang_in_body(peer, _):
    peer.send(answer(b"half", length=8))
    forever.wait()


def drip(peer, _):
    peer.send(answer(length=1000000))
    while not forever.wait(0.01):
        peer.send(b"x")


def close_at_once(peer, _):
    peer.close()


def reset(peer, _):
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def half_body(peer, _):
    peer.send(answer(b"half", length=8))
    peer.close()


def too_long(peer, _):
    peer.send(answer(b"whole and more", length=5))
    peer.close()


def endless(peer, _):
    peer.send(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        peer.send(b"x" * 65536)


def endless_header(peer, _):
    peer.send(b"HTTP/1.1 200 OK\r\n")
    for i in itertools.count():
        peer.send(b"X-%d: %s\r\n" % (i, b"x" * 4096))


def garbage(peer, _):
    peer.send(b"SSH-2.0-OpenSSH_9.2\r\nno http here\r\n")
    peer.close()


def early(peer, request):
    peer.send(b"HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n" + answer(b"late"))


def at_once(peer, request):
    """Half the answer was sent with the header of the request; the rest says how long the body was."""
    peer.send(b"%05d" % len(request.body))


def pieces(peer, _):
    """Three pieces, each but the first when /step was asked for."""
    peer.send(answer(b"one", length=11))
    for piece in (b"two", b"three"):
        step.acquire()
        peer.send(piece)


def frames(peer, request):
    """The bytes that the path's second word is in hexadecimal, a few at a time."""
    body = bytes.fromhex(request.path.split("/")[2])
    peer.send(answer(length=len(body), headers=("Content-Type: application/vnd.amazon.eventstream",)))
    for start in range(0, len(body), 7):
        peer.send(body[start : start + 7])


def next_piece(peer, _):
    step.release()
    peer.send(answer())


def broken_pieces(peer, _):
    peer.send(answer(b"one", length=11))
    step.acquire()
    peer.close()


def download(peer, request):
    """So many bytes: 0, 1, ..., 250, 0, 1, ... /sent tells how many of the last such answer went out."""
    global downloader
    downloader, peer.sent = peer, 0
    n = int(request.path.rsplit("/", 1)[1])
    pattern = bytes(range(251)) * 1000
    peer.send(answer(length=n))
    while peer.sent < n:
        block = pattern[: n - peer.sent]
        peer.send(block)
        peer.sent += len(block)


def how_many_sent(peer, _):
    peer.send(answer(str(downloader.sent).encode()))


def digest(peer, request):
    headers = {name.lower(): value for name, value in request.headers}
    text = f"{request.method} {headers.get('content-length')} {headers.get('transfer-encoding')} {len(request.body)} "
    peer.send(answer((text + hashlib.sha256(request.body).hexdigest()).encode()))


# -- an AWS whose every attempt ends as its URL says -------------------------------------------------

ANSWERS = {
    "rest-json": ("application/json", '{"cluster": {"name": "x", "status": "ACTIVE"}}'),
    "json": ("application/x-amz-json-1.1", '{"Parameter": {"Name": "p", "Value": "v"}}'),
    "query": ("text/xml", "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>1</Account>"
              "</GetCallerIdentityResult></GetCallerIdentityResponse>"),
    "ec2": ("text/xml", "<DescribeVpcsResponse><vpcSet><item><vpcId>vpc-1</vpcId></item></vpcSet>"
            "</DescribeVpcsResponse>"),
    "rest-xml": ("text/xml", "<ListHostedZonesResponse><HostedZones><HostedZone><Id>/hostedzone/Z1</Id>"
                 "<Name>a.</Name><CallerReference>r</CallerReference></HostedZone></HostedZones>"
                 "<Marker/><IsTruncated>false</IsTruncated><MaxItems>1</MaxItems></ListHostedZonesResponse>"),
}

ERRORS = {
    "rest-json": '{"message": "m", "code": "%s"}',
    "json": '{"__type": "com.amazonaws#%s", "message": "m"}',
    "query": "<ErrorResponse><Error><Code>%s</Code><Message>m</Message></Error></ErrorResponse>",
    "ec2": "<Response><Errors><Error><Code>%s</Code><Message>m</Message></Error></Errors></Response>",
    "rest-xml": "<ErrorResponse><Error><Code>%s</Code><Message>m</Message></Error></ErrorResponse>",
}


def refuse(peer, protocol, status, code, *headers):
    body = (ERRORS[protocol] % code).encode()
    peer.send(answer(body, f"{status} Refused", (f"Content-Type: {ANSWERS[protocol][0]}", *headers)))


def clock_ahead(peer, protocol, sent):
    """A server three hours ahead: takes what is signed for its own time."""
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=3)
    signed = datetime.datetime.strptime(sent["x-amz-date"], "%Y%m%dT%H%M%S%z")
    if abs(now - signed) < datetime.timedelta(minutes=5):
        succeed(peer, protocol, sent)
    else:
        date = email.utils.format_datetime(now, usegmt=True)
        refuse(peer, protocol, 403, "RequestTimeTooSkewed", f"Date: {date}")


def succeed(peer, protocol, sent, kind=None):
    own, body = ANSWERS[protocol]
    peer.send(answer(body.encode(), headers=(f"Content-Type: {kind or own}", f"X-Attempt: {sent['amz-sdk-request']}")))


def script(peer, request):
    """/script/STEP,STEP,.../PROTOCOL/...: what happens to each attempt of a call; the last step stays."""
    _, steps, protocol = request.path.split("/")[1:4]
    sent = {name.lower(): value for name, value in request.headers}
    steps = steps.split(",")
    attempt = int(sent["amz-sdk-request"].partition(";")[0].removeprefix("attempt="))
    step, _, value = steps[min(attempt, len(steps)) - 1].partition(":")
    body = ANSWERS[protocol][1].encode()
    if step == "ok":
        succeed(peer, protocol, sent, value or None)
    elif step == "cut":  # at so many percent of the body
        peer.send(answer(body[: len(body) * int(value) // 100], length=len(body)))
        peer.close()
    elif step == "ends":  # the same, and the end of the connection is the end of the answer
        peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body[: len(body) * int(value) // 100])
        peer.close()
    elif step == "clock":
        clock_ahead(peer, protocol, sent)
    elif step == "expired":
        refuse(peer, protocol, 400, "ExpiredToken") if "OLD" in sent["authorization"] else succeed(peer, protocol, sent)
    elif step == "elsewhere":
        peer.send(answer(status="302 Found", headers=(f"Location: http://127.0.0.1:{value}/taken?a=secret",)))
    elif step == "html":
        peer.send(answer(b"<html><body>sign in</body></html>", f"{value} Page", ("Content-Type: text/html",)))
    elif step.isdigit():  # STATUS:CODE, or without a body
        if value:
            refuse(peer, protocol, step, value)
        else:
            peer.send(answer(status=step + " Empty"))
    else:
        ROUTES[step](peer, request)


ROUTES = {
    "script": script,
    "pieces": pieces, "frames": frames, "step": next_piece, "broken-pieces": broken_pieces, "download": download,
    "sent": how_many_sent, "digest": digest,
    "count": count, "echo": echo, "status": status, "together": together, "repeated": repeated, "chunked": chunked, "half-chunked": half_chunked,
    "gzip": gzipped, "bad-gzip": bad_gzip, "gzip-bomb": gzip_bomb, "hang": hang,
    "hang-in-header": hang_in_header, "hang-in-body": hang_in_body, "drip": drip, "close": close_at_once,
    "reset": reset, "half-body": half_body, "too-long": too_long, "endless": endless,
    "endless-header": endless_header, "garbage": garbage, "early": early, "at-once": at_once,
}


class Peer(threading.Thread):
    def __init__(self, connection):
        super().__init__(daemon=True)
        self.socket, self.number, self.requests, self.open = connection, next(connections), 0, True

    def send(self, data):
        self.socket.sendall(data)

    def close(self):
        self.open = False
        self.stream.close()
        self.socket.close()

    def run(self):
        self.stream = self.socket.makefile("rb")
        try:
            while self.open and (request := read_request(self.stream, self)) is not None:
                self.requests += 1
                self.serial = next(requests)
                # A proxy is asked for whole URLs.
                path = request.path.split("://")[-1].partition("/")[2]
                ROUTES.get(path.partition("/")[0], echo)(self, request)
        except OSError:
            pass
        if self.open:
            self.close()


def main():
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], os.getpid(), flush=True)
        sys.stdout.close()
        while True:
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Peer(connection).start()


main()
