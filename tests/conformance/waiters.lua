-- Waiters: what the acceptors of the models make of a response, against botocore's own verdicts.
local file = require "eksrun.file"
local json = require "eksrun.json"
local native = require "eksrun.native.aws"
local waiter = require "eksrun.aws.waiter"

local function answer_of(response)
  local answer = { status = response.ResponseMetadata and response.ResponseMetadata.HTTPStatusCode }
  if response.Error then
    answer.error = { code = response.Error.Code, message = response.Error.Message }
  else
    answer.output = response
  end
  return answer
end

return function(dir)
  local totals = require("tests.conformance.support.totals").new()
  for _, case in ipairs(json.decode(file.read(dir .. "/waiters-paginators/waiter-cases.json")).cases) do
    local service = native.service(case.service)
    local facts = service and service:waiter(case.waiter)
    if not facts then
      totals:skip(case.id, "not among our models")
    else
      local verdict = waiter.judge(facts, answer_of(case.response))
      totals:count(case.id, verdict ~= case.expected and ("%s, not %s"):format(verdict, case.expected))
    end
  end
  return totals
end
