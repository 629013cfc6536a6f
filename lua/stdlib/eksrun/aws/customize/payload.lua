--- Bodies that are not part of the signature: those of operations that say so, and S3's objects where
--- a checksum and TLS protect them already, so that they need not be read twice.
local config = require "eksrun.aws.config"

local M = {}

local UNSIGNED = "UNSIGNED-PAYLOAD"

local of_s3 = { s3 = true, ["s3-outposts"] = true, ["s3-object-lambda"] = true, s3express = true }

-- The profile's s3 section may ask for signed bodies.
local function wants_signed(state)
  if state.signs_payload == nil then
    local profile = config.profile(state.options, state.system)
    local section = profile and profile.s3
    local value = type(section) == "table" and section.payload_signing_enabled
    state.signs_payload = type(value) == "string" and value:lower() == "true"
  end
  return state.signs_payload
end

--- @param traits table of Operation:info
--- @return eksrun.aws.Hook
function M.hook(traits)
  return {
    sign = function(call, out)
      if not out.base:find "^https:" then return nil end
      local name = call.scheme.signing_name
      local free = traits.unsigned_payload
      if of_s3[name] then
        free = out.headers[call.checksum_header or "content-md5"] and not wants_signed(call.client)
      end
      if free then call.payload_hash = UNSIGNED end
    end,
  }
end

return M
