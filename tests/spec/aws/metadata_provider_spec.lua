-- Credentials that a container or an instance is given.
local container = require "eksrun.aws.provider.container"
local providers = require "tests.spec.support.providers"

local world, resolve, refused = providers.new, providers.resolve, providers.refused
local now = providers.now

describe("a container", function()
  local good = { 200, '{"AccessKeyId": "AKC", "SecretAccessKey": "s", "Token": "t", '
    .. '"Expiration": "2023-11-15T00:00:00Z", "AccountId": "1"}' }

  it("is asked with the token of its file, read anew, by no proxy", function()
    local w = world { files = { ["/t"] = "tok\n" },
      answers = { { 503, "" }, { code = "timeout", message = "x" }, good },
      env = { AWS_CONTAINER_CREDENTIALS_FULL_URI = "http://169.254.170.23/v1/credentials",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE = "/t" } }
    assert.equal("AKC", resolve(w).access_key_id)
    assert.equal(3, #w.requests)
    assert.equal("tok", w.requests[3].headers.authorization)
    assert.equal("", w.requests[3].proxy)
  end)

  it("refuses to ask anybody else by http", function()
    local function url(full)
      return container.url(world { env = { AWS_CONTAINER_CREDENTIALS_FULL_URI = full } })
    end
    for _, good_url in ipairs {
      "http://127.0.0.1/x", "http://127.1.2.3:8080/x", "http://localhost:1/x", "http://LOCALHOST/x",
      "http://[::1]/x", "http://[FD00:EC2::23]/x", "http://169.254.170.2/x", "https://example.com/x?y=z",
    } do
      assert.equal(good_url, url(good_url))
    end
    for _, bad in ipairs {
      "http://example.com/", "http://169.254.169.254/", "http://127.0.0.1.example.com/", "http://0x7f.1/",
      "http://0177.0.0.1/", "http://127.1/", "http://2130706433/", "http://127.0.0.256/",
      "http://127.0.0.01/", "http://user@127.0.0.1/", "http://127.0.0.1@example.com/",
      "http://user:pw@localhost/", "http://localhost./", "http://localhost.example.com/",
      "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::]/",
      "http://0.0.0.0/", "http://[fe80::1%25eth0]/", "http://[::1]x/", "http://[::1", "http:///x", "http://",
      "http://localhost:99999/", "http://localhost:80:80/", "http://local host/", "http://localhost/a b",
      "http://localhost\\@example.com/", "http://example.com#@localhost/", "http://example.com?@localhost/",
      "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "//127.0.0.1/", "/x", "x", "127.0.0.1",
      "http://127.0.0.1%2eexample.com/", "http://localhost%00.example.com/", "http://\u{ff11}27.0.0.1/",
      "http://169.254.170.2.example.com/", "http://169.254.170.20/", "http://[fd00:ec2::254]/",
      "https://user@example.com/", "https:///x", "http://127.0.0.1\r\nHost: x/",
    } do
      local ok, err = url(bad)
      assert.is_nil(ok, bad)
      assert.equal("credentials", err.code)
    end
    for _, bad in ipairs { "x", "//example.com/", "@example.com/", " /x", "/x y", "/x\n" } do
      local relative = container.url(world { env = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = bad } })
      assert.is_true(relative == nil or relative:find("^http://169%.254%.170%.2/") ~= nil, bad)
    end
  end)

  it("names what went wrong, and shows no answer", function()
    local env = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = "/x?secret=1" }
    local function of(...) return refused(world { env = env, answers = { ... } }) end
    local prefix = "^no credentials of the container from http://169%.254%.170%.2/x: "
    assert.matches(prefix .. "answered HTTP status 403$", of { 403, "hunter2" })
    assert.matches(prefix .. "answered no JSON object$", of({ 200, "hunter2" }, { 200, "[" }, { 200, "" }))
    local half = { 200, '{"AccessKeyId": "a", "SecretAccessKey": "b"}' }
    assert.matches(prefix .. "answered no Token$", of(half, half, half))
    assert.matches(prefix .. "nobody there$", of())
    assert.matches("TOKEN_FILE /t: it does not exist", refused(world { env = {
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = "/x", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE = "/t" } }))
    assert.matches("has a line break", refused(world { env = {
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = "/x", AWS_CONTAINER_AUTHORIZATION_TOKEN = "a\r\nb" } }))
  end)
