--- Finalizers that run while a native function allocates.
local M = {}

--- Calls f while every allocation may run a whole collection.
--- @param f function
--- @return any what f returns
function M.eagerly(f, ...)
  local mode = collectgarbage("incremental", 1, 1000, 40)
  collectgarbage() -- behind it, the new settings count
  local results = table.pack(pcall(f, ...))
  collectgarbage("incremental", 200, 100, 13)
  if mode == "generational" then collectgarbage("generational", 20, 100) end
  if not results[1] then error(results[2], 0) end
  return table.unpack(results, 2, results.n)
end

--- Has f called by every collection from now on, until it returns true.
--- @param f fun(): boolean|nil
function M.at_each(f)
  setmetatable({}, { __gc = function() if not f() then M.at_each(f) end end })
end

return M
