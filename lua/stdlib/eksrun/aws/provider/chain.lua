--- What a profile says about credentials: where they come from first, and the roles assumed from
--- there. Reads profiles only, asks nobody, so that it can be shown before anything is done.
---
--- The order within a profile is the AWS CLI's: web identity, SSO, login session, keys of the
--- credentials file, process, keys of the config file.
local profiles = require "eksrun.aws.profiles"
local errors = require "eksrun.aws.errors"

local M = {}

--- @class eksrun.aws.Base where credentials come from
--- @field kind "web_identity"|"sso"|"login"|"static"|"process"|"source"
--- @field profile string
--- @field source? "Environment"|"Ec2InstanceMetadata"|"EcsContainer"
--- @field sso? eksrun.aws.SsoConfig

--- @class eksrun.aws.Role a role to assume
--- @field profile string
--- @field role_arn string
--- @field role_session_name? string
--- @field external_id? string
--- @field mfa_serial? string
--- @field duration_seconds? integer

--- @class eksrun.aws.Chain
--- @field base eksrun.aws.Base
--- @field roles eksrun.aws.Role[] in the order in which they are assumed

local sources = {}
for _, name in ipairs { "Environment", "Ec2InstanceMetadata", "EcsContainer" } do
  sources[name:lower()] = name
end

local function wrong(message, ...)
  return nil, errors.new { code = "config", kind = "credentials", message = message:format(...) }
end

local function text_of(profile, key)
  local value = profile[key]
  return type(value) == "string" and value ~= "" and value or nil
end

local function has_keys(profile)
  return profile.aws_access_key_id ~= nil or profile.aws_secret_access_key ~= nil
end

--- Whether a profile assumes a role with the credentials of others.
--- @param profile table<string, any>
--- @return boolean
function M.assumes_role(profile)
  return text_of(profile, "role_arn") ~= nil and text_of(profile, "web_identity_token_file") == nil
end

--- @class eksrun.aws.SsoConfig
--- @field start_url string
--- @field region string
--- @field session? string name of the sso-session section
--- @field account_id? string
--- @field role_name? string
--- @field scopes string[]

