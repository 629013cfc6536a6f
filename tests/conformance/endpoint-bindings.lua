-- From calls to the parameters of endpoint rules: the operationInputs of AWS's endpoint tests, with
-- the models of the program and the rule sets of the suite. Other services' models are read from
-- botocore's data, where EKSRUN_BOTOCORE_DATA names it.
local params = require "eksrun.aws.endpoint.params"
local support = require "tests.conformance.support.endpoints"
local wire = require "tests.conformance.support.wire"

-- A client that knows these built-ins and nothing else.
local function new_client(name, service, rules, built_ins)
  local client = params.new_client(name, built_ins["AWS::Region"] or "", service:metadata(), rules)
  for built_in, parameter in pairs(client.built_ins) do client.fixed[parameter] = built_ins[built_in] end
  client.account_parameter = nil
  return client
end

local function check(name, service, rules, partitions, case, input)
  local client = new_client(name, service, rules, input.builtInParams or {})
  local operation = assert(service:operation(input.operationName), "no such operation")
  local call = { operation = operation, params = input.operationParams or {} }
  local plan = params.of_operation(client, operation, input.operationName)
  local values = params.values(client, plan, call, (params.of_call(client, plan, call)))
  return support.differs(case.expect, rules:resolve(values, partitions))
end

return function(root)
  local dir = root .. "/endpoints"
  local totals = require("tests.conformance.support.totals").new()
  local partitions = support.partitions(dir .. "/partitions.json")
  for _, name in ipairs(support.names(dir .. "/tests")) do
    local rules, service
    for i, case in ipairs(support.decode(("%s/tests/%s.json"):format(dir, name)).testCases) do
      for _, input in ipairs(case.operationInputs or {}) do
        service = service or wire.service(name)
        local title = ("%s %d %s: %s"):format(name, i, input.operationName, case.documentation or "")
        if service then
          rules = rules or support.rules(("%s/rulesets/%s.json"):format(dir, name))
          totals:try(title, check, name, service, rules, partitions, case, input)
        else
          totals:skip(title, "no model of this service")
        end
      end
    end
  end
  return totals
end
