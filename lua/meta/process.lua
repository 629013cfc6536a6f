---@meta eksrun.process

--- This process, and others.
local process = {}

--- A variable of the environment as it was at the start. Secrets are to be had here only:
--- os.getenv and children do not see them.
---@param name string
---@return string|nil
function process.env(name) end

--- The number of this process.
---@return integer
function process.pid() end

--- Sends a signal. Raises { code = "not_found" }: there is no such process, or { code = "io" }.
---@param pid integer
---@param signal? "TERM"|"INT"|"HUP"|"KILL" default TERM
function process.kill(pid, signal) end

---@class eksrun.process.Command
---@field argv string[] the program, looked up in PATH, and its arguments; no shell
---@field env? table names to pass on as a list, values to set as a map; without it PATH, HOME, USER,
--- LOGNAME, SHELL, TERM, TMPDIR, LANG, LC_ALL and TZ are passed on
---@field cwd? string
---@field stdin? string
---@field timeout? number seconds; 60. It is killed then
---@field max_output? integer bytes of each output; 1 MiB

---@class eksrun.process.Result
---@field code? integer exit status
---@field signal? integer the signal that ended it
---@field stdout string
---@field stderr string

--- Waits for its end. Raises what try_run returns.
---@param command eksrun.process.Command
---@return eksrun.process.Result
function process.run(command) end

--- The same, returning the error: code "not_found", "io", "timeout" or "limit".
---@param command eksrun.process.Command
---@return eksrun.process.Result|nil
---@return eksrun.Error? err
function process.try_run(command) end

return process
