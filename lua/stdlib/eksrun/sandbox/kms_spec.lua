--- KMS: what a key of a kind can be used for, as AWS documents it, and by which algorithms.
local fault = require "eksrun.sandbox.fault"

local M = {}

local RSA = {
  ENCRYPT_DECRYPT = { "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256" },
  SIGN_VERIFY = {
    "RSASSA_PKCS1_V1_5_SHA_256", "RSASSA_PKCS1_V1_5_SHA_384", "RSASSA_PKCS1_V1_5_SHA_512",
    "RSASSA_PSS_SHA_256", "RSASSA_PSS_SHA_384", "RSASSA_PSS_SHA_512",
  },
}
local ML_DSA = { SIGN_VERIFY = { "ML_DSA_SHAKE_256" } }

local function curve(...) return { SIGN_VERIFY = { ... }, KEY_AGREEMENT = { "ECDH" } } end

-- By KeySpec and KeyUsage.
local ALGORITHMS = {
  SYMMETRIC_DEFAULT = { ENCRYPT_DECRYPT = { "SYMMETRIC_DEFAULT" } },
  RSA_2048 = RSA, RSA_3072 = RSA, RSA_4096 = RSA,
  ECC_NIST_P256 = curve "ECDSA_SHA_256", ECC_NIST_P384 = curve "ECDSA_SHA_384",
  ECC_NIST_P521 = curve "ECDSA_SHA_512", ECC_SECG_P256K1 = { SIGN_VERIFY = { "ECDSA_SHA_256" } },
  ECC_NIST_EDWARDS25519 = { SIGN_VERIFY = { "ED25519_SHA_512", "ED25519_PH_SHA_512" } },
  ML_DSA_44 = ML_DSA, ML_DSA_65 = ML_DSA, ML_DSA_87 = ML_DSA,
  HMAC_224 = { GENERATE_VERIFY_MAC = { "HMAC_SHA_224" } },
  HMAC_256 = { GENERATE_VERIFY_MAC = { "HMAC_SHA_256" } },
  HMAC_384 = { GENERATE_VERIFY_MAC = { "HMAC_SHA_384" } },
  HMAC_512 = { GENERATE_VERIFY_MAC = { "HMAC_SHA_512" } },
  SM2 = { ENCRYPT_DECRYPT = { "SM2PKE" }, SIGN_VERIFY = { "SM2DSA" }, KEY_AGREEMENT = { "ECDH" } },
}

-- Where KeyMetadata has them.
local MEMBER = {
  ENCRYPT_DECRYPT = "EncryptionAlgorithms", SIGN_VERIFY = "SigningAlgorithms",
  GENERATE_VERIFY_MAC = "MacAlgorithms", KEY_AGREEMENT = "KeyAgreementAlgorithms",
}

--- Adds to a key what follows from its KeySpec and KeyUsage; refuses those that do not belong together.
--- @param key table KeyMetadata
--- @return table key
function M.complete(key)
  local usages = ALGORITHMS[key.KeySpec]
  if not usages then
    fault.raise("UnsupportedOperationException", "The sandbox has no keys of KeySpec %s", key.KeySpec)
  elseif not key.KeyUsage and key.KeySpec ~= "SYMMETRIC_DEFAULT" then
    fault.raise("ValidationException", "You must specify a KeyUsage value for all KMS keys except for "
      .. "symmetric encryption keys.")
  end
  key.KeyUsage = key.KeyUsage or "ENCRYPT_DECRYPT"
  if not usages[key.KeyUsage] then
    fault.raise("ValidationException", "KeyUsage %s is not compatible with KeySpec %s", key.KeyUsage,
      key.KeySpec)
  end
  key[MEMBER[key.KeyUsage]] = usages[key.KeyUsage]
  return key
end

return M
