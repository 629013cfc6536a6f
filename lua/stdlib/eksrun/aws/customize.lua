--- What services need beyond their models: hooks of the stages of a call (aws/call.lua), by service
--- and operation.
local M = {}

local none = {}

--- The hooks of an operation, in the order in which they are called.
--- @param _service string "s3"
--- @param _operation string "PutObject"
--- @return table[] hooks each { [stage] = function(call, value) }
function M.hooks(_service, _operation) return none end

return M
