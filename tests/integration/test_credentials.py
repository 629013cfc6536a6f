"""Credentials from real neighbours: metadata, containers, STS, SSO, processes; as they should be and not."""

import itertools
import json
import os
import random
import stat
import time
from concurrent.futures import ThreadPoolExecutor

import botocore.loaders
import botocore.session
import pytest

from conftest import Shell
from support.identity import (CANARY, Identity, cut, endless, hang, hang_in_body, keys, no_http, sts_answer)

CREDENTIALS = 4
LOADER = botocore.loaders.create_loader()  # reads a model once
ROLE_PATH = "/latest/meta-data/iam/security-credentials/"
MISBEHAVIOURS = {"hang": hang, "hang_in_body": hang_in_body, "cut": cut, "no_http": no_http,
                 "endless": endless, "garbage": (200, "<html>" + CANARY), "empty": (200, ""),
                 "list": (200, [CANARY]), "half": (200, {"AccessKeyId": CANARY}), "status": (500, CANARY)}


@pytest.fixture
def identity():
    with Identity() as server:
        yield server


def shell_of(home, identity):
    """eksrun with no credentials but those that the test gives it."""
    shell = Shell(home)
    shell.env |= {"AWS_ENDPOINT_URL_STS": identity.url, "AWS_EC2_METADATA_SERVICE_ENDPOINT": identity.url,
                  "AWS_ENDPOINT_URL_SSO": identity.url, "AWS_ENDPOINT_URL_SSO_OIDC": identity.url,
                  "AWS_MAX_ATTEMPTS": "1", "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "1"}
    del shell.env["AWS_ACCESS_KEY_ID"], shell.env["AWS_SECRET_ACCESS_KEY"]
    return shell


@pytest.fixture
def run(identity, home):
    return shell_of(home, identity)


def write(home, name, text, mode=0o600):
    path = home / ".aws" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def whoami(run, **env):
    result = run("call", "sts", "get-caller-identity", **env)
    assert CANARY not in result.stdout + result.stderr, result
    return result


def test_instance(run, identity):
    assert whoami(run).status == 0
    assert identity.signed_by() == "AKIMDS"
    tokens = [{k.lower(): v for k, v in h.items()}.get("x-aws-ec2-metadata-token") for m, p, h, _ in identity.asked
              if m == "GET" and p.startswith(ROLE_PATH)]
    assert tokens == ["imds-token", "imds-token"]


def test_container(run, identity):
    assert whoami(run, AWS_CONTAINER_CREDENTIALS_FULL_URI=identity.url + "/container",
                  AWS_CONTAINER_AUTHORIZATION_TOKEN=CANARY).status == 0
    assert identity.signed_by() == "AKCONTAINER"


PLACES = {"token": ("PUT", "/latest/api/token"), "role": ("GET", ROLE_PATH),
          "keys": ("GET", ROLE_PATH + "my-role"), "container": ("GET", "/container")}


@pytest.fixture(scope="module")
def misbehaving(tmp_path_factory):
    """{(where, how): (result, seconds)} of all, some at a time: they mostly wait."""
    def meet(case):
        where, how = case
        with Identity() as identity:
            identity.answers[PLACES[where]] = MISBEHAVIOURS[how]
            env = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": identity.url + "/container"} if where == "container" else {}
            # A service that has no tokens would be asked without one.
            env["AWS_EC2_METADATA_V1_DISABLED"] = "true"
            started = time.monotonic()
            shell = shell_of(tmp_path_factory.mktemp("home"), identity)
            result = shell("call", "sts", "get-caller-identity", **env)
            return case, (result, time.monotonic() - started)

    with ThreadPoolExecutor(8) as pool:
        return dict(pool.map(meet, itertools.product(PLACES, MISBEHAVIOURS)))


@pytest.mark.parametrize("how", MISBEHAVIOURS)
@pytest.mark.parametrize("where", PLACES)
def test_misbehaviour(misbehaving, how, where):
    """One line, status 4 or 1, within seconds, nothing of the answer shown."""
    result, seconds = misbehaving[where, how]
    assert seconds < 30
    assert CANARY not in result.stdout + result.stderr, result
    if where == "token" and result.status == 0:
        assert how in ("garbage", "list", "half")  # a token may be any text
        return
    assert result.status == CREDENTIALS, result
    assert len(result.stderr.splitlines()) == 1, result


def test_chain_and_cache(run, identity, home):
    write(home, "config", "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n"
          "external_id = ext\n[profile base]\naws_access_key_id = AKBASE\naws_secret_access_key = s\n")
    assert whoami(run).status == 0
    assert identity.signed_by() == "AKROLE"
    # Of an AWS that is none nothing is kept.
    assert not (home / ".aws/cli").exists()


def test_cache_of_botocore(run, identity, home):
    """What the AWS CLI has kept is used; what is unsafe is not."""
    write(home, "config", "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n"
          "external_id = ext\n[profile base]\naws_access_key_id = AKBASE\naws_secret_access_key = s\n")
    from botocore.credentials import AssumeRoleCredentialFetcher
    from botocore.utils import JSONFileCache
    cache = JSONFileCache(str(home / ".aws/cli/cache"))
    fetcher = AssumeRoleCredentialFetcher(None, None, "arn:aws:iam::123456789012:role/r",
                                          extra_args={"ExternalId": "ext"}, cache=cache)
    it = keys("KEPT")
    fetcher._write_to_cache({"Credentials": {
        "AccessKeyId": it["AccessKeyId"], "SecretAccessKey": it["SecretAccessKey"], "SessionToken": it["Token"],
        "Expiration": it["Expiration"]}})
    os.chmod(home / ".aws/cli/cache", 0o755)
    # A real endpoint, so that caches count; a proxy takes the call, so that it goes nowhere.
    env = {"AWS_ENDPOINT_URL_STS": None, "AWS_MAX_ATTEMPTS": "1"}
    result = run("call", "sts", "get-caller-identity", "--dry-run", **env)
    assert result.status == 0 and "Credential=AKKEPT/" in result.stdout, result
    path, = (home / ".aws/cli/cache").iterdir()
    for spoil in (lambda: path.chmod(0o666), lambda: path.write_text("{"), lambda: path.write_text("[]")):
        spoil()
        result = run("call", "sts", "get-caller-identity", "--dry-run", HTTPS_PROXY="http://127.0.0.1:9", **env)
        assert result.status != 0 and "AKKEPT" not in result.stdout, result


def test_web_identity(run, identity, home):
    token = home / "token"
    token.write_text(CANARY + "\n")
    assert whoami(run, AWS_WEB_IDENTITY_TOKEN_FILE=token, AWS_ROLE_ARN="arn:aws:iam::123456789012:role/w").status == 0
    assert identity.signed_by() == "AKWEB"
    identity.answers["POST", "AssumeRoleWithWebIdentity"] = 400, (
        "<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>no</Message></Error></ErrorResponse>")
    result = whoami(run, AWS_WEB_IDENTITY_TOKEN_FILE=token, AWS_ROLE_ARN="arn:aws:iam::123456789012:role/w")
    assert result.status == CREDENTIALS and "InvalidIdentityToken" in result.stderr, result


def test_sts_misbehaves(run, identity, home):
    write(home, "config", "[default]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n"
          "[profile base]\naws_access_key_id = AKBASE\naws_secret_access_key = s\n")
    for how in (cut, no_http, (200, "<html>" + CANARY), (200, ""), (200, "<AssumeRoleResponse/>"), (500, CANARY),
                (403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>")):
        identity.answers["POST", "AssumeRole"] = how
        result = whoami(run)
        assert result.status in (1, CREDENTIALS) and len(result.stderr.splitlines()) == 1, result
        assert "cannot assume role" in result.stderr or "gave no credentials" in result.stderr, result
    identity.answers["POST", "AssumeRole"] = lambda _: sts_answer("AssumeRole", "ROLE")
    assert whoami(run).status == 0


def test_process(run, identity, home, tmp_path):
    tool = tmp_path / "tool with space"
    seen = tmp_path / "seen"
    tool.write_text(f"#!/bin/sh\nenv > {seen}\nls -l /proc/self/fd >> {seen}\nprintf '%s' \"$1\" >> {seen}\n"
                    f"echo '{json.dumps({'Version': 1, 'AccessKeyId': 'AKPROC', 'SecretAccessKey': CANARY})}'\n")
    tool.chmod(0o755)
    config = write(home, "config", f"[default]\ncredential_process = '{tool}' \"$HOME; false\"\n")
    assert whoami(run, AWS_SESSION_TOKEN=CANARY, HTTPS_PROXY=f"http://u:{CANARY}@127.0.0.1:9").status == 0
    assert identity.signed_by() == "AKPROC"
    text = seen.read_text()
    assert text.endswith("$HOME; false")
    assert "AWS_SESSION_TOKEN" not in text and " 3 ->" not in text.replace(" 3 -> /proc", "")
    config.chmod(0o666)
    result = whoami(run)
    assert result.status == CREDENTIALS and "everybody can write" in result.stderr, result
    config.chmod(0o600)
    for script in (f"echo {CANARY}; exit 0", f"echo {CANARY} >&2; exit 7", "kill -9 $$", "yes", "exec false"):
        tool.write_text("#!/bin/sh\n" + script + "\n")
        result = whoami(run)
        assert result.status == CREDENTIALS and len(result.stderr.splitlines()) == 1, result


SSO = ("[profile s]\nsso_session = dev\nsso_account_id = 123456789012\nsso_role_name = Admin\n"
       "[sso-session dev]\nsso_region = eu-west-1\nsso_start_url = https://x.awsapps.com/start\n")


def test_login_and_logout(run, identity, home):
    write(home, "config", SSO)
    error = lambda code: (400, {"error": code, "__type": code})  # noqa: E731
    identity.answers |= {
        ("POST", "/client/register"): (200, {"clientId": "c", "clientSecret": CANARY, "clientSecretExpiresAt": 4e9}),
        ("POST", "/device_authorization"): (200, {
            "deviceCode": CANARY, "userCode": "AB-CD", "verificationUri": "https://v/\x1b[31m",
            "verificationUriComplete": "https://v/?user_code=AB-CD", "expiresIn": 600, "interval": 1}),
        ("POST", "/token"): [error("AuthorizationPendingException"), (200, {
            "accessToken": CANARY, "refreshToken": CANARY, "expiresIn": 28800, "tokenType": "Bearer"})],
        ("GET", "/federation/credentials"): (200, {"roleCredentials": {
            "accessKeyId": "AKSSO", "secretAccessKey": CANARY, "sessionToken": CANARY,
            "expiration": int(time.time() + 3600) * 1000}}),
        ("POST", "/logout"): (200, ""),
    }
    result = run("login", "--profile", "s")
    assert result.status == 0 and result.stdout == "", result
    assert "https://v/?user_code=AB-CD" in result.stderr and "AB-CD" in result.stderr
    assert CANARY not in result.stderr and "\x1b" not in result.stderr
    path, = (home / ".aws/sso/cache").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    kept = json.loads(path.read_text())
    assert set(kept) == {"accessToken", "clientId", "clientSecret", "expiresAt", "refreshToken", "region",
                         "registrationExpiresAt", "startUrl"}
    # botocore finds the token where we put it.
    os.environ["AWS_CONFIG_FILE"] = str(home / ".aws/config")
    try:
        from botocore.tokens import SSOTokenProvider
        from botocore.utils import JSONFileCache
        session = botocore.session.Session(profile="s")
        token = SSOTokenProvider(session, cache=JSONFileCache(str(path.parent))).load_token()
        assert token.get_frozen_token().token == CANARY
    finally:
        del os.environ["AWS_CONFIG_FILE"]
    assert whoami(run, AWS_PROFILE="s").status == 0
    assert identity.signed_by() == "AKSSO"
    path.chmod(0o622)
    result = whoami(run, AWS_PROFILE="s")
    assert result.status == CREDENTIALS and "other users can write" in result.stderr, result
    path.chmod(0o600)
    result = run("logout", "--profile", "s")
    assert result.status == 0 and not path.exists(), result
    assert any(name == "/logout" for _, name, _, _ in identity.asked)
    result = whoami(run, AWS_PROFILE="s")
    assert result.status == CREDENTIALS and "run eksrun login --profile s" in result.stderr, result


def test_debug_shows_no_secret(run, identity, home):
    write(home, "config", SSO + "[profile r]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = b\n"
          f"[profile b]\naws_access_key_id = AKB\naws_secret_access_key = {CANARY}\naws_session_token = {CANARY}\n")
    write(home, "sso/cache/34c6fceca75e456f25e7e99531e2425c6c1de443.json", json.dumps({
        "accessToken": CANARY, "expiresAt": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60)),
        "refreshToken": CANARY, "clientId": "c", "clientSecret": CANARY,
        "registrationExpiresAt": "2199-01-01T00:00:00Z"}))
    identity.answers |= {
        ("POST", "/token"): (200, {"accessToken": CANARY, "refreshToken": CANARY, "expiresIn": 28800}),
        ("GET", "/federation/credentials"): (200, {"roleCredentials": {
            "accessKeyId": "AKSSO", "secretAccessKey": CANARY, "sessionToken": CANARY,
            "expiration": int(time.time() + 3600) * 1000}}),
    }
    (home / "token").write_text(CANARY)
    web = {"AWS_WEB_IDENTITY_TOKEN_FILE": home / "token", "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/w"}
    for key, flags, env in (("AKSSO", ["--profile", "s"], {}), ("AKROLE", ["--profile", "r"], {}),
                            ("AKWEB", [], web), ("AKIMDS", [], {})):
        result = run("call", "sts", "get-caller-identity", "--debug", *flags, **env)
        assert result.status == 0 and identity.signed_by() == key, result
        assert "GetCallerIdentity" in result.stderr and CANARY not in result.stdout + result.stderr, result


def test_config(run, home):
    write(home, "config", SSO + "[default]\nregion = eu-central-1\n[profile bad]\nmax_attempts = none\n")
    write(home, "credentials", f"[default]\naws_access_key_id = AKIA{CANARY}1234567890WXYZ\n"
          f"aws_secret_access_key = {CANARY}{CANARY}{CANARY}abcd\n")
    result = run("config", AWS_REGION=None, HTTPS_PROXY=f"http://user:{CANARY}@proxy:1")
    assert result.status == 0 and CANARY not in result.stdout, result
    assert "eu-central-1" in result.stdout and f"{home}/.aws/config:9" in result.stdout
    assert "****WXYZ, secret ****abcd" in result.stdout and "http://user:****@proxy:1" in result.stdout
    found = json.loads(run("config", "--json", AWS_REGION=None).stdout)
    assert {"name": "region", "source": f"{home}/.aws/config:9", "value": "eu-central-1"} in found["settings"]
    assert [row["state"] for row in found["credentials"]] == ["empty", "empty", "empty", "used", "empty", "unused"]
    result = run("config", "--profile", "bad", AWS_MAX_ATTEMPTS=None)
    assert result.status == 2 and "max_attempts 'none'" in result.stdout, result
    assert run("config", "--profile", "nobody").status == CREDENTIALS
    assert run("config", "regio").status == 2


def test_damaged_files(run, home):
    """Every cut of a file, and damage of other kinds: one line, no crash, no secret."""
    text = f"[default]\nregion = eu-west-1\naws_access_key_id = AK\naws_secret_access_key = {CANARY}\n[profile x]\n"
    damages = [text[:n] for n in range(0, len(text), 9)]
    damages += [text.replace("[default]", "[default"), "\x00" * 100, text.replace("\n", "\r"), "[" * 10000,
                text + "\xff\xfe", CANARY, f"[default]\n{CANARY}\n", f"= {CANARY}\n", "\ufeff" + text]
    for damage in damages:
        for name in ("config", "credentials"):
            path = write(home, name, damage)
            result = run("config", AWS_EC2_METADATA_DISABLED="true")
            assert result.status in (0, 1, 2), (damage, result)
            assert CANARY not in result.stdout + result.stderr, (damage, result)
            assert result.status == 0 or len(result.stderr.splitlines()) <= 1, (damage, result)
            path.unlink()
    path = write(home, "config", "")
    path.unlink()
    path.mkdir()
    result = run("config")
    assert result.status in (1, 2) and len(result.stderr.splitlines()) == 1, result


def random_world(chance, identity, home):
    """Variables and files in which credentials may stand in several places at once."""
    def some(*lines, p=0.5):
        return "".join(line + "\n" for line in lines) if chance.random() < p else ""

    def static(name, p=0.4):
        return some(f"aws_access_key_id = AK{name}", "aws_secret_access_key = s", p=p)

    process = f"credential_process = {home}/tool"
    role = ["role_arn = arn:aws:iam::123456789012:role/r",
            chance.choice(["source_profile = base", "credential_source = Environment", "source_profile = other",
                           "credential_source = EcsContainer", "source_profile = x", "source_profile = nobody"])]
    web = [role[0], f"web_identity_token_file = {home}/token"]
    config = "[default]\n" + static("DEFAULTC") + some(process, p=0.2) + some(*role, p=0.2)
    config += "[profile x]\n" + static("XC") + some(process, p=0.3) + some(*chance.choice([role, web]), p=0.4)
    config += "[profile base]\n" + static("BASE", p=0.8)
    config += "[profile other]\n" + static("OTHER", p=0.3) + some(role[0], "source_profile = base", p=0.5)
    credentials = "[default]\n" + static("DEFAULT") + "[x]\n" + static("X", p=0.3)
    env = {}
    for chosen, more in (
            (0.2, {"AWS_ACCESS_KEY_ID": "AKENV", "AWS_SECRET_ACCESS_KEY": "s"}),
            (0.5, {"AWS_PROFILE": "x"}), (0.1, {"AWS_SECRET_ACCESS_KEY": "s"}), (0.05, {"AWS_ACCESS_KEY_ID": "AKHALF"}),
            (0.2, {"AWS_WEB_IDENTITY_TOKEN_FILE": f"{home}/token"}), (0.2, {"AWS_ROLE_ARN": "arn:aws:iam::1:role/rr"}),
            (0.2, {"AWS_CONTAINER_CREDENTIALS_FULL_URI": identity.url + "/container"}),
            (0.5, {"AWS_EC2_METADATA_DISABLED": "true"})):
        if chance.random() < chosen:
            env |= more
    return env, config, credentials


def botocore_answer(monkeypatch, env, profile):
    """The key that botocore would sign with; None: an error, or none."""
    with monkeypatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_"):
                patch.delenv(name)
        for name, value in env.items():
            patch.setenv(name, value)
        try:
            session = botocore.session.Session(profile=profile)
            session.register_component("data_loader", LOADER)
            found = session.get_credentials()
            return found and found.get_frozen_credentials().access_key
        except Exception:  # noqa: BLE001: whatever botocore raises, it has none
            return None


def test_order_is_the_aws_clis(run, identity, home, monkeypatch):
    """Worlds of random: botocore and eksrun sign with the same key."""
    (home / "token").write_text("token")
    tool = home / "tool"
    tool.write_text(f"#!/bin/sh\necho '{json.dumps({'Version': 1, 'AccessKeyId': 'AKPROC', 'SecretAccessKey': 's'})}'\n")
    tool.chmod(0o755)
    chance = random.Random(20261123)
    seen, base = {}, {k: v for k, v in run.env.items() if k.startswith("AWS_") or k in ("HOME", "PATH")}
    base["AWS_DEFAULT_REGION"] = base["AWS_REGION"]
    for i in range(150):
        env, config, credentials = random_world(chance, identity, home)
        write(home, "config", config)
        write(home, "credentials", credentials)
        profile = "x" if chance.random() < 0.3 else None
        theirs = botocore_answer(monkeypatch, base | env, profile)
        identity.asked.clear()
        result = run("call", "sts", "get-caller-identity", *(["--profile", profile] if profile else []), **env)
        ours = identity.signed_by() if result.status == 0 else None
        # A profile may be its own source whatever its credentials are; of keys only, says botocore.
        if "source_profile = x" in config and theirs is None:
            continue
        assert ours == theirs, (i, env, profile, config, credentials, result)
        seen[theirs] = seen.get(theirs, 0) + 1
    assert len(seen) >= 9, seen
