-- eksrun.native.aws: requests from parameters, tables from answers, by the models.
local native = require "eksrun.native.aws"
local gc = require "tests.spec.support.gc"
local errors = require "eksrun.error"
local json = require "eksrun.json"
local raised = require "tests.spec.support.raised"

local function operation(service, name)
  return assert(assert(native.service(service)):operation(name), name)
end

local function build(service, name, params, options)
  return operation(service, name):build(params, options)
end

local function parse(service, name, body, headers, status)
  return operation(service, name):parse(status or 200, headers or {}, body)
end

-- The error object that a call raises.
local function failure(f, ...)
  local err = raised(f, ...)
  assert.is_true(errors.is(err), tostring(err))
  return err
end

local function refusal(service, name, params)
  return failure(build, service, name, params)
end

-- Whether a build notices that a finalizer changes the parameters while it writes them: at one of
-- these collections it is through with validating.
local function notices(service, name, params, change)
  for wait = 6, 60, 3 do
    local given, count = params(), 0
    local ok, err = gc.eagerly(pcall, function()
      gc.at_each(function()
        count = count + 1
        if count < wait then return false end
        change(given)
        return true
      end)
      return build(service, name, given)
    end)
    if not ok and tostring(err):find("changed while it was written", 1, true) then return true end
  end
  return false
end

-- A form as a table.
local function form(body)
  local fields = {}
  for key, value in body:gmatch "([^&=]+)=([^&]*)" do fields[key] = value end
  return fields
end

