--- S3: buckets and what is set on them. Buckets have no region of their own among names.
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local BUCKET_TAGS, NOT_IN_TAGS = 50, "[^%w%s+%-=._:/@\x80-\xff]"

--- Refuses a request.
--- @param code string
--- @param status integer of HTTP
--- @param message string
--- @param fields? table
function M.refuse(code, status, message, fields)
  fields = fields or {}
  fields.status = status
  fault.raise_with(code, message, fields)
end

--- A bucket; raises that there is none.
--- @param call eksrun.sandbox.Call
--- @param name string
--- @return table
function M.need(call, name)
  local bucket = call:get("s3.bucket", name)
  if not bucket then
    M.refuse("NoSuchBucket", 404, "The specified bucket does not exist", { BucketName = name })
  end
  return bucket
end

--- Who has all buckets and objects.
--- @param call eksrun.sandbox.Call
--- @return table
function M.owner(call) return { ID = call.world:hash "owner" } end

-- How long the ids of versions are.
local VERSION_ID = 32

--- The id of a version.
--- @param call eksrun.sandbox.Call
--- @param ... any what it is of
--- @return string
function M.new_version(call, ...) return text.base64url(text.unhex(call:hash(...))):sub(1, VERSION_ID) end

--- Refuses what cannot be the id of a version.
--- @param id string?
--- @param head? boolean the answer has no body to say it in
function M.check_version(id, head)
  if id == nil or id == "null" or #id == VERSION_ID then return end
  if head then M.refuse("400", 400, "Bad Request") end
  M.refuse("InvalidArgument", 400, "Invalid version id specified",
    { ArgumentName = "versionId", ArgumentValue = id })
end

--- Refuses tags that S3 does not take.
--- @param tags table[]
--- @param most integer
function M.check_tags(tags, most)
  local seen = {}
  if #tags > most then
    M.refuse("BadRequest", 400, ("There cannot be more than %d tags"):format(most))
  end
  for _, tag in ipairs(tags) do
    if tag.Key:find "^aws:" then
      M.refuse("InvalidTag", 400, "Your TagKey cannot be prefixed with aws:")
    elseif tag.Key == "" or #tag.Key > 128 or tag.Key:find(NOT_IN_TAGS) then
      M.refuse("InvalidTag", 400, "The TagKey you have provided is invalid", { TagKey = tag.Key })
    elseif #tag.Value > 256 or tag.Value:find(NOT_IN_TAGS) then
      M.refuse("InvalidTag", 400, "The TagValue you have provided is invalid", { TagValue = tag.Value })
    elseif seen[tag.Key] then
      M.refuse("InvalidTag", 400, "Cannot provide multiple Tags with the same key")
    end
    seen[tag.Key] = true
  end
end

local function check_name(name)
  if #name < 3 or #name > 63 or not name:find "^[%l%d][%l%d.-]*[%l%d]$" or name:find("..", 1, true)
    or name:find "^%d+%.%d+%.%d+%.%d+$" then
    M.refuse("InvalidBucketName", 400, "The specified bucket is not valid.")
  end
end

function operations.CreateBucket(call, params)
  local name, wanted = params.Bucket, params.CreateBucketConfiguration or {}
  check_name(name)
  local region = wanted.LocationConstraint or "us-east-1"
  if region == "EU" then region = "eu-west-1" end
  if region ~= call.region then
    M.refuse("IllegalLocationConstraintException", 400, ("The %s location constraint is incompatible for the "
      .. "region specific endpoint this request was sent to."):format(
      wanted.LocationConstraint or "unspecified"))
  end
  local present = call:get("s3.bucket", name)
  if present and region ~= "us-east-1" then
    M.refuse("BucketAlreadyOwnedByYou", 409, "Your previous request to create the named bucket succeeded and "
      .. "you already own it.")
  end
  if not present then
    call:put("s3.bucket", name, {
      Name = name, CreationDate = call:time(), _region = region, _tags = calls.tag_map(wanted.Tags),
      _config = {
        BucketEncryption = {
          ServerSideEncryptionConfiguration = {
            Rules = {
              { ApplyServerSideEncryptionByDefault = { SSEAlgorithm = "AES256" }, BucketKeyEnabled = false },
            },
          },
        },
        PublicAccessBlock = {
          PublicAccessBlockConfiguration = {
            BlockPublicAcls = true, IgnorePublicAcls = true, BlockPublicPolicy = true,
            RestrictPublicBuckets = true,
          },
        },
        BucketOwnershipControls = {
          OwnershipControls = { Rules = { { ObjectOwnership = params.ObjectOwnership
            or "BucketOwnerEnforced" } } },
        },
      },
    })
  end
  return { Location = "/" .. name, BucketArn = ("arn:%s:s3:::%s"):format(call.partition, name) }
