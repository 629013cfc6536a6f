-- A server's half of every protocol, against the client's half: each operation of each model, with
-- random values of its shapes.
local json = require "eksrun.json"
local native = require "eksrun.native.aws"
local random = require "tests.spec.support.random"

local function lower(headers)
  local out = {}
  for name, value in pairs(headers) do out[name:lower()] = value end
  return out
end

-- Without empty tables, of which forms, XML, query strings and headers keep no trace.
local function prune(value)
  if type(value) ~= "table" then return value end
  local out
  for key, part in pairs(value) do
    part = prune(part)
    if part ~= nil then
      out = out or {}
      out[key] = part
    end
  end
  return out
end

-- What an answer has though the server did not say so: a status, a body, a type.
local implied = {
  AnnotationPayload = true, Body = true, ContentType = true, Payload = true, ResponseStreamContentType = true,
  StatusCode = true,
}

local function difference(want, got, path)
  if type(want) ~= "table" or type(got) ~= "table" then
    if want == got then return nil end
    return ("%s: %s became %s"):format(path, json.encode(want), json.encode(got == nil and json.null or got))
  end
  for key, value in pairs(want) do
    local found = difference(value, got[key], path .. "." .. tostring(key))
    if found then return found end
  end
  for key in pairs(got) do
    if want[key] == nil and not implied[key] then return ("%s.%s is new"):format(path, tostring(key)) end
  end
end

-- A request as a server gets it.
local function received(request)
  return {
    method = request.method, path = request.path, query = request.query, body = request.body,
    headers = lower(request.headers),
  }
end

local function check_request(client, server, name, values)
  local operation = client:operation(name)
  local params = operation:input() and values:value(operation:input()) or {}
  local found, got = server:route(received(operation:build(params)))
  if not found then return tostring(got) end
  -- Two operations of one path, of which the older is not used any more, or the host decides.
  if found:name() ~= name then
    local twin = operation:info().deprecated or name == "ListDirectoryBuckets"
    return not twin and "went to " .. found:name() or nil
  end
  return difference(prune(params) or {}, prune(got) or {}, "input"), found
end

local function check_answer(client, answering, name, values)
  local operation = client:operation(name)
  local output = operation:output() and values:value(operation:output()) or {}
  if operation:events() then output.ResponseStreamContentType = nil end -- the stream's own
  local answer = answering:serialize(output, { request_id = "r-1" })
  local got, id = operation:parse(answer.status, lower(answer.headers), answer.body)
  local found = difference(prune(output) or {}, prune(got) or {}, "output")
  if found then return found end
  local protocol = client:metadata().protocol
  if id ~= "r-1" and protocol ~= "query" and protocol ~= "ec2" then return "request id " .. tostring(id) end
end

