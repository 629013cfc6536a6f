---@meta eksrun.terminal

--- What a person sits at.
local terminal = {}

--- Whether standard input (0), output (1) or error (2) is a terminal.
---@param fd 0|1|2
---@return boolean
function terminal.is_tty(fd) end

--- How large the terminal is.
---@return integer|nil columns nil without a terminal
---@return integer? rows
function terminal.size() end

--- Waits for one line of standard input.
---@param prompt? string for standard error
---@return string|nil line without its end; nil at the end of input
function terminal.read_line(prompt) end

--- Has a pager show a text, and waits for its end without letting other tasks run. Ctrl-C is the pager's.
---@param text string
---@param command? string for the shell; default: less
---@return boolean shown false where there is no such program
function terminal.page(text, command) end

--- A display on the terminal of standard error. Its writes do not block, and the cursor is shown again
--- however the process ends or stops. One at a time.
---@class eksrun.terminal.Screen
local Screen = {}

--- Writes a frame. It is left out, and false returned, while the terminal does not take what was written
--- before, and while the process is in the background.
---@param bytes string
---@param keep? boolean never left out, unless the terminal is gone: it waits
---@return boolean written or waiting
function Screen:draw(bytes, keep) end

--- Whether the process was stopped (Ctrl-Z) and continued since this was last asked.
---@return boolean
function Screen:resumed() end

--- Shows the cursor and gives the terminal back. May be called twice.
function Screen:close() end

--- Opens the display.
---@return eksrun.terminal.Screen|nil nil where standard error is no terminal
function terminal.screen() end

return terminal
