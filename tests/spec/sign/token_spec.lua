local json = require "eksrun.json"
local text = require "eksrun.text"
local token = require "eksrun.token"
local verify = require "eksrun.token.verify"

local NOW = 1763900000
local credentials = { access_key_id = "AKIDEXAMPLE", secret_access_key = "secret", session_token = "t/+=" }

local function make(region)
  return token.generate {
    cluster = "demo", region = region or "eu-west-1", credentials = credentials, now = NOW,
  }
end

local function encode(url)
  return "k8s-aws-v1." .. text.base64(url):gsub("[+/=]", { ["+"] = "-", ["/"] = "_", ["="] = "" })
end

describe("token.generate", function()
  it("makes a URL for this cluster alone, valid for 14 minutes", function()
    local bearer, expiration, url = make()
    assert.equal(NOW + 840, expiration)
    assert.equal(encode(url), bearer)
    assert.matches("^https://sts%.eu%-west%-1%.amazonaws%.com/%?Action=GetCallerIdentity"
      .. "&Version=2011%-06%-15&", url)
    assert.matches("X%-Amz%-Expires=60&X%-Amz%-Security%-Token=t%%2F%%2B%%3D&", url)
    assert.matches("X%-Amz%-SignedHeaders=host%%3Bx%-k8s%-aws%-id&X%-Amz%-Signature=%x+$", url)
  end)

  it("asks the partition's own STS", function()
    for region, host in pairs {
      ["cn-north-1"] = "sts.cn-north-1.amazonaws.com.cn",
      ["us-gov-west-1"] = "sts.us-gov-west-1.amazonaws.com",
      ["us-iso-east-1"] = "sts.us-iso-east-1.c2s.ic.gov",
      ["eusc-de-east-1"] = "sts.eusc-de-east-1.amazonaws.eu",
    } do
      local _, _, url = make(region)
      assert.equal(host, url:match("^https://([^/]+)/"))
    end
  end)

  it("signs differently for another cluster", function()
    local other = token.generate {
      cluster = "demo2", region = "eu-west-1", credentials = credentials, now = NOW,
    }
    assert.not_equal(make(), other)
  end)
end)

describe("token.exec_credential", function()
  it("is one line of JSON as kubectl reads it", function()
    local line = token.exec_credential("k8s-aws-v1.x", NOW, "client.authentication.k8s.io/v1")
    assert.is_nil(line:find("\n"))
    assert.matches('"spec":{}', line, 1, true)
    local answer = json.decode(line)
    assert.equal("ExecCredential", answer.kind)
    assert.equal("2025-11-23T12:13:20Z", answer.status.expirationTimestamp)
  end)
end)

describe("token.api_version", function()
  it("echoes what kubectl asked with", function()
    local function ask(version)
      return token.api_version(json.encode { kind = "ExecCredential", apiVersion = version })
    end
    assert.same({ "client.authentication.k8s.io/v1" }, { ask "client.authentication.k8s.io/v1" })
    assert.same({ "client.authentication.k8s.io/v1beta1" }, { ask "client.authentication.k8s.io/v1beta1" })
    local version, warning = ask "client.authentication.k8s.io/v1alpha1"
    assert.equal("client.authentication.k8s.io/v1alpha1", version)
    assert.matches("deprecated", warning)
  end)

  it("falls back to v1beta1, and says so unless nobody asked", function()
    local default = "client.authentication.k8s.io/v1beta1"
    assert.same({ default }, { token.api_version(nil) })
    assert.same({ default }, { token.api_version "" })
    for _, info in ipairs {
      "{", "[]", "1", '{"apiVersion":"client.authentication.k8s.io/v2"}', '{"apiVersion":3}',
    } do
      local version, warning = token.api_version(info)
      assert.equal(default, version)
      assert.matches("KUBERNETES_EXEC_INFO, defaulting to", warning)
    end
  end)
end)

