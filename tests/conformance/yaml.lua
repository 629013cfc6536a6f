-- yaml-test-suite: what libyaml parses, parses; and loads as the suite's JSON says. Skipped are what we
-- refuse by decision (aliases, keys that are no scalars, a key twice) and what libyaml 0.2.5 reads
-- otherwise than the suite (its version that the suite's `libyaml_parses` describes too).
local file = require "eksrun.file"
local json = require "eksrun.json"
local yaml = require "eksrun.yaml"

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for key, value in pairs(a) do if not same(value, b[key]) then return false end end
  for key in pairs(b) do if a[key] == nil then return false end end
  return true
end

-- The suite gives several documents one behind the other: each starts in the first column.
local function decode_all(text)
  local values, lines = {}, {}
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    lines[#lines + 1] = line
    local value, err = json.try_decode(table.concat(lines, "\n"))
    if err == nil then
      values[#values + 1] = value
      lines = {}
    end
  end
  return values
end

local departures = {
  ["HM87/01"] = "libyaml takes '?x' in brackets for a key",
  ["JEF9/02"] = "libyaml drops a last line of blanks without a line end",
  ["L24T/01"] = "libyaml drops a last line of blanks without a line end",
}

local refusals = { "aliases are not read", "a key is not a plain word", "a second key named" }

return function(dir)
  local totals = { passed = 0, total = 0, failures = {}, skipped = {} }
  local suite = json.decode(file.read(dir .. "/yaml/cases.json"))
  for _, case in ipairs(suite.cases or suite) do
    local values, err = yaml.try_parse(case.yaml, { documents = true })
    local refused
    for _, text in ipairs(refusals) do refused = refused or err and err.message:find(text, 1, true) end
    if refused or departures[case.id] then
      table.insert(totals.skipped, ("%s: %s"):format(case.id, err and err.message or departures[case.id]))
    else
      totals.total = totals.total + 1
      local problem
      if (err == nil) ~= case.libyaml_parses then
        problem = err and err.message or "parses"
      elseif err == nil and type(case.json) == "string" then
        local want = decode_all(case.json)
        if not same(values, want) then
          problem = ("loads as %s, not %s"):format(json.encode(values), json.encode(want))
        end
      end
      if problem then
        table.insert(totals.failures, ("%s %s: %s"):format(case.id, case.name, problem))
      else
        totals.passed = totals.passed + 1
      end
    end
  end
  return totals
end
