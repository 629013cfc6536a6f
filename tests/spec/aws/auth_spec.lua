local aws = require "eksrun.aws"
local client_module = require "eksrun.aws.client"
local native = require "eksrun.native.aws"
local raised = require "tests.spec.support.raised"
local sigv4 = require "eksrun.sigv4"
local system = require "eksrun.aws.system"

local keys = { access_key_id = "AKIDEXAMPLE", secret_access_key = "secret", session_token = "a/token+" }

local function world(env)
  local w
  w = system.with {
    requests = {},
    env = function(name) return (env or {})[name] end,
    read_file = function() return nil end,
    now = function() return 1700000000 end,
    sleep = function() end,
    request = function(request)
      w.requests[#w.requests + 1] = request
      return { status = 200, headers = { ["content-type"] = "application/json" }, body = "{}" }
    end,
  }
  return w
end

local function client(service, options)
  options = options or {}
  options.system, options.region = options.system or world(), "eu-west-1"
  options.credentials = keys
  return aws.client(service, options)
end

describe("a presigned URL", function()
  it("makes a GET of a query service's operation", function()
    local url, how = client("sts"):presign("get_caller_identity", {}, {
      expires = 60, headers = { ["X-K8s-Aws-Id"] = "demo" },
    })
    assert.are.equal("GET", how.method)
    assert.are.same({ ["x-k8s-aws-id"] = "demo" }, how.headers)
    local query = url:match("^https://sts%.eu%-west%-1%.amazonaws%.com/%?(.*)$")
    assert.matches("^Action=GetCallerIdentity&Version=2011%-06%-15&", query)
    assert.matches("&X%-Amz%-Expires=60&", query)
    assert.matches("&X%-Amz%-SignedHeaders=host%%3Bx%-k8s%-aws%-id", query)
    -- The same as signing those parts by hand.
    assert.are.equal(sigv4.presign {
      method = "GET", path = "/", query = "Action=GetCallerIdentity&Version=2011-06-15",
      headers = { host = "sts.eu-west-1.amazonaws.com", ["x-k8s-aws-id"] = "demo" }, body = "",
      credentials = keys, region = "eu-west-1", service = "sts", time = 1700000000, expires = 60,
    }, query)
  end)

  it("keeps spaces of a form", function()
    local url = client("ec2"):presign("describe_vpcs",
      { Filters = { { Name = "tag:a b+c", Values = { "x" } } } })
    assert.matches("Filter.1.Name=tag%3Aa%20b%2Bc", url, 1, true)
    assert.matches("X-Amz-Expires=900", url, 1, true)
  end)

  it("makes a GET of a rest service's operation", function()
    local url, how = client("eks"):presign("describe_cluster", { name = "x" })
    assert.matches("https://eks.eu-west-1.amazonaws.com/clusters/x?X-Amz-Algorithm=AWS4-HMAC-SHA256&",
      url, 1, true)
    assert.are.same({ method = "GET", headers = {} }, how)
  end)

  it("of S3 leaves the body unsigned", function()
    local url, how = client("s3"):presign("put_object",
      { Bucket = "bucket", Key = "a key", ContentType = "text/x" })
    assert.are.equal("PUT", how.method)
    assert.are.same({ ["content-type"] = "text/x" }, how.headers)
    assert.matches("/a%20key?", url, 1, true)
    assert.is_nil(url:find("crc32", 1, true))
  end)

  it("is refused for parameters that do not fit into it, and for what is not signed", function()
    local err = raised(function() client("ssm"):presign("get_parameter", { Name = "x" }) end)
    assert.are.equal("presign", err.code)
    assert.matches("^ssm:GetParameter cannot be presigned", err.message)
    err = raised(function()
      client("eks"):presign("create_cluster", { name = "x", roleArn = "r", resourcesVpcConfig = {} })
    end)
    assert.are.equal("presign", err.code)
    err = raised(function()
      client("sso"):presign("list_accounts", { accessToken = "t" })
    end)
    assert.matches("it is not signed", err.message)
    assert.matches("expires is a number of seconds",
      raised(function() client("sts"):presign("get_caller_identity", {}, { expires = 604801 }) end))
  end)
end)

-- A service that takes nothing but bearer tokens.
local function token_service(options)
  local image = native.compile(require("eksrun.json").encode {
    metadata = {
      protocol = "rest-json", endpointPrefix = "things", serviceId = "Things", signatureVersion = "bearer",
      signingName = "some-things",
    },
    operations = {
      ListThings = { name = "ListThings", http = { method = "GET", requestUri = "/things" } },
    },
    shapes = {},
  }, "things")
  local real = native.service
  native.service = function(name) return name == "things" and native.open(image) or real(name) end
  local ok, made = pcall(client_module.new, "things", options)
  native.service = real
  assert(ok, made)
  return made
end

describe("a service that takes bearer tokens", function()
  local function call(options)
    options.region = "eu-west-1"
    options.endpoint = options.endpoint or "https://things.example.com"
    local output, err = token_service(options).try:list_things {}
    return options.system.requests[1], err, output
  end

  it("gets the environment's, or the caller's", function()
    local request = call { system = world { AWS_BEARER_TOKEN_SOME_THINGS = "token-of.the-environment" } }
    assert.are.equal("Bearer token-of.the-environment", request.headers.authorization)
    assert.is_nil(request.headers["x-amz-date"])
    request = call { system = world(), bearer_token = function() return "mine" end }
    assert.are.equal("Bearer mine", request.headers.authorization)
  end)

  it("is not called without one", function()
    local request, err = call { system = world() }
    assert.is_nil(request)
    assert.are.equal("credentials", err.kind)
    assert.matches("AWS_BEARER_TOKEN_SOME_THINGS", err.message)
    request, err = call { system = world(), bearer_token = "two\r\nlines: x" }
    assert.is_nil(request)
    assert.are.equal("credentials", err.code)
    assert.is_nil(err.message:find("lines", 1, true))
  end)

  it("does not get it unencrypted, but on this machine", function()
    local plain = "http://things.example.com"
    local request, err = call { system = world(), bearer_token = "t0ken", endpoint = plain }
    assert.is_nil(request)
    assert.matches("not sent unencrypted to things.example.com", err.message, 1, true)
    local function sent_to(endpoint)
      return (call { system = world(), bearer_token = "t0ken", endpoint = endpoint }) ~= nil
    end
    assert.is_true(sent_to "http://127.0.0.1:8000")
    assert.is_true(sent_to "http://localhost")
    assert.is_false(sent_to "http://localhost.evil.com")
    assert.is_true(sent_to "https://localhost.evil.com")
  end)
end)
