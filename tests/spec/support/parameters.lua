--- A parameter store in a table: as much of SSM's client as the lock needs.
local clock = require "eksrun.clock"
local error_object = require "eksrun.error"

local M = {}

local operations = {}

local function refusal(code)
  return error_object.new { code = code, message = "as SSM says", service = "ssm", status = 400 }
end

function operations.put_parameter(store, params)
  if store.values[params.Name] and not params.Overwrite then
    return nil, refusal "ParameterAlreadyExists"
  end
  store.values[params.Name] = params.Value
  return {}
end

function operations.get_parameter(store, params)
  local value = store.values[params.Name]
  if not value then return nil, refusal "ParameterNotFound" end
  return { Parameter = { Name = params.Name, Value = value } }
end

function operations.get_parameters(store, params)
  local found = {}
  for _, name in ipairs(params.Names) do
    if store.values[name] then found[#found + 1] = { Name = name, Value = store.values[name] } end
  end
  return { Parameters = found }
end

function operations.delete_parameters(store, params)
  for _, name in ipairs(params.Names) do store.values[name] = nil end
  return {}
end

function operations.describe_parameters(store, params)
  local found, start = {}, params.ParameterFilters[1].Values[1]
  for name in pairs(store.values) do
    if name:sub(1, #start) == start then found[#found + 1] = { Name = name } end
  end
  return { Parameters = found }
end

function operations.get_parameters_by_path(store, params)
  local found = {}
  for name, value in pairs(store.values) do
    if name:sub(1, #params.Path) == params.Path then found[#found + 1] = { Name = name, Value = value } end
  end
  return { Parameters = found }
end

--- @return table client values by name, calls by operation; fault(operation, params) may return an error
--- object; ahead: seconds that its clock is ahead of ours
function M.new()
  local store = { values = {}, calls = {}, ahead = 0 }
  function store:invoke(operation, params)
    self.calls[operation] = (self.calls[operation] or 0) + 1
    local err = self.fault and self.fault(operation, params)
    if err then return nil, err end
    local output
    output, err = operations[operation](self, params)
    return output, err, { headers = { date = clock.format_iso8601(clock.now() + self.ahead, "http") } }
  end
  -- As the operation's own method: what it returns, or raises.
  setmetatable(store, {
    __index = function(_, operation)
      return operations[operation] and function(self, params)
        local output, err = self:invoke(operation, params)
        if err then error(err, 0) end
        return output
      end
    end,
  })
  function store:pages(operation, params)
    local page = assert(operations[operation](self, params))
    return function()
      local result = page
      page = nil
      return result
    end
  end
  return store
end

return M
