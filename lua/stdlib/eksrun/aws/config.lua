--- Settings from the environment and from the shared config and credentials files.
---
--- The files are read when a setting is first looked for that the options and the environment do
--- not give, and once. A missing file is an empty one.
local error = error
local errors = require "eksrun.aws.errors"
local system_module = require "eksrun.aws.system"

local M = {}

--- @class eksrun.aws.Options
--- @field profile? string a profile named by the caller: --profile
--- @field region? string
--- @field endpoint? string URL

--- @class eksrun.aws.Files
--- @field profiles table<string, table> both files' keys, the credentials file's before the config's
--- @field services table<string, table>
--- @field sessions table<string, table> sso-session
--- @field looked string where was looked, for messages

local files_of = setmetatable({}, { __mode = "k" })

local function config_error(message, cause)
  return errors.new { code = "config", message = message, cause = cause }
end

--- The paths of the two files; nil where neither variable nor home directory says.
--- @param system? eksrun.aws.System
--- @return string|nil config
--- @return string|nil credentials
function M.paths(system)
  system = system or system_module.default
  local home = system.env("HOME")
  local function path(variable, name)
    local given = system.env(variable)
    if not given then return home and home .. "/.aws/" .. name end
    local rest = given:match("^~(/.*)$") or (given == "~" and "")
    if rest and home then return home .. rest end
    return given
  end
  return path("AWS_CONFIG_FILE", "config"), path("AWS_SHARED_CREDENTIALS_FILE", "credentials")
end

local function read_sections(system, path)
  if not path then return {} end
  local text, err = system.read_file(path)
  if text == nil then
    if err then return nil, config_error(("cannot read %s"):format(path), err) end
    return {}
  end
  local sections, problem = require("eksrun.ini").try_parse(text)
  if not sections then
    local line = problem.line and ("%s:%d"):format(path, problem.line) or path
    return nil, config_error(("%s: %s"):format(line, problem.message))
  end
  return sections
end

local function merge(into, keys)
  for key, value in pairs(keys) do into[key] = value end
  return into
end

-- [default], [profile x], [sso-session x], [services x]
local function add_config_section(files, section)
  local kinds = { profile = files.profiles, ["sso-session"] = files.sessions, services = files.services }
  local into = kinds[section.type]
  if not into or not section.name then return end
  -- [profile default] wins over [default]: its keys alone count.
  if section.type == "profile" and section.name == "default" then
    if section.plain and files.prefixed_default then return end
    if not section.plain and not files.prefixed_default then
      files.prefixed_default = true
      into.default = {}
    end
  end
  into[section.name] = merge(into[section.name] or {}, section.keys)
end

local function load(system)
  local config_path, credentials_path = M.paths(system)
  local config, credentials, err
  config, err = read_sections(system, config_path)
  if not config then return nil, err end
  credentials, err = read_sections(system, credentials_path)
  if not credentials then return nil, err end
  local files = {
    profiles = {},
    services = {},
    sessions = {},
    looked = ("%s and %s"):format(credentials_path or "~/.aws/credentials", config_path or "~/.aws/config"),
  }
  for _, section in ipairs(config) do
    add_config_section(files, {
      type = section.type == "default" and "profile" or section.type,
      name = section.type == "default" and "default" or section.name,
      plain = section.type == "default",
      keys = section.keys,
    })
  end
  for _, section in ipairs(credentials) do
    local name = section.name and section.type .. " " .. section.name or section.type
    files.profiles[name] = merge(files.profiles[name] or {}, section.keys)
  end
  return files
end

--- The shared files, read once.
--- @param system? eksrun.aws.System
--- @return eksrun.aws.Files|nil, table|nil error object: "config", naming file and line
function M.files(system)
  system = system or system_module.default
  local files = files_of[system]
  if files then return files end
  local err
  files, err = load(system)
  files_of[system] = files
  return files, err
end

