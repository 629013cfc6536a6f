-- Buckets and objects.
local json = require "eksrun.json"
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

describe("S3 in the sandbox", function()
  local s3, aws
  before_each(function()
    aws = support.open()
    s3 = aws.s3
    s3:create_bucket { Bucket = "bucket" }
  end)
  after_each(support.close)

  it("keeps objects, byte by byte", function()
    local bytes = ("\0\1\255x"):rep(100)
    local put = s3:put_object { Bucket = "bucket", Key = "a/b c.bin", Body = bytes, ContentType = "x/y",
      Metadata = { who = "me" }, Tagging = "k=v%20w" }
    local got = s3:get_object { Bucket = "bucket", Key = "a/b c.bin" }
    assert.equal(bytes, got.Body)
    assert.same({ put.ETag, "x/y", "me", 1 }, { got.ETag, got.ContentType, got.Metadata.who, got.TagCount })
    assert.equal(400, s3:head_object({ Bucket = "bucket", Key = "a/b c.bin" }).ContentLength)
    local part = s3:get_object { Bucket = "bucket", Key = "a/b c.bin", Range = "bytes=1-3" }
    assert.same({ "\1\255x", "bytes 1-3/400" }, { part.Body, part.ContentRange })
    assert.equal("v w", s3:get_object_tagging({ Bucket = "bucket", Key = "a/b c.bin" }).TagSet[1].Value)
    s3:copy_object { Bucket = "bucket", Key = "copy", CopySource = "bucket/a/b c.bin" }
    assert.equal(bytes, s3:get_object({ Bucket = "bucket", Key = "copy" }).Body)
    assert.equal("NoSuchKey", (support.refused(s3, "get_object", { Bucket = "bucket", Key = "none" })))
    assert.equal("NoSuchBucket", (support.refused(s3, "get_object", { Bucket = "none", Key = "none" })))
    assert.equal("BucketNotEmpty", (support.refused(s3, "delete_bucket", { Bucket = "bucket" })))
    s3:delete_objects { Bucket = "bucket", Delete = { Objects = { { Key = "copy" },
      { Key = "a/b c.bin" } } } }
    s3:delete_bucket { Bucket = "bucket" }
  end)

  it("checks and keeps checksums", function()
    local params = { Bucket = "bucket", Key = "k", Body = "123456789" }
    local put = s3:put_object(params)
    assert.same({ "y/Q5Jg==", "FULL_OBJECT" }, { put.ChecksumCRC32, put.ChecksumType })
    assert.equal("y/Q5Jg==", s3:get_object({ Bucket = "bucket", Key = "k" }).ChecksumCRC32)
    assert.is_nil(s3:get_object({ Bucket = "bucket", Key = "k", Range = "bytes=0-1" }).ChecksumCRC32)
    local copied = s3:copy_object { Bucket = "bucket", Key = "copy", CopySource = "bucket/k" }
    assert.equal("y/Q5Jg==", copied.CopyObjectResult.ChecksumCRC32)
    local listed = s3:list_objects_v2({ Bucket = "bucket" }).Contents[2]
    assert.same({ "k", "CRC32", "FULL_OBJECT" },
      { listed.Key, listed.ChecksumAlgorithm[1], listed.ChecksumType })
    params.ChecksumSHA1 = "98O8HYCOBHMq32eZZczDTKeuNEA="
    assert.equal("BadDigest", (support.refused(s3, "put_object", params)))
    params.ChecksumSHA1, params.ContentMD5 = nil, "AAAAAAAAAAAAAAAAAAAAAA=="
    assert.equal("BadDigest", (support.refused(s3, "put_object", params)))
    params.ContentMD5 = "nonsense"
    assert.equal("InvalidDigest", (support.refused(s3, "put_object", params)))
    params.ContentMD5 = "JfnnlDI7RTiF9RgfG2JNCw=="
    assert.equal(put.ETag, s3:put_object(params).ETag)
  end)

  it("refuses what S3 refuses of versions, ranges, tags and locks", function()
    s3:put_object { Bucket = "bucket", Key = "k", Body = "12" }
    local function code(operation, params)
      params.Bucket = "bucket"
      if not operation:find "^list" then params.Key = params.Key or "k" end
      return (support.refused(s3, operation, params))
    end
    assert.equal("InvalidArgument", code("get_object", { VersionId = "v1" }))
    assert.equal("400", code("head_object", { VersionId = "v1" }))
    assert.equal("InvalidArgument", code("list_object_versions", { VersionIdMarker = "v1" }))
    assert.equal("NoSuchVersion", code("get_object", { VersionId = ("v"):rep(32) }))
    assert.equal("NoSuchVersion", code("get_object", { VersionId = ("v"):rep(32), Key = "none" }))
    assert.equal("InvalidRange", code("get_object", { Range = "bytes=2-" }))
    assert.equal("416", code("head_object", { Range = "bytes=2-" }))
    assert.equal("InvalidTag",
      code("put_object_tagging", { Tagging = { TagSet = { { Key = "aws:a", Value = "b" } } } }))
    assert.equal("InvalidRequest", code("put_object", { ObjectLockLegalHoldStatus = "ON" }))
  end)

  it("writes on conditions", function()
    local params = { Bucket = "bucket", Key = "lock", Body = "1", IfNoneMatch = "*" }
    local etag = s3:put_object(params).ETag
    assert.equal("PreconditionFailed", (support.refused(s3, "put_object", params)))
    params.IfNoneMatch, params.IfMatch, params.Body = nil, etag, "2"
    s3:put_object(params)
    assert.equal("PreconditionFailed", (support.refused(s3, "put_object", params)))
  end)

  it("lists keys in pages and folders", function()
    for i = 1, 7 do s3:put_object { Bucket = "bucket", Key = ("d%d/k"):format(i % 3), Body = tostring(i) } end
    for i = 1, 5 do s3:put_object { Bucket = "bucket", Key = ("top%d"):format(i), Body = "" } end
    local names, pages = {}, 0
    for page in s3:pages("list_objects_v2", { Bucket = "bucket", Delimiter = "/", MaxKeys = 3 }) do
      pages = pages + 1
      for _, prefix in ipairs(page.CommonPrefixes or {}) do names[#names + 1] = prefix.Prefix end
      for _, one in ipairs(page.Contents or {}) do names[#names + 1] = one.Key end
    end
    assert.equal(3, pages)
    assert.same({ "d0/", "d1/", "d2/", "top1", "top2", "top3", "top4", "top5" }, names)
    assert.equal(1, s3:list_objects_v2({ Bucket = "bucket", Prefix = "d1/" }).KeyCount)
    s3:put_object { Bucket = "bucket", Key = "e f+g/\1%" }
    local all = s3:list_objects { Bucket = "bucket", Prefix = "e f", EncodingType = "url" }
    assert.same({ "url", "e+f", "e+f%2Bg/%01%25" }, { all.EncodingType, all.Prefix, all.Contents[1].Key })
    assert.matches("^%x+$", all.Contents[1].Owner.ID)
    local folders = s3:list_object_versions { Bucket = "bucket", Prefix = "e", Delimiter = "/",
      EncodingType = "url" }
    assert.equal("e+f%2Bg/", folders.CommonPrefixes[1].Prefix)
  end)

  it("keeps versions, and takes uploads in parts", function()
    s3:put_bucket_versioning { Bucket = "bucket", VersioningConfiguration = { Status = "Enabled" } }
    local first = s3:put_object({ Bucket = "bucket", Key = "k", Body = "1" }).VersionId
    s3:put_object { Bucket = "bucket", Key = "k", Body = "2" }
    s3:delete_object { Bucket = "bucket", Key = "k" }
    assert.equal("NoSuchKey", (support.refused(s3, "get_object", { Bucket = "bucket", Key = "k" })))
    assert.equal("1", s3:get_object({ Bucket = "bucket", Key = "k", VersionId = first }).Body)
    local all = s3:list_object_versions { Bucket = "bucket" }
    assert.same({ 2, 1, true }, { #all.Versions, #all.DeleteMarkers, all.DeleteMarkers[1].IsLatest })
    s3:delete_object { Bucket = "bucket", Key = "k", VersionId = all.DeleteMarkers[1].VersionId }
    assert.equal("2", s3:get_object({ Bucket = "bucket", Key = "k" }).Body)
    local id = s3:create_multipart_upload({ Bucket = "bucket", Key = "big" }).UploadId
    local big, parts = ("x"):rep(5 * 1024 * 1024), {}
    for i, body in ipairs { big, "end" } do
      parts[i] = { PartNumber = i, ETag = s3:upload_part({ Bucket = "bucket", Key = "big", UploadId = id,
        PartNumber = i, Body = body }).ETag }
    end
    local done = s3:complete_multipart_upload { Bucket = "bucket", Key = "big", UploadId = id,
      MultipartUpload = { Parts = parts } }
    assert.matches('%-2"$', done.ETag)
    assert.equal(#big + 3, s3:head_object({ Bucket = "bucket", Key = "big" }).ContentLength)
    local part = s3:get_object { Bucket = "bucket", Key = "big", PartNumber = 2 }
    assert.same({ "end", 2 }, { part.Body, part.PartsCount })
    assert.equal("InvalidPartNumber",
      (support.refused(s3, "get_object", { Bucket = "bucket", Key = "big", PartNumber = 3 })))
  end)

  it("has what is set on buckets, with S3's defaults and errors", function()
    assert.equal("AES256", s3:get_bucket_encryption({ Bucket = "bucket" }).ServerSideEncryptionConfiguration
      .Rules[1].ApplyServerSideEncryptionByDefault.SSEAlgorithm)
    local block = s3:get_public_access_block({ Bucket = "bucket" }).PublicAccessBlockConfiguration
    assert.is_true(block.BlockPublicAcls)
    assert.equal("NoSuchBucketPolicy", (support.refused(s3, "get_bucket_policy", { Bucket = "bucket" })))
    assert.equal("NoSuchTagSet", (support.refused(s3, "get_bucket_tagging", { Bucket = "bucket" })))
    s3:put_bucket_tagging { Bucket = "bucket", Tagging = { TagSet = { { Key = "a", Value = "b" } } } }
    assert.equal("b", s3:get_bucket_tagging({ Bucket = "bucket" }).TagSet[1].Value)
    local there = aws.session { region = "eu-west-1" }
    assert.equal("IllegalLocationConstraintException",
      (support.refused(there.s3, "create_bucket", { Bucket = "other" })))
    there.s3:create_bucket { Bucket = "other",
      CreateBucketConfiguration = { LocationConstraint = "eu-west-1" } }
    assert.equal("eu-west-1", s3:get_bucket_location({ Bucket = "other" }).LocationConstraint)
    assert.equal(2, #s3:list_buckets({}).Buckets)
  end)

  it("holds templates for CloudFormation", function()
    s3:put_object { Bucket = "bucket", Key = "t/x.json", Body = json.encode {
      Resources = { G = { Type = "AWS::Logs::LogGroup", Properties = { LogGroupName = "g" } } },
    } }
    aws.cloudformation:create_stack { StackName = "s",
      TemplateURL = "https://bucket.s3.us-east-1.amazonaws.com/t/x.json" }
    task.sleep(120)
    assert.equal("g", aws.logs:describe_log_groups({}).logGroups[1].logGroupName)
  end)
end)
