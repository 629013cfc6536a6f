--- Who signs: finds credentials where the AWS CLI looks and in its order, keeps them, refreshes them
--- ahead of their end, once for all who wait.
---
---   environment, role of the profile, web identity of the environment, the profile itself (web
---   identity, SSO, login session, keys, process), container, instance
---
--- A place is a module eksrun.aws.provider.NAME: `look(ctx)` says without asking anybody whether
--- there is something, `load` gets it.
local error = error
local config = require "eksrun.aws.config"
local system_module = require "eksrun.aws.system"

local function new_error(fields) return require("eksrun.aws.errors").new(fields) end

local M = {}

-- Seconds before their end: from ADVISORY on credentials are refreshed while others go on using them,
-- from MANDATORY on everybody waits for that. Of short lives only a part.
local ADVISORY, MANDATORY = 15 * 60, 10 * 60

-- A refresh that failed is not tried again for so long while the old ones last.
local PAUSE = 60

--- @class eksrun.aws.Credentials shows neither secret nor token to tostring, pairs or encoders
--- @field access_key_id string
--- @field secret_access_key string
--- @field session_token? string
--- @field expiration? number seconds since 1970
--- @field account_id? string
--- @field expired? table error object: they had ended when they were found, and sign nothing
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

-- An access key goes into a header as it is; spaces are taken as they are.
local function check(found)
  for _, key in ipairs { "access_key_id", "secret_access_key", "session_token" } do
    local value = found[key]
    if value ~= nil and (type(value) ~= "string" or value:find("%c")) then
      return nil, new_error {
        code = "credentials",
        message = ("%s from %s holds a control character"):format(key, found.source),
      }
    end
  end
  return found
end

-- ---- where to look

--- @class eksrun.aws.Context what a search goes by
--- @field options eksrun.aws.Options
--- @field system eksrun.aws.System
--- @field name string of the profile in use
--- @field by string|nil who named it: "--profile", "AWS_PROFILE", or nobody
local Context = {}
Context.__index = Context

--- @class eksrun.aws.Candidate a place where credentials may be
--- @field load? fun(ctx): table|nil, table|nil, string|nil credentials, or nil and an error, or neither
--- and a reason; nil: there is nothing
--- @field detail? string what there is
--- @field at_hand? boolean load asks nobody and runs nothing
--- @field reason? string why there is nothing
--- @field err? table error object: what there is, is wrong

--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return eksrun.aws.Context
function M.context(options, system)
  system = system or system_module.default
  local name, by = config.profile_name(options, system)
  return setmetatable({ options = options or {}, system = system, name = name, by = by }, Context)
end

--- The shared files.
--- @return eksrun.aws.Files|nil, table|nil error object
function Context:files() return config.files(self.system) end

--- The keys of the profile in use.
--- @return table|nil, table|nil error object
function Context:profile() return config.profile(self.options, self.system) end

--- Options for a client that a search needs itself.
--- @return table
function Context:client_options()
  local options = self.options
  return {
    profile = options.profile,
    endpoint = options.endpoint,
    max_attempts = options.max_attempts,
    timeout = options.timeout,
    system = self.system,
  }
end

local function provider(name)
  return function(ctx) return require("eksrun.aws.provider." .. name).look(ctx) end
end

--- In their order: a name, and what looks there: fun(ctx): eksrun.aws.Candidate.
M.places = {
  { "environment", provider "environment" },
  { "role of the profile", provider "assume_role" },
  { "web identity", provider "web_identity" },
  { "profile", provider "profile" },
  { "container", provider "container" },
  { "instance", provider "imds" },
}

local function nothing(ctx, reason)
  local files = config.files(ctx.system)
  return new_error {
    code = "credentials",
    message = ("no credentials: not in the environment (AWS_ACCESS_KEY_ID), not for profile '%s' in %s, "
      .. "nor of a container or an instance (%s); set the variables, name a profile with --profile, "
      .. "or see eksrun config"):format(ctx.name, files and files.looked or "~/.aws", reason),
  }
end

local function search(ctx)
  local last
  for _, place in ipairs(M.places) do
    local candidate = place[2](ctx)
    if candidate.err then return nil, candidate.err end
    last = candidate.reason
    if candidate.load then
      local found, err, reason = candidate.load(ctx)
      if found or err then return found, err end
      last = reason
    end
  end
  return nil, nothing(ctx, last or "none")
end

local function find(options, system)
  local ctx = M.context(options, system)
  local found, err
  if options.role_arn and options.credentials then
    found = options.credentials
  else
    found, err = search(ctx)
  end
  if found and options.role_arn then
    found, err = require("eksrun.aws.provider.assume_role").named(ctx, found)
  end
  if not found then return nil, err end
  found, err = check(found)
  return found and M.new(found), err
end

-- ---- keeping them

--- @class eksrun.aws.Resolver
local Resolver = {}
Resolver.__index = Resolver

-- "fresh", or by when they are to be refreshed: "soon", "now", "gone".
local function age(self, now)
  local held = self.held
  if held == nil then return "gone" end
  if held.expiration == nil then return "fresh" end
  local left, life = held.expiration - now, held.expiration - self.since
  if left <= 0 then return "gone" end
  if left <= math.min(MANDATORY, life / 6) then return "now" end
  if left <= math.min(ADVISORY, life / 4) then return "soon" end
  return "fresh"
end

-- Finds credentials; those at hand stay if that fails.
local function refresh(self)
  self.busy = true
  local ok, found, err = pcall(find, self.options, self.system)
  self.busy = false
  self.again_at = self.system.now() + PAUSE
  if ok and found then self.held, self.since = found, self.system.now() end
  local event = self.event
  self.event = nil
  if event then
    -- There are none, or none that count: so it is for all who wait. Other failures are of who asked,
    -- and the next one in line asks again.
    event.failure = ok and err and (err.kind == "credentials" or err.code == "config") and err or nil
    event:set()
  end
  if not ok then error(found, 0) end
  return found, err
end

--- The credentials, found or refreshed by one task while the others wait for it or use the old ones.
--- @return eksrun.aws.Credentials|nil, table|nil error object: "credentials" or "config"
function Resolver:get()
  while true do
    local now = self.system.now()
    local state = age(self, now)
    if state == "fresh" then return self.held end
    if self.busy then
      if state == "soon" then return self.held end
      local event = self.event or self.system.event()
      self.event = event
      event:wait()
      if event.failure then
        if self.held and age(self, self.system.now()) ~= "gone" then return self.held end
        return nil, event.failure
      end
    elseif state ~= "gone" and now < (self.again_at or 0) then
      return self.held
    else
      local found, err = refresh(self)
      if found then return found end
      -- As long as the old ones last, they do.
      if self.held and age(self, self.system.now()) ~= "gone" then return self.held end
      return nil, err
    end
  end
end

--- Has the credentials found anew at the next use, from files read anew: a service called these ones
--- expired.
--- @param refused eksrun.aws.Credentials
function Resolver:drop(refused)
  if self.held ~= refused then return end
  self.held = nil
  config.forget(self.system)
end

--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return eksrun.aws.Resolver
function M.resolver(options, system)
  return setmetatable({
    options = options or {}, system = system or system_module.default, since = 0,
  }, Resolver)
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
  local key = ("%s\0%s\0%s\0%s"):format(options.profile or "", options.role_arn or "",
    options.role_session_name or "", options.role_duration or "")
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

--- Finds credentials that may sign, or raises.
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return eksrun.aws.Credentials
function M.resolve(options, system)
  local found, err = M.try_resolve(options, system)
  if not found or found.expired then error(err or found.expired, 0) end
  return found
end

return M
