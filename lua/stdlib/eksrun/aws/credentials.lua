--- Who signs: finds credentials where the SDKs look, keeps them, refreshes them once.
---
--- A provider is a module eksrun.aws.provider.NAME with `name` and
--- `load(options, system) -> credentials | nil [, error]`; nil alone passes on to the next one.
local error = error
local errors = require "eksrun.aws.errors"
local system_module = require "eksrun.aws.system"

local M = {}

local chain = { "environment", "profile" }

--- @class eksrun.aws.Credentials shows neither secret nor token to tostring, pairs or encoders
--- @field access_key_id string
--- @field secret_access_key string
--- @field session_token? string
--- @field expiration? number seconds since 1970
--- @field account_id? string
--- @field source string for messages: "the environment", "profile 'x'"

local function shown(fields)
  return ("credentials %s... from %s"):format(fields.access_key_id:sub(1, 4), fields.source)
end

--- Makes a credentials object: its fields can be read but not listed, changed or printed.
--- @param fields table
--- @return eksrun.aws.Credentials
function M.new(fields)
  local kept = {}
  for key, value in pairs(fields) do kept[key] = value end
  kept.source = kept.source or "the caller"
  return setmetatable({}, {
    __index = kept,
    __newindex = function() error("credentials cannot be changed", 2) end,
    __tostring = function() return shown(kept) end,
    __name = "eksrun.aws.credentials",
    __metatable = false,
  })
end

-- An access key goes into a header as it is.
local function check(found, source)
  for _, key in ipairs { "access_key_id", "secret_access_key", "session_token" } do
    local value = found[key]
    if value ~= nil and (type(value) ~= "string" or value:find("[%s%c]")) then
      return nil, errors.new {
        code = "credentials",
        message = ("%s from %s holds a space or a control character"):format(key, source),
      }
    end
  end
  return true
end

local function find(options, system)
  local names = chain
  -- A profile that the caller names counts before the environment, as with the AWS CLI.
  if options.profile then names = { "profile" } end
  if options.role_arn then names = { "assume_role" } end
  for _, name in ipairs(names) do
    local provider = require("eksrun.aws.provider." .. name)
    local found, err = provider.load(options, system)
    if err then return nil, err end
    if found then
      found.source = found.source or provider.name
      local ok
      ok, err = check(found, found.source)
      if not ok then return nil, err end
      return M.new(found)
    end
  end
  local config = require "eksrun.aws.config"
  local profile = config.profile_name(options, system)
  local files = config.files(system)
  return nil, errors.new {
    code = "credentials",
    message = ("no credentials: not in the environment (AWS_ACCESS_KEY_ID) nor for profile '%s' in %s; "
      .. "set the variables or name a profile with --profile"):format(profile, files.looked),
  }
end

--- @class eksrun.aws.Resolver
local Resolver = {}
Resolver.__index = Resolver

local function is_fresh(held, now)
  return held.expiration == nil or held.expiration - now > 60
end

--- The credentials, found or refreshed by one task while the others wait for it.
--- @return eksrun.aws.Credentials|nil, table|nil error object: "credentials" or "config"
function Resolver:get()
  while self.busy do
    self.event = self.event or self.system.event()
    self.event:wait()
  end
  local held = self.held
  if held and (held.expiration == nil or is_fresh(held, self.system.now())) then return held end
  self.busy = true
  local ok, found, err = pcall(find, self.options, self.system)
  self.busy = false
  if self.event then
    self.event:set()
    self.event = nil
  end
  if not ok then error(found, 0) end
  self.held = found
  return found, err
end

--- Has the credentials found anew at the next use: a service called these ones expired.
--- @param refused eksrun.aws.Credentials
function Resolver:drop(refused)
  if self.held == refused then self.held = nil end
end

--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return eksrun.aws.Resolver
function M.resolver(options, system)
  return setmetatable({ options = options or {}, system = system or system_module.default }, Resolver)
end

local shared = setmetatable({}, { __mode = "k" })

--- The resolver of a profile and a role that all clients share.
--- @param options eksrun.aws.Options
--- @param system eksrun.aws.System
--- @return eksrun.aws.Resolver
function M.shared(options, system)
  local resolvers = shared[system]
  if not resolvers then
    resolvers = {}
    shared[system] = resolvers
  end
  local key = ("%s\0%s\0%s"):format(options.profile or "", options.role_arn or "",
    options.role_session_name or "")
  resolvers[key] = resolvers[key] or M.resolver(options, system)
  return resolvers[key]
end

--- Finds credentials.
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return eksrun.aws.Credentials|nil, table|nil error object
function M.try_resolve(options, system)
  return M.resolver(options, system):get()
end

--- Finds credentials, or raises.
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return eksrun.aws.Credentials
function M.resolve(options, system)
  local found, err = M.try_resolve(options, system)
  if not found then error(err, 0) end
  return found
end

return M
