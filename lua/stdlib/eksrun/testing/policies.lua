--- IAM policies in tests, by the sandbox's evaluator.
local evaluate = require "eksrun.sandbox.iam.evaluate"
local json = require "eksrun.json"
local util = require "eksrun.util"

local M = {}

local function document(policy)
  if type(policy) == "string" then policy = json.try_decode(policy) end
  if type(policy) ~= "table" or policy.Statement == nil then
    util.raise_at_caller("an IAM policy expected, as JSON or a table with a Statement")
  end
  return policy
end

--- @param policy table|string a document or a list of them, as tables or JSON
--- @return table[] documents
function M.documents(policy)
  if type(policy) == "table" and policy[1] ~= nil then
    local list = {}
    for i, one in ipairs(policy) do list[i] = document(one) end
    return list
  end
  return { document(policy) }
end

--- What IAM says of an action under a policy.
--- @param policy table|string as for documents()
--- @param action string "s3:GetObject"
--- @param resource? string an ARN; default "*"
--- @param context? table<string, string|string[]> condition keys and their values
--- @return eksrun.sandbox.iam.Decision
--- Raises at the caller's line for what is no action.
function M.decide(policy, action, resource, context)
  if type(action) ~= "string" or not action:find "^[%w-]+:[%w*]+$" then
    util.raise_at_caller("'%s' is no action, such as s3:GetObject", tostring(action))
  end
  return (evaluate.decide({ identity = M.documents(policy) }, {
    action = action, resource = resource or "*", context = context or {},
  }))
end

return M
