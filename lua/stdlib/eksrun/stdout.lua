--- stdout, for results. A write that fails stops nothing, least of all a run that is changing AWS; it is
--- remembered, and the program does not end as if all were well.
local M = {}

local EPIPE = 32

-- Why a write failed; a reader that left early had enough.
local failure

local function note(_, message, number)
  if message and number ~= EPIPE then failure = failure or message end
end

--- Writes at once.
--- @param ... string
function M.write(...)
  note(io.stdout:write(...))
  note(io.stdout:flush())
end

--- Raises { code = "file" } if something could not be written.
function M.check()
  note(io.stdout:flush())
  local message = failure
  failure = nil
  if message then require("eksrun.util").fail("file", "cannot write to stdout: %s", message) end
end

return M
