-- Credentials of a sign-in: IAM Identity Center and login sessions.
local cache = require "eksrun.aws.cache"
local credentials = require "eksrun.aws.credentials"
local json = require "eksrun.json"
local providers = require "tests.spec.support.providers"
local sso = require "eksrun.aws.sso"

local world, resolve, refused = providers.new, providers.resolve, providers.refused
local home, now = providers.home, providers.now
local key = "-----BEGIN EC PRIVATE KEY-----\n"
  .. "MHcCAQEEIIhNKreu56pVwQTREMrI/B5IjjCUQr1D83nWvm38ciKPoAoGCCqGSM49\n"
  .. "AwEHoUQDQgAEO7Su4S+Srs/5ZzvfN0v2THy2C7EDagncx28MP4oqTUsO5AcVx0Xn\n"
  .. "EvI2XNkqwGCumxRuCRHFRltYDiSBSUKuaQ==\n-----END EC PRIVATE KEY-----\n"

describe("SSO", function()
  local config = "[profile s]\nsso_session = dev\nsso_account_id = 123456789012\nsso_role_name = Admin\n"
    .. "[sso-session dev]\nsso_region = eu-central-1\nsso_start_url = https://x.awsapps.com/start\n"
    .. "sso_registration_scopes = sso:account:access\n"
  local path = "sso/cache/" .. cache.hash("sha1", "dev") .. ".json"
  local json_type = { ["content-type"] = "application/json" }
  local function token(fields)
    local held = { accessToken = "tok", expiresAt = "2023-11-15T04:00:00Z", refreshToken = "ref",
      clientId = "cid", clientSecret = "csec", registrationExpiresAt = "2023-12-01T00:00:00Z" }
    for name, value in pairs(fields or {}) do held[name] = value end
    return json.encode(held)
  end
  local role = { 200, '{"roleCredentials": {"accessKeyId": "AKSSO", "secretAccessKey": "s", '
    .. '"sessionToken": "t", "expiration": 1700003600000}}', json_type }

  it("takes the session's token to the portal of its region, and keeps the role like the AWS CLI", function()
    local w = world { files = { config = config, [path] = token() }, answers = { role } }
    local found = assert(resolve(w, { profile = "s" }))
    assert.equal("AKSSO", found.access_key_id)
    assert.equal(1700003600, found.expiration)
    assert.equal("123456789012", found.account_id)
    assert.equal("tok", w.requests[1].headers["x-amz-sso_bearer_token"])
    assert.matches("^https://portal%.sso%.eu%-central%-1%.amazonaws%.com/", w.requests[1].url)
    local kept = home .. "/.aws/cli/cache/" .. cache.hash("sha1",
      '{"accountId":"123456789012","roleName":"Admin","sessionName":"dev"}') .. ".json"
    assert.equal("sso", json.decode(w.written[kept]).ProviderType)
    assert.equal("AKSSO", resolve(w, { profile = "s" }).access_key_id)
    assert.equal(1, #w.requests)
  end)

  it("refreshes a token that ends soon, and goes on with the old one if that fails", function()
    local soon = { expiresAt = "2023-11-14T22:20:00Z" }
    local refreshed = { 200, '{"accessToken": "new", "expiresIn": 28800, "refreshToken": "ref2"}', json_type }
    local w = world { files = { config = config, [path] = token(soon) }, answers = { refreshed, role } }
    assert(resolve(w, { profile = "s" }))
    assert.equal("new", w.requests[2].headers["x-amz-sso_bearer_token"])
    assert.same({ clientId = "cid", clientSecret = "csec", grantType = "refresh_token",
      refreshToken = "ref" }, json.decode(w.requests[1].body))
    local kept = json.decode(w.written[home .. "/.aws/" .. path])
    assert.same({ "new", "ref2", "2023-11-15T06:13:20Z", "cid" },
      { kept.accessToken, kept.refreshToken, kept.expiresAt, kept.clientId })
    local denied = { 400, '{"error": "invalid_grant"}', { ["x-amzn-errortype"] = "InvalidGrantException" } }
    w = world { files = { config = config, [path] = token(soon) }, answers = { denied, role } }
    assert(resolve(w, { profile = "s" }))
    assert.equal("tok", w.requests[2].headers["x-amz-sso_bearer_token"])
  end)

  it("says how to sign in when there is no token, or none that lasts", function()
    local message = "the SSO session 'dev' is not signed in or has ended: run eksrun login %-%-profile s"
    assert.matches(message, refused(world { files = { config = config } }, { profile = "s" }))
    local ended = token { expiresAt = "2023-11-14T22:00:00Z", refreshToken = json.null }
    for _, held in ipairs { ended, "{garbage", "[]", "" } do
      assert.matches(message, refused(world { files = { config = config, [path] = held } },
        { profile = "s" }))
    end
    local denied = { 401, '{"message": "Session token not found or invalid"}',
      { ["x-amzn-errortype"] = "UnauthorizedException" } }
    assert.matches(message, refused(world { files = { config = config, [path] = token() },
      answers = { denied } }, { profile = "s" }))
  end)

  it("signs in by a code, polls as asked to, and keeps the token", function()
    local function pending(code)
      return { 400, '{"error": "x"}', { ["x-amzn-errortype"] = code } }
    end
    local w = world { files = { config = config }, answers = {
      { 200, '{"clientId": "c", "clientSecret": "d", "clientSecretExpiresAt": 1800000000}', json_type },
      { 200, '{"deviceCode": "dev", "userCode": "AB-CD", "verificationUri": "https://v", '
        .. '"verificationUriComplete": "https://v?c", "expiresIn": 600, "interval": 1}', json_type },
      pending "AuthorizationPendingException", pending "SlowDownException",
      { 200, '{"accessToken": "tok", "expiresIn": 28800, "refreshToken": "ref"}', json_type },
    } }
    local ctx = credentials.context({ profile = "s" }, w)
    local shown
    local ends = assert(sso.login(ctx, require("eksrun.aws.provider.chain").sso(ctx:files(), "s", true),
      function(device) shown = device end))
    assert.same({ url = "https://v", complete = "https://v?c", code = "AB-CD", seconds = 600 }, shown)
    assert.same({ 1, 1, 6 }, w.sleeps)
    assert.equal(now + 8 + 28800, ends)
    local kept = json.decode(w.written[home .. "/.aws/" .. path])
    assert.same({ "tok", "ref", "c", "https://x.awsapps.com/start", "eu-central-1" },
      { kept.accessToken, kept.refreshToken, kept.clientId, kept.startUrl, kept.region })
  end)
end)

describe("a login session", function()
  local session = "arn:aws:sts::123456789012:assumed-role/Admin/me"
  local path = "login/cache/" .. cache.hash("sha256", session) .. ".json"
  local config = "[profile l]\nlogin_session = " .. session .. "\n"
  local function held(expires)
    return json.encode { clientId = "cid", refreshToken = "ref", idToken = "id", dpopKey = key,
      accessToken = { accessKeyId = "AKOLD", secretAccessKey = "s", sessionToken = "t",
        accountId = "123456789012", expiresAt = expires } }
  end

  it("is used while it lasts", function()
    local w = world { files = { config = config, [path] = held "2023-11-14T22:30:00Z" } }
    local found = assert(resolve(w, { profile = "l" }))
    assert.equal("AKOLD", found.access_key_id)
    assert.equal("123456789012", found.account_id)
  end)

  it("is renewed with a proof that its key is ours, and kept", function()
    local w = world { files = { config = config, [path] = held "2023-11-14T22:14:00Z" }, answers = { { 200,
      '{"accessToken": {"accessKeyId": "AKNEW", "secretAccessKey": "s2", "sessionToken": "t2"}, '
        .. '"tokenType": "aws_sigv4", "expiresIn": 900, "refreshToken": "ref2"}',
      { ["content-type"] = "application/json" } } } }
    local found, err = resolve(w, { profile = "l" })
    assert.is_nil(err)
    assert.equal("AKNEW", found.access_key_id)
    assert.equal(now + 900, found.expiration)
    local request = w.requests[1]
    assert.same({ clientId = "cid", grantType = "refresh_token", refreshToken = "ref" },
      json.decode(request.body))
    local head, claims = request.headers.dpop:match "^([^.]+)%.([^.]+)%.([^.]+)$"
    local text = require "eksrun.text"
    head, claims = json.decode(text.unbase64url(head)), json.decode(text.unbase64url(claims))
    assert.same({ "ES256", "dpop+jwt", "P-256" }, { head.alg, head.typ, head.jwk.crv })
    assert.same({ "POST", request.url, now }, { claims.htm, claims.htu, claims.iat })
    local kept = json.decode(w.written[home .. "/.aws/" .. path])
    assert.same({ "AKNEW", "ref2", "id", key },
      { kept.accessToken.accessKeyId, kept.refreshToken, kept.idToken, kept.dpopKey })
  end)

  it("says how to sign in again", function()
    assert.matches("is not signed in: run aws login %-%-profile l",
      refused(world { files = { config = config } }, { profile = "l" }))
    local text = refused(world { files = { config = config, [path] = held "2023-11-14T22:00:00Z" } },
      { profile = "l" })
    assert.matches("has ended and cannot be renewed: run aws login", text)
    local broken = json.decode(held "2023-11-14T22:00:00Z")
    broken.dpopKey = "no key"
    assert.matches("cannot be renewed",
      refused(world { files = { config = config, [path] = json.encode(broken) } }, { profile = "l" }))
  end)
end)
