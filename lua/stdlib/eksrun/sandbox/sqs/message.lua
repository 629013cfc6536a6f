--- SQS: messages, sent, received and deleted.
local checksum = require "eksrun.checksum"
local json = require "eksrun.json"
local queues = require "eksrun.sandbox.sqs.queue"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local BATCH_MAX, HIDDEN_MAX, WAIT_MAX = 10, 43200, 20
-- For how long a FIFO queue knows a message again, in seconds.
local SAME = 300

local refuse = queues.refuse

local function md5(bytes) return text.hex(checksum.digest("md5", bytes)) end

-- The digest of a message's attributes: names, types and values, each with its length, in the order of names.
local function md5_of_attributes(attributes)
  if not attributes or not next(attributes) then return nil end
  local parts = {}
  for name, value in util.sorted_pairs(attributes) do
    local binary = value.DataType:find "^Binary" ~= nil
    parts[#parts + 1] = string.pack(">s4s4Bs4", name, value.DataType, binary and 2 or 1,
      binary and value.BinaryValue or value.StringValue or "")
  end
  return md5(table.concat(parts))
end

-- Attributes as the state can hold them, which is text; with text.unbase64 as they were.
local function converted(attributes, convert)
  local out = attributes and {}
  for name, value in pairs(attributes or {}) do
    local binary = value.BinaryValue and convert(value.BinaryValue)
    out[name] = { DataType = value.DataType, StringValue = value.StringValue, BinaryValue = binary }
  end
  return out
end

-- -- sending ------------------------------------------------------------------------------------------------

local function is_fifo(queue) return queue._attributes.FifoQueue == "true" end

-- A FIFO queue wants a group, and something that says when two messages are one.
local function check_fifo(queue, params)
  if not is_fifo(queue) then return end
  if not params.MessageGroupId then
    refuse("MissingParameter", "The request must contain the parameter MessageGroupId.")
  elseif not params.MessageDeduplicationId and queue._attributes.ContentBasedDeduplication ~= "true" then
    refuse("InvalidParameterValue", "The queue should either have ContentBasedDeduplication enabled or "
      .. "MessageDeduplicationId provided explicitly")
  end
end

local KINDS = { String = "StringValue", Number = "StringValue", Binary = "BinaryValue" }

-- Refuses an attribute of a type that is none, or without a value of its type.
local function check_attribute(name, value)
  local member = KINDS[value.DataType:match "^[^.]*"]
  if not member then
    refuse("InvalidParameterValue", ("The message attribute '%s' has an invalid message attribute type, the "
      .. "set of supported type prefixes is Binary, Number, and String."):format(name))
  elseif (value[member] or "") == "" then
    refuse("InvalidParameterValue", ("The message attribute '%s' must contain a non-empty message attribute "
      .. "value for message attribute type '%s'."):format(name, value.DataType:match "^[^.]*"))
  end
end

local function check_message(queue, params)
  local size = #params.MessageBody
  for _, attributes in ipairs { params.MessageAttributes or {}, params.MessageSystemAttributes or {} } do
    for name, value in util.sorted_pairs(attributes) do check_attribute(name, value) end
  end
  for name, value in pairs(params.MessageAttributes or {}) do
    size = size + #name + #value.DataType + #(value.BinaryValue or value.StringValue or "")
  end
  if params.MessageBody == "" then
    refuse("MissingParameter", "The request must contain the parameter MessageBody.")
  elseif size > tonumber(queue._attributes.MaximumMessageSize) then
    refuse("InvalidParameterValue", ("One or more parameters are invalid. Reason: Message must be shorter "
      .. "than %s bytes."):format(queue._attributes.MaximumMessageSize))
  end
  check_fifo(queue, params)
end

local function send(call, queue, params)
  check_message(queue, params)
  local fifo = is_fifo(queue)
  local same = fifo and (params.MessageDeduplicationId or text.sha256(params.MessageBody))
  local known = same and (queue._known or {})[same]
  if known and call.now < known.at + SAME then return known.result end
  local number = call.world:serial()
  local message = {
    id = call:uuid("message", number), body = params.MessageBody,
    attributes = converted(params.MessageAttributes, text.base64), sent = call.now, received = 0,
    sender = call.principal.user_id,
    group = params.MessageGroupId, same = same or nil,
    sequence = fifo and ("%020d"):format(number) or nil,
    visible = call.now + (params.DelaySeconds or tonumber(queue._attributes.DelaySeconds)),
  }
  table.insert(queue._messages, message)
  local result = {
    MessageId = message.id, MD5OfMessageBody = md5(message.body), SequenceNumber = message.sequence,
    MD5OfMessageAttributes = md5_of_attributes(params.MessageAttributes),
  }
  if same then
    queue._known = queue._known or {}
    queue._known[same] = { at = call.now, result = result }
  end
  return result
