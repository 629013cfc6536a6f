---@meta eksrun.native.edit

--- Lines from the terminal, edited, while other tasks run.
local edit = {}

---@class eksrun.native.Editor
local Editor = {} -- luacheck: ignore 241

--- An editor on standard input and output. Raises { code = "invalid" } if they are no terminal.
---@param name string the program's name, for conditions in ~/.editrc
---@return eksrun.native.Editor
function edit.new(name) end

--- Reads a line; waits.
---@param prompt string one line of printable text
---@return string? line without its newline
---@return "eof"|"interrupt"? why there is none
function Editor:read(prompt) end

--- Gives up the line being read: its reader gets nil, "interrupt".
---@return boolean whether a line was being read
function Editor:interrupt() end

--- Adds the newest entry of the history.
---@param entry string may hold newlines
function Editor:remember(entry) end

--- Restores the terminal.
function Editor:close() end

return edit
