-- Answers that no service should give, for each protocol: an error object or an output, never a
-- fault, an endless loop, or an error of Lua.
local native = require "eksrun.native.aws"
local random = require "tests.spec.support.random"
local util = require "eksrun.util"

local function lower(headers)
  local out = {}
  for name, value in pairs(headers) do out[name:lower()] = value end
  return out
end

-- One operation of each protocol, whose output lies in the body.
local operations = {
  json = { "kms", "DescribeKey" }, ["rest-json"] = { "eks", "DescribeCluster" },
  ["rest-xml"] = { "s3", "ListObjectsV2" }, query = { "iam", "GetRole" }, ec2 = { "ec2", "DescribeVpcs" },
  cbor = { "cloudwatch", "DescribeAlarms" },
}

local function operation_of(protocol)
  local service, name = table.unpack(operations[protocol])
  if protocol ~= "cbor" then return native.service(service):operation(name) end
  -- As the answer to a request in CBOR, an operation speaks it.
  local json = require "eksrun.json"
  local file = assert(io.open "models/cloudwatch.json")
  local model = json.decode(file:read "a")
  file:close()
  model.metadata.protocols = json.array { "smithy-rpc-v2-cbor" }
  return native.open(native.compile(json.encode(model), "cloudwatch")):operation(name)
end

-- Reads the body in every way: an output, or an error object; then as an error.
local function read(operation, body, headers)
  local ok, output = pcall(operation.parse, operation, 200, headers or {}, body)
  assert.is_table(output, tostring(output))
  if not ok then
    assert.equal("invalid_response", output.code)
    assert.is_nil(output.message:find "[%c\x7f-\xff]", output.message)
  end
  local err = operation:parse_error(500, headers or {}, body)
  assert.is_string(err.code)
  assert.is_string(err.message)
  return ok and output
end

describe("a bad answer", function()
  for protocol in pairs(operations) do
    describe("in " .. protocol, function()
      local operation, answer
      setup(function()
        operation = operation_of(protocol)
        answer = operation:serialize(random.new(7):value(operation:output()))
      end)

      it("is whole, or cut at any byte an error or nothing", function()
        assert.is_true(#answer.body > 50)
        local headers = lower(answer.headers)
        assert.is_table(read(operation, answer.body, headers))
        for n = 1, #answer.body - 1 do
          local ok, output = pcall(operation.parse, operation, 200, headers, answer.body:sub(1, n))
          assert.is_false(ok, n)
          assert.equal("invalid_response", output.code)
        end
      end)

      it("with any bit turned is an output or an error", function()
        local whole, others, errors = read(operation, answer.body), 0, 0
        for i = 1, #answer.body do
          local turned = string.char(answer.body:byte(i) ~ (1 << i % 8))
          local output = read(operation, answer.body:sub(1, i - 1) .. turned .. answer.body:sub(i + 1))
          if not output then
            errors = errors + 1
          elseif not util.equal(whole, output) then
            others = others + 1
          end
        end
        assert.is_true(errors > 0)
        assert.is_true(errors + others > #answer.body // 2) -- little of an answer says nothing
      end)

      it("of another kind is an error", function()
        for _, body in ipairs {
          "<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "<html>", "plain words", "null",
            "[]", "5",
          "\0\0\0", "\xff\xfe<\0a\0", "{", "<", "<a>", "<a/><b/>", '{"a":1}{', "\xa1", "\xbf", "\xff",
            "%PDF-1.4",
        } do
          read(operation, body)
        end
        for _, body in ipairs { "<html>a page of a proxy</html>", "plain words" } do
          assert.is_false(pcall(operation.parse, operation, 200, {}, body))
        end
      end)

      it("nested without end is an error, soon", function()
        for _, part in ipairs { "[", '{"a":', "<a>", "\x81", "\xa1\x61a", "\x9f", "\xd8\x01" } do
          local ok = pcall(operation.parse, operation, 200, {}, part:rep(100000))
          assert.is_false(ok)
        end
      end)

      it("has headers as long as they come", function()
        local id, headers = ("r"):rep(300000), lower(answer.headers)
        local output = read(operation, answer.body, headers)
        headers["x-amzn-requestid"], headers["x-amzn-errortype"] = id, ("c"):rep(300000)
        assert.same(output, read(operation, answer.body, headers))
        assert.equal(id, operation:parse_error(500, headers, answer.body).request_id)
      end)
    end)
  end

  it("with text that is not UTF-8 is an error", function()
    local around = {
      json = '{"KeyMetadata": {"KeyId": "a%sb"}}',
      ["rest-json"] = '{"cluster": {"name": "a%sb"}}',
      ["rest-xml"] = "<ListBucketResult><Name>a%sb</Name></ListBucketResult>",
      query = "<GetRoleResponse><GetRoleResult><Role><Path>a%sb</Path></Role></GetRoleResult>"
        .. "</GetRoleResponse>",
      ec2 = "<DescribeVpcsResponse><vpcSet><item><vpcId>a%sb</vpcId></item></vpcSet></DescribeVpcsResponse>",
    }
    for protocol, text in pairs(around) do
      local operation = operation_of(protocol)
      assert.is_table(read(operation, (text:format "\xc3\xa4")))
      for _, bad in ipairs { "\xff", "\xc0\xaf", "\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80" } do
        assert.is_false(read(operation, (text:format(bad))), protocol)
      end
    end
  end)

  it("does not make entities grow", function()
    local bomb = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
      .. '<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>'
      .. "<GetRoleResponse><GetRoleResult>&c;</GetRoleResult></GetRoleResponse>"
    for _, protocol in ipairs { "query", "ec2", "rest-xml" } do
      local operation = operation_of(protocol)
      local ok, err = pcall(operation.parse, operation, 200, {}, bomb)
      assert.is_false(ok)
      assert.equal("invalid_response", err.code)
    end
  end)

  it("with values of the wrong type names the member and shows the value", function()
    local operation = operation_of "rest-json"
    for body, message in pairs {
      ['{"cluster": "x"}'] = "cluster: of the wrong type: 'a string'",
      ['{"cluster": {"createdAt": "yesterday"}}'] = "createdAt: not a timestamp: 'yesterday'",
      ['{"cluster": {"tags": []}}'] = "tags: of the wrong type: 'an array'",
    } do
      local ok, err = pcall(operation.parse, operation, 200, {}, body)
      assert.is_false(ok)
      assert.equal(message, err.message)
    end
    operation = operation_of "cbor"
    local _, err = pcall(operation.parse, operation, 200, {},
      "\xa1\x6cMetricAlarms\x81\xa1\x66Period\xc2\x41\x05")
    assert.matches("Period: of the wrong type: 'an integer of any length'", err.message, 1, true)
    _, err = pcall(operation.parse, operation, 200, {}, "\xa1\x6cMetricAlarms\x61x")
    assert.equal("MetricAlarms: of the wrong type: 'text'", err.message)
  end)

  it("that is an error inside of a 200 is the error of whoever asks for it", function()
    local operation = native.service("s3"):operation "copy_object"
    local err = operation:parse_error(200, {}, "<Error><Code>SlowDown</Code><Message>later</Message></Error>")
    assert.equal("SlowDown", err.code)
  end)
end)
