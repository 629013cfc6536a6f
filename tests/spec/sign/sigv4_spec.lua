local sigv4 = require "eksrun.sigv4"

local function request(changes)
  local r = {
    method = "GET", path = "/", query = "Action=ListUsers&Version=2010-05-08",
    headers = {
      host = "iam.amazonaws.com",
      ["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8",
    },
    credentials = {
      access_key_id = "AKIDEXAMPLE",
      secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    },
    region = "us-east-1", service = "iam", time = 1440938160,
  }
  for k, v in pairs(changes or {}) do r[k] = v end
  return r
end

describe("sigv4.sign", function()
  it("signs AWS's documented request", function()
    assert.same({
      ["x-amz-date"] = "20150830T123600Z",
      authorization = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        .. "SignedHeaders=content-type;host;x-amz-date, "
        .. "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    }, sigv4.sign(request()))
  end)

  it("takes headers as a list of pairs too", function()
    local list = {}
    for name, value in pairs(request().headers) do list[#list + 1] = { name, value } end
    assert.same(sigv4.sign(request()), sigv4.sign(request { headers = list }))
  end)

  it("adds the session token, signed or not, and the hash of the body", function()
    local credentials = request().credentials
    credentials.session_token = "token"
    local headers = sigv4.sign(request { credentials = credentials, sign_body_header = true, body = "x" })
    assert.equal("token", headers["x-amz-security-token"])
    assert.equal("2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
      headers["x-amz-content-sha256"])
    assert.matches("x%-amz%-content%-sha256;x%-amz%-date;x%-amz%-security%-token,", headers.authorization)
    local omitted = sigv4.sign(request { credentials = credentials, omit_session_token = true })
    assert.equal("token", omitted["x-amz-security-token"])
    assert.equal(sigv4.sign(request()).authorization, omitted.authorization)
  end)

  it("takes credentials from an object that computes them", function()
    local hidden = request().credentials
    local object = setmetatable({}, { __index = function(_, key) return hidden[key] end })
    assert.same(sigv4.sign(request()), sigv4.sign(request { credentials = object }))
  end)

  it("returns what it signed when asked", function()
    local _, details = sigv4.sign(request { details = true })
    assert.matches("^GET\n/\nAction=ListUsers&Version=2010%-05%-08\ncontent%-type:",
      details.canonical_request)
    assert.matches("^AWS4%-HMAC%-SHA256\n20150830T123600Z\n20150830/us%-east%-1/iam/aws4_request\n%x+$",
      details.string_to_sign)
  end)

  it("names the field that is missing or of the wrong type", function()
    local cases = { method = 1, region = false, credentials = "x", time = "now", headers = 3 }
    for field, value in pairs(cases) do
      local ok, err = pcall(function() sigv4.sign(request { [field] = value }) end)
      assert.is_false(ok)
      assert.matches("sigv4_spec.lua:%d+: sigv4: field '" .. field .. "'", err)
    end
    local r = request()
    r.service = nil
    assert.error_matches(function() sigv4.sign(r) end, "field 'service' %(string%) is required")
    assert.error_matches(function() sigv4.sign(request { headers = { { "host" } } }) end, "value is nil")
    assert.error_matches(function() sigv4.sign(request { headers = { "host" } }) end, "not a pair")
    assert.error_matches(function() sigv4.sign(request { time = 0 / 0 }) end, "time")
  end)

  it("raises an error object without the secret for bad values", function()
    local credentials = { access_key_id = "A", secret_access_key = "hush\n" }
    local ok, err = pcall(sigv4.sign, request { credentials = credentials })
    assert.is_false(ok)
    assert.equal("invalid", err.code)
    assert.is_nil(tostring(err):find("hush", 1, true))
  end)
end)

describe("sigv4.presign", function()
  it("puts everything into the query", function()
    local query = sigv4.presign(request { expires = 60 })
    assert.matches("^Action=ListUsers&Version=2010%-05%-08&X%-Amz%-Algorithm=AWS4%-HMAC%-SHA256&"
      .. "X%-Amz%-Credential=AKIDEXAMPLE%%2F20150830%%2Fus%-east%-1%%2Fiam%%2Faws4_request&"
      .. "X%-Amz%-Date=20150830T123600Z&X%-Amz%-Expires=60&X%-Amz%-SignedHeaders=content%-type%%3Bhost&"
      .. "X%-Amz%-Signature=%x+$", query)
  end)

  it("refuses a time to live out of bounds", function()
    for _, expires in ipairs { 0, 604801, 1e11 } do
      local ok, err = pcall(sigv4.presign, request { expires = expires })
      assert.is_false(ok)
      assert.equal("invalid", err.code)
    end
  end)
end)

describe("sigv4 of a set of regions", function()
  local function curve(changes)
    local r = request(changes)
    r.algorithm, r.region, r.region_set = "sigv4a", nil, "us-east-1,eu-west-1"
    return r
  end

  it("adds the set and gives a signature that verifies", function()
    local r = curve()
    local headers = sigv4.sign(r)
    assert.equal("us-east-1,eu-west-1", headers["x-amz-region-set"])
    assert.matches("^AWS4%-ECDSA%-P256%-SHA256 Credential=AKIDEXAMPLE/20150830/iam/aws4_request, "
      .. "SignedHeaders=content%-type;host;x%-amz%-date;x%-amz%-region%-set, Signature=30%x+$",
      headers.authorization)
    for name, value in pairs(r.headers) do headers[name] = value end
    local claim = assert(sigv4.verify { method = r.method, path = r.path, query = r.query,
      headers = headers, credentials = r.credentials })
    assert.same({ algorithm = "sigv4a", access_key_id = "AKIDEXAMPLE", time = 1440938160,
      region_set = "us-east-1,eu-west-1", service = "iam",
      signed_headers = "content-type;host;x-amz-date;x-amz-region-set" }, claim)
  end)

  it("derives the key that verifies from the credentials", function()
    local x, y = sigv4.public_key { access_key_id = "AKISORANDOMAASORANDOM",
      secret_access_key = "q+jcrXGc+0zWN6uzclKVhvMmUsIfRPa4rlRandom" }
    assert.equal("15d242ceebf8d8169fd6a8b5a746c41140414c3b07579038da06af89190fffcb", x)
    assert.equal("0515242cedd82e94799482e4c0514b505afccf2c0c98d6a553bf539f424c5ec0", y)
  end)

  it("says which field it wants", function()
    local r = curve()
    r.region_set = nil
    assert.error_matches(function() sigv4.sign(r) end, "field 'region_set' %(string%) is required")
    assert.error_matches(function() sigv4.sign(request { algorithm = "v5" }) end,
      "'algorithm' is 'v5', not 'sigv4' or 'sigv4a'")
  end)
end)

describe("sigv4.verify", function()
  local function presigned(changes)
    local r = request { expires = 60 }
    r.query = sigv4.presign(r)
    for k, v in pairs(changes or {}) do r[k] = v end
    return r
  end

  it("takes a presigned request and tells what it claims", function()
    local claim = assert(sigv4.verify(presigned()))
    assert.equal(60, claim.expires)
    assert.equal("us-east-1", claim.region)
    assert.same(claim, sigv4.inspect(presigned()))
  end)

  it("returns an error object for another request, other keys, or no signature", function()
    local function code(r)
      local claim, err = sigv4.verify(r)
      assert.is_nil(claim)
      return err.code
    end
    assert.equal("invalid", code(presigned { method = "POST" }))
    assert.equal("invalid", code(presigned { body = "x" }))
    assert.equal("invalid", code(presigned {
      credentials = { access_key_id = "AKIDEXAMPLE", secret_access_key = "other" } }))
    assert.equal("not_found", code(request()))
    local r = presigned()
    assert.equal("syntax", code(presigned { query = r.query .. "&X-Amz-Signature=00" }))
    assert.equal("syntax", code(presigned { query = r.query:gsub("X%-Amz%-Date=[^&]*&", "") }))
    assert.equal("invalid", code(presigned { query = r.query:gsub("Expires=60", "Expires=6o") }))
  end)
end)

describe("a signer", function()
  it("is not disturbed by a finalizer that signs while results are handed out", function()
    local plain = request { details = true, query = ("a=" .. ("b"):rep(20000)) }
    local other = request { region = "eu-west-1", service = "s3" }
    local _, expected = sigv4.sign(plain)
    local finalizer = { __gc = function() sigv4.sign(other) end }
    for _ = 1, 300 do
      for _ = 1, 10 do setmetatable({}, finalizer) end
      local _, details = sigv4.sign(plain)
      assert.equal(expected.string_to_sign, details.string_to_sign)
    end
  end)
end)
