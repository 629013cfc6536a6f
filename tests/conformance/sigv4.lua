-- Signature Version 4 and 4A: the signing suites of aws-c-auth, botocore and smithy-rs.
local clock = require "eksrun.clock"
local file = require "eksrun.file"
local json = require "eksrun.json"
local sigv4 = require "eksrun.sigv4"

local function list(dir)
  local names = file.list(dir) or {}
  table.sort(names)
  return names
end

-- A raw HTTP/1.1 request; header values may go on over lines that begin with a blank.
local function parse_request(text)
  text = text:gsub("\r\n", "\n")
  local head, body = text:match("^(.-)\n\n(.*)$")
  head, body = head or text, body or ""
  local first, rest = head:match("^([^\n]*)\n?(.*)$")
  local method, target = first:match("^(%S+) (.*) HTTP/1%.1$")
  local path, query = target:match("^([^?]*)%??(.*)$")
  local headers = {}
  for line in rest:gmatch("[^\n]+") do
    if line:find("^[ \t]") and #headers > 0 then
      headers[#headers][2] = headers[#headers][2] .. "\n" .. line
    else
      local name, value = line:match("^([^:]*):(.*)$")
      headers[#headers + 1] = { name, value }
    end
  end
  return { method = method, path = path, query = query, headers = headers, body = body, details = true }
end

local function copy(t, more)
  local out = {}
  for k, v in pairs(t) do out[k] = v end
  for k, v in pairs(more) do out[k] = v end
  return out
end

local function equal(got, want, what)
  if got ~= want then return ("%s: got %q, want %q"):format(what, tostring(got), tostring(want)) end
end

-- Headers as a sorted list of lines; a body as it is.
local function request_lines(request, added)
  local lines = {}
  for _, header in ipairs(request.headers) do
    lines[#lines + 1] = header[1]:lower() .. ":" .. header[2]:match("^%s*(.-)%s*$")
  end
  for name, value in pairs(added or {}) do lines[#lines + 1] = name .. ":" .. value end
  table.sort(lines)
  return table.concat(lines, "\n")
end

local function query_set(query)
  local parts = {}
  for part in query:gmatch("[^&]+") do
    part = part:find("=") and part or part .. "="
    parts[#parts + 1] = part:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  end
  table.sort(parts)
  return table.concat(parts, "&")
end

-- What a context.json asks of signing, without the algorithm's own fields.
local function options(context)
  return {
    credentials = {
      access_key_id = context.credentials.access_key_id,
      secret_access_key = context.credentials.secret_access_key,
      session_token = context.credentials.token,
    },
    service = context.service,
    time = clock.parse(context.timestamp),
    expires = context.expiration_in_seconds,
    normalize_path = context.normalize,
    sign_body_header = context.sign_body,
    omit_session_token = context.omit_session_token,
  }
end

-- Whether a request bears its signature, if `signature` is put in the place of its own (nil: its own).
local function verified(request, base, signature)
  local received = copy(base, request)
  if signature then
    local headers = {}
    for i, header in ipairs(request.headers) do
      headers[i] = { header[1], (header[2]:gsub("Signature=%x+", "Signature=" .. signature)) }
    end
    received.headers = headers
    received.query = request.query:gsub("X%-Amz%-Signature=%x+", "X-Amz-Signature=" .. signature)
  end
  local claim, err = sigv4.verify(received)
  return not claim and "verify: " .. tostring(err) or nil
end

-- The request with what signing gave it.
local function signed(request, mode, result)
  if mode == "query" then return copy(request, { query = result }) end
  local headers = table.move(request.headers, 1, #request.headers, 1, {})
  for name, value in pairs(result) do headers[#headers + 1] = { name, value } end
  return copy(request, { headers = headers })
end

local function check_c_auth(dir, mode)
  local context = json.decode(file.try_read(dir .. "/context.json"))
  local request = parse_request(file.try_read(dir .. "/request.txt"))
  local function expected(name) return file.try_read(("%s/%s-%s.txt"):format(dir, mode, name)) end
  local base = options(context)
  local input = copy(copy(request, base), { region = context.region })
  local result, details = sigv4[mode == "header" and "sign" or "presign"](input)
  local want = parse_request(expected "signed-request")
  return equal(details.canonical_request, expected "canonical-request", "canonical request")
    or equal(details.string_to_sign, expected "string-to-sign", "string to sign")
    or equal(details.signature, expected("signature"):gsub("%s+$", ""), "signature")
    or mode == "header" and equal(request_lines(request, result), request_lines(want), "headers")
    or mode == "query" and equal(query_set(result), query_set(want.query), "query")
    or verified(want, base)
end

-- Every signature differs: the recorded ones and ours have to be borne out by the same key.
local function check_v4a(case, mode)
  local request = parse_request(case.request)
  local base = options(case.context)
  local input = copy(copy(request, base), { algorithm = "sigv4a", region_set = case.context.region })
  local result, details = sigv4[mode == "header" and "sign" or "presign"](input)
  local want = parse_request(case[mode .. "-signed-request"])
  local recorded = case[mode .. "-signature"]:gsub("%s+$", "")
  local x, y = sigv4.public_key(base.credentials)
  local function masked(text) return (text:gsub("Signature=%x+", "Signature=")) end
  return equal(details.canonical_request, case[mode .. "-canonical-request"], "canonical request")
    or equal(details.string_to_sign, case[mode .. "-string-to-sign"], "string to sign")
    or equal(x .. y, case["public-key"].X .. case["public-key"].Y, "public key")
    or mode == "header"
      and equal(masked(request_lines(request, result)), masked(request_lines(want)), "headers")
    or mode == "query" and equal(masked(query_set(result)), masked(query_set(want.query)), "query")
    or verified(want, base)
    or verified(want, base, recorded)
    or verified(signed(request, mode, result), base)
end

-- One case of botocore: header signing with fixed credentials and time.
local function check_botocore(base)
  local request = parse_request(file.try_read(base .. ".req"))
  local token
  local kept = {}
  for _, header in ipairs(request.headers) do
    if header[1]:lower() == "x-amz-security-token" then token = header[2] else kept[#kept + 1] = header end
  end
  -- A token that only the expected request shows is part of the case's credentials.
  token = token or file.try_read(base .. ".creq"):match("\nx%-amz%-security%-token:([^\n]*)")
  request.headers = kept
  local headers, details = sigv4.sign(copy(request, {
    credentials = {
      access_key_id = "AKIDEXAMPLE",
      secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
      session_token = token,
    },
    region = "us-east-1",
    service = "service",
    time = clock.parse "2015-08-30T12:36:00Z",
  }))
  local function expected(ending) return (file.try_read(base .. ending):gsub("\r\n", "\n")) end
  return equal(details.canonical_request, expected ".creq", "canonical request")
    or equal(details.string_to_sign, expected ".sts", "string to sign")
    or equal(headers.authorization, file.try_read(base .. ".authz"):gsub("%s+$", ""), "authorization")
end

local function check_smithy(dir, name)
  local request = parse_request(file.try_read(dir .. "/request.txt"))
  local want = file.try_read(dir .. "/header-canonical-request.txt")
  local inconsistent = name == "double-encode-path" -- its dates disagree: the path alone counts
  local date = want:match("x%-amz%-date:(%d+T%d+Z)")
  local y, mo, d, h, mi, s = date:match("(%d%d%d%d)(%d%d)(%d%d)T(%d%d)(%d%d)(%d%d)")
  local authorization = file.try_read(dir .. "/header-signed-request.txt")
  local region, service = authorization:match("Credential=[^/]+/%d+/([^/]+)/([^/]+)/")
  local _, details = sigv4.sign(copy(request, {
    credentials = {
      access_key_id = "AKIDEXAMPLE",
      secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    },
    region = region,
    service = service,
    time = clock.parse(("%s-%s-%sT%s:%s:%sZ"):format(y, mo, d, h, mi, s)),
  }))
  if inconsistent then
    local second_line = "^[^\n]*\n([^\n]*)"
    return equal(details.canonical_request:match(second_line), want:match(second_line), "path")
  end
  local signature = authorization:match("Signature=(%x+)")
  return equal(details.canonical_request, want, "canonical request")
    or equal(details.signature, signature, "signature")
end

return function(root)
  local totals = require("tests.conformance.support.totals").new()
  local dir = root .. "/sigv4"
  for _, name in ipairs(list(dir .. "/aws-c-auth-v4")) do
    for _, mode in ipairs { "header", "query" } do
      local title = ("aws-c-auth %s (%s)"):format(name, mode)
      totals:try(title, check_c_auth, dir .. "/aws-c-auth-v4/" .. name, mode)
    end
  end
  local botocore = dir .. "/botocore-aws4_testsuite"
  local function walk(folder)
    for _, name in ipairs(list(folder)) do
      local path = folder .. "/" .. name
      if file.try_read(("%s/%s.req"):format(path, name)) then
        totals:try("botocore " .. name, check_botocore, path .. "/" .. name)
      elseif not name:find("%.") and name ~= "LICENSE" and name ~= "NOTICE" then
        walk(path)
      end
    end
  end
  walk(botocore)
  for _, name in ipairs(list(dir .. "/smithy-rs-extra")) do
    if file.try_read(dir .. "/smithy-rs-extra/" .. name .. "/request.txt") then
      totals:try("smithy-rs " .. name, check_smithy, dir .. "/smithy-rs-extra/" .. name, name)
    end
  end

  local v4a = file.try_read(dir .. "/aws-c-auth-v4a.json")
  for _, case in ipairs(v4a and json.decode(v4a).cases or {}) do
    for _, mode in ipairs { "header", "query" } do
      totals:try(("aws-c-auth v4a %s (%s)"):format(case.id, mode), check_v4a, case, mode)
    end
  end
  return totals
end
