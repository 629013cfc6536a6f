--- How fast to send: buckets of tokens, one for each request, that fill with time.
---
--- A fixed bucket has the capacity and the rate that AWS documents. A learnt one lets everything
--- pass until an answer says "slower"; then it takes the rate that was measured, cuts it, and finds
--- its way up again along a cubic curve, as the SDKs' adaptive mode does. Time is seconds of the
--- caller's clock; nothing here waits.
local M = {}

local BETA = 0.7 -- what is left of the rate after "slower"
local SCALE = 0.4 -- of the curve
local SMOOTHING = 0.8 -- weight of the newest measurement
local WINDOW = 0.5 -- seconds that a measurement takes
local RATE_MIN = 0.5 -- requests a second, in the SDKs' adaptive mode
local BURST = 2 -- times the measured rate: as fast as it may become
local MISSED = 1e-6 -- of a token: what a wait that was computed may miss by rounding

--- @class eksrun.aws.Rate
--- @field capacity number tokens it holds at most
--- @field rate number tokens a second
--- @field least number tokens a second
--- @field tokens number
--- @field measured number requests a second, of those answered
--- @field enabled boolean whether requests have to take a token
--- @field peak number the rate at the last "slower"
--- @field slowed_at number when that was
--- @field gate table|nil eksrun.aws.gate's: who waits
local Rate = {}
Rate.__index = Rate

--- A bucket with a rate of its own, full.
--- @param capacity number tokens
--- @param rate number tokens a second
--- @param now number
--- @return eksrun.aws.Rate
function M.fixed(capacity, rate, now)
  return setmetatable({
    capacity = capacity, rate = rate, tokens = capacity, filled_at = now, enabled = true,
  }, Rate)
end

--- A bucket that learns its rate from answers.
--- @param now number
--- @param tokens? number that it holds to begin with; 0
--- @param least? number tokens a second, however much it is slowed down; 0.5
--- @return eksrun.aws.Rate
function M.learnt(now, tokens, least)
  local self = setmetatable({ least = least or RATE_MIN, first = tokens or 0 }, Rate)
  self:forget(now)
  return self
end

--- Begins anew, as if nobody had said "slower".
--- @param now number
function Rate:forget(now)
  self.capacity, self.rate, self.tokens, self.filled_at = 1, self.least, self.first, now
  self.enabled = false
  self.measured, self.count, self.window = 0, 0, math.floor(now)
  self.peak, self.slowed_at = 0, now
end

local function fill(self, now)
  local elapsed = math.max(0, now - self.filled_at)
  self.tokens = math.min(self.capacity, self.tokens + elapsed * self.rate)
  self.filled_at = now
end

--- How long until there are so many tokens.
--- @param now number
--- @param count? integer tokens, no more than the capacity; 1
--- @return number seconds; 0: they are there
function Rate:lacks(now, count)
  count = count or 1
  fill(self, now)
  return self.tokens >= count - MISSED and 0 or (count - self.tokens) / self.rate
end

--- Takes tokens, or all there are.
--- @param count? integer tokens; 1
function Rate:spend(count) self.tokens = math.max(0, self.tokens - (count or 1)) end

--- Takes tokens, if they are there.
--- @param now number
--- @param count? integer tokens, no more than the capacity; 1
--- @return number seconds until they may be there; 0: taken
function Rate:take(now, count)
  if not self.enabled then return 0 end
  local seconds = self:lacks(now, count)
  if seconds == 0 then self:spend(count) end
  return seconds
end

local function measure(self, now)
  local window = math.floor(now / WINDOW) * WINDOW
  self.count = self.count + 1
  if window > self.window then
    local newest = self.count / (window - self.window)
    self.measured = newest * SMOOTHING + self.measured * (1 - SMOOTHING)
    self.count = 0
    self.window = window
  elseif window < self.window then -- the clock was set back
    self.count = 1
    self.window = window
  end
end

--- The rate that the curve allows.
--- @param peak number the rate at the last "slower"
--- @param elapsed number seconds since then
--- @return number
function M.climb(peak, elapsed)
  local plateau = (peak * (1 - BETA) / SCALE) ^ (1 / 3) -- seconds until the peak is reached again
  return SCALE * (elapsed - plateau) ^ 3 + peak
end

--- The rate after "slower".
--- @param rate number
--- @return number
function M.cut(rate) return rate * BETA end

--- Learns from an answer.
--- @param throttled boolean whether it said "slower"
--- @param now number
function Rate:answered(throttled, now)
  measure(self, now)
  local rate
  if throttled then
    self.peak = self.enabled and math.min(self.measured, self.rate) or self.measured
    self.slowed_at = now
    self.enabled = true
    rate = M.cut(self.peak)
  else
    rate = M.climb(self.peak, now - self.slowed_at)
  end
  fill(self, now)
  rate = math.min(rate, BURST * self.measured)
  self.rate = math.max(rate, self.least)
  self.capacity = math.max(rate, 1)
  self.tokens = math.min(self.tokens, self.capacity)
end

return M
