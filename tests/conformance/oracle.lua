-- Requests that botocore made and answers that moto gave, for many operations of 31 services: what
-- goes out after the client's customisations, the signatures, and the tables that come out of answers.
local checksum = require "eksrun.checksum"
local clock = require "eksrun.clock"
local customize = require "eksrun.aws.customize"
local json = require "eksrun.json"
local lfs = require "lfs"
local native = require "eksrun.native.aws"
local sigv4 = require "eksrun.sigv4"
local system = require "eksrun.aws.system"
local text = require "eksrun.text"
local wire = require "tests.conformance.support.wire"

local sorted = wire.sorted

-- The signer's, not the client's before it.
local of_signer = { ["x-amz-date"] = true, ["x-amz-security-token"] = true }

-- Runs a stage's hooks as aws/call.lua does.
local function run_hooks(call, stage, value)
  for _, hook in ipairs(call.hooks) do
    if hook[stage] then
      local changed, err = hook[stage](call, value)
      if err then error(err, 0) end
      if changed ~= nil then value = changed end
    end
  end
  return value
end

-- What we send and botocore does not: a type of XML bodies.
local of_ours = { ["content-type"] = true }

-- No files, no variables but those that the cases were made with.
local function new_system(now)
  local variables = {
    AWS_REQUEST_CHECKSUM_CALCULATION = "when_required",
    AWS_RESPONSE_CHECKSUM_VALIDATION = "when_required",
  }
  return system.with {
    env = function(name) return variables[name] end,
    read_file = function() return nil end,
    now = function() return now end,
  }
end

local function new_call(operation, facts, case)
  local now = clock.parse(facts.now)
  return {
    client = { name = facts.service, options = {}, system = new_system(now) },
    operation = operation,
    name = case.operation,
    options = {},
    hooks = customize.hooks(facts.service, case.operation, operation),
    scheme = { signing_name = facts.signing_name, signing_region = facts.region },
    endpoint = { host = case.request.url:match "^%w+://([^/?]*)" },
    credentials = {
      access_key_id = facts.access_key,
      secret_access_key = facts.secret_key,
      session_token = case.session_token and facts.session_token or nil,
    },
  }
end

