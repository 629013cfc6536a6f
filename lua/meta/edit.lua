---@meta eksrun.native.edit

--- Lines from the terminal, edited, while other tasks run.
local edit = {}

---@class eksrun.native.Editor
local Editor = {} -- luacheck: ignore 241

--- An editor on standard input and output. Raises { code = "invalid" } if they are no terminal.
---@param name string the program's name, for conditions in ~/.editrc
---@param mode? "emacs"|"vi" the keys, unless ~/.editrc says which; default emacs
---@return eksrun.native.Editor
function edit.new(name, mode) end

--- Begins a line, or goes on with the open one, until a key comes that is the caller's to decide on; waits.
--- After "enter" and "tab" the line is still open.
---@return "enter"|"tab"|"eof"|"interrupt"
function Editor:read() end

--- The open line, which may hold newlines.
---@return string? text nil: none is open
---@return integer? cursor bytes before the cursor
function Editor:text() end

--- Types text into the open line, at the cursor.
---@param text string
---@param drop? integer characters before the cursor that it replaces
function Editor:insert(text, drop) end

--- Writes whole lines above the open line; where the cursor is, if none is open.
---@param text string safe for a terminal; ends with a newline
function Editor:above(text) end

--- What stands before the line, from now on.
---@param text string one line of printable text
function Editor:prompt(text) end

--- Closes the open line: what follows is written below it.
function Editor:finish() end

--- Gives up the line being read: its reader gets "interrupt".
---@return boolean whether a line was being read
function Editor:interrupt() end

--- Adds the newest entry of the history.
---@param entry string may hold newlines
function Editor:remember(entry) end

--- Restores the terminal.
function Editor:close() end

return edit
