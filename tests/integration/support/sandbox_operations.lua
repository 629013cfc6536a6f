-- Prints the operations of a service that the sandbox has.
--
--   eksrun lua sandbox_operations.lua SERVICE
local services = require "eksrun.sandbox.services"

for _, name in ipairs(require("eksrun.native.aws").service(arg[1]):operations()) do
  if services.handler(arg[1], name) then print(name) end
end
