-- Certificates: which are trusted, and what is said of those that are not.

local http = require "eksrun.http"
local process = require "eksrun.process"
local servers = require "tests.spec.support.server"

-- A CA, another one, and certificates of the first: good, expired, of another name; and one of the
-- other CA's.
local MAKE = [[
set -e
cd "$1"
ca() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -days 2 \
    -keyout "$1.key" -out "$1.crt"
}
certificate() { # NAME CA HOST DAYS
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
  printf 'subjectAltName=DNS:%s\n' "$3" >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -days "$4" \
    -extfile "$1.ext" -out "$1.crt"
  cat "$1.crt" "$1.key" >"$1.pem"
}
ca trusted
ca unknown
certificate good trusted good.localhost 1
certificate expired trusted expired.localhost -1
certificate wrong trusted elsewhere.example 1
certificate stranger unknown stranger.localhost 1
]]

describe("a certificate", function()
  local dir, server

  setup(function()
    dir = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("\n", "")
    local made = process.run { argv = { "sh", "-c", MAKE, "sh", dir } }
    assert.equal(0, made.code, made.stderr)
    server = servers.start(("python3 tests/support/tls_server.py '%s'"):format(dir))
  end)

  teardown(function()
    server:stop()
    process.run { argv = { "rm", "-rf", dir } }
  end)

  local function get(name, bundle)
    return http.try_request { url = ("https://%s.localhost:%s/"):format(name, server.port), proxy = "",
      ca_bundle = ("%s/%s.crt"):format(dir, bundle or "trusted"), timeout = 20 }
  end

  it("of a CA in the bundle is accepted", function()
    assert.equal(200, assert(get "good").status)
  end)

  it("that proves nothing is refused by name and reason, before anything is sent", function()
    local before = tonumber(get("good").body)
    local reasons = {
      expired = "certificate has expired",
      wrong = "no alternative certificate subject name matches target host name 'wrong.localhost'",
      stranger = "unable to get local issuer certificate",
    }
    for name, reason in pairs(reasons) do
      local answer, err = get(name)
      assert.is_nil(answer)
      assert.equal("tls", err.code)
      assert.is_false(err.retryable)
      assert.matches("^the certificate of " .. name .. "%.localhost:" .. server.port .. " is not trusted: ",
        err.message)
      assert.is_truthy(err.message:find(reason, 1, true), err.message)
    end
    assert.equal(before + 1, tonumber(get("good").body))
  end)

  it("is looked at anew for another bundle, whatever connection is open", function()
    assert.equal(200, assert(get "good").status)
    local answer, err = get("good", "unknown")
    assert.is_nil(answer)
    assert.equal("tls", err.code)
    assert.equal(200, assert(get "good").status)
  end)
end)
