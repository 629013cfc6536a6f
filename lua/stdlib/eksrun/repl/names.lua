--- What names of a session stand for, found without running anything of the user's: tables are read raw,
--- only what the program made itself is indexed.
local aws = require "eksrun.aws"
local shapes = require "eksrun.aws.shapes"
local snake_case = require("eksrun.native.aws").snake_case

local M = {}

--- A client, or nil. So is its `try`, for what is asked here.
--- @param value any
--- @return eksrun.aws.Client|nil
local function client_of(value)
  return type(value) == "table" and type(rawget(value, "_state")) == "table" and value._state.service
    and value or nil
end
M.client_of = client_of

local function is_session(value)
  return type(value) == "table" and rawget(value, "_clients") ~= nil and rawget(value, "client") ~= nil
end
M.is_session = is_session

local function index(value, name)
  if type(value) ~= "table" then return nil end
  if name == "try" and (client_of(value) or is_session(value)) then return value end
  local found = rawget(value, name)
  if found ~= nil then return found end
  if is_session(value) and type(name) == "string" then
    local ok, client = pcall(function() return value[name] end)
    return ok and client or nil
  end
  local meta = getmetatable(value)
  local behind = type(meta) == "table" and rawget(meta, "__index")
  return type(behind) == "table" and rawget(behind, name) or nil
end

--- The value of `a.b[1].c`.
--- @param env table of the session
--- @param chain eksrun.repl.Chain
--- @param count? integer parts taken; default: all
--- @return any
function M.value(env, chain, count)
  local value = env[chain[1]] -- the environment's own __index makes clients, nothing else
  for i = 2, count or #chain do
    if value == nil then return nil end
    value = index(value, chain[i].name)
  end
  return value
end

--- What is called: a client's method, with the operation if it is one.
--- @param env table
--- @param chain eksrun.repl.Chain
--- @return eksrun.aws.Client|nil client, string|nil method, eksrun.native.aws.Operation|nil operation
function M.called(env, chain)
  local last = chain[#chain]
  if #chain < 2 or type(last.name) ~= "string" then return nil end
  local client = client_of(M.value(env, chain, #chain - 1))
  if not client then return nil end
  return client, last.name, client:service():operation(last.name)
end

--- The shape of the table that a bracket makes: of a call's parameters, or of what is in them.
--- @param env table
--- @param frame eksrun.repl.Frame|nil
--- @return eksrun.native.aws.Shape|nil
--- @return { client: eksrun.aws.Client, operation: eksrun.native.aws.Operation, frame: table }|nil
function M.shape(env, frame)
  if not frame or frame.open ~= "{" then return nil end
  if frame.callee then
    local client, _, operation = M.called(env, frame.callee)
    if not operation then return nil end
    return operation:input(), { client = client, operation = operation, frame = frame }
  end
  local outer, call = M.shape(env, frame.parent)
  if not outer then return nil end
  return shapes.part(outer, frame.key), call
end

--- The names of a service's operations, as methods have them.
--- @param service eksrun.native.aws.Service
--- @return string[]
function M.methods(service)
  local out = {}
  for i, name in ipairs(service:operations()) do out[i] = snake_case(name) end
  return out
end

--- @param service eksrun.native.aws.Service
--- @return string[]
function M.waiters(service)
  local out = {}
  for i, name in ipairs(service:waiters()) do out[i] = snake_case(name) end
  return out
end

--- The names of services that are no names of Lua have "_" for "-".
--- @return string[]
function M.services()
  local out = {}
  for i, name in ipairs(aws.services()) do out[i] = (name:gsub("-", "_")) end
  return out
end

--- Whether the text gives a parameter that the model calls a secret.
--- @param env table
--- @param frames eksrun.repl.Frame[]
--- @return boolean
function M.holds_secret(env, frames)
  for _, frame in ipairs(frames) do
    local shape = M.shape(env, frame)
    for name in pairs(shape and frame.given or {}) do
      local member = shapes.part(shape, name)
      if member and (member.sensitive or member.element and member.element.sensitive) then return true end
    end
    if shape and shape.sensitive then return true end
  end
  return false
end

return M
