--- SQS: queues, their attributes and tags.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local tags = require "eksrun.sandbox.tags"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

-- How long the name of a queue that was deleted stays taken, and how long it rests after a purge, in seconds.
local REST = 60

local DEFAULTS = {
  VisibilityTimeout = "30", MaximumMessageSize = "1048576", MessageRetentionPeriod = "345600",
  DelaySeconds = "0", ReceiveMessageWaitTimeSeconds = "0", SqsManagedSseEnabled = "true",
}
-- Least and most of attributes that are numbers.
local RANGES = {
  VisibilityTimeout = { 0, 43200 }, MaximumMessageSize = { 1024, 1048576 }, DelaySeconds = { 0, 900 },
  MessageRetentionPeriod = { 60, 1209600 }, ReceiveMessageWaitTimeSeconds = { 0, 20 },
  KmsDataKeyReusePeriodSeconds = { 60, 86400 },
}
local TEXTS = {
  Policy = true, RedrivePolicy = true, RedriveAllowPolicy = true, KmsMasterKeyId = true,
  SqsManagedSseEnabled = true, FifoQueue = true, ContentBasedDeduplication = true,
  DeduplicationScope = true, FifoThroughputLimit = true,
}

--- Refuses a request; what older clients know the error by is its code of the query protocol.
--- @param code string
--- @param message string
--- @param query_code? string
function M.refuse(code, message, query_code)
  fault.raise_with(code, message, { status = 400, query_code = query_code })
end

local function refuse_missing()
  M.refuse("QueueDoesNotExist", "The specified queue does not exist.",
    "AWS.SimpleQueueService.NonExistentQueue")
end

--- A queue by its URL.
--- @param call eksrun.sandbox.Call
--- @param url string
--- @return table
function M.need(call, url)
  local queue = call:get("sqs.queue", url:match "([^/]+)/?$")
  if not queue or queue._deleted then refuse_missing() end
  return queue
end

local function check_attributes(attributes)
  for name, value in util.sorted_pairs(attributes) do
    local range, number = RANGES[name], math.tointeger(tonumber(value))
    if range and not (number and number >= range[1] and number <= range[2]) then
      M.refuse("InvalidAttributeValue", ("Invalid value for the parameter %s."):format(name))
    elseif not range and not TEXTS[name] then
      M.refuse("InvalidAttributeName", ("Unknown Attribute %s."):format(name))
    end
  end
end

