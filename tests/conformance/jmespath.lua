-- The JMESPath compliance tests: tests/*.json, each {given, cases = {expression, result | error}}.
local file = require "eksrun.file"
local jmespath = require "eksrun.jmespath"
local json = require "eksrun.json"

local names = {
  "basic", "boolean", "current", "escape", "filters", "functions", "identifiers", "indices",
  "literal", "multiselect", "pipe", "slice", "syntax", "unicode", "wildcard",
}

local function is_null(value) return value == nil or value == json.null end

local function same(a, b)
  if is_null(a) or is_null(b) then return is_null(a) and is_null(b) end
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do
    if not same(value, b[key]) then return false end
  end
  for key, value in pairs(b) do
    if not same(a[key], value) then return false end
  end
  return (getmetatable(a) == json.array_mt) == (getmetatable(b) == json.array_mt)
end

local function check(case, given)
  local ok, result = pcall(jmespath.search, case.expression, given)
  if case.error ~= nil then return not ok end
  return ok and same(result, case.result)
end

return function(dir)
  local totals = require("tests.conformance.support.totals").new()
  for _, name in ipairs(names) do
    for _, suite in ipairs(json.decode(file.read(("%s/jmespath/tests/%s.json"):format(dir, name)))) do
      for _, case in ipairs(suite.cases) do
        if case.bench == nil then
          totals:count(name, not check(case, suite.given) and case.expression)
        end
      end
    end
  end
  return totals
end
