-- Servers for the specs: started on a free port of 127.0.0.1, stopped by their id, and by the kernel if the
-- spec is killed before it does so.

local process = require "eksrun.process"

local M = {}
M.__index = M

--- Starts a program that prints "PORT PID" when it serves.
---@param command string for the shell
function M.start(command)
  local pipe = assert(io.popen("exec setpriv --pdeathsig KILL " .. command, "r"))
  local port, pid = (pipe:read "l" or ""):match "^(%d+) (%d+)$"
  assert(port, command .. " did not start")
  return setmetatable({ pipe = pipe, port = port, pid = pid, url = "http://127.0.0.1:" .. port }, M)
end

--- Starts tests/support/http_server.py.
function M.misbehaving()
  return M.start "python3 tests/support/http_server.py"
end

function M:stop()
  process.run { argv = { "kill", "-KILL", self.pid } }
  self.pipe:close()
end

return M
