--- Where tasks wait for a token of a bucket, in the order in which they came.
local M = {}

local function wait_for_tokens(bucket, system, count)
  local now = system.now()
  while true do
    local seconds = bucket:take(now, count)
    if seconds <= 0 then return end
    system.sleep(seconds)
    now = math.max(now + seconds, system.now()) -- whatever became of the clock meanwhile
  end
end

local leaving = { __close = function(self) self.gate.waiting = self.gate.waiting - 1 end }

--- Takes tokens, behind those who wait for some already.
--- @param bucket eksrun.aws.Rate
--- @param system eksrun.aws.System
--- @param count? integer 1
--- @return number seconds waited
function M.pass(bucket, system, count)
  local started = system.now()
  local gate = bucket.gate
  if (not gate or gate.waiting == 0) and bucket:take(started, count) <= 0 then return 0 end
  gate = gate or { turn = require("eksrun.semaphore").new(1), waiting = 0 }
  bucket.gate = gate
  gate.waiting = gate.waiting + 1
  local _ <close> = setmetatable({ gate = gate }, leaving)
  gate.turn:with(wait_for_tokens, bucket, system, count)
  return math.max(0, system.now() - started)
end

return M
