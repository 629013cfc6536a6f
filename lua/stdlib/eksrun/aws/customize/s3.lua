--- Customisations of S3. Each function makes the hook of an operation, or nil if it does not concern
--- the operation.
local errors = require "eksrun.aws.errors"
local shapes = require "eksrun.aws.shapes"
local text = require "eksrun.text"

local M = {}

local function copy(table)
  local out = {}
  for key, value in pairs(table) do out[key] = value end
  return out
end

local function invalid(call, parameter, message)
  return nil, errors.new {
    code = "validation",
    message = ("s3:%s: parameter %s %s"):format(call.name, parameter, message),
    problems = { { path = parameter, message = message } },
  }
end

local function is_arn(bucket)
  local service, rest = bucket:match "^arn:aws[%w-]*:(s3[%l-]*):[%w-]*:%d*:(.+)$"
  return (service == "s3" or service == "s3-object-lambda") and rest:find "^accesspoint[/:]" ~= nil
    or service == "s3-outposts" and rest:find "^outpost[/:][%w-]+[/:]accesspoint[/:]" ~= nil
end

--- Refuses what cannot be a bucket before it becomes part of a host or a path.
--- @return eksrun.aws.Hook
function M.check_bucket()
  return {
    params = function(call, params)
      local bucket = params.Bucket
      if type(bucket) ~= "string" or is_arn(bucket) then return nil end
      if #bucket <= 255 and bucket:find "^[%w._-]+$" then return nil end
      return invalid(call, "Bucket", ("must be a bucket's name or an access point's ARN, not '%s'")
        :format(text.escape(bucket, true)))
    end,
  }
end

--- Metadata travels in headers, which S3 takes in ASCII only.
--- @return eksrun.aws.Hook
function M.ascii_metadata()
  return {
    params = function(call, params)
      if type(params.Metadata) ~= "table" then return nil end
      for key, value in pairs(params.Metadata) do
        if tostring(key):find "[\x80-\xff]" or tostring(value):find "[\x80-\xff]" then
          return invalid(call, "Metadata." .. text.escape(tostring(key), true), "must be ASCII")
        end
      end
    end,
  }
end

--- A customer's key goes out as base64, with its MD5, unless the caller says the MD5: then both are
--- as they should be sent.
--- @param _ eksrun.native.aws.Operation
--- @param prefix "SSECustomer"|"CopySourceSSECustomer"
--- @return eksrun.aws.Hook
function M.customer_key(_, prefix)
  return {
    params = function(_, params)
      local key = params[prefix .. "Key"]
      if type(key) ~= "string" or params[prefix .. "KeyMD5"] ~= nil then return nil end
      local changed = copy(params)
      changed[prefix .. "Key"] = text.base64(key)
      changed[prefix .. "KeyMD5"] = text.base64(require("eksrun.checksum").digest("md5", key))
      return changed
    end,
  }
end

--- CopySource as "bucket/key", "bucket/key?versionId=v" or { Bucket =, Key =, VersionId = }, in plain
--- text; it goes out percent-encoded.
--- @return eksrun.aws.Hook
function M.copy_source()
  return {
    params = function(call, params)
      local source = params.CopySource
      local path, version
      if type(source) == "table" then
        for _, field in ipairs { "Bucket", "Key" } do
          if type(source[field]) ~= "string" then
            return invalid(call, "CopySource." .. field, "is required")
          end
        end
        path = source.Bucket .. (is_arn(source.Bucket) and "/object/" or "/") .. source.Key
        version = source.VersionId and "?versionId=" .. source.VersionId or ""
      elseif type(source) == "string" then
        path, version = source:match "^(.-)(%?versionId=%S+)$"
        if not path then path, version = source, "" end
      else
        return nil
      end
      local changed = copy(params)
      changed.CopySource = text.percent_encode(path, true) .. version
      return changed
    end,
  }
end

-- "+" is a space here.
local function decode(value)
  if type(value) ~= "string" then return value end
  local ok, plain = pcall(text.percent_decode, (value:gsub("+", " ")))
  return ok and plain or value
end

--- Keys may hold what XML cannot: they are asked for in percent-encoding, and decoded. Callers who
--- ask for it themselves get what they asked for. An operation may have several such rules.
--- @param _ eksrun.native.aws.Operation
--- @param ... string members of the output, or of the elements of its lists: "List.Member"
--- @return eksrun.aws.Hook
function M.decode_keys(_, ...)
  local paths = { ... }
  return {
    params = function(call, params)
      if params.EncodingType ~= nil then return nil end
      call.decodes_keys = true
      local changed = copy(params)
      changed.EncodingType = "url"
      return changed
    end,
    output = function(call, output)
      if not call.decodes_keys or output.EncodingType ~= "url" then return nil end
      for _, path in ipairs(paths) do
        local list, name = path:match "^(%w+)%.(%w+)$"
        local holders = list and (output[list] or {}) or { output }
        for _, holder in ipairs(holders) do holder[name or path] = decode(holder[name or path]) end
      end
    end,
  }
end

--- The answer is one element, which no model describes: no text is us-east-1, as S3 has it.
--- @return eksrun.aws.Hook
function M.bucket_location()
  return {
    response = function(call, response)
      call.location = response.status < 300
        and response.body:match "<LocationConstraint[^>]*>%s*([%w-]+)%s*</LocationConstraint>" or nil
    end,
    output = function(call, output) output.LocationConstraint = call.location end,
  }
end

--- The header Expires as it came, in ExpiresString; Expires only if it is a time.
--- @param operation eksrun.native.aws.Operation
--- @return eksrun.aws.Hook|nil
function M.expires(operation)
  if not shapes.members(operation:output()).Expires then return nil end
  return {
    response = function(call, response)
      local raw = response.headers.expires
      call.expires = raw
      if not raw or pcall(require("eksrun.clock").parse, raw) then return nil end
      local changed = copy(response)
      changed.headers = copy(response.headers)
      changed.headers.expires = nil
      return changed
    end,
    output = function(call, output) output.ExpiresString = call.expires end,
  }
end

-- Whether a body is whole, by its last tag, and begins with something else than an error.
local function is_sound(body)
  local root, rest = body:match "^%s*<%?xml.-%?>%s*<([%w:._-]+)([^>]*)>"
  if not root then root, rest = body:match "^%s*<([%w:._-]+)([^>]*)>" end
  if not root or root == "Error" then return false end
  if rest:sub(-1) == "/" then return true end
  return body:match "</([%w:._-]+)%s*>%s*$" == root
end

--- S3 begins to answer 200 before it is done. An error in such an answer, or one that breaks off, is
--- a failure of the server: the same call may succeed.
--- @param operation eksrun.native.aws.Operation
--- @return eksrun.aws.Hook|nil
function M.error_in_success(operation)
  local shape = operation:output()
  if not shape then return nil end
  -- Whose body is an object's bytes, a text or events is no document that could hold an error.
  local traits = operation:info()
  if traits.raw_output or traits.event_output then return nil end
  return {
    response = function(_, response)
      local body = response.body
      if response.status ~= 200 or type(body) ~= "string" or body == "" or is_sound(body) then
        return nil
      end
      local changed = copy(response)
      changed.status = 500
      return changed
    end,
  }
end

return M
