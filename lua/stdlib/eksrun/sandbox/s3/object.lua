--- S3: objects and their versions.
local bodies = require "eksrun.sandbox.s3.body"
local buckets = require "eksrun.sandbox.s3.bucket"
local calls = require "eksrun.sandbox.call"
local checksum = require "eksrun.checksum"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local OBJECT_TAGS = 10

local HEADERS = { "ContentType", "ContentEncoding", "ContentLanguage", "ContentDisposition", "CacheControl",
  "StorageClass", "Metadata", "SSEKMSKeyId" }

-- A body as the state can hold it, which is text.
local function kept(bytes)
  if text.valid_utf8(bytes) then return bytes, nil end
  return text.base64(bytes), true
end

local function bytes_of(version) return version._base64 and text.unbase64(version._body) or version._body end

local function key_of(bucket, key) return bucket .. "/" .. key end

local function refuse_missing(key, head)
  if head then buckets.refuse("NotFound", 404, "Not Found") end
  buckets.refuse("NoSuchKey", 404, "The specified key does not exist.", { Key = key })
end

-- The version that a request means.
local function need(call, params, head)
  buckets.need(call, params.Bucket)
  buckets.check_version(params.VersionId, head)
  local object = call:get("s3.object", key_of(params.Bucket, params.Key))
  if not params.VersionId then
    local newest = object and object._versions[#object._versions]
    if not newest or newest.DeleteMarker then refuse_missing(params.Key, head) end
    return newest, object
  end
  for i, version in ipairs(object and object._versions or {}) do
    if version.VersionId == params.VersionId then
      if version.DeleteMarker then
        buckets.refuse("MethodNotAllowed", 405, "The specified method is not allowed against this resource.")
      end
      return version, object, i
    end
  end
  if head then refuse_missing(params.Key, head) end
  buckets.refuse("NoSuchVersion", 404, "The specified version does not exist.",
    { Key = params.Key, VersionId = params.VersionId })
end

-- Checks what a write asks of what is there.
local function check_write(call, params)
  local object = call:get("s3.object", key_of(params.Bucket, params.Key))
  local present = object and object._versions[#object._versions]
  if present and present.DeleteMarker then present = nil end
  if params.IfNoneMatch and present then
    buckets.refuse("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold",
      { Condition = "If-None-Match" })
  end
  if params.IfMatch then
    if not present then refuse_missing(params.Key) end
    if present.ETag:gsub('"', "") ~= params.IfMatch:gsub('"', "") then
      buckets.refuse("PreconditionFailed", 412,
        "At least one of the pre-conditions you specified did not hold",
        { Condition = "If-Match" })
    end
  end
end

local function tags_of(query)
  local map = {}
  for key, value in (query or ""):gmatch "([^&=]+)=?([^&]*)" do
    map[util.percent_decoded((key:gsub("%+", " ")))] = util.percent_decoded((value:gsub("%+", " ")))
  end
  return map
end

-- Only a bucket that was made for it locks objects; those of the sandbox are not.
local function check_lock(params)
  if params.ObjectLockMode or params.ObjectLockRetainUntilDate or params.ObjectLockLegalHoldStatus then
    buckets.refuse("InvalidRequest", 400, "Bucket is missing Object Lock Configuration")
  end
end

--- Writes an object.
--- @param call eksrun.sandbox.Call
--- @param params table Bucket, Key, headers, conditions
--- @param body string bytes
--- @param etag? string of an upload in parts
--- @param sum? eksrun.sandbox.s3.Checksum default: one that S3 makes
--- @return table version
function M.write(call, params, body, etag, sum)
  local bucket = buckets.need(call, params.Bucket)
  check_write(call, params)
  check_lock(params)
  local key = key_of(params.Bucket, params.Key)
  local object = call:get("s3.object", key)
    or call:put("s3.object", key, { _bucket = params.Bucket, Key = params.Key, _versions = {} })
  local versioned = bucket._versioning == "Enabled"
  local version = {
    VersionId = versioned and buckets.new_version(call, "version") or "null",
    ETag = etag or ('"%s"'):format(text.hex(checksum.digest("md5", body))), Size = #body,
    LastModified = call:time(), _tags = tags_of(params.Tagging),
    ServerSideEncryption = params.ServerSideEncryption or "AES256",
    _checksum = sum or bodies.checksum(body, params.ChecksumAlgorithm),
  }
  for _, name in ipairs(HEADERS) do version[name] = params[name] end
  version._body, version._base64 = kept(body)
  if not versioned then
    for i, other in ipairs(object._versions) do
      if other.VersionId == "null" then table.remove(object._versions, i) break end
    end
  end
  table.insert(object._versions, version)
  return version
end

local function written(call, params, version)
  return {
    ETag = version.ETag, ServerSideEncryption = version.ServerSideEncryption,
    VersionId = buckets.need(call, params.Bucket)._versioning and version.VersionId or nil,
  }
end

function operations.PutObject(call, params)
  local body, sum = bodies.received(params)
  local version = M.write(call, params, body, nil, sum)
  return bodies.show(written(call, params, version), version._checksum)
end

local function check_read(params, version)
  local function is(wanted) return wanted == "*" or wanted:gsub('"', "") == version.ETag:gsub('"', "") end
  if params.IfMatch and not is(params.IfMatch) then
    buckets.refuse("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold",
      { Condition = "If-Match" })
  end
  if params.IfNoneMatch and is(params.IfNoneMatch) then buckets.refuse("304", 304, "Not Modified") end
end

-- The bytes that a request asks for, by Range or PartNumber, and their place; all of them: nil.
local function cut(params, version)
  local bytes, sizes = bytes_of(version), version._parts
  if params.PartNumber then
    local number, before = params.PartNumber, 0
    if number < 1 or number > #(sizes or { 0 }) then
      buckets.refuse("InvalidPartNumber", 416, "The requested partnumber is not satisfiable")
    elseif sizes then
      for i = 1, number - 1 do before = before + sizes[i] end
      local stop = before + sizes[number]
      return bytes:sub(before + 1, stop), ("bytes %d-%d/%d"):format(before, stop - 1, #bytes)
    end
  end
  local from, to = (params.Range or ""):match "^bytes=(%d*)%-(%d*)$"
  if not from then return bytes, nil end
  from, to = tonumber(from), tonumber(to)
  if not from then from, to = math.max(0, #bytes - (to or 0)), nil end
  if from >= #bytes then buckets.refuse("InvalidRange", 416, "The requested range is not satisfiable") end
  to = math.min(to or #bytes - 1, #bytes - 1)
  return bytes:sub(from + 1, to + 1), ("bytes %d-%d/%d"):format(from, to, #bytes)
end

local function described(call, params, version)
  local shown = calls.shown(version)
  shown.Size, shown.AcceptRanges = nil, "bytes"
  shown.ContentType = version.ContentType or "binary/octet-stream"
  if not buckets.need(call, params.Bucket)._versioning then shown.VersionId = nil end
  local count = #util.sorted_keys(version._tags)
  shown.TagCount = count > 0 and count or nil
  local body, place = cut(params, version)
  shown.ContentRange, shown.ContentLength = place, #body
  shown.PartsCount = params.PartNumber and version._parts and #version._parts
  local sum = params.ChecksumMode == "ENABLED" and not place and version._checksum or nil
  return bodies.show(shown, sum), body
end

function operations.HeadObject(call, params)
  local version = need(call, params, true)
  check_read(params, version)
  local shown = described(call, params, version)
  return shown
end

function operations.GetObject(call, params)
  local version = need(call, params)
  check_read(params, version)
  local shown, body = described(call, params, version)
  shown.Body = body
  return shown
end

--- What an object holds, if it is there.
--- @param call eksrun.sandbox.Call
--- @param bucket string
--- @param key string
--- @return string?
function M.read(call, bucket, key)
  local object = call:get("s3.object", key_of(bucket, key))
  local newest = object and object._versions[#object._versions]
  return newest and not newest.DeleteMarker and bytes_of(newest) or nil
end

local function remove(call, params)
  local bucket, key = buckets.need(call, params.Bucket), key_of(params.Bucket, params.Key)
  buckets.check_version(params.VersionId)
  local object = call:get("s3.object", key)
  if params.VersionId then
    for i, version in ipairs(object and object._versions or {}) do
      if version.VersionId == params.VersionId then
        table.remove(object._versions, i)
        if not object._versions[1] then call:remove("s3.object", key) end
        return { VersionId = params.VersionId, DeleteMarker = version.DeleteMarker }
      end
    end
    return { VersionId = params.VersionId }
  end
  if bucket._versioning == "Enabled" then
    object = object or call:put("s3.object", key, { _bucket = params.Bucket, Key = params.Key,
      _versions = {} })
    local marker = { VersionId = buckets.new_version(call, "marker", key),
      DeleteMarker = true, LastModified = call:time() }
    table.insert(object._versions, marker)
    return { VersionId = marker.VersionId, DeleteMarker = true }
  end
  call:remove("s3.object", key)
  return {}
end

-- That it is not there is no error.
operations.DeleteObject = remove

function operations.DeleteObjects(call, params)
  local gone, errors = json.array {}, json.array {}
  for _, wanted in ipairs(params.Delete.Objects) do
    local ok, answer = pcall(remove, call, { Bucket = params.Bucket, Key = wanted.Key,
      VersionId = wanted.VersionId })
    if not ok and not fault.is(answer) then error(answer, 0) end
    if not ok then
      errors[#errors + 1] = { Key = wanted.Key, Code = answer.code, Message = answer.message }
    elseif not params.Delete.Quiet then
      gone[#gone + 1] = {
        Key = wanted.Key, VersionId = wanted.VersionId, DeleteMarker = answer.DeleteMarker,
        DeleteMarkerVersionId = answer.DeleteMarker and answer.VersionId or nil,
      }
    end
  end
  return { Deleted = gone, Errors = errors }
end

function operations.CopyObject(call, params)
  local source, version = util.percent_decoded(params.CopySource):match "^/?([^?]+)%??(.*)$"
  local bucket, key = source:match "^([^/]+)/(.+)$"
  local from = need(call, { Bucket = bucket or "", Key = key or "",
    VersionId = version:match "versionId=(.+)" })
  local own = util.copy(params)
  if params.MetadataDirective ~= "REPLACE" then
    for _, name in ipairs(HEADERS) do own[name] = from[name] end
  end
  own.Tagging = params.TaggingDirective == "REPLACE" and params.Tagging or nil
  own.ChecksumAlgorithm = params.ChecksumAlgorithm or (from._checksum or {}).algorithm
  local made = M.write(call, own, bytes_of(from))
  if params.TaggingDirective ~= "REPLACE" then made._tags = util.copy(from._tags) end
  local answer = written(call, params, made)
  answer.CopyObjectResult =
    bodies.show({ ETag = made.ETag, LastModified = made.LastModified }, made._checksum)
  answer.ETag = nil
  return answer
end

-- -- tags ---------------------------------------------------------------------------------------------------

function operations.PutObjectTagging(call, params)
  local version = need(call, params)
  buckets.check_tags(params.Tagging.TagSet, OBJECT_TAGS)
  version._tags = calls.tag_map(params.Tagging.TagSet)
  return {}
end

function operations.GetObjectTagging(call, params)
  return { TagSet = json.array(calls.tag_list(need(call, params)._tags)) }
end

function operations.DeleteObjectTagging(call, params)
  need(call, params)._tags = {}
  return {}
end

return M
