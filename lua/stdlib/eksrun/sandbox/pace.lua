--- The clock of a sandbox that others talk to: it runs with the world's, or faster, and can be put forward.
local clock = require "eksrun.clock"

local M = {}

--- @class eksrun.sandbox.Pace
--- @field scale number
local Pace = {}
Pace.__index = Pace

--- @param started number seconds since 1970 that it shows now
--- @param scale? number its seconds in a second of the world; default 1
--- @return eksrun.sandbox.Pace
function M.new(started, scale)
  return setmetatable({ shown = started, since = clock.monotonic(), scale = scale or 1 }, Pace)
end

--- @return number seconds since 1970
function Pace:now() return self.shown + (clock.monotonic() - self.since) * self.scale end

--- It is at least that late.
--- @param at number seconds since 1970
function Pace:reach(at)
  local now = self:now()
  if at > now then self.shown = self.shown + at - now end
end

return M
