local aws = require "eksrun.aws"
local config = require "eksrun.aws.config"
local endpoint = require "eksrun.aws.endpoint"
local native = require "eksrun.native.endpoint"
local endpoint_params = require "eksrun.aws.endpoint.params"
local system = require "eksrun.aws.system"

-- A client that knows the variables of env and no files.
local function client(service, env, options)
  local all = {
    system = system.with {
      env = function(name) return (env or {})[name] end,
      read_file = function() return nil end,
      now = function() return 1700000000 end,
    },
    region = "eu-west-1",
    credentials = { access_key_id = "AKIDEXAMPLE", secret_access_key = "s", account_id = "123456789012" },
  }
  for key, value in pairs(options or {}) do all[key] = value end
  return aws.client(service, all)
end

-- URL and "region/service" of the request that a call would send.
local function target(of, operation, params)
  local request = of:dry(operation, params)
  local scope = (request.headers.authorization or ""):match "Credential=[^/]*/%d+/([^,]*)/aws4_request"
  return request.url, scope, request
end

local function refused(of, operation, params)
  local ok, err = pcall(of.dry, of, operation, params)
  assert.is_false(ok)
  return err
end

describe("endpoint", function()
  for _, case in ipairs {
    { "eks", "eu-west-1", "eks.eu-west-1.amazonaws.com", "eu-west-1" },
    { "ec2", "cn-north-1", "ec2.cn-north-1.amazonaws.com.cn", "cn-north-1" },
    { "sts", "us-gov-east-1", "sts.us-gov-east-1.amazonaws.com", "us-gov-east-1" },
    { "eks", "us-iso-west-1", "eks.us-iso-west-1.c2s.ic.gov", "us-iso-west-1" },
    { "eks", "eusc-de-east-1", "eks.eusc-de-east-1.amazonaws.eu", "eusc-de-east-1" },
    { "ecr", "eu-west-1", "api.ecr.eu-west-1.amazonaws.com", "eu-west-1" },
    { "eks-auth", "eu-west-1", "eks-auth.eu-west-1.api.aws", "eu-west-1" },
    { "iam", "eu-west-1", "iam.amazonaws.com", "us-east-1" },
    { "iam", "cn-northwest-1", "iam.cn-north-1.amazonaws.com.cn", "cn-north-1" },
    { "iam", "us-gov-east-1", "iam.us-gov.amazonaws.com", "us-gov-west-1" },
    { "route53", "ap-south-1", "route53.amazonaws.com", "us-east-1" },
    { "eks", "xx-new-1", "eks.xx-new-1.amazonaws.com", "xx-new-1" },
  } do
    it(("finds %s in %s"):format(case[1], case[2]), function()
      local found = assert(native.rules(case[1]):resolve { Region = case[2] })
      assert.are.equal("https://" .. case[3], found.url)
      local scheme = (found.properties.authSchemes or {})[1]
      assert.are.equal(case[4], scheme and scheme.signingRegion or case[2])
    end)
  end

  it("says what the rules refuse", function()
    local found, err = native.rules("eks"):resolve {
      Region = "cn-north-1", Endpoint = "https://x", UseFIPS = true,
    }
    assert.is_nil(found)
    assert.are.equal("endpoint", err.code)
    assert.are.equal("Invalid Configuration: FIPS and custom endpoint are not supported", err.message)
  end)

  it("follows the pattern for a service without rules", function()
    assert.is_nil(native.rules "unheard-of")
    local rules = endpoint_params.new_client("unheard-of", "cn-north-1").rules
    assert.are.equal("https://unheard-of.cn-north-1.amazonaws.com.cn",
      rules:resolve { Region = "cn-north-1" }.url)
  end)

  it("takes only what can be a host name for a region", function()
    for _, good in ipairs { "us-east-1", "eusc-de-east-1", "local" } do
      assert.is_true(config.is_region(good))
    end
    for _, bad in ipairs {
      "", "us-east-1.evil.com", "us_east_1", "US-EAST-1", "-x", "x-", "a/b", "a\nb", 1, ("a"):rep(64),
    } do
      assert.is_false(config.is_region(bad))
    end
  end)

  it("splits a URL", function()
    assert.are.same({
      url = "http://127.0.0.1:5000/base", base = "http://127.0.0.1:5000", host = "127.0.0.1:5000",
      path = "/base",
    }, endpoint.parse "http://127.0.0.1:5000/base/")
    assert.are.equal("[::1]:80", endpoint.parse("https://[::1]:80").host)
    assert.are.equal("x.example", endpoint.parse("https://x.example:443").host)
  end)

  it("refuses what is no URL, without showing a password in it", function()
    for _, url in ipairs {
      "localhost:5000", "ftp://x", "http://", "http://x:99999", "http://a b", "http://x?y",
    } do
      local found, err = endpoint.parse(url)
      assert.is_nil(found)
      assert.are.equal("config", err.code)
    end
    local _, err = endpoint.parse "http://user:secret@x"
    assert.is_nil(tostring(err):find("secret", 1, true))
    assert.matches("endpoint 'http://****@x' is not a URL", tostring(err), 1, true) -- and that it has them
  end)
end)

