--- What the shared config and credentials files say: their sections, put together into profiles,
--- SSO sessions and services, and the lines on which their keys stand.
local errors = require "eksrun.aws.errors"

local M = {}

--- @class eksrun.aws.Files
--- @field profiles table<string, table> both files' keys, the credentials file's before the config's
--- @field services table<string, table>
--- @field sessions table<string, table> sso-session
--- @field sections table[] all sections that count, the later ones over the earlier ones
--- @field config_path? string
--- @field credentials_path? string
--- @field looked string where was looked, for messages

local function parse(path, text)
  local sections, problem = require("eksrun.ini").try_parse(text)
  if sections then return sections end
  local line = problem.line and ("%s:%d"):format(path, problem.line) or path
  return nil, errors.new { code = "config", message = ("%s: %s"):format(line, problem.message) }
end

local function add(files, kind, name, section, path)
  local kinds = { profile = files.profiles, ["sso-session"] = files.sessions, services = files.services }
  local into = kinds[kind]
  if not into then return end
  local keys = into[name] or {}
  for key, value in pairs(section.keys) do keys[key] = value end
  into[name] = keys
  table.insert(files.sections, { kind = kind, name = name, section = section, path = path })
end

--- [default], [profile x], [sso-session x], [services x]; all else in the config file is not ours.
--- @param files eksrun.aws.Files
--- @param path string
--- @param text string
--- @return boolean|nil, table|nil error object: "config", naming file and line
function M.add_config(files, path, text)
  local sections, err = parse(path, text)
  if not sections then return nil, err end
  local prefixed = false
  for _, section in ipairs(sections) do
    prefixed = prefixed or (section.type == "profile" and section.name == "default")
  end
  for _, section in ipairs(sections) do
    local kind, name = section.type, section.name
    if kind == "default" and not name then
      -- [profile default] wins over [default]: its keys alone count.
      if not prefixed then add(files, "profile", "default", section, path) end
    elseif name then
      add(files, kind, name, section, path)
    end
  end
  return true
end

--- Every section of one word is a profile; one of two words is none.
--- @param files eksrun.aws.Files
--- @param path string
--- @param text string
--- @return boolean|nil, table|nil error object: "config", naming file and line
function M.add_credentials(files, path, text)
  local sections, err = parse(path, text)
  if not sections then return nil, err end
  for _, section in ipairs(sections) do
    if not section.name then add(files, "profile", section.type, section, path) end
  end
  return true
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

--- The endpoint that a profile wants for a service: `services = x` names a section whose blocks are
--- the services'; else the one for all.
--- @param files eksrun.aws.Files
--- @param name string of the profile
--- @param profile table its keys
--- @param id string "auto_scaling"
--- @return string|nil url nil without an error: none
--- @return table|nil error object
--- @return string|nil source "path:line"
function M.endpoint(files, name, profile, id)
  local section = profile.services and files.services[profile.services]
  if profile.services and not section then
    return nil, errors.new {
      code = "config",
      message = ("services section '%s', named by profile '%s', does not exist")
        :format(profile.services, name),
    }
  end
  local block = section and section[id]
  local url = type(block) == "table" and block.endpoint_url
  if url and url ~= "" then
    return url, nil, M.place(files, "services", profile.services, id .. ".endpoint_url")
  end
  url = profile.endpoint_url
  if type(url) == "string" and url ~= "" then
    return url, nil, M.place(files, "profile", name, "endpoint_url")
  end
end

--- The error of a profile that is not there.
--- @param files eksrun.aws.Files
--- @param name string
--- @param by string who named it
--- @return table error object
function M.unknown(files, name, by)
  local known = {}
  for other in pairs(files.profiles) do known[#known + 1] = other end
  local near = require("eksrun.text").suggest(name, known)[1]
  return errors.new {
    code = "config",
    kind = "credentials",
    message = ("profile '%s' (%s) is not in %s%s"):format(name, by, files.looked,
      near and (", did you mean '%s'"):format(near) or ""),
  }
end

return M
