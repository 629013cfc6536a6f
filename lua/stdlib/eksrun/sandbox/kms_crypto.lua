--- KMS: what keys do, and who may. Ciphertexts are symbols: they hold what was encrypted, with the key and
--- the context that open them.
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local kms = require "eksrun.sandbox.kms"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local function refuse_use(key, how)
  fault.raise("InvalidKeyUsageException", "%s key usage is %s which is not valid for this operation.",
    key.Arn, how or key.KeyUsage)
end

-- A key that is there to be used.
local function usable(call, id)
  local key = kms.find(call, id)
  if key.KeyState == "Disabled" then
    fault.raise("DisabledException", "%s is disabled.", key.Arn)
  elseif key.KeyState ~= "Enabled" then
    fault.raise("KMSInvalidStateException", "%s is pending deletion.", key.Arn)
  elseif key.KeyUsage ~= "ENCRYPT_DECRYPT" then
    refuse_use(key)
  end
  return key
end

-- By what a key encrypts: what the request says, if the key can.
local function algorithm(key, wanted)
  wanted = wanted or "SYMMETRIC_DEFAULT"
  for _, known in ipairs(key.EncryptionAlgorithms) do
    if known == wanted then return wanted end
  end
  refuse_use(key, key.KeySpec)
end

local function sealed(call, key, context, plaintext)
  return json.encode({
    kms = key.KeyId, region = call.region, context = util.fingerprint(context or {}),
    data = text.base64(plaintext),
  }, { sort = true })
end

local function opened(call, params, blob, context)
  local seal = json.try_decode(blob or "")
  if type(seal) ~= "table" or not seal.kms or seal.region ~= call.region
    or seal.context ~= util.fingerprint(context or {}) then
    fault.raise("InvalidCiphertextException", "")
  end
  local key = usable(call, seal.kms)
  local named = params.KeyId or params.SourceKeyId
  if named and usable(call, named).KeyId ~= key.KeyId then
    fault.raise("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform "
      .. "this operation.")
  end
  return key, text.unbase64(seal.data)
end

function operations.Encrypt(call, params)
  local key = usable(call, params.KeyId)
  if #params.Plaintext > 4096 then
    fault.raise("ValidationException", "1 validation error detected: Value at 'plaintext' failed to satisfy "
      .. "constraint: Member must have length less than or equal to 4096")
  end
  return {
    CiphertextBlob = sealed(call, key, params.EncryptionContext, params.Plaintext), KeyId = key.Arn,
    EncryptionAlgorithm = algorithm(key, params.EncryptionAlgorithm),
  }
end

function operations.Decrypt(call, params)
  local key, plaintext = opened(call, params, params.CiphertextBlob, params.EncryptionContext)
  return {
    KeyId = key.Arn, Plaintext = plaintext,
    EncryptionAlgorithm = algorithm(key, params.EncryptionAlgorithm),
  }
end

function operations.ReEncrypt(call, params)
  local from, plaintext = opened(call, params, params.CiphertextBlob, params.SourceEncryptionContext)
  local key = usable(call, params.DestinationKeyId)
  return {
    CiphertextBlob = sealed(call, key, params.DestinationEncryptionContext, plaintext), KeyId = key.Arn,
    SourceKeyId = from.Arn, SourceEncryptionAlgorithm = algorithm(from, params.SourceEncryptionAlgorithm),
    DestinationEncryptionAlgorithm = algorithm(key, params.DestinationEncryptionAlgorithm),
  }
end

local function random(call, count)
  local out = {}
  for i = 1, (count + 31) // 32 do out[i] = text.unhex(call:hash("random", i)) end
  return table.concat(out):sub(1, count)
end

function operations.GenerateDataKey(call, params)
  local key = usable(call, params.KeyId)
  if (params.NumberOfBytes == nil) == (params.KeySpec == nil) then
    fault.raise("ValidationException", "Please specify either number of bytes or key spec.")
  elseif key.KeySpec ~= "SYMMETRIC_DEFAULT" then
    refuse_use(key, key.KeySpec)
  end
  local plaintext = random(call, params.NumberOfBytes or params.KeySpec == "AES_128" and 16 or 32)
  return {
    CiphertextBlob = sealed(call, key, params.EncryptionContext, plaintext), Plaintext = plaintext,
    KeyId = key.Arn,
  }
end

function operations.GenerateDataKeyWithoutPlaintext(call, params)
  local made = operations.GenerateDataKey(call, params)
  made.Plaintext = nil
  return made
end

function operations.GenerateRandom(call, params)
  return { Plaintext = random(call, params.NumberOfBytes or 32) }
end

-- -- grants -------------------------------------------------------------------------------------------------

function operations.CreateGrant(call, params)
  local key = usable(call, params.KeyId)
  for _, grant in ipairs(params.Name and call:all "kms.grant" or {}) do
    if grant._key == key.KeyId and grant.Name == params.Name
      and grant.GranteePrincipal == params.GranteePrincipal
      and util.equal(grant.Operations, params.Operations) then
      return { GrantId = grant.GrantId, GrantToken = grant._token }
    end
  end
  local id = call:hash "grant"
  call:put("kms.grant", id, {
    KeyId = key.Arn, GrantId = id, Name = params.Name, CreationDate = call:time(),
    GranteePrincipal = params.GranteePrincipal, RetiringPrincipal = params.RetiringPrincipal,
    IssuingAccount = call:arn("iam", "root"), Operations = params.Operations,
    Constraints = params.Constraints,
    _key = key.KeyId, _token = text.base64(call:hash "token"),
  })
  return { GrantId = id, GrantToken = call:get("kms.grant", id)._token }
end

function operations.ListGrants(call, params)
  local key = kms.find(call, params.KeyId)
  return {
    Grants = json.array(call:all("kms.grant", function(grant)
      return grant._key == key.KeyId and (not params.GrantId or params.GrantId == grant.GrantId)
        and (not params.GranteePrincipal or params.GranteePrincipal == grant.GranteePrincipal)
    end)),
  }
end

function operations.ListRetirableGrants(call, params)
  return {
    Grants = json.array(call:all("kms.grant", function(grant)
      return grant.RetiringPrincipal == params.RetiringPrincipal
    end)),
  }
end

local function remove(call, id)
  if not call:get("kms.grant", id) then
    fault.raise("NotFoundException", "Grant ID %s is not found.", id or "of the token")
  end
  call:remove("kms.grant", id)
end

function operations.RevokeGrant(call, params)
  kms.find(call, params.KeyId)
  remove(call, params.GrantId)
end

function operations.RetireGrant(call, params)
  local id = params.GrantId
  if params.GrantToken then
    local found = call:find("kms.grant", function(grant) return grant._token == params.GrantToken end)
    id = found and found.GrantId
  end
  remove(call, id)
end

function operations.ListKeyPolicies(call, params)
  kms.find(call, params.KeyId)
  return { PolicyNames = json.array { "default" } }
end

return M
