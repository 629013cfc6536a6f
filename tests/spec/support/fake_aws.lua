--- An AWS that answers from a table, and resource types on it.
---
--- The table has answers by operation, or "service.operation" where two services share its name: a value, an
--- error object to raise, a function of the parameters, or { one_by_one = list }. Every call is remembered,
--- in order as { operation, parameters }; by its name, the parameters of the last one.
local context = require "eksrun.engine.context"
local errors = require "eksrun.error"
local resource = require "eksrun.resource"
local stacks = require "eksrun.engine.stack"

local M = {}

M.STACK = "demo"
--- The tags of the resource at hand, at the address "a".
M.OWN = { [stacks.TAG_STACK] = M.STACK, [stacks.TAG_RESOURCE] = "a" }

--- Tags in the form of most APIs.
function M.tags(tags)
  local list = {}
  for key, value in pairs(tags) do list[#list + 1] = { Key = key, Value = value } end
  return list
end

--- @param answers table
--- @return table aws
--- @return table calls
function M.new(answers)
  local last, services = {}, {}
  local calls = setmetatable({}, { __index = last })
  local function answer(service, operation, params)
    calls[#calls + 1] = { operation, params }
    last[operation] = params
    local given = answers[service .. "." .. operation]
    if given == nil then given = answers[operation] end
    if type(given) == "function" then given = given(params) end
    if type(given) == "table" and given.one_by_one then given = table.remove(given.one_by_one, 1) end
    if errors.is(given) then error(given, 0) end
    return given or {}
  end
  local function service(name)
    return setmetatable({
      pages = function(_, operation, params)
        local page = answer(name, operation, params)
        return function()
          local result = page
          page = nil
          return result
        end
      end,
      wait = function(_, waiter, params) return answer(name, "wait " .. waiter, params) end,
    }, {
      __index = function(_, operation)
        return function(_, params) return answer(name, operation, params) end
      end,
    })
  end
  local function trying(name)
    return setmetatable({}, {
      __index = function(_, operation)
        return function(_, params)
          local ok, result = pcall(answer, name, operation, params)
          if ok then return result end
          return nil, result
        end
      end,
    })
  end
  local aws = { try = setmetatable({}, { __index = function(_, name) return trying(name) end }) }
  return setmetatable(aws, {
    __index = function(_, name)
      services[name] = services[name] or service(name)
      return services[name]
    end,
  }), calls
end

--- @return eksrun.Context
function M.context(aws, type_)
  return context.new {
    aws = aws, type = type_, memo = {}, sweep = true,
    stack = stacks.new(M.STACK, { region = "us-east-1" }), tags = M.OWN, token = "token-1", address = "a",
  }
end

--- A type, a context for it, and the calls that it will make.
function M.type_with(name, answers)
  local aws, calls = M.new(answers)
  local type_ = resource.get(name)
  return type_, M.context(aws, type_), calls
end

--- The names of the calls, in order.
function M.operations(calls)
  local names = {}
  for i, call in ipairs(calls) do names[i] = call[1] end
  return names
end

return M
