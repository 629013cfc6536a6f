--- S3: the bytes of a request, and the checksums that come with them and stay with an object.
local buckets = require "eksrun.sandbox.s3.bucket"
local checksum = require "eksrun.checksum"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = {}

-- What S3 makes itself where nobody gives another.
local DEFAULT = "CRC64NVME"

--- @class eksrun.sandbox.s3.Checksum
--- @field algorithm string "CRC32"
--- @field value string base64; of an upload in parts with their number: "Fk3==-2"
--- @field type "FULL_OBJECT"|"COMPOSITE"

local function digest(algorithm, bytes) return text.base64(checksum.digest(algorithm:lower(), bytes)) end

-- Of a body that comes in signed pieces the pieces, and what is said behind them, by lower case name.
local function unchunked(body)
  local parts, at, said = {}, 1, {}
  while true do
    local size, after = body:match("^(%x+)[^\r\n]*\r\n()", at)
    size = tonumber(size or "0", 16)
    if size == 0 then
      for name, value in body:sub(after or #body + 1):gmatch "([%w-]+):([^\r\n]*)" do
        said[name:lower()] = value
      end
      return table.concat(parts), said
    end
    parts[#parts + 1] = body:sub(after, after + size - 1)
    at = after + size + 2
  end
end

-- The checksum that a request gives.
local function given(params, said)
  local found
  for _, name in ipairs(checksum.algorithms()) do
    local value = params["Checksum" .. name:upper()] or said["x-amz-checksum-" .. name]
    if value and found then
      buckets.refuse("InvalidRequest", 400, "Expecting a single x-amz-checksum- header. Multiple checksum "
        .. "Types are not allowed.")
    elseif value then
      found = { algorithm = name:upper(), value = value, type = "FULL_OBJECT" }
    end
  end
  return found
end

--- The bytes that a request sends, which are those that its checksums are of.
--- @param params table of the request; its ContentEncoding loses what is of the transport
--- @return string bytes
--- @return eksrun.sandbox.s3.Checksum? given
function M.received(params)
  local body, said = params.Body or "", {}
  if (params.ContentEncoding or ""):find("aws-chunked", 1, true) then
    body, said = unchunked(body)
    local rest = params.ContentEncoding:gsub("aws%-chunked,?%s*", "")
    params.ContentEncoding = rest ~= "" and rest or nil
  end
  if params.ContentMD5 and params.ContentMD5 ~= digest("md5", body) then
    local valid = #params.ContentMD5 == 24
    buckets.refuse(valid and "BadDigest" or "InvalidDigest", 400, valid
      and "The Content-MD5 you specified did not match what we received."
      or "The Content-MD5 you specified is not valid.")
  end
  local found = given(params, said)
  if found and found.value ~= digest(found.algorithm, body) then
    buckets.refuse("BadDigest", 400, ("The %s you specified did not match the calculated checksum.")
      :format(found.algorithm))
  end
  return body, found
end

--- The checksum of a whole object.
--- @param bytes string
--- @param algorithm? string
--- @return eksrun.sandbox.s3.Checksum
function M.checksum(bytes, algorithm)
  algorithm = algorithm or DEFAULT
  return { algorithm = algorithm, value = digest(algorithm, bytes), type = "FULL_OBJECT" }
end

--- That of parts, one of those of each.
--- @param bodies string[]
--- @param algorithm string
--- @return eksrun.sandbox.s3.Checksum
function M.composite(bodies, algorithm)
  local digests = {}
  for i, body in ipairs(bodies) do digests[i] = checksum.digest(algorithm:lower(), body) end
  return {
    algorithm = algorithm, value = ("%s-%d"):format(digest(algorithm, table.concat(digests)), #bodies),
    type = "COMPOSITE",
  }
end

--- Adds a checksum to an answer.
--- @param output table
--- @param sum eksrun.sandbox.s3.Checksum?
--- @return table output
function M.show(output, sum)
  return sum and util.overlay(output, { ["Checksum" .. sum.algorithm] = sum.value, ChecksumType = sum.type })
    or output
end

return M
