--- CloudWatch Logs: streams, and what is logged into them.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local logs = require "eksrun.sandbox.logs"

local M = { operations = {} }
local operations = M.operations

local EVENTS_MAX = 10000

local function group_of(call, params)
  local name = params.logGroupName or (params.logGroupIdentifier or ""):match ":log%-group:([^:]+)"
    or params.logGroupIdentifier
  return logs.need(call, name).logGroupName
end

local function key_of(group, stream) return group .. ":" .. stream end

local function need(call, params)
  local group = group_of(call, params)
  local stream = call:get("logs.stream", key_of(group, params.logStreamName))
  if not stream then
    fault.raise("ResourceNotFoundException", "The specified log stream does not exist.")
  end
  return stream
end

function operations.CreateLogStream(call, params)
  local group, name = group_of(call, params), params.logStreamName
  if name:find "[:*]" then
    fault.raise("InvalidParameterException",
      "1 validation error detected: Value '%s' at 'logStreamName' failed "
      .. "to satisfy constraint: Member must satisfy regular expression pattern: [^:*]*", name)
  end
  local key = key_of(group, name)
  if call:get("logs.stream", key) then
    fault.raise("ResourceAlreadyExistsException", "The specified log stream already exists")
  end
  call:put("logs.stream", key, {
    logStreamName = name, creationTime = math.floor(call.now * 1000), storedBytes = 0,
    arn = call:arn("logs", ("log-group:%s:log-stream:%s"):format(group, name)), _group = group, _key = key,
    _events = {},
  })
end

function operations.DeleteLogStream(call, params) call:remove("logs.stream", need(call, params)._key) end

function operations.DescribeLogStreams(call, params)
  local group, prefix = group_of(call, params), params.logStreamNamePrefix
  local list = json.array(call:all("logs.stream", function(stream)
    return stream._group == group and (not prefix or stream.logStreamName:sub(1, #prefix) == prefix)
  end))
  local by_time = params.orderBy == "LastEventTime"
  local function place(stream) return by_time and (stream.lastEventTimestamp or 0) or stream.logStreamName end
  table.sort(list, function(a, b)
    if params.descending then return place(a) > place(b) end
    return place(a) < place(b)
  end)
  return { logStreams = list }
end

function operations.PutLogEvents(call, params)
  local stream, now, before = need(call, params), math.floor(call.now * 1000), nil
  for _, event in ipairs(params.logEvents) do
    if before and event.timestamp < before then
      fault.raise("InvalidParameterException", "Log events in a single PutLogEvents request must be in "
        .. "chronological order.")
    end
    before = event.timestamp
    table.insert(stream._events, { timestamp = event.timestamp, message = event.message,
      ingestionTime = now })
  end
  table.sort(stream._events, function(a, b) return a.timestamp < b.timestamp end)
  local first, last = stream._events[1], stream._events[#stream._events]
  if first then stream.firstEventTimestamp, stream.lastEventTimestamp = first.timestamp, last.timestamp end
  stream.lastIngestionTime = now
  return { nextSequenceToken = call:hash("sequence"):sub(1, 32) }
end

local function between(events, params)
  local list = {}
  for _, event in ipairs(events) do
    if event.timestamp >= (params.startTime or 0) and event.timestamp < (params.endTime or math.huge) then
      list[#list + 1] = event
    end
  end
  return list
end

-- Tokens say where in the stream the next page begins or the one before ends.
function operations.GetLogEvents(call, params)
  local all = between(need(call, params)._events, params)
  local limit = params.limit or EVENTS_MAX
  local way, at = (params.nextToken or ""):match "^([fb])/(%d+)$"
  at = math.tointeger(tonumber(at))
  local first
  if params.nextToken and not at then
    fault.raise("InvalidParameterException", "The specified nextToken is invalid.")
  elseif way == "f" then
    first = at + 1
  elseif way == "b" then
    first = math.max(1, at - limit)
    limit = math.min(limit, at - 1)
  else
    first = params.startFromHead and 1 or math.max(1, #all - limit + 1)
  end
  local last = math.min(#all, first + limit - 1)
  return {
    events = json.array(table.move(all, first, last, 1, {})), nextForwardToken = ("f/%d"):format(last),
    nextBackwardToken = ("b/%d"):format(first),
  }
end

function operations.FilterLogEvents(call, params)
  local group, names, list = group_of(call, params), {}, json.array {}
  for _, name in ipairs(params.logStreamNames or {}) do names[name] = true end
  local prefix, pattern = params.logStreamNamePrefix, params.filterPattern
  for _, stream in ipairs(call:all("logs.stream", function(s) return s._group == group end)) do
    local name = stream.logStreamName
    if (not next(names) or names[name]) and (not prefix or name:sub(1, #prefix) == prefix) then
      for i, event in ipairs(between(stream._events, params)) do
        if not pattern or pattern == "" or event.message:find(pattern:gsub('"', ""), 1, true) then
          list[#list + 1] = {
            logStreamName = name, timestamp = event.timestamp, message = event.message,
            ingestionTime = event.ingestionTime,
            eventId = ("%d%s"):format(i, call.world:hash(stream._key, i):sub(1, 20)),
          }
        end
      end
    end
  end
  table.sort(list, function(a, b) return a.timestamp < b.timestamp end)
  return { events = list, searchedLogStreams = json.array {} }
end

return M
