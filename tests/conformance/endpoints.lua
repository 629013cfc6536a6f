-- Endpoint rules: the tests of AWS's rule sets and of two rule engines, on the suite's own rule
-- sets and partitions; and what a loader has to refuse.
local lfs = require "lfs"
local support = require "tests.conformance.support.endpoints"

return function(root)
  local dir = root .. "/endpoints"
  local totals = require("tests.conformance.support.totals").new()

  local function run(title, tests, ruleset, partitions)
    local ok, rules = pcall(support.rules, ruleset)
    for i, case in ipairs(support.decode(tests).testCases) do
      totals:try(("%s %d %s"):format(title, i, case.documentation or ""), function()
        if not ok then return tostring(rules) end
        return support.differs(case.expect, rules:resolve(case.params or {}, partitions))
      end)
    end
  end

  local partitions = support.partitions(dir .. "/partitions.json")
  for _, service in ipairs(support.names(dir .. "/tests")) do
    run(service, ("%s/tests/%s.json"):format(dir, service), ("%s/rulesets/%s.json"):format(dir, service),
      partitions)
  end

  for _, engine in ipairs { "botocore", "aws-c-sdkutils" } do
    local base = ("%s/engine/%s"):format(dir, engine)
    local own = base .. "/partitions.json"
    own = lfs.attributes(own) and support.partitions(own) or partitions
    for _, name in ipairs(lfs.attributes(base) and support.names(base .. "/test-cases") or {}) do
      local ruleset = ("%s/valid-rules/%s.json"):format(base, name)
      if not lfs.attributes(ruleset) then ruleset = base .. "/valid-rules/region-override.json" end
      run(engine .. " " .. name, ("%s/test-cases/%s.json"):format(base, name), ruleset, own)
    end

    -- Not among the suite's cases, so they count only when they are not refused.
    local malformed = base .. "/malformed-rules"
    for _, name in ipairs(lfs.attributes(malformed) and support.names(malformed) or {}) do
      if pcall(support.rules, ("%s/%s.json"):format(malformed, name)) then
        totals:try("malformed " .. name, function() return "it was taken" end)
      end
    end
    local bad = base .. "/sample_partitions_bad_regex.json"
    if lfs.attributes(bad) and pcall(support.partitions, bad) then
      totals:try("malformed partitions", function() return "they were taken" end)
    end
  end
  return totals
end
