"""--debug and --stats: what they show of the calls of a whole program, and what they never show."""

import base64
import re
import urllib.parse

CANARIES = {
    "AWS_ACCESS_KEY_ID": "AKIDCANARYCANARY0001",
    "AWS_SECRET_ACCESS_KEY": "canary/secret+key/0123456789",
    "AWS_SESSION_TOKEN": "canary//session+token/0123456789==",
}


def forms(secret):
    yield secret
    yield urllib.parse.quote(secret, safe="")
    yield base64.b64encode(secret.encode()).decode()
    yield secret.encode().hex()
    yield secret.replace("/", "\\/")


def assert_hidden(text, *secrets):
    for secret in (*CANARIES.values(), *secrets):
        for form in forms(secret):
            assert form not in text, f"{form} is shown"
    assert not re.search(r"Signature=[0-9a-f]", text)


def test_debug_shows_the_calls_without_their_secrets(eksrun):
    hidden = "canary-of-a-secret-string"
    result = eksrun("call", "secretsmanager", "create-secret", "--name", "db", "--secret-string", hidden,
                    "--debug", **CANARIES)
    assert result.status == 0, result
    assert "(secretsmanager:CreateSecret, attempt 1 of 3)" in result.stderr
    assert '"SecretString":"<redacted>"' in result.stderr
    assert "Credential=AKID.../" in result.stderr
    assert_hidden(result.stderr, hidden)

    result = eksrun("call", "secretsmanager", "get-secret-value", "--secret-id", "db", "--debug", **CANARIES)
    assert hidden in result.stdout  # that was asked for
    assert_hidden(result.stderr, hidden)

    result = eksrun("call", "sts", "assume-role", "--role-arn", "arn:aws:iam::123456789012:role/r",
                    "--role-session-name", "me", "--query", "Credentials.SecretAccessKey", "--output", "text",
                    "--debug", **CANARIES)
    assert result.status == 0, result
    assert len(result.stdout.strip()) > 20
    assert_hidden(result.stderr, result.stdout.strip())


def test_errors_show_no_secret_either(eksrun):
    for words in (("eks", "describe-cluster", "--name", "none"), ("sqs", "get-queue-url", "--queue-name", "none")):
        for more in ((), ("--debug",)):
            result = eksrun("call", *words, *more, **CANARIES)
            assert result.status == 1, result
            assert_hidden(result.stdout + result.stderr)


def test_stats_count_at_the_end(eksrun):
    result = eksrun("call", "sts", "get-caller-identity", "--stats")
    assert result.status == 0, result
    assert "AWS: 1 call, 1 request (0 retried, 0 throttled), 0 failed" in result.stderr
    assert re.search(r"1  sts:GetCallerIdentity, \d", result.stderr), result
    assert "AWS:" not in result.stdout

    result = eksrun("call", "eks", "describe-cluster", "--name", "none", "--stats")
    assert result.status == 1, result
    assert "1 failed" in result.stderr


def test_stats_of_a_plan(eksrun):
    result = eksrun("plan", "recipes/managed-cluster.lua", "--stats")
    assert result.status == 2, result
    assert re.search(r"^AWS: \d+ calls, \d+ requests", result.stderr, re.M), result
    assert "ec2:" in result.stderr
