--- What went wrong with a call, as error objects.
---
--- An error of AWS has AWS's own code ("ResourceNotFoundException"); one of ours a lower-case one:
--- "network", "timeout", "tls" (no answer), "invalid_response" (an answer that is none),
--- "credentials", "config", "wait_failed". `kind = "credentials"` marks all errors that only other
--- credentials mend.
local is_library = require("eksrun.util").is_library
local native = require "eksrun.error"

local M = {}

-- Refusals of who asks, not of what is asked, and what to do about them.
local refused = {
  SignatureDoesNotMatch = "check the secret access key",
  InvalidSignatureException = "check the secret access key",
  InvalidClientTokenId = "the access key or the session token is not valid",
  UnrecognizedClientException = "the access key or the session token is not valid",
  InvalidAccessKeyId = "the access key does not exist",
  AuthFailure = "the credentials are not valid for this account or service",
  ExpiredToken = "the session has expired: log in again",
  ExpiredTokenException = "the session has expired: log in again",
  TokenRefreshRequired = "the session has expired: log in again",
  MissingAuthenticationToken = "the request was not signed",
  IncompleteSignature = "the access key is malformed",
  OptInRequired = "the account is not signed up for this service",
}

-- Bytes of a request's id that are kept: they have some 50.
local REQUEST_ID = 200

local clock_codes = {
  RequestTimeTooSkewed = true,
  RequestExpired = true,
  RequestInTheFuture = true,
  SignatureDoesNotMatch = true,
  InvalidSignatureException = true,
  AuthFailure = true,
}

--- Raises a caller's mistake at the caller's line: the nearest one outside the program's own Lua.
--- @param message string
function M.misuse(message)
  local level = 2
  repeat
    level = level + 1
    local at = debug.getinfo(level, "S")
  until not (at and (at.what == "C" or is_library(at.source)))
  error(message, debug.getinfo(level, "S") and level or 0)
end

--- @param fields table code, message, ...; what a message quotes of files and answers is escaped
--- @return table error object
function M.new(fields)
  if fields.message:find "[%c\127-\255]" then
    fields.message = require("eksrun.text").escape(fields.message, true)
  end
  if fields.code == "credentials" then fields.kind = "credentials" end
  return native.new(fields)
end

--- Whether only other credentials would help.
--- @param err any
--- @return boolean
function M.is_credentials(err)
  return type(err) == "table" and err.kind == "credentials"
end

--- Whether a wrong clock may be behind an error.
--- @param err table
--- @return boolean
function M.may_be_clock(err)
  -- The answer to a HEAD has no body that could name a reason.
  return clock_codes[err.code] == true or err.code == "403"
end

--- Whether refreshed credentials may help.
--- @param err table
--- @return boolean
function M.is_expired(err)
  return err.code == "ExpiredToken" or err.code == "ExpiredTokenException"
    or err.code == "TokenRefreshRequired"
end

-- One line, not endless. A signature error quotes the request (and the session token in it) from
-- its second line on.
local function one_line(message)
  message = message:match("^%s*([^\r\n]*)"):gsub("%c", " "):gsub("%s+$", "")
  if #message > 1000 then message = message:sub(1, 1000) .. "..." end
  return message
end

local function short_id(id) return id and one_line(tostring(id)):sub(1, REQUEST_ID) end

--- The error object for an error that a service answered.
--- @param service string "eks"
--- @param operation string "DescribeCluster"
--- @param status integer HTTP status
--- @param parsed table as Operation:parse_error gives it: code, message, request_id, ...
--- @param source? string where the credentials came from
--- @return table error object; aws_message is AWS's own text
function M.service(service, operation, status, parsed, source)
  local err = {}
  for key, value in pairs(parsed) do err[key] = value end
  err.kind, err.hint = nil, nil -- ours to say, whatever fields the service has
  local name = service .. ":" .. operation
  local text = one_line(tostring(parsed.message or ""))
  err.code = parsed.code or ("HTTP" .. status)
  err.aws_message = text
  err.message = ("%s: %s%s"):format(name, err.code, text ~= "" and ": " .. text or "")
  err.service, err.operation, err.status = service, name, status
  err.request_id = short_id(err.request_id)
  local hint = refused[err.code]
  if hint then
    err.kind = "credentials"
    err.hint = hint
    err.message = ("%s; %s%s"):format(err.message:gsub("%.$", ""), hint,
      source and (" (credentials from %s)"):format(source) or "")
  end
  return M.new(err)
end

--- What to say of a redirect: nobody follows one with a signed request.
--- @param response table
--- @return string|nil message nil: it leads nowhere
function M.redirect(response)
  local host = (response.headers.location or ""):match("^https?://([%w%.:_%-%[%]]+)")
  return host and ("redirected to %s, which is not followed; check the endpoint and the region"):format(host)
end

--- The error object of an answer that is an error's.
--- @param call eksrun.aws.Call
--- @param response eksrun.aws.Response
--- @return table error object
function M.refused(call, response)
  local parsed = call.operation:parse_error(response.status, response.headers, response.body)
  if response.status < 400 then parsed.message = M.redirect(response) or parsed.message end
  local credentials = call.credentials or {}
  local err = M.service(call.client.name, call.name, response.status, parsed, credentials.source)
  err.region, err.account = call.region or call.endpoint.region, credentials.account_id
  return err
end

--- The error object for a call that got no usable answer.
--- @param service string
--- @param operation string
--- @param cause table error object of http or the parser
--- @return table error object
function M.failed(service, operation, cause)
  local name = service .. ":" .. operation
  return M.new {
    code = cause.code,
    message = ("%s: %s"):format(name, cause.message or tostring(cause)),
    service = service,
    operation = name,
    status = cause.status,
    request_id = short_id(cause.request_id),
    retryable = cause.retryable,
  }
end

--- The error object for a request that nobody answered: a host that is not there may be of a misspelled
--- region.
--- @param call eksrun.aws.Call prepared
--- @param cause table error object of http
--- @return table error object
function M.unanswered(call, cause)
  local err, endpoint, client = M.failed(call.client.name, call.name, cause), call.endpoint, call.client
  local doubt = cause.code == "network" and not endpoint.custom
    and require("eksrun.aws.regions").doubt(endpoint.region, client.options, client.system)
  if doubt then err.message = ("%s: %s"):format(err.message, doubt) end
  return err
end

--- The error object of an answer that cannot be read.
--- @param call eksrun.aws.Call
--- @param response eksrun.aws.Response
--- @param raised any what the parser raised; anything but an error object is raised again
--- @return table error object
function M.unreadable(call, response, raised)
  if type(raised) ~= "table" then error(raised, 0) end
  raised.status = response.status
  -- Where nothing said how long the answer is, the end of the connection may have cut it.
  raised.retryable = response.headers["content-length"] == nil
    and response.headers["transfer-encoding"] == nil
  return M.failed(call.client.name, call.name, raised)
end

return M
