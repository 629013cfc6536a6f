-- The server's half of the protocols, for test_server.py.
--
--   server.lua generate        -> a line for each operation: service, operation, params, output
--   server.lua answer < lines  -> a line for each: the operation and the params that a request has,
--                                 the answer with the output, and the answer with an error
--
-- Bodies are base64; blobs in params and outputs are text.
package.path = "./?.lua;" .. package.path
local json = require "eksrun.json"
local native = require "eksrun.native.aws"
local random = require "tests.spec.support.random"
local text = require "eksrun.text"

local function generate()
  for seed, service in ipairs(native.services()) do
    for i, name in ipairs(native.service(service):operations()) do
      local operation = native.service(service):operation(name)
      local values = random.new(seed * 100019 + i)
      values.bytes = values.text
      io.write(json.encode {
        service = service, operation = name,
        params = operation:input() and values:value(operation:input()) or {},
        output = operation:output() and values:value(operation:output()) or {},
      }, "\n")
    end
  end
end

local function on_wire(answer)
  return { status = answer.status, headers = answer.headers, body = text.base64(answer.body) }
end

local function answer(line)
  local case = json.decode(line)
  local request = case.request
  request.body = text.unbase64(request.body)
  local operation, params = native.service(case.service):route(request)
  if not operation then return { refused = tostring(params) } end
  if operation:name() ~= case.operation then return { operation = operation:name() } end
  local codes = operation:info().errors
  local err = { code = codes[1] or "SomethingOfItsOwn", message = "no \"such\" <thing> é" }
  return {
    operation = operation:name(), params = params,
    output = on_wire(operation:serialize(case.output, { request_id = "r-1" })),
    error = on_wire(operation:serialize_error(err, { request_id = "r-2" })),
    code = err.code, message = err.message,
  }
end

if ... == "generate" then
  generate()
else
  for line in io.lines() do io.write(json.encode(answer(line)), "\n") end
end
