--- Proofs of possession (DPoP, RFC 9449): the sign-in service takes a refresh token only from who
--- holds the key that it was given to.
local M = {}

-- A name that no other proof has.
local function unique(call)
  local system = call.client.system
  local seed = ("%.17g %.17g %p"):format(system.now(), system.random(), {})
  local digits = require("eksrun.text").sha256(seed .. math.random(0))
  return (digits:sub(1, 32):gsub("^(%x%x%x%x%x%x%x%x)(%x%x%x%x)(%x%x%x%x)(%x%x%x%x)", "%1-%2-%3-%4-"))
end

--- The proof of one request.
--- @param key string private key of P-256 in PEM
--- @param method string
--- @param url string without a query
--- @param time integer seconds since 1970
--- @param id string
--- @return string token of three parts
function M.proof_of(key, method, url, time, id)
  local json, text = require "eksrun.json", require "eksrun.text"
  local sign = require("eksrun.native.es256").sign
  local _, x, y = sign(key, "")
  local head = {
    typ = "dpop+jwt",
    alg = "ES256",
    jwk = { kty = "EC", crv = "P-256", x = text.base64url(x), y = text.base64url(y) },
  }
  local claims = { htm = method, htu = url, iat = time, jti = id }
  local signed = text.base64url(json.encode(head)) .. "." .. text.base64url(json.encode(claims))
  return signed .. "." .. text.base64url((sign(key, signed)))
end

--- Adds the proof by the key that the call's options have.
--- @return eksrun.aws.Hook
function M.proof()
  return {
    sign = function(call, out)
      local key = call.options.dpop_key
      if not key then return nil end
      local time = call.client.system.now() // 1 | 0
      out.headers.dpop = M.proof_of(key, out.method, out.base .. out.path, time, unique(call))
    end,
  }
end

return M
