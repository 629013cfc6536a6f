--- Files in JSON that the AWS CLI and other SDKs share with us: sessions of SSO and of `aws login`,
--- credentials of roles that were assumed.
---
--- A file counts only if nobody but the user can have written it; one that is damaged is no file.
--- What is written is whole or not there, mode 0600.
local json = require "eksrun.json"

local M = {}

-- Refreshed that long before it ends, as by the AWS CLI.
local MARGIN = 15 * 60

local folders = { cli = "/.aws/cli/cache/", sso = "/.aws/sso/cache/", login = "/.aws/login/cache/" }

--- @param system eksrun.aws.System
--- @param kind "cli"|"sso"|"login"
--- @param name string of the file, without .json
--- @return string|nil path nil: there is no home directory
function M.path(system, kind, name)
  if kind == "login" then
    local folder = system.env("AWS_LOGIN_CACHE_DIRECTORY")
    if folder then return folder:gsub("/*$", "/") .. name .. ".json" end
  end
  local home = system.env("HOME")
  return home and home .. folders[kind] .. name .. ".json"
end

--- SHA-1 or SHA-256 as a file's name has it.
--- @param algorithm "sha1"|"sha256"
--- @param text string
--- @return string
function M.hash(algorithm, text)
  return require("eksrun.text").hex(require("eksrun.checksum").digest(algorithm, text))
end

--- @param system eksrun.aws.System
--- @param path string|nil
--- @return table|nil contents nil without an error: no such file, or it is no JSON object
--- @return table|nil error object: it is not to be trusted, or cannot be read
function M.read(system, path)
  if not path then return nil end
  local text, err = system.read_private(path)
  if not text then return nil, err end
  local contents = json.try_decode(text)
  return type(contents) == "table" and contents or nil
end

--- @param system eksrun.aws.System
--- @param path string|nil
--- @param contents table
--- @return true|nil, table|nil error object
function M.write(system, path, contents)
  if not path then return nil end
  return system.write_private(path, json.encode(contents))
end

-- A JSON object as Python writes it with its keys sorted; nil for text that it would escape.
local function python_json(fields, comma, colon)
  local parts = {}
  for _, key in ipairs(require("eksrun.util").sorted_keys(fields)) do
    local value = fields[key]
    if type(value) == "string" then
      if value:find("[^\32-\126]") or value:find('["\\]') then return nil end
      value = '"' .. value .. '"'
    end
    parts[#parts + 1] = ('"%s"%s%s'):format(key, colon, value)
  end
  return "{" .. table.concat(parts, comma) .. "}"
end

--- Where the AWS CLI keeps the credentials of a role.
--- @param system eksrun.aws.System
--- @param parameters table<string, string|integer> of sts:AssumeRole, but a default session name
--- @return string|nil path
function M.role_path(system, parameters)
  local text = python_json(parameters, ", ", ": ")
  return text and M.path(system, "cli", M.hash("sha1", text))
end

--- Where the AWS CLI keeps the credentials of an SSO role.
--- @param system eksrun.aws.System
--- @param sso eksrun.aws.SsoConfig
--- @return string|nil path
function M.sso_role_path(system, sso)
  local fields = { accountId = sso.account_id, roleName = sso.role_name }
  if sso.session then fields.sessionName = sso.session else fields.startUrl = sso.start_url end
  local text = python_json(fields, ",", ":")
  return text and M.path(system, "cli", M.hash("sha1", text))
end

--- Credentials from a file of the AWS CLI, if they last a while yet.
--- @param system eksrun.aws.System
--- @param path string|nil
--- @return table|nil credentials
function M.read_credentials(system, path)
  local contents = M.read(system, path)
  local given = contents and contents.Credentials
  if type(given) ~= "table" then return nil end
  for _, key in ipairs { "AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration" } do
    if type(given[key]) ~= "string" then return nil end
  end
  local expiration = require("eksrun.clock").try_parse(given.Expiration)
  if not expiration or expiration - system.now() < MARGIN then return nil end
  return {
    access_key_id = given.AccessKeyId,
    secret_access_key = given.SecretAccessKey,
    session_token = given.SessionToken,
    expiration = expiration,
    account_id = type(given.AccountId) == "string" and given.AccountId or nil,
  }
end

--- Keeps credentials for the next run and for the AWS CLI. That this fails is no failure.
--- @param system eksrun.aws.System
--- @param path string|nil
--- @param found table credentials with their expiration
--- @param more? table fields beside Credentials
function M.write_credentials(system, path, found, more)
  if not path or not found.expiration then return end
  local contents = {}
  for key, value in pairs(more or {}) do contents[key] = value end
  contents.Credentials = {
    AccessKeyId = found.access_key_id,
    SecretAccessKey = found.secret_access_key,
    SessionToken = found.session_token,
    Expiration = require("eksrun.clock").format_iso8601(found.expiration),
    AccountId = found.account_id,
  }
  M.write(system, path, contents)
end

return M