-- The request before its signature.
local function make_request(call, facts, case)
  call.params = run_hooks(call, "params", case.params)
  local request = run_hooks(call, "request",
    call.operation:build(call.params, { token = facts.idempotency_token }))
  local headers = {}
  for name, value in pairs(request.headers) do headers[name:lower()] = value end
  local path = request.path
  local bucket = case.params.Bucket
  if bucket and call.endpoint.host:sub(1, #bucket + 1) == bucket .. "." then
    path = path:gsub("^/" .. bucket:gsub("%p", "%%%0"), "")
    if path == "" then path = "/" end
  end
  local out = run_hooks(call, "sign", {
    method = request.method, path = path, query = request.query, headers = headers, body = request.body,
    base = case.request.url:match "^%w+://[^/?]*",
  })
  if facts.service == "s3" then
    headers["x-amz-content-sha256"] = call.payload_hash or text.sha256(out.body)
  end
  return out
end

-- The value that a header has to have; of a sum of the body, that of our body, where members come in
-- another order.
local function expected(name, value, body, want)
  local algorithm = name:match "^x%-amz%-checksum%-(.*)$"
  if body == want.body or not value:find "^[%w+/=]+$" then return value end
  if name == "x-amz-content-sha256" and #value == 64 then return text.sha256(body) end
  local ok, digest = pcall(checksum.digest, algorithm or "", body)
  local ok2, theirs = pcall(checksum.digest, algorithm or "", want.body or "")
  return ok and ok2 and value == text.base64(theirs) and text.base64(digest) or value
end

-- A form with a URL in it: the URL's parameters have no order either.
local function sorted_urls(form)
  return (form:gsub("(PresignedUrl=)([^&]*)", function(key, url)
    local base, query = text.percent_decode(url:gsub("+", " ")):match "^([^?]*)%?(.*)$"
    return base and key .. text.percent_encode(base .. "?" .. sorted(query, "&"))
  end))
end

local function check_request(facts, got, case)
  local want = case.request
  if got.method ~= want.method then return "method " .. got.method end
  local path, query = want.url:match "^%w+://[^/?]*([^?]*)%??(.*)$"
  if path == "" then path = "/" end
  if got.path ~= path then return "path " .. got.path end
  if sorted(got.query, "&") ~= sorted(query, "&") then return "query " .. got.query end
  for name, value in pairs(want.headers) do
    local have = got.headers[name]
    if not of_signer[name] and have ~= expected(name, value, got.body, want) then
      return ("header %s: %s"):format(name, have)
    end
  end
  for name, value in pairs(got.headers) do
    if want.headers[name] == nil and not of_ours[name] then
      return ("header %s: %s, too much"):format(name, value)
    end
  end
  local cbor = facts.protocol:find "cbor" ~= nil -- compared as values, out of base64
  local body = want.body_b64 and (cbor and want.body_b64 or text.unbase64(want.body_b64)) or want.body
  if body and wire.body_differs(facts.protocol, sorted_urls(got.body), sorted_urls(body)) then
    return "body " .. got.body
  end
end

-- The recorded request, signed again: the same signature, byte for byte.
local function check_signature(facts, call, case)
  local want = case.request
  if not want.authorization then return nil end
  local path, query = want.url:match "^%w+://[^/?]*([^?]*)%??(.*)$"
  local headers = { host = call.endpoint.host }
  for name, value in pairs(want.headers) do headers[name] = value end
  local s3 = facts.service == "s3"
  local region, service = want.authorization:match "Credential=[^/]*/%d+/([^/]*)/([^/]*)/"
  local added = sigv4.sign {
    method = want.method,
    path = path,
    query = query,
    headers = headers,
    body = want.body_b64 and text.unbase64(want.body_b64) or want.body,
    payload_hash = want.headers["x-amz-content-sha256"],
    credentials = call.credentials,
    region = region,
    service = service,
    time = clock.parse(facts.now),
    normalize_path = not s3,
    double_encode = not s3,
  }
  if added.authorization ~= want.authorization then return "signature " .. added.authorization end
end

-- As the parsers left it: the recorded results come from before the client's customisations.
local function check_answer(operation, case)
  local headers = {}
  for name, value in pairs(case.response.headers or {}) do headers[name:lower()] = value end
  local output = operation:parse(case.response.status_code, headers, case.response.body or "")
  case.result.ResponseMetadata = nil
  if not wire.same(output, case.result) then return "result " .. json.encode(output) end
end

local function run_case(operation, facts, case)
  if case.response then return check_answer(operation, case) end
  local call = new_call(operation, facts, case)
  return check_request(facts, make_request(call, facts, case), case)
    or check_signature(facts, call, case)
end

-- cloudwatch.cbor and cloudwatch.query force their protocol. That Expires is a time is the SDKs'
-- amendment of S3's model, which only the requests were made with.
local function open_service(dir, name, protocol, amended)
  local model = json.decode(wire.read(("%s/oracle/models/%s.json"):format(dir, name)))
  model.metadata.protocol, model.metadata.protocols = protocol, json.array { protocol }
  if name == "s3" and amended then model.shapes.Expires = { type = "timestamp" } end
  return native.open(native.compile(json.encode(model), name))
end

return function(dir)
  local totals = require("tests.conformance.support.totals").new()
  for _, side in ipairs { "input", "output" } do
    for file in lfs.dir(("%s/oracle/%s"):format(dir, side)) do
      local name = file:match "^([%w-]+)%.?%a*%.json$"
      if name then
        local facts = json.decode(wire.read(("%s/oracle/%s/%s"):format(dir, side, file)))
        facts.service = name
        local ok, service = pcall(open_service, dir, name, facts.protocol, side == "input")
        for _, case in ipairs(facts.cases) do
          local title = ("%s %s"):format(file, case.id)
          if ok then
            totals:try(title, run_case, service:operation(case.operation), facts, case)
          else
            totals:count(title, service)
          end
        end
      end
    end
  end
  return totals
end
