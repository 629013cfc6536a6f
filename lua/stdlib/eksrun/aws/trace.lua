--- The trace id that AWS Lambda gives a function, passed on with every call, so that Lambda can see
--- when functions call each other in a circle.
local M = {}

--- The value of X-Amzn-Trace-Id; nil outside of Lambda.
--- @param system eksrun.aws.System
--- @return string|nil with control characters and bytes above ASCII as %XX
function M.header(system)
  if not system.env "AWS_LAMBDA_FUNCTION_NAME" then return nil end
  local id = system.env "_X_AMZN_TRACE_ID"
  if not id then return nil end
  return (id:gsub("[\0-\31\127-\255]", function(c) return ("%%%02X"):format(c:byte()) end))
end

--- Adds the header to a request that has none of its own.
--- @param system eksrun.aws.System
--- @param headers table<string, string> by lower-case name
function M.add(system, headers)
  headers["x-amzn-trace-id"] = headers["x-amzn-trace-id"] or M.header(system)
end

return M