end

function operations.HeadBucket(call, params)
  local bucket = call:get("s3.bucket", params.Bucket)
  if not bucket then M.refuse("NotFound", 404, "Not Found") end
  return { BucketRegion = bucket._region }
end

function operations.ListBuckets(call, params)
  local list = json.array {}
  for _, bucket in ipairs(call:all "s3.bucket") do
    if (not params.Prefix or bucket.Name:sub(1, #params.Prefix) == params.Prefix)
      and (not params.BucketRegion or bucket._region == params.BucketRegion) then
      list[#list + 1] = { Name = bucket.Name, CreationDate = bucket.CreationDate,
        BucketRegion = bucket._region }
    end
  end
  table.sort(list, function(a, b) return a.Name < b.Name end)
  return { Buckets = list, Owner = M.owner(call) }
end

function operations.DeleteBucket(call, params)
  M.need(call, params.Bucket)
  if call:find("s3.object", function(object) return object._bucket == params.Bucket end) then
    M.refuse("BucketNotEmpty", 409, "The bucket you tried to delete is not empty")
  end
  call:remove("s3.bucket", params.Bucket)
end

function operations.GetBucketLocation(call, params)
  local region = M.need(call, params.Bucket)._region
  return { LocationConstraint = region ~= "us-east-1" and region or nil }
end

function operations.PutBucketVersioning(call, params)
  M.need(call, params.Bucket)._versioning = params.VersioningConfiguration.Status
end

function operations.GetBucketVersioning(call, params)
  return { Status = M.need(call, params.Bucket)._versioning }
end

function operations.PutBucketTagging(call, params)
  local bucket = M.need(call, params.Bucket)
  M.check_tags(params.Tagging.TagSet, BUCKET_TAGS)
  bucket._tags = calls.tag_map(params.Tagging.TagSet)
end

function operations.GetBucketTagging(call, params)
  local tags = M.need(call, params.Bucket)._tags
  if not next(tags) then M.refuse("NoSuchTagSet", 404, "The TagSet does not exist") end
  return { TagSet = json.array(calls.tag_list(tags)) }
end

function operations.DeleteBucketTagging(call, params) M.need(call, params.Bucket)._tags = {} end

-- What else can be set: the member of the request that holds it, whether the answer has what lies in it, the
-- error when it is not set, and how deleting it is called.
local SETTINGS = {
  BucketEncryption = { "ServerSideEncryptionConfiguration", false,
    "ServerSideEncryptionConfigurationNotFoundError",
      "The server side encryption configuration was not found" },
  BucketPolicy = { "Policy", false, "NoSuchBucketPolicy", "The bucket policy does not exist" },
  BucketLifecycleConfiguration = { "LifecycleConfiguration", true, "NoSuchLifecycleConfiguration",
    "The lifecycle configuration does not exist", "DeleteBucketLifecycle" },
  PublicAccessBlock = { "PublicAccessBlockConfiguration", false, "NoSuchPublicAccessBlockConfiguration",
    "The public access block configuration was not found" },
  BucketOwnershipControls = { "OwnershipControls", false, "OwnershipControlsNotFoundError",
    "The bucket ownership controls were not found" },
  BucketCors = { "CORSConfiguration", true, "NoSuchCORSConfiguration",
    "The CORS configuration does not exist" },
  BucketLogging = { "BucketLoggingStatus", true },
}

for what, setting in pairs(SETTINGS) do
  local member, inner, code, message, delete = table.unpack(setting)
  operations["Put" .. what] = function(call, params)
    local bucket = M.need(call, params.Bucket)
    if what == "BucketPolicy" and type(json.try_decode(params.Policy)) ~= "table" then
      M.refuse("MalformedPolicy", 400, "Policies must be valid JSON and the first byte must be '{'")
    end
    bucket._config[what] = inner and params[member] or { [member] = params[member] }
  end
  operations["Get" .. what] = function(call, params)
    local found = M.need(call, params.Bucket)._config[what]
    if not found and code then M.refuse(code, 404, message, { BucketName = params.Bucket }) end
    return util.copy(found or {})
  end
  if code then
    operations[delete or "Delete" .. what] = function(call, params)
      M.need(call, params.Bucket)._config[what] = nil
    end
  end
end

M.all_tags = function(call)
  local list = {}
  for _, bucket in ipairs(call:all "s3.bucket") do
    if bucket._region == call.region then
      list[#list + 1] = { arn = ("arn:%s:s3:::%s"):format(call.partition, bucket.Name), tags = bucket._tags }
    end
  end
  return list
end

return M
