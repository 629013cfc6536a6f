--- Who watches the calls of the process: what --debug and --stats are made of.
---
--- An observer is a table of functions, each optional:
---
---   sending(call, request)               before a request goes out; it is signed
---   answered(call, response, output, err) what came of it; response is nil if there was none
---   waiting(call, seconds, reason)       "limit" or "retry"
---   mended(call, what)                   it goes out again at once: "age", "clock", "credentials" or "hook"
---   ended(call, err)                     of the whole call; err is nil after a success
---
--- Observers see secrets: what they show goes through eksrun.aws.redact. They do not wait.
local M = {}

local observers = {}

--- @param observer table
function M.add(observer) observers[#observers + 1] = observer end

--- @param observer table
function M.remove(observer)
  for i = #observers, 1, -1 do
    if observers[i] == observer then table.remove(observers, i) end
  end
end

--- Tells all observers of an event.
--- @param event "sending"|"answered"|"waiting"|"mended"|"ended"
--- @param call eksrun.aws.Call
function M.tell(event, call, ...)
  for _, observer in ipairs(observers) do
    if observer[event] then observer[event](call, ...) end
  end
end

return M
