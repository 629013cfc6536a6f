--- Client tokens: who asks the same again with the token of before gets the answer of before.
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local util = require "eksrun.util"

local M = {}

local MISMATCH = { ec2 = "IdempotentParameterMismatch", eks = "InvalidParameterException" }

-- The member that is the operation's client token, whether the model says that it is one or not.
local function member_of(info, params)
  if info.token then return info.token end
  return params.ClientToken ~= nil and "ClientToken" or nil
end

--- What tells one request from another: its parameters without the token.
--- @param name string of the operation
--- @param info table Operation:info()
--- @param params table
--- @return string
function M.fingerprint(name, info, params)
  local member = member_of(info, params)
  if not member then return util.fingerprint(name, params) end
  local others = {}
  for key, value in pairs(params) do
    if key ~= member then others[key] = value end
  end
  return util.fingerprint(name, others)
end

--- What the handler answers; of a client token that was used before, what it answered then. Raises AWS's
--- error if that was asked with other parameters.
--- @param call eksrun.sandbox.Call
--- @param info table Operation:info()
--- @param handler fun(call: eksrun.sandbox.Call, params: table): table?
--- @param shape eksrun.native.aws.Shape of the answer
--- @return table? output
function M.once(call, info, handler, shape)
  local params, member = call.params, member_of(info, call.params)
  local token = member and params[member]
  if not token then return handler(call, params) end
  local tokens = call.world.state.tokens
  local key = ("%s %s %s %s"):format(call.region, call.service, call.operation, token)
  local known = tokens[key]
  if known then
    if known.hash ~= call.own then
      fault.raise(MISMATCH[call.service] or "IdempotentParameterMismatch",
        "The client token was used with other parameters")
    end
    return known.output
  end
  local output = calls.shown(handler(call, params), shape)
  tokens[key] = { hash = call.own, output = util.copy(output) }
  return output
end

return M
