--- A call as a URL, for whoever has it: what stands in its body and its headers goes into the query.
local error = error
local auth = require "eksrun.aws.auth"
local errors = require "eksrun.aws.errors"

local M = {}

-- Headers that describe a body, which whoever uses the URL brings along.
local function is_of_body(name)
  return name == "content-length" or name == "content-md5" or name == "x-amz-sdk-checksum-algorithm"
    or name:find("^x%-amz%-checksum%-") ~= nil
end

-- Makes a request of what stands in its URL alone, or nil and the error.
local function without_body(call, out)
  local protocol = call.client.metadata.protocol
  if protocol == "query" or protocol == "ec2" then
    out.method, out.query, out.body = "GET", out.body:gsub("+", "%%20"), nil
  elseif protocol:find "^rest" and (type(out.body) ~= "string" or out.body == "") then
    out.body = nil
  else
    return nil, errors.new {
      code = "presign",
      message = ("%s:%s cannot be presigned: its parameters do not fit into a URL")
        :format(call.client.name, call.name),
    }
  end
  if not out.body and out.method ~= "PUT" then out.headers["content-type"] = nil end
  for name in pairs(out.headers) do
    if is_of_body(name) then out.headers[name] = nil end
  end
  return out
end

local function url_of(call, expires, headers)
  if call.scheme.name ~= "sigv4" and call.scheme.name ~= "sigv4a" then
    return nil, errors.new {
      code = "presign",
      message = ("%s:%s cannot be presigned: it is not signed"):format(call.client.name, call.name),
    }
  end
  local out, err = call:outgoing()
  if out then out, err = without_body(call, out) end
  if not out then return nil, err end
  for name, value in pairs(headers or {}) do out.headers[name:lower()] = value end
  call.payload_hash = call.scheme.disable_double_encoding and "UNSIGNED-PAYLOAD" or nil
  local query
  query, err = auth.presign(call, out, expires)
  if not query then return nil, err end
  local rest = {}
  for name, value in pairs(out.headers) do
    if name ~= "host" then rest[name] = value end
  end
  return out.base .. out.path .. "?" .. query, { method = out.method, headers = rest }
end

--- A URL that makes the call for whoever has it: eksrun.aws.Client:presign.
--- @param call eksrun.aws.Call
--- @param options { expires: integer?, headers: table<string, string>? }
--- @return string url
--- @return table method and headers
--- Raises an error object.
function M.url(call, options)
  local expires = options.expires or 900
  if math.type(expires) ~= "integer" or expires < 1 or expires > 604800 then
    errors.misuse(("%s: expires is a number of seconds from 1 to 604800"):format(call.name))
  end
  local ready, err = call:prepare()
  if not ready then error(err, 0) end
  local url, how = url_of(call, expires, options.headers)
  if not url then error(how, 0) end
  return url, how
end

return M
