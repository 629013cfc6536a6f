---@meta eksrun.terminal

--- What a person sits at.
local terminal = {}

--- Whether standard input (0), output (1) or error (2) is a terminal.
---@param fd 0|1|2
---@return boolean
function terminal.is_tty(fd) end

---@return integer|nil columns nil without a terminal
---@return integer? rows
function terminal.size() end

--- Waits for one line of standard input.
---@param prompt? string for standard error
---@return string|nil line without its end; nil at the end of input
function terminal.read_line(prompt) end

return terminal
