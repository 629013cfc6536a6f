--- Organizations: the sandbox's account is a member of none, and every question about one is answered so.
local fault = require "eksrun.sandbox.fault"
local native = require "eksrun.native.aws"

local M = { operations = {} }

local function alone()
  fault.raise("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
end

for _, name in ipairs(native.service "organizations":operations()) do
  if name:find "^Describe" or name:find "^List" then M.operations[name] = alone end
end

return M
