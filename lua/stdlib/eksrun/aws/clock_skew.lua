--- How far the clocks of hosts are from ours, learnt from what they refuse.
local M = {}

-- Seconds that the clocks of hosts run ahead of ours, once they complained.
local skews = {}

-- A difference smaller than this is no reason for a refusal.
local MIN = 240

--- The time at the host that a call goes to.
--- @param call eksrun.aws.Call
--- @return number seconds since 1970
function M.now(call) return call.client.system.now() + (skews[call.endpoint.host] or 0) end

--- Whether the server's clock is so far from ours that it explains an error; remembers by how much.
--- @param call eksrun.aws.Call
--- @param err table error object
--- @param response table
--- @return boolean
function M.learn(call, err, response)
  local date = response.headers.date
  if not date or not require("eksrun.aws.errors").may_be_clock(err) then return false end
  local ok, theirs = pcall(require("eksrun.clock").parse, date)
  if not ok or not theirs then return false end
  local host = call.endpoint.host
  local skew = theirs - call.client.system.now()
  if math.abs(skew - (skews[host] or 0)) < MIN then return false end
  skews[host] = skew
  return true
end

--- Forgets what was learnt.
function M.forget() skews = {} end

return M
