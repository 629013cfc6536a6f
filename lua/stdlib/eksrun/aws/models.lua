--- The services that there are: the program's own, and those of the folders in AWS_DATA_PATH, which
--- eksrun.aws.data_path reads. Of a folder a model is compiled at its first use and kept.
local native = require "eksrun.native.aws"
local system_module = require "eksrun.aws.system"

local M = {}

-- By the folders' list: services and rules by name; false where the folders have none.
local cache = {}

local function cached(system)
  local list = (system or system_module.default).env("AWS_DATA_PATH") or ""
  local known = cache[list]
  if not known then
    known = { folders = {}, services = {}, rules = {} }
    for folder in list:gmatch("[^:]+") do
      local rest = folder:match("^~(/.*)$")
      local home = rest and (system or system_module.default).env("HOME")
      known.folders[#known.folders + 1] = home and home .. rest or folder
    end
    cache[list] = known
  end
  return known
end

--- The model of a service.
--- @param name string as the AWS CLI calls it
--- @param system? eksrun.aws.System
--- @return eksrun.native.aws.Service|nil
--- Raises {code = "config"} for a damaged file in AWS_DATA_PATH, naming it.
function M.service(name, system)
  local known = cached(system)
  if #known.folders == 0 then return native.service(name) end
  local service = known.services[name]
  if service == nil then
    service = require("eksrun.aws.data_path").service(known.folders, name) or false
    known.services[name] = service
  end
  return service or native.service(name)
end

--- The endpoint rules of a service, from where its model is.
--- @param name string
--- @param system? eksrun.aws.System
--- @return eksrun.native.endpoint.Rules|nil
--- Raises {code = "config"} for a damaged file in AWS_DATA_PATH, naming it.
function M.rules(name, system)
  local endpoint = require "eksrun.native.endpoint"
  local known = cached(system)
  if #known.folders == 0 then return endpoint.rules(name) end
  local rules = known.rules[name]
  if rules == nil then
    rules = require("eksrun.aws.data_path").rules(known.folders, name) or false
    known.rules[name] = rules
  end
  return rules or endpoint.rules(name)
end

--- @param system? eksrun.aws.System
--- @return string[] names of all services, sorted
function M.services(system)
  local known = cached(system)
  local names = native.services()
  if #known.folders == 0 then return names end
  local data_path = require "eksrun.aws.data_path"
  local seen = {}
  for _, name in ipairs(names) do seen[name] = true end
  for _, folder in ipairs(known.folders) do
    for _, name in ipairs(require("eksrun.file").list(folder) or {}) do
      if not seen[name] and data_path.has(folder, name) then
        seen[name] = true
        names[#names + 1] = name
      end
    end
  end
  table.sort(names)
  return names
end

return M
