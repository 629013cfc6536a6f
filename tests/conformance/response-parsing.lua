-- Recorded answers of services, as botocore parses them. Services that are not in models/ are
-- compiled from botocore's data, where EKSRUN_BOTOCORE_DATA (set by script/conformance) names it.
local clock = require "eksrun.clock"
local customize = require "eksrun.aws.customize"
local json = require "eksrun.json"
local wire = require "tests.conformance.support.wire"

local services = {}

local function service_of(name)
  services[name] = services[name] or wire.service(name)
  return services[name]
end

local function operation_of(service, kebab)
  local found = service:operation((kebab:gsub("-", "_")))
  if found then return found end
  for _, name in ipairs(service:operations()) do
    if name:lower() == kebab:gsub("-", "") then return service:operation(name) end
  end
end

-- The cases leave timestamps as the text they were.
local function with_times(got, want)
  if type(got) == "number" and type(want) == "string" then
    return clock.try_parse(want) == got and want or got
  end
  if type(got) ~= "table" or type(want) ~= "table" then return got end
  local out = {}
  for key, value in pairs(got) do out[key] = with_times(value, want[key]) end
  return out
end

local function check_error(operation, case, headers)
  local got = operation:parse_error(case.status_code, headers, case.body)
  local want = case.expected.Error
  if got.code ~= want.Code then return "code " .. tostring(got.code) end
  if (got.aws_message or got.message) ~= want.Message and want.Message ~= "" then
    return "message " .. tostring(got.message)
  end
  if want.Type and got.type ~= want.Type then return "type " .. tostring(got.type) end
  local id = (case.expected.ResponseMetadata or {}).RequestId
  if id and got.request_id ~= id then return "request id " .. tostring(got.request_id) end
end

local function check_output(name, operation, case, headers)
  local output = operation:parse(case.status_code, headers, case.body)
  if case.needs_sdk_customisation then
    local call = { client = { name = name, options = {} }, params = {} }
    local response = { status = case.status_code, headers = headers, body = case.body }
    for _, hook in ipairs(customize.hooks(name, operation:name(), operation)) do
      if hook.response then hook.response(call, response) end
      output = hook.output and hook.output(call, output, response) or output
    end
  end
  case.expected.ResponseMetadata = nil
  output = with_times(output, case.expected)
  if not wire.same(output, case.expected) then return "result " .. json.encode(output) end
end

local function run_case(service, case)
  local operation = operation_of(service, case.operation_kebab)
  if not operation then return "no operation " .. case.operation_kebab end
  local headers = {}
  for name, value in pairs(case.headers or {}) do headers[name:lower()] = value end
  if case.expected.Error then return check_error(operation, case, headers) end
  return check_output(case.service, operation, case, headers)
end

return function(dir)
  local totals = require("tests.conformance.support.totals").new()
  -- Where AWS's examples show only how a timestamp looks, any will do: upstream reads none.
  local text = wire.read(dir .. "/response-parsing/cases.json")
    :gsub("YYYY%-MM%-DDTHH:MM:SS", "2014-01-01T00:00:00")
  for _, case in ipairs(json.decode(text).cases) do
    local service = service_of(case.service)
    if not service then
      totals:skip(case.id, ("no model of %s (EKSRUN_BOTOCORE_DATA names botocore's)"):format(case.service))
    else
      totals:try(case.id, run_case, service, case)
    end
  end
  return totals
end
