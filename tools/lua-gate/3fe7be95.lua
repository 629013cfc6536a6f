-- 3fe7be95: closing a coroutine that waits inside of xpcall calls that xpcall's handler, or what
-- took its place on the stack; repaired in 5.4.8. A canceled task would report another error than
-- the one that happened.
local waiting = coroutine.create(function()
  local guard <close> = setmetatable({}, { __close = function() error("from __close", 0) end })
  xpcall(coroutine.yield, function(message) return "handled: " .. tostring(message) end, guard)
end)
assert(coroutine.resume(waiting))
local ok, message = coroutine.close(waiting)
assert(not ok and message == "from __close", message)
