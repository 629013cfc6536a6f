"""kubectl reaches a cluster through the kubeconfig and the tokens that eksrun makes.

The "cluster" is a local TLS server that does what EKS does with a token: it recomputes the presigned
URL's signature, for this cluster's name, and answers /version or 401. The same process answers
eks:DescribeCluster over plain HTTP, so that `eksrun kubeconfig` writes the file.
"""
import base64
import datetime
import glob
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import re
import shutil
import ssl
import subprocess
import threading
import unittest
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
EKSRUN = os.environ.get("EKSRUN", str(ROOT / "build" / "eksrun"))
REGION = "eu-west-1"
CLUSTER = "demo"
KEY, SECRET, SESSION = "AKIDEXAMPLE", "an/example+secret", "a/session+token=="


def find_kubectl():
    """The versioned binary beside a dispatcher, which would run the plugin twice; else kubectl."""
    found = shutil.which("kubectl")
    if not found:
        return None
    beside = sorted(glob.glob(os.path.realpath(found) + ".1.*"))
    return beside[-1] if beside else found


KUBECTL = find_kubectl()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def token_is_good(token, cluster):
    """Recomputes the signature as STS would; from scratch, by AWS's documentation."""
    prefix = "k8s-aws-v1."
    if not token.startswith(prefix) or len(token) > 4096:
        return False
    encoded = token[len(prefix):]
    url = urllib.parse.urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
    query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True, strict_parsing=True))
    given = query.pop("X-Amz-Signature")
    quote = lambda s: urllib.parse.quote(s, safe="-_.~")
    canonical_query = "&".join(f"{quote(k)}={quote(v)}" for k, v in sorted(query.items()))
    headers = {"host": url.netloc, "x-k8s-aws-id": cluster}
    names = query["X-Amz-SignedHeaders"].split(";")
    canonical = "\n".join(
        ["GET", url.path, canonical_query]
        + [f"{name}:{headers[name]}" for name in names]
        + ["", ";".join(names), sha256(b"")]
    )
    _, day, region, service, _ = query["X-Amz-Credential"].split("/")
    to_sign = "\n".join(
        ["AWS4-HMAC-SHA256", query["X-Amz-Date"], f"{day}/{region}/{service}/aws4_request",
         sha256(canonical.encode())]
    )
    key = ("AWS4" + SECRET).encode()
    for part in (day, region, service, "aws4_request"):
        key = sign(key, part)
    made = datetime.datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ")
    age = (datetime.datetime.utcnow() - made).total_seconds()
    return (
        hmac.compare_digest(sign(key, to_sign).hex(), given)
        and url.scheme == "https"
        and url.netloc == f"sts.{REGION}.amazonaws.com"
        and query["Action"] == "GetCallerIdentity"
        and query["X-Amz-Security-Token"] == SESSION
        and -60 < age < 900
    )


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *args):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Kubernetes(Handler):
    def do_GET(self):
        bearer = self.headers.get("Authorization", "")
        good = bearer.startswith("Bearer ") and token_is_good(bearer[7:], CLUSTER)
        self.server.verdicts.append(good)
        if good:
            self.answer(200, {"major": "1", "minor": "33", "gitVersion": "v1.33.0-eks-test"})
        else:
            self.answer(401, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 401,
                              "reason": "Unauthorized", "message": "Unauthorized"})


class Eks(Handler):
    def do_GET(self):
        if self.path == f"/clusters/{CLUSTER}":
            self.answer(200, {"cluster": self.server.cluster})
        else:
            self.answer(404, {"__type": "ResourceNotFoundException", "message": "No cluster found"})


