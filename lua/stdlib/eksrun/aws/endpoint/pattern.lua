--- Rules for services of which no rule set is known: the pattern that most hosts follow.
local native = require "eksrun.native.endpoint"

local Rules = {}
Rules.__index = Rules

function Rules.parameters()
  return {
    { name = "Region", built_in = "AWS::Region", used = true },
    { name = "Endpoint", built_in = "SDK::Endpoint", used = true },
  }
end

function Rules:resolve(values)
  local suffix = native.partition(values.Region).dnsSuffix
  local url = values.Endpoint or ("https://%s.%s.%s"):format(self.prefix, values.Region, suffix)
  return { url = url, properties = {}, headers = {} }
end

local M = {}

--- @param prefix string of the host
--- @return table in the manner of eksrun.native.endpoint.Rules
function M.rules(prefix) return setmetatable({ prefix = prefix }, Rules) end

return M