local function scopes_of(keys)
  local scopes = {}
  for scope in (text_of(keys, "sso_registration_scopes") or "sso:account:access"):gmatch("[^,%s]+") do
    scopes[#scopes + 1] = scope
  end
  return scopes
end

--- What a section [sso-session NAME] says.
--- @param files eksrun.aws.Files
--- @param name string of the session
--- @return eksrun.aws.SsoConfig|nil, table|nil error object
function M.session(files, name)
  local keys = files.sessions[name]
  for _, key in ipairs { "sso_start_url", "sso_region" } do
    if not text_of(keys, key) then return wrong("sso-session '%s' has no %s", name, key) end
  end
  return {
    session = name, start_url = keys.sso_start_url, region = keys.sso_region, scopes = scopes_of(keys),
  }
end

--- What a profile says about SSO: nil without an error if nothing.
--- @param files eksrun.aws.Files
--- @param name string of the profile
--- @param for_token? boolean the sign-in alone counts, no account and role are needed
--- @return eksrun.aws.SsoConfig|nil, table|nil error object
function M.sso(files, name, for_token)
  local profile = files.profiles[name] or {}
  local session = text_of(profile, "sso_session")
  local account, role = text_of(profile, "sso_account_id"), text_of(profile, "sso_role_name")
  if not account and not role and not (for_token and (session or profile.sso_start_url)) then return nil end
  local keys = profile
  if session then
    keys = files.sessions[session]
    if not keys then
      return wrong("sso-session '%s', named by profile '%s', does not exist", session, name)
    end
    for _, key in ipairs { "sso_start_url", "sso_region" } do
      if profile[key] and keys[key] and profile[key] ~= keys[key] then
        return wrong("%s of profile '%s' is not that of its sso-session '%s'", key, name, session)
      end
    end
  end
  local found = {
    session = session,
    start_url = text_of(keys, "sso_start_url") or text_of(profile, "sso_start_url"),
    region = text_of(keys, "sso_region") or text_of(profile, "sso_region"),
    account_id = account,
    role_name = role,
    scopes = scopes_of(keys),
  }
  local needed = { { "start_url", "sso_start_url" }, { "region", "sso_region" } }
  if not for_token then
    needed[3], needed[4] = { "account_id", "sso_account_id" }, { "role_name", "sso_role_name" }
  end
  for _, pair in ipairs(needed) do
    if not found[pair[1]] then return wrong("profile '%s' uses SSO but %s is missing", name, pair[2]) end
  end
  return found
end

--- Where the credentials of a profile come from, roles aside; nil without an error: from nowhere.
--- @param files eksrun.aws.Files
--- @param name string of a profile
--- @return eksrun.aws.Base|nil, table|nil error object
function M.base(files, name)
  local profile = files.profiles[name] or {}
  if text_of(profile, "web_identity_token_file") then
    if not text_of(profile, "role_arn") then
      return wrong("profile '%s' uses a web identity but role_arn is missing", name)
    end
    return { kind = "web_identity", profile = name }
  end
  local sso, err = M.sso(files, name)
  if err then return nil, err end
  if sso then return { kind = "sso", profile = name, sso = sso } end
  if text_of(profile, "login_session") then return { kind = "login", profile = name } end
  local _, place = profiles.place(files, "profile", name, "aws_access_key_id")
  local is_process = text_of(profile, "credential_process") ~= nil
  if is_process and place ~= files.credentials_path then return { kind = "process", profile = name } end
  if has_keys(profile) then return { kind = "static", profile = name } end
  if is_process then return { kind = "process", profile = name } end
  return nil
end

local function source_of(profile, name)
  local word = text_of(profile, "credential_source")
  local source = sources[word:lower()]
  if source then return { kind = "source", profile = name, source = source } end
  return wrong("credential_source '%s' of profile '%s' is none of Environment, Ec2InstanceMetadata, "
    .. "EcsContainer", word, name)
end

local function role_of(profile, name)
  local duration = text_of(profile, "duration_seconds")
  local seconds = duration and math.tointeger(tonumber(duration))
  if duration and not seconds then
    return wrong("duration_seconds '%s' of profile '%s' is not a number of seconds", duration, name)
  end
  return {
    profile = name,
    role_arn = text_of(profile, "role_arn"),
    role_session_name = text_of(profile, "role_session_name"),
    external_id = text_of(profile, "external_id"),
    mfa_serial = text_of(profile, "mfa_serial"),
    duration_seconds = seconds,
  }
end

-- Where a profile that assumes a role has the credentials for that from: a base, or the name of the
-- next profile.
local function source_of_role(files, profile, name)
  local next_name, source = text_of(profile, "source_profile"), text_of(profile, "credential_source")
  if next_name and source then
    return wrong("profile '%s' has both source_profile and credential_source", name)
  elseif source then
    return source_of(profile, name)
  elseif not next_name then
    return wrong("profile '%s' assumes a role but has neither source_profile nor credential_source", name)
  elseif next_name ~= name then
    return next_name
  end
  -- Its own keys, then the role.
  local base, err = M.base(files, name)
  if err or base then return base, err end
  return wrong("profile '%s' is its own source_profile but has no credentials", name)
end

--- The whole chain of a profile.
--- @param files eksrun.aws.Files
--- @param name string of a profile
--- @return eksrun.aws.Chain|nil, table|nil error object: "config"
function M.of(files, name)
  local roles, seen, first = {}, {}, true
  while true do
    local profile = files.profiles[name]
    if not profile then return wrong("profile '%s' does not exist in %s", name, files.looked) end
    if seen[name] then return wrong("source_profile: profile '%s' comes back to itself", name) end
    seen[name] = true
    -- Keys of a profile that others refer to count before its role.
    if not M.assumes_role(profile) or (not first and has_keys(profile)) then
      local base, err = M.base(files, name)
      if not base and not err and text_of(profile, "credential_source") then
        base, err = source_of(profile, name)
      end
      if err then return nil, err end
      if not base then return wrong("profile '%s' has no credentials", name) end
      if base.kind == "static" then
        for _, key in ipairs { "aws_access_key_id", "aws_secret_access_key" } do
          if not text_of(profile, key) then return wrong("profile '%s' has no %s", name, key) end
        end
      end
      return { base = base, roles = roles }
    end
    local role, source, err
    role, err = role_of(profile, name)
    if not role then return nil, err end
    table.insert(roles, 1, role)
    source, err = source_of_role(files, profile, name)
    if not source then return nil, err end
    if type(source) == "table" then return { base = source, roles = roles } end
    name, first = source, false
  end
end

return M