--- The profile in use, and whether somebody named it.
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return string name
--- @return string|nil by "--profile", "AWS_PROFILE", or nil for the default one
function M.profile_name(options, system)
  system = system or system_module.default
  if options and options.profile then return options.profile, "--profile" end
  for _, variable in ipairs { "AWS_PROFILE", "AWS_DEFAULT_PROFILE" } do
    local name = system.env(variable)
    if name then return name, variable end
  end
  return "default", nil
end

--- The keys of the profile in use; {} if it is the default one and does not exist.
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return table|nil, table|nil error object: "config"
function M.profile(options, system)
  local name, by = M.profile_name(options, system)
  local files, err = M.files(system)
  if not files then return nil, err end
  local profile = files.profiles[name]
  if profile or not by then return profile or {} end
  local known = {}
  for other in pairs(files.profiles) do known[#known + 1] = other end
  local near = require("eksrun.text").suggest(name, known)[1]
  return nil, errors.new {
    code = "config",
    kind = "credentials",
    message = ("profile '%s' (%s) is not in %s%s"):format(name, by, files.looked,
      near and (", did you mean '%s'"):format(near) or ""),
  }
end

--- A setting: the environment's variable, else the profile's key.
--- @param variable string|nil
--- @param key string
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return string|nil value nil without an error: not set
--- @return table|nil error object
function M.value(variable, key, options, system)
  system = system or system_module.default
  local value = variable and system.env(variable)
  if value then return value end
  local profile, err = M.profile(options, system)
  if not profile then return nil, err end
  value = profile[key]
  return type(value) == "string" and value ~= "" and value or nil
end

--- The region: option, AWS_REGION, AWS_DEFAULT_REGION, profile.
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return string|nil, table|nil error object: "config"
function M.try_region(options, system)
  system = system or system_module.default
  local endpoint = require "eksrun.aws.endpoint"
  local region = options and options.region or system.env("AWS_REGION") or system.env("AWS_DEFAULT_REGION")
  local err
  if not region then
    region, err = M.value(nil, "region", options, system)
    if err then return nil, err end
  end
  if not region then
    return nil, config_error(
      "no region: give --region, set AWS_REGION, or put 'region = ...' into the profile")
  end
  if not endpoint.is_region(region) then
    local shown = require("eksrun.text").escape(region)
    return nil, config_error(("region '%s' is not a region's name, like us-east-1"):format(shown))
  end
  return region
end

--- The region, or raises.
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return string
function M.region(options, system)
  local region, err = M.try_region(options, system)
  if not region then error(err, 0) end
  return region
end

local function is_true(value) return value ~= nil and value:lower() == "true" end

-- The profile's `services = x` names a section whose sub-properties are the services'.
local function endpoint_of_profile(id, options, system)
  local profile, err = M.profile(options, system)
  if not profile then return nil, err end
  if is_true(profile.ignore_configured_endpoint_urls) then return nil end
  local section = profile.services and M.files(system).services[profile.services]
  if profile.services and not section then
    return nil, config_error(("services section '%s', named by profile '%s', does not exist")
      :format(profile.services, (M.profile_name(options, system))))
  end
  local service = section and section[id:lower()]
  if type(service) == "table" and service.endpoint_url then return service.endpoint_url end
  return profile.endpoint_url
end

--- The endpoint that the user wants for a service, if any: option, AWS_ENDPOINT_URL_<SERVICE>,
--- AWS_ENDPOINT_URL, the profile's services section, the profile's endpoint_url.
--- @param service_id string serviceId of the model: "Auto Scaling"
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return string|nil url nil without an error: AWS's own
--- @return table|nil error object
function M.endpoint(service_id, options, system)
  system = system or system_module.default
  if options and options.endpoint then return options.endpoint end
  if is_true(system.env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")) then return nil end
  local id = service_id:gsub("[ -]", "_")
  local url = system.env("AWS_ENDPOINT_URL_" .. id:upper()) or system.env("AWS_ENDPOINT_URL")
  if url then return url end
  return endpoint_of_profile(id, options, system)
end

--- Forgets what was read, so that changed files count.
function M.reset() files_of = setmetatable({}, { __mode = "k" }) end

return M