describe("services", function()
  it("are found by name and share one object", function()
    assert.is_nil(native.service "ekss")
    assert.equal(native.service "eks", native.service "eks")
    local names = native.services()
    assert.is_true(#names >= 30)
    for i = 2, #names do assert.is_true(names[i - 1] < names[i]) end
  end)

  it("say what they are", function()
    local metadata = native.service("eks"):metadata()
    assert.same({ "EKS", "rest-json", "eks" },
      { metadata.serviceId, metadata.protocol, metadata.endpointPrefix })
  end)

  it("find operations in both spellings and suggest in the one asked", function()
    local eks = native.service "eks"
    assert.equal("DescribeCluster", eks:operation("describe_cluster"):name())
    assert.equal("DescribeCluster", eks:operation("DescribeCluster"):name())
    assert.is_nil(eks:operation "describecluster")
    assert.equal("describe_cluster", eks:suggest("describe_clustre")[1])
    assert.equal("DescribeCluster", eks:suggest("DescribeClutser")[1])
  end)

  it("hand out waiters and paginators", function()
    local eks = native.service "eks"
    local waiter = eks:waiter "cluster_active"
    assert.same({ "DescribeCluster", 30 }, { waiter.operation, waiter.delay })
    assert.same(waiter, eks:waiter "ClusterActive")
    assert.is_nil(eks:waiter "cluster_happy")
    assert.equal("clusters", eks:paginator("list_clusters").result_key)
    assert.is_nil(eks:paginator "create_cluster")
  end)

  it("describe parameters", function()
    local input = operation("eks", "create_cluster"):input()
    local members = {}
    for _, member in ipairs(input.members) do members[member.name] = member end
    assert.is_true(members.name.required)
    assert.same({ "structure", "list" },
      { members.resourcesVpcConfig.type, members.resourcesVpcConfig.members[1].type })
    assert.is_true(members.clientRequestToken.token)
    assert.equal("clientRequestToken", operation("eks", "create_cluster"):info().token)
  end)

  it("refuse images that are none", function()
    assert.equal("invalid", failure(native.open, "").code)
    assert.equal("invalid", failure(native.open, ("x"):rep(1000)).code)
  end)
end)

describe("rest-json requests", function()
  it("fill the path, the query string and the body", function()
    local request = build("eks", "describe_nodegroup", { clusterName = "a/b c", nodegroupName = "n" })
    assert.same({ "GET", "/clusters/a%2Fb%20c/node-groups/n", "", "" },
      { request.method, request.path, request.query, request.body })
    request = build("eks", "list_clusters", { maxResults = 5, include = { "all", "x&y" } })
    assert.equal("maxResults=5&include=all&include=x%26y", request.query)
    request = build("eks", "tag_resource",
      { resourceArn = "arn:aws:eks:r:1:cluster/c", tags = { b = "2", a = "1" } })
    assert.equal("/tags/arn%3Aaws%3Aeks%3Ar%3A1%3Acluster%2Fc", request.path)
    assert.equal('{"tags":{"a":"1","b":"2"}}', request.body)
    assert.equal("application/json", request.headers["Content-Type"])
  end)

  it("keep a greedy label's slashes and send payloads as they are", function()
    local request = build("s3", "put_object",
      { Bucket = "b", Key = "dir/x y", Body = "\0\1", Metadata = { k = "v" } })
    assert.same({ "/b/dir/x%20y", "\0\1", "v" },
      { request.path, request.body, request.headers["x-amz-meta-k"] })
  end)

  it("fill idempotency tokens without touching the parameters", function()
    local params = { name = "c", roleArn = "r", resourcesVpcConfig = {} }
    local one, two = build("eks", "create_cluster", params), build("eks", "create_cluster", params)
    assert.matches("^%x+%-%x+%-4%x+%-[89ab]%x+%-%x+$", one.token)
    assert.not_equal(one.token, two.token)
    assert.is_nil(params.clientRequestToken)
    local mine = build("eks", "create_cluster", params, { token = "mine" })
    assert.matches('"clientRequestToken":"mine"', mine.body, 1, true)
    params.clientRequestToken = "theirs"
    assert.equal("theirs", build("eks", "create_cluster", params, { token = "mine" }).token)
  end)
end)

describe("json requests", function()
  it("name the operation in a header", function()
    local request = build("ssm", "get_parameters_by_path",
      { Path = "/a", Recursive = false, MaxResults = 10 })
    assert.equal("AmazonSSM.GetParametersByPath", request.headers["X-Amz-Target"])
    assert.equal("application/x-amz-json-1.1", request.headers["Content-Type"])
    assert.equal('{"Path":"/a","Recursive":false,"MaxResults":10}', request.body)
  end)

  it("encode blobs and timestamps", function()
    assert.equal('{"KeyId":"k","Plaintext":"AP8="}',
      build("kms", "encrypt", { KeyId = "k", Plaintext = "\0\255" }).body)
    local request = build("events", "start_replay", {
      ReplayName = "r", EventSourceArn = "arn:aws:events:eu-west-1:1:x",
      EventStartTime = "2026-01-02T03:04:05Z", EventEndTime = 1767323046.5,
      Destination = { Arn = "arn:aws:events:eu-west-1:1:y" },
    })
    assert.matches('"EventStartTime":1767323045,"EventEndTime":1767323046.5', request.body, 1, true)
  end)
end)

describe("parameters that a finalizer changes while they are written", function()
  local function many(n, make)
    local list = {}
    for i = 1, n do list[i] = make(i) end
    return list
  end
  local function spoil(list)
    for i = 1, #list do list[i] = "text" end
  end

  it("are refused in JSON", function()
    assert.is_true(notices("logs", "PutLogEvents", function()
      return {
        logGroupName = "g", logStreamName = "s",
        logEvents = many(6, function(i) return { message = "m", timestamp = i } end),
      }
    end, function(params) spoil(params.logEvents) end))
  end)

  it("are refused in forms", function()
    assert.is_true(notices("ec2", "DescribeInstances", function()
      return { Filters = many(6, function(i) return { Name = "n" .. i, Values = { "v" } } end) }
    end, function(params) spoil(params.Filters) end))
  end)

  it("are refused in XML", function()
    assert.is_true(notices("s3", "DeleteObjects", function()
      return { Bucket = "b", Delete = { Objects = many(6, function(i) return { Key = "k" .. i } end) } }
    end, function(params) spoil(params.Delete.Objects) end))
  end)
end)

describe("a model from elsewhere", function()
  local function model(protocol, shapes, op)
    op.http = op.http or { method = "POST", requestUri = "/" }
    op.input, op.output = { shape = "In" }, { shape = "Out" }
    shapes.S, shapes.Out = { type = "string" }, shapes.Out or { type = "structure", members = {} }
    local image = native.compile(json.encode {
      metadata = { protocol = protocol, apiVersion = "1", jsonVersion = "1.1", targetPrefix = "T" },
      operations = { DoIt = op }, shapes = shapes,
    }, "toy")
    return native.open(image):operation "do_it"
  end

  it("is described as deep as values go, and not without end", function()
    local deep, wide = {}, {}
    for i = 1, 5000 do
      deep["D" .. i] = { type = "list", member = { shape = "D" .. i + 1 } }
    end
    deep.D5001, deep.In = { type = "string" }, { type = "structure", members = { a = { shape = "D1" } } }
    local shape, depth = model("json", deep, { name = "DoIt" }):input().members[1], 0
    while shape do
      shape, depth = shape.element, depth + 1
    end
    assert.equal(65, depth) -- the last one without its parts
    for i = 1, 40 do
      local next_one = { shape = "W" .. i + 1 }
      wide["W" .. i] = { type = "structure", members = { a = next_one, b = next_one } }
    end
    wide.W41, wide.In = { type = "string" }, { type = "structure", members = { a = { shape = "W1" } } }
    local endless = model("json", wide, { name = "DoIt" })
    local ok, err = pcall(endless.input, endless)
    assert.is_false(ok)
    assert.matches("shape W%d+: too many shapes are below it", tostring(err))
  end)

  it("may say of a text what is said of structures, lists and maps", function()
    local function with_text(protocol)
      local members = {
        Flat = { shape = "Text", flattened = true },
        Headers = { shape = "Text", location = "headers", locationName = "x-" },
      }
      return model(protocol, {
        Text = { type = "string", exception = true },
        In = { type = "structure", members = members }, Out = { type = "structure", members = members },
      }, { name = "DoIt", errors = { { shape = "Text" } } })
    end
    local err = with_text "query":parse_error(400, {}, "<Error><Code>Text</Code><Message>m</Message></Error>")
    assert.same({ "Text", "m" }, { err.code, err.message })
    local rest = with_text "rest-xml"
    assert.is_table(rest:build { Headers = "x", Flat = "y" }.headers)
    assert.same({ Flat = "y" }, (rest:parse(200, { ["x-a"] = "1" }, "<Out><Flat>y</Flat></Out>")))
  end)

  it("is compiled, or refused with the place", function()
    local function compile(text) return failure(native.compile, text, "toy").message end
    assert.matches("^line 1, column 2: ", compile "{")
    assert.equal("metadata: no protocol that is known", compile "{}")
    assert.equal("A: unknown type 'thing'",
      compile '{"metadata":{"protocol":"json"},"shapes":{"A":{"type":"thing"}}}')
    assert.equal("A: member 'm' names no known shape",
      compile '{"metadata":{"protocol":"json"},"shapes":{"A":{"type":"structure","members":{"m":{}}}}}')
  end)

  it("has documents, unions and JSON in headers", function()
    local op = model("rest-json", {
      In = { type = "structure", members = {
        doc = { shape = "Doc" }, one = { shape = "Union" },
        head = { shape = "S", location = "header", locationName = "X-Json", jsonvalue = true },
      } },
      Doc = { type = "structure", members = json.object {}, document = true },
      Union = { type = "structure", union = true, members = { a = { shape = "S" }, b = { shape = "S" } } },
    }, {})
    local request = op:build { doc = { 1, { x = json.null, y = {} } }, one = { b = "v" }, head = { k = 1.5 } }
    assert.same({ doc = { 1, { x = json.null, y = {} } }, one = { b = "v" } }, json.decode(request.body))
    assert.equal("eyJrIjoxLjV9", request.headers["X-Json"])
    assert.equal("toy:DoIt: parameter one must have exactly one field, not 2",
      failure(op.build, op, { one = { a = "", b = "" } }).message)
    assert.matches("^toy:DoIt: parameter doc ", failure(op.build, op, { doc = { print } }).message)
  end)

  it("puts labels into the host name, and only what belongs there", function()
    local op = model("json", {
      In = {
        type = "structure", required = { "who" }, members = { who = { shape = "S", hostLabel = true } },
      },
    }, { endpoint = { hostPrefix = "{who}.x." } })
    assert.equal("a-1.x.", op:build({ who = "a-1" }).host_prefix)
    assert.matches("must be a host name label", failure(op.build, op, { who = "a/b" }).message)
  end)

  it("reads lists and maps of headers and of flattened XML", function()
    local op = model("rest-xml", {
      In = { type = "structure", members = {} },
      List = { type = "list", member = { shape = "S" } },
      Map = { type = "map", key = { shape = "S" }, value = { shape = "S" }, flattened = true },
      Out = { type = "structure", members = {
        list = { shape = "List", location = "header", locationName = "X-List" },
        map = { shape = "Map", locationName = "M" },
      } },
    }, {})
    assert.same({ list = { "a", 'b, "c"' }, map = { k = "v", l = "w" } }, (op:parse(200,
      { ["x-list"] = [[a, "b, \"c\""]] },
      "<R><M><key>k</key><value>v</value></M><M><key>l</key><value>w</value></M></R>")))
  end)
end)

describe("forms", function()
  it("flatten lists in ec2 and number members in query", function()
    local fields = form(build("ec2", "create_vpc", {
      CidrBlock = "10.0.0.0/16",
      TagSpecifications = { { ResourceType = "vpc", Tags = { { Key = "a b", Value = "*~" } } } },
    }).body)
    assert.same({
      Action = "CreateVpc", Version = "2016-11-15", CidrBlock = "10.0.0.0%2F16",
      ["TagSpecification.1.ResourceType"] = "vpc", ["TagSpecification.1.Tag.1.Key"] = "a+b",
      ["TagSpecification.1.Tag.1.Value"] = "%2A~",
    }, fields)
    fields = form(build("iam", "create_role", {
      RoleName = "r", AssumeRolePolicyDocument = "{}", Tags = { { Key = "k", Value = "v" } },
    }).body)
    assert.equal("v", fields["Tags.member.1.Value"])
  end)

  it("write an empty list in query, nothing in ec2", function()
    assert.matches("&TagKeys=$", build("iam", "untag_role", { RoleName = "r", TagKeys = {} }).body)
    local request = build("ec2", "describe_vpcs", { VpcIds = {} })
    assert.equal("Action=DescribeVpcs&Version=2016-11-15", request.body)
  end)
end)

describe("rest-xml requests", function()
  it("escape text and carry the namespace", function()
    local request = build("s3", "put_bucket_tagging",
      { Bucket = "b", Tagging = { TagSet = { { Key = "<&>", Value = "" } } } })
    assert.same({ "/b", "tagging" }, { request.path, request.query })
    assert.equal('<Tagging xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><TagSet><Tag>'
      .. "<Key>&lt;&amp;&gt;</Key><Value></Value></Tag></TagSet></Tagging>", request.body)
  end)
end)

describe("validation", function()
  it("tells everything that is wrong at once", function()
    local err = refusal("eks", "create_cluster", {
      name = "c", resourcesVpcConfig = { subnetIdss = {}, endpointPublicAccess = "yes" }, tags = { k = 1 },
    })
    assert.equal("validation", err.code)
    assert.equal("eks:CreateCluster: parameter roleArn is required; "
      .. "parameter resourcesVpcConfig.subnetIdss is unknown, did you mean subnetIds?; "
      .. "parameter resourcesVpcConfig.endpointPublicAccess must be a boolean, not a string; "
      .. "parameter tags.k must be a string, not a number", err.message)
    assert.equal("resourcesVpcConfig.subnetIdss", err.problems[2].path)
  end)

  it("checks types, lengths and ranges", function()
    local cases = {
      { { maxResults = 0 }, "maxResults must be at least 1, not 0" },
      { { maxResults = 101 }, "maxResults must be at most 100, not 101" },
      { { maxResults = 1.5 }, "maxResults must be an integer of 32 bits, not 1.5" },
      { { maxResults = 2 ^ 40 }, "maxResults must be an integer of 32 bits, not 1099511627776" },
      { { maxResults = "5" }, "maxResults must be an integer, not a string" },
      { { include = "all" }, "include must be a list, not a string" },
      { { include = { all = true } }, "include must be a list, not a table with named fields or holes" },
      { { include = { "a", 2 } }, "include[2] must be a string, not a number" },
      { { nextToken = "\255" }, "nextToken must be valid UTF-8" },
      { { nextToken = {} }, "nextToken must be a string, not a table" },
    }
    for _, case in ipairs(cases) do
      local err = refusal("eks", "list_clusters", case[1])
      assert.equal("eks:ListClusters: parameter " .. case[2], err.message)
    end
    assert.equal("eks:DescribeCluster: parameter name must not be empty",
      refusal("eks", "describe_cluster", { name = "" }).message)
  end)

  it("takes integral floats, and any value of an enum", function()
    assert.equal("maxResults=5", build("eks", "list_clusters", { maxResults = 5.0 }).query)
    assert.matches("InstanceType=m99%.huge",
      build("ec2", "run_instances", { MinCount = 1, MaxCount = 1, InstanceType = "m99.huge" }).body)
  end)

  it("ends on tables that hold themselves", function()
    local loop = { S = "x" }
    loop.M = { again = loop }
    local err = refusal("dynamodb", "put_item", { TableName = "t", Item = { a = loop } })
    assert.equal("validation", err.code)
  end)

  it("refuses header injection", function()
    local err = refusal("s3", "put_object", { Bucket = "b", Key = "k", ContentType = "a\r\nx: y" })
    assert.matches("must not hold line breaks", err.message)
  end)
end)

describe("answers", function()
  it("come as JSON", function()
    local output, id = parse("eks", "describe_cluster",
      '{"cluster":{"name":"c","createdAt":1767323045.5,"tags":{"k":"v"},"unheard":[{}],'
      .. '"encryptionConfig":null,"resourcesVpcConfig":{"subnetIds":[],"endpointPublicAccess":true}}}',
      { ["x-amzn-requestid"] = "id" })
    assert.same({ cluster = {
      name = "c", createdAt = 1767323045.5, tags = { k = "v" },
      resourcesVpcConfig = { subnetIds = {}, endpointPublicAccess = true },
    } }, output)
    assert.equal("id", id)
    assert.same({}, (parse("eks", "delete_cluster", "")))
  end)

  it("keep integers integers and whole timestamps too", function()
    local output = parse("eks", "describe_nodegroup",
      '{"nodegroup":{"createdAt":1767323045,"scalingConfig":{"minSize":1,"maxSize":"3"}}}')
    assert.equal("integer", math.type(output.nodegroup.scalingConfig.minSize))
    assert.equal(3, output.nodegroup.scalingConfig.maxSize)
    assert.equal("integer", math.type(output.nodegroup.createdAt))
  end)

  it("keep empty lists lists", function()
    assert.equal('{"clusters":[],"nextToken":"t"}',
      json.encode((parse("eks", "list_clusters", '{"nextToken":"t","clusters":[]}'))))
    assert.equal('{"Vpcs":[]}', json.encode((parse("ec2", "describe_vpcs",
      "<DescribeVpcsResponse><vpcSet/></DescribeVpcsResponse>"))))
  end)

  it("know a name with a NUL in it from the one before the NUL", function()
    for n = 0, 200 do
      local key = "clusters\\u0000" .. ("x"):rep(n)
      assert.same({}, (parse("eks", "list_clusters", '{"' .. key .. '":["c"]}')))
    end
  end)

  it("of query and ec2 are XML of theirs, or an error", function()
    for _, body in ipairs { "", "<html>busy</html>", "<!doctype html><p>busy", "busy", "<Other/>" } do
      assert.is_false(pcall(parse, "ec2", "DescribeVpcs", body), body)
      assert.is_false(pcall(parse, "sts", "GetCallerIdentity", body), body)
    end
  end)

  it("come as XML", function()
    local output = parse("ec2", "describe_vpcs", [[<?xml version="1.0"?>
      <DescribeVpcsResponse xmlns="urn:x"><requestId>r</requestId><vpcSet>
        <item><vpcId>vpc-1</vpcId><isDefault>false</isDefault><tagSet/></item>
        <item><vpcId>vpc-2</vpcId><tagSet><item><key>Name</key><value>a &amp; b</value></item></tagSet></item>
      </vpcSet></DescribeVpcsResponse>]])
    assert.same({ Vpcs = {
      { VpcId = "vpc-1", IsDefault = false, Tags = {} },
      { VpcId = "vpc-2", Tags = { { Key = "Name", Value = "a & b" } } },
    } }, output)
    output = parse("iam", "get_role", "<GetRoleResponse><GetRoleResult><Role><RoleName>r</RoleName>"
      .. "<MaxSessionDuration>3600</MaxSessionDuration><CreateDate>2026-01-02T03:04:05Z</CreateDate>"
      .. "</Role></GetRoleResult></GetRoleResponse>")
    assert.same({ Role = { RoleName = "r", MaxSessionDuration = 3600, CreateDate = 1767323045 } }, output)
  end)

  it("gather flattened lists and read headers", function()
    local output = parse("s3", "list_objects_v2", "<ListBucketResult><Contents><Key>a</Key></Contents>"
      .. "<KeyCount>2</KeyCount><Contents><Key>b</Key></Contents></ListBucketResult>")
    assert.same({ Contents = { { Key = "a" }, { Key = "b" } }, KeyCount = 2 }, output)
    output = parse("s3", "get_object", "bytes", {
      ["last-modified"] = "Fri, 02 Jan 2026 03:04:05 GMT", ["content-length"] = "5", ["x-amz-meta-k"] = "v",
    })
    assert.same({
      Body = "bytes", LastModified = 1767323045, ContentLength = 5, Metadata = { k = "v" },
    }, output)
  end)

  it("that are none are refused with what came instead", function()
    local function shown(page)
      local err = failure(parse, "eks", "list_clusters", page, { ["content-type"] = "text/html" })
      assert.equal("invalid_response", err.code)
      return err.message:match "^not an answer of the service %(HTTP 200, text/html%): (.*)$"
    end
    assert.equal("[1m bold", shown "<!doctype html>\n<b>\27[1m</b> bold\n")
    assert.equal("502 Bad Gateway", shown "<HTML><head>\n<TITLE>502 Bad\nGateway</TITLE></head><h1>oh</h1>")
    assert.equal("x", shown "<html><title></title><p>x")
    assert.equal("empty body", shown "<html><p")
    assert.equal("maxSize: not an integer: 'x'",
      failure(parse, "eks", "describe_nodegroup", '{"nodegroup":{"scalingConfig":{"maxSize":"x"}}}').message)
    assert.equal("invalid_response", failure(parse, "eks", "list_clusters", '{"clusters":{}}').code)
    assert.equal("invalid_response", failure(parse, "ec2", "describe_vpcs", "<a><b></a>").code)
    assert.equal("invalid_response", failure(parse, "ec2", "describe_vpcs", "{}").code)
    assert.equal("invalid_response", failure(parse, "iam", "get_role", "<page><p>hello</p></page>").code)
  end)

  it("cut at any byte are an answer or an error object, never anything else", function()
    local bodies = {
      { "eks", "describe_cluster", '{"cluster":{"name":"\\u00e9","createdAt":1.5e3,"tags":{"k":"v"}}}' },
      { "ec2", "describe_vpcs", "<R><vpcSet><item><vpcId>v&#65;</vpcId><tagSet/></item></vpcSet></R>" },
    }
    for _, case in ipairs(bodies) do
      for n = 1, #case[3] - 1 do
        assert.equal("invalid_response", failure(parse, case[1], case[2], case[3]:sub(1, n)).code)
      end
      for at = 1, #case[3] do
        for _, byte in ipairs { "\0", "\255", '"', "<", "{", "]" } do
          local damaged = case[3]:sub(1, at - 1) .. byte .. case[3]:sub(at + 1)
          local ok, err = pcall(parse, case[1], case[2], damaged)
          assert.is_true(ok or err.code == "invalid_response")
          assert.is_string(operation(case[1], case[2]):parse_error(400, {}, damaged).code)
        end
      end
    end
  end)
end)

describe("errors", function()
  local function parse_error(service, name, body, headers, status)
    return operation(service, name):parse_error(status or 400, headers or {}, body)
  end

  it("come as JSON, named by a header or by the body", function()
    assert.same({
      code = "ResourceNotFoundException", message = "none", clusterName = "c", request_id = "id",
    },
      parse_error("eks", "describe_cluster", '{"message":"none","clusterName":"c","nodegroupName":null}',
        { ["x-amzn-errortype"] = "ResourceNotFoundException:http://x/", ["x-amzn-requestid"] = "id" }))
    assert.same({ code = "ParameterNotFound", message = "m" },
      parse_error("ssm", "get_parameter", '{"__type":"com.x#ParameterNotFound","Message":"m"}'))
  end)

  it("keep the code of the query protocol", function()
    local err = parse_error("sqs", "get_queue_url",
      '{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"m"}',
      { ["x-amzn-query-error"] = "AWS.SimpleQueueService.NonExistentQueue;Sender" })
    assert.same({ "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "Sender" },
      { err.code, err.modeled_code, err.type })
  end)

  it("come as XML of several shapes, for JSON services too", function()
    local text = "<Code>C</Code><Message>m</Message>"
    local shapes = {
      "<ErrorResponse><Error>" .. text .. "<Type>S</Type></Error><RequestId>i</RequestId></ErrorResponse>",
      "<Response><Errors><Error>" .. text .. "</Error></Errors><RequestID>i</RequestID></Response>",
      "<ErrorResponse><Errors><Error>" .. text .. "</Error></Errors><RequestId>i</RequestId></ErrorResponse>",
      "<Error>" .. text .. "<RequestId>i</RequestId></Error>",
    }
    for _, body in ipairs(shapes) do
      for _, service in ipairs { "ec2", "eks", "iam", "kms", "s3" } do
        local name = native.service(service):operations()[1]
        local err = parse_error(service, name, body)
        assert.same({ "C", "m", "i" }, { err.code, err.message, err.request_id })
      end
    end
  end)

  it("in HTML are never taken for the service's word", function()
    local err = parse_error("eks", "describe_addon", "<!doctype html>\n<title>404 Not Found</title>",
      { ["content-type"] = "text/html; charset=utf-8" }, 404)
    assert.same({ "invalid_response", "not an answer of the service (HTTP 404, text/html; charset=utf-8): "
      .. "404 Not Found" }, { err.code, err.message })
  end)

  it("may be empty", function()
    local err = parse_error("s3", "head_bucket", "", {}, 404)
    assert.same({ "404", "no message (HTTP 404, no content type): empty body" }, { err.code, err.message })
  end)
end)
