-- Requests and answers of every protocol: AWS's protocol tests as botocore carries them.
local customize = require "eksrun.aws.customize"
local json = require "eksrun.json"
local lfs = require "lfs"
local native = require "eksrun.native.aws"
local text = require "eksrun.text"
local wire = require "tests.conformance.support.wire"

local read, same, sorted = wire.read, wire.same, wire.sorted

local TOKEN = "00000000-0000-4000-8000-000000000000"
local groups = { "input", "output", "legacy/input", "legacy/output" }

-- Floats that JSON cannot hold are words in the cases.
local function with_floats(value, name, shapes)
  local shape = shapes[name]
  if not shape or shape.document then return value end
  if shape.type == "float" or shape.type == "double" then return wire.words[value] or value end
  if type(value) ~= "table" then return value end
  local out = {}
  for key, part in pairs(value) do
    local ref = shape.member or shape.value or (shape.members and shape.members[key])
    out[key] = ref and with_floats(part, ref.shape, shapes) or part
  end
  return out
end

-- Upstream's runner does not look at these either.
local function is_lenient(protocol, name, value)
  return name == "content-type" and (protocol == "rest-xml"
    or protocol == "rest-json" and not value:find("json", 1, true))
end

local function check_request(protocol, request, case, suite)
  local want = case.serialized
  if want.method and want.method ~= request.method then return "method " .. request.method end
  local path, query = (want.uri or "/"):match "^([^?]*)%??(.*)$"
  local base = (suite.clientEndpoint or ""):match "^%w+://[^/]*(.-)/?$" or ""
  if base .. request.path ~= path then return "path " .. base .. request.path end
  if sorted(request.query, "&") ~= sorted(query, "&") then return "query " .. request.query end
  local headers = {}
  for name, value in pairs(request.headers) do headers[name:lower()] = value end
  for name, value in pairs(want.headers or {}) do
    name = name:lower()
    local got = headers[name] or ""
    if name == "content-type" then got, value = got:match "^[^;]*", value:match "^[^;]*" end
    if not is_lenient(protocol, name, value) and got:gsub(", ", ",") ~= value:gsub(", ", ",") then
      return ("header %s: %s"):format(name, got)
    end
  end
  for _, name in ipairs(want.forbidHeaders or {}) do
    if headers[name:lower()] then return "header " .. name end
  end
  local host = suite.clientEndpoint and suite.clientEndpoint:match "^%w+://([^/]*)"
  if want.host and host and (request.host_prefix or "") .. host ~= want.host:match "^[^/]*" then
    return "host"
  end
  if want.body and wire.body_differs(protocol, request.body, want.body) then
    return "body " .. request.body
  end
end

local function check_error(operation, case, response)
  local got = operation:parse_error(response.status_code, response.headers, response.body)
  local code = case.errorCode and case.errorCode:gsub(":.*", ""):gsub("^.*#", "")
  if code and got.code ~= code then return "code " .. tostring(got.code) end
  if case.errorMessage and got.message ~= case.errorMessage then return "message " .. got.message end
  for key, value in pairs(type(case.error) == "table" and case.error or {}) do
    local name = key:lower()
    if name ~= "message" and name ~= "code" and not same(got[key], value) then return "field " .. key end
  end
end

local function check_answer(protocol, operation, case)
  local response = case.response
  local headers = {}
  for name, value in pairs(response.headers or {}) do headers[name:lower()] = value end
  local body = response.body or (protocol == "query" and "<xml/>" or "")
  if protocol:find "cbor" or operation:events() then body = assert(text.unbase64(body)) end
  if case.error or case.errorCode then
    local answer = { status_code = response.status_code, headers = headers, body = body }
    return check_error(operation, case, answer)
  end
  local output = operation:parse(response.status_code, headers, body)
  local reader = operation:events()
  if reader then output[operation:info().event_output] = wire.events(reader, body) end
  case.result.ResponseMetadata = nil
  if not same(output, case.result) then return "result " .. json.encode(output) end
end

-- The hooks of a call that concern its body, run as the client does.
local function customize_request(name, operation, params, request)
  local call = { client = { compression = { min = 0 } }, params = params }
  for _, hook in ipairs(operation:info().requestcompression and customize.hooks("", name, operation) or {}) do
    if hook.request then request = hook.request(call, request) or request end
  end
  return request
end

local function run_case(protocol, suite, case, is_input)
  local given = case.given
  given.name = given.name or "OperationName"
  given.http = given.http or { method = "POST", requestUri = "/" }
  if protocol == "query" and given.output and not given.output.resultWrapper then
    given.output.resultWrapper = given.name .. "Result"
  end
  for _, shape in pairs(suite.shapes) do
    -- As one model of old has it.
    if shape.type == "string" and shape.key then shape.type = "map" end
  end
  local image = native.compile(json.encode {
    metadata = suite.metadata, shapes = suite.shapes, operations = { [given.name] = given },
  }, "service")
  local operation = native.open(image):operation(given.name)
  if not is_input then return check_answer(protocol, operation, case) end
  local params = case.params or {}
  if given.input then params = with_floats(params, given.input.shape, suite.shapes) end
  local request = operation:build(params, { token = TOKEN })
  return check_request(protocol, customize_request(given.name, operation, params, request), case, suite)
end

-- What a case of the CBOR decoder says a value is: {uint = 5}, {list = {...}}, ...
local function plain(expected)
  local kind, value = next(expected)
  if kind == "float32" then return (string.unpack("f", string.pack("I4", value))) end
  if kind == "float64" then return (string.unpack("d", string.pack("I8", value))) end
  if kind == "bytestring" then return string.char(table.unpack(value)) end
  if kind == "null" or kind == "undefined" then return json.null end
  if kind == "tag" then return plain(value.value) end
  if kind ~= "list" and kind ~= "map" then return value end
  local out = {}
  for key, part in pairs(value) do out[key] = plain(part) end
  return out
end

local function check_cbor(case)
  local ok, value = pcall(native.decode_cbor, text.unhex(case.input))
  if case.error then return ok and "was read" or nil end
  if not ok then return tostring(value) end
  if not same(value, plain(case.expect)) then return json.encode(value) end
end

local function run_cbor(dir, totals)
  for _, name in ipairs { "decode-success-tests", "decode-error-tests" } do
    for _, case in ipairs(json.decode(read(("%s/protocols/cbor/%s.json"):format(dir, name)))) do
      totals:count("cbor/" .. case.description, check_cbor(case))
    end
  end
end

return function(dir)
  local ignored = json.encode(json.decode(read(dir .. "/protocols/botocore-ignore-list.json")))
  local totals = require("tests.conformance.support.totals").new()
  for _, group in ipairs(groups) do
    for file in lfs.dir(("%s/protocols/%s"):format(dir, group)) do
      local protocol = file:match "^(.*)%.json$"
      if protocol then
        for i, suite in ipairs(json.decode(read(("%s/protocols/%s/%s"):format(dir, group, file)))) do
          for k, case in ipairs(suite.cases) do
            local id = ("%s/%s/%s"):format(group, protocol, case.id or i .. "." .. k)
            local ok, difference = pcall(run_case, protocol, suite, case, group:find "input" ~= nil)
            if difference and case.id and ignored:find('"' .. case.id .. '"', 1, true) then
              totals:skip(id, "botocore differs from it as well")
            else
              totals:count(id, difference or not ok and "it raised nil")
            end
          end
        end
      end
    end
  end
  run_cbor(dir, totals)
  return totals
end
