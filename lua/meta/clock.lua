---@meta eksrun.clock

--- What time it is, and timestamps as text.
local clock = {}

--- Seconds since 1970.
---@return number
function clock.now() end

--- Seconds since some start; never steps, and counts the time that the machine sleeps.
---@return number
function clock.monotonic() end

--- Simulates time: it stands still while anything runs, and when all tasks sleep it is at once the time that
--- the first of them wakes. Who waits for the world outside (a request, a process) waits as long as that takes.
---@param t number? what time it is to begin with, in seconds since 1970; nil: real time again
function clock.simulate(t) end

--- A time as text, in UTC.
---@param t number seconds since 1970
---@param format? "iso8601"|"millis"|"basic"|"date"|"http" "iso8601": 2026-01-02T03:04:05Z
---@return string
function clock.format_iso8601(t, format) end

--- Reads ISO 8601, an HTTP date or decimal seconds.
---@param text string
---@return number seconds since 1970, an integer if whole
--- Raises {code = "syntax"}.
function clock.parse(text) end

--- The same, returning the error.
---@param text string
---@return number|nil
---@return eksrun.Error? err
function clock.try_parse(text) end

return clock