end

function operations.SendMessage(call, params)
  return send(call, queues.need(call, params.QueueUrl), params)
end

-- Does something for each entry of a batch; what is refused is one that failed.
local function batch(entries, act)
  local out, seen = { Successful = json.array {}, Failed = json.array {} }, {}
  if not entries[1] then
    refuse("EmptyBatchRequest", "There should be at least one entry in the request.",
      "AWS.SimpleQueueService.EmptyBatchRequest")
  elseif #entries > BATCH_MAX then
    refuse("TooManyEntriesInBatchRequest", ("Maximum number of entries per request are %d. You have sent %d.")
      :format(BATCH_MAX, #entries), "AWS.SimpleQueueService.TooManyEntriesInBatchRequest")
  end
  for _, entry in ipairs(entries) do
    if not entry.Id:find "^[%w_-]+$" or #entry.Id > 80 then
      refuse("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and "
        .. "underscores. It can be at most 80 letters long.", "AWS.SimpleQueueService.InvalidBatchEntryId")
    elseif seen[entry.Id] then
      refuse("BatchEntryIdsNotDistinct", ("Id %s repeated."):format(entry.Id),
        "AWS.SimpleQueueService.BatchEntryIdsNotDistinct")
    end
    seen[entry.Id] = true
  end
  for _, entry in ipairs(entries) do
    local ok, result = pcall(act, entry)
    if ok then
      result = util.overlay(result or {}, { Id = entry.Id })
      table.insert(out.Successful, result)
    elseif require("eksrun.sandbox.fault").is(result) then
      table.insert(out.Failed,
        { Id = entry.Id, Code = result.code, Message = result.message, SenderFault = true })
    else
      error(result, 0)
    end
  end
  return out
end

function operations.SendMessageBatch(call, params)
  local queue = queues.need(call, params.QueueUrl)
  return batch(params.Entries, function(entry) return send(call, queue, entry) end)
end

-- -- receiving ----------------------------------------------------------------------------------------------

-- Messages that are too old go, and those that were received too often, to the queue for them.
local function tidy(call, queue)
  local kept, policy = json.array {}, json.try_decode(queue._attributes.RedrivePolicy or "")
  local keep = tonumber(queue._attributes.MessageRetentionPeriod)
  local other = policy and call:get("sqs.queue", tostring(policy.deadLetterTargetArn):match "[^:]+$")
  local most = other and not other._deleted and tonumber(policy.maxReceiveCount)
  for _, message in ipairs(queue._messages) do
    if most and message.received >= most and call.now >= message.visible then
      message.source = queue.QueueArn
      table.insert(other._messages, message)
    elseif call.now < message.sent + keep then
      kept[#kept + 1] = message
    end
  end
  queue._messages = kept
end

local function system_attributes(call, message, wanted)
  local all = {
    SenderId = message.sender or call.account, SentTimestamp = tostring(math.floor(message.sent * 1000)),
    ApproximateReceiveCount = tostring(message.received),
    ApproximateFirstReceiveTimestamp = tostring(math.floor(message.first * 1000)),
    SequenceNumber = message.sequence, MessageGroupId = message.group,
    MessageDeduplicationId = message.same, DeadLetterQueueSourceArn = message.source,
  }
  local shown = {}
  for _, name in ipairs(wanted) do
    if name == "All" then return all end
    shown[name] = all[name]
  end
  return next(shown) and shown or nil
end

-- The attributes that a request names, by patterns such as "team.*".
local function own_attributes(message, wanted)
  local shown = {}
  for name, value in pairs(message.attributes or {}) do
    for _, pattern in ipairs(wanted) do
      local stem = pattern:match "^(.*)%.%*$" or pattern:match "^(.*)%*$"
      if pattern == "All" or pattern == name or stem and name:sub(1, #stem) == stem then
        shown[name] = value
      end
    end
  end
  return next(shown) and converted(shown, text.unbase64) or nil
end

local function receive(call, queue, message, params)
  local hidden = params.VisibilityTimeout or tonumber(queue._attributes.VisibilityTimeout)
  message.received, message.first = message.received + 1, message.first or call.now
  message.visible = call.now + hidden
  message.handle = text.base64(call:hash("receipt", message.id, message.received))
  local wanted = { table.unpack(params.AttributeNames or {}) }
  for _, name in ipairs(params.MessageSystemAttributeNames or {}) do wanted[#wanted + 1] = name end
  local shown = own_attributes(message, params.MessageAttributeNames or {})
  return {
    MessageId = message.id, ReceiptHandle = message.handle, Body = message.body,
    MD5OfBody = md5(message.body), Attributes = system_attributes(call, message, wanted),
    MessageAttributes = shown, MD5OfMessageAttributes = md5_of_attributes(shown),
  }
end

-- The messages that there are, and when the next will be.
local function take(call, queue, params)
  local list, held, soonest = json.array {}, {}, nil
  tidy(call, queue)
  for _, message in ipairs(queue._messages) do
    if #list == (params.MaxNumberOfMessages or 1) then break end
    if call.now < message.visible then
      soonest = math.min(soonest or message.visible, message.visible)
      if message.group then held[message.group] = true end -- its group waits
    elseif not held[message.group or ""] then
      list[#list + 1] = receive(call, queue, message, params)
    end
  end
  return list, soonest
end

local function check_receive(params)
  local most, seconds = params.MaxNumberOfMessages or 1, params.WaitTimeSeconds or 0
  if most < 1 or most > BATCH_MAX then
    refuse("InvalidParameterValue", ("Value %d for parameter MaxNumberOfMessages is invalid. Reason: Must be "
      .. "between 1 and 10, if provided."):format(most))
  elseif seconds < 0 or seconds > WAIT_MAX then
    refuse("InvalidParameterValue", ("Value %d for parameter WaitTimeSeconds is invalid. Reason: Must be >= "
      .. "0 and <= %d, if provided."):format(seconds, WAIT_MAX))
  end
end

-- Waits for a message, if one is asked to and there is none.
function operations.ReceiveMessage(call, params)
  check_receive(params)
  local queue = queues.need(call, params.QueueUrl)
  local last = call.now
    + (params.WaitTimeSeconds or tonumber(queue._attributes.ReceiveMessageWaitTimeSeconds))
  local list, soonest = take(call, queue, params)
  while not list[1] and call:pause(last, soonest) do
    queue = queues.need(call, params.QueueUrl)
    list, soonest = take(call, queue, params)
  end
  return { Messages = list[1] and list or nil }
end

-- -- what was received --------------------------------------------------------------------------------------

local function find(queue, handle)
  for i, message in ipairs(queue._messages) do
    if message.handle == handle then return message, i end
  end
  if not pcall(text.unbase64, handle) or #handle ~= 88 then
    refuse("ReceiptHandleIsInvalid", ('The input receipt handle "%s" is not a valid receipt handle.')
      :format(handle))
  end
end

-- A message that is gone already is none to complain of.
local function delete(queue, handle)
  local _, place = find(queue, handle)
  if place then table.remove(queue._messages, place) end
end

local function hide(call, queue, handle, seconds)
  if seconds < 0 or seconds > HIDDEN_MAX then
    refuse("InvalidParameterValue", ("Value %d for parameter VisibilityTimeout is invalid. Reason: Must be "
      .. "between 0 and %d."):format(seconds, HIDDEN_MAX))
  end
  local message = find(queue, handle)
  if not message or call.now >= message.visible then
    refuse("MessageNotInflight", "The specified message isn't in flight.",
      "AWS.SimpleQueueService.MessageNotInflight")
  end
  message.visible = call.now + seconds
end

function operations.DeleteMessage(call, params)
  delete(queues.need(call, params.QueueUrl), params.ReceiptHandle)
end

function operations.DeleteMessageBatch(call, params)
  local queue = queues.need(call, params.QueueUrl)
  return batch(params.Entries, function(entry) delete(queue, entry.ReceiptHandle) end)
end

function operations.ChangeMessageVisibility(call, params)
  hide(call, queues.need(call, params.QueueUrl), params.ReceiptHandle, params.VisibilityTimeout)
end

function operations.ChangeMessageVisibilityBatch(call, params)
  local queue = queues.need(call, params.QueueUrl)
  return batch(params.Entries, function(entry)
    hide(call, queue, entry.ReceiptHandle, entry.VisibilityTimeout or 0)
  end)
end

return M
