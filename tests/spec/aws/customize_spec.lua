local aws = require "eksrun.aws"
local checksum = require "eksrun.checksum"
local errors = require "eksrun.aws.errors"
local system = require "eksrun.aws.system"
local text = require "eksrun.text"

-- A client of a service that gives the answers in turn ({status, headers, body}, or an error of
-- http); and what it was asked.
local function client(service, answers, env)
  local requests = {}
  local world = system.with {
    env = function(name) return (env or {})[name] end,
    read_file = function() return nil end,
    now = function() return 1700000000 end,
    sleep = function() end,
    request = function(request)
      requests[#requests + 1] = request
      local answer = #answers > 1 and table.remove(answers, 1) or answers[1]
      if answer.code then return nil, errors.new(answer) end
      return { status = answer[1], headers = answer[2], body = answer[3] }
    end,
  }
  local keys = { access_key_id = "AKIDEXAMPLE", secret_access_key = "secret" }
  return aws.client(service, { system = world, region = "eu-west-1", credentials = keys }), requests
end

local function xml(body, headers) return { 200, headers or {}, body } end
local function ec2(name, body) return xml(("<%sResponse>%s</%sResponse>"):format(name, body or "", name)) end
local ok = { 200, {}, "" }

local function parameter(request, name)
  local value = ("&" .. request.body):match("&" .. name:gsub("%p", "%%%0") .. "=([^&]*)")
  return value and text.percent_decode((value:gsub("+", " ")))
end

local function refused(f, ...)
  local fine, err = pcall(f, ...)
  assert.is_false(fine)
  return err
end

describe("customisations of values", function()
  it("send user data as base64 where AWS wants it so, and nowhere else", function()
    local c, requests = client("ec2", { ec2 "RunInstances" })
    c:run_instances { MinCount = 1, MaxCount = 1, UserData = "#!/bin/sh\0\xff" }
    assert.equal(text.base64 "#!/bin/sh\0\xff", parameter(requests[1], "UserData"))
    c:create_launch_template { LaunchTemplateName = "t", LaunchTemplateData = { UserData = "YQ==" } }
    assert.equal("YQ==", parameter(requests[2], "LaunchTemplateData.UserData"))
    c, requests = client("autoscaling", { xml "<CreateLaunchConfigurationResponse/>" })
    c:create_launch_configuration { LaunchConfigurationName = "n", UserData = "a" }
    assert.equal("YQ==", parameter(requests[1], "UserData"))
  end)

  it("leave the caller's table as it is", function()
    local c = client("ec2", { ec2 "RunInstances" })
    local params = { MinCount = 1, MaxCount = 1, UserData = "a" }
    c:run_instances(params)
    assert.same({ MinCount = 1, MaxCount = 1, UserData = "a" }, params)
  end)

  it("read a console's output", function()
    local c = client("ec2", { ec2("GetConsoleOutput", "<output>aGVs\nbG8=</output>") })
    assert.equal("hello", c:get_console_output { InstanceId = "i-1" }.Output)
    c = client("ec2", { ec2("GetConsoleOutput", "<output>not base64!</output>") })
    assert.equal("not base64!", c:get_console_output { InstanceId = "i-1" }.Output)
  end)

  it("take Filters for Filter where EC2 has the one only", function()
    local c, requests = client("ec2", { ec2 "DescribeNatGateways" })
    c:describe_nat_gateways { Filters = { { Name = "vpc-id", Values = { "v" } } } }
    assert.equal("vpc-id", parameter(requests[1], "Filter.1.Name"))
    c:describe_vpcs { Filters = { { Name = "cidr", Values = { "c" } } } }
    assert.equal("cidr", parameter(requests[2], "Filter.1.Name"))
    local err = refused(c.describe_vpcs, c, { Filter = { { Name = "cidr" } } })
    assert.matches("Filter is unknown", err.message)
  end)

  it("send the last segment of Route 53's identifiers", function()
    local c, requests = client("route53", { xml "<GetHostedZoneResponse/>" })
    c:get_hosted_zone { Id = "/hostedzone/Z1" }
    assert.matches("/2013%-04%-01/hostedzone/Z1$", requests[1].url)
    c:get_hosted_zone { Id = "Z2" }
    assert.matches("/hostedzone/Z2$", requests[2].url)
  end)

  it("read IAM's policy documents, however deep", function()
    local document = text.percent_encode '{"Version":"2012-10-17","Statement":[]}'
    local c = client("iam", { xml(([[<GetAccountAuthorizationDetailsResponse>
      <GetAccountAuthorizationDetailsResult><Policies><member><PolicyVersionList>
      <member><Document>%s</Document></member>
      <member><Document>%%zz</Document></member></PolicyVersionList></member></Policies>
      </GetAccountAuthorizationDetailsResult></GetAccountAuthorizationDetailsResponse>]]):format(document)) })
    local versions = c:get_account_authorization_details({}).Policies[1].PolicyVersionList
    assert.equal("2012-10-17", versions[1].Document.Version)
    assert.equal("%zz", versions[2].Document)
  end)

  it("read templates that are JSON", function()
    local function get(body)
      local c = client("cloudformation", { xml(([[<GetTemplateResponse><GetTemplateResult>
        <TemplateBody>%s</TemplateBody></GetTemplateResult></GetTemplateResponse>]]):format(body)) })
      return c:get_template({ StackName = "s" }).TemplateBody
    end
    assert.same({ Resources = {} }, get '{"Resources": {}}')
    assert.equal("Resources: {}", get "Resources: {}")
  end)

  it("say what OAuth says", function()
    local c = client("sso-oidc", {
      { 400, {}, '{"error":"invalid_grant","error_description":"Invalid device code"}' },
    })
    local _, err = c.try:create_token { clientId = "c", clientSecret = "s", grantType = "g" }
    assert.matches("Invalid device code", err.message)
  end)

  it("presign the source of a copied snapshot", function()
    local c, requests = client("ec2", { ec2 "CopySnapshot" })
    c:copy_snapshot { SourceRegion = "us-east-2", SourceSnapshotId = "snap-1" }
    local url = parameter(requests[1], "PresignedUrl")
    assert.matches("^https://ec2%.us%-east%-2%.amazonaws%.com/%?Action=CopySnapshot&", url)
    assert.matches("&DestinationRegion=eu%-west%-1&", url)
    assert.matches("%%2Fus%-east%-2%%2Fec2%%2Faws4_request", url)
    assert.matches("X%-Amz%-Signature=%x+$", url)
    assert.equal("eu-west-1", parameter(requests[1], "DestinationRegion"))
    c:copy_snapshot { SourceRegion = "us-east-2", SourceSnapshotId = "snap-1", PresignedUrl = "https://x" }
    assert.equal("https://x", parameter(requests[2], "PresignedUrl"))
  end)
end)

describe("customisations of S3", function()
  it("refuse what cannot be a bucket", function()
    local c, requests = client("s3", { ok })
    for _, name in ipairs { "a/b", "a b", "", "arn:aws:s3:::bucket", ("x"):rep(256), "a?b" } do
      local _, err = c.try:head_bucket { Bucket = name }
      assert.equal("validation", err.code)
      assert.matches("Bucket", err.message)
    end
    assert.equal(0, #requests)
  end)

  it("ask for encoded keys and decode them", function()
    local body = [[<ListBucketResult><EncodingType>url</EncodingType><Prefix>a%2Fb+</Prefix>
      <Contents><Key>a%2Fb%01+c</Key></Contents>
      <CommonPrefixes><Prefix>p%2F</Prefix></CommonPrefixes></ListBucketResult>]]
    local c, requests = client("s3", { xml(body) })
    local output = c:list_objects_v2 { Bucket = "b" }
    assert.matches("encoding%-type=url", requests[1].url)
    assert.equal("a/b\1 c", output.Contents[1].Key)
    assert.equal("a/b ", output.Prefix)
    assert.equal("p/", output.CommonPrefixes[1].Prefix)
    output = c:list_objects_v2 { Bucket = "b", EncodingType = "url" }
    assert.equal("a%2Fb%01+c", output.Contents[1].Key)
  end)

  it("read a bucket's location", function()
    local head = '<?xml version="1.0"?>\n'
    local c = client("s3", { xml(head .. '<LocationConstraint xmlns="u">eu-west-1</LocationConstraint>') })
    assert.equal("eu-west-1", c:get_bucket_location({ Bucket = "b" }).LocationConstraint)
    c = client("s3", { xml '<LocationConstraint xmlns="u"/>' })
    assert.is_nil(c:get_bucket_location({ Bucket = "b" }).LocationConstraint)
  end)

  it("send a customer's key with its sum", function()
    local c, requests = client("s3", { ok })
    local key = ("k"):rep(31) .. "\xff"
    c:get_object { Bucket = "b", Key = "k", SSECustomerAlgorithm = "AES256", SSECustomerKey = key }
    local headers = requests[1].headers
    assert.equal(text.base64(key), headers["x-amz-server-side-encryption-customer-key"])
    assert.equal(text.base64(checksum.digest("md5", key)),
      headers["x-amz-server-side-encryption-customer-key-md5"])
    c:get_object { Bucket = "b", Key = "k", SSECustomerKey = "as it is", SSECustomerKeyMD5 = "m" }
    assert.equal("as it is", requests[2].headers["x-amz-server-side-encryption-customer-key"])
  end)

  it("encode the source of a copy", function()
    local c, requests = client("s3", { xml "<CopyObjectResult/>" })
    local function source(value)
      c:copy_object { Bucket = "b", Key = "k", CopySource = value }
      return requests[#requests].headers["x-amz-copy-source"]
    end
    assert.equal("b/a%20b%2Bc/%C3%A4", source "b/a b+c/ä")
    assert.equal("b/k%3F?versionId=v", source "b/k??versionId=v")
    assert.equal("b/k?versionId=v", source { Bucket = "b", Key = "k", VersionId = "v" })
    assert.equal("b/k%3FversionId%3Dx", source { Bucket = "b", Key = "k?versionId=x" })
    local arn = "arn:aws:s3:eu-west-1:123456789012:accesspoint/ap"
    assert.equal(text.percent_encode(arn .. "/object/k", true), source { Bucket = arn, Key = "k" })
    local _, err = c.try:copy_object { Bucket = "b", Key = "k", CopySource = { Bucket = "b" } }
    assert.matches("CopySource.Key is required", err.message)
  end)

  it("refuse metadata that headers cannot carry", function()
    local c = client("s3", { ok })
    local _, err = c.try:put_object { Bucket = "b", Key = "k", Metadata = { name = "ä" } }
    assert.matches("Metadata.name must be ASCII", err.message)
  end)

  it("keep an Expires that is no time", function()
    local c = client("s3", { { 200, { expires = "never" }, "" } })
    local output = c:get_object { Bucket = "b", Key = "k" }
    assert.equal("never", output.ExpiresString)
    assert.is_nil(output.Expires)
    c = client("s3", { { 200, { expires = "Tue, 14 Nov 2023 22:13:20 GMT" }, "" } })
    output = c:get_object { Bucket = "b", Key = "k" }
    assert.equal(1700000000, output.Expires)
    assert.equal("Tue, 14 Nov 2023 22:13:20 GMT", output.ExpiresString)
  end)

  it("take an error in a success, and a success cut short, for a failure worth another try", function()
    local whole = "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>"
    for _, bad in ipairs {
      '<?xml version="1.0"?>\n<Error><Code>InternalError</Code><Message>m</Message></Error>',
      whole:sub(1, 20), whole:sub(1, -2), "   ", '<?xml version="1.0"?>',
    } do
      local c, requests = client("s3", { xml(bad), xml(whole) })
      local output = c:copy_object { Bucket = "b", Key = "k", CopySource = "b/k" }
      assert.equal("e", output.CopyObjectResult.ETag)
      assert.equal(2, #requests)
    end
    local c = client("s3", { xml "<Error><Code>InternalError</Code><Message>m</Message></Error>" })
    local _, err = c.try:copy_object { Bucket = "b", Key = "k", CopySource = "b/k" }
    assert.equal("InternalError", err.code)
  end)

  it("take an object's bytes for what they are", function()
    local c = client("s3", { xml "<Error><Code>not ours</Code></Error>" })
    assert.equal("<Error><Code>not ours</Code></Error>", c:get_object({ Bucket = "b", Key = "k" }).Body)
  end)
end)

describe("checksums", function()
  local function headers_of(params, env, operation)
    local c, requests = client("s3", { ok }, env)
    params.Bucket = "b"
    c[operation or "put_object"](c, params)
    return requests[1].headers, requests[1]
  end

  it("go with what is sent", function()
    local headers = headers_of { Key = "k", Body = "123456789" }
    assert.equal("y/Q5Jg==", headers["x-amz-checksum-crc32"])
    assert.equal("CRC32", headers["x-amz-sdk-checksum-algorithm"])
    assert.equal("UNSIGNED-PAYLOAD", headers["x-amz-content-sha256"])
    assert.matches("x%-amz%-checksum%-crc32;", headers.authorization)
  end)

  it("are those that the caller chooses", function()
    local known = {
      CRC32C = "4waSgw==", CRC64NVME = "rosUhgp5mIg=", SHA1 = "98O8HYCOBHMq32eZZczDTKeuNEE=",
      XXHASH64 = "jLhB20DmroM=", XXHASH3 = "ctyxi2ehff8=", XXHASH128 = "MxGUd+3l3NXpcWQnaB1YYA==",
    }
    for name, value in pairs(known) do
      local headers = headers_of { Key = "k", Body = "123456789", ChecksumAlgorithm = name }
      assert.equal(value, headers["x-amz-checksum-" .. name:lower()])
      assert.equal(name, headers["x-amz-sdk-checksum-algorithm"])
    end
    local headers = headers_of { Key = "k", Body = "x", ChecksumSHA256 = "given" }
    assert.equal("given", headers["x-amz-checksum-sha256"])
    assert.is_nil(headers["x-amz-checksum-crc32"])
    local c = client("s3", { ok })
    local _, err = c.try:put_object { Bucket = "b", Key = "k", Body = "x", ChecksumAlgorithm = "CRC128" }
    assert.matches("ChecksumAlgorithm.*no 'CRC128'", err.message)
  end)

  it("are left out where nobody demands them, if the user wants it so", function()
    local env = { AWS_REQUEST_CHECKSUM_CALCULATION = "when_required" }
    local headers = headers_of({ Key = "k", Body = "x" }, env)
    assert.is_nil(headers["x-amz-checksum-crc32"])
    assert.equal(64, #headers["x-amz-content-sha256"])
    headers = headers_of({ Delete = { Objects = { { Key = "k" } } } }, env, "delete_objects")
    assert.truthy(headers["x-amz-checksum-crc32"])
    local c = client("s3", { ok }, { AWS_REQUEST_CHECKSUM_CALCULATION = "sometimes" })
    local _, err = c.try:put_object { Bucket = "b", Key = "k" }
    assert.equal("config", err.code)
    assert.matches("sometimes", err.message)
  end)

  it("of an answer are asked for and compared", function()
    local good = { 200, { ["x-amz-checksum-crc32"] = "y/Q5Jg==" }, "123456789" }
    local bad = { 200, { ["x-amz-checksum-crc32"] = "y/Q5Jg==" }, "123456780" }
    local parts = { 200, { ["x-amz-checksum-crc32"] = "AAAAAA==-2" }, "123456789" }
    local c, requests = client("s3", { bad, good, parts })
    assert.equal("123456789", c:get_object({ Bucket = "b", Key = "k" }).Body)
    assert.equal("ENABLED", requests[1].headers["x-amz-checksum-mode"])
    assert.equal(2, #requests)
    assert.equal("123456789", c:get_object({ Bucket = "b", Key = "k" }).Body)
    c, requests = client("s3", { bad }, { AWS_RESPONSE_CHECKSUM_VALIDATION = "when_required" })
    assert.equal("123456780", c:get_object({ Bucket = "b", Key = "k" }).Body)
    assert.is_nil(requests[1].headers["x-amz-checksum-mode"])
    local _, err = c.try:get_object { Bucket = "b", Key = "k", ChecksumMode = "ENABLED" }
    assert.matches("CRC32 is .*, its header says y/Q5Jg==", err.message)
  end)
end)

describe("compression", function()
  local function metrics(count)
    local data = {}
    for i = 1, count do data[i] = { MetricName = ("metric-%d"):format(i), Value = i } end
    return { Namespace = "n", MetricData = data }
  end

  local function sent(count, env)
    local answer = { 200, { ["content-type"] = "application/json" }, "{}" }
    local c, requests = client("cloudwatch", { answer }, env)
    c:put_metric_data(metrics(count))
    return requests[1]
  end

  it("is for requests that are long enough", function()
    local request = sent(500)
    assert.equal("gzip", request.headers["content-encoding"])
    assert.matches("metric%-499", checksum.gunzip(request.body))
    assert.is_nil(sent(1).headers["content-encoding"])
    request = sent(1, { AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES = "0" })
    assert.equal("gzip", request.headers["content-encoding"])
  end)

  it("can be switched off", function()
    assert.is_nil(sent(500, { AWS_DISABLE_REQUEST_COMPRESSION = "true" }).headers["content-encoding"])
    local c = client("cloudwatch", { ok }, { AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES = "many" })
    local _, err = c.try:put_metric_data(metrics(500))
    assert.equal("config", err.code)
  end)
end)

describe("a bucket of another region", function()
  local function hosts(requests)
    local list = {}
    for i, request in ipairs(requests) do list[i] = request.method .. " " .. request.headers.host end
    return list
  end
  local here, there = "bucket.s3.eu-west-1.amazonaws.com", "bucket.s3.us-west-2.amazonaws.com"
  local elsewhere = { ["x-amz-bucket-region"] = "us-west-2" }

  it("is asked there, and from then on", function()
    for _, answer in ipairs {
      { 301, elsewhere, "<Error><Code>PermanentRedirect</Code></Error>" },
      { 301, {}, "<Error><Code>PermanentRedirect</Code><Region>us-west-2</Region></Error>" },
      { 307, elsewhere, "<Error><Code>TemporaryRedirect</Code></Error>" },
      { 400, {}, "<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-west-2</Region></Error>" },
      { 400, elsewhere, "<Error><Code>IllegalLocationConstraintException</Code></Error>" },
    } do
      local c, requests = client("s3", { answer, ok })
      c:get_object { Bucket = "bucket", Key = "k" }
      assert.same({ "GET " .. here, "GET " .. there }, hosts(requests))
      assert.matches("/us%-west%-2/s3/aws4_request", requests[2].headers.authorization)
      c:get_object { Bucket = "bucket", Key = "k" }
      assert.same("GET " .. there, hosts(requests)[3])
    end
  end)

  it("is found for HEAD, whose answers have no body", function()
    local c, requests = client("s3", { { 400, elsewhere, "" }, ok })
    c:head_bucket { Bucket = "bucket" }
    assert.same({ "HEAD " .. here, "HEAD " .. there }, hosts(requests))
    c, requests = client("s3", { { 301, {}, "" }, { 400, elsewhere, "" }, ok })
    c:head_object { Bucket = "bucket", Key = "k" }
    assert.same({ "HEAD " .. here, "HEAD " .. here, "HEAD " .. there }, hosts(requests))
  end)

  it("is looked for once", function()
    local c, requests = client("s3", { { 301, elsewhere, "<Error><Code>PermanentRedirect</Code></Error>" } })
    local _, err = c.try:get_object { Bucket = "bucket", Key = "k" }
    assert.equal("PermanentRedirect", err.code)
    assert.equal(2, #requests)
  end)

  it("is not looked for where the name is no region's", function()
    local c, requests = client("s3", { { 301, { ["x-amz-bucket-region"] = "evil.example/" }, "" } })
    local _, err = c.try:get_object { Bucket = "bucket", Key = "k" }
    assert.equal(301, err.status)
    for _, request in ipairs(requests) do assert.equal(here, request.headers.host) end
  end)
end)

describe("a body from a file", function()
  local path = os.tmpname()
  local function write(bytes)
    local file = assert(io.open(path, "wb"))
    file:write(bytes)
    file:close()
  end
  teardown(function() os.remove(path) end)

  it("is described, not read into memory", function()
    write "0123456789abc"
    local c, requests = client("s3", { ok })
    c:put_object { Bucket = "b", Key = "k", Body = { path = path, offset = 1, length = 9 } }
    local request = requests[1]
    assert.same({ path = path, offset = 1, length = 9 }, request.body)
    assert.equal("y/Q5Jg==", request.headers["x-amz-checksum-crc32"])
    assert.equal("UNSIGNED-PAYLOAD", request.headers["x-amz-content-sha256"])
    assert.equal("100-continue", request.headers.expect)
    assert.not_matches("expect", request.headers.authorization)
    c:put_object { Bucket = "b", Key = "k", Body = { path = path } }
    assert.same({ path = path, offset = 0, length = 13 }, requests[2].body)
  end)

  it("is part of the signature where nothing else protects it", function()
    write "123456789"
    local c, requests = client("s3", { ok }, {
      AWS_ENDPOINT_URL = "http://127.0.0.1:1", AWS_REQUEST_CHECKSUM_CALCULATION = "when_required",
    })
    c:put_object { Bucket = "b", Key = "k", Body = { path = path } }
    assert.equal(text.sha256 "123456789", requests[1].headers["x-amz-content-sha256"])
  end)

  it("is refused by name", function()
    write "0123"
    local c = client("s3", { ok })
    for body, message in pairs {
      [{ path = path, length = 5 }] = "is not all in .* 4 bytes",
      [{ path = path, offset = 5 }] = "is not all",
      [{ path = path .. "x" }] = "does not exist",
      [{ path = "/" }] = "no regular file",
      [{}] = "must name a file",
      [{ path = path, offset = -1 }] = "negative field 'offset'",
      [{ path = path, size = 1 }] = "no field 'size'",
      [{ path = path, length = "4" }] = "'length' that is no integer",
    } do
      local _, err = c.try:put_object { Bucket = "b", Key = "k", Body = body }
      assert.equal("validation", err.code)
      assert.matches("parameter Body .*" .. message, err.message)
    end
  end)

  it("may come from a function, once", function()
    local c, requests = client("s3", { { 503, {}, "" } })
    local function pieces() return nil end
    local _, err = c.try:put_object { Bucket = "b", Key = "k", Body = pieces, ContentLength = 0 }
    assert.equal(503, err.status)
    assert.equal(1, #requests)
    assert.equal(pieces, requests[1].body)
    assert.equal(0, requests[1].body_length)
    assert.is_nil(requests[1].headers["content-length"])
    _, err = c.try:put_object { Bucket = "b", Key = "k", Body = pieces }
    assert.matches("ContentLength %(integer%) must say", err.message)
  end)
end)
