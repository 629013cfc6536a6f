---@meta eksrun.native.task

--- What eksrun.task is made of; recipes use that.
local native = {}

--- Starts a task in the scope of the running one; what follows are f's arguments.
---@param f function
---@return eksrun.Task
function native.spawn(f, ...) end

---@class eksrun.native.task.Scope: eksrun.Scope
---@field join fun(self, body: eksrun.Task): ... waits for all tasks; the results of body
---@field deadline fun(self, seconds: number) cancels with { code = "timeout" }

--- A scope below the running task's.
---@return eksrun.native.task.Scope
function native.scope() end

--- The running task. Raises outside of one.
---@return eksrun.Task
function native.current() end

--- Lets other tasks run meanwhile. Raises where Lua cannot wait, and if the task is canceled.
---@param seconds number
---@param look? boolean for another look at the world outside: in real time, also while time is simulated
function native.sleep(seconds, look) end

--- Raises if the running task was canceled.
function native.check() end

--- Switches the delivery of cancellations to the running task off, and on again. Nests.
---@param on boolean
function native.shield(on) end

---@class eksrun.native.task.Queue
---@field wait fun(self, what: string?) until woken; `what` names the caller in a refusal
---@field wake fun(self, most: integer?): integer wakes the first; how many were

--- A place where tasks wait until they are woken, in the order in which they came.
---@return eksrun.native.task.Queue
function native.queue() end

--- Who hears of signals from now on; nil: the host alone.
---@param handler fun(signal: "SIGINT"|"SIGTERM"|"SIGHUP")|nil
---@param stops? boolean a task that computes without waiting is stopped, too
function native.on_signal(handler, stops) end

return native
