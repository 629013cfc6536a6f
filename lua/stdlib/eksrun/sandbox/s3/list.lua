--- S3: lists of objects and of their versions.
local buckets = require "eksrun.sandbox.s3.bucket"
local json = require "eksrun.json"
local text = require "eksrun.text"

local M = { operations = {} }
local operations = M.operations

local MAX_KEYS = 1000

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

-- How a name is written: some are not text that XML can hold, so whoever asks for it gets them encoded.
local function writer(params)
  if params.EncodingType ~= "url" then return function(name) return name end end
  return function(name)
    return name and (text.percent_encode(name, true):gsub("%%20", "+"))
  end
end

local function has_current(object)
  local newest = object._versions[#object._versions]
  return newest and not newest.DeleteMarker
end

-- What versions and objects have in common in lists.
local function entry(call, write, object, version)
  local sum = version._checksum
  return {
    Key = write(object.Key), LastModified = version.LastModified, ETag = version.ETag, Size = version.Size,
    Owner = buckets.owner(call),
    StorageClass = not version.DeleteMarker and (version.StorageClass or "STANDARD") or nil,
    ChecksumAlgorithm = sum and { sum.algorithm }, ChecksumType = sum and sum.type,
  }
end

local function listed(call, write, found, owner)
  local contents, prefixes = json.array {}, json.array {}
  for _, one in ipairs(found) do
    if one.object then
      local shown = entry(call, write, one.object, one.object._versions[#one.object._versions])
      if not owner then shown.Owner = nil end
      contents[#contents + 1] = shown
    else
      prefixes[#prefixes + 1] = { Prefix = write(one.name) }
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
  local write = writer(params)
  local contents, prefixes = listed(call, write, found, params.FetchOwner)
  return {
    Name = params.Bucket, Prefix = write(params.Prefix or ""), Delimiter = write(params.Delimiter),
    MaxKeys = limit, EncodingType = params.EncodingType,
    KeyCount = #found, IsTruncated = more, Contents = contents, CommonPrefixes = prefixes,
    ContinuationToken = token, StartAfter = write(params.StartAfter),
    NextContinuationToken = more and text.base64url(found[#found].name) or nil,
  }
end

function operations.ListObjects(call, params)
  local found, more, limit = keys(call, params, params.Marker, has_current)
  local write = writer(params)
  local contents, prefixes = listed(call, write, found, true)
  return {
    Name = params.Bucket, Prefix = write(params.Prefix or ""), Delimiter = write(params.Delimiter),
    MaxKeys = limit, EncodingType = params.EncodingType,
    Marker = write(params.Marker or ""), IsTruncated = more, Contents = contents, CommonPrefixes = prefixes,
    NextMarker = more and params.Delimiter and write(found[#found].name) or nil,
  }
end

function operations.ListObjectVersions(call, params)
  buckets.check_version(params.VersionIdMarker)
  local found, more, limit = keys(call, params, params.KeyMarker, function() return true end)
  local versions, markers, prefixes = json.array {}, json.array {}, json.array {}
  local write = writer(params)
  for _, one in ipairs(found) do
    local all = one.object and one.object._versions or {}
    if not one.object then prefixes[#prefixes + 1] = { Prefix = write(one.name) } end
    for i = #all, 1, -1 do
      local shown = entry(call, write, one.object, all[i])
      shown.VersionId, shown.IsLatest = all[i].VersionId, i == #all
      local into = all[i].DeleteMarker and markers or versions
      into[#into + 1] = shown
    end
  end
  return {
    Name = params.Bucket, Prefix = write(params.Prefix or ""), KeyMarker = write(params.KeyMarker or ""),
    VersionIdMarker = params.VersionIdMarker or "", MaxKeys = limit, EncodingType = params.EncodingType,
    Delimiter = write(params.Delimiter), IsTruncated = more, Versions = versions, DeleteMarkers = markers,
    CommonPrefixes = prefixes, NextKeyMarker = more and write(found[#found].name) or nil,
  }
end

return M
