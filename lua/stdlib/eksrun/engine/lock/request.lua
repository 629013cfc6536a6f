--- The calls by which a store keeps the records of a lock.
local clock = require "eksrun.clock"

-- What keeps the lock does not ask it.
local OPTIONS = { permit = false }

--- Calls an operation.
--- @param client eksrun.aws.Client
--- @param operation string
--- @param params table
--- @param ... string codes of errors that are answers, too
--- @return table? output nil: it was one of these errors
--- @return number now AWS's time, as the answer says; ours, where a stand-in's does not
return function(client, operation, params, ...)
  local output, err, response = client:invoke(operation, params, OPTIONS)
  if err then
    local expected = false
    for i = 1, select("#", ...) do expected = expected or err.code == select(i, ...) end
    if not expected then error(err, 0) end
  end
  return output, clock.try_parse(response and response.headers.date or "") or clock.now()
end
