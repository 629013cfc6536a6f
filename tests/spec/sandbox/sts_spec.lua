-- Who somebody is, and the keys that STS and IAM give out.
local clock = require "eksrun.clock"
local json = require "eksrun.json"
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"
local text = require "eksrun.text"

local function trust(fields)
  fields.Effect = "Allow"
  return json.encode { Version = "2012-10-17", Statement = { fields } }
end

local function token(claims)
  return ("%s.%s.%s"):format(text.base64url "{}", text.base64url(json.encode(claims)), text.base64url "s")
end

describe("STS in the sandbox", function()
  local aws, world
  before_each(function() aws, world = support.open() end)
  after_each(support.close)

  local function role(name, document, fields)
    local params = { RoleName = name, AssumeRolePolicyDocument = document }
    for key, value in pairs(fields or {}) do params[key] = value end
    return aws.iam:create_role(params).Role.Arn
  end

  it("lets roles be assumed by whom they trust, for as long as they say", function()
    local arn = role("r", trust { Action = "sts:AssumeRole", Principal = { AWS = "111122223333" },
      Condition = { StringEquals = { ["sts:ExternalId"] = "xx" } } })
    local params = { RoleArn = arn, RoleSessionName = "me", ExternalId = "xx" }
    assert.equal("AccessDenied", (support.refused(aws.sts, "assume_role", params)))
    task.sleep(60)
    params.ExternalId = "yy"
    local code, message = support.refused(aws.sts, "assume_role", params)
    assert.equal("AccessDenied", code)
    assert.matches("is not authorized to perform: sts:AssumeRole on resource: " .. arn, message, 1, true)
    params.ExternalId = "xx"
    params.DurationSeconds = 7200
    assert.equal("ValidationError", (support.refused(aws.sts, "assume_role", params)))
    params.DurationSeconds = 900
    local given = aws.sts:assume_role(params)
    assert.equal("arn:aws:sts::111122223333:assumed-role/r/me", given.AssumedRoleUser.Arn)
    local key = require("eksrun.sandbox.iam.principals").key(world.world, given.Credentials.AccessKeyId)
    assert.equal(given.Credentials.SecretAccessKey, key.secret_access_key)
    assert.equal(given.Credentials.SessionToken, key.session_token)
    assert.is_true(math.abs(key.expires - clock.now() - 900) < 5)
    assert.is_nil(require("eksrun.sandbox.iam.principals").key(world.world, "AKIANOBODY0000000000"))
  end)

  it("takes tokens of issuers that the account trusts", function()
    local issuer = "oidc.example/id/A"
    local provider = "arn:aws:iam::111122223333:oidc-provider/" .. issuer
    local arn = role("pod", trust {
      Action = "sts:AssumeRoleWithWebIdentity", Principal = { Federated = provider },
      Condition = { StringEquals = { [issuer .. ":sub"] = "system:serviceaccount:web:app" } },
    })
    task.sleep(60)
    local claims = { iss = "https://" .. issuer, sub = "system:serviceaccount:web:app",
      aud = { "sts.amazonaws.com" }, exp = clock.now() + 3600 }
    local function refused()
      return (support.refused(aws.sts, "assume_role_with_web_identity",
        { RoleArn = arn, RoleSessionName = "app", WebIdentityToken = token(claims) }))
    end
    assert.equal("InvalidIdentityToken", refused())
    aws.iam:create_open_id_connect_provider {
      Url = "https://" .. issuer, ClientIDList = { "sts.amazonaws.com" },
    }
    claims.aud = { "other" }
    assert.equal("InvalidIdentityToken", refused())
    claims.aud, claims.sub = { "sts.amazonaws.com" }, "system:serviceaccount:web:other"
    assert.equal("AccessDenied", refused())
    claims.sub, claims.exp = "system:serviceaccount:web:app", clock.now() - 1
    assert.equal("ExpiredTokenException", refused())
    claims.exp = clock.now() + 3600
    local given = aws.sts:assume_role_with_web_identity {
      RoleArn = arn, RoleSessionName = "app", WebIdentityToken = token(claims),
    }
    assert.equal("system:serviceaccount:web:app", given.SubjectFromWebIdentityToken)
  end)

  it("knows users by their keys", function()
    aws.iam:create_user { UserName = "ann" }
    local key = aws.iam:create_access_key({ UserName = "ann" }).AccessKey
    local ann = aws.session { credentials = { access_key_id = key.AccessKeyId,
      secret_access_key = key.SecretAccessKey } }
    assert.equal("arn:aws:iam::111122223333:user/ann", ann.sts:get_caller_identity({}).Arn)
    assert.equal("ann", ann.iam:get_user({}).User.UserName)
    aws.iam:create_access_key { UserName = "ann" }
    assert.equal("LimitExceeded", (support.refused(aws.iam, "create_access_key", { UserName = "ann" })))
    assert.equal("DeleteConflict", (support.refused(aws.iam, "delete_user", { UserName = "ann" })))
    for _, one in ipairs(aws.iam:list_access_keys({ UserName = "ann" }).AccessKeyMetadata) do
      aws.iam:delete_access_key { UserName = "ann", AccessKeyId = one.AccessKeyId }
    end
    aws.iam:delete_user { UserName = "ann" }
  end)

  it("gives pods the keys of what their service account is associated with", function()
    support.cluster(aws)
    local arn = role("pods", trust { Action = { "sts:AssumeRole", "sts:TagSession" },
      Principal = { Service = "pods.eks.amazonaws.com" } })
    task.sleep(60)
    local params = { clusterName = "demo", token = token {
      ["kubernetes.io"] = { namespace = "web", serviceaccount = { name = "app" } },
    } }
    local pods = aws.client "eks-auth"
    assert.equal("AccessDeniedException", (support.refused(pods,
      "assume_role_for_pod_identity", params)))
    aws.eks:create_pod_identity_association { clusterName = "demo", namespace = "web", serviceAccount = "app",
      roleArn = arn }
    local given = pods:assume_role_for_pod_identity(params)
    assert.matches("^arn:aws:sts::111122223333:assumed%-role/pods/eks%-demo%-", given.assumedRoleUser.arn)
  end)
end)
