"""Who gives credentials, in one server: instance metadata, container, STS, SSO's portal and sign-in.

`answers` maps (method, path) to what is answered: (status, body), or a function of the handler. STS
is asked at POST /, by the name of its action. All that is asked is kept in `asked`.
"""

import json
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CANARY = "c4n4ry"  # stands in every secret that this server gives


def in_an_hour():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))


def keys(name):
    return {"AccessKeyId": "AK" + name, "SecretAccessKey": f"{CANARY}-secret-{name}",
            "Token": f"{CANARY}-token-{name}", "Expiration": in_an_hour(), "Code": "Success"}


def sts_answer(action, name):
    it = keys(name)
    return 200, f"""<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{action}Result>
      <Credentials><AccessKeyId>{it["AccessKeyId"]}</AccessKeyId>
      <SecretAccessKey>{it["SecretAccessKey"]}</SecretAccessKey><SessionToken>{it["Token"]}</SessionToken>
      <Expiration>{it["Expiration"]}</Expiration></Credentials>
      <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/{name}/s</Arn>
      <AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser></{action}Result></{action}Response>"""


CALLER = 200, """<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>
  <Arn>arn:aws:iam::123456789012:user/me</Arn><UserId>A</UserId></GetCallerIdentityResult>
  </GetCallerIdentityResponse>"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def handle_one(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        path = self.path.split("?")[0]
        form = urllib.parse.parse_qs(body)
        name = form["Action"][0] if "Action" in form and path == "/" else path
        self.server.identity.asked.append((self.command, name, dict(self.headers.items()), body))
        answer = self.server.identity.answers.get((self.command, name), (404, ""))
        if callable(answer):
            answer = answer(self)
            if answer is None:
                self.close_connection = True
                return
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        status, text = answer
        if not isinstance(text, str):
            text = json.dumps(text)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text.encode())))
        self.send_header("Content-Type", "text/xml" if path == "/" else "application/json")
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = do_PUT = handle_one


def hang(handler):
    handler.server.identity.done.wait(30)


def hang_in_body(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"Acc")
    handler.wfile.flush()
    handler.server.identity.done.wait(30)


def cut(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"AccessKeyId\": \"AK")
    handler.wfile.flush()


def no_http(handler):
    handler.wfile.write(b"\x00\xff" * 100)
    handler.wfile.flush()


def endless(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
    try:
        while not handler.server.identity.done.is_set():
            handler.wfile.write(b"x" * 65536)
    except OSError:
        pass


class Identity:
    def __init__(self):
        self.asked, self.done = [], threading.Event()
        self.answers = {
            ("PUT", "/latest/api/token"): (200, "imds-token"),
            ("GET", "/latest/meta-data/iam/security-credentials/"): (200, "my-role"),
            ("GET", "/latest/meta-data/iam/security-credentials/my-role"): (200, keys("IMDS")),
            ("GET", "/container"): (200, keys("CONTAINER")),
            ("POST", "AssumeRole"): lambda _: sts_answer("AssumeRole", "ROLE"),
            ("POST", "AssumeRoleWithWebIdentity"): lambda _: sts_answer("AssumeRoleWithWebIdentity", "WEB"),
            ("POST", "GetCallerIdentity"): CALLER,
        }
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads, self.server.identity = True, self
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def signed_by(self):
        """The access key of the last call of GetCallerIdentity."""
        headers = [h for _, name, h, _ in self.asked if name == "GetCallerIdentity"][-1]
        return {k.lower(): v for k, v in headers.items()}["authorization"].split("Credential=")[1].split("/")[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.done.set()
        self.server.shutdown()
        self.server.server_close()
