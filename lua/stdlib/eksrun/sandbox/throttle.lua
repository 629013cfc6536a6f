--- How fast requests may come: by the buckets that AWS documents, each of a region, filled by the sandbox's
--- clock. They are not part of the state: a sandbox that is opened again has them full.
local limits = require "eksrun.aws.limits"
local rate = require "eksrun.aws.rate"

local M = {}

-- Seconds that a request may come too early: clocks are rounded.
local GRACE = 0.001

--- @class eksrun.sandbox.Throttle
--- @field buckets table<string, eksrun.aws.Rate>
--- @field refused table<string, integer> how often each operation was, "ec2:CreateVpcEndpoint"
local Throttle = {}
Throttle.__index = Throttle

--- @return eksrun.sandbox.Throttle
function M.new() return setmetatable({ buckets = {}, refused = {} }, Throttle) end

--- Takes the tokens of a request, if all are there.
--- @param region string
--- @param service string
--- @param operation string
--- @param params table
--- @param now number seconds since 1970
--- @return number seconds until they are; 0: taken
function Throttle:take(region, service, operation, params, now)
  local wanted, seconds = limits.of(service, operation, params), 0
  local buckets = {}
  for i, limit in ipairs(wanted) do
    local key = ("%s %s %s"):format(region, service, limit.name)
    local bucket = self.buckets[key] or rate.fixed(limit.capacity, limit.rate, now)
    self.buckets[key], buckets[i] = bucket, bucket
    seconds = math.max(seconds, bucket:lacks(now, limit.cost))
  end
  if seconds > GRACE then return seconds end
  for i, limit in ipairs(wanted) do buckets[i]:spend(limit.cost) end
  return 0
end

--- Counts a refusal.
--- @param service string
--- @param operation string
function Throttle:count(service, operation)
  local name = service .. ":" .. operation
  self.refused[name] = (self.refused[name] or 0) + 1
end

return M
