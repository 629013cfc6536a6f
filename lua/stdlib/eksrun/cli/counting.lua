--- How far a command is that computes for a while and asks nobody: a line on the terminal, which is gone when
--- it is done; in a pipe a line every 30 s.
local clock = require "eksrun.clock"
local progress = require "eksrun.cli.progress"

local M = {}

local FIRST = 0.3 -- seconds: what is quicker is not shown
local HEARTBEAT = 30 -- seconds between two lines in a pipe

--- @class eksrun.cli.Counting
local Counting = {}
Counting.__index = Counting

--- @param parsed { progress?: string, json?: boolean, debug?: boolean } arguments of the command
--- @param what string "simulating"
--- @return eksrun.cli.Counting to be closed
function M.start(parsed, what)
  local mode = progress.mode(parsed)
  return setmetatable({
    what = what, every = mode == "tty" and 0 or mode == "plain" and HEARTBEAT or math.huge,
    animated = mode == "tty", said = clock.monotonic() + (mode == "tty" and FIRST or 0), drawn = false,
  }, Counting)
end

--- Says which of how many begins.
--- @param nth integer
--- @param count integer
function Counting:step(nth, count)
  local now = clock.monotonic()
  if now - self.said < self.every then return end
  local text = ("%s: %d of %d"):format(self.what, nth, count)
  io.stderr:write(self.animated and "\r\27[K" .. text or text .. "\n")
  self.said, self.drawn = now, self.animated
end

--- Takes the line away.
function Counting:close()
  if self.drawn then io.stderr:write "\r\27[K" end
  self.drawn = false
end
Counting.__close = Counting.close

return M
