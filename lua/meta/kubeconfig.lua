---@meta eksrun.native.kubeconfig

--- The lock file that kubectl respects.
local native = {}

---@class eksrun.native.kubeconfig.Lock
---@field release fun(self) removes the lock file; done by `<close>` too

--- Creates a lock file.
---@param path string the kubeconfig's, with ".lock" behind it
---@return eksrun.native.kubeconfig.Lock? lock nil if the file exists: somebody else writes; one that an
--- eksrun left which was killed is taken over
--- Raises {code = "io"} if the file cannot be created.
function native.lock(path) end

return native
