--- What is shown while a run works: on a terminal a live tree, elsewhere a line a change, for a program an
--- object an event.
---
--- The display keeps the state (the view), asks for what is due, and has a sink show it: live.lua, plain.lua,
--- events.lua, or none.
local clock = require "eksrun.clock"
local process = require "eksrun.process"
local task = require "eksrun.task"
local terminal = require "eksrun.terminal"
local tree = require "eksrun.cli.progress.tree"
local util = require "eksrun.util"

local M = {}

M.modes = { "auto", "tty", "plain", "json", "quiet" }

local shown = 0 -- displays that are not closed

local HEARTBEAT = 30 -- seconds without a line
local NAMED_MAX = 6 -- steps in flight that an interrupt names

local function set(name)
  local value = process.env(name)
  return value ~= nil and value ~= "" and value ~= "0"
end

--- How to show a run: what was asked for, by the flag or EKSRUN_PROGRESS, or what fits.
--- @param parsed { progress?: string, json?: boolean, debug?: boolean }
--- @return "tty"|"plain"|"json"|"quiet"
--- Raises { code = "usage" } for a mode that there is none of, or that wants a terminal.
function M.mode(parsed)
  local mode, from = parsed.progress, "--progress"
  if not mode then
    mode, from = process.env "EKSRUN_PROGRESS", "EKSRUN_PROGRESS"
    if not mode or mode == "" then mode = "auto" end
    local known = false
    for _, name in ipairs(M.modes) do known = known or name == mode end
    if not known then
      util.fail("usage", "EKSRUN_PROGRESS: '%s' is none of %s", mode, table.concat(M.modes, ", "))
    end
  end
  if mode == "tty" and not terminal.is_tty(2) then
    util.fail("usage", "%s tty: standard error is no terminal; plain or auto goes anywhere", from)
  end
  if mode ~= "auto" then return mode end
  if parsed.json then return "json" end
  local term = process.env "TERM" or ""
  local animated = terminal.is_tty(2) and term ~= "" and term ~= "dumb" and not set "ACCESSIBLE"
    and not parsed.debug
  return animated and "tty" or "plain"
end

--- Where events for a program go: with --json to stdout among the results, else to standard error.
--- @param reporter eksrun.Report
--- @return fun(event: table)
function M.emitter(reporter)
  if reporter.json then return function(event) reporter:event(event) end end
  return function(event) io.stderr:write(require("eksrun.json").encode(event), "\n") end
end

--- @class eksrun.Display
--- @field view eksrun.progress.View
local Display = {}
Display.__index = Display

local silent = {}
for _, name in ipairs { "say", "phase", "event", "tick", "heartbeat", "suspend", "resume", "close" } do
  silent[name] = function() end
end
function silent:event(event, _, text)
  if event.event == "interrupted" then self:say(text) end
end

local function make_sink(mode, options, started)
  local reporter = options.reporter
  local function say(text) reporter:say("%s", text) end
  if mode == "tty" then
    return require("eksrun.cli.progress.live").new {
      color = reporter.color, started = started, first = options.first,
    }
  elseif mode == "plain" then
    return require("eksrun.cli.progress.plain").new {
      say = say, started = started, paint = function(kind, text) return reporter:paint(kind, text) end,
    }
  elseif mode == "json" then
    local emit = M.emitter(reporter)
    return require("eksrun.cli.progress.events").new {
      say = reporter.json and say or function(text) emit { event = "warning", message = text } end,
      emit = emit,
    }
  end
  return setmetatable({ pace = 1, say = function(_, text) say(text) end }, { __index = silent })
end

--- @class eksrun.progress.Options
--- @field mode "tty"|"plain"|"json"|"quiet"
--- @field reporter eksrun.Report
--- @field title string "applying managed-cluster/demo"
--- @field first? number seconds before the first frame on a terminal

--- Whether a run is being shown.
--- @return boolean
function M.showing() return shown > 0 end

