--- Settings from the environment and from the shared config and credentials files.
---
--- The files are read when a setting is first looked for that the options and the environment do
--- not give, and once. A missing file is an empty one. Which settings there are is eksrun.aws.settings'
--- business, how to read them this module's.
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
--- @field sections table[] all sections that count, the later ones over the earlier ones
--- @field config_path? string
--- @field credentials_path? string
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

-- [default], [profile x], [sso-session x], [services x]; all else in the config file is not ours.
local function add_config_section(files, section, path, has_prefixed_default)
  local kind, name = section.type, section.name
  if kind == "default" and not name then
    -- [profile default] wins over [default]: its keys alone count.
    if has_prefixed_default then return end
    kind, name = "profile", "default"
  end
  local kinds = { profile = files.profiles, ["sso-session"] = files.sessions, services = files.services }
  local into = kinds[kind]
  if not into or not name then return end
  into[name] = merge(into[name] or {}, section.keys)
  table.insert(files.sections, { kind = kind, name = name, section = section, path = path })
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
    sections = {},
    config_path = config_path,
    credentials_path = credentials_path,
    looked = ("%s and %s"):format(credentials_path or "~/.aws/credentials", config_path or "~/.aws/config"),
  }
  local prefixed = false
  for _, section in ipairs(config) do
    prefixed = prefixed or (section.type == "profile" and section.name == "default")
  end
  for _, section in ipairs(config) do add_config_section(files, section, config_path, prefixed) end
  for _, section in ipairs(credentials) do
    -- A section of two words is no profile there.
    local name = section.type
    if not section.name then
      files.profiles[name] = merge(files.profiles[name] or {}, section.keys)
      table.insert(files.sections,
        { kind = "profile", name = name, section = section, path = credentials_path })
    end
  end
  return files
end

--- Where a key of a profile, session or services section stands.
--- @param files eksrun.aws.Files
--- @param kind "profile"|"sso-session"|"services"
--- @param name string
--- @param key string "key", or "key.subkey" of a block
--- @return string|nil "path:line"
--- @return string|nil path
function M.place(files, kind, name, key)
  for i = #files.sections, 1, -1 do
    local entry = files.sections[i]
    local line = entry.kind == kind and entry.name == name and entry.section.lines[key]
    if line then return ("%s:%d"):format(entry.path, line), entry.path end
  end
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

-- ---- settings

local by_name

local function setting_of(name)
  if not by_name then
    by_name = {}
    for _, setting in ipairs(require "eksrun.aws.settings") do by_name[setting.name] = setting end
  end
  return by_name[name] or error(("there is no setting '%s'"):format(tostring(name)), 3)
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

local words = {
  boolean = function(text)
    local lower = text:lower()
    if lower == "true" then return true end
    if lower == "false" then return false end
    return nil, "neither true nor false"
  end,
  integer = function(text, setting)
    local number = math.tointeger(tonumber(text))
    if not number or number < (setting.min or 0) then
      return nil, ("not a whole number from %d on"):format(setting.min or 0)
    end
    return number
  end,
  seconds = function(text)
    local number = tonumber(text)
    if not number or number <= 0 or number > 86400 then return nil, "not a number of seconds" end
    return number
  end,
  url = function(text, setting)
    if setting.secret or text:find("^https?://[^%s%c]+$") then return text end
    return nil, "not a URL like https://host:port"
  end,
}

-- The value of a setting's text, or nil and what it is instead.
local function convert(setting, text)
  local kind = setting.kind
  if type(kind) == "table" then
    local lower = text:lower()
    for _, choice in ipairs(kind) do
      if lower == choice then return choice end
    end
    return nil, "none of " .. table.concat(kind, ", ")
  end
  if words[kind] then return words[kind](text, setting) end
  return text
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
    text, source = system.env(variable), variable
    if text then break end
  end
  if not text and setting.key then
    local profile, err = M.profile(options, system)
    if not profile then return nil, err end
    text = key_of_profile(profile, setting.key)
    if text then
      source = M.place(M.files(system), "profile", (M.profile_name(options, system)), setting.key)
    end
  end
  if not text then return { value = setting.default, source = "the default" } end
  local value, problem = convert(setting, text)
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

-- The profile's `services = x` names a section whose blocks are the services'.
local function endpoint_of_profile(id, options, system)
  local profile, err = M.profile(options, system)
  if not profile then return nil, err end
  local files = M.files(system)
  local section = profile.services and files.services[profile.services]
  if profile.services and not section then
    return nil, config_error(("services section '%s', named by profile '%s', does not exist")
      :format(profile.services, (M.profile_name(options, system))))
  end
  local url = section and key_of_profile(section, id:lower() .. ".endpoint_url")
  if url then
    return url, nil, M.place(files, "services", profile.services, id:lower() .. ".endpoint_url")
  end
  url = key_of_profile(profile, "endpoint_url")
  return url, nil, url and M.place(files, "profile", (M.profile_name(options, system)), "endpoint_url")
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
  return endpoint_of_profile(id, options, system)
end

--- Forgets what was read for one system.
--- @param system eksrun.aws.System
function M.forget(system) files_of[system] = nil end

--- Forgets what was read, so that changed files count.
function M.reset() files_of = setmetatable({}, { __mode = "k" }) end

return M
