"""A proxy in front of an endpoint: records every call, and delays, drops or replaces answers.

As a program: python proxy.py --upstream URL [--delay MS] [--record FILE]; prints its own URL.
"""

import argparse
import dataclasses
import datetime
import email.utils
import functools
import http.client
import http.server
import io
import json
import random
import re
import socket
import struct
import sys
import threading
import time
import urllib.parse

READING = ("Describe", "List", "Get", "Head", "BatchGet", "Lookup", "Search", "Simulate", "Assume")

# How EC2 refuses a signature.
TOO_OLD = (b"<Response><Errors><Error><Code>RequestExpired</Code><Message>Request has expired.</Message></Error>"
           b"</Errors><RequestID>0</RequestID></Response>")


@dataclasses.dataclass
class Call:
    start: float  # seconds since the proxy began
    end: float
    service: str  # of the signature: "ec2"; "" for an unsigned request
    operation: str  # "DescribeVpcs"; for REST without a model "GET /path"
    mutating: bool
    status: int
    params: dict  # query protocols: the parameters; else {}
    access_key: str  # that signed the request; ""

    def __str__(self):
        return f"{self.start:7.3f} {self.end:7.3f} {self.status} {self.service}:{self.operation}"


@functools.cache
def rest_operations(service):
    """[(method, path pattern, operation)] of a REST service, by botocore's model."""
    import botocore.session

    loader = botocore.session.get_session().get_component("data_loader")
    rows = []
    for name, operation in loader.load_service_model(service, "service-2")["operations"].items():
        path = re.sub(r"\{[^}+]+\}", "[^/]+", operation["http"]["requestUri"].split("?")[0])
        rows.append((operation["http"]["method"], re.compile(re.sub(r"\{[^}]+\+\}", ".+", path) + "$"), name))
    return sorted(rows, key=lambda row: -len(row[1].pattern))


def identify(method, path, headers, body):
    """(service, operation, parameters) of a request."""
    scope = re.search(r"Credential=[^/]*/\d+/[^/]*/([^/]+)/", headers.get("authorization", ""))
    service = scope[1] if scope else ""
    if "x-amz-target" in headers:
        return service, headers["x-amz-target"].split(".")[-1], {}
    split = urllib.parse.urlsplit(path)
    form = dict(urllib.parse.parse_qsl(body.decode("latin-1"))) if body[:1].isalpha() else {}
    form.update(urllib.parse.parse_qsl(split.query))
    if "Action" in form:
        return service, form["Action"], form
    if service == "eks":
        for verb, pattern, name in rest_operations(service):
            if verb == method and pattern.match(split.path):
                return service, name, {}
    return service, f"{method} {split.path}", {}


