"""HTTPS with a certificate for each name: NAME.localhost shows FOLDER/NAME.pem (certificate and key).

usage: tls_server.py FOLDER

Prints "PORT PID" when it serves. Answers GET with the number of requests that came so far.
"""

import http.server
import os
import pathlib
import ssl
import sys

FOLDER = pathlib.Path(sys.argv[1])


def context(name):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(FOLDER / f"{name}.pem")
    return made


def choose(sock, server_name, _):
    sock.context = context(server_name.split(".")[0])


class Handler(http.server.BaseHTTPRequestHandler):
    requests = 0

    def do_GET(self):
        Handler.requests += 1
        body = str(Handler.requests).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # a client that refuses the certificate


server = Server(("127.0.0.1", 0), Handler)
outer = context("good")
outer.sni_callback = choose
server.socket = outer.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print(server.server_port, os.getpid(), flush=True)
server.serve_forever()
