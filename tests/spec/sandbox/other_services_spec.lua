-- The services beside clusters: Secrets Manager, KMS, logs, parameters, repositories, quotas, prices.
local clock = require "eksrun.clock"
local json = require "eksrun.json"
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

describe("the services beside clusters", function()
  local aws
  before_each(function() aws = support.open() end)
  after_each(support.close)

  it("keep secrets and their versions", function()
    local secrets = aws.secretsmanager
    local arn = secrets:create_secret({ Name = "a/b", SecretString = "one" }).ARN
    assert.equal("ResourceExistsException",
      (support.refused(secrets, "create_secret", { Name = "a/b", SecretString = "x" })))
    secrets:put_secret_value { SecretId = arn, SecretString = "two" }
    assert.equal("two", secrets:get_secret_value({ SecretId = "a/b" }).SecretString)
    assert.equal("one", secrets:get_secret_value({ SecretId = "a/b",
      VersionStage = "AWSPREVIOUS" }).SecretString)
    secrets:put_secret_value { SecretId = arn, SecretBinary = "\0\255" }
    assert.equal("\0\255", secrets:get_secret_value({ SecretId = arn }).SecretBinary)
    secrets:tag_resource { SecretId = arn, Tags = { { Value = "without a key" } } }
    secrets:delete_secret { SecretId = arn, RecoveryWindowInDays = 7 }
    assert.equal("InvalidRequestException", (support.refused(secrets, "get_secret_value",
      { SecretId = arn })))
    secrets:restore_secret { SecretId = arn }
    secrets:delete_secret { SecretId = arn, RecoveryWindowInDays = 7 }
    task.sleep(8 * 86400)
    assert.equal("ResourceNotFoundException", (support.refused(secrets, "describe_secret",
      { SecretId = arn })))
  end)

  it("encrypt with keys that are there, for the same context", function()
    local kms = aws.kms
    local key = kms:create_key({}).KeyMetadata.KeyId
    kms:create_alias { AliasName = "alias/k", TargetKeyId = key }
    local sealed = kms:encrypt({ KeyId = "alias/k", Plaintext = "\0secret", EncryptionContext = { a = "b" } })
    local function open(context)
      return { CiphertextBlob = sealed.CiphertextBlob, EncryptionContext = context }
    end
    assert.equal("\0secret", kms:decrypt(open { a = "b" }).Plaintext)
    assert.equal("InvalidCiphertextException", (support.refused(kms, "decrypt", open { a = "c" })))
    assert.equal(32, #kms:generate_data_key({ KeyId = key, KeySpec = "AES_256" }).Plaintext)
    local grant = kms:create_grant { KeyId = key, GranteePrincipal = "arn:aws:iam::111122223333:role/x",
      Operations = { "Decrypt" } }
    assert.equal(grant.GrantId, kms:list_grants({ KeyId = key }).Grants[1].GrantId)
    kms:revoke_grant { KeyId = key, GrantId = grant.GrantId }
    assert.equal(0, #kms:list_grants({ KeyId = key }).Grants)
    kms:disable_key { KeyId = key }
    assert.equal("DisabledException", (support.refused(kms, "decrypt", open { a = "b" })))
    kms:schedule_key_deletion { KeyId = key, PendingWindowInDays = 7 }
    assert.equal("KMSInvalidStateException", (support.refused(kms, "decrypt", open { a = "b" })))
  end)

  it("have keys for one use, by the algorithms of their kind", function()
    local kms = aws.kms
    local function made(params) return kms:create_key(params).KeyMetadata end
    assert.same({ "SYMMETRIC_DEFAULT" }, made({}).EncryptionAlgorithms)
    assert.equal("RSAES_OAEP_SHA_256",
      made({ KeySpec = "RSA_2048", KeyUsage = "ENCRYPT_DECRYPT" }).EncryptionAlgorithms[2])
    local signs = made { KeySpec = "ECC_NIST_P256", KeyUsage = "SIGN_VERIFY" }
    assert.same({ { "ECDSA_SHA_256" } }, { signs.SigningAlgorithms, signs.EncryptionAlgorithms })
    local both = made { MultiRegion = true }
    assert.matches("^mrk%-%x+$", both.KeyId)
    assert.equal(both.Arn, both.MultiRegionConfiguration.PrimaryKey.Arn)
    assert.equal("ValidationException", (support.refused(kms, "create_key", { KeySpec = "RSA_2048" })))
    assert.equal("ValidationException",
      (support.refused(kms, "create_key", { KeySpec = "HMAC_256", KeyUsage = "SIGN_VERIFY" })))
    assert.equal("InvalidKeyUsageException",
      (support.refused(kms, "encrypt", { KeyId = signs.KeyId, Plaintext = "x" })))
    local rsa = made({ KeySpec = "RSA_2048", KeyUsage = "ENCRYPT_DECRYPT" }).KeyId
    assert.equal("InvalidKeyUsageException",
      (support.refused(kms, "generate_data_key", { KeyId = rsa, KeySpec = "AES_256" })))
    assert.equal("ValidationException",
      (support.refused(kms, "generate_data_key_without_plaintext", { KeyId = both.KeyId })))
    assert.equal("NotFoundException",
      (support.refused(kms, "get_key_policy", { KeyId = rsa, PolicyName = "other" })))
    assert.equal("ValidationException", (support.refused(kms, "delete_alias", { AliasName = "name" })))
    assert.equal("NotAuthorizedException", (support.refused(kms, "update_alias",
      { AliasName = "alias/aws/ebs", TargetKeyId = rsa })))
  end)

  it("keep what is logged", function()
    local logs, now = aws.logs, math.floor(clock.now() * 1000)
    logs:create_log_group { logGroupName = "g" }
    logs:create_log_stream { logGroupName = "g", logStreamName = "s" }
    local events = {}
    for i = 1, 5 do events[i] = { timestamp = now + i, message = "line " .. i } end
    logs:put_log_events { logGroupName = "g", logStreamName = "s", logEvents = events }
    local page = logs:get_log_events { logGroupName = "g", logStreamName = "s", startFromHead = true,
      limit = 2 }
    assert.equal("line 2", page.events[2].message)
    page = logs:get_log_events { logGroupName = "g", logStreamName = "s", nextToken = page.nextForwardToken,
      limit = 9 }
    assert.same({ 3, "line 3" }, { #page.events, page.events[1].message })
    assert.equal(1, #logs:filter_log_events({ logGroupName = "g", filterPattern = '"line 4"' }).events)
    assert.equal("ResourceNotFoundException", (support.refused(logs, "put_log_events",
      { logGroupName = "g", logStreamName = "none", logEvents = events })))
  end)

  it("keep the history of parameters, and what is secure", function()
    local ssm = aws.ssm
    for i = 1, 3 do
      ssm:put_parameter { Name = "/p", Value = "v" .. i, Type = "SecureString", Overwrite = true }
    end
    assert.not_equal("v3", ssm:get_parameter({ Name = "/p" }).Parameter.Value)
    assert.equal("v3", ssm:get_parameter({ Name = "/p", WithDecryption = true }).Parameter.Value)
    ssm:label_parameter_version { Name = "/p", ParameterVersion = 2, Labels = { "good" } }
    assert.equal("v2", ssm:get_parameter({ Name = "/p:good", WithDecryption = true }).Parameter.Value)
    assert.equal("v1", ssm:get_parameter({ Name = "/p:1", WithDecryption = true }).Parameter.Value)
    assert.equal("ParameterVersionNotFound", (support.refused(ssm, "get_parameter", { Name = "/p:9" })))
    local history = ssm:get_parameter_history({ Name = "/p", WithDecryption = true }).Parameters
    assert.same({ 3, "v1", { "good" } }, { #history, history[1].Value, history[2].Labels })
  end)

  it("find parameters by filters", function()
    local ssm = aws.ssm
    for name, kind in pairs { ["/a/x"] = "String", ["/a/b/y"] = "SecureString", ["/c"] = "StringList" } do
      ssm:put_parameter { Name = name, Value = "v", Type = kind,
        Tags = name == "/c" and { { Key = "k", Value = "v" } } or nil }
    end
    local function found(filter)
      local names = {}
      for i, one in ipairs(ssm:describe_parameters({ ParameterFilters = { filter } }).Parameters) do
        names[i] = one.Name
      end
      return table.concat(names, " ")
    end
    assert.equal("/a/x", found { Key = "Path", Values = { "/a" } })
    assert.equal("/a/b/y /a/x", found { Key = "Path", Values = { "/a" }, Option = "Recursive" })
    assert.equal("/a/b/y /a/x", found { Key = "Name", Values = { "/a" }, Option = "BeginsWith" })
    assert.equal("/c", found { Key = "tag:k" })
    assert.equal("/c", ssm:describe_parameters({
      Filters = { { Key = "Type", Values = { "StringList" } } },
    }).Parameters[1].Name)
    local secure = { Path = "/a", Recursive = true, ParameterFilters = { { Key = "Type",
      Values = { "SecureString" } } } }
    assert.equal(1, #ssm:get_parameters_by_path(secure).Parameters)
    secure.ParameterFilters[1].Key = "Name"
    assert.equal("InvalidFilterKey", (support.refused(ssm, "get_parameters_by_path", secure)))
    for code, filter in pairs {
      ValidationException = { Key = "nonsense" }, InvalidFilterOption = { Key = "Name", Option = "Near" },
    } do
      assert.equal(code, (support.refused(ssm, "describe_parameters", { ParameterFilters = { filter } })))
    end
    assert.equal("ValidationException", (support.refused(ssm, "put_parameter",
      { Name = "n", Value = "v", Type = "String", DataType = "Text" })))
  end)

  it("tag things of any service by their ARNs", function()
    local tagging = aws.resourcegroupstaggingapi
    local vpc = aws.ec2:create_vpc({ CidrBlock = "10.0.0.0/16" }).Vpc.VpcId
    local arns = {
      "arn:aws:ec2:us-east-1:111122223333:vpc/" .. vpc, aws.kms:create_key({}).KeyMetadata.Arn,
      aws.secretsmanager:create_secret({ Name = "s", SecretString = "x" }).ARN,
      aws.ecr:create_repository({ repositoryName = "repo" }).repository.repositoryArn,
    }
    assert.same({}, tagging:tag_resources({ ResourceARNList = arns,
      Tags = { team = "a" } }).FailedResourcesMap)
    local function found() return #tagging:get_resources({ TagFilters = { { Key = "team",
      Values = { "a" } } } })
      .ResourceTagMappingList end
    assert.equal(4, found())
    assert.same({ "a" }, tagging:get_tag_values({ Key = "team" }).TagValues)
    tagging:untag_resources { ResourceARNList = arns, TagKeys = { "team" } }
    assert.equal(0, found())
    local none = "arn:aws:eks:us-east-1:111122223333:cluster/none"
    local failed = tagging:tag_resources({ ResourceARNList = { none },
      Tags = { a = "b" } }).FailedResourcesMap
    assert.equal("InvalidParameterException", (select(2, next(failed))).ErrorCode)
  end)

  it("have repositories, quotas, prices and no organization", function()
    assert.equal("RepositoryNotFoundException",
      (support.refused(aws.ecr, "describe_images", { repositoryName = "none" })))
    local quotas = aws["service-quotas"]
    local quota = { ServiceCode = "vpc", QuotaCode = "L-F678F1CE" }
    assert.equal(5, quotas:get_service_quota(quota).Quota.Value)
    quotas:request_service_quota_increase { ServiceCode = "vpc", QuotaCode = "L-F678F1CE", DesiredValue = 20 }
    task.sleep(3 * 86400)
    assert.equal(20, quotas:get_service_quota(quota).Quota.Value)
    assert.equal(5, quotas:get_aws_default_service_quota(quota).Quota.Value)
    local found = aws.pricing:get_products({ ServiceCode = "AmazonEC2", Filters = {
      { Type = "TERM_MATCH", Field = "instanceType", Value = "m7g.xlarge" },
    } }).PriceList
    local price = select(2, next(select(2, next(json.decode(found[1]).terms.OnDemand)).priceDimensions))
    assert.equal(2 * 0.0816, tonumber(price.pricePerUnit.USD))
    assert.equal("AWSOrganizationsNotInUseException",
      (support.refused(aws.organizations, "describe_organization", {})))
    assert.equal("ENABLED_BY_DEFAULT",
      aws.client "account":get_region_opt_status({ RegionName = "us-east-1" }).RegionOptStatus)
  end)
end)
