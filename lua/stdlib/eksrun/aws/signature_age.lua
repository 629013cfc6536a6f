--- The date of a signature. AWS refuses one that is too old, and so also a request that has to arrive by a
--- certain time, if its signature is dated back far enough.
---
--- How old is too old differs: 15 minutes at most services, 5 at some. To take too much is safe: the service
--- refuses at once, says how much it is, and the call is signed again.
local clock_skew = require "eksrun.aws.clock_skew"

local M = {}

--- Seconds after which a service refuses a signature, until it says otherwise.
M.USUAL = 900
-- What a service that refuses sooner, and does not say when, grants as AWS documents it.
local LEAST = 300

-- By service, where it is not the usual.
local ages = {}

--- When to date a signature.
--- @param now number
--- @param not_after number from when on it is to be refused
--- @param age number seconds after which it is
--- @return number
function M.date(now, not_after, age) return math.min(now, not_after - age) end

--- When to date the signature of a call that AWS is to refuse from some time on.
--- @param call eksrun.aws.Call with such a permit
--- @return number seconds since 1970, by the host's clock
function M.of(call)
  return M.date(clock_skew.now(call), call.permit.not_after, ages[call.client.name] or M.USUAL)
end

-- "Signature expired: 20261123T155900Z is now earlier than 20261123T160200Z (20261123T160700Z - 5 min.)"
local function said(err)
  local text = tostring(err.aws_message or "")
  local minutes = text:match "%- (%d+) min"
  if minutes then return tonumber(minutes) * 60 end
  local is_old = err.code == "RequestExpired" or err.code == "RequestTimeTooSkewed" or text:find "[Ee]xpired"
  return is_old and LEAST or nil
end

--- Whether a call that was dated back was refused for that, by a service that grants less than was thought.
--- @param call eksrun.aws.Call with such a permit
--- @param err table error object
--- @return boolean
function M.learn(call, err)
  local name, age = call.client.name, said(err)
  local reckoned = ages[name] or M.USUAL
  -- A date that was our own clock's is too old because that is slow.
  if clock_skew.now(call) < call.permit.not_after - reckoned then return false end
  if not age or age >= reckoned or age < LEAST then return false end
  ages[name] = age
  return true
end

--- Forgets what was learnt.
function M.forget() ages = {} end

return M
