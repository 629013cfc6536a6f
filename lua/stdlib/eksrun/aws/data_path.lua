--- Models of the folders in AWS_DATA_PATH: finds their files, amends and compiles them.
---
--- A folder has botocore's layout: SERVICE/VERSION/service-2.json, beside it paginators-1.json,
--- waiters-2.json and endpoint-rule-set-1.json, each of them perhaps as .gz and amended by a
--- .sdk-extras.json. The newest version of a service counts; of the same version an earlier folder's,
--- and any folder's before the program's. Every function raises {code = "config"} for a damaged file
--- and names it.
local error = error
local errors = require "eksrun.aws.errors"
local native = require "eksrun.native.aws"

local M = {}

local MODEL_MAX = 256 * 1024 * 1024

local function damaged(path, cause)
  error(errors.new {
    code = "config",
    message = ("AWS_DATA_PATH: %s: %s"):format(path, cause.message or tostring(cause)),
    cause = type(cause) == "table" and cause or nil,
  }, 0)
end

-- The bytes of a file, or of its .gz; nil if there is neither. Then its path.
local function read(path)
  local file = require "eksrun.file"
  for _, ending in ipairs { "", ".gz" } do
    local bytes, err = file.try_read(path .. ending, { max = MODEL_MAX })
    if bytes then
      if ending == "" then return bytes, path end
      local ok, plain = pcall(require("eksrun.checksum").gunzip, bytes, MODEL_MAX)
      if not ok then damaged(path .. ending, plain) end
      return plain, path .. ending
    end
    if err.code ~= "not_found" then damaged(path .. ending, err) end
  end
end

local function decode(text, path)
  local value, err = require("eksrun.json").try_decode(text)
  if err then damaged(path, err) end
  if type(value) ~= "table" then damaged(path, "an object is expected") end
  return value
end

-- Lists are appended to, objects merged, anything else replaced: as the SDKs amend their models.
local function merge(into, from)
  for key, value in pairs(from) do
    local have = into[key]
    if type(have) ~= "table" or type(value) ~= "table" then
      into[key] = value
    elseif getmetatable(have) == require("eksrun.json").array_mt then
      table.move(value, 1, #value, #have + 1, have)
    else
      merge(have, value)
    end
  end
end

-- The JSON text of a part of a model, amended; nil if there is none. Then its path.
local function part(folder, name)
  local text, path = read(("%s/%s.json"):format(folder, name))
  if not text then return nil end
  local extras, extras_path = read(("%s/%s.sdk-extras.json"):format(folder, name))
  if extras then
    local whole = decode(text, path)
    merge(whole, decode(extras, extras_path).merge or {})
    text = require("eksrun.json").encode(whole)
  end
  return text, path
end

-- The newest version of a service in a folder: its own folder and its date.
local function newest(folder, name)
  local file = require "eksrun.file"
  local best
  for _, version in ipairs(file.list(folder .. "/" .. name) or {}) do
    local path = ("%s/%s/%s/service-2.json"):format(folder, name, version)
    if version:find("^%d%d%d%d%-%d%d%-%d%d$") and (not best or version > best)
      and (file.exists(path) or file.exists(path .. ".gz")) then
      best = version
    end
  end
  return best and ("%s/%s/%s"):format(folder, name, best), best
end

-- Where the folders have a service newer than, or as new as, the program's.
local function find(folders, name)
  if name:find("[/%z]") or name:sub(1, 1) == "." then return nil end
  local own = native.service(name)
  local best, path = own and own:metadata().apiVersion or "", nil
  for _, folder in ipairs(folders) do
    local at, version = newest(folder, name)
    if at and (version > best or version == best and not path) then best, path = version, at end
  end
  return path
end

-- The model's text with waiters and paginators in it, as files of models/ have them.
local function assemble(folder)
  local json = require "eksrun.json"
  local text, path = part(folder, "service-2")
  local waiters, waiters_path = part(folder, "waiters-2")
  local paginators, paginators_path = part(folder, "paginators-1")
  local parts = {}
  if waiters then
    parts[1] = '"waiters":' .. json.encode(decode(waiters, waiters_path).waiters or json.object())
  end
  if paginators then
    parts[#parts + 1] = '"pagination":'
      .. json.encode(decode(paginators, paginators_path).pagination or json.object())
  end
  if #parts > 0 and text:find("^%s*{%s*\"") then
    text = text:gsub("{", function() return "{" .. table.concat(parts, ",") .. "," end, 1)
  end
  return text, path
end

--- @class eksrun.aws.ModelFolders
--- @field folders string[]
--- @field services table<string, any> by name, once asked for; false: none
--- @field rule_sets table<string, any> likewise
local Folders = {}
Folders.__index = Folders

-- What load() gives for a name, asked for once.
local function once(known, name, load)
  if known[name] == nil then known[name] = load() or false end
  return known[name] or nil
end

local function compiled(path, compile)
  local ok, result = pcall(compile)
  if not ok then damaged(path, result) end
  return result
end

--- The model of a service, if a folder has one that is newer than, or as new as, the program's.
--- @param name string
--- @return eksrun.native.aws.Service|nil
function Folders:service(name)
  return once(self.services, name, function()
    local folder = find(self.folders, name)
    if not folder then return nil end
    local text, path = assemble(folder)
    return compiled(path, function() return native.open(native.compile(text, name)) end)
  end)
end

--- The endpoint rules beside that model.
--- @param name string
--- @return eksrun.native.endpoint.Rules|nil
function Folders:rules(name)
  return once(self.rule_sets, name, function()
    local folder = find(self.folders, name)
    local text, path
    if folder then text, path = part(folder, "endpoint-rule-set-1") end
    if not text then return nil end
    local endpoint = require "eksrun.native.endpoint"
    return compiled(path, function() return endpoint.open(endpoint.compile(text)) end)
  end)
end

--- Adds the names of the folders' services, in order.
--- @param names string[] sorted
function Folders:add_names(names)
  local seen = {}
  for _, name in ipairs(names) do seen[name] = true end
  for _, folder in ipairs(self.folders) do
    for _, name in ipairs(require("eksrun.file").list(folder) or {}) do
      if not seen[name] and newest(folder, name) then
        seen[name] = true
        names[#names + 1] = name
      end
    end
  end
  table.sort(names)
end

local opened = {}

--- The folders of a list, read at the first use of a service and kept.
--- @param list string the value of AWS_DATA_PATH
--- @param system eksrun.aws.System
--- @return eksrun.aws.ModelFolders
function M.open(list, system)
  if not opened[list] then
    local folders = {}
    for folder in list:gmatch("[^:]+") do
      local rest = folder:match("^~(/.*)$")
      local home = rest and system.env("HOME")
      folders[#folders + 1] = home and home .. rest or folder
    end
    opened[list] = setmetatable({ folders = folders, services = {}, rule_sets = {} }, Folders)
  end
  return opened[list]
end

return M
