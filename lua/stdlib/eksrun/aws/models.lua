--- The services that there are: the program's own, and those of AWS_DATA_PATH.
local native = require "eksrun.native.aws"

local M = {}

--- @param name string as the AWS CLI calls it
--- @return eksrun.native.aws.Service|nil
function M.service(name) return native.service(name) end

--- @return string[] names, sorted
function M.services() return native.services() end

return M