end)

describe("an instance", function()
  local function good(expires)
    return { 200, ('{"Code": "Success", "AccessKeyId": "AKI", "SecretAccessKey": "s", "Token": "t", '
      .. '"Expiration": "%s"}'):format(expires or "2023-11-15T04:00:00Z") }
  end

  it("gives a token, the name of its role, then credentials; by no proxy", function()
    local w = world { answers = { { 200, "tok" }, { 200, "my-role" }, good() } }
    local found = assert(resolve(w))
    assert.same({ "AKI", "instance role my-role" }, { found.access_key_id, found.source })
    local put, get = w.requests[1], w.requests[3]
    assert.same({ "PUT", "http://169.254.169.254/latest/api/token", "21600", "", 1 }, { put.method, put.url,
      put.headers["x-aws-ec2-metadata-token-ttl-seconds"], put.proxy, put.timeout })
    assert.same({ "http://169.254.169.254/latest/meta-data/iam/security-credentials/my-role", "tok" },
      { get.url, get.headers["x-aws-ec2-metadata-token"] })
  end)

  it("is asked again for what it could not do at once", function()
    local w = world { answers = { { 503, "" }, { 200, "tok" }, { 500, "" }, { 200, "r" },
      { code = "network", message = "cut" }, good() } }
    assert.equal("AKI", resolve(w).access_key_id)
    w = world { answers = { { 200, "tok" }, { 401, "" }, { 200, "tok2" }, { 200, "r" }, good() } }
    assert.equal("AKI", resolve(w).access_key_id)
    assert.equal("tok2", w.requests[4].headers["x-aws-ec2-metadata-token"])
  end)

  it("that is not there costs one request", function()
    local w = world {}
    assert.matches("the metadata service is not there: nobody there", refused(w))
    assert.equal(1, #w.requests)
    w = world { env = { AWS_EC2_METADATA_DISABLED = "TRUE" } }
    assert.matches("AWS_EC2_METADATA_DISABLED is true", refused(w))
    assert.equal(0, #w.requests)
  end)

  it("is asked by version 1 only if it has no tokens and nobody forbids that", function()
    local w = world { answers = { { 404, "" }, { 200, "r" }, good() } }
    assert.equal("AKI", resolve(w).access_key_id)
    assert.is_nil(w.requests[2].headers)
    w = world { env = { AWS_EC2_METADATA_V1_DISABLED = "true" }, answers = { { 404, "" } } }
    assert.matches("version 1 is disabled", refused(w))
    w = world { answers = { { 403, "" } } }
    assert.matches("is switched off", refused(w))
    assert.equal(1, #w.requests)
  end)

  it("that could not renew its credentials has them used on", function()
    local w = world { answers = { { 200, "tok" }, { 200, "r" }, good "2023-11-14T22:00:00Z" } }
    assert.equal(now + 750, resolve(w).expiration)
  end)

  it("that answers garbage is refused, and its answers not shown", function()
    for _, answers in ipairs {
      { { 200, "hunter2\nmore" } }, { { 200, "tok" }, { 200, "<html>hunter2" } },
      { { 200, "tok" }, { 200, "../../hunter2" } }, { { 200, "tok" }, { 200, "r" }, { 200, "hunter2" } },
      { { 200, "tok" }, { 200, "r" }, { 200, '{"Code": "Success", "AccessKeyId": ["hunter2"]}' } },
      { { 200, "tok" }, { 200, "r" }, { 200, '{"Code": "AssumeRoleDenied", "Message": "hunter2"}' } },
    } do
      assert.is_nil(refused(world { answers = answers }):find "hunter2")
    end
  end)
end)
