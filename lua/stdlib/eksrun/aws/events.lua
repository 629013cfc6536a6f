--- Event streams: the member of an output that is a series of events, read as they come.
---
---   local output = aws.logs:start_live_tail { logGroupIdentifiers = { arn } }
---   for event in output.responseStream do print(event.sessionUpdate) end
---
--- An event is a table with one field, its name in the model. What ends the stream before its time
--- is raised: an exception of the service with its own code, or an error of the network.
local error = error
local errors = require "eksrun.aws.errors"

local M = {}

--- @class eksrun.aws.EventStream
--- @overload fun(): table|nil the next event, nil at the end
local Stream = {}
Stream.__index = Stream

-- Where the answer is read from; the error object of what went wrong ends the stream.
local function fail(stream, err)
  stream:close()
  stream.failure = err
  error(err, 0)
end

-- The next message and its kind; nothing at the end.
local function read(stream)
  while true do
    local ok, message, kind = pcall(stream.reader.next, stream.reader)
    if not ok then
      if type(message) ~= "table" then error(message, 0) end
      fail(stream, errors.failed(stream.service, stream.operation, message))
    end
    if message then return message, kind end
    local bytes, err = stream.body:try_read()
    if err then fail(stream, errors.failed(stream.service, stream.operation, err)) end
    if not bytes then
      ok, err = pcall(stream.reader.finish, stream.reader)
      if not ok then fail(stream, errors.failed(stream.service, stream.operation, err)) end
      stream:close()
      return nil
    end
    stream.reader:feed(bytes)
  end
end

--- Waits for the next event.
--- @return table|nil event nil at the end
--- Raises what ended the stream before its time.
function Stream:next()
  if self.failure then error(self.failure, 0) end
  while self.body do
    local message, kind = read(self)
    if kind == "event" then return message end
    if kind == "error" then
      fail(self, errors.service(self.service, self.operation, 200, message))
    end
  end
  return nil
end

--- The same, returning the error.
--- @return table|nil event
--- @return table|nil error object
function Stream:try_next()
  local ok, event = pcall(Stream.next, self)
  if ok then return event end
  if type(event) ~= "table" then error(event, 0) end
  return nil, event
end

--- Ends the stream, whatever is still to come.
function Stream:close()
  if self.body then self.body:close() end
  self.body = nil
end

Stream.__call = Stream.next
Stream.__close = Stream.close
function Stream:__tostring() return ("event stream of %s:%s"):format(self.service, self.operation) end

--- @param call eksrun.aws.Call
--- @param body eksrun.http.Body of the answer
--- @param reader eksrun.native.aws.Events
--- @return eksrun.aws.EventStream
function M.open(call, body, reader)
  return setmetatable({
    service = call.client.name, operation = call.name, body = body, reader = reader,
  }, Stream)
end

--- Reads the first message of a stream whose protocol has no place for an output's other members:
--- the output they are.
--- @param stream eksrun.aws.EventStream
--- @return table|nil output
--- @return table|nil error object
function M.initial(stream)
  local ok, message, kind = pcall(read, stream)
  if not ok then
    if type(message) ~= "table" then error(message, 0) end
    return nil, message
  end
  if kind == "initial" then return message end
  stream:close()
  if kind == "error" then
    return nil, errors.service(stream.service, stream.operation, 200, message)
  end
  return nil, errors.failed(stream.service, stream.operation, {
    code = "invalid_response", message = "the event stream does not begin with its initial response",
  })
end

return M
