-- Keys and signatures, as each service refuses them.
local clock = require "eksrun.clock"
local sandbox = require "eksrun.sandbox"
local sigv4 = require "eksrun.sigv4"
local support = require "tests.spec.support.sandbox"
local task = require "eksrun.task"

local OWN = { access_key_id = "AKIAOWN", secret_access_key = "own-secret" }

local function open()
  local world = sandbox.new { keys = { AKIAOWN = "own-secret" } }
  clock.simulate(world.started)
  local options = world:options()
  options.max_attempts = 1
  local function session(credentials)
    options.credentials = credentials
    return require("eksrun.aws").session(options)
  end
  return session, world
end

-- What services of every protocol say.
local function codes(aws)
  local out = {}
  for service, operation in pairs {
    sts = "get_caller_identity", ec2 = "describe_vpcs", eks = "list_clusters", kms = "list_keys",
  } do
    local output, err = aws.try[service][operation](aws.try[service], {})
    out[service] = output and "" or err.code .. " " .. err.status
  end
  return out
end

describe("the sandbox's keys", function()
  after_each(support.close)

  it("are those it was given", function()
    local session = open()
    assert.same({ sts = "", ec2 = "", eks = "", kms = "" }, codes(session(OWN)))
    assert.same({
      sts = "InvalidClientTokenId 403", ec2 = "AuthFailure 401", eks = "UnrecognizedClientException 403",
      kms = "UnrecognizedClientException 403",
    }, codes(session { access_key_id = "AKIAOTHER", secret_access_key = "own-secret" }))
    assert.same({
      sts = "SignatureDoesNotMatch 403", ec2 = "AuthFailure 401", eks = "InvalidSignatureException 403",
      kms = "InvalidSignatureException 403",
    }, codes(session { access_key_id = "AKIAOWN", secret_access_key = "another-secret" }))
  end)

  it("are those it gave out, until they expire", function()
    local session = open()
    local aws = session(OWN)
    aws.iam:create_role {
      RoleName = "admin", AssumeRolePolicyDocument = require("eksrun.json").encode {
        Version = "2012-10-17", Statement = { { Effect = "Allow", Action = "sts:AssumeRole",
          Principal = { AWS = "arn:aws:iam::111122223333:root" } } },
      },
    }
    task.sleep(60)
    local given = aws.sts:assume_role({
      RoleArn = "arn:aws:iam::111122223333:role/admin", RoleSessionName = "me", DurationSeconds = 900,
    }).Credentials
    local credentials = {
      access_key_id = given.AccessKeyId, secret_access_key = given.SecretAccessKey,
      session_token = given.SessionToken,
    }
    assert.matches("assumed%-role/admin/me$", session(credentials).sts:get_caller_identity({}).Arn)
    local without = { access_key_id = given.AccessKeyId, secret_access_key = given.SecretAccessKey }
    assert.equal("InvalidClientTokenId 403", codes(session(without)).sts)
    task.sleep(901)
    assert.same({
      sts = "ExpiredToken 403", ec2 = "RequestExpired 400", eks = "ExpiredTokenException 403",
      kms = "ExpiredTokenException 403",
    }, codes(session(credentials)))
  end)

  -- A request of GetCallerIdentity, signed at a time, by header or by query.
  local function caller(world, age, expires)
    local message = {
      method = "GET", path = "/", query = "Action=GetCallerIdentity&Version=2011-06-15",
      headers = { host = "sts.us-east-1.amazonaws.com" }, credentials = OWN, region = "us-east-1",
      service = "sts", time = clock.now() - age, expires = expires,
    }
    if expires then
      message.query = sigv4.presign(message)
    else
      for name, value in pairs(sigv4.sign(message)) do message.headers[name] = value end
    end
    return world:answer(message, clock.now())
  end

  it("sign requests that are not too old", function()
    local _, world = open()
    assert.equal(200, caller(world, 0).status)
    assert.equal(200, caller(world, 14 * 60).status)
    assert.equal(403, caller(world, 16 * 60).status)
    assert.equal(403, caller(world, -16 * 60).status)
    assert.equal(200, caller(world, 50, 60).status)
    assert.matches("Signature expired", caller(world, 70, 60).body)
  end)

  it("sign what is sent, and it must be signed", function()
    local _, world = open()
    local message = {
      method = "POST", path = "/", headers = { host = "h", ["content-type"] = "x" }, credentials = OWN,
      body = "Action=GetCallerIdentity&Version=2011-06-15", region = "us-east-1", service = "sts",
      time = clock.now(),
    }
    for name, value in pairs(sigv4.sign(message)) do message.headers[name] = value end
    assert.equal(200, world:answer(message, clock.now()).status)
    message.body = message.body .. "&X=1"
    assert.matches("SignatureDoesNotMatch", world:answer(message, clock.now()).body)
    local unsigned = {
      method = "POST", path = "/", headers = { host = "sts.us-east-1.amazonaws.com" },
      body = "Action=GetCallerIdentity&Version=2011-06-15",
    }
    assert.matches("MissingAuthenticationToken", world:answer(unsigned, clock.now()).body)
  end)

  it("takes a URL that was cut for one without a signature", function()
    local _, world = open()
    local answer = world:respond({
      method = "GET", path = "/", headers = {}, body = "", query = "X-Amz-Credential=AKIAOWN%2",
    }, clock.now)
    assert.equal(403, answer.status)
  end)
end)
