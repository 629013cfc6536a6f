--- The display without a terminal to draw on: a line a change, and one every 30 s where nothing changes. No
--- escape, no animation.
local line = require "eksrun.cli.progress.line"
local timeline = require "eksrun.engine.timeline"
local tree = require "eksrun.cli.progress.tree"
local util = require "eksrun.util"

local M = {}

local NAMED_MAX = 5 -- running steps that a heartbeat names

local finished = { create = "created", update = "updated", delete = "deleted", wait = "ready:" }
local verbs = { create = "creating", update = "updating", delete = "deleting", wait = "waiting for" }

local function usual(step)
  local seconds = timeline.usual(step)
  return seconds and seconds >= 30 and ", usually " .. util.duration(seconds) or ""
end

local lines = {
  start = function(_, step) return verbs[step.kind] .. " " .. step.address .. usual(step) end,
  state = function(event, step) return ("%s: %s"):format(step.address, line.clean(event.detail)) end,
  done = function(_, step, view)
    return ("%s %s%s in %s [%d/%d]"):format(finished[step.kind], step.address,
      step.id and " (" .. line.clean(step.id) .. ")" or "", util.duration(step.elapsed),
      tree.count(view.steps).done, #view.steps)
  end,
  unready = function(_, step) return step.address .. ": left before it was ready" end,
  failed = function(event, step)
    return ("failed %s: %s"):format(step.address, line.failure(event.detail))
  end,
}

local Plain = {}
Plain.__index = Plain

--- @class eksrun.progress.PlainOptions
--- @field say fun(text: string)
--- @field paint? fun(kind: string, text: string): string
--- @field started number clock.monotonic()

--- @param options eksrun.progress.PlainOptions
--- @return table
function M.new(options)
  return setmetatable({
    out = options.say, paint = options.paint, started = options.started, pace = 0.5,
  }, Plain)
end

function Plain:say(text) self.out(text) end

function Plain:write(now, kind, text)
  if kind and self.paint then text = self.paint(kind, text) end
  self.out(("%7s  %s"):format(util.duration(now - self.started), text))
end

function Plain:phase(text, now) self:write(now, nil, text) end

function Plain:event(event, view, text, now)
  if event.event == "begin" then
    self.started = view.started
  elseif event.event == "interrupted" then
    self:write(now, "failed", text)
  elseif event.event == "slow" then
    local step = event.step
    self:write(now, "failed", ("slow: %s %s for %s%s; %s"):format(verbs[step.kind], step.address,
      tree.time(step, now), step.state and ", now " .. line.clean(step.state) or "", tree.advice(step)))
  elseif lines[event.event] then
    local kind = event.event == "failed" and "failed" or event.event == "done" and event.step.kind
    self:write(now, kind, lines[event.event](event, event.step, view))
  end
end

--- Nothing has changed for a while.
function Plain:heartbeat(now, view, running)
  if not view.steps then
    if view.phase then self:write(now, nil, "still " .. view.phase) end
    return
  end
  local names = {}
  for i, step in ipairs(running) do
    if i > NAMED_MAX then break end
    names[i] = ("%s %s%s, %s"):format(tree.verbs[step.kind], step.address,
      step.state and " (" .. line.clean(step.state) .. ")" or "", tree.time(step, now))
  end
  if #running > NAMED_MAX then names[#names + 1] = ("%d more"):format(#running - NAMED_MAX) end
  self:write(now, nil, ("still %s [%d/%d]"):format(table.concat(names, "; "), tree.count(view.steps).done,
    #view.steps))
end

for _, name in ipairs { "tick", "suspend", "resume", "close" } do
  Plain[name] = function() end
end

return M
