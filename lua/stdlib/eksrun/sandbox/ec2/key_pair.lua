--- EC2: key pairs. The private half of a key that the sandbox makes opens nothing.
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.ec2.support"
local text = require "eksrun.text"

local M = { operations = {} }
local operations = M.operations

local by_filter = support.describe {
  kind = "ec2.key_pair", prefix = "key", id = "KeyPairId", tag = "key-pair", list = "KeyPairs",
  ids = "KeyPairIds", missing = "InvalidKeyPair.NotFound",
  missing_text = "The key pair ID '%s' does not exist", malformed = "InvalidKeyPair.Malformed",
  filters = filter.map("DescribeKeyPairs", "key-pair-id key-name", { ["fingerprint"] = "KeyFingerprint" }),
  view = function(_, pair)
    local shown = {}
    for name, value in pairs(pair) do shown[name] = value end
    return shown
  end,
}

--- The pair of a name, which has to be there.
--- @param call eksrun.sandbox.Call
--- @param name string
--- @return table
function M.need(call, name)
  return call:find("ec2.key_pair", function(k) return k.KeyName == name end)
    or fault.raise("InvalidKeyPair.NotFound", "The key pair '%s' does not exist", name)
end

function operations.DescribeKeyPairs(call, params)
  local answer, names = by_filter(call, params), params.KeyNames
  local list, wanted = json.array {}, {}
  for _, name in ipairs(names or {}) do wanted[M.need(call, name).KeyPairId] = true end
  for _, pair in ipairs(answer.KeyPairs) do
    if not names or wanted[pair.KeyPairId] then
      pair.PublicKey = params.IncludePublicKey and pair._public or nil
      list[#list + 1] = pair
    end
  end
  return { KeyPairs = list }
end

local function fingerprint(hash, octets)
  return (hash:sub(1, 2 * octets):gsub("(%x%x)", "%1:"):sub(1, -2))
end

local function add(call, params, kind, public)
  local name = params.KeyName
  if call:find("ec2.key_pair", function(k) return k.KeyName == name end) then
    fault.raise("InvalidKeyPair.Duplicate", "The keypair '%s' already exists.", name)
  end
  local id = call:id "key"
  local hash = call.world:hash("fingerprint", public or id)
  return call:put("ec2.key_pair", id, {
    KeyPairId = id, KeyName = name, KeyType = kind, CreateTime = call:time(),
    KeyFingerprint = kind == "ed25519" and text.base64(hash:sub(1, 32))
    or fingerprint(hash, public and 16 or 20),
    Tags = support.tags(params, "key-pair"), _public = public,
  })
end

function operations.CreateKeyPair(call, params)
  local kind = params.KeyType or "rsa"
  local pair = add(call, params, kind)
  local lines = {}
  for i = 1, 24 do lines[i] = text.base64(call:hash("material", i):sub(1, 48)) end
  return {
    KeyPairId = pair.KeyPairId, KeyName = pair.KeyName, KeyFingerprint = pair.KeyFingerprint,
    Tags = pair.Tags,
    KeyMaterial = ("-----BEGIN RSA PRIVATE KEY-----\n%s\n-----END RSA PRIVATE KEY-----"):format(
      table.concat(lines, "\n")),
  }
end

function operations.ImportKeyPair(call, params)
  local kind = params.PublicKeyMaterial:match "^%s*ssh%-(%w+) [%w+/=]+"
  if kind ~= "rsa" and kind ~= "ed25519" then
    fault.raise("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
  end
  local pair = add(call, params, kind, params.PublicKeyMaterial)
  return {
    KeyPairId = pair.KeyPairId, KeyName = pair.KeyName, KeyFingerprint = pair.KeyFingerprint,
    Tags = pair.Tags,
  }
end

function operations.DeleteKeyPair(call, params)
  local id, name = params.KeyPairId, params.KeyName
  if not id and not name then
    fault.raise("MissingParameter", "The request must contain the parameter KeyName or KeyPairId")
  end
  local pair = call:find("ec2.key_pair", function(k) return k.KeyPairId == id or k.KeyName == name end)
  -- One that is not there is gone, too.
  if pair then call:remove("ec2.key_pair", pair.KeyPairId) end
  return { Return = true, KeyPairId = pair and pair.KeyPairId or id }
end

return M
