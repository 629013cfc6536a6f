--- Settings from the environment and from the shared config and credentials files.
---
--- The files are read when a setting is first looked for that the options and the environment do
--- not give, and once. A missing file is an empty one. Which settings there are is eksrun.aws.settings'
--- business, what the files say eksrun.aws.profiles', how to read settings this module's.
local error = error
local settings = require "eksrun.aws.settings"
local system_module = require "eksrun.aws.system"

local M = {}

--- @class eksrun.aws.Options
--- @field profile? string a profile named by the caller: --profile
--- @field region? string
--- @field endpoint? string URL

local files_of = setmetatable({}, { __mode = "k" })

local function config_error(message, cause)
  return require("eksrun.aws.errors").new { code = "config", message = message, cause = cause }
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

local function load(system)
  local config_path, credentials_path = M.paths(system)
  local files = {
    profiles = {},
    services = {},
    sessions = {},
    sections = {},
    config_path = config_path,
    credentials_path = credentials_path,
    looked = ("%s and %s"):format(credentials_path or "~/.aws/credentials", config_path or "~/.aws/config"),
  }
  -- Both hold profiles, and the keys of the credentials file count.
  local function add(path, reader)
    if not path then return true end
    local text, err = system.read_file(path)
    if text then return require("eksrun.aws.profiles")[reader](files, path, text) end
    if err then return nil, config_error(("cannot read %s"):format(path), err) end
    return true
  end
  local ok, err = add(config_path, "add_config")
  if ok then ok, err = add(credentials_path, "add_credentials") end
  return ok and files, err
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
  return nil, require("eksrun.aws.profiles").unknown(files, name, by)
end

-- ---- settings

local function setting_of(name)
  return settings.find(name) or error(("there is no setting '%s'"):format(tostring(name)), 3)
end

-- "key", or "block.key" in a block of its own.
local function key_of_profile(profile, key)
  local block, inner = key:match("^([^.]+)%.(.+)$")
  local value
  if block then
    value = type(profile[block]) == "table" and profile[block][inner]
  else
    value = profile[key]
  end
  return type(value) == "string" and value ~= "" and value or nil
end

--- A setting as it is: its value and where that comes from.
--- @param name string of eksrun.aws.settings
--- @param options? eksrun.aws.Options a field of the setting's name wins over all
--- @param system? eksrun.aws.System
--- @return { value: any, source: string }|nil found value is nil where nothing gives one; source is
--- "the caller", a variable's name, "path:line" or "the default"
--- @return table|nil error object: "config"
function M.find(name, options, system)
  system = system or system_module.default
  local setting = setting_of(name)
  local given = options and options[name]
  if given ~= nil then return { value = given, source = "the caller" } end
  local text, source
  for _, variable in ipairs(setting.env) do
    text = system.env(variable)
    if text then
      source = variable
      break
    end
  end
  if not text and setting.key then
    local profile, err = M.profile(options, system)
    if not profile then return nil, err end
    text = key_of_profile(profile, setting.key)
    if text then
      source = require("eksrun.aws.profiles").place(M.files(system), "profile",
        (M.profile_name(options, system)), setting.key)
    end
  end
  if not text then return { value = setting.default, source = "the default" } end
  if setting.kind == "string" or setting.kind == "region" then return { value = text, source = source } end
  local value, problem = require("eksrun.aws.setting_text").read(setting.kind, text)
  if value == nil then
    return nil, config_error(("%s '%s' (%s) is %s"):format(name, require("eksrun.text").escape(text, true),
      source, problem))
  end
  return { value = value, source = source }
end

--- The value of a setting: what the caller gives, the environment's, the profile's, the default.
--- @param name string of eksrun.aws.settings
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return any value nil without an error: not set, and no default
--- @return table|nil error object: "config", naming what is wrong and where it stands
function M.get(name, options, system)
  local found, err = M.find(name, options, system)
  if not found then return nil, err end
  return found.value
end

--- A setting that has no place among the settings: the variable's value, else the profile's key.
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
  return key_of_profile(profile, key)
end

-- "fips-us-east-1" and "us-east-1-fips" are how SDKs of old named FIPS endpoints.
local function split_region(name)
  local region, prefixes = name:gsub("^fips%-", "")
  local suffixes
  region, suffixes = region:gsub("%-fips$", "")
  return region, prefixes + suffixes > 0
end

--- Whether a region may become part of a host name.
--- @param region any
--- @return boolean
function M.is_region(region)
  return type(region) == "string" and #region <= 63 and region:find("^%l[%l%d-]*[%l%d]$") ~= nil
end

--- The region: option, AWS_REGION, AWS_DEFAULT_REGION, profile.
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return string|nil, table|nil error object: "config"
function M.try_region(options, system)
  local region, err = M.get("region", options, system)
  if err then return nil, err end
  if not region then
    return nil, config_error(
      "no region: give --region, set AWS_REGION, or put 'region = ...' into the profile")
  end
  if not M.is_region(region) then
    local shown = require("eksrun.text").escape(region)
    return nil, config_error(("region '%s' is not a region's name, like us-east-1"):format(shown))
  end
  return (split_region(region))
end

--- Whether calls go to FIPS endpoints: by the setting, or by the name of the region.
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return boolean|nil, table|nil error object: "config"
function M.try_fips(options, system)
  local region, err = M.get("region", options, system)
  if err then return nil, err end
  local _, fips = split_region(region or "")
  if fips then return true end
  return M.get("use_fips_endpoint", options, system)
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

--- The endpoint that the user wants for a service, if any: option, AWS_ENDPOINT_URL_<SERVICE>,
--- AWS_ENDPOINT_URL, the profile's services section, the profile's endpoint_url.
--- @param service_id string serviceId of the model: "Auto Scaling"
--- @param options? eksrun.aws.Options
--- @param system? eksrun.aws.System
--- @return string|nil url nil without an error: AWS's own
--- @return table|nil error object
--- @return string|nil source where it stands, as in M.find
function M.endpoint(service_id, options, system)
  system = system or system_module.default
  if options and options.endpoint then return options.endpoint, nil, "the caller" end
  local ignored, err = M.get("ignore_configured_endpoint_urls", options, system)
  if err then return nil, err end
  if ignored then return nil end
  local id = service_id:gsub("[ -]", "_")
  for _, variable in ipairs { "AWS_ENDPOINT_URL_" .. id:upper(), "AWS_ENDPOINT_URL" } do
    local url = system.env(variable)
    if url then return url, nil, variable end
  end
  local profile
  profile, err = M.profile(options, system)
  if not profile then return nil, err end
  if not profile.services and not profile.endpoint_url then return nil end
  return require("eksrun.aws.profiles").endpoint(M.files(system), (M.profile_name(options, system)), profile,
    id:lower())
end

--- Forgets what was read for one system.
--- @param system eksrun.aws.System
function M.forget(system) files_of[system] = nil end

--- Forgets what was read, so that changed files count.
function M.reset() files_of = setmetatable({}, { __mode = "k" }) end

return M