describe("a call's endpoint", function()
  it("is where the settings say", function()
    for _, case in ipairs {
      { { AWS_USE_FIPS_ENDPOINT = "true" }, "us-east-1", "https://sts-fips.us-east-1.amazonaws.com/" },
      { { AWS_USE_DUALSTACK_ENDPOINT = "true" }, "us-east-1", "https://sts.us-east-1.api.aws/" },
      { { AWS_STS_REGIONAL_ENDPOINTS = "legacy" }, "eu-west-1", "https://sts.amazonaws.com/" },
      { {}, "us-east-1-fips", "https://sts-fips.us-east-1.amazonaws.com/" },
      { {}, "fips-us-east-1", "https://sts-fips.us-east-1.amazonaws.com/" },
      { { AWS_ENDPOINT_URL_STS = "http://localhost:1/x", AWS_USE_FIPS_ENDPOINT = "true" }, "us-east-1",
        "http://localhost:1/x/" },
    } do
      local url, scope = target(client("sts", case[1], { region = case[2] }), "get_caller_identity")
      assert.are.same({ case[3], "us-east-1/sts" }, { url, scope })
    end
  end)

  it("is in the region itself, whatever the region was called", function()
    assert.are.equal("us-east-1", client("sts", {}, { region = "fips-us-east-1" }):region())
  end)

  it("is signed for like AWS's own where the user gives one", function()
    local url, scope = target(client("iam", { AWS_ENDPOINT_URL = "http://localhost:5000" }), "list_roles")
    assert.are.same({ "http://localhost:5000/", "us-east-1/iam" }, { url, scope })
  end)

  it("has the bucket in its host, or in its path, once", function()
    for _, case in ipairs {
      { {}, "my-bucket", "https://my-bucket.s3.eu-west-1.amazonaws.com/a%20b/c" },
      { {}, "my_bucket.x", "https://s3.eu-west-1.amazonaws.com/my_bucket.x/a%20b/c" },
      { { AWS_ENDPOINT_URL = "http://127.0.0.1:5000" }, "my-bucket",
        "http://127.0.0.1:5000/my-bucket/a%20b/c" },
      { { AWS_ENDPOINT_URL = "http://localhost:5000/base" }, "my-bucket",
        "http://localhost:5000/base/my-bucket/a%20b/c" },
      { { AWS_USE_DUALSTACK_ENDPOINT = "true" }, "my-bucket",
        "https://my-bucket.s3.dualstack.eu-west-1.amazonaws.com/a%20b/c" },
      { {}, "arn:aws:s3:us-west-2:123456789012:accesspoint:reports",
        "https://reports-123456789012.s3-accesspoint.us-west-2.amazonaws.com/a%20b/c" },
    } do
      local url = target(client("s3", case[1]), "get_object", { Bucket = case[2], Key = "a b/c" })
      assert.are.equal(case[3], url)
    end
    assert.are.equal("https://my-bucket.s3.eu-west-1.amazonaws.com/?cors",
      (target(client "s3", "get_bucket_cors", { Bucket = "my-bucket" })))
    assert.are.equal("http://localhost:5000/my-bucket?cors",
      (target(client("s3", { AWS_ENDPOINT_URL = "http://localhost:5000" }), "get_bucket_cors",
        { Bucket = "my-bucket" })))
    assert.are.equal("https://s3.eu-west-1.amazonaws.com/my-bucket?location",
      (target(client "s3", "get_bucket_location", { Bucket = "my-bucket" })))
  end)

  it("decides region and algorithm of the signature", function()
    local _, scope = target(client "s3", "get_object",
      { Bucket = "arn:aws:s3:us-west-2:123456789012:accesspoint:reports", Key = "k" })
    assert.are.equal("us-west-2/s3", scope)
    local _, _, request = target(client "s3", "get_object",
      { Bucket = "arn:aws:s3::123456789012:accesspoint:mfzwi23gnjvgw.mrap", Key = "k" })
    assert.are.equal("mfzwi23gnjvgw.mrap.accesspoint.s3-global.amazonaws.com", request.headers.host)
    assert.matches("^AWS4%-ECDSA%-P256%-SHA256 ", request.headers.authorization)
    assert.are.equal("*", request.headers["x-amz-region-set"])
    local events = client("events", { AWS_SIGV4A_SIGNING_REGION_SET = "us-east-1,eu-west-1" })
    _, _, request = target(events, "put_events", { EndpointId = "abc.def", Entries = { {} } })
    assert.are.equal("us-east-1,eu-west-1", request.headers["x-amz-region-set"])
    _, scope = target(client "s3", "get_object", { Bucket = "bkt--euw1-az1--x-s3", Key = "k" })
    assert.are.equal("eu-west-1/s3express", scope)
  end)

  it("names the account where the credentials or the parameters do", function()
    local dynamodb = client "dynamodb"
    assert.are.equal("https://123456789012.ddb.eu-west-1.amazonaws.com/", (target(dynamodb, "list_tables")))
    local table_of = "arn:aws:dynamodb:eu-west-1:%s:table/t"
    assert.are.equal("https://222222222222.ddb.eu-west-1.amazonaws.com/",
      (target(dynamodb, "describe_table", { TableName = table_of:format "222222222222" })))
    local get = { TableName = table_of:format "333333333333", Key = { id = { S = "1" } } }
    assert.are.equal("https://333333333333.ddb.eu-west-1.amazonaws.com/",
      (target(dynamodb, "transact_get_items", { TransactItems = { { Get = get } } })))
    assert.are.equal("https://dynamodb.eu-west-1.amazonaws.com/",
      (target(client("dynamodb", { AWS_ACCOUNT_ID_ENDPOINT_MODE = "disabled" }), "list_tables")))
  end)

  it("is another one for other parameters of the same operation", function()
    local s3 = client "s3"
    for i = 1, 600 do
      local bucket = "bucket-" .. i
      assert.are.equal(("https://%s.s3.eu-west-1.amazonaws.com/k"):format(bucket),
        (target(s3, "get_object", { Bucket = bucket, Key = "k" })))
    end
    assert.are.equal("https://bucket-1.s3.eu-west-1.amazonaws.com/k",
      (target(s3, "get_object", { Bucket = "bucket-1", Key = "k" })))
  end)

  it("has the prefix of the operation, not where it is the user's", function()
    local params = { logGroupIdentifiers = { "arn:aws:logs:eu-west-1:1:log-group:x" } }
    assert.are.equal("https://stream-logs.eu-west-1.amazonaws.com/",
      (target(client "logs", "start_live_tail", params)))
    assert.are.equal("https://logs.eu-west-1.amazonaws.com/",
      (target(client("logs", { AWS_DISABLE_HOST_PREFIX_INJECTION = "true" }), "start_live_tail", params)))
    assert.are.equal("http://localhost:1/",
      (target(client("logs", { AWS_ENDPOINT_URL = "http://localhost:1" }), "start_live_tail", params)))
  end)

  it("is refused with the rules' words", function()
    local err = refused(client "s3", "create_bucket",
      { Bucket = "arn:aws:s3:us-west-2:123456789012:accesspoint:reports" })
    assert.are.equal("endpoint", err.code)
    assert.are.equal("s3: Access points are not supported for this operation", tostring(err))
  end)

  it("is refused with the setting that is wrong", function()
    local err = refused(client("sts", { AWS_USE_FIPS_ENDPOINT = "yes" }), "get_caller_identity")
    assert.are.equal("config", err.code)
    assert.matches("use_fips_endpoint 'yes'", tostring(err), 1, true)
  end)

  it("is refused where the rules make texts without bounds", function()
    local conditions, last = {}, "Region"
    for i = 1, 12 do
      local argument = ("{" .. last .. "}"):rep(32)
      conditions[i] = ('{"fn":"uriEncode","argv":["%s"],"assign":"v%d"}'):format(argument, i)
      last = "v" .. i
    end
    local rules = native.open(native.compile(([[{"version":"1.0",
      "parameters":{"Region":{"type":"String","required":true}},
      "rules":[{"type":"endpoint","conditions":[%s],"endpoint":{"url":"https://{Region}"}}]}]])
      :format(table.concat(conditions, ","))))
    local resolved, err = rules:resolve { Region = "eu-west-1" }
    assert.is_nil(resolved)
    assert.are.equal("the endpoint rules are too much work", err.message)
  end)
end)
