-- Where credentials come from, beyond the environment and plain keys: requests, caches, refusals.
local cache = require "eksrun.aws.cache"
local container = require "eksrun.aws.provider.container"
local credentials = require "eksrun.aws.credentials"
local errors = require "eksrun.aws.errors"
local json = require "eksrun.json"
local process = require "eksrun.aws.provider.process"
local sso = require "eksrun.aws.sso"
local system = require "eksrun.aws.system"
local task = require "eksrun.task"

local home = "/home/me"
local now = 1700000000 -- 2023-11-14T22:13:20Z
local key = "-----BEGIN EC PRIVATE KEY-----\n"
  .. "MHcCAQEEIIhNKreu56pVwQTREMrI/B5IjjCUQr1D83nWvm38ciKPoAoGCCqGSM49\n"
  .. "AwEHoUQDQgAEO7Su4S+Srs/5ZzvfN0v2THy2C7EDagncx28MP4oqTUsO5AcVx0Xn\n"
  .. "EvI2XNkqwGCumxRuCRHFRltYDiSBSUKuaQ==\n-----END EC PRIVATE KEY-----\n"

-- A world: files by path (those below ~/.aws without it), answers in turn, each {status, body}, a
-- function of the request, or an error object of http.
local function world(world_of)
  local env, files, answers = world_of.env or {}, {}, world_of.answers or {}
  env.HOME = env.HOME or home
  env.AWS_REGION = env.AWS_REGION or "eu-west-1"
  for path, contents in pairs(world_of.files or {}) do
    files[path:sub(1, 1) == "/" and path or home .. "/.aws/" .. path] = contents
  end
  local w
  w = system.with {
    requests = {}, sleeps = {}, written = {}, prompts = {}, time = now,
    env = function(name) return env[name] end,
    read_file = function(path) return files[path] end,
    read_private = function(path) return files[path] end,
    write_private = function(path, bytes)
      w.written[path], files[path] = bytes, bytes
      return true
    end,
    remove = function(path)
      local was = files[path] ~= nil
      files[path] = nil
      return was
    end,
    mode = function() return world_of.mode or 384 end,
    now = function() return w.time end,
    sleep = function(seconds)
      w.sleeps[#w.sleeps + 1] = seconds
      w.time = w.time + seconds
    end,
    random = function() return 0.5 end,
    prompt = function(text)
      w.prompts[#w.prompts + 1] = text
      return world_of.code
    end,
    run = world_of.run,
    request = function(request)
      w.requests[#w.requests + 1] = request
      local answer = table.remove(answers, 1) or { code = "network", message = "nobody there" }
      if type(answer) == "function" then answer = answer(request) end
      if answer.code then return nil, errors.new(answer) end
      return { status = answer[1], headers = answer[3] or {}, body = answer[2] }
    end,
  }
  return w
end

local function assumed(id, expires)
  return { 200, ([[<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>%s</AccessKeyId>
    <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>%s</Expiration>
    </Credentials><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn>
    <AssumedRoleId>A:s</AssumedRoleId>
    </AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>]])
    :format(id, expires or "2023-11-14T23:13:20Z"),
    { ["content-type"] = "text/xml" } }
end

local function resolve(w, options) return credentials.try_resolve(options or {}, w) end

local function refused(w, options)
  local found, err = resolve(w, options)
  assert.is_nil(found)
  assert.is_true(errors.is_credentials(err) or err.code == "config")
  return tostring(err)
end

local base = "[profile base]\naws_access_key_id = AKBASE\naws_secret_access_key = s\n"

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

describe("credential_process", function()
  local run_last
  local config = "[default]\ncredential_process = tool --for 'a b'\naws_account_id = 42\n"
  local function of(result, err)
    return world { files = { config = config },
      run = function(command)
        run_last = command
        return result, err
      end }
  end
  local function printing(text) return of { code = 0, stdout = text, stderr = "" } end

  it("splits its command as a POSIX shell does", function()
    local function split(text, ...) assert.same({ ... }, process.split(text)) end
    split([[a  b	c]], "a", "b", "c")
    split([['a b' "c d" e\ f]], "a b", "c d", "e f")
    split([["q\"\\ \x" 'it''s' ""]], [[q"\ \x]], "its", "")
    split([[/x/y --json | $HOME `id`]], "/x/y", "--json", "|", "$HOME", "`id`")
    split("")
    for _, open in ipairs { "'a", '"a', "a\\" } do assert.is_nil(process.split(open)) end
  end)

  it("is run without a shell and without our secrets", function()
    local w = printing '{"Version": 1, "AccessKeyId": "AKP", "SecretAccessKey": "s", "Expiration": null}'
    local found = assert(resolve(w))
    assert.same({ "AKP", "42" }, { found.access_key_id, found.account_id })
    assert.is_nil(found.expiration)
    assert.same({ "tool", "--for", "a b" }, run_last.argv)
    for _, name in ipairs(run_last.env) do
      assert.is_nil(name:find "SECRET" or name:find "TOKEN" or name:find "^AWS_ACCESS")
    end
  end)

  it("never shows what it printed", function()
    for text, why in pairs {
      ["hunter2"] = "printed no JSON object",
      ['"hunter2"'] = "printed no JSON object",
      ['{"Version": 2, "AccessKeyId": "hunter2"}'] = "printed a Version other than 1",
      ['{"Version": 1, "AccessKeyId": "hunter2"}'] = "printed no SecretAccessKey",
      ['{"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "hunter2"}'] =
        "printed an Expiration that is not a time",
      [("x"):rep(1000) .. "\0hunter2"] = "printed no JSON object",
    } do
      local message = refused(printing(text))
      assert.equal("credential_process of profile 'default' " .. why, message)
    end
    assert.equal("credential_process of profile 'default' failed (exit status 3); run it by hand to see why",
      refused(of { code = 3, stdout = "hunter2", stderr = "hunter2" }))
    assert.equal("credential_process of profile 'default' did not end within 60 s",
      refused(of(nil, errors.new { code = "timeout", message = "x" })))
  end)

  it("is not run from a file that everybody can write", function()
    local w = world { mode = tonumber("666", 8), run = function() error "ran" end,
      files = { config = "[default]\ncredential_process = tool\n" } }
    assert.matches("is not run: everybody can write /home/me/.aws/config; chmod o%-w it", refused(w))
  end)

  it("ends with its time, and with its output", function()
    local w = world { files = { config = "[default]\ncredential_process = sh -c 'yes | head -c 100000'\n" },
      run = require("eksrun.process").try_run }
    assert.matches("printed too much", refused(w))
    w = world { files = { config = "[default]\ncredential_process = sleep 600\n" }, run = function(command)
      command.timeout = 0.05
      return require("eksrun.process").try_run(command)
    end }
    assert.matches("did not end within", refused(w))
    w = world { files = { config = "[default]\ncredential_process = /no/such/tool\n" },
      run = require("eksrun.process").try_run }
    assert.matches("was not found", refused(w))
  end)
end)

describe("a container", function()
  local good = { 200, '{"AccessKeyId": "AKC", "SecretAccessKey": "s", "Token": "t", '
    .. '"Expiration": "2023-11-15T00:00:00Z", "AccountId": "1"}' }

  it("is asked with the token of its file, read anew, by no proxy", function()
    local w = world { files = { ["/t"] = "tok\n" },
      answers = { { 503, "" }, { code = "timeout", message = "x" }, good },
      env = { AWS_CONTAINER_CREDENTIALS_FULL_URI = "http://169.254.170.23/v1/credentials",
        AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE = "/t" } }
    assert.equal("AKC", resolve(w).access_key_id)
    assert.equal(3, #w.requests)
    assert.equal("tok", w.requests[3].headers.authorization)
    assert.equal("", w.requests[3].proxy)
  end)

  it("refuses to ask anybody else by http", function()
    local function url(full)
      return container.url(world { env = { AWS_CONTAINER_CREDENTIALS_FULL_URI = full } })
    end
    for _, good_url in ipairs {
      "http://127.0.0.1/x", "http://127.1.2.3:8080/x", "http://localhost:1/x", "http://LOCALHOST/x",
      "http://[::1]/x", "http://[FD00:EC2::23]/x", "http://169.254.170.2/x", "https://example.com/x?y=z",
    } do
      assert.equal(good_url, url(good_url))
    end
    for _, bad in ipairs {
      "http://example.com/", "http://169.254.169.254/", "http://127.0.0.1.example.com/", "http://0x7f.1/",
      "http://0177.0.0.1/", "http://127.1/", "http://2130706433/", "http://127.0.0.256/",
      "http://127.0.0.01/", "http://user@127.0.0.1/", "http://127.0.0.1@example.com/",
      "http://user:pw@localhost/", "http://localhost./", "http://localhost.example.com/",
      "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::]/",
      "http://0.0.0.0/", "http://[fe80::1%25eth0]/", "http://[::1]x/", "http://[::1", "http:///x", "http://",
      "http://localhost:99999/", "http://localhost:80:80/", "http://local host/", "http://localhost/a b",
      "http://localhost\\@example.com/", "http://example.com#@localhost/", "http://example.com?@localhost/",
      "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "//127.0.0.1/", "/x", "x", "127.0.0.1",
      "http://127.0.0.1%2eexample.com/", "http://localhost%00.example.com/", "http://\u{ff11}27.0.0.1/",
      "http://169.254.170.2.example.com/", "http://169.254.170.20/", "http://[fd00:ec2::254]/",
      "https://user@example.com/", "https:///x", "http://127.0.0.1\r\nHost: x/",
    } do
      local ok, err = url(bad)
      assert.is_nil(ok, bad)
      assert.equal("credentials", err.code)
    end
    for _, bad in ipairs { "x", "//example.com/", "@example.com/", " /x", "/x y", "/x\n" } do
      local relative = container.url(world { env = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = bad } })
      assert.is_true(relative == nil or relative:find("^http://169%.254%.170%.2/") ~= nil, bad)
    end
  end)

  it("names what went wrong, and shows no answer", function()
    local env = { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = "/x?secret=1" }
    local function of(...) return refused(world { env = env, answers = { ... } }) end
    local prefix = "^no credentials of the container from http://169%.254%.170%.2/x: "
    assert.matches(prefix .. "answered HTTP status 403$", of { 403, "hunter2" })
    assert.matches(prefix .. "answered no JSON object$", of({ 200, "hunter2" }, { 200, "[" }, { 200, "" }))
    local half = { 200, '{"AccessKeyId": "a", "SecretAccessKey": "b"}' }
    assert.matches(prefix .. "answered no Token$", of(half, half, half))
    assert.matches(prefix .. "nobody there$", of())
    assert.matches("TOKEN_FILE /t: it does not exist", refused(world { env = {
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = "/x", AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE = "/t" } }))
    assert.matches("has a line break", refused(world { env = {
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI = "/x", AWS_CONTAINER_AUTHORIZATION_TOKEN = "a\r\nb" } }))
  end)
end)

describe("an instance", function()
  local function good(expires)
    return { 200, ('{"Code": "Success", "AccessKeyId": "AKI", "SecretAccessKey": "s", "Token": "t", '
      .. '"Expiration": "%s"}'):format(expires or "2023-11-15T04:00:00Z") }
  end

  it("gives a token, the name of its role, then credentials; by no proxy", function()
    local w = world { answers = { { 200, "tok" }, { 200, "my-role" }, good() } }
    local found = assert(resolve(w))
    assert.same({ "AKI", "instance role my-role" }, { found.access_key_id, found.source })
    local put, get = w.requests[1], w.requests[3]
    assert.same({ "PUT", "http://169.254.169.254/latest/api/token", "21600", "", 1 }, { put.method, put.url,
      put.headers["x-aws-ec2-metadata-token-ttl-seconds"], put.proxy, put.timeout })
    assert.same({ "http://169.254.169.254/latest/meta-data/iam/security-credentials/my-role", "tok" },
      { get.url, get.headers["x-aws-ec2-metadata-token"] })
  end)

  it("is asked again for what it could not do at once", function()
    local w = world { answers = { { 503, "" }, { 200, "tok" }, { 500, "" }, { 200, "r" },
      { code = "network", message = "cut" }, good() } }
    assert.equal("AKI", resolve(w).access_key_id)
    w = world { answers = { { 200, "tok" }, { 401, "" }, { 200, "tok2" }, { 200, "r" }, good() } }
    assert.equal("AKI", resolve(w).access_key_id)
    assert.equal("tok2", w.requests[4].headers["x-aws-ec2-metadata-token"])
  end)

  it("that is not there costs one request", function()
    local w = world {}
    assert.matches("the metadata service is not there: nobody there", refused(w))
    assert.equal(1, #w.requests)
    w = world { env = { AWS_EC2_METADATA_DISABLED = "TRUE" } }
    assert.matches("AWS_EC2_METADATA_DISABLED is true", refused(w))
    assert.equal(0, #w.requests)
  end)

  it("is asked by version 1 only if it has no tokens and nobody forbids that", function()
    local w = world { answers = { { 404, "" }, { 200, "r" }, good() } }
    assert.equal("AKI", resolve(w).access_key_id)
    assert.is_nil(w.requests[2].headers)
    w = world { env = { AWS_EC2_METADATA_V1_DISABLED = "true" }, answers = { { 404, "" } } }
    assert.matches("version 1 is disabled", refused(w))
    w = world { answers = { { 403, "" } } }
    assert.matches("is switched off", refused(w))
    assert.equal(1, #w.requests)
  end)

  it("that could not renew its credentials has them used on", function()
    local w = world { answers = { { 200, "tok" }, { 200, "r" }, good "2023-11-14T22:00:00Z" } }
    assert.equal(now + 750, resolve(w).expiration)
  end)

  it("that answers garbage is refused, and its answers not shown", function()
    for _, answers in ipairs {
      { { 200, "hunter2\nmore" } }, { { 200, "tok" }, { 200, "<html>hunter2" } },
      { { 200, "tok" }, { 200, "../../hunter2" } }, { { 200, "tok" }, { 200, "r" }, { 200, "hunter2" } },
      { { 200, "tok" }, { 200, "r" }, { 200, '{"Code": "Success", "AccessKeyId": ["hunter2"]}' } },
      { { 200, "tok" }, { 200, "r" }, { 200, '{"Code": "AssumeRoleDenied", "Message": "hunter2"}' } },
    } do
      assert.is_nil(refused(world { answers = answers }):find "hunter2")
    end
  end)
end)

describe("credentials that end", function()
  local profile = base .. "[default]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = base\n"
  local function at(seconds) return require("eksrun.clock").format_iso8601(now + seconds) end
  local function resolver_of(answers)
    -- A role of another endpoint is kept by nobody but the resolver.
    local w = world { files = { config = profile }, env = { AWS_ENDPOINT_URL = "http://x" },
      answers = answers }
    return credentials.resolver({ max_attempts = 1 }, w), w
  end

  it("are refreshed a quarter of an hour ahead", function()
    local resolver, w = resolver_of { assumed("AK1", at(3600)), assumed("AK2", at(7200)) }
    assert.equal("AK1", resolver:get().access_key_id)
    w.time = now + 3600 - 901
    assert.equal("AK1", resolver:get().access_key_id)
    w.time = now + 3600 - 899
    assert.equal("AK2", resolver:get().access_key_id)
    assert.equal(2, #w.requests)
  end)

  it("are used on while a refresh fails, which is tried once a minute", function()
    local resolver, w = resolver_of { assumed("AK1", at(3600)) }
    resolver:get()
    for _, left in ipairs { 800, 790, 500, 490, 1 } do
      w.time = now + 3600 - left
      assert.equal("AK1", resolver:get().access_key_id)
    end
    assert.equal(1 + 3, #w.requests)
    w.time = now + 3600
    local found, err = resolver:get()
    assert.is_nil(found)
    assert.matches("cannot assume role", tostring(err))
  end)

  it("of a short life are not refreshed at every call", function()
    local resolver, w = resolver_of { assumed("AK1", at(900)), assumed("AK2", at(1800)) }
    resolver:get()
    w.time = now + 900 - 226
    assert.equal("AK1", resolver:get().access_key_id)
    w.time = now + 900 - 224
    assert.equal("AK2", resolver:get().access_key_id)
  end)

  it("are refreshed once: early for one task while others use them, late for all who wait", function()
    for left, expected in pairs { [850] = "AK1", [100] = "AK2" } do
      local resolver, w = resolver_of { assumed("AK1", at(3600)), function()
        for _ = 1, 3 do task.sleep(0) end
        return assumed("AK2", at(7200))
      end }
      resolver:get()
      w.time = now + 3600 - left
      local seen = {}
      task.scope(function(scope)
        for i = 1, 50 do scope:spawn(function() seen[i] = resolver:get().access_key_id end) end
      end)
      assert.equal("AK2", seen[1])
      for i = 2, 50 do assert.equal(expected, seen[i]) end
      assert.equal(2, #w.requests)
    end
  end)
end)

describe("credentials that nobody has", function()
  it("are looked for once for all who wait", function()
    local w = world { answers = { function()
      for _ = 1, 3 do task.sleep(0) end
      return { code = "network", message = "nobody there" }
    end } }
    local resolver, failed = credentials.resolver({}, w), 0
    task.scope(function(scope)
      for _ = 1, 50 do
        scope:spawn(function()
          local found, err = resolver:get()
          if not found and errors.is_credentials(err) then failed = failed + 1 end
        end)
      end
    end)
    assert.equal(50, failed)
    assert.equal(1, #w.requests)
  end)
end)

describe("explain.places", function()
  it("says which place counts and why the others do not, and asks nobody", function()
    local w = world { files = { config = "[default]\ncredential_process = tool\n" } }
    local states = {}
    local rows = require("eksrun.aws.explain").places({}, w)
    for i, row in ipairs(rows) do states[i] = row.name .. ": " .. row.state end
    assert.same({ "environment: empty", "role of the profile: empty", "web identity: empty", "profile: used",
      "container: empty", "instance: unused" }, states)
    assert.equal(0, #w.requests)
  end)
end)
