-- EKS tokens: golden tokens of aws-iam-authenticator and awscli, the verifier's rules, the answers
-- of `aws eks get-token`.
local clock = require "eksrun.clock"
local file = require "eksrun.file"
local json = require "eksrun.json"
local text = require "eksrun.text"
local token = require "eksrun.token"
local verify = require "eksrun.token.verify"

local NOW = 1700000000

local function fail(...) error(string.format(...), 0) end

local function equal(got, want, what)
  if got ~= want then fail("%s: got %q, want %q", what, tostring(got), tostring(want)) end
end

local function present(value) return value ~= nil and value ~= json.null and value or nil end

local function url_of(bearer)
  local encoded = bearer:sub(#"k8s-aws-v1." + 1):gsub("[-_]", { ["-"] = "+", ["_"] = "/" })
  return text.unbase64(encoded .. ("="):rep(-#encoded % 4))
end

local function parameters(url)
  local set = { host = url:match("^https://([^/]*)/%?") }
  for name, value in url:match("%?(.*)$"):gmatch("([^&=]+)=([^&]*)") do set[name] = value end
  return set
end

local function same_url(got, want)
  got, want = parameters(got), parameters(want)
  for name, value in pairs(want) do equal(got[name], value, name) end
  for name in pairs(got) do if not want[name] then fail("%s is too much", name) end end
end

local checks = {}

-- The golden token of Go does not carry its keys in clear; base64 hides them from scanners.
local function key_of(case, name, suite)
  local hidden = case[name .. "_b64"] or case[name .. "_base64"] or suite[name .. "_b64"]
  return hidden and text.unbase64(hidden) or case[name]
end

local function generate(case)
  local id = key_of(case, "access_key_id", {}) or key_of(case, "access_key", {})
  local secret = key_of(case, "secret_access_key", {}) or key_of(case, "secret_key", {})
  local bearer, expiration, url = token.generate {
    cluster = case.cluster_id,
    region = case.region,
    credentials = {
      access_key_id = id, secret_access_key = secret, session_token = present(case.session_token),
    },
    now = case.now_unix,
  }
  equal(expiration, case.now_unix + 14 * 60, "expiration")
  equal(url_of(bearer), url, "url in the token")
  same_url(url, url_of(case.token))
end

checks.generate = generate
checks.generate_awscli = generate

function checks.verify_before_sts(case)
  local options = { partition = case.partition, region = "us-east-2", now = NOW }
  local bearer
  if case.url then
    local url = case.url:gsub("{NOW}", os.date("!%Y%m%dT%H%M%SZ", NOW))
    bearer = "k8s-aws-v1." .. text.base64(url):gsub("[+/=]", { ["+"] = "-", ["/"] = "_", ["="] = "" })
  elseif case.token_bytes then
    bearer = ("\0"):rep(tonumber(case.token_bytes:match("%d+")))
  else
    bearer = case.token
  end
  local url, err = verify.token(bearer, options)
  equal(url ~= nil, case.ok, "verdict")
  if not case.ok and not tostring(err):find(case.error_contains, 1, true) then
    fail("message %q does not contain %q", tostring(err), case.error_contains)
  end
end

function checks.verify_host(case)
  equal(verify.is_host(case.host, case.partition, case.verifier_region) == true, case.valid, "verdict")
end

function checks.sts_region_of_host(case)
  equal(verify.region_of_host(case.host) or "", case.region, "region")
end

function checks.region_syntax(case)
  equal(verify.is_region(case.region), case.valid, "verdict")
end

function checks.arn_canonicalize(case)
  local arn, err = verify.canonical_arn(case.arn)
  equal(err ~= nil, case.error, "error")
  if not case.error then equal(arn, case.canonical, "arn") end
end

function checks.arn_strip_path(case)
  local arn, err = verify.strip_path(case.arn)
  equal(err ~= nil, case.error, "error")
  if not case.error then equal(arn, case.stripped, "arn") end
end

function checks.exec_credential(case)
  equal(token.api_version(present(case.KUBERNETES_EXEC_INFO)), case.apiVersion, "apiVersion")
end

local function flag(case, name)
  for i, word in ipairs(case.args or {}) do if word == name then return case.args[i + 1] end end
end

function checks.get_token_cli(case, suite)
  local version, warning = token.api_version(present(case.KUBERNETES_EXEC_INFO))
  if case.apiVersion then equal(version, case.apiVersion, "apiVersion") end
  if case.stderr == "" then equal(warning, nil, "warning") end
  if case.stderr_contains and not (warning or ""):find(case.stderr_contains, 1, true) then
    fail("warning %q does not contain %q", tostring(warning), case.stderr_contains)
  end
  local now = case.now and clock.parse(case.now) or NOW
  local keys = suite.credentials_for_cli
  local role = flag(case, "--role-arn") or flag(case, "--role")
  local bearer, expiration, url = token.generate {
    cluster = flag(case, "--cluster-name") or flag(case, "--cluster-id") or "MyCluster",
    region = flag(case, "--region") or case.signing_region or "us-east-1",
    credentials = {
      access_key_id = keys.access_key, secret_access_key = keys.secret_key,
      session_token = (role or case.has_session_token) and "session" or nil,
    },
    now = now,
  }
  local set = parameters(url)
  if case.host then equal(set.host, case.host, "host") end
  if case.signing_region then
    equal(set["X-Amz-Credential"]:match("%%2F%d+%%2F([^%%]+)%%2Fsts"), case.signing_region, "signing region")
  end
  if case.has_session_token ~= nil then
    equal(set["X-Amz-Security-Token"] ~= nil, case.has_session_token, "session token")
  end
  local answer = json.decode(token.exec_credential(bearer, expiration, version))
  equal(answer.status.token, bearer, "token")
  for path, want in pairs(case.expect or {}) do
    local value = answer
    for name in path:gmatch("[^.]+") do value = value[name] end
    if type(want) == "table" then
      equal(json.encode(value), json.encode(want), path)
    else
      equal(value, want, path)
    end
  end
end

return function(dir)
  local totals = require("tests.conformance.support.totals").new()
  local suite = json.decode(file.read(dir .. "/eks-token/cases.json"))
  for _, name in ipairs {
    "generate", "verify_before_sts", "verify_host", "sts_region_of_host", "region_syntax",
    "arn_canonicalize", "arn_strip_path", "exec_credential", "get_token_cli", "generate_awscli",
  } do
    for _, case in ipairs(suite[name] or {}) do
      totals:try(case.id or name, checks[name], case, suite)
    end
  end
  return totals
end