-- All operations of a service, its client's model and its server's; the failures in a list.
local function check_service(client, server, seed)
  local failures = {}
  for i, name in ipairs(client:operations()) do
    for round = 1, 2 do
      local values = random.new(seed * 100003 + i * 7 + round)
      local function try(what, check, ...)
        local ok, why, more = pcall(check, ...)
        if not ok or why then failures[#failures + 1] = ("%s, %s: %s"):format(name, what, tostring(why)) end
        return more
      end
      local routed = try("request", check_request, client, server, name, values)
      try("answer", check_answer, client, routed or server:operation(name), name, values)
    end
  end
  return failures
end

-- A model that speaks another of its protocols.
local function speaking(service, protocol)
  local file = assert(io.open(("models/%s.json"):format(service)))
  local model = json.decode(file:read "a")
  file:close()
  model.metadata.protocol, model.metadata.protocols = protocol, json.array { protocol }
  return native.open(native.compile(json.encode(model), service))
end

describe("a server's half", function()
  for seed, name in ipairs(native.services()) do
    it("of " .. name .. " reads what clients ask and is read by them", function()
      local service = native.service(name)
      assert.same({}, check_service(service, service, seed))
    end)
  end

  for i, protocol in ipairs { "query", "smithy-rpc-v2-cbor", "json" } do
    it("of cloudwatch takes " .. protocol .. " too, and answers in it", function()
      assert.same({}, check_service(speaking("cloudwatch", protocol), native.service "cloudwatch", 90 + i))
    end)
  end

  local function check_error(operation, code)
    local err = { code = code, message = "no \"such\" <thing> é" }
    local answer = operation:serialize_error(err, { request_id = "r-2" })
    local got = operation:parse_error(answer.status, lower(answer.headers), answer.body)
    if operation:info().method == "HEAD" then return nil end
    if got.code ~= code then return ("code %s became %s"):format(code, got.code) end
    if got.message ~= err.message then return "message became " .. tostring(got.message) end
    if got.request_id ~= "r-2" then return "request id " .. tostring(got.request_id) end
  end

  it("gives each modeled error, and others", function()
    local failures = {}
    for _, name in ipairs(native.services()) do
      local service = native.service(name)
      for _, operation_name in ipairs(service:operations()) do
        local operation = service:operation(operation_name)
        local codes = operation:info().errors
        codes[#codes + 1] = "SomethingOfItsOwn"
        for _, code in ipairs(codes) do
          local why = check_error(operation, code)
          if why then failures[#failures + 1] = ("%s:%s %s: %s"):format(name, operation_name, code, why) end
        end
      end
    end
    assert.same({}, failures)
  end)

  local function error_of(service, operation, err)
    local found = native.service(service):operation(operation)
    local answer = found:serialize_error(err, { request_id = "r" })
    return answer, found:parse_error(answer.status, lower(answer.headers), answer.body)
  end

  it("gives an error its fields, its status and its code of old", function()
    local answer, got = error_of("eks", "describe_cluster",
      { code = "ResourceNotFoundException", message = "none", clusterName = "x" })
    assert.equal(404, answer.status)
    assert.equal("ResourceNotFoundException", answer.headers["x-amzn-errortype"])
    assert.equal("x", got.clusterName)
    answer, got = error_of("sqs", "get_queue_url", {
      code = "QueueDoesNotExist", message = "none", query_code = "AWS.SimpleQueueService.NonExistentQueue",
    })
    assert.equal(400, answer.status)
    assert.matches("QueueDoesNotExist", answer.body)
    assert.equal("AWS.SimpleQueueService.NonExistentQueue;Sender", answer.headers["x-amzn-query-error"])
    assert.equal("AWS.SimpleQueueService.NonExistentQueue", got.code)
    answer = error_of("iam", "get_role", { code = "NoSuchEntity", message = "none" })
    assert.equal(404, answer.status)
    assert.matches("<Type>Sender</Type><Code>NoSuchEntity</Code>", answer.body, 1, true)
    answer = error_of("ec2", "describe_vpcs", { code = "InvalidVpcID.NotFound", message = "none" })
    assert.equal(400, answer.status)
    assert.matches("<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code>", answer.body, 1, true)
    answer = error_of("sts", "get_caller_identity", { code = "InternalFailure", message = "", status = 500 })
    assert.equal(500, answer.status)
    assert.matches("<Type>Receiver</Type>", answer.body, 1, true)
    answer, got = error_of("s3", "head_object", { code = "NotFound", message = "none", status = 404 })
    assert.equal("", answer.body)
    assert.equal("404", got.code)
    answer = error_of("s3", "get_object", { code = "NoSuchKey", message = "none", status = 404 })
    assert.equal("<Error><Code>NoSuchKey</Code><Message>none</Message><RequestId>r</RequestId></Error>",
      answer.body)
  end)

  describe("routes", function()
    local function route(service, method, path, query, headers, body)
      return native.service(service):route {
        method = method, path = path, query = query, headers = headers, body = body,
      }
    end

    local function name_of(...)
      local operation, params = route(...)
      return operation and operation:name(), params
    end

    it("by path, words before labels, and what is encoded in them", function()
      local name, params = name_of("eks", "GET", "/clusters/a%2Fb%20c")
      assert.equal("DescribeCluster", name)
      assert.same({ name = "a/b c" }, params)
      assert.equal("DescribeClusterVersions", (name_of("eks", "GET", "/cluster-versions")))
      assert.equal("ListClusters", (name_of("eks", "GET", "/clusters")))
      assert.equal("ListClusters", (name_of("eks", "GET", "/clusters/")))
      assert.is_nil((name_of("eks", "GET", "/clusters/a/b")))
      assert.is_nil((name_of("eks", "PATCH", "/clusters/a")))
    end)

    it("by query strings and headers that are required", function()
      assert.equal("PutObject", (name_of("s3", "PUT", "/b/k")))
      assert.equal("CopyObject", (name_of("s3", "PUT", "/b/k", "", { ["x-amz-copy-source"] = "b/x" })))
      assert.equal("UploadPart", (name_of("s3", "PUT", "/b/k", "partNumber=1&uploadId=u")))
      assert.equal("UploadPartCopy",
        (name_of("s3", "PUT", "/b/k", "partNumber=1&uploadId=u", { ["x-amz-copy-source"] = "b/x" })))
      assert.equal("PutObjectAcl", (name_of("s3", "PUT", "/b/k", "acl")))
      assert.equal("PutObjectAcl", (name_of("s3", "PUT", "/b/k", "acl=")))
      assert.equal("ListObjects", (name_of("s3", "GET", "/b")))
      assert.equal("ListObjectsV2", (name_of("s3", "GET", "/b", "list-type=2&prefix=a%2Bb")))
      assert.equal("ListBuckets", (name_of("s3", "GET", "/")))
      assert.equal("DeleteObjects", (name_of("s3", "POST", "/b", "delete")))
    end)

    it("with a greedy label that keeps its slashes", function()
      local name, params = name_of("s3", "GET", "/bucket/a//b%3F/")
      assert.equal("GetObject", name)
      assert.same({ Bucket = "bucket", Key = "a//b?/" }, params)
      assert.equal("ListObjects", (name_of("s3", "GET", "/bucket/")))
    end)

    it("a form in the query string too, with names of other clients", function()
      local name, params = name_of("iam", "GET", "/", "Action=GetRole&Version=2010-05-08&RoleName=a+b%2B")
      assert.equal("GetRole", name)
      assert.same({ RoleName = "a b+" }, params)
      name, params = name_of("ec2", "POST", "/", "", {},
        "Action=DescribeInstances&InstanceId.2=i-2&InstanceId.10=i-10&InstanceId.1=i-1&Filter.1.Value.1=x"
        .. "&Filter.1.Name=n&DryRun=True&MaxResults=5")
      assert.equal("DescribeInstances", name)
      assert.same({
        InstanceIds = { "i-1", "i-2", "i-10" }, DryRun = true, MaxResults = 5,
        Filters = { { Name = "n", Values = { "x" } } },
      }, params)
    end)

    local function refusal(...)
      local operation, err, known = route(...)
      assert.is_nil(operation)
      return err, known and known:name()
    end

    it("nothing that is unknown", function()
      local form = { ["content-type"] = "application/x-www-form-urlencoded" }
      local err = refusal("iam", "POST", "/", "", form, "Action=Nothing")
      assert.equal("InvalidAction", err.code)
      assert.equal(400, err.status)
      assert.equal("query", err.protocol)
      assert.matches("<Code>InvalidAction</Code>", native.service("iam"):serialize_error(err).body, 1, true)
      assert.equal("InvalidAction", refusal("ec2", "POST", "/", "", {}, "").code)
      err = refusal("kms", "POST", "/", "", { ["x-amz-target"] = "TrentService.Nothing" })
      assert.equal("UnknownOperationException", err.code)
      assert.equal("UnknownOperationException", refusal("kms", "POST", "/", "",
        { ["x-amz-target"] = "Other.ListKeys" }).code)
      assert.equal("UnknownOperationException", refusal("kms", "POST", "/").code)
      assert.equal(404, refusal("eks", "GET", "/nowhere").status)
      local cbor = { ["smithy-protocol"] = "rpc-v2-cbor" }
      assert.equal("UnknownOperationException", refusal("cloudwatch", "POST",
        "/service/x/operation/Nothing", "", cbor).code)
      assert.equal("UnknownOperationException", refusal("cloudwatch", "POST", "/operation/ListMetrics",
        "", cbor).code)
    end)

    it("nothing that cannot be read, and says which operation it was", function()
      local target = { ["x-amz-target"] = "TrentService.DescribeKey" }
      local err, name = refusal("kms", "POST", "/", "", target, '{"KeyId": ')
      assert.equal("SerializationException", err.code)
      assert.equal("DescribeKey", name)
      err = refusal("kms", "POST", "/", "", target, '{"KeyId": []}')
      assert.matches("KeyId: of the wrong type", err.message)
      for _, body in ipairs { "[]", '{"KeyId": 1}', '{"KeyId": true}', '{"GrantTokens": ["a", 2]}' } do
        assert.equal("SerializationException", refusal("kms", "POST", "/", "", target, body).code, body)
      end
      local create = { ["x-amz-target"] = "TrentService.CreateKey" }
      for _, body in ipairs { '{"MultiRegion": "true"}', '{"MultiRegion": 1}' } do
        assert.equal("SerializationException", refusal("kms", "POST", "/", "", create, body).code, body)
      end
      local list = { ["x-amz-target"] = "TrentService.ListKeys" }
      assert.equal("SerializationException", refusal("kms", "POST", "/", "", list, '{"Limit": "5"}').code)
      assert.equal("MalformedXML", refusal("s3", "POST", "/b", "delete", {}, "<Delete>").code)
      assert.equal("MalformedInput", refusal("iam", "POST", "/", "", {}, "Action=GetRole&RoleName=%zz").code)
      assert.equal("InvalidParameterValue", refusal("ec2", "POST", "/", "", {},
        "Action=DescribeVpcs&MaxResults=x").code)
      local deep = "Action=CreateLaunchTemplate" .. ("&X"):rep(3) .. "&LaunchTemplateData"
        .. (".BlockDeviceMapping.1"):rep(5000)
      assert.is_not_nil((route("ec2", "POST", "/", "", {}, deep)))
    end)

    it("only tables with texts", function()
      local service = native.service "eks"
      assert.has_error(function() service:route { method = 5 } end,
        "route: field 'method' must be a string, not a number")
      assert.has_error(function() service:route() end)
    end)
  end)

  describe("refuses an answer", function()
    it("that does not fit the model", function()
      local operation = native.service("eks"):operation "describe_cluster"
      local function refused(pattern, output)
        local ok, err = pcall(operation.serialize, operation, output)
        assert.is_false(ok)
        assert.matches(pattern, tostring(err))
      end
      refused("field cluster must be a table, not a string", { cluster = "x" })
      refused("field cluster.nam is unknown, did you mean name", { cluster = { nam = "x" } })
      refused("field cluster.createdAt must be a timestamp", { cluster = { createdAt = true } })
      assert.has_error(function() operation:serialize_error {} end,
        "serialize_error: field 'code' (string) is required")
    end)
  end)

  it("validates parameters as a client does", function()
    local operation = native.service("eks"):operation "describe_cluster"
    assert.is_true(operation:validate { name = "x" })
    local ok, err = operation:validate {}
    assert.is_nil(ok)
    assert.equal("validation", err.code)
    assert.equal("name", err.problems[1].path)
  end)
end)
