--- S3: objects, their versions, lists of them.
local buckets = require "eksrun.sandbox.s3.bucket"
local calls = require "eksrun.sandbox.call"
local checksum = require "eksrun.checksum"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local MAX_KEYS = 1000

local HEADERS = { "ContentType", "ContentEncoding", "ContentLanguage", "ContentDisposition", "CacheControl",
  "StorageClass", "Metadata", "SSEKMSKeyId" }

-- Of a body that comes in signed pieces, the pieces.
local function unchunked(body)
  local parts, at = {}, 1
  while true do
    local size, after = body:match("^(%x+)[^\r\n]*\r\n()", at)
    size = tonumber(size or "0", 16)
    if size == 0 then return table.concat(parts) end
    parts[#parts + 1] = body:sub(after, after + size - 1)
    at = after + size + 2
  end
end

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
  local object = call:get("s3.object", key_of(params.Bucket, params.Key))
  if not object then refuse_missing(params.Key, head) end
  if not params.VersionId then
    local newest = object._versions[#object._versions]
    if newest.DeleteMarker then refuse_missing(params.Key, head) end
    return newest, object
  end
  for i, version in ipairs(object._versions) do
    if version.VersionId == params.VersionId then
      if version.DeleteMarker then
        buckets.refuse("MethodNotAllowed", 405, "The specified method is not allowed against this resource.")
      end
      return version, object, i
    end
  end
  buckets.refuse("NoSuchVersion", 404, "The specified version does not exist.")
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

--- Writes an object.
--- @param call eksrun.sandbox.Call
--- @param params table Bucket, Key, headers, conditions
--- @param body string bytes
--- @param etag? string of an upload in parts
--- @return table version
function M.write(call, params, body, etag)
  local bucket = buckets.need(call, params.Bucket)
  check_write(call, params)
  local key = key_of(params.Bucket, params.Key)
  local object = call:get("s3.object", key)
    or call:put("s3.object", key, { _bucket = params.Bucket, Key = params.Key, _versions = {} })
  local versioned = bucket._versioning == "Enabled"
  local version = {
    VersionId = versioned and text.base64url(text.unhex(call:hash "version")):sub(1, 32) or "null",
    ETag = etag or ('"%s"'):format(text.hex(checksum.digest("md5", body))), Size = #body,
    LastModified = call:time(), _tags = tags_of(params.Tagging),
    ServerSideEncryption = params.ServerSideEncryption or "AES256",
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
  local body = params.Body or ""
  if (params.ContentEncoding or ""):find("aws-chunked", 1, true) then
    body = unchunked(body)
    params.ContentEncoding = params.ContentEncoding:gsub("aws%-chunked,?%s*", "")
    if params.ContentEncoding == "" then params.ContentEncoding = nil end
  end
  return written(call, params, M.write(call, params, body))
end

local function check_read(params, version)
  local function is(wanted) return wanted == "*" or wanted:gsub('"', "") == version.ETag:gsub('"', "") end
  if params.IfMatch and not is(params.IfMatch) then
    buckets.refuse("PreconditionFailed", 412, "At least one of the pre-conditions you specified did not hold",
      { Condition = "If-Match" })
  end
  if params.IfNoneMatch and is(params.IfNoneMatch) then buckets.refuse("304", 304, "Not Modified") end
end

local function described(call, params, version)
  local shown = calls.shown(version)
  shown.Size, shown.ContentLength, shown.AcceptRanges = nil, version.Size, "bytes"
  shown.ContentType = version.ContentType or "binary/octet-stream"
  if not buckets.need(call, params.Bucket)._versioning then shown.VersionId = nil end
  local count = #util.sorted_keys(version._tags)
  shown.TagCount = count > 0 and count or nil
  return shown
end

function operations.HeadObject(call, params)
  local version = need(call, params, true)
  check_read(params, version)
  return described(call, params, version)
end

function operations.GetObject(call, params)
  local version = need(call, params)
  check_read(params, version)
  local shown, body = described(call, params, version), bytes_of(version)
  local from, to = (params.Range or ""):match "^bytes=(%d*)%-(%d*)$"
  if from then
    from, to = tonumber(from), tonumber(to)
    if not from then from, to = math.max(0, #body - (to or 0)), nil end
    if from >= #body then
      buckets.refuse("InvalidRange", 416, "The requested range is not satisfiable")
    end
    to = math.min(to or #body - 1, #body - 1)
    shown.ContentRange = ("bytes %d-%d/%d"):format(from, to, #body)
    body = body:sub(from + 1, to + 1)
    shown.ContentLength = #body
  end
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
    local marker = { VersionId = text.base64url(text.unhex(call:hash("marker", key))):sub(1, 32),
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
  local made = M.write(call, own, bytes_of(from))
  if params.TaggingDirective ~= "REPLACE" then made._tags = util.copy(from._tags) end
  local answer = written(call, params, made)
  answer.CopyObjectResult = { ETag = made.ETag, LastModified = made.LastModified }
  answer.ETag = nil
  return answer
end

-- -- tags ---------------------------------------------------------------------------------------------------

function operations.PutObjectTagging(call, params)
  need(call, params)._tags = calls.tag_map(params.Tagging.TagSet)
  return {}
end

function operations.GetObjectTagging(call, params)
  return { TagSet = json.array(calls.tag_list(need(call, params)._tags)) }
end

function operations.DeleteObjectTagging(call, params)
  need(call, params)._tags = {}
  return {}
end

-- -- lists --------------------------------------------------------------------------------------------------

-- Keys of a bucket in order, those with a delimiter behind the prefix as one; from behind a place, so many.
local function keys(call, params, after, shown)
  buckets.need(call, params.Bucket)
  local prefix, by, all = params.Prefix or "", params.Delimiter, {}
  for _, object in ipairs(call:all("s3.object", function(o) return o._bucket == params.Bucket end)) do
    if object.Key:sub(1, #prefix) == prefix and shown(object) then all[#all + 1] = object end
  end
  table.sort(all, function(a, b) return a.Key < b.Key end)
  local out, seen, limit, more = {}, {}, math.min(params.MaxKeys or MAX_KEYS, MAX_KEYS), false
  for _, object in ipairs(all) do
    local at, to
    if by and by ~= "" then at, to = object.Key:find(by, #prefix + 1, true) end
    local name = at and object.Key:sub(1, to) or object.Key
    if not seen[name] and (not after or name > after) then
      if #out == limit then
        more = true
        break
      end
      seen[name] = true
      out[#out + 1] = { name = name, object = not at and object or nil }
    end
  end
  return out, more, limit
end

local function has_current(object)
  local newest = object._versions[#object._versions]
  return newest and not newest.DeleteMarker
end

local function listed(found)
  local contents, prefixes = json.array {}, json.array {}
  for _, one in ipairs(found) do
    if one.object then
      local version = one.object._versions[#one.object._versions]
      contents[#contents + 1] = {
        Key = one.name, LastModified = version.LastModified, ETag = version.ETag, Size = version.Size,
        StorageClass = version.StorageClass or "STANDARD",
      }
    else
      prefixes[#prefixes + 1] = { Prefix = one.name }
    end
  end
  return contents, prefixes
end

function operations.ListObjectsV2(call, params)
  local token = params.ContinuationToken
  local ok, after = pcall(text.unbase64url, token or "")
  if token and not ok then
    buckets.refuse("InvalidArgument", 400, "The continuation token provided is incorrect")
  end
  local found, more, limit = keys(call, params, token and after or params.StartAfter, has_current)
  local contents, prefixes = listed(found)
  return {
    Name = params.Bucket, Prefix = params.Prefix or "", Delimiter = params.Delimiter, MaxKeys = limit,
    KeyCount = #found, IsTruncated = more, Contents = contents, CommonPrefixes = prefixes,
    ContinuationToken = token, StartAfter = params.StartAfter,
    NextContinuationToken = more and text.base64url(found[#found].name) or nil,
  }
end

function operations.ListObjects(call, params)
  local found, more, limit = keys(call, params, params.Marker, has_current)
  local contents, prefixes = listed(found)
  return {
    Name = params.Bucket, Prefix = params.Prefix or "", Delimiter = params.Delimiter, MaxKeys = limit,
    Marker = params.Marker or "", IsTruncated = more, Contents = contents, CommonPrefixes = prefixes,
    NextMarker = more and params.Delimiter and found[#found].name or nil,
  }
end

function operations.ListObjectVersions(call, params)
  local found, more, limit = keys(call, params, params.KeyMarker, function() return true end)
  local versions, markers, prefixes = json.array {}, json.array {}, json.array {}
  for _, one in ipairs(found) do
    local all = one.object and one.object._versions or {}
    if not one.object then prefixes[#prefixes + 1] = { Prefix = one.name } end
    for i = #all, 1, -1 do
      local version = all[i]
      local into = version.DeleteMarker and markers or versions
      into[#into + 1] = {
        Key = one.name, VersionId = version.VersionId, IsLatest = i == #all,
        LastModified = version.LastModified, ETag = version.ETag, Size = version.Size,
        StorageClass = not version.DeleteMarker and (version.StorageClass or "STANDARD") or nil,
      }
    end
  end
  return {
    Name = params.Bucket, Prefix = params.Prefix or "", KeyMarker = params.KeyMarker or "", MaxKeys = limit,
    Delimiter = params.Delimiter, IsTruncated = more, Versions = versions, DeleteMarkers = markers,
    CommonPrefixes = prefixes, NextKeyMarker = more and found[#found].name or nil,
  }
end

return M
