-- Endpoint rules: the tests of AWS's rule sets and of two rule engines, on the suite's own rule
-- sets and partitions.
local json = require "eksrun.json"
local native = require "eksrun.native.endpoint"
local wire = require "tests.conformance.support.wire"

local lfs = require "lfs"

local function decode(path) return json.decode(wire.read(path)) end

local function names(dir)
  local list = {}
  for file in lfs.dir(dir) do
    list[#list + 1] = file:match "^(.*)%.json$"
  end
  table.sort(list)
  return list
end

local function open(path) return native.open(native.compile(wire.read(path))) end

local function open_partitions(path)
  return native.open_partitions(native.compile_partitions(wire.read(path)))
end

-- nil, or how an outcome differs from the expected one.
local function differs(expect, found, err)
  if expect.error then
    if found then return ("got %s, want error %q"):format(found.url, expect.error) end
    if err.message == expect.error then return nil end
    return ("got error %q, want %q"):format(err.message, expect.error)
  end
  if not found then
    return ("got error %q, want %s"):format(err.message, expect.endpoint.url)
  end
  if found.url ~= expect.endpoint.url then
    return ("got %s, want %s"):format(found.url, expect.endpoint.url)
  end
  for _, part in ipairs { "properties", "headers" } do
    local want, got = expect.endpoint[part] or {}, found[part]
    if not wire.same(got, want) then
      return ("%s: got %s, want %s"):format(part, json.encode(got), json.encode(want))
    end
  end
  return nil
end

local function check(case, rules, partitions)
  local found, err = rules:resolve(case.params or {}, partitions)
  return differs(case.expect, found, err)
end

return function(root)
  local dir = root .. "/endpoints"
  local totals = { passed = 0, total = 0, failures = {}, skipped = {} }
  local function count(name, f, ...)
    totals.total = totals.total + 1
    local ok, problem = pcall(f, ...)
    if ok and not problem then
      totals.passed = totals.passed + 1
    else
      table.insert(totals.failures, ("%s: %s"):format(name, tostring(problem)))
    end
  end

  local function run(title, tests, ruleset, partitions)
    local ok, rules = pcall(open, ruleset)
    for i, case in ipairs(decode(tests).testCases) do
      local name = ("%s %d %s"):format(title, i, case.documentation or "")
      count(name, function()
        if not ok then return tostring(rules) end
        return check(case, rules, partitions)
      end)
    end
  end

  local partitions = open_partitions(dir .. "/partitions.json")
  for _, service in ipairs(names(dir .. "/tests")) do
    run(service, ("%s/tests/%s.json"):format(dir, service), ("%s/rulesets/%s.json"):format(dir, service),
      partitions)
  end

  for _, engine in ipairs { "botocore", "aws-c-sdkutils" } do
    local base = ("%s/engine/%s"):format(dir, engine)
    local own = base .. "/partitions.json"
    own = lfs.attributes(own) and open_partitions(own) or partitions
    for _, name in ipairs(lfs.attributes(base) and names(base .. "/test-cases") or {}) do
      local ruleset = ("%s/valid-rules/%s.json"):format(base, name)
      if not lfs.attributes(ruleset) then ruleset = base .. "/valid-rules/region-override.json" end
      run(engine .. " " .. name, ("%s/test-cases/%s.json"):format(base, name), ruleset, own)
    end
  end
  return totals
end
