"""S3 against moto: objects from files and into files, in pieces, with their checksums; and how much
memory that takes."""

import base64
import hashlib
import json
import os
import zlib

import pytest

from conftest import ROOT, Shell
from support.moto_copies import Copy

MIB = 1024 * 1024
SIZE = 48 * MIB

# KiB. A sanitizer keeps what was freed.
GROWN_MAX = 8192 if not os.environ.get("EKSRUN_SANITIZE") else 1 << 30


@pytest.fixture(scope="module")
def s3():
    import boto3
    with Copy() as server:
        client = boto3.client("s3", endpoint_url=server.url, region_name="us-east-1",
                              aws_access_key_id="testing", aws_secret_access_key="testing")
        client.create_bucket(Bucket="bucket")
        client.url = server.url
        yield client


@pytest.fixture
def big(tmp_path):
    path = tmp_path / "big"
    block = os.urandom(MIB)
    with open(path, "wb") as file:
        for i in range(SIZE // MIB):
            file.write(i.to_bytes(8, "big") + block[8:])
    return path


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(MIB):
            digest.update(piece)
    return digest.hexdigest()


PRELUDE = """
local s3 = require("eksrun.aws").s3
local json = require "eksrun.json"
local function peak()
  for line in io.lines "/proc/self/status" do
    local n = line:match "^VmHWM:%s*(%d+) kB"
    if n then return math.tointeger(n) end
  end
end
local function say(t) print(json.encode(t)) end
"""


@pytest.fixture
def lua(s3, home, tmp_path):
    """Runs Lua with `s3`; what it says, as a table."""
    def run(code, **env):
        script = tmp_path / "script.lua"
        script.write_text(PRELUDE + code)
        done = Shell(home, s3.url)("lua", script, cwd=ROOT, **env)
        assert done.status == 0, done
        return json.loads(done.stdout)
    return run


def test_a_file_goes_up_and_comes_back_without_being_in_memory(s3, lua, big, tmp_path):
    back = tmp_path / "back"
    said = lua(f"""
      s3:list_buckets {{}}
      local before = peak()
      s3:put_object {{ Bucket = "bucket", Key = "big", Body = {{ path = "{big}" }} }}
      local body = s3:get_object({{ Bucket = "bucket", Key = "big" }}, {{ save = "{back}" }}).Body
      say {{ body = body, grown = peak() - before }}
    """)
    assert said["body"] == {"path": str(back), "length": SIZE}
    assert sha256(back) == sha256(big)
    assert said["grown"] < GROWN_MAX  # of 48 MiB up and down
    head = s3.head_object(Bucket="bucket", Key="big", ChecksumMode="ENABLED")
    crc = zlib.crc32(big.read_bytes()).to_bytes(4, "big")
    assert head["ChecksumCRC32"] == base64.b64encode(crc).decode()


def test_a_part_of_a_file_and_pieces_of_a_function(s3, lua, tmp_path):
    part = tmp_path / "part"
    part.write_bytes(b"0123456789")
    lua(f"""
      s3:put_object {{ Bucket = "bucket", Key = "part", Body = {{ path = "{part}", offset = 2, length = 5 }} }}
      local pieces = {{ "one ", "two ", "three" }}
      local i = 0
      s3:put_object {{ Bucket = "bucket", Key = "pieces", ContentLength = 13, Body = function()
        i = i + 1
        return pieces[i]
      end }}
      say {{}}
    """)
    assert s3.get_object(Bucket="bucket", Key="part")["Body"].read() == b"23456"
    assert s3.get_object(Bucket="bucket", Key="pieces")["Body"].read() == b"one two three"


def test_an_object_is_read_in_pieces(s3, lua, big):
    s3.upload_file(str(big), "bucket", "read")
    said = lua("""
      s3:list_buckets {}
      local before = peak()
      local sum, bytes = require("eksrun.checksum").new "sha256", 0
      for piece in s3:get_object({ Bucket = "bucket", Key = "read" }, { stream = true }).Body:chunks() do
        sum:update(piece)
        bytes = bytes + #piece
      end
      say { sha256 = require("eksrun.text").hex(sum:final()), bytes = bytes, grown = peak() - before }
    """)
    assert (said["sha256"], said["bytes"]) == (sha256(big), SIZE)
    assert said["grown"] < GROWN_MAX


def test_what_is_stored_compressed_comes_as_it_is(s3, lua):
    packed = zlib.compress(b"text" * 100)
    s3.put_object(Bucket="bucket", Key="packed", Body=packed, ContentEncoding="deflate")
    said = lua("""
      local output = s3:get_object { Bucket = "bucket", Key = "packed" }
      say { body = require("eksrun.text").hex(output.Body), encoding = output.ContentEncoding }
    """)
    assert said == {"body": packed.hex(), "encoding": "deflate"}


def test_conditions_and_errors_of_streams(s3, lua, tmp_path):
    said = lua(f"""
      s3:put_object {{ Bucket = "bucket", Key = "once", Body = "1", IfNoneMatch = "*" }}
      local _, again = s3.try:put_object {{ Bucket = "bucket", Key = "once", Body = "2", IfNoneMatch = "*" }}
      local _, missing = s3.try:get_object({{ Bucket = "bucket", Key = "nothing" }}, {{ save = "{tmp_path}/none" }})
      local ok, misuse = pcall(s3.list_buckets, s3, {{}}, {{ stream = true }})
      say {{ again = again.code, missing = missing.code, misuse = tostring(misuse) }}
    """)
    assert said["again"] == "PreconditionFailed"
    assert said["missing"] == "NoSuchKey"
    assert "s3:ListBuckets gives no stream of bytes" in said["misuse"]
    assert not (tmp_path / "none").exists()


def test_keys_that_need_encoding(s3, lua):
    keys = ["a b+c/ä", "%41", "x&y=<z>", "a//b", "./c/../d", "~tilde'", "q?v#f"]
    lua("for _, key in ipairs(json.decode([==[%s]==])) do\n"
        "  s3:put_object { Bucket = 'bucket', Key = key, Body = key }\nend\nsay {}" % json.dumps(keys))
    for key in keys:
        assert s3.get_object(Bucket="bucket", Key=key)["Body"].read().decode() == key
    said = lua("""
      local found = {}
      for page in s3:pages("list_objects_v2", { Bucket = "bucket", MaxKeys = 2 }) do
        for _, object in ipairs(page.Contents or {}) do found[#found + 1] = object.Key end
      end
      say(found)
    """)
    assert set(keys) <= set(said)
