--- Whether requests bear the signature of keys that are known: those that the sandbox was given, and those
--- that it gave out itself (STS, users' access keys).
local clock = require "eksrun.clock"
local fault = require "eksrun.sandbox.fault"
local principals = require "eksrun.sandbox.iam.principals"
local sigv4 = require "eksrun.sigv4"

local M = {}

-- How far a request's time may be from ours, in seconds.
local SKEW_MAX = 15 * 60

-- Code, status and words of what may be wrong, by service or protocol.
local INVALID = "The security token included in the request is invalid."
local EXPIRED = "The security token included in the request is expired"
local DIFFERS = "The request signature we calculated does not match the signature you provided. Check your "
  .. "AWS Secret Access Key and signing method. Consult the service documentation for details."
local MISSING = "Missing Authentication Token"
local LATE = "Signature expired: the request's time is not within 15 minutes of ours, or its validity is over"
local NO_ACCESS = "AWS was not able to validate the provided access credentials"
local said = {
  json = {
    missing = { "MissingAuthenticationTokenException", 403, MISSING },
    unknown = { "UnrecognizedClientException", 403, INVALID },
    expired = { "ExpiredTokenException", 403, EXPIRED },
    late = { "InvalidSignatureException", 403, LATE },
    differs = { "InvalidSignatureException", 403, DIFFERS },
  },
  query = {
    missing = { "MissingAuthenticationToken", 403, MISSING },
    unknown = { "InvalidClientTokenId", 403, INVALID },
    expired = { "ExpiredToken", 403, EXPIRED },
    late = { "SignatureDoesNotMatch", 403, LATE },
    differs = { "SignatureDoesNotMatch", 403, DIFFERS },
  },
  ec2 = {
    missing = { "MissingAuthenticationToken", 403, MISSING },
    unknown = { "AuthFailure", 401, NO_ACCESS },
    expired = { "RequestExpired", 400, "Request has expired." },
    late = { "RequestExpired", 400, "Request has expired." },
    differs = { "AuthFailure", 401, NO_ACCESS },
  },
  s3 = {
    missing = { "AccessDenied", 403, "Access Denied" },
    unknown = { "InvalidAccessKeyId", 403, "The AWS Access Key Id you provided does not exist in our "
      .. "records." },
    expired = { "ExpiredToken", 400, "The provided token has expired." },
    late = { "RequestTimeTooSkewed", 403, "The difference between the request time and the current time "
      .. "is too large." },
    differs = { "SignatureDoesNotMatch", 403, DIFFERS },
  },
}
said["rest-json"], said["rest-xml"] = said.json, said.s3

local function refusal(kind, service, protocol)
  local words = (said[service] or said[protocol] or said.json)[kind]
  return fault.new(words[1], words[3], { status = words[2] })
end

-- Whether a claim's time is near enough, and a presigned request's validity not over.
local function in_time(claim, validity)
  local age = clock.now() - claim.time
  return age >= -SKEW_MAX and age <= (validity or claim.expires or SKEW_MAX)
end

-- What is wrong with a message, or nil and whose key signed it.
local function wrong(message, world, keys, validity)
  local claim, err = sigv4.inspect(message)
  if not claim then return err.code == "not_found" and "missing" or "differs" end
  local secret = keys[claim.access_key_id]
  local key = secret and { secret_access_key = secret } or principals.key(world, claim.access_key_id)
  if not key or key.active == false then return "unknown" end
  if key.expires and key.expires < world.state.now then return "expired" end
  if not in_time(claim, validity) then return "late" end
  message.credentials = {
    access_key_id = claim.access_key_id, secret_access_key = key.secret_access_key,
    session_token = key.session_token,
  }
  if key.session_token and claim.session_token ~= key.session_token then return "unknown" end
  if not sigv4.verify(message) then return "differs" end
  return nil, claim.access_key_id
end

--- Checks a request.
--- @param request eksrun.native.aws.Received
--- @param world eksrun.sandbox.World
--- @param keys table<string, string> secrets by access key id
--- @param service string
--- @param protocol string
--- @return eksrun.sandbox.Fault? refusal nil: the signature is right
function M.check(request, world, keys, service, protocol)
  local s3 = service == "s3"
  local kind = wrong({
    method = request.method, path = request.path, query = request.query, headers = request.headers,
    body = request.body, normalize_path = not s3, double_encode = not s3,
  }, world, keys)
  return kind and refusal(kind, service, protocol)
end

--- How a service refuses a request that nobody signed.
--- @param service string
--- @param protocol string
--- @return eksrun.sandbox.Fault
function M.missing(service, protocol) return refusal("missing", service, protocol) end

--- The access key that signed a message, where that holds. Without keys, those that nobody was given are
--- anybody's, and their signatures are not looked at.
--- @param message eksrun.sigv4.Message
--- @param world eksrun.sandbox.World
--- @param keys? table<string, string>
--- @param validity number seconds, whatever the message says
--- @return string? access_key_id
function M.signer(message, world, keys, validity)
  local claim = sigv4.inspect(message)
  if not claim then return nil end
  if not keys and not principals.key(world, claim.access_key_id) then
    return in_time(claim, validity) and claim.access_key_id or nil
  end
  return select(2, wrong(message, world, keys or {}, validity))
end

return M
