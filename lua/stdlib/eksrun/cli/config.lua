--- eksrun config: every setting with its value and where that stands, and who would give the
--- credentials. Asks nobody.
local columns = require "eksrun.cli.columns"
local config = require "eksrun.aws.config"
local failure = require "eksrun.cli.failure"
local stdout = require "eksrun.stdout"
local util = require "eksrun.util"

--- @type eksrun.cli.Command
local M = {
  summary = "show each setting, where it comes from, and which credentials count",
  usage = "eksrun config [SETTING...] [flags]",
  one_document = true,
  paged = true,
  arguments = { { "settings", "only these", optional = true, rest = true } },
  flags = {
    { "json", "one JSON object" },
    { "all", "settings without a value, too" },
  },
  examples = {
    "eksrun config",
    "eksrun config region --profile prod",
    "eksrun config --json | jq .credentials",
  },
  description = [[
The first that gives a value counts: a flag, a variable of the environment, the
profile's key in the credentials or the config file, the default. Of keys the
last four characters are shown. Nobody is asked anything: whether credentials
are valid, `eksrun call sts get-caller-identity` tells.]],
}

local sources = { ["the caller"] = "the command line" }
local states = { used = "yes", maybe = "maybe", empty = "no", wrong = "wrong", unused = "not asked" }

-- The last four characters of what is long enough to have more.
local function masked(secret)
  if not secret then return nil end
  return "****" .. (#secret >= 16 and secret:sub(-4) or "")
end

-- A URL without the password in it.
local function without_password(url) return (url:gsub("^(%a+://[^:/@]*):[^@/]*@", "%1:****@")) end

local function shown(value, setting)
  return value and setting.kind == "proxy" and without_password(value) or value
end

-- Endpoints of single services, where they differ from the common one.
local function endpoint_rows(options, rows)
  local native = require "eksrun.native.aws"
  local _, _, common = config.endpoint("", options)
  for _, name in ipairs(native.services()) do
    local url, err, source = config.endpoint(native.service(name):metadata().serviceId or name, options)
    if err then return end
    if url and source ~= common then
      rows[#rows + 1] = { name = "endpoint_url of " .. name, value = url, source = source }
    end
  end
end

local function setting_rows(options, wanted)
  local rows, only = {}, nil
  local settings = require "eksrun.aws.settings"
  local names = settings.names()
  for _, name in ipairs(wanted or {}) do
    only = only or {}
    only[name:lower()] = true
    if not util.contains(names, name:lower()) then
      util.fail("usage", "there is no setting '%s'%s", name, util.did_you_mean(name:lower(), names))
    end
  end
  for _, name in ipairs(names) do
    if not only or only[name] then
      local found, err = config.find(name, options)
      rows[#rows + 1] = {
        name = name,
        value = found and shown(found.value, settings.find(name)),
        source = found and (sources[found.source] or found.source),
        error = err and tostring(err), err = err,
      }
    end
    if name == "endpoint_url" and not only then endpoint_rows(options, rows) end
  end
  return rows
end

local function credential_rows(options)
  local rows = require("eksrun.aws.explain").places(options)
  for _, row in ipairs(rows) do
    local keys = row.credentials
    row.credentials = nil
    if keys then
      row.access_key_id, row.secret_access_key = masked(keys.access_key_id), masked(keys.secret_access_key)
      row.session_token = masked(keys.session_token)
    end
  end
  return rows
end

local function file_rows()
  local system = require("eksrun.aws.system").default
  local rows = {}
  local paths = { config.paths() }
  for i, name in ipairs { "config", "credentials" } do
    local path = paths[i]
    if path then rows[#rows + 1] = { name = name, path = path, exists = system.mode(path) ~= nil } end
  end
  return rows
end

local function print_columns(rows)
  for _, row in ipairs(rows) do
    for i = 1, #row do row[i] = util.escape(row[i], true) end
  end
  for _, line in ipairs(columns.lines(rows)) do stdout.write(line, "\n") end
end

local function print_text(found, all)
  if found.profile then
    local rows = { { "profile", found.profile.name, found.profile.source or "the default" } }
    for _, it in ipairs(found.files) do
      rows[#rows + 1] = { it.name .. " file", it.path, it.exists and "" or "not there" }
    end
    print_columns(rows)
    stdout.write("\n")
  end
  local rows, same = {}, {}
  for _, row in ipairs(found.settings) do
    if row.error then
      -- What is wrong with the profile is wrong with every setting: said once.
      local before = same[row.error]
      same[row.error] = before or { names = 0, row = { row.name, "-", row.error } }
      if not before then rows[#rows + 1] = same[row.error].row end
      same[row.error].names = same[row.error].names + 1
    elseif row.value ~= nil or all then
      rows[#rows + 1] = { row.name, tostring(row.value == nil and "-" or row.value),
        row.value == nil and "not set" or row.source }
    end
  end
  for _, error_row in pairs(same) do
    if error_row.names > 1 then error_row.row[1] = ("%d settings"):format(error_row.names) end
  end
  print_columns(rows)
  if not found.credentials then return end
  stdout.write("\ncredentials, in the order in which they are looked for\n")
  rows = {}
  for _, row in ipairs(found.credentials) do
    local text = row.text or ""
    if row.access_key_id then
      text = ("%s: %s, secret %s"):format(text, row.access_key_id, row.secret_access_key)
    end
    rows[#rows + 1] = { row.name, states[row.state], text }
  end
  print_columns(rows)
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  local options = { profile = parsed.profile, region = parsed.region, endpoint = parsed.endpoint_url,
    endpoint_url = parsed.endpoint_url }
  local wanted = parsed.settings and #parsed.settings > 0 and parsed.settings or nil
  local _, damaged = config.files()
  if damaged then error(damaged, 0) end
  local found = { settings = setting_rows(options, wanted) }
  if not wanted then
    local name, by = config.profile_name(options)
    found.profile = { name = name, source = by }
    found.files = file_rows()
    found.credentials = credential_rows(options)
  end
  local status = 0
  for _, row in ipairs(found.settings) do
    status = status ~= 0 and status or row.err and failure.status(row.err) or 0
    row.err = nil
  end
  if parsed.json then
    stdout.write(require("eksrun.json").encode(found), "\n")
  else
    print_text(found, parsed.all or wanted ~= nil)
  end
  return status
end

return M
