--- What a refusal says in a form that only sts:DecodeAuthorizationMessage reads: which action on which
--- thing, and whether something denies it or nothing allows it.
local json = require "eksrun.json"

local M = {}

local BEGINNING = "Encoded authorization failure message: "

local function told(decoded)
  local context = type(decoded.context) == "table" and decoded.context or {}
  local words = { decoded.explicitDeny and "an explicit deny" or "nothing allows it" }
  if context.action then words[#words + 1] = "action " .. tostring(context.action) end
  if context.resource then words[#words + 1] = "resource " .. tostring(context.resource) end
  local principal = type(context.principal) == "table" and context.principal.arn
  if principal then words[#words + 1] = "by " .. tostring(principal) end
  return "decoded: " .. table.concat(words, ", ")
end

--- Reads the encoded part of an error's message, as far as that is allowed, in place of it.
--- @param err any
--- @param aws? table default: eksrun.aws
--- @return any err the same
function M.explain(err, aws)
  local message = type(err) == "table" and err.message
  local first, last, encoded
  if type(message) == "string" then first, last, encoded = message:find(BEGINNING .. "([%w_-]+)") end
  if not first then return err end
  local sts = (aws or require "eksrun.aws").try.sts
  local answer = sts:decode_authorization_message { EncodedMessage = encoded }
  local decoded = answer and json.try_decode(answer.DecodedMessage or "")
  local text = type(decoded) == "table" and told(decoded)
    or "the rest is encoded: who may call sts:DecodeAuthorizationMessage sees it"
  err.message = message:sub(1, first - 1) .. text .. message:sub(last + 1)
  return err
end

return M
