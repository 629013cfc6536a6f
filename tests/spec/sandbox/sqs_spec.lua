-- Queues and messages.
local clock = require "eksrun.clock"
local json = require "eksrun.json"
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

describe("SQS in the sandbox", function()
  local aws, sqs, world, url
  before_each(function()
    aws, world = support.open()
    sqs = aws.sqs
    url = sqs:create_queue({ QueueName = "jobs", Attributes = { VisibilityTimeout = "60" } }).QueueUrl
  end)
  after_each(support.close)

  local function refused(operation, params) return (support.refused(sqs, operation, params)) end
  local function receive(more)
    local params = { QueueUrl = url, MaxNumberOfMessages = 10 }
    for name, value in pairs(more or {}) do params[name] = value end
    return sqs:receive_message(params).Messages or {}
  end
  local function attribute(name)
    return sqs:get_queue_attributes({ QueueUrl = url, AttributeNames = { name } }).Attributes[name]
  end

  it("makes, finds and deletes queues", function()
    assert.equal("https://sqs.us-east-1.amazonaws.com/111122223333/jobs", url)
    local same = sqs:create_queue { QueueName = "jobs", Attributes = { VisibilityTimeout = "60" } }
    assert.equal(url, same.QueueUrl)
    local _, err = sqs.try:create_queue { QueueName = "jobs", Attributes = { VisibilityTimeout = "5" } }
    assert.equal("QueueAlreadyExists", err.code)
    assert.equal("InvalidParameterValue", refused("create_queue", { QueueName = "a b" }))
    assert.equal("InvalidParameterValue", refused("create_queue", { QueueName = "a.fifo" }))
    assert.equal("InvalidAttributeValue",
      refused("create_queue", { QueueName = "b", Attributes = { DelaySeconds = "901" } }))
    sqs:create_queue { QueueName = "other" }
    assert.equal(2, #sqs:list_queues({}).QueueUrls)
    assert.same({ url }, sqs:list_queues({ QueueNamePrefix = "jo" }).QueueUrls)
    assert.equal(url, sqs:get_queue_url({ QueueName = "jobs" }).QueueUrl)
    sqs:delete_queue { QueueUrl = url }
    assert.equal("AWS.SimpleQueueService.NonExistentQueue", refused("get_queue_url", { QueueName = "jobs" }))
    assert.equal("AWS.SimpleQueueService.QueueDeletedRecently",
      refused("create_queue", { QueueName = "jobs" }))
    task.sleep(61)
    sqs:create_queue { QueueName = "jobs" }
    assert.equal("30", attribute "VisibilityTimeout")
  end)

  it("keeps attributes and tags", function()
    assert.equal("arn:aws:sqs:us-east-1:111122223333:jobs", attribute "QueueArn")
    assert.equal("345600", attribute "MessageRetentionPeriod")
    sqs:set_queue_attributes { QueueUrl = url, Attributes = { Policy = "{}", DelaySeconds = "7" } }
    assert.equal("{}", attribute "Policy")
    sqs:set_queue_attributes { QueueUrl = url, Attributes = { Policy = "" } }
    assert.is_nil(sqs:get_queue_attributes({ QueueUrl = url, AttributeNames = { "All" } }).Attributes.Policy)
    assert.equal("InvalidAttributeName",
      refused("set_queue_attributes", { QueueUrl = url, Attributes = { Colour = "red" } }))
    sqs:tag_queue { QueueUrl = url, Tags = { team = "a", stage = "x" } }
    sqs:untag_queue { QueueUrl = url, TagKeys = { "stage" } }
    assert.same({ team = "a" }, sqs:list_queue_tags({ QueueUrl = url }).Tags)
    local found = aws.resourcegroupstaggingapi:get_resources { ResourceTypeFilters = { "sqs" } }
    assert.equal(attribute "QueueArn", found.ResourceTagMappingList[1].ResourceARN)
  end)

  it("gives a message to one at a time, until it is deleted", function()
    local sent = sqs:send_message {
      QueueUrl = url, MessageBody = "hello", MessageAttributes = {
        kind = { DataType = "String", StringValue = "greeting" },
        raw = { DataType = "Binary", BinaryValue = "\0\255" },
      },
    }
    assert.equal("5d41402abc4b2a76b9719d911017c592", sent.MD5OfMessageBody)
    assert.equal("1", attribute "ApproximateNumberOfMessages")
    local got = receive({ MessageAttributeNames = { "k.*", "raw" }, AttributeNames = { "All" } })[1]
    assert.equal("hello", got.Body)
    assert.equal(sent.MessageId, got.MessageId)
    assert.equal("\0\255", got.MessageAttributes.raw.BinaryValue)
    assert.equal("1", got.Attributes.ApproximateReceiveCount)
    assert.same({}, receive())
    assert.equal("1", attribute "ApproximateNumberOfMessagesNotVisible")
    json.encode(world:save(clock.now()))
    task.sleep(61)
    got = receive({ AttributeNames = { "ApproximateReceiveCount" } })[1]
    assert.equal("2", got.Attributes.ApproximateReceiveCount)
    sqs:change_message_visibility { QueueUrl = url, ReceiptHandle = got.ReceiptHandle, VisibilityTimeout = 0 }
    got = receive()[1]
    sqs:delete_message { QueueUrl = url, ReceiptHandle = got.ReceiptHandle }
    sqs:delete_message { QueueUrl = url, ReceiptHandle = got.ReceiptHandle }
    assert.equal("ReceiptHandleIsInvalid",
      refused("delete_message", { QueueUrl = url, ReceiptHandle = "never" }))
    task.sleep(61)
    assert.same({}, receive())
  end)

  it("has who receives wait for a message, no longer than is asked", function()
    local polled = sqs:create_queue({ QueueName = "polled",
      Attributes = { ReceiveMessageWaitTimeSeconds = "3" } }).QueueUrl
    local began = clock.now()
    local function passed() return math.floor(clock.now() - began + 0.5) end
    assert.is_nil(sqs:receive_message({ QueueUrl = polled, WaitTimeSeconds = 20 }).Messages)
    assert.equal(20, passed())
    assert.is_nil(sqs:receive_message({ QueueUrl = polled }).Messages)
    assert.equal(23, passed())
    sqs:send_message { QueueUrl = polled, MessageBody = "late", DelaySeconds = 7 }
    assert.equal("late", sqs:receive_message({ QueueUrl = polled, WaitTimeSeconds = 20 }).Messages[1].Body)
    assert.equal(30, passed())
    local sender = task.spawn(function()
      task.sleep(5)
      sqs:send_message { QueueUrl = polled, MessageBody = "meanwhile" }
    end)
    local got = sqs:receive_message({ QueueUrl = polled, WaitTimeSeconds = 20 }).Messages[1]
    sender:join()
    assert.same({ "meanwhile", 35 }, { got.Body, passed() })
    assert.equal("InvalidParameterValue",
      (support.refused(sqs, "receive_message", { QueueUrl = polled, WaitTimeSeconds = 21 })))
  end)

  it("knows three types of attributes, and who sent", function()
    local typed = sqs:create_queue({ QueueName = "typed" }).QueueUrl
    local function code(value)
      return (support.refused(sqs, "send_message",
        { QueueUrl = typed, MessageBody = "b", MessageAttributes = { a = value } }))
    end
    assert.equal("InvalidParameterValue", code { DataType = "Text", StringValue = "x" })
    assert.equal("InvalidParameterValue", code { DataType = "Number.int", BinaryValue = "x" })
    assert.equal("AWS.SimpleQueueService.InvalidBatchEntryId", (support.refused(sqs, "send_message_batch",
      { QueueUrl = typed, Entries = { { Id = "a b", MessageBody = "x" } } })))
    sqs:send_message { QueueUrl = typed, MessageBody = "b", MessageAttributes = {
      a = { DataType = "Number.int", StringValue = "1" } } }
    local got = sqs:receive_message({ QueueUrl = typed, AttributeNames = { "SenderId" } }).Messages[1]
    assert.equal("AROASANDBOX0000000000:eksrun", got.Attributes.SenderId)
  end)

  it("takes batches, and forgets what is old or purged", function()
    local answer = sqs:send_message_batch { QueueUrl = url, Entries = {
      { Id = "a", MessageBody = "1" }, { Id = "b", MessageBody = "2", DelaySeconds = 100 },
      { Id = "c", MessageBody = ("x"):rep(1048577) },
    } }
    assert.equal(2, #answer.Successful)
    assert.equal("c InvalidParameterValue", answer.Failed[1].Id .. " " .. answer.Failed[1].Code)
    assert.equal(1, #receive())
    assert.equal("1", attribute "ApproximateNumberOfMessagesDelayed")
    task.sleep(100)
    local both = receive()
    assert.equal(2, #both)
    local entry = { Id = "a", ReceiptHandle = both[1].ReceiptHandle }
    sqs:delete_message_batch { QueueUrl = url, Entries = { entry } }
    sqs:purge_queue { QueueUrl = url }
    assert.equal("AWS.SimpleQueueService.PurgeQueueInProgress", refused("purge_queue", { QueueUrl = url }))
    sqs:send_message { QueueUrl = url, MessageBody = "old" }
    task.sleep(345600)
    assert.same({}, receive())
    assert.equal("AWS.SimpleQueueService.EmptyBatchRequest",
      refused("send_message_batch", { QueueUrl = url, Entries = {} }))
  end)

  it("passes on what was received too often", function()
    local dead = sqs:create_queue({ QueueName = "dead" }).QueueUrl
    sqs:set_queue_attributes { QueueUrl = url, Attributes = {
      RedrivePolicy = [[{"deadLetterTargetArn": "arn:aws:sqs:us-east-1:111122223333:dead",
        "maxReceiveCount": 1}]],
    } }
    assert.same({ url }, sqs:list_dead_letter_source_queues({ QueueUrl = dead }).queueUrls)
    sqs:send_message { QueueUrl = url, MessageBody = "poison" }
    assert.equal(1, #receive())
    task.sleep(61)
    assert.same({}, receive())
    assert.equal("poison", sqs:receive_message({ QueueUrl = dead }).Messages[1].Body)
  end)

  it("keeps the order of groups in FIFO queues, and sends nothing twice", function()
    url = sqs:create_queue({ QueueName = "q.fifo", Attributes = {
      FifoQueue = "true", ContentBasedDeduplication = "true" } }).QueueUrl
    assert.equal("MissingParameter", refused("send_message", { QueueUrl = url, MessageBody = "1" }))
    local function send(body, group)
      return sqs:send_message({ QueueUrl = url, MessageBody = body, MessageGroupId = group }).MessageId
    end
    assert.equal(send("1", "a"), send("1", "a"))
    send("2", "a")
    send("3", "b")
    local first = receive { MaxNumberOfMessages = 1 }
    assert.equal("1", first[1].Body)
    local next_one = receive()
    assert.equal(1, #next_one)
    assert.equal("3", next_one[1].Body)
    sqs:delete_message { QueueUrl = url, ReceiptHandle = first[1].ReceiptHandle }
    assert.equal("2", receive()[1].Body)
  end)
end)
