-- Credentials of a role that a profile or a web identity names.
local cache = require "eksrun.aws.cache"
local credentials = require "eksrun.aws.credentials"
local json = require "eksrun.json"
local providers = require "tests.spec.support.providers"

local world, assumed, resolve = providers.new, providers.assumed, providers.resolve
local refused, base, home = providers.refused, providers.base, providers.home
local now = providers.now

describe("a role of a profile", function()
  local config = base .. "[profile one]\nrole_arn = arn:aws:iam::1:role/one\nsource_profile = base\n"
    .. "external_id = ext\nrole_session_name = me\nduration_seconds = 1800\n"
    .. "[profile two]\nrole_arn = arn:aws:iam::2:role/two\nsource_profile = one\n"

  it("is assumed with what the profile says, one behind the other", function()
    local w = world { files = { config = config }, answers = { assumed "AKONE", assumed "AKTWO" } }
    local found = assert(resolve(w, { profile = "two" }))
    assert.equal("AKTWO", found.access_key_id)
    assert.equal("123456789012", found.account_id)
    assert.equal(now + 3600, found.expiration)
    assert.equal("role arn:aws:iam::2:role/two of profile 'two'", found.source)
    local first, second = w.requests[1], w.requests[2]
    assert.equal("https://sts.eu-west-1.amazonaws.com/", first.url)
    for _, part in ipairs { "ExternalId=ext", "RoleSessionName=me", "DurationSeconds=1800" } do
      assert.truthy(first.body:find(part, 1, true))
    end
    assert.matches("Credential=AKBASE/", first.headers.authorization)
    assert.matches("Credential=AKONE/", second.headers.authorization)
    assert.truthy(second.body:find("RoleSessionName=eksrun", 1, true))
  end)

  it("is kept where the AWS CLI keeps it, and taken from there", function()
    local w = world { files = { config = config }, answers = { assumed "AKONE" } }
    resolve(w, { profile = "one" })
    -- sha1 of {"DurationSeconds": 1800, "ExternalId": "ext", "RoleArn": "...", "RoleSessionName": "me"}
    local path = home .. "/.aws/cli/cache/" .. cache.hash("sha1", '{"DurationSeconds": 1800, "ExternalId": '
      .. '"ext", "RoleArn": "arn:aws:iam::1:role/one", "RoleSessionName": "me"}') .. ".json"
    local kept = json.decode(w.written[path])
    assert.equal("AKONE", kept.Credentials.AccessKeyId)
    assert.equal("2023-11-14T23:13:20Z", kept.Credentials.Expiration)
    assert.equal("AKONE", resolve(w, { profile = "one" }).access_key_id)
    assert.equal(1, #w.requests)
    w.time = now + 3600 - 60
    resolve(w, { profile = "one" })
    assert.is_true(#w.requests > 1)
  end)

  it("of a made-up AWS is not kept", function()
    local w = world { files = { config = config }, env = { AWS_ENDPOINT_URL = "http://127.0.0.1:5000" },
      answers = { assumed "AKONE" } }
    resolve(w, { profile = "one" })
    assert.same({}, w.written)
  end)

  it("is asked for an MFA code at the terminal", function()
    local mfa = base .. "[profile m]\nrole_arn = arn:aws:iam::1:role/m\nsource_profile = base\n"
      .. "mfa_serial = arn:aws:iam::1:mfa/me\n"
    local w = world { files = { config = mfa }, answers = { assumed "AKM" }, code = " 123456\n" }
    assert.equal("AKM", resolve(w, { profile = "m" }).access_key_id)
    assert.same({ "MFA code for arn:aws:iam::1:mfa/me: " }, w.prompts)
    assert.truthy(w.requests[1].body:find("TokenCode=123456", 1, true))
    w = world { files = { config = mfa } }
    assert.matches("wants an MFA code of .*; there is no terminal", refused(w, { profile = "m" }))
    assert.equal(0, #w.requests)
  end)

  it("goes to its partition when no region is set", function()
    local w = world { files = { config = base
      .. "[profile cn]\nrole_arn = arn:aws-cn:iam::1:role/r\nsource_profile = base\n" },
      answers = { assumed "AKCN" } }
    w.env = function(name) return name == "HOME" and home or nil end
    resolve(w, { profile = "cn" })
    assert.equal("https://sts.cn-north-1.amazonaws.com.cn/", w.requests[1].url)
  end)

  it("names what is wrong with a chain", function()
    local function of(text) return refused(world { files = { config = base .. text } }, { profile = "x" }) end
    assert.matches("source_profile: profile 'x' comes back to itself", of("[profile x]\nrole_arn = a\n"
      .. "source_profile = y\n[profile y]\nrole_arn = b\nsource_profile = x\n"))
    assert.matches("profile 'nobody' does not exist",
      of "[profile x]\nrole_arn = a\nsource_profile = nobody\n")
    assert.matches("has both source_profile and credential_source",
      of "[profile x]\nrole_arn = a\nsource_profile = base\ncredential_source = Environment\n")
    assert.matches("has neither source_profile nor credential_source", of "[profile x]\nrole_arn = a\n")
    assert.matches("credential_source 'Moon' of profile 'x' is none of",
      of "[profile x]\nrole_arn = a\ncredential_source = Moon\n")
    assert.matches("duration_seconds 'long' of profile 'x'",
      of "[profile x]\nrole_arn = a\nsource_profile = base\nduration_seconds = long\n")
    assert.matches("uses SSO but sso_role_name is missing",
      of "[profile x]\nsso_account_id = 1\nsso_region = r-1\nsso_start_url = https://x\n")
    assert.matches("credential_source Environment of profile 'x' has no credentials",
      of "[profile x]\nrole_arn = a\ncredential_source = Environment\n")
  end)
end)

describe("a web identity", function()
  local env = { AWS_WEB_IDENTITY_TOKEN_FILE = "/token", AWS_ROLE_ARN = "arn:aws:iam::1:role/w",
    AWS_ROLE_SESSION_NAME = "pod" }
  local function answer()
    local it = assumed "AKWEB"
    it[2] = it[2]:gsub("AssumeRole", "AssumeRoleWithWebIdentity")
    return it
  end

  it("comes from the environment, unsigned, with the file read each time", function()
    local files = { ["/token"] = "jwt-1\n" }
    local w = world { env = env, files = files, answers = { answer(), answer() } }
    local resolver = credentials.resolver({}, w)
    assert.equal("AKWEB", resolver:get().access_key_id)
    assert.truthy(w.requests[1].body:find("WebIdentityToken=jwt-1", 1, true))
    assert.truthy(w.requests[1].body:find("RoleSessionName=pod", 1, true))
    assert.is_nil(w.requests[1].headers.authorization)
    assert.same({}, w.written)
  end)

  it("says what is missing", function()
    assert.matches("token /token does not exist", refused(world { env = env }))
    assert.matches("AWS_ROLE_ARN is not", refused(world { env = { AWS_WEB_IDENTITY_TOKEN_FILE = "/token" } }))
  end)
end)