--- Begins to show a run; a task of the scope keeps the clocks going until close().
--- @param scope eksrun.Scope
--- @param options eksrun.progress.Options
--- @return eksrun.Display
function M.start(scope, options)
  local now = clock.monotonic()
  local self = setmetatable({
    view = { title = options.title, started = now, since = now },
    sink = make_sink(options.mode, options, now), last = now, warned = {},
  }, Display)
  shown = shown + 1
  if options.mode == "tty" and terminal.is_tty(1) then self:take_print() end
  self.ticker = scope:spawn(function()
    while pcall(task.sleep, self.sink.pace) do self:tick() end
  end)
  return self
end

-- What a step or a :map prints on the same terminal goes above the frame.
function Display:take_print()
  self.print = print
  _G.print = function(...)
    local words = table.pack(...)
    for i = 1, words.n do words[i] = tostring(words[i]) end
    self:say(util.escape(table.concat(words, "\t")))
  end
end

local function running_of(view)
  local out = {}
  for _, step in ipairs(view.steps or {}) do
    if step.status == "running" then out[#out + 1] = step end
  end
  table.sort(out, function(a, b) return a.started < b.started end)
  return out
end

function Display:tick()
  if self.suspended then return end
  local now, view = clock.monotonic(), self.view
  local running = running_of(view)
  for _, step in ipairs(running) do
    if not self.warned[step] and tree.is_slow(step, now) then
      self.warned[step] = true
      self:event { event = "slow", address = step.address, type = step.action.type.name, kind = step.kind,
        elapsed = now - step.started, step = step }
    end
  end
  -- The tick that is nearest: where sums of ticks are rounded must not decide.
  if now - self.last > HEARTBEAT - self.sink.pace / 2 and (running[1] or not view.steps) then
    self.last = now
    if self.sink.heartbeat then self.sink:heartbeat(now, view, running) end
  end
  self.sink:tick(now, view)
end

--- What the run waits for before its first step.
--- @param text string "waiting: ..."
function Display:phase(text)
  local now = clock.monotonic()
  self.view.phase, self.view.since, self.last = text, now, now
  self.sink:phase(text, now)
end

local function interruption(event)
  local names = {}
  for i, step in ipairs(event.running) do
    if i > NAMED_MAX then break end
    names[i] = step.address
  end
  local more = #event.running - #names
  local flight = names[1] and table.concat(names, ", ") or "nothing"
  if more > 0 then flight = ("%s, %d more"):format(flight, more) end
  if event.signal == "lock" then
    return "the lock was lost: starting nothing new; in flight: " .. flight
  end
  local second = event.signal == "SIGINT" and "Ctrl-C again" or "another SIGTERM"
  return ("interrupted by %s: starting nothing new; in flight: %s; %s leaves at once, and nothing is lost "
    .. "either way"):format(event.signal, flight, second)
end

--- Shows an event of the run (engine/apply.lua).
--- @param event table
function Display:event(event)
  local now, view = clock.monotonic(), self.view
  local text
  self.last = now
  if event.event == "begin" then
    view.steps, view.started, view.phase = event.steps, now, nil
  elseif event.event == "interrupted" then
    view.stopping = event.signal
    text = interruption(event)
  end
  self.sink:event(event, view, text, now)
  if text then self.sink:tick(now, view) end
end

--- A line for a person, above whatever is drawn.
--- @param text string
function Display:say(text)
  self.last = clock.monotonic()
  self.sink:say(text)
end

--- Leaves the terminal to f.
--- @param f fun(): ...
--- @return any ... what f returns
function Display:aside(f, ...)
  self.suspended = true
  self.sink:suspend()
  local _ <close> = setmetatable({}, {
    __close = function()
      self.suspended, self.last = false, clock.monotonic()
      self.sink:resume()
    end,
  })
  return f(...)
end

--- The end: what was drawn goes. May be called twice.
function Display:close()
  if self.closed then return end
  self.closed = true
  shown = shown - 1
  self.ticker:cancel()
  if self.print then _G.print = self.print end
  self.sink:close()
end
Display.__close = Display.close

return M
