--- Calls whose answer is a stream of events or bytes: of an error, the body is read; of an output, it
--- stays with whoever reads it.
local errors = require "eksrun.aws.errors"
local exchange = require "eksrun.aws.exchange"
local observe = require "eksrun.aws.observe"

local M = {}

local function is_wanted(call)
  local options = call.options
  if options.stream == nil and options.save == nil then return false end
  return require("eksrun.aws.customize.stream").is_wanted(call)
end

local function receive(call, signed, streams)
  signed.stream = streams or nil
  -- An object's bytes are what they are, compressed or not.
  if call.traits.stream_output then signed.decompress = false end
  observe.tell("sending", call, signed)
  local response, err = exchange.send(call, signed)
  if not response or not streams then return response, err end
  local body = response.body
  if response.status < 300 then
    response.stream, response.body = body, ""
  else
    response.body, err = body:try_read_all()
    if not response.body then return nil, err end
  end
  return response
end

-- Puts the stream into the output, or nil and error.
local function open_events(call, output, body, events)
  local module = require "eksrun.aws.events"
  local stream = module.open(call, body, events)
  if not call.client.metadata.protocol:find "^rest" then
    local err
    output, err = module.initial(stream)
    if not output then return nil, err end
  end
  output[call.traits.event_output] = stream
  return output
end

--- Sends a signed request and reads the answer's beginning.
--- @param call eksrun.aws.Call
--- @param signed table
--- @param events any what Operation:events says, nil: its output is no stream of events
--- @return table|nil output
--- @return table|nil error object
--- @return eksrun.aws.Response|nil response
function M.send(call, signed, events)
  local bytes = is_wanted(call)
  local response, err = receive(call, signed, events ~= nil or bytes)
  if not response then return nil, errors.unanswered(call, err) end
  return call:read(response, function(output)
    if events then return open_events(call, output, response.stream, events) end
    if not bytes then return output end
    return require("eksrun.aws.customize.stream").deliver(call, output, response.stream)
  end)
end

return M
