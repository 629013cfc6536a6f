--- What a cluster checks in a token before it asks STS, and what it makes of STS's answer: the rules
--- and the messages of aws-iam-authenticator.
local error_object = require "eksrun.error"
local native = require "eksrun.native.endpoint"

local M = {}

local PREFIX = "k8s-aws-v1."
local TOKEN_MAX = 4096
local EXPIRES_MAX = 900
local PRESIGNED_LIFETIME = 15 * 60
local CLUSTER_HEADER = "x-k8s-aws-id"

local partitions = {}
for _, partition in ipairs(native.partitions()) do partitions[partition.name] = true end

local parameters = {}
for _, name in ipairs {
  "action", "version", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires",
  "x-amz-security-token", "x-amz-signature", "x-amz-signedheaders",
} do
  parameters[name] = true
end

local function refusal(message, ...)
  return nil, error_object.new {
    code = "invalid_token",
    message = "input token was not properly formatted: " .. message:format(...),
  }
end

--- Whether a text may be a region in a host name.
--- @param region string
--- @return boolean
function M.is_region(region)
  return region:find("^%w[%w-]*$") ~= nil and region:sub(-1) ~= "-"
end

local function labels_of(host)
  local labels = {}
  for label in (host .. "."):gmatch("([^.]*)%.") do labels[#labels + 1] = label end
  return labels
end

--- The region in the name of an STS host; "global" for sts.amazonaws.com.
--- @param host string
--- @return string|nil region
--- @return string|nil problem
function M.region_of_host(host)
  if host == "sts.amazonaws.com" then return "global" end
  local labels = labels_of(host)
  if #labels < 3 then return nil, "invalid host format: " .. host end
  if not M.is_region(labels[2]) then return nil, "invalid region in host: " .. host end
  return labels[2]
end

-- The suffixes of a partition; of aws for one that nobody knows.
local function suffixes_of(id)
  local list = native.partitions()
  local found = list[1]
  for _, partition in ipairs(list) do
    if partition.name == id then found = partition end
  end
  return found.dnsSuffix, found.dualStackDnsSuffix
end

-- Whether STS has this host in the region: plain or FIPS, dual-stack or not.
local function is_endpoint(host, region)
  local rules = native.rules "sts"
  for _, fips in ipairs { false, true } do
    for _, dual in ipairs { false, true } do
      local sts = rules:resolve { Region = region, UseFIPS = fips, UseDualStack = dual }
      if sts and sts.url == "https://" .. host then return true end
    end
  end
  return false
end

--- Whether a host is an STS endpoint that a verifier of this partition and region asks.
--- @param host string
--- @param partition string "aws", "aws-cn", ...
--- @param region? string the verifier's own, may be one that nobody else knows
--- @return boolean|nil
--- @return string|nil problem
function M.is_host(host, partition, region)
  local found, problem = M.region_of_host(host)
  if not found then
    return nil, ("could not parse region for pre-signed URL %s, %s"):format(host, problem)
  end
  if found == "global" then
    if partition == "aws" then return true end
  else
    local suffix, dual_suffix = suffixes_of(partition)
    local rest = table.concat(labels_of(host), ".", 3)
    if (rest == suffix or rest == dual_suffix) and is_endpoint(host, found) then return true end
    if region and region ~= "" and (host == ("sts.%s.%s"):format(region, suffix)
        or host == ("sts.%s.%s"):format(region, dual_suffix)) then
      return true
    end
  end
  return nil, ("unexpected hostname %q in pre-signed URL"):format(host)
end

local function split_url(url)
  if url:find("%c") then return nil, "invalid control character in URL" end
  local scheme, rest = url:match("^(%a[%w+.-]*):(.*)$")
  if not scheme then
    return nil, url:sub(1, 1) == ":" and "missing protocol scheme" or "no scheme"
  end
  rest = rest:gsub("#.*$", "")
  local path_part, query = rest:match("^([^?]*)%??(.*)$")
  local host, path = path_part:match("^//([^/]*)(.*)$")
  return { scheme = scheme:lower(), host = host or "", path = path or path_part, query = query }
end

local function unescape(s)
  local bad = s:gsub("%%%x%x", ""):find("%", 1, true)
  if bad then return nil end
  return (s:gsub("+", " "):gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- The parameters by lower-case name, each allowed and given once.
local function query_of(query)
  local seen, found = {}, {}
  for part in query:gmatch("[^&]+") do
    local name, value = part:match("^([^=]*)=?(.*)$")
    name, value = unescape(name), unescape(value)
    if not name or not value or part:find(";", 1, true) then return refusal("malformed query parameter") end
    if seen[name] then return refusal("query parameter with multiple values not supported") end
    seen[name] = true
    local lower = name:lower()
    if not parameters[lower] then return refusal("non-whitelisted query parameter %q", name) end
    if found[lower] then return refusal("duplicate query parameter found: %q", name) end
    found[lower] = value
  end
  return found
end

local function signs_cluster(parameters_found)
  for name in ((parameters_found["x-amz-signedheaders"] or "") .. ";"):gmatch("([^;]*);") do
    if name:lower() == CLUSTER_HEADER then return true end
  end
  return false
end

-- Seconds since 1970 of YYYYMMDDTHHMMSSZ, or nil.
local function parse_date(text)
  local y, mo, d, h, mi, s = text:match("^(%d%d%d%d)(%d%d)(%d%d)T(%d%d)(%d%d)(%d%d)Z$")
  if not y then return nil end
  y, mo, d, h, mi, s = tonumber(y), tonumber(mo), tonumber(d), tonumber(h), tonumber(mi), tonumber(s)
  local days = { 31, (y % 4 == 0 and (y % 100 ~= 0 or y % 400 == 0)) and 29 or 28,
    31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }
  if mo < 1 or mo > 12 or d < 1 or d > days[mo] or h > 23 or mi > 59 or s > 59 then return nil end
  for i = 1, mo - 1 do d = d + days[i] end
  local before = y - 1
  local leaps = before // 4 - before // 100 + before // 400 - 477 -- those before 1970
  return (((y - 1970) * 365 + leaps + d - 1) * 24 + h) * 3600 + mi * 60 + s
end

local function check_times(found, now)
  local expires = found["x-amz-expires"] or ""
  local seconds = expires:find("^[+-]?%d+$") and tonumber(expires)
  if not seconds or seconds < 0 or seconds > EXPIRES_MAX then
    return refusal("invalid X-Amz-Expires parameter in pre-signed URL: %s", expires)
  end
  local date = found["x-amz-date"] or ""
  if date == "" then return refusal("X-Amz-Date parameter must be present in pre-signed URL") end
  local time = parse_date(date)
  if not time then
    return refusal("error parsing X-Amz-Date parameter %s into format 20060102T150405Z", date)
  end
  if now > time + PRESIGNED_LIFETIME then
    return refusal("X-Amz-Date parameter is expired (15 minute expiration) %s", date)
  end
  return true
end

--- @class eksrun.token.VerifyOptions
--- @field partition? string of the verifier; default "aws"
--- @field region? string of the verifier
--- @field now number seconds since 1970

--- Checks the URL in a token.
--- @param url string
--- @param options eksrun.token.VerifyOptions
--- @return table<string, string>|nil parameters by lower-case name; and `host`
--- @return table|nil error object { code = "invalid_token" }
function M.url(url, options)
  local parts, problem = split_url(url)
  if not parts then return refusal("parse %q: %s", url:sub(1, 200), problem) end
  if parts.scheme ~= "https" then
    return refusal("unexpected scheme %q in pre-signed URL", parts.scheme)
  end
  local ok
  ok, problem = M.is_host(parts.host, options.partition or "aws", options.region)
  if not ok then return refusal("%s", problem) end
  if parts.path ~= "/" then return refusal("unexpected path in pre-signed URL") end
  local found, err = query_of(parts.query)
  if not found then return nil, err end
  if found.action ~= "GetCallerIdentity" then
    return refusal("unexpected action parameter in pre-signed URL")
  end
  if not signs_cluster(found) then
    return refusal("client did not sign the %s header in the pre-signed URL", CLUSTER_HEADER)
  end
  ok, err = check_times(found, options.now)
  if not ok then return nil, err end
  found.host = parts.host
  return found
end

--- Checks a token as far as it can be checked without STS.
--- @param token string
--- @param options eksrun.token.VerifyOptions
--- @return string|nil url to GET with the header x-k8s-aws-id
--- @return table error object, or the parameters as url() gives them
function M.token(token, options)
  if #token > TOKEN_MAX then return refusal("token is too large") end
  if token:sub(1, #PREFIX) ~= PREFIX then
    return refusal("token is missing expected %q prefix", PREFIX)
  end
  local encoded = token:sub(#PREFIX + 1)
  local standard = encoded:gsub("[-_]", { ["-"] = "+", ["_"] = "/" }) .. ("="):rep(-#encoded % 4)
  local ok, url = pcall(require("eksrun.text").unbase64, standard)
  if not ok or not url or encoded:find("[^%w_-]") then return refusal("illegal base64 data") end
  local found, err = M.url(url, options)
  if not found then return nil, err end
  return url, found
end

-- The parts of an ARN of a known partition, or nil and what is wrong.
local function parse_arn(arn)
  local partition, service, account, resource = arn:match("^arn:([^:]*):([^:]*):[^:]*:([^:]*):(.*)$")
  if not partition then return nil, ("arn '%s' is invalid"):format(arn) end
  if not partitions[partition] then
    return nil, ("partition '%s' is not recognized"):format(partition)
  end
  local parts = {}
  for part in (resource .. "/"):gmatch("([^/]*)/") do parts[#parts + 1] = part end
  return { partition = partition, service = service, account = account, parts = parts }
end

local function invalid_arn(message, ...)
  return nil, error_object.new { code = "invalid", message = message:format(...) }
end

--- The ARN of the IAM principal behind an identity: the role of an assumed role, else itself.
--- @param arn string
--- @return string|nil arn
--- @return table|nil error object
function M.canonical_arn(arn)
  local parsed, problem = parse_arn(arn)
  if not parsed then return invalid_arn("%s", problem) end
  local kind, parts = parsed.parts[1], parsed.parts
  if parsed.service == "sts" then
    if kind == "federated-user" then return arn end
    if kind ~= "assumed-role" then return invalid_arn("unrecognized resource %s for service sts", kind) end
    if #parts < 3 then return invalid_arn("assumed-role arn '%s' does not have a role", arn) end
    return ("arn:%s:iam::%s:role/%s"):format(parsed.partition, parsed.account,
      table.concat(parts, "/", 2, #parts - 1))
  end
  if parsed.service ~= "iam" then
    return invalid_arn("service %s in arn %s is not a valid service for identities", parsed.service, arn)
  end
  if kind == "role" or kind == "user" or kind == "root" then return arn end
  return invalid_arn("unrecognized resource %s for service iam", kind)
end

--- The ARN of a role without the role's path.
--- @param arn string
--- @return string|nil arn
--- @return table|nil error object
function M.strip_path(arn)
  local parsed, problem = parse_arn(arn)
  if not parsed then return invalid_arn("%s", problem) end
  local parts = parsed.parts
  if parts[1] ~= "role" or #parts < 3 then return arn end
  return ("arn:%s:iam::%s:role/%s"):format(parsed.partition, parsed.account, parts[#parts])
end

return M
