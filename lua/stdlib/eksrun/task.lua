--- Tasks: functions that run side by side on the one loop, and the scopes that hold them.
---
--- Whatever waits (task.sleep, http.request, ...) lets the other tasks run. A scope is left only
--- when all its tasks have ended; the first that fails cancels the others. A canceled task learns of
--- it in its next wait, which raises the reason; pcall may clean up, the wait after it raises again.
--- task.scope runs its function as a task of the new scope, and task.spawn spawns into the scope of
--- the running task, so what a function spawns within task.scope cannot outlive it.

local native = require "eksrun.native.task"

local M = {}

---@class eksrun.Task
---@field join fun(self): ... waits for the end; returns the function's results or raises its error
---@field cancel fun(self, reason: string|table|nil) asks it to stop; reason is what its waits raise
---@field status fun(self): "ready"|"running"|"waiting"|"done"|"failed"|"canceled"
---@field traceback fun(self): string? where a failed task failed

---@class eksrun.Scope
---@field spawn fun(self, f: function, ...): eksrun.Task
---@field cancel fun(self, reason: string|table|nil) asks all its tasks to stop

--- Starts a task in the current scope; it first runs when the current task waits.
---@param f function
---@param ... any its arguments
---@return eksrun.Task
M.spawn = native.spawn

--- The running task.
---@return eksrun.Task
M.current = native.current

--- Waits.
---@param seconds number
---@param look? boolean for another look at the world outside: in real time, also while time is simulated
M.sleep = native.sleep

--- Raises the reason if the running task was canceled. For long computations.
M.check = native.check

--- Calls a function at the first SIGINT, SIGTERM or SIGHUP, in a task of its own, instead of canceling the
--- program with { code = "interrupted", signal = "SIGINT" }. The second signal ends the process,
--- unless the handler was set again meanwhile: then it counts as a first one. With `stops`, a task that
--- computes without ever waiting is stopped as if there were no handler, which is called afterwards.
---@param handler fun(signal: "SIGINT"|"SIGTERM"|"SIGHUP")|nil
---@param stops? boolean
M.on_signal = native.on_signal

--- Runs f(scope, ...) and waits for all that was spawned into the scope meanwhile.
---@param f fun(scope: eksrun.Scope, ...): ...
---@return ... the results of f; raises the first error of any task in the scope. At most 10,000 deep
function M.scope(f, ...)
  local scope = native.scope()
  return scope:join(scope:spawn(f, scope, ...))
end

--- Runs functions side by side.
---@param functions function[]
---@return table results the first result of each, by its index; raises the first error
function M.all(functions)
  return M.scope(function(scope)
    local tasks, results = {}, {}
    for i, f in ipairs(functions) do tasks[i] = scope:spawn(f) end
    for i, t in ipairs(tasks) do results[i] = t:join() end
    return results
  end)
end

--- Runs f(...) for so long at most.
---@param seconds number
---@param f function
---@return ... the results of f; raises { code = "timeout" }
function M.timeout(seconds, f, ...)
  local scope = native.scope()
  scope:deadline(seconds)
  return scope:join(scope:spawn(f, ...))
end

local function unshield(...)
  native.shield(false)
  return ...
end

--- Runs f(...) as if the task were not canceled: for what has to wait while cleaning up.
---@param f function
---@return ... what pcall(f, ...) returns
function M.shield(f, ...)
  native.shield(true)
  return unshield(pcall(f, ...))
end

---@class eksrun.Event
local Event = {}
Event.__index = Event

--- Something that happens once.
---@return eksrun.Event
function M.event()
  return setmetatable({ queue = native.queue(), happened = false }, Event)
end

--- It has happened: everyone who waits for it goes on, and nobody will wait again.
function Event:set()
  self.happened = true
  self.queue:wake()
end

---@return boolean
function Event:is_set()
  return self.happened
end

--- Waits until it has happened.
function Event:wait()
  if not self.happened then self.queue:wait("event:wait") end
end

--- Lets at most n tasks in at a time, in the order they came.
---@param n integer
---@return eksrun.Semaphore
--- Raises at the caller's line for any other n.
function M.semaphore(n)
  if math.type(n) ~= "integer" or n < 1 then
    error("task.semaphore: n (integer >= 1) is required", 2)
  end
  return require("eksrun.semaphore").new(n)
end

return M