describe("token.verify", function()
  local function check(bearer, options)
    options = options or {}
    options.now = options.now or NOW
    local url, err = verify.token(bearer, options)
    return url, url == nil and err.message or nil
  end

  it("accepts what generate makes, for 15 minutes", function()
    local bearer, _, url = make()
    assert.equal(url, (check(bearer)))
    assert.equal(url, (check(bearer, { now = NOW + 900 })))
    local _, message = check(bearer, { now = NOW + 901 })
    assert.matches("expired", message)
  end)

  it("reads dates of any year", function()
    for date, ok in pairs {
      ["20240229T000000Z"] = true, ["19700101T000000Z"] = false, ["20230229T000000Z"] = false,
      ["20251123T121320Z"] = true, ["20251123T126020Z"] = false, ["99991231T235959Z"] = true,
    } do
      local url = "https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity"
        .. "&X-Amz-SignedHeaders=X-K8s-Aws-Id&X-Amz-Expires=60&X-Amz-Date=" .. date
      local now = date:find("^2024") and 1709164800 or NOW
      assert.equal(ok, check(encode(url), { now = now }) ~= nil, date)
    end
  end)

  it("refuses everything else by name", function()
    local _, _, good = make()
    local cases = {
      { good:gsub("^https", "http"), "unexpected scheme" },
      { good:gsub("amazonaws%.com/", "amazonaws.com.evil.example/"), "unexpected hostname" },
      { good:gsub("amazonaws%.com/", "amazonaws.com:443/"), "unexpected hostname" },
      { good:gsub("//", "//user@"), "unexpected hostname" },
      { good:gsub("/%?", "/x?"), "unexpected path" },
      { good .. "&x=1", "non%-whitelisted" },
      { good .. "&action=GetCallerIdentity", "duplicate" },
      { good .. "&Action=GetCallerIdentity", "multiple values" },
      { good:gsub("=GetCallerIdentity", "=AssumeRole"), "unexpected action" },
      { good:gsub("x%-k8s%-aws%-id", "x-other"), "did not sign" },
      { good:gsub("Expires=60", "Expires=901"), "X%-Amz%-Expires" },
      { good:gsub("Expires=60", "Expires=-1"), "X%-Amz%-Expires" },
      { good:gsub("X%-Amz%-Date=[^&]*", "X-Amz-Date="), "must be present" },
      { good:gsub("%%3B", "%%3"), "malformed query" },
      { good .. "\n", "control" },
    }
    for _, case in ipairs(cases) do
      local url, message = check(encode(case[1]))
      assert.is_nil(url, case[1])
      assert.matches(case[2], message)
    end
    for bearer, pattern in pairs {
      ["k8s-aws-v2.aaaa"] = "prefix", ["k8s-aws-v1.a=="] = "base64", ["k8s-aws-v1.a a"] = "base64",
      [("x"):rep(4097)] = "too large",
    } do
      local url, message = check(bearer)
      assert.is_nil(url)
      assert.matches(pattern, message)
    end
  end)

  it("knows the principal behind an identity", function()
    assert.equal("arn:aws-cn:iam::1:role/a/b",
      (verify.canonical_arn "arn:aws-cn:sts::1:assumed-role/a/b/session"))
    assert.is_nil((verify.canonical_arn "arn:aws:sts::1:assumed-role/a"))
    assert.is_nil((verify.canonical_arn "arn:other:iam::1:user/a"))
    assert.is_nil((verify.canonical_arn "arn:aws:s3:::bucket"))
    assert.equal("arn:aws:iam::1:role/c", (verify.strip_path "arn:aws:iam::1:role/a/b/c"))
    assert.equal("arn:aws:iam::1:user/a/b", (verify.strip_path "arn:aws:iam::1:user/a/b"))
  end)
end)

describe("diff.lines", function()
  local diff = require "eksrun.diff"
  it("shows what changed with three lines around it", function()
    local old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n"
    assert.equal("", diff.lines(old, old))
    assert.equal("@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n",
      diff.lines(old, (old:gsub("5", "five"))))
    assert.equal("@@ -0,0 +1,2 @@\n+a\n+b\n", diff.lines("", "a\nb\n"))
    assert.equal("@@ -1,1 +0,0 @@\n-a\n", diff.lines("a\n", ""))
  end)
end)
