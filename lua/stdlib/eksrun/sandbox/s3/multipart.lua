--- S3: uploads in parts.
local bodies = require "eksrun.sandbox.s3.body"
local buckets = require "eksrun.sandbox.s3.bucket"
local checksum = require "eksrun.checksum"
local json = require "eksrun.json"
local objects = require "eksrun.sandbox.s3.object"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

-- All parts but the last.
local PART_MIN = 5 * 1024 * 1024
local MAX = 1000

-- The checksum of an object that was sent in parts.
local function checksum_of(upload, parts, whole)
  local algorithm, kind = upload._params.ChecksumAlgorithm, upload._params.ChecksumType
  if algorithm and kind ~= "FULL_OBJECT" then return bodies.composite(parts, algorithm) end
  return bodies.checksum(whole, algorithm)
end

local function need(call, params)
  buckets.need(call, params.Bucket)
  local upload = call:get("s3.upload", params.UploadId)
  if upload and upload._params.Bucket == params.Bucket
    and upload._params.Key == params.Key then return upload end
  buckets.refuse("NoSuchUpload", 404,
    "The specified upload does not exist. The upload ID may be invalid, or the "
    .. "upload may have been aborted or completed.", { UploadId = params.UploadId })
end

function operations.CreateMultipartUpload(call, params)
  buckets.need(call, params.Bucket)
  local id = text.base64url(text.unhex(call:hash "upload"))
  call:put("s3.upload", id, {
    UploadId = id, Key = params.Key, Initiated = call:time(), _params = util.copy(params), _parts = {},
  })
  return {
    Bucket = params.Bucket, Key = params.Key, UploadId = id, ChecksumAlgorithm = params.ChecksumAlgorithm,
    ChecksumType = params.ChecksumAlgorithm and (params.ChecksumType or "COMPOSITE"),
    ServerSideEncryption = params.ServerSideEncryption or "AES256",
  }
end

function operations.UploadPart(call, params)
  local upload = need(call, params)
  local body, sum = bodies.received(params)
  if params.PartNumber < 1 or params.PartNumber > 10000 then
    buckets.refuse("InvalidArgument", 400, "Part number must be an integer between 1 and 10000, inclusive")
  end
  local etag = ('"%s"'):format(text.hex(checksum.digest("md5", body)))
  upload._parts[tostring(params.PartNumber)] = {
    PartNumber = params.PartNumber, ETag = etag, Size = #body, LastModified = call:time(),
    _body = text.base64(body),
  }
  local shown = bodies.show({ ETag = etag }, sum)
  shown.ChecksumType = nil -- it is of objects
  return shown
end

function operations.ListParts(call, params)
  local upload, list = need(call, params), json.array {}
  for _, part in pairs(upload._parts) do list[#list + 1] = part end
  table.sort(list, function(a, b) return a.PartNumber < b.PartNumber end)
  return { Bucket = params.Bucket, Key = params.Key, UploadId = params.UploadId, Parts = list,
    IsTruncated = false }
end

function operations.ListMultipartUploads(call, params)
  buckets.need(call, params.Bucket)
  return {
    Bucket = params.Bucket, IsTruncated = false, MaxUploads = math.min(params.MaxUploads or MAX, MAX),
    Uploads = json.array(call:all("s3.upload", function(u) return u._params.Bucket == params.Bucket end)),
  }
end

function operations.CompleteMultipartUpload(call, params)
  local upload = need(call, params)
  local wanted = (params.MultipartUpload or {}).Parts or {}
  local parts, digests, sizes, before = {}, {}, json.array {}, 0
  for i, part in ipairs(wanted) do
    local found = upload._parts[tostring(part.PartNumber)]
    if not found or part.ETag and found.ETag:gsub('"', "") ~= part.ETag:gsub('"', "") then
      buckets.refuse("InvalidPart", 400,
        "One or more of the specified parts could not be found. The part might "
        .. "not have been uploaded, or the specified entity tag might not have matched the part's "
        .. "entity tag.")
    elseif part.PartNumber <= before then
      buckets.refuse("InvalidPartOrder", 400,
        "The list of parts was not in ascending order. The parts list must "
        .. "be specified in order by part number.")
    elseif i < #wanted and found.Size < PART_MIN then
      buckets.refuse("EntityTooSmall", 400, "Your proposed upload is smaller than the minimum allowed size")
    end
    before = part.PartNumber
    parts[i] = text.unbase64(found._body)
    digests[i], sizes[i] = checksum.digest("md5", parts[i]), found.Size
  end
  if not wanted[1] then
    buckets.refuse("MalformedXML", 400,
      "The XML you provided was not well-formed or did not validate against our "
      .. "published schema")
  end
  local etag = ('"%s-%d"'):format(text.hex(checksum.digest("md5", table.concat(digests))), #wanted)
  local own = util.copy(upload._params)
  own.IfMatch, own.IfNoneMatch = params.IfMatch, params.IfNoneMatch
  local whole = table.concat(parts)
  local version = objects.write(call, own, whole, etag, checksum_of(upload, parts, whole))
  version._parts = sizes
  call:remove("s3.upload", params.UploadId)
  return bodies.show({
    Bucket = params.Bucket, Key = params.Key, ETag = version.ETag,
    Location = ("https://%s.s3.%s.amazonaws.com/%s"):format(params.Bucket, call.region,
      text.percent_encode(params.Key, true)),
    VersionId = buckets.need(call, params.Bucket)._versioning and version.VersionId or nil,
  }, version._checksum)
end

function operations.AbortMultipartUpload(call, params)
  call:remove("s3.upload", need(call, params).UploadId)
  return {}
end

return M
