local aws = require "eksrun.aws"
local gc = require "tests.spec.support.gc"
local native = require "eksrun.native.aws"
local server = require "tests.spec.support.server"
local text = require "eksrun.text"

local tail = native.service("logs"):operation "start_live_tail"
local select = native.service("s3"):operation "select_object_content"
local invoke = native.service("lambda"):operation "invoke_with_response_stream"

local function started(id) return tail:serialize_event("sessionStart", { sessionId = id }) end

local function update(message)
  return tail:serialize_event("sessionUpdate", {
    sessionResults = { { message = message, timestamp = 1500 } },
  })
end

-- All messages of some bytes, as { kind, message }.
local function read_all(operation, bytes, step)
  local reader, list = operation:events(), {}
  for at = 1, #bytes, step or #bytes do
    reader:feed(bytes:sub(at, at + (step or #bytes) - 1))
    for message, kind in function() return reader:next() end do list[#list + 1] = { kind, message } end
  end
  reader:finish()
  return list
end

describe("a reader of events", function()
  it("gives events as the model names them, however the bytes come", function()
    local bytes = tail:serialize({}).body .. started "s-1" .. update "one"
    local want = {
      { "initial", {} },
      { "event", { sessionStart = { sessionId = "s-1" } } },
      { "event", { sessionUpdate = { sessionResults = { { message = "one", timestamp = 1500 } } } } },
    }
    for _, step in ipairs { 1, 2, 13, 1000 } do assert.same(want, read_all(tail, bytes, step)) end
  end)

  it("gives an event whole that a finalizer feeds behind", function()
    local long = ("x"):rep(100000)
    local reader, fed = tail:events(), 0
    reader:feed(update(long))
    local event = gc.eagerly(function()
      gc.at_each(function()
        reader:feed(("y"):rep(300000))
        fed = fed + 1
        return fed == 3
      end)
      return (reader:next())
    end)
    assert.is_true(fed > 0)
    assert.equal(long, event.sessionUpdate.sessionResults[1].message)
  end)

  it("gives payloads of bytes and of XML", function()
    local bytes = select:serialize_event("Records", { Payload = "a,b\0\n" })
      .. select:serialize_event("Stats", { Details = { BytesScanned = 5 } })
      .. select:serialize_event("End", {})
    assert.same({
      { "event", { Records = { Payload = "a,b\0\n" } } },
      { "event", { Stats = { Details = { BytesScanned = 5 } } } },
      { "event", { End = {} } },
    }, read_all(select, bytes))
    assert.same({
      { "event", { PayloadChunk = { Payload = "hi" } } },
      { "event", { InvokeComplete = { ErrorCode = "Unhandled" } } },
    }, read_all(invoke, invoke:serialize_event("PayloadChunk", { Payload = "hi" })
      .. invoke:serialize_event("InvokeComplete", { ErrorCode = "Unhandled" })))
  end)

  it("gives exceptions as errors", function()
    local bytes = tail:serialize_event("SessionTimeoutException", { message = "too long" })
    local err = { code = "SessionTimeoutException", message = "too long" }
    assert.same({ { "error", err } }, read_all(tail, bytes))
  end)

  it("passes over events that it does not know", function()
    local bytes = (started "s" .. update "x")
    local other = native.service("logs"):operation("get_log_object")
    assert.same({}, read_all(other, bytes))
  end)

  it("refuses what is cut or turned", function()
    local reader = tail:events()
    local bytes = started "s"
    reader:feed(bytes:sub(1, -2))
    assert.is_nil(reader:next())
    assert.has_error(function() reader:finish() end)
    for _, at in ipairs { 3, 10, 20, #bytes } do
      reader = tail:events()
      reader:feed(bytes:sub(1, at - 1) .. string.char(bytes:byte(at) ~ 1) .. bytes:sub(at + 1))
      local ok, err = pcall(reader.next, reader)
      assert.is_false(ok)
      assert.equal("invalid_response", err.code)
      assert.matches("checksum mismatch", err.message)
    end
    reader = tail:events()
    reader:feed "<html><body>a page of a proxy</body></html>"
    assert.has_error(function() reader:next() end)
  end)

  it("is none for an operation without events", function()
    assert.is_nil(native.service("eks"):operation("list_clusters"):events())
  end)
end)

describe("an output with events", function()
  local peer
  setup(function() peer = server.misbehaving() end)
  teardown(function() peer:stop() end)

  local function client(service, bytes)
    return aws.client(service, {
      region = "eu-west-1", endpoint = ("%s/frames/%s"):format(peer.url, text.hex(bytes)), max_attempts = 1,
      credentials = { access_key_id = "AKIDEXAMPLE", secret_access_key = "secret" },
    })
  end

  local params = { logGroupIdentifiers = { "arn:aws:logs:eu-west-1:1:log-group:x" } }

  it("is iterated over", function()
    local seen = {}
    local logs = client("logs", tail:serialize({}).body .. started "s-1" .. update "one" .. update "two")
    for event in logs:start_live_tail(params).responseStream do seen[#seen + 1] = next(event) end
    assert.same({ "sessionStart", "sessionUpdate", "sessionUpdate" }, seen)
  end)

  it("has the other members from headers, where the protocol is a rest one", function()
    local s3 = client("s3", select:serialize_event("Records", { Payload = "x" }))
    local output = s3:select_object_content {
      Bucket = "b", Key = "k", Expression = "SELECT *", ExpressionType = "SQL",
      InputSerialization = {}, OutputSerialization = {},
    }
    assert.same({ Records = { Payload = "x" } }, output.Payload:next())
    assert.is_nil(output.Payload:next())
    assert.is_nil(output.Payload:next())
    output.Payload:close()
  end)

  it("raises the service's exception, behind the events before it", function()
    local bytes = tail:serialize({}).body .. started "s"
      .. tail:serialize_event("SessionStreamingException", { message = "gone" })
    local stream = client("logs", bytes):start_live_tail(params).responseStream
    assert.is_not_nil(stream:next())
    local event, err = stream:try_next()
    assert.is_nil(event)
    assert.equal("SessionStreamingException", err.code)
    assert.equal("logs:StartLiveTail: SessionStreamingException: gone", err.message)
    assert.has_error(function() stream:next() end)
  end)

  it("raises when the stream breaks off, or is none", function()
    local logs = client("logs", tail:serialize({}).body .. started("s"):sub(1, -3))
    local stream = logs:start_live_tail(params).responseStream
    local _, err = stream:try_next()
    assert.equal("invalid_response", err.code)
    assert.matches("ends within a message", err.message)
    local output
    output, err = client("logs", "<html>a page</html>").try:start_live_tail(params)
    assert.is_nil(output)
    assert.equal("invalid_response", err.code)
    output, err = client("logs", started "s").try:start_live_tail(params)
    assert.is_nil(output)
    assert.matches("does not begin with its initial response", err.message)
  end)
end)
