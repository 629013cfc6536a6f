---@meta eksrun.native.es256

--- Signatures of JSON Web Tokens: ECDSA on P-256 with SHA-256.
local es256 = {}

---@param pem string a private key of P-256 without a pass phrase
---@param bytes string
---@return string signature r and s, 64 bytes
---@return string x of the public point, 32 bytes
---@return string y
--- Raises {code = "invalid"} for any other key.
function es256.sign(pem, bytes) end

return es256
