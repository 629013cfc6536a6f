--- The services that there are: the program's own, and those of the folders in AWS_DATA_PATH
--- (eksrun.aws.data_path).
local native = require "eksrun.native.aws"
local system_module = require "eksrun.aws.system"

local M = {}

-- The folders' services, if there are folders.
local function folders_of(system)
  system = system or system_module.default
  local list = system.env "AWS_DATA_PATH"
  return list and require("eksrun.aws.data_path").open(list, system)
end

--- The model of a service.
--- @param name string as the AWS CLI calls it
--- @param system? eksrun.aws.System
--- @return eksrun.native.aws.Service|nil
--- Raises {code = "config"} for a damaged file in AWS_DATA_PATH, naming it.
function M.service(name, system)
  local folders = folders_of(system)
  return folders and folders:service(name) or native.service(name)
end

--- The endpoint rules of a service, from where its model is.
--- @param name string
--- @param system? eksrun.aws.System
--- @return eksrun.native.endpoint.Rules|nil
--- Raises {code = "config"} for a damaged file in AWS_DATA_PATH, naming it.
function M.rules(name, system)
  local folders = folders_of(system)
  return folders and folders:rules(name) or require("eksrun.native.endpoint").rules(name)
end

--- @param system? eksrun.aws.System
--- @return string[] names of all services, sorted
function M.services(system)
  local folders, names = folders_of(system), native.services()
  if folders then folders:add_names(names) end
  return names
end

return M
