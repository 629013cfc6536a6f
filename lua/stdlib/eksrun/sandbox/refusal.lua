--- What AWS says, and in what words, of requests that come to no handler: parameters that the model does not
--- allow, operations and services that the sandbox does not have.
local enums = require "eksrun.sandbox.enums"
local fault = require "eksrun.sandbox.fault"
local native = require "eksrun.native.aws"
local services = require "eksrun.sandbox.services"

local M = {}

-- The code for parameters that the model does not allow, by service and by protocol.
local REFUSED = {
  ecr = "InvalidParameterException", eks = "InvalidParameterException", logs = "InvalidParameterException",
}
local REFUSED_BY_PROTOCOL = { query = "ValidationError", ec2 = "InvalidParameterValue" }

local UNKNOWN = {
  ec2 = "InvalidAction", query = "InvalidAction", json = "UnknownOperationException",
  ["rest-json"] = "UnknownOperationException", ["rest-xml"] = "MethodNotAllowed",
}

--- Raises AWS's error if the model does not allow the parameters.
--- @param service string
--- @param operation eksrun.native.aws.Operation
--- @param params table
function M.check(service, operation, params)
  local ok, err = operation:validate(params)
  local message = ok and enums.problem(service, operation, params) or err and err.message
  if not message then return end
  local protocol = native.service(service):metadata().protocol
  local code = REFUSED[service] or REFUSED_BY_PROTOCOL[protocol] or "ValidationException"
  if code == "InvalidParameterValue" and message:find "is required$" then code = "MissingParameter" end
  fault.raise(code, "%s", (message:gsub("^[%w-]+:%w+: ", "")))
end

--- An error that was raised, as the service serializes it.
--- @param service eksrun.native.aws.Service
--- @param operation eksrun.native.aws.Operation
--- @param raised eksrun.sandbox.Fault
--- @param options { request_id: string }
--- @return eksrun.native.aws.Answer
function M.answer(service, operation, raised, options)
  local err = { code = raised.code, message = raised.message }
  for name, value in pairs(raised.fields or {}) do err[name] = value end
  if raised.code == "NotInSandbox" then
    local protocol = service:metadata().protocol
    err.code = UNKNOWN[protocol] or "UnknownOperationException"
    err.status = protocol == "rest-json" and 404 or 400
  end
  return operation:serialize_error(err, options)
end

--- The answer to a request whose service is not known: it is not signed, or signed for another.
--- @param request eksrun.native.aws.Received
--- @param signed string? the service that the signature names
--- @param access_key_id string?
--- @param options { request_id: string }
--- @return eksrun.native.aws.Answer
function M.unknown_service(request, signed, access_key_id, options)
  if not access_key_id then
    local name = services.asked_of(request)
    local service = native.service(name)
    local missing = require("eksrun.sandbox.signature").missing(name, service:metadata().protocol)
    return service:serialize_error(
      { code = missing.code, message = missing.message, status = missing.fields.status }, options)
  end
  return {
    status = 404, headers = { ["content-type"] = "application/json" },
    body = ('{"__type":"UnknownServiceException","message":"the sandbox has no service %s"}')
      :format(tostring(signed):gsub("[^%w.-]", "")),
  }
end

return M