def serve(handler, context=None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


def make_certificate(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=eks-test", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem"],
        check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
    return context, pathlib.Path(folder, "cert.pem").read_bytes()


@unittest.skipUnless(shutil.which("openssl"), "openssl is not installed")
class KubectlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        import tempfile
        cls.folder = tempfile.TemporaryDirectory()
        cls.home = pathlib.Path(cls.folder.name)
        context, certificate = make_certificate(cls.folder.name)
        cls.api = serve(Kubernetes, context)
        cls.api.verdicts = []
        cls.eks = serve(Eks)
        cls.eks.cluster = {
            "name": CLUSTER, "status": "ACTIVE",
            "arn": f"arn:aws:eks:{REGION}:123456789012:cluster/{CLUSTER}",
            "endpoint": f"https://127.0.0.1:{cls.api.server_port}",
            "certificateAuthority": {"data": base64.b64encode(certificate).decode()},
        }

    @classmethod
    def tearDownClass(cls):
        for server in (cls.api, cls.eks):
            server.shutdown()
            server.server_close()
        cls.folder.cleanup()

    def setUp(self):
        self.config = self.home / "config"
        self.config.unlink(missing_ok=True)
        self.api.verdicts.clear()

    def environment(self, **changes):
        env = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "KUBECONFIG": str(self.config),
            "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": SESSION,
            "AWS_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL_EKS": f"http://127.0.0.1:{self.eks.server_port}",
        }
        env.update(changes)
        return env

    def run_command(self, *argv, **changes):
        return subprocess.run(argv, env=self.environment(**changes), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)

    def eksrun(self, *argv, **changes):
        return self.run_command(EKSRUN, *argv, **changes)

    def write_config(self):
        done = self.eksrun("kubeconfig", CLUSTER)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_token_is_what_sts_accepts(self):
        done = self.eksrun("token", CLUSTER)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        answer = json.loads(done.stdout)
        self.assertEqual(answer["kind"], "ExecCredential")
        self.assertEqual(answer["apiVersion"], "client.authentication.k8s.io/v1beta1")
        self.assertTrue(token_is_good(answer["status"]["token"], CLUSTER))
        self.assertFalse(token_is_good(answer["status"]["token"], "other"))
        self.assertNotIn(SECRET, done.stdout)

    def test_token_echoes_the_version_asked_for(self):
        for version in ("v1", "v1beta1"):
            info = json.dumps({"kind": "ExecCredential", "spec": {"interactive": False},
                               "apiVersion": f"client.authentication.k8s.io/{version}"})
            done = self.eksrun("token", CLUSTER, KUBERNETES_EXEC_INFO=info)
            self.assertEqual(json.loads(done.stdout)["apiVersion"],
                             f"client.authentication.k8s.io/{version}")

    def test_token_without_credentials_fails_with_4(self):
        done = self.eksrun("token", CLUSTER, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="",
                           AWS_SESSION_TOKEN="")
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)

    def test_kubeconfig_is_private_and_written_once(self):
        self.write_config()
        self.assertEqual(self.config.stat().st_mode & 0o777, 0o600)
        before = self.config.read_bytes()
        done = self.eksrun("kubeconfig", CLUSTER)
        self.assertIn("unchanged", done.stderr)
        self.assertEqual(self.config.read_bytes(), before)
        self.assertEqual(sorted(p.name for p in self.home.glob("config*")), ["config"])

    def test_kubeconfig_keeps_what_others_wrote(self):
        others = "# mine\nusers:\n- name: x # y\n  user: {token: t}\nkind: Config\napiVersion: v1\n"
        self.config.write_text(others)
        self.config.chmod(0o640)
        shown = self.eksrun("kubeconfig", CLUSTER, "--dry-run")
        self.assertRegex(shown.stdout, r"(?m)^\+clusters:$")
        self.assertEqual(self.config.read_text(), others)
        self.write_config()
        text = self.config.read_text()
        self.assertTrue(text.startswith("# mine\nusers:\n- name: x # y\n  user: {token: t}\n"), text)
        self.assertEqual(self.config.stat().st_mode & 0o777, 0o640)

    def test_kubeconfig_that_is_none_stays(self):
        self.config.write_text("users: x\n")
        done = self.eksrun("kubeconfig", CLUSTER)
        self.assertEqual(done.returncode, 1)
        self.assertIn("'users' is a string", done.stderr)
        self.assertEqual(self.config.read_text(), "users: x\n")

    def test_kubeconfig_of_a_cluster_that_is_not_there(self):
        done = self.eksrun("kubeconfig", "nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertFalse(self.config.exists())

    @unittest.skipUnless(KUBECTL, "kubectl is not installed")
    def test_kubectl_is_let_in(self):
        self.write_config()
        done = self.run_command(KUBECTL, "get", "--raw", "/version")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("v1.33.0-eks-test", done.stdout)
        self.assertEqual(self.api.verdicts, [True])

    @unittest.skipUnless(KUBECTL, "kubectl is not installed")
    def test_kubectl_with_a_wrong_signature_is_not(self):
        self.write_config()
        done = self.run_command(KUBECTL, "get", "--raw", "/version", AWS_SECRET_ACCESS_KEY="wrong")
        self.assertNotEqual(done.returncode, 0)
        self.assertRegex(done.stderr, re.compile("logged in|unauthorized", re.I))
        self.assertTrue(self.api.verdicts and not any(self.api.verdicts))


if __name__ == "__main__":
    unittest.main()
