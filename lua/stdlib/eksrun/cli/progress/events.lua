--- The display for a program: an object a line for every event.
local util = require "eksrun.util"
local json = require "eksrun.json"
local tree = require "eksrun.cli.progress.tree"

local M = {}

local Events = {}
Events.__index = Events

--- @param options { emit: fun(event: table), say: fun(text: string) }
--- @return table
function M.new(options)
  return setmetatable({ emit = options.emit, out = options.say, pace = 0.5 }, Events)
end

local function rounded(seconds) return seconds and math.floor(seconds * 1000 + 0.5) / 1000 end
M.rounded = rounded

--- An error as data.
--- @param err any
--- @return table
function M.error_fields(err)
  if type(err) ~= "table" then return { message = tostring(err) } end
  local place = require("eksrun.cli.excerpt").of(err) or {}
  return {
    code = err.code, message = util.describe(err), operation = err.operation,
    status = err.status, request_id = err.request_id, account = err.account, region = err.region,
    file = place.file, line = place.line, column = place.column,
  }
end

local function addresses(steps)
  local out = json.array {}
  for i, step in ipairs(steps) do out[i] = step.address end
  return out
end

function Events:say(text) self.out(text) end

function Events:phase(text) self.emit { event = "waiting", reason = text } end

function Events:event(event)
  local step = event.step
  local out = {
    event = event.event, address = event.address, type = event.type, op = event.kind,
    signal = event.signal ~= "lock" and event.signal or nil, elapsed = rounded(event.elapsed),
    id = step and step.id and tostring(step.id),
  }
  if event.event == "begin" then
    out.steps = #event.steps
  elseif event.event == "interrupted" then
    out.running = addresses(event.running)
    if event.signal == "lock" then out.reason = "the lock was lost" end
  elseif event.event == "failed" then
    out.error = M.error_fields(event.detail)
  else
    out.state = event.detail
  end
  self.emit(out)
end

function Events:heartbeat(now, view, running)
  if not view.steps then
    self.emit { event = "heartbeat", reason = view.phase, elapsed = rounded(now - view.since) }
    return
  end
  local list = json.array {}
  for i, step in ipairs(running) do
    list[i] = {
      address = step.address, op = step.kind, state = step.state, elapsed = rounded(now - step.started),
    }
  end
  local counts = tree.count(view.steps)
  self.emit {
    event = "heartbeat", elapsed = rounded(now - view.started), done = counts.done, steps = counts.all,
    running = list,
  }
end

for _, name in ipairs { "tick", "suspend", "resume", "close" } do
  Events[name] = function() end
end

return M
