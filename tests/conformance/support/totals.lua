-- The totals of a suite. Every driver counts with them, so that a case means the same in each.
local Totals = {}
Totals.__index = Totals

local M = {}

--- @return table { passed =, total =, failures =, skipped = }; total does not count what was skipped
function M.new()
  return setmetatable({ passed = 0, total = 0, failures = {}, skipped = {} }, Totals)
end

--- Counts a case.
--- @param name string
--- @param problem any what is wrong; nil or false: it passed
function Totals:count(name, problem)
  self.total = self.total + 1
  if problem then
    table.insert(self.failures, ("%s: %s"):format(name, tostring(problem)))
  else
    self.passed = self.passed + 1
  end
end

--- Counts a case by a function that returns what is wrong, or raises it.
function Totals:try(name, f, ...)
  local ok, problem = pcall(f, ...)
  self:count(name, not ok and tostring(problem) or problem)
end

--- Counts a case by a function that returns whether it passed and what it found, or raises.
function Totals:judge(name, f, ...)
  self:try(name, function(...)
    local passed, found = f(...)
    return not passed and tostring(found)
  end, ...)
end

function Totals:skip(name, why) table.insert(self.skipped, ("%s: %s"):format(name, why)) end

return M
