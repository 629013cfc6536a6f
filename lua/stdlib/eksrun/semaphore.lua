--- Places for at most so many tasks at a time, taken in the order in which they came: task.semaphore.
local native = require "eksrun.native.task"

local M = {}

---@class eksrun.Semaphore
local Semaphore = {}
Semaphore.__index = Semaphore

---@param n integer
---@return eksrun.Semaphore
function M.new(n)
  return setmetatable({ queue = native.queue(), free = n }, Semaphore)
end

local permit = {
  -- A woken task takes over the place, so `free` counts only what nobody waits for.
  __close = function(self)
    if self.semaphore.queue:wake(1) == 0 then self.semaphore.free = self.semaphore.free + 1 end
  end,
}

--- Waits for a place, runs f(...) and gives the place back.
---@param f function
---@return ... the results of f
function Semaphore:with(f, ...)
  if self.free > 0 then
    self.free = self.free - 1
  else
    self.queue:wait("semaphore:with")
  end
  local _ <close> = setmetatable({ semaphore = self }, permit)
  return f(...)
end

return M
