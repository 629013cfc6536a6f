--- What goes wrong on purpose between a client and the sandbox: a specification, and what becomes of each
--- request by it. The seed and the request's number decide, so that the same run meets the same faults.
local fault = require "eksrun.sandbox.fault"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.sandbox.Faults what is nil does not happen; rates are 0 to 1
--- @field throttle? number rate: refused, calls come too fast
--- @field error? number rate: refused with a status of 5xx, before anything was done
--- @field reset? number rate: the connection breaks before anything was done
--- @field lost? number rate: done, but the connection breaks before the answer
--- @field slow? { rate: number, seconds: number } answered later
--- @field late? number seconds until what EC2 made is seen
--- @field capacity? string[] patterns of TYPE or TYPE@ZONE that EC2 has no room for
--- @field crash? { at: integer, moment: "before"|"during"|"after" } the client ends at a request: before it
--- is sent, before its answer comes, or behind that

local SLOW_SECONDS = 10

local function fail(message, ...) util.fail("usage", "faults: " .. message, ...) end

local function rate(name, text)
  local number = tonumber(text)
  if not number or number < 0 or number > 1 then fail("%s=%s: a rate from 0 to 1 expected", name, text) end
  return number
end

local function seconds(name, text)
  local number, unit = text:match "^([%d.]+)([smh]?)$"
  number = tonumber(number)
  if not number then fail("%s=%s: a time expected, such as 3s", name, text) end
  return number * ({ [""] = 1, s = 1, m = 60, h = 3600 })[unit]
end

local readers = {
  throttle = rate, error = rate, reset = rate, lost = rate, late = seconds,
  slow = function(name, text)
    local share, time = text:match "^([^:]*):?(.*)$"
    return { rate = rate(name, share), seconds = time ~= "" and seconds(name, time) or SLOW_SECONDS }
  end,
  capacity = function(_, text, before)
    before = before or {}
    before[#before + 1] = text
    return before
  end,
  crash = function(name, text)
    local at, moment = text:match "^(%d+):?(%a*)$"
    if moment == "" then moment = "during" end
    if not at or at == "0" or moment ~= "before" and moment ~= "during" and moment ~= "after" then
      fail("%s=%s: the number of a request expected, and before, during or after, such as 17:during", name,
        text)
    end
    return { at = math.tointeger(at), moment = moment }
  end,
}

--- Reads a specification: "throttle=0.3,error=0.1,reset=0.05,lost=0.05,slow=0.1:20s,late=3s,
--- capacity=m7g.*@us-east-1a,crash=17:during". capacity may be repeated. Raises { code = "usage" }.
--- @param text string
--- @return eksrun.sandbox.Faults
function M.parse(text)
  local out = {}
  for part in text:gmatch "[^,]+" do
    local name, value = part:match "^%s*([%w_]+)%s*=%s*(%S+)%s*$"
    if not name then fail("'%s' is not NAME=VALUE", part) end
    if not readers[name] then
      local known = util.sorted_keys(readers)
      local near = util.did_you_mean(name, known)
      fail("there is no '%s'%s", name, near ~= "" and near or ", but " .. table.concat(known, ", "))
    end
    if out[name] ~= nil and name ~= "capacity" then fail("%s is given twice", name) end
    out[name] = readers[name](name, value, out[name])
  end
  if next(out) == nil then fail "nothing is said to go wrong" end
  return out
end

local TOO_FAST = {
  ec2 = { "RequestLimitExceeded", "Request limit exceeded.", 503 }, s3 = { "SlowDown", "Please reduce your "
    .. "request rate.", 503 }, query = { "Throttling", "Rate exceeded", 400 },
  ["rest-json"] = { "ThrottlingException", "Rate exceeded", 429 },
}
local BROKEN = {
  ec2 = { "InternalError", "An internal error has occurred", 500 },
  s3 = { "InternalError", "We encountered an internal error. Please try again.", 500 },
}

--- The refusals of a service.
--- @param kind "throttle"|"error"
--- @param service string
--- @param protocol string
--- @return eksrun.sandbox.Fault
function M.refusal(kind, service, protocol)
  local known = kind == "throttle" and TOO_FAST or BROKEN
  local said = known[service] or known[protocol]
  if not said and kind == "throttle" then said = { "ThrottlingException", "Rate exceeded", 400 } end
  said = said or { "ServiceUnavailable", "Service is unable to handle request.", 503 }
  return fault.new(said[1], said[2], { status = said[3] })
end

--- What becomes of a request: the kinds that happen to it. One that does not reach the sandbox meets nothing
--- else there.
--- @param settings eksrun.sandbox.Faults
--- @param world eksrun.sandbox.World
--- @param number integer of the request
--- @return { reset?: boolean, refuse?: "throttle"|"error", lost?: boolean, slow?: number }
function M.draw(settings, world, number)
  local digits = world:hash("faults", number)
  local function happens(at, share)
    return share and tonumber(digits:sub(8 * at + 1, 8 * at + 8), 16) < share * 0x100000000
  end
  local slow = settings.slow
  local out = { slow = slow and happens(0, slow.rate) and slow.seconds or nil }
  if happens(1, settings.reset) then
    out.reset = true
  elseif happens(2, settings.throttle) then
    out.refuse = "throttle"
  elseif happens(3, settings.error) then
    out.refuse = "error"
  elseif happens(4, settings.lost) then
    out.lost = true
  end
  return out
end

return M