local function check_name(name, fifo)
  local stem = name:gsub("%.fifo$", "")
  if #name > 80 or not stem:find "^[%w_-]+$" or (stem ~= name) ~= fifo then
    M.refuse("InvalidParameterValue", fifo and "The name of a FIFO queue can only include alphanumeric "
      .. "characters, hyphens, or underscores, must end with .fifo suffix and be 1 to 80 in length."
      or "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
  end
end

local function url_of(call, name)
  return ("https://sqs.%s.amazonaws.com/%s/%s"):format(call.region, call.account, name)
end

-- The same name is the same queue, if it is to have the same attributes.
local function again(queue, attributes, now)
  if queue._deleted and now < queue._deleted + REST then
    M.refuse("QueueDeletedRecently",
      "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
      "AWS.SimpleQueueService.QueueDeletedRecently")
  elseif queue._deleted then
    return false
  end
  for name, value in pairs(attributes) do
    if queue._attributes[name] ~= value then
      M.refuse("QueueNameExists", ("A queue already exists with the same name and a different value for "
        .. "attribute %s"):format(name), "QueueAlreadyExists")
    end
  end
  return true
end

function operations.CreateQueue(call, params)
  local name, attributes = params.QueueName, params.Attributes or {}
  check_attributes(attributes)
  check_name(name, attributes.FifoQueue == "true")
  local present = call:get("sqs.queue", name)
  if not present or not again(present, attributes, call.now) then
    call:put("sqs.queue", name, {
      QueueUrl = url_of(call, name), QueueArn = call:arn("sqs", name), _name = name,
      _created = call:time(), _modified = call:time(), _messages = json.array {}, _tags = params.tags or {},
      _attributes = util.overlay(DEFAULTS, attributes),
    })
  end
  return { QueueUrl = url_of(call, name) }
end

function operations.GetQueueUrl(call, params)
  return { QueueUrl = M.need(call, params.QueueName).QueueUrl }
end

function operations.ListQueues(call, params)
  local urls, prefix = json.array {}, params.QueueNamePrefix or ""
  for _, queue in ipairs(call:all("sqs.queue", function(q) return not q._deleted end)) do
    if queue._name:sub(1, #prefix) == prefix then urls[#urls + 1] = queue.QueueUrl end
  end
  table.sort(urls)
  return { QueueUrls = urls[1] and urls or nil }
end

function operations.DeleteQueue(call, params)
  local queue = M.need(call, params.QueueUrl)
  queue._deleted, queue._messages = call.now, json.array {}
end

-- -- attributes ---------------------------------------------------------------------------------------------

-- How many messages wait, are with somebody, and are not due yet.
local function counts(call, queue)
  local waiting, taken, delayed = 0, 0, 0
  for _, message in ipairs(queue._messages) do
    if call.now >= message.visible then
      waiting = waiting + 1
    elseif message.received > 0 then
      taken = taken + 1
    else
      delayed = delayed + 1
    end
  end
  return waiting, taken, delayed
end

function operations.GetQueueAttributes(call, params)
  local queue, shown = M.need(call, params.QueueUrl), {}
  local waiting, taken, delayed = counts(call, queue)
  local all = util.overlay(queue._attributes, {
    QueueArn = queue.QueueArn, CreatedTimestamp = tostring(queue._created),
    LastModifiedTimestamp = tostring(queue._modified), ApproximateNumberOfMessages = tostring(waiting),
    ApproximateNumberOfMessagesNotVisible = tostring(taken),
    ApproximateNumberOfMessagesDelayed = tostring(delayed),
  })
  for _, name in ipairs(params.AttributeNames or {}) do
    if name == "All" then return { Attributes = all } end
    if not all[name] and not TEXTS[name] and not RANGES[name] then
      M.refuse("InvalidAttributeName", ("Unknown Attribute %s."):format(name))
    end
    shown[name] = all[name]
  end
  return { Attributes = next(shown) and shown or nil }
end

-- An empty text takes an attribute away.
function operations.SetQueueAttributes(call, params)
  local queue = M.need(call, params.QueueUrl)
  local set = {}
  for name, value in pairs(params.Attributes) do
    if value ~= "" or RANGES[name] then set[name] = value end
  end
  check_attributes(set)
  if set.FifoQueue and set.FifoQueue ~= queue._attributes.FifoQueue then
    M.refuse("InvalidAttributeValue", "Invalid value for the parameter FifoQueue.")
  end
  for name in pairs(params.Attributes) do queue._attributes[name] = set[name] end
  queue._modified = call:time()
end

function operations.PurgeQueue(call, params)
  local queue = M.need(call, params.QueueUrl)
  if queue._purged and call.now < queue._purged + REST then
    M.refuse("PurgeQueueInProgress", ("Only one PurgeQueue operation on %s is allowed every 60 seconds.")
      :format(queue._name), "AWS.SimpleQueueService.PurgeQueueInProgress")
  end
  queue._purged, queue._messages = call.now, json.array {}
end

function operations.ListDeadLetterSourceQueues(call, params)
  local target, urls = M.need(call, params.QueueUrl).QueueArn, json.array {}
  for _, queue in ipairs(call:all("sqs.queue", function(q) return not q._deleted end)) do
    local policy = json.try_decode(queue._attributes.RedrivePolicy or "")
    if policy and policy.deadLetterTargetArn == target then urls[#urls + 1] = queue.QueueUrl end
  end
  return { queueUrls = urls }
end

-- -- tags ---------------------------------------------------------------------------------------------------

function operations.TagQueue(call, params)
  local map = M.need(call, params.QueueUrl)._tags
  for key, value in pairs(params.Tags) do map[key] = value end
end

function operations.UntagQueue(call, params)
  local map = M.need(call, params.QueueUrl)._tags
  for _, key in ipairs(params.TagKeys) do map[key] = nil end
end

function operations.ListQueueTags(call, params)
  local map = M.need(call, params.QueueUrl)._tags
  return { Tags = next(map) and map or nil }
end

M.all_tags = tags.of_all("sqs.queue", "QueueArn")

return M
