--- What may be shown of a call: its parameters, answers and headers without their secrets.
---
--- Three nets, one behind the other: members that the model calls sensitive, members and headers
--- whose names say that they are, and then the text itself, out of which every secret that the call
--- is known to hold is cut, however it came there.
local shapes = require "eksrun.aws.shapes"

local M = {}

--- What stands for a secret, wherever one is not shown.
M.MARK = "<redacted>"
local MARK = M.MARK

-- Bytes of a text that may be cut out of others: a shorter one is no secret, and would be a word.
local LENGTH_MIN = 8

-- Members that are secrets, whatever the model says of them: names in lower case.
local secret_members = {
  accesstoken = true,
  authorizationtoken = true,
  clientsecret = true,
  devicecode = true,
  idtoken = true,
  keymaterial = true,
  masteruserpassword = true,
  password = true,
  passworddata = true,
  plaintext = true,
  presignedurl = true,
  privatekey = true,
  refreshtoken = true,
  samlassertion = true,
  secretaccesskey = true,
  secretbinary = true,
  secretstring = true,
  sessiontoken = true,
  subjecttoken = true,
  tokencode = true,
  webidentitytoken = true,
}

local secret_headers = {
  ["authorization"] = true,
  ["cookie"] = true,
  ["location"] = true, -- it may be signed
  ["proxy-authorization"] = true,
  ["set-cookie"] = true,
  ["x-amz-security-token"] = true,
  ["x-amz-sso_bearer_token"] = true,
  ["x-amz-server-side-encryption-customer-key"] = true,
  ["x-amz-copy-source-server-side-encryption-customer-key"] = true,
  ["x-aws-ec2-metadata-token"] = true,
}

-- Whether a member is a secret: by the model, by its name.
local function is_secret(shape, name)
  return shape and shape.sensitive or type(name) == "string" and secret_members[name:lower()] or false
end

local function remember(secrets, value)
  if type(value) == "string" then
    if #value >= LENGTH_MIN then secrets[value] = true end
  elseif type(value) == "table" then
    for _, item in pairs(value) do remember(secrets, item) end
  end
end

-- What is shown of an access key's id: enough to tell one from another.
local function cut_id(id) return id:sub(1, 4) .. "..." end

local function scalar(value, name)
  if type(value) == "function" or type(value) == "userdata" then return "<stream>" end
  if type(value) ~= "string" then return value end
  if not utf8.len(value) then return ("<%d bytes>"):format(#value) end
  local is_id = type(name) == "string" and name:lower() == "accesskeyid"
  return is_id and #value >= LENGTH_MIN and cut_id(value) or value
end

-- A copy of a value for the eye. The shapes around it are known by name, because the model does not
-- repeat the parts of a shape that contains itself.
local function copy(value, shape, name, secrets, outer)
  if is_secret(shape, name) then
    remember(secrets, value)
    return MARK
  end
  if type(value) ~= "table" then return scalar(value, name) end
  if getmetatable(value) and value.read then return "<stream>" end -- a body or events
  local known = {}
  for key, item in pairs(outer) do known[key] = item end
  if shape and shape.recursive then shape = known[shape.shape] or shape end
  if shape then known[shape.shape] = shape end
  local out = {}
  for key, item in pairs(value) do
    out[key] = copy(item, shapes.part(shape, key), key, secrets, known)
  end
  return setmetatable(out, getmetatable(value) == require("eksrun.json").array_mt
    and require("eksrun.json").array_mt or nil)
end

--- A copy of parameters or of an output without what is secret in it.
--- @param value table
--- @param shape eksrun.native.aws.Shape|nil
--- @param secrets table<string, true> gets the texts that were left out
--- @return table
function M.value(value, shape, secrets) return copy(value, shape, nil, secrets, {}) end

--- What a call is known to hold: its credentials and what they made.
--- @param call eksrun.aws.Call
--- @return table<string, true>
function M.secrets(call)
  if call.secrets then return call.secrets end
  local secrets = {}
  call.secrets = secrets
  return secrets
end

local function add_credentials(call, secrets)
  local held = call.credentials
  if not held then return end
  for _, field in ipairs { "secret_access_key", "session_token", "token" } do
    remember(secrets, held[field])
  end
end

local function plain(text) return (text:gsub("[%^%$%(%)%%%.%[%]%*%+%-%?]", "%%%0")) end

local xml = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&apos;" }

-- A secret as it may stand in what a server sends back: as it is, percent-encoded, in JSON (with slashes and
-- other letters escaped or not), in XML, as base64.
local function forms_of(secret)
  local text = require "eksrun.text"
  local encoded = text.percent_encode(secret)
  local forms = { secret, encoded, (encoded:gsub("%%%x%x", string.lower)), (encoded:gsub("%%20", "+")),
    (secret:gsub("[&<>\"']", xml)), (text.base64(secret):gsub("=+$", "")) }
  if utf8.len(secret) then
    local json = require("eksrun.json").encode(secret):sub(2, -2)
    forms[#forms + 1] = json
    forms[#forms + 1] = json:gsub("/", "\\/")
    forms[#forms + 1] = json:gsub(utf8.charpattern, function(letter)
      local point = utf8.codepoint(letter)
      if point < 0x80 then return nil end
      if point < 0x10000 then return ("\\u%04x"):format(point) end
      point = point - 0x10000
      return ("\\u%04x\\u%04x"):format(0xD800 + (point >> 10), 0xDC00 + (point & 0x3FF))
    end)
  end
  return forms
end

-- The forms of all secrets of a call, the longest first: one may be a part of another.
local function forms_to_cut(call)
  local secrets, count = M.secrets(call), 0
  add_credentials(call, secrets)
  for _ in pairs(secrets) do count = count + 1 end
  local known = call.forms
  if known and known.count == count then return known end
  known = { count = count }
  for secret in pairs(secrets) do
    for _, form in ipairs(forms_of(secret)) do known[#known + 1] = form end
  end
  table.sort(known, function(a, b) return #a > #b end)
  call.forms = known
  return known
end

--- Cuts every secret of a call out of a text, in whatever form it stands there.
--- @param call eksrun.aws.Call
--- @param text string
--- @return string
function M.scrub(call, text)
  for _, form in ipairs(forms_to_cut(call)) do
    if text:find(form, 1, true) then text = text:gsub(plain(form), MARK) end
  end
  local id = call.credentials and call.credentials.access_key_id
  if id and #id >= LENGTH_MIN and text:find(id, 1, true) then
    text = text:gsub(plain(id), function() return cut_id(id) end)
  end
  return text
end

--- A header's value for the eye.
--- @param call eksrun.aws.Call
--- @param name string in lower case
--- @param value string
--- @return string
function M.header(call, name, value)
  local signature = name == "authorization" and value:match("Signature=(%x+)")
  if signature then
    M.secrets(call)[signature] = true
  elseif secret_headers[name] then
    return MARK
  end
  return M.scrub(call, value)
end

--- Takes the secrets of a call out of an error's texts: a server may send back what it was sent.
--- @param call eksrun.aws.Call
--- @param err table error object
function M.error(call, err)
  for key, value in pairs(err) do
    if type(value) == "string" then
      err[key] = M.scrub(call, value)
    elseif type(value) == "table" then
      M.error(call, value)
    end
  end
end

return M
