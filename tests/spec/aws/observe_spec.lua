local aws = require "eksrun.aws"
local debug_log = require "eksrun.aws.debug_log"
local errors = require "eksrun.aws.errors"
local observe = require "eksrun.aws.observe"
local stats = require "eksrun.aws.stats"
local system = require "eksrun.aws.system"

local keys = {
  access_key_id = "AKIDCANARY0123456789",
  secret_access_key = "canary/secret+key",
  session_token = "canary//session+token==",
}

local function world(answers)
  local w
  w = system.with {
    time = 1700000000,
    requests = {},
    env = function() return nil end,
    read_file = function() return nil end,
    now = function() return w.time end,
    sleep = function(seconds) w.time = w.time + seconds end,
    random = function() return 1 end,
    request = function(request)
      w.requests[#w.requests + 1] = request
      local answer = table.remove(answers, 1)
      if type(answer) == "function" then answer = answer(request) end
      if answer.code then return nil, errors.new(answer) end
      return { status = answer[1], headers = answer[2], body = answer[3],
        timing = { dns = 0.004, connect = 0.01, tls = 0.03, first_byte = 0.2, total = 0.25,
          reused = #w.requests > 1 } }
    end,
  }
  return w
end

local function client(service, w)
  return aws.client(service, { system = w, region = "eu-west-1", credentials = keys })
end

-- What --debug shows of f.
local function log(f)
  local lines = {}
  local observer = debug_log.new(function(line) lines[#lines + 1] = line end)
  observe.add(observer)
  local ok, err = pcall(f)
  observe.remove(observer)
  assert(ok, err)
  return table.concat(lines)
end

local function has_no(text, secret)
  for _, form in ipairs { secret, require("eksrun.text").percent_encode(secret),
    require("eksrun.text").base64(secret) } do
    assert.is_nil(text:find(form, 1, true), "shown: " .. form)
  end
end

local function has_no_keys(text)
  for _, secret in pairs(keys) do has_no(text, secret) end
end

local json11 = { ["content-type"] = "application/x-amz-json-1.1" }

describe("the debug log", function()
  it("shows requests, answers, attempts and times, and no keys", function()
    local w = world {
      { 503, { ["content-type"] = "application/json", ["x-amzn-errortype"] = "ServiceUnavailable" }, "{}" },
      { 200, { ["content-type"] = "application/json" }, '{"cluster": {"name": "x", "status": "ACTIVE"}}' },
    }
    local text = log(function() client("eks", w):describe_cluster { name = "x" } end)
    assert.matches("[1.1]   credentials AKID... from the caller\n[1.1] > GET", text, 1, true)
    assert.equal(1, select(2, text:gsub("from the caller", "")))
    local two = log(function()
      for _ = 1, 2 do client("eks", world { { 200, json11, '{"clusters": []}' } }):list_clusters {} end
    end)
    assert.equal(1, select(2, two:gsub("from the caller", ""))) -- of all clients
    assert.matches("[1.1] > GET https://eks.eu-west-1.amazonaws.com/clusters/x "
      .. "(eks:DescribeCluster, attempt 1 of 3)", text, 1, true)
    assert.matches("[1.1] < 503 in 0.250 s: address 0.004, connected 0.010, TLS 0.030, first byte 0.200",
      text, 1, true)
    assert.matches("[1.1]   waiting 1.000 s (before a retry)", text, 1, true)
    assert.matches("[1.2] > GET https://", text, 1, true)
    assert.matches("[1.2] < 200 in 0.250 s: open connection, first byte 0.200", text, 1, true)
    assert.matches('[1.2] < {"cluster":{', text, 1, true)
    assert.matches('[1.1] > {"name":"x"}', text, 1, true)
    assert.matches("Credential=AKID.../20231114/eu-west-1/eks/aws4_request", text, 1, true)
    local signature = w.requests[1].headers.authorization:match("Signature=(%x+)")
    has_no(text, signature)
    has_no_keys(text)
  end)

  it("leaves out what the model calls sensitive, sent and received", function()
    local text = log(function()
      client("secretsmanager", world { { 200, json11, '{"Name": "db"}' } })
        :create_secret { Name = "db", SecretString = "canary-secret-string" }
      client("secretsmanager", world { { 200, json11, '{"Name": "db", "SecretString": "canary-received"}' } })
        :get_secret_value { SecretId = "db" }
      client("kms", world { { 200, json11, '{"KeyId": "k", "Plaintext": "Y2FuYXJ5LXBsYWludGV4dA=="}' } })
        :decrypt { CiphertextBlob = "c" }
      client("ssm", world { { 200, json11, '{"Parameter": {"Name": "p", "Value": "canary-parameter"}}' } })
        :get_parameter { Name = "p", WithDecryption = true }
    end)
    for _, secret in ipairs { "secret-string", "received", "plaintext", "parameter" } do
      has_no(text, "canary-" .. secret)
    end
    assert.matches('"SecretString":"<redacted>"', text, 1, true)
    assert.matches('"Name":"db"', text, 1, true)
  end)

  it("leaves out the credentials that STS gives", function()
    local text = log(function()
      client("sts", world { { 200, { ["content-type"] = "text/xml" }, [[<AssumeRoleResponse><AssumeRoleResult>
        <Credentials><AccessKeyId>AKIDROLE0</AccessKeyId><SecretAccessKey>canary-role-secret</SecretAccessKey>
        <SessionToken>canary-role-token</SessionToken><Expiration>2033-01-01T00:00:00Z</Expiration>
        </Credentials></AssumeRoleResult></AssumeRoleResponse>]] } })
        :assume_role {
          RoleArn = "arn:aws:iam::123456789012:role/r", RoleSessionName = "me", TokenCode = "123456",
        }
    end)
    has_no(text, "canary-role-secret")
    has_no(text, "canary-role-token")
    assert.matches('"AccessKeyId":"AKID..."', text, 1, true)
    has_no(text, "123456\"")
  end)

  it("leaves out a token in a header, and what a server sends back of it", function()
    local text = log(function()
      client("sso", world { function(request)
        assert.are.equal("canary-access-token", request.headers["x-amz-sso_bearer_token"])
        return { 401, { ["x-amzn-errortype"] = "UnauthorizedException", ["x-echo"] = "canary-access-token" },
          '{"message": "canary-access-token is not valid"}' }
      end }).try:get_role_credentials { accountId = "1", roleName = "r", accessToken = "canary-access-token" }
    end)
    has_no(text, "canary-access-token")
    assert.matches("UnauthorizedException", text, 1, true)
  end)

  it("says why a call goes out again at once, which is no attempt more", function()
    local date = "Tue, 14 Nov 2023 23:13:20 GMT"
    local denied = { ["x-amzn-errortype"] = "InvalidSignatureException", date = date }
    local text = log(function()
      client("eks", world {
        { 403, denied, "{}" }, { 200, { ["content-type"] = "application/json" }, '{"cluster": {}}' },
      }):describe_cluster { name = "x" }
    end)
    require("eksrun.aws.clock_skew").forget()
    assert.matches("[1.1]   again at once, by the clock of its host\n[1.2] > GET", text, 1, true)
    assert.matches("attempt 1 of 3%).*attempt 1 of 3%)", text)
  end)

  it("numbers a call that has waited before its first request, and says that it has", function()
    local text = log(function()
      local eks = client("eks", world {
        { 429, { ["x-amzn-errortype"] = "TooManyRequestsException" }, "{}" },
        { 200, { ["content-type"] = "application/json" }, '{"cluster": {}}' },
        { 200, { ["content-type"] = "application/json" }, '{"cluster": {}}' },
      })
      eks:describe_cluster { name = "x" }
      eks:describe_cluster { name = "x" }
    end)
    assert.matches("%[2%.0%]   waited 0%.5%d+ s %(limit on requests%)\n%[2%.1%] > GET", text)
  end)

  it("shows of an object's bytes how many they are", function()
    local text = log(function()
      local s3 = client("s3", world {
        { 200, {}, "" }, { 200, {}, "" }, { 200, { ["content-length"] = "12" }, "canary-bytes" },
      })
      s3:put_object { Bucket = "bucket", Key = "k", Body = "canary-bytes" }
      s3:put_object { Bucket = "bucket", Key = "k", Body = { path = "/proc/self/comm", length = 0 } }
      s3:get_object { Bucket = "bucket", Key = "k" }
    end)
    assert.is_nil(text:find("canary-bytes", 1, true))
    assert.equal(2, select(2, text:gsub('"Body":"<12 bytes>"', "")))
    assert.equal(1, select(2, text:gsub('"Body":"<0 bytes>"', "")))
  end)

  it("leaves out what a server sends back of a secret, whatever it made of it", function()
    local secret = [[canary "quoted" / <ä> & back\slash]]
    local function echo(f)
      return log(function()
        client("secretsmanager", world { { 400, json11, require("eksrun.json").encode {
          __type = "ValidationException", message = "you sent " .. f(secret),
        } } }).try:create_secret { Name = "db", SecretString = secret }
      end)
    end
    local text = require "eksrun.text"
    local forms = {
      function(s) return s end,
      text.percent_encode,
      function(s) return (text.percent_encode(s):gsub("%%20", "+")) end,
      text.base64,
      function(s) return require("eksrun.json").encode(s) end,
      function(s) return (require("eksrun.json").encode(s):gsub("/", "\\/")) end,
      function(s) return (require("eksrun.json").encode(s):gsub("ä", "\\u00e4")) end,
      function(s) return (s:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub(">", "&gt;"):gsub('"', "&quot;")) end,
    }
    for i, form in ipairs(forms) do
      local shown = echo(form)
      assert.matches("you sent \"?<redacted>", shown)
      assert.is_nil(shown:find("canary", 1, true), i .. ": " .. shown)
    end
  end)

  it("leaves nothing of a secret that another begins", function()
    local call = { secrets = { ["canary-1234"] = true, ["canary-1234-and-more"] = true } }
    assert.equal("<redacted> <redacted>",
      require("eksrun.aws.redact").scrub(call, "canary-1234-and-more canary-1234"))
  end)

  it("leaves out what lies deep in a shape that contains itself, and keeps lists lists", function()
    local shape = { type = "structure", shape = "Node", members = {
      { name = "secret", type = "string", shape = "S", sensitive = true },
      { name = "names", type = "list", shape = "L", element = { type = "string", shape = "T" } },
      { name = "next", type = "structure", shape = "Node", recursive = true },
    } }
    local secrets = {}
    local array = require("eksrun.json").array
    local shown = require("eksrun.aws.redact").value(
      { next = { next = { secret = "canary-deep", names = array {} } } }, shape, secrets)
    assert.are.equal("<redacted>", shown.next.next.secret)
    assert.is_true(secrets["canary-deep"])
    assert.are.equal('{"next":{"next":{"names":[],"secret":"<redacted>"}}}',
      require("eksrun.json").encode(shown, { sort = true }))
  end)

  it("makes control characters visible", function()
    local text = log(function()
      client("eks", world { { 404, { ["content-type"] = "application/json", ["x-odd"] = "a\27[2Jb" },
        '{"message": "\\u001b[31mred"}' } }).try:describe_cluster { name = "x" }
    end)
    assert.is_nil(text:find("\27", 1, true))
  end)
end)

describe("the counters", function()
  it("give times of what was answered only", function()
    local counters = stats.new()
    observe.add(counters)
    local down = { code = "network", message = "connection refused", retryable = true }
    local _ = client("eks", world { down, down, down }).try:describe_cluster { name = "x" }
    local answer = { 200, { ["content-type"] = "application/json" }, '{"clusters": []}' }
    client("eks", world { down, answer }):list_clusters {}
    observe.remove(counters)
    assert.matches("     3  eks:DescribeCluster, 1 failed\n", stats.format(counters), 1, true)
    assert.matches("     2  eks:ListClusters, 0.250 s each\n", stats.format(counters), 1, true)
  end)

  it("count the bytes of files that are sent, and of streams", function()
    local counters = stats.new()
    observe.add(counters)
    local s3 = client("s3", world { { 200, {}, "" }, { 200, { ["content-length"] = "7" }, {} } })
    local _ = s3.try:put_object { Bucket = "bucket", Key = "k", Body = { path = "/etc/hostname" } }
    s3:get_object({ Bucket = "bucket", Key = "k" }, { stream = true })
    observe.remove(counters)
    assert.equal(require("eksrun.file").stat("/etc/hostname").size, counters.sent)
    assert.equal(7, counters.received)
  end)

  it("count calls, requests, retries, throttles, bytes and connections by operation", function()
    local counters = stats.new()
    observe.add(counters)
    local body = '{"cluster": {"name": "x"}}'
    local headers = { ["content-type"] = "application/json" }
    local eks = client("eks", world {
      { 429, { ["x-amzn-errortype"] = "TooManyRequestsException" }, "{}" },
      { 200, headers, body },
      { 404, { ["x-amzn-errortype"] = "ResourceNotFoundException" }, "{}" },
    })
    eks:describe_cluster { name = "x" }
    local _ = eks.try:describe_cluster { name = "y" }
    observe.remove(counters)
    assert.are.same({ 2, 3, 1, 1, 1, 1, #body + 4 }, {
      counters.calls, counters.requests, counters.retries, counters.throttled, counters.failed,
      counters.connections, counters.received,
    })
    -- A second before the retry, half of one before the next call of the API.
    assert.are.equal(1.5, counters.waited)
    assert.are.equal([[
AWS: 2 calls, 3 requests (1 retried, 1 throttled), 1 failed
     0 B sent, 30 B received, 1 connection, 1.500 s waited
     3  eks:DescribeCluster, 0.250 s each, 1 failed
]], stats.format(counters))
  end)
end)
