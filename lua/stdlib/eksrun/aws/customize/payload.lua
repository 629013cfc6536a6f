--- The hash of a body in the signature. UNSIGNED-PAYLOAD stands for the bodies of operations that say
--- so, and for S3's objects where a checksum and TLS protect them already, so that they need not be
--- read twice; a file's bytes are read for it where nothing else will do.
local config = require "eksrun.aws.config"
local errors = require "eksrun.aws.errors"

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

local function is_free(call, out, traits)
  if not out.base:find "^https:" then return false end
  if not of_s3[call.scheme.signing_name] then return traits.unsigned_payload == true end
  return out.headers[call.checksum_header or "content-md5"] ~= nil and not wants_signed(call.client)
end

-- The hash of a body that is no string.
local function hash_upload(call)
  local upload = call.upload
  if upload:is_file() then
    local digests, err = upload:digests { "sha256" }
    return digests and require("eksrun.text").hex(digests.sha256), err
  end
  if of_s3[call.scheme.signing_name] then return UNSIGNED end
  return nil, errors.new {
    code = "validation",
    message = ("%s:%s: its body is part of the signature: give bytes or a file, not a function"):format(
      call.client.name, call.name),
  }
end

--- @param traits table of Operation:info
--- @return eksrun.aws.Hook
function M.hook(traits)
  return {
    sign = function(call, out)
      local err
      call.payload_hash = nil
      if is_free(call, out, traits) then
        call.payload_hash = UNSIGNED
      elseif call.upload then
        call.payload_hash, err = hash_upload(call)
        if err then return nil, err end
      end
    end,
  }
end

return M
