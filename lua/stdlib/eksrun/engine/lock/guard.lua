--- What stands between the engine and AWS while a lock is held: each attempt of a call that changes
--- something looks at the lock first, the recipe's own calls in steps, too. And a creation whose answer was
--- lost is left to the engine to repeat.
local calls = require "eksrun.aws.call"

local M = {}

-- Operations that begin so only read; so do the client's own methods, but for invoke.
local READING = {
  "^describe_", "^list_", "^get_", "^head_", "^batch_get_", "^lookup_", "^search_", "^simulate_", "^query$",
  "^scan$", "^pages$", "^collect$", "^wait$", "^dry$", "^presign$", "^service", "^region$", "^_",
}

-- Services whose calls may come of the credentials.
local SIGN_IN = { sts = true, sso = true, ["sso-oidc"] = true, signin = true }

-- Whether an operation, or a method of a client, changes nothing.
local function only_reads(name)
  for _, pattern in ipairs(READING) do
    if name:find(pattern) then return true end
  end
  return false
end

local function snake(name) return (name:gsub("(%l)(%u)", "%1_%2"):lower()) end

--- Whether a call changes something in AWS.
--- @param call eksrun.aws.Call
--- @return boolean
function M.changes(call) return not SIGN_IN[call.client.name] and not only_reads(snake(call.name)) end

--- Has every call that changes something ask the lock, and say that it leaves to whoever wants to know,
--- until what it returns is closed.
--- @param lock? eksrun.Lock nil: nobody is asked
--- @return table to be closed
function M.enforce(lock)
  local before = calls.permit
  calls.permit = function(call)
    if not M.changes(call) then return nil end
    local permit = lock and lock:permit() or nil
    if call.options.leaving then call.options.leaving() end
    return permit
  end
  return setmetatable({}, { __close = function() calls.permit = before end })
end

-- A creation that is sent again may make a second thing.
local function once(options, leaving)
  local out = { resend = false, leaving = leaving }
  for key, value in pairs(options or {}) do out[key] = value end
  return out
end

local function guarded(client, leaving)
  return setmetatable({}, {
    __index = function(self, name)
      local method = client[name]
      local makes = name:find "^create_" or name:find "^allocate_"
      if type(method) ~= "function" then return method end
      local function call(_, params, options, ...)
        return method(client, params, makes and once(options, leaving) or options, ...)
      end
      rawset(self, name, call)
      return call
    end,
  })
end

--- Clients that send no creation twice.
--- @param aws table clients by service
--- @param leaving? fun() called before each attempt of a creation leaves, where calls are enforced
--- @return table aws
function M.wrap(aws, leaving)
  return setmetatable({}, {
    __index = function(self, service)
      local client = aws[service]
      if type(client) ~= "table" or service == "try" then return client end
      local wrapped = guarded(client, leaving)
      rawset(self, service, wrapped)
      return wrapped
    end,
  })
end

return M
