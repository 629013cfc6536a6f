local client_module = require "eksrun.aws.client"
local json = require "eksrun.json"
local main = require "eksrun.cli.main"
local streams = require "tests.spec.support.streams"
local system = require "eksrun.aws.system"

local keys = { access_key_id = "AKIDEXAMPLE", secret_access_key = "wJalrXUtnFEMI" }
local json_type = { ["content-type"] = "application/json" }
local xml_type = { ["content-type"] = "text/xml" }

-- A streamed body, as eksrun.http has it.
local function stream_of(bytes)
  return {
    chunks = function()
      local rest = bytes
      return function()
        local piece = rest
        rest = nil
        return piece
      end
    end,
    try_save = function(_, path)
      local file = assert(io.open(path, "wb"))
      file:write(bytes)
      file:close()
      return #bytes
    end,
  }
end

-- A session whose services give the answers in turn; it keeps the requests.
local function session(answers, requests)
  local world = system.with {
    env = function() return nil end,
    read_file = function() return nil end,
    now = function() return 1700000000 end,
    sleep = function() end,
    request = function(request)
      requests[#requests + 1] = request
      local answer = #answers > 1 and table.remove(answers, 1) or answers[1]
      local body = answer[3]
      if request.stream and type(body) == "string" then body = stream_of(body) end
      return { status = answer[1], headers = answer[2], body = body }
    end,
  }
  return {
    configure = function() end,
    client = function(name)
      return client_module.new(name, {
        system = world, region = "eu-west-1", credentials = keys, max_attempts = 1,
      })
    end,
  }
end

-- Status, stdout, stderr and requests of `eksrun call ...`, and the first request's body as JSON.
local function call(answers, ...)
  local requests = {}
  local words = { "call", ... }
  words[#words + 1] = "--output=json"
  for _, word in ipairs { ... } do
    if word:find("^%-%-output") or word == "--json" then words[#words] = nil break end
  end
  local status, out, err = streams.of(session(answers, requests), main.main, words)
  return status, out, err, requests
end

local ok = { 200, json_type, "{}" }

-- The parameters that reach the wire in a JSON service.
local function sent(...)
  local status, _, err, requests = call({ ok }, ...)
  assert.equal(0, status, err)
  return json.decode(requests[1].body), requests[1]
end

-- What is said of a command line that is refused before anything is sent.
local function refused(...)
  local status, out, err, requests = call({ ok }, ...)
  assert.equal(2, status, err)
  assert.equal("", out)
  assert.equal(0, #requests)
  return err
end

local function write(name, text)
  local file = assert(io.open(name, "wb"))
  file:write(text)
  file:close()
  return name
end

describe("eksrun call", function()
  it("takes names in any spelling", function()
    for _, words in ipairs { { "kms", "DescribeKey", "--KeyId" }, { "kms", "describe-key", "--key-id" },
      { "KMS", "describe_key", "--key_id" }, { "kms", "describeKey", "--keyId" } } do
      assert.same({ KeyId = "k" }, sent(words[1], words[2], words[3], "k"))
    end
  end)

  it("takes text, numbers, booleans and times", function()
    local params = sent("logs", "filter-log-events", "--log-group-name", "g", "--start-time", "12",
      "--limit=5", "--interleaved")
    assert.same({ logGroupName = "g", startTime = 12, limit = 5, interleaved = true }, params)
    assert.is_false(sent("logs", "filter-log-events", "--no-interleaved").interleaved)
    assert.is_false(sent("logs", "filter-log-events", "--interleaved", "false").interleaved)
    assert.equal("-x", sent("logs", "filter-log-events", "--log-group-name", "-x").logGroupName)
    assert.equal("--x", sent("logs", "filter-log-events", "--log-group-name=--x").logGroupName)
    local _, request = sent("cloudwatch", "get-metric-statistics", "--namespace", "n", "--metric-name",
      "m", "--start-time", "2026-01-31T12:00:00Z", "--end-time", "1769860800", "--period", "60")
    assert.truthy(request.body)
  end)

  it("takes lists as words, as JSON, and of structures", function()
    assert.same({ "a", "b" }, sent("ssm", "get-parameters", "--names", "a", "b").Names)
    assert.same({ "a", "b" }, sent("ssm", "get-parameters", "--names", '["a","b"]').Names)
    assert.same({ "-1", "b" }, sent("ssm", "get-parameters", "--names", "-1", "b").Names)
    local tags = { { TagKey = "a", TagValue = "1,2" }, { TagKey = "b", TagValue = "" } }
    for _, words in ipairs { { "TagKey=a,TagValue='1,2'", "TagKey=b,TagValue=" },
      { '[{"TagKey":"a","TagValue":"1,2"},{"TagKey":"b","TagValue":""}]' },
      { '{"TagKey":"a","TagValue":"1,2"}', "TagKey=b,TagValue=" } } do
      assert.same(tags, sent("kms", "tag-resource", "--key-id", "k", "--tags", table.unpack(words)).Tags)
    end
  end)

  it("makes of shorthand what the model wants", function()
    local item = { "dynamodb", "put-item", "--table-name", "t", "--item" }
    local function put(shorthand)
      item[6] = shorthand
      return sent(table.unpack(item)).Item
    end
    assert.same({ id = { S = "x" }, on = { BOOL = true } }, put "id={S=x},on={BOOL=true}")
    assert.same({ a = { L = { { N = "1" }, { M = { b = { SS = { "c" } } } } } } },
      put "a={L=[{N=1},{M={b={SS=c}}}]}")
    local params = sent("eks", "create-nodegroup", "--cluster-name", "c", "--nodegroup-name", "n",
      "--subnets", "s-1", "s-2", "--node-role", "r", "--scaling-config", "minSize=1,maxSize=3",
      "--labels", "a=b,c=d", "--instance-types", "m7g.large")
    assert.same({ minSize = 1, maxSize = 3 }, params.scalingConfig)
    assert.same({ a = "b", c = "d" }, params.labels)
    assert.same({ "m7g.large" }, params.instanceTypes)
    params = sent("eks", "update-cluster-config", "--name", "c", "--resources-vpc-config",
      "endpointPublicAccess=false,publicAccessCidrs=10.0.0.0/8")
    assert.same({ endpointPublicAccess = false, publicAccessCidrs = { "10.0.0.0/8" } },
      params.resourcesVpcConfig)
  end)

  it("takes the names that the AWS CLI gives to parameters", function()
    assert.equal("1.33", sent("eks", "update-cluster-version", "--name", "c", "--kubernetes-version",
      "1.33").version)
    assert.equal("1.33", sent("eks", "update-cluster-version", "--name", "c", "--version", "1.33").version)
  end)

  it("takes all parameters at once, and flags on top", function()
    local path = write(os.tmpname(), '{"KeyId": "k", "GrantTokens": ["a"]}')
    assert.same({ KeyId = "k", GrantTokens = { "a" } }, sent("kms", "describe-key", "@" .. path))
    assert.same({ KeyId = "l", GrantTokens = { "a" } },
      sent("kms", "describe-key", "--key-id", "l", "--params", "@" .. path))
    assert.same({ KeyId = "k" }, sent("kms", "describe-key", "--params", '{"KeyId": "k"}'))
    assert.same({ KeyId = "k", GrantTokens = { "a" } },
      sent("kms", "describe-key", "--cli-input-json", "file://" .. path))
    os.remove(path)
    path = write(os.tmpname() .. ".yaml", "KeyId: k\nGrantTokens: [a]\n")
    assert.same({ KeyId = "k", GrantTokens = { "a" } }, sent("kms", "describe-key", "@" .. path))
    os.remove(path)
    assert.matches("an object of parameters is expected", refused("kms", "describe-key", "--params", "[]"))
    assert.matches("%-%-params: .*line 1", refused("kms", "describe-key", "--params", "{x}"))
  end)

  it("takes blobs as base64, as bytes of a file, as text where that is wanted", function()
    local path = write(os.tmpname(), "\0\1\255")
    local function plaintext(...) return sent("kms", "encrypt", "--key-id", "k", ...).Plaintext end
    assert.equal("aGk=", plaintext("--plaintext", "aGk="))
    assert.equal("AAH/", plaintext("--plaintext", "fileb://" .. path))
    assert.equal("aGk=", plaintext("--plaintext", "hi", "--cli-binary-format", "raw-in-base64-out"))
    assert.equal("aGk=", plaintext("--params", '{"Plaintext": "aGk="}'))
    assert.matches("%-%-ciphertext%-blob: 'hi there' is not base64",
      refused("kms", "decrypt", "--ciphertext-blob", "hi there"))
    -- A secret is not quoted.
    assert.matches("%-%-plaintext: what is given is not base64",
      refused("kms", "encrypt", "--key-id", "k", "--plaintext", "hi there"))
    assert.matches("is not text", refused("kms", "describe-key", "--key-id", "file://" .. path))
    local item = sent("dynamodb", "put-item", "--table-name", "t",
      "--item", "a={B@=fileb://" .. path .. "}").Item
    assert.same({ a = { B = "AAH/" } }, item)
    os.remove(path)
  end)

  it("takes a parameter that is called like a flag by AWS's spelling", function()
    local empty = { 200, xml_type, "<DescribeVpcsResponse/>" }
    local requests = select(4, call({ empty }, "ec2", "describe-vpcs", "--DryRun"))
    assert.matches("DryRun=true", requests[1].body)
    requests = select(4, call({ ok }, "ec2", "describe-vpcs", "--dry-run"))
    assert.equal(0, #requests)
  end)

  it("refuses what the model does not know, before anything is sent", function()
    local cases = {
      { "there is no service 'ek2'; did you mean", "ek2", "describe-cluster" },
      { "eks has no operation 'list%-cluster'; did you mean 'list%-clusters'", "eks", "list-cluster" },
      {
        "s3 ls is no operation of AWS, but a command of the AWS CLI's own; see .* list%-objects%-v2",
        "s3api", "ls",
      },
      { "eks update%-kubeconfig is no .*; see eksrun kubeconfig CLUSTER", "eks", "update-kubeconfig" },
      { "s3 sync is no operation of AWS, but a command of the AWS CLI's own\n$", "s3", "sync" },
      { "no waiter 'cluster%-activ'; did you mean 'cluster%-active'", "eks", "wait", "cluster-activ" },
      { "unknown parameter '%-%-nam'; did you mean '%-%-name'", "eks", "describe-cluster", "--nam", "x" },
      { "unknown flag '%-%-quer'; did you mean '%-%-query'", "--quer", "eks" },
      { "parameter name is required", "eks", "describe-cluster" },
      { "%-%-name wants a value, TEXT", "eks", "describe-cluster", "--name" },
      { "%-%-name wants a value", "eks", "describe-cluster", "--name", "--query", "x" },
      { "%-%-name is there twice", "eks", "describe-cluster", "--name", "a", "--name", "b" },
      { "%-%-max%-results: 'x' is not a whole number", "eks", "list-clusters", "--max-results", "x" },
      { "%-%-tags: expected '=' at column 4", "kms", "tag-resource", "--tags", "Key" },
      { "unexpected argument 'x'", "eks", "list-clusters", "x" },
      { "OPERATION is missing", "eks" },
      { "SERVICE is missing" },
      { "WAITER is missing", "eks", "wait" },
      { "sts has no waiters", "sts", "wait", "x" },
      { "does not come in pages", "eks", "describe-cluster", "--name", "x", "--all-pages" },
      { "column 10", "eks", "list-clusters", "--query", "clusters[" },
    }
    for _, case in ipairs(cases) do
      assert.matches(case[1], refused(table.unpack(case, 2)))
    end
  end)

  local cluster = { 200, json_type,
    '{"cluster":{"name":"x","createdAt":1700000000.25,"status":"ACTIVE","tags":{}}}' }

  it("prints the answer, times as ISO 8601", function()
    local function describe(...)
      local status, out, err = call({ cluster }, "eks", "describe-cluster", "--name", "x", ...)
      assert.equal(0, status, err)
      return out
    end
    assert.same({ cluster = { name = "x", createdAt = "2023-11-14T22:13:20.250000+00:00", status = "ACTIVE",
      tags = {} } }, json.decode(describe()))
    assert.equal('"ACTIVE"\n', describe("--query", "cluster.status"))
    assert.equal("null\n", describe("--query", "nothing"))
    assert.equal("ACTIVE\n", describe("--query", "cluster.status", "--output", "text"))
    assert.equal("", describe("--output", "off"))
    assert.equal("", (select(2, call({ ok }, "kms", "enable-key", "--key-id", "k"))))
  end)

  it("prints blobs as base64", function()
    local answer = { 200, json_type, '{"CiphertextBlob":"AAH/","KeyId":"k"}' }
    local out = select(2, call({ answer }, "kms", "encrypt", "--key-id", "k", "--plaintext", "aGk="))
    assert.equal("AAH/", json.decode(out).CiphertextBlob)
  end)

  it("writes a streamed body to a file or to stdout", function()
    local answer = { 200, { ["content-type"] = "application/octet-stream", etag = '"e"' }, "\0body" }
    local path = os.tmpname()
    local status, out = call({ answer }, "s3", "get-object", "--bucket", "b", "--key", "k", path)
    assert.equal(0, status)
    assert.equal('"e"', json.decode(out).ETag)
    assert.is_nil(json.decode(out).Body)
    local file = io.open(path, "rb")
    assert.equal("\0body", file:read "a")
    file:close()
    local requests = select(4, call({ answer }, "s3", "put-object", "--bucket", "b", "--key", "k",
      "--body", path))
    assert.same({ path = path, offset = 0, length = 5 }, requests[1].body)
    os.remove(path)
    status, out = call({ answer }, "s3api", "get-object", "--bucket", "b", "--key", "k", "-")
    assert.equal(0, status)
    assert.equal("\0body", out)
  end)

  it("fails when a body cannot be written, however large", function()
    for _, size in ipairs { 1, 1 << 20 } do
      local answer = { 200, { ["content-type"] = "application/octet-stream" }, ("x"):rep(size) }
      local words = { "s3", "get-object", "--bucket", "b", "--key", "k", "/dev/full" }
      local status, out, err = call({ answer }, table.unpack(words))
      assert.equal(1, status, out)
      assert.matches("No space left", err)
    end
  end)

  it("holds no stream back for a pager", function()
    local terminal, getenv, paged = require "eksrun.terminal", os.getenv, nil
    package.loaded["eksrun.terminal"] = setmetatable({
      is_tty = function(fd) return fd < 2 end,
      size = function() return 80, 2 end,
      page = function(text) paged = text return true end,
    }, { __index = terminal })
    os.getenv = function(name)  -- luacheck: ignore 122
      if name == "TERM" then return "xterm" end
      if name ~= "PAGER" then return getenv(name) end
    end
    local answer = { 200, { ["content-type"] = "application/octet-stream" }, "a\nb\nc\nd\n" }
    local ran, status, out = pcall(call, { answer }, "s3", "get-object", "--bucket", "b", "--key", "k", "-")
    package.loaded["eksrun.terminal"], os.getenv = terminal, getenv  -- luacheck: ignore 122
    assert.is_true(ran, status)
    assert.equal(0, status)
    assert.is_nil(paged)
    assert.equal("a\nb\nc\nd\n", out)
  end)

  -- A message of an event stream.
  local function message(event, payload)
    local digest = require("eksrun.checksum").digest
    local headers = ""
    for name, value in pairs { [":message-type"] = "event", [":event-type"] = event } do
      headers = headers .. string.pack(">s1Bs2", name, 7, value)
    end
    local bytes = string.pack(">I4I4", #headers + #payload + 16, #headers)
    bytes = bytes .. digest("crc32", bytes) .. headers .. payload
    return bytes .. digest("crc32", bytes)
  end

  it("prints events as lines of JSON", function()
    local messages = {
      message("initial-response", "{}"),
      message("sessionStart", '{"requestId":"r"}'),
      message("sessionUpdate", '{"sessionResults":[{"message":"m","timestamp":1700000000000}]}'),
    }
    local body = { try_read = function() return table.remove(messages, 1) end, close = function() end }
    local answer = { 200, { ["content-type"] = "application/vnd.amazon.eventstream" }, body }
    local status, out, err = call({ answer }, "logs", "start-live-tail", "--log-group-identifiers", "g")
    assert.equal(0, status, err)
    local lines = {}
    for line in out:gmatch("[^\n]+") do lines[#lines + 1] = json.decode(line) end
    assert.equal("r", lines[1].sessionStart.requestId)
    assert.equal("m", lines[2].sessionUpdate.sessionResults[1].message)
    assert.equal(2, #lines)
  end)

  local function page(names, token)
    return { 200, json_type, json.encode { clusters = json.array(names), nextToken = token } }
  end

  it("tells of further pages, and joins them where asked to", function()
    local pages = { page({ "a", "b" }, "t1"), page({ "c" }, "t2"), page { "d" } }
    local status, out, err, requests = call({ pages[1] }, "eks", "list-clusters")
    assert.equal(0, status)
    assert.equal("t1", json.decode(out).nextToken)
    assert.matches("more pages: %-%-all%-pages", err)
    assert.equal(1, #requests)
    status, out, err, requests = call({ table.unpack(pages) }, "eks", "list-clusters", "--all-pages")
    assert.equal(0, status)
    assert.same({ clusters = { "a", "b", "c", "d" } }, json.decode(out))
    assert.equal("", err)
    assert.equal(3, #requests)
    status, out, err, requests = call({ table.unpack(pages) }, "eks", "list-clusters", "--max-items", "3")
    assert.equal(0, status)
    assert.same({ clusters = { "a", "b", "c" } }, json.decode(out))
    assert.matches("more than %-%-max%-items 3", err)
    assert.equal(2, #requests)
    status, out = call({ page {} }, "eks", "list-clusters", "--all-pages")
    assert.equal(0, status)
    assert.equal('{\n    "clusters": []\n}\n', out)
  end)

  it("waits, and tells each state", function()
    local function status(word) return { 200, json_type, ('{"cluster":{"status":"%s"}}'):format(word) } end
    local code, out, err, requests = call({ status "CREATING", status "CREATING", status "ACTIVE" },
      "eks", "wait", "cluster-active", "--name", "x")
    assert.equal(0, code, err)
    assert.equal("", out)
    assert.equal("eksrun: cluster-active: CREATING\neksrun: cluster-active: ACTIVE\n", err)
    assert.equal(3, #requests)
    code, out, err = call({ status "FAILED" }, "eks", "wait", "ClusterActive", "--name", "x")
    assert.equal("", out)
    assert.equal(1, code)
    assert.matches("last seen: FAILED", err)
    assert.equal(1, select(2, err:gsub("\n", "")))
  end)

  local missing = { 404, {
    ["content-type"] = "application/json", ["x-amzn-errortype"] = "ResourceNotFoundException",
    ["x-amzn-requestid"] = "r-1",
  }, '{"message":"No cluster"}' }

  it("tells what ends a wait once", function()
    local status, out, err = call({ missing }, "eks", "wait", "cluster-active", "--name", "x")
    assert.equal(1, status)
    assert.equal("", out)
    assert.equal("eksrun: eks:DescribeCluster: ResourceNotFoundException: No cluster "
      .. "(region eu-west-1, request id r-1)\n", err)
  end)

  it("tells an error in a line, with code and request id", function()
    local status, out, err = call({ missing }, "eks", "describe-cluster", "--name", "x")
    assert.equal(1, status)
    assert.equal("", out)
    assert.equal("eksrun: eks:DescribeCluster: ResourceNotFoundException: No cluster "
      .. "(region eu-west-1, request id r-1)\n", err)
    status, out, err = call({ missing }, "eks", "describe-cluster", "--name", "x", "--json")
    assert.equal(1, status)
    assert.equal("", out)
    local problem = json.decode(err).error
    assert.equal("ResourceNotFoundException", problem.code)
    assert.equal("r-1", problem.request_id)
    assert.equal(404, problem.status)
    local denied = { 403, { ["x-amzn-errortype"] = "UnrecognizedClientException" }, "{}" }
    assert.equal(4, (call({ denied }, "eks", "describe-cluster", "--name", "x")))
  end)

  it("shows the signed request, without its secrets, and sends nothing", function()
    local status, out, _, requests = call({ ok }, "eks", "create-cluster", "--name", "x",
      "--role-arn", "r", "--resources-vpc-config", "{}", "--dry-run", "--output", "text")
    assert.equal(0, status)
    assert.equal(0, #requests)
    assert.matches("^POST https://eks%.eu%-west%-1%.amazonaws%.com/clusters\n", out)
    assert.matches("Credential=AKIDEXAMPLE/.*Signature=<redacted>", out)
    assert.matches('\n\n{.*"name":"x"', out)
    _, out = call({ ok }, "eks", "list-clusters", "--dry-run", "--json")
    local request = json.decode(out)
    assert.equal("GET", request.method)
    assert.is_nil(out:find("Signature=%x%x"))
  end)

  it("shows help of every service and operation", function()
    local native = require "eksrun.native.aws"
    local help = require "eksrun.cli.call.help"
    local names = require "eksrun.cli.call.names"
    for _, name in ipairs(native.services()) do
      local service = native.service(name)
      local request = { service = service, service_name = name, given = {} }
      assert.matches("operations", help.text { request = request })
      for _, operation in ipairs(service:operations()) do
        local op = service:operation(operation)
        local text = help.text { request = {
          service = service, service_name = name, operation = op,
          parameters = names.parameters(name, op), given = {},
        } }
        assert.matches("^" .. name:gsub("%-", "%%-") .. " [%l%d-]+ %(" .. operation .. "%)\n", text)
      end
    end
  end)

  it("shows examples that it takes", function()
    local native = require "eksrun.native.aws"
    local call_command = require "eksrun.cli.call"
    local help = require "eksrun.cli.call.help"
    local names = require "eksrun.cli.call.names"
    local taken = 0
    for _, name in ipairs(native.services()) do
      local service = native.service(name)
      for _, operation in ipairs(service:operations()) do
        local op = service:operation(operation)
        local words, files = { name, operation }, false
        for _, pair in ipairs(help.example { service_name = name, operation = op,
          parameters = names.parameters(name, op) }) do
          files = files or pair[2] == "FILE"
          words[#words + 1], words[#words + 2] = pair[1], pair[2]
        end
        if not files then
          local fine, parsed = pcall(call_command.parse, words)
          assert(fine, ("%s: %s"):format(table.concat(words, " "), tostring(parsed)))
          -- Placeholders may be too short, or stand for too few: nothing else may be wrong.
          local built, err = pcall(op.build, op, parsed.request.given)
          for _, problem in ipairs(built and {} or err.problems) do
            assert.matches("^must have a", problem.message, nil, table.concat(words, " "))
          end
          taken = taken + (built and 1 or 0)
        end
      end
    end
    assert(taken > 2000, taken)
  end)

  it("shows help that names types, bounds, enums and an example that works", function()
    local _, out = call({ ok }, "eks", "create-cluster", "--help")
    assert.matches("%-%-name +string 1%.%.100; required", out)
    assert.matches("subnetIds +list of string", out)
    assert.matches("ipv4 | ipv6", out)
    assert.matches("filled in if not given", out)
    local function shown(...)
      local _, text = call({ ok }, ...)
      return text
    end
    assert.matches("%-%-DryRun", shown("ec2", "run-instances", "--help"))
    assert.matches("calls describe%-cluster every 30 s", shown("eks", "wait", "cluster-active", "--help"))
    assert.matches("cluster%-active", shown("eks", "--help"))
    local data = json.decode(shown("eks", "create-cluster", "--help", "--json"))
    assert.equal("CreateCluster", data.operation)
    assert.equal("name", data.input.members[1].name)
    assert.matches("eks +%d+  Amazon Elastic Kubernetes Service", shown("--list"))
    assert.equal("account", json.decode(shown("--list", "--json"))[1].service)
  end)
end)
