-- yaml-test-suite: what libyaml parses, parses; and loads as the suite's JSON says. Skipped are what we
-- refuse by decision (aliases, keys that are no scalars, a key twice) and what libyaml 0.2.5 reads
-- otherwise than the suite (its version that the suite's `libyaml_parses` describes too).
local file = require "eksrun.file"
local json = require "eksrun.json"
local util = require "eksrun.util"
local yaml = require "eksrun.yaml"

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
  local totals = require("tests.conformance.support.totals").new()
  local suite = json.decode(file.read(dir .. "/yaml/cases.json"))
  for _, case in ipairs(suite.cases or suite) do
    local values, err = yaml.try_parse(case.yaml, { documents = true })
    local refused
    for _, text in ipairs(refusals) do refused = refused or err and err.message:find(text, 1, true) end
    if refused or departures[case.id] then
      totals:skip(case.id, err and err.message or departures[case.id])
    else
      local problem
      if (err == nil) ~= case.libyaml_parses then
        problem = err and err.message or "parses"
      elseif err == nil and type(case.json) == "string" then
        local want = decode_all(case.json)
        if not util.equal(values, want) then
          problem = ("loads as %s, not %s"):format(json.encode(values), json.encode(want))
        end
      end
      totals:count(("%s %s"):format(case.id, case.name), problem)
    end
  end
  return totals
end
