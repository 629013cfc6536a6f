--- Credentials that a program prints: credential_process of a profile.
---
--- No shell: the command is split into words as a POSIX shell does, and the first is looked up in
--- PATH. The program gets what it needs of the environment, never our secrets; what it prints is
--- never shown.
local profiles = require "eksrun.aws.profiles"
local errors = require "eksrun.aws.errors"
local json = require "eksrun.json"

local M = {}

local TIMEOUT = 60
local OUTPUT_MAX = 64 * 1024
local WRITABLE_BY_ALL = 2

-- What the program sees of the environment, with what EKSRUN_PROCESS_ENV names.
local passed = {
  "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TMPDIR", "LANG", "LC_ALL", "TZ",
  "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_REGION", "AWS_DEFAULT_REGION",
  "AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY",
  "https_proxy", "http_proxy", "all_proxy", "no_proxy", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY",
  "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME",
  "SSH_AUTH_SOCK", "GNUPGHOME", "GPG_TTY",
}

--- Splits a command into words: quotes and backslashes as in a POSIX shell, nothing else special.
--- @param command string
--- @return string[]|nil words nil: a quote or a backslash is not closed
function M.split(command)
  local words, word, i = {}, nil, 1
  while i <= #command do
    local c = command:sub(i, i)
    if c:find("%s") then
      words[#words + 1], word = word, nil
    elseif c == "'" then
      local close = command:find("'", i + 1, true)
      if not close then return nil end
      word = (word or "") .. command:sub(i + 1, close - 1)
      i = close
    elseif c == '"' then
      local inner = {}
      i = i + 1
      while command:sub(i, i) ~= '"' do
        local d = command:sub(i, i)
        if d == "" then return nil end
        local after = command:sub(i + 1, i + 1)
        if d == "\\" and (after == '"' or after == "\\") then
          d, i = after, i + 1
        end
        inner[#inner + 1] = d
        i = i + 1
      end
      word = (word or "") .. table.concat(inner)
    elseif c == "\\" then
      i = i + 1
      if i > #command then return nil end
      word = (word or "") .. command:sub(i, i)
    else
      word = (word or "") .. c
    end
    i = i + 1
  end
  words[#words + 1] = word
  return words
end

local function environment(system)
  local names = table.move(passed, 1, #passed, 1, {})
  for name in (system.env("EKSRUN_PROCESS_ENV") or ""):gmatch("[^%s,]+") do names[#names + 1] = name end
  return names
end

local function read(output)
  local given = json.try_decode(output)
  if type(given) ~= "table" then return nil, "printed no JSON object" end
  if given.Version ~= 1 then return nil, "printed a Version other than 1" end
  for _, key in ipairs { "AccessKeyId", "SecretAccessKey" } do
    if type(given[key]) ~= "string" or given[key] == "" then return nil, "printed no " .. key end
  end
  local expiration = given.Expiration
  if expiration == json.null then expiration = nil end
  local seconds = type(expiration) == "string" and require("eksrun.clock").try_parse(expiration) or nil
  if expiration ~= nil and not seconds then return nil, "printed an Expiration that is not a time" end
  local function text(key) return type(given[key]) == "string" and given[key] ~= "" and given[key] or nil end
  return {
    access_key_id = given.AccessKeyId,
    secret_access_key = given.SecretAccessKey,
    session_token = text "SessionToken",
    account_id = text "AccountId",
    expiration = seconds,
  }
end

--- @param ctx eksrun.aws.Context
--- @param base eksrun.aws.Base
--- @return table|nil credentials
--- @return table|nil error object
function M.load(ctx, base)
  local files, problem = ctx:files()
  if not files then return nil, problem end
  local profile = files.profiles[base.profile]
  local function wrong(message, ...)
    return nil, errors.new {
      code = "credentials",
      message = ("credential_process of profile '%s' %s"):format(base.profile, message:format(...)),
    }
  end
  local _, path = profiles.place(files, "profile", base.profile, "credential_process")
  local mode = path and ctx.system.mode(path)
  if mode and mode & WRITABLE_BY_ALL ~= 0 then
    return wrong("is not run: everybody can write %s; chmod o-w it", path)
  end
  local argv = M.split(profile.credential_process)
  if not argv or #argv == 0 then return wrong "has an open quote" end
  local result, err = ctx.system.run {
    argv = argv,
    env = environment(ctx.system),
    timeout = TIMEOUT,
    max_output = OUTPUT_MAX,
  }
  if not result then
    local why = {
      not_found = "was not found", timeout = "did not end within %d s", limit = "printed too much",
    }
    return wrong(why[err.code] or "could not be run", TIMEOUT)
  end
  if result.code ~= 0 then
    return wrong("failed (%s); run it by hand to see why", result.signal
      and "signal " .. result.signal or "exit status " .. tostring(result.code))
  end
  local found, why = read(result.stdout)
  if not found then return wrong(why) end
  if found.expiration and found.expiration <= ctx.system.now() then
    local _, expired = wrong("printed credentials that expired at %s; log in again where it takes them from",
      require("eksrun.clock").format_iso8601(found.expiration))
    found.expired = expired
  end
  found.account_id = found.account_id or profile.aws_account_id
  found.source = ("credential_process of profile '%s'"):format(base.profile)
  return found
end

return M
