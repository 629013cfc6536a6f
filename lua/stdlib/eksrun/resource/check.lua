--- Checks of inputs, for `check` of eksrun.Input: functions of a known value that say what is wrong with it,
--- or nil. They find what AWS would refuse in the middle of an apply.
local cidr = require "eksrun.cidr"

local M = {}

--- An address range of a family.
--- @param family 4|6
--- @return fun(value: any): string?
function M.cidr(family)
  return function(value)
    local block = type(value) == "string" and cidr.try_parse(value)
    if block and block.family == family then return nil end
    return ("'%s' is not an IPv%d address range"):format(tostring(value), family)
  end
end

--- Text that a pattern matches.
--- @param pattern string Lua pattern
--- @param what string "a Kubernetes version such as 1.33"
--- @return fun(value: any): string?
function M.text(pattern, what)
  return function(value)
    if type(value) == "string" and value:find(pattern) then return nil end
    return ("'%s' is not %s"):format(tostring(value), what)
  end
end

--- A name that a pattern matches.
--- @param pattern string Lua pattern
--- @param max integer characters
--- @param what string what it is to be made of
--- @return fun(value: any): string?
function M.name(pattern, max, what)
  return function(value)
    if type(value) == "string" and #value <= max and value:find(pattern) then return nil end
    return ("'%s' is no name: %s, at most %d"):format(tostring(value), what, max)
  end
end

--- A list of ARNs; what is not known yet may stand in it.
--- @param hint string what to write instead, for text that is none
--- @return fun(value: any): string?
function M.arns(hint)
  return function(value)
    if type(value) ~= "table" then return nil end
    for _, item in ipairs(value) do
      if type(item) == "string" and not item:find("^arn:") then
        return ("'%s' is not an ARN; %s"):format(item, hint:format(item))
      end
    end
  end
end

return M