class Proxy:
    """delay: seconds before each answer is sent, or a function from the operation to them. fault: None, or a function of (service, operation,
    n-th call of that operation) that returns None (pass on), "drop" (close without an answer),
    "half" (close within the body), "lost" (pass on, then close without an answer), "reset" (the same as drop,
    by a TCP reset) or (status, content type, body). Those that kill: "kill-before" the request arrives,
    "kill-between" its arrival and its answer, "kill-after" the answer; `victim` is the process that goes.
    late: None, or what shows new things late (support/late.py). ahead: seconds that AWS's clock is ahead of
    ours, as the dates of the answers say; ages: the age in seconds from which on a service refuses signatures, by
    its name. upstream: a URL, or a WSGI application."""

    def __init__(self, upstream, delay=0.0, fault=None, record=None, late=None):
        self._pass_on = self._call if callable(upstream) else self._forward
        self.upstream = upstream if callable(upstream) else urllib.parse.urlsplit(upstream)
        self.delay, self.fault, self.record, self.late = delay, fault, record, late
        self.victim, self.ahead, self.ages = None, 0, {}
        self.calls, self.connections = [], 0
        self._counts, self._lock, self._zero = {}, threading.Lock(), time.monotonic()
        self._open, self._idle = 0, threading.Condition()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                with proxy._lock:
                    proxy.connections += 1
                self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                super().setup()

            def handle_one_request(self):
                try:
                    super().handle_one_request()
                except (ConnectionError, TimeoutError):
                    self.close_connection = True

            def answer(self):
                proxy._answer(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = answer

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def process_request(self, request, client_address):
                with proxy._idle:
                    proxy._open += 1
                super().process_request(request, client_address)

            def shutdown_request(self, request):
                super().shutdown_request(request)
                with proxy._idle:
                    proxy._open -= 1
                    proxy._idle.notify_all()

            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def _forward(self, handler, body):
        connection = http.client.HTTPConnection(self.upstream.hostname, self.upstream.port, timeout=120)
        headers = {k: v for k, v in handler.headers.items() if k.lower() not in ("connection", "expect")}
        connection.request(handler.command, handler.path, body or None, headers)
        answer = connection.getresponse()
        payload = answer.read()
        connection.close()
        keep = [(k, v) for k, v in answer.getheaders()
                if k.lower() not in ("connection", "transfer-encoding", "content-length")]
        return answer.status, keep, payload

    def _call(self, handler, body):
        path, _, query = handler.path.partition("?")
        environ = {
            "REQUEST_METHOD": handler.command, "SCRIPT_NAME": "", "REQUEST_URI": handler.path,
            "RAW_URI": handler.path, "PATH_INFO": urllib.parse.unquote(path, "latin-1"), "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1", "SERVER_PORT": str(self.server.server_port),
            "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": handler.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(body)), "wsgi.version": (1, 0), "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body), "wsgi.errors": sys.stderr, "wsgi.multithread": True,
            "wsgi.multiprocess": False, "wsgi.run_once": False,
            **{"HTTP_" + k.upper().replace("-", "_"): v for k, v in handler.headers.items()},
        }
        head = []
        try:
            parts = self.upstream(environ, lambda status, fields, _=None: head.extend((status, fields)))
            payload = b"".join(parts)
        except Exception:  # as a server has it
            return 500, [("Content-Type", "text/html")], b"<!doctype html>\n<title>500</title>"
        return int(head[0].split()[0]), [(k, v) for k, v in head[1] if k.lower() != "content-length"], payload

    def _is_too_old(self, service, headers):
        date = datetime.datetime.strptime(headers["x-amz-date"] + "+0000", "%Y%m%dT%H%M%SZ%z")
        return time.time() + self.ahead - date.timestamp() > self.ages[service]

    def _answer(self, handler):
        start = time.monotonic() - self._zero
        body = handler.rfile.read(int(handler.headers.get("content-length") or 0))
        headers = {k.lower(): v for k, v in handler.headers.items()}
        service, operation, params = identify(handler.command, handler.path, headers, body)
        with self._lock:
            nth = self._counts[service, operation] = self._counts.get((service, operation), 0) + 1
        fault = self.fault(service, operation, nth) if self.fault else None
        status, fields, payload = 0, [], b""
        if not fault and service in self.ages and self._is_too_old(service, headers):
            fault = (400, "text/xml", TOO_OLD)
        if isinstance(fault, tuple):
            status, fields, payload = fault[0], [("Content-Type", fault[1])], fault[2]
        elif fault == "kill-before":
            self.victim.kill()
        elif fault not in ("drop", "reset"):
            status, fields, payload = self._pass_on(handler, body)
            if self.late:
                status, payload = self.late.see(service, operation, handler.path, body, status, payload)
        delay = self.delay(operation) if callable(self.delay) else self.delay
        until = self._zero + start + delay - time.monotonic()
        if until > 0:
            time.sleep(until)
        key = re.search(r"Credential=([^/]*)/", headers.get("authorization", ""))
        call = Call(start, time.monotonic() - self._zero, service, operation,
                    not operation.startswith(READING) and not operation.startswith("GET "), status, params,
                    key[1] if key else "")
        with self._lock:
            self.calls.append(call)
            if self.record:
                print(json.dumps(dataclasses.asdict(call)), file=self.record, flush=True)
        if fault == "kill-between":
            self.victim.kill()
        if fault == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
        if fault in ("drop", "lost", "reset", "kill-before", "kill-between"):
            handler.close_connection = True
            return
        fields = [(k, v) for k, v in fields if k.lower() != "date"]
        fields.append(("Date", email.utils.formatdate(time.time() + self.ahead, usegmt=True)))
        fields.append(("Content-Length", str(len(payload))))
        head = f"HTTP/1.1 {status} {http.client.responses.get(status, 'Unknown')}\r\n"
        head += "".join(f"{k}: {v}\r\n" for k, v in fields) + "\r\n"
        if fault == "half":
            payload = payload[: len(payload) // 2]
            handler.close_connection = True
        handler.wfile.write(head.encode("latin-1") + (b"" if handler.command == "HEAD" else payload))
        if fault == "kill-after":
            time.sleep(random.random() * 0.004)  # at once, or in the middle of what the answer leads to
            self.victim.kill()

    def mutating(self):
        return [call for call in self.calls if call.mutating]

    def forget(self):
        """Starts the record anew."""
        with self._lock:
            self.calls, self._counts, self._zero = [], {}, time.monotonic()

    def drain(self):
        """Waits until all that clients sent which are dead by now is done."""
        with socket.create_connection(self.server.server_address) as last:  # accepted behind all of theirs
            last.shutdown(socket.SHUT_WR)
            last.recv(1)
        with self._idle:
            assert self._idle.wait_for(lambda: self._open == 0, 120), "a client is not dead"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--upstream", required=True, metavar="URL")
    parser.add_argument("--delay", type=float, default=0, metavar="MS")
    parser.add_argument("--record", type=argparse.FileType("w"), metavar="FILE", help="NDJSON, a line a call")
    args = parser.parse_args()
    with Proxy(args.upstream, args.delay / 1000, record=args.record) as proxy:
        print(proxy.url, flush=True)
        sys.stdin.read()  # until whoever started this goes away


if __name__ == "__main__":
    main()
