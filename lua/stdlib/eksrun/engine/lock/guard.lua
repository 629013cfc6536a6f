--- AWS clients for what changes things: they look at the lock before each such call, and leave it to the
--- engine to repeat one whose answer was lost.
local M = {}

-- Operations that begin so only read; so do the client's own methods, but for invoke.
local READING = {
  "^describe_", "^list_", "^get_", "^head_", "^batch_get_", "^lookup_", "^search_", "^simulate_", "^query$",
  "^scan$", "^pages$", "^collect$", "^wait$", "^dry$", "^presign$", "^service", "^region$", "^_",
}

--- Whether an operation changes nothing.
--- @param name string describe_cluster
--- @return boolean
function M.only_reads(name)
  for _, pattern in ipairs(READING) do
    if name:find(pattern) then return true end
  end
  return false
end

-- A creation that is sent again may make a second thing.
local function once(options)
  local out = { resend = false }
  for key, value in pairs(options or {}) do out[key] = value end
  return out
end

local function guarded(client, check)
  return setmetatable({}, {
    __index = function(self, name)
      local method = client[name]
      if type(method) ~= "function" then return method end
      local changes, makes = not M.only_reads(name), name:find "^create_" or name:find "^allocate_"
      local function call(_, ...)
        if not changes then return method(client, ...) end
        check()
        if not makes then return method(client, ...) end
        local params, options = ...
        return method(client, params, once(options))
      end
      rawset(self, name, call)
      return call
    end,
  })
end

--- @param aws table clients by service
--- @param check fun() raises when nothing may be changed any more
--- @return table aws
function M.wrap(aws, check)
  return setmetatable({}, {
    __index = function(self, service)
      local client = aws[service]
      if type(client) ~= "table" or service == "try" then return client end
      local wrapped = guarded(client, check)
      rawset(self, service, wrapped)
      return wrapped
    end,
  })
end

return M
