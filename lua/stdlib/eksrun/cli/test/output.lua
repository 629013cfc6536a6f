--- What `eksrun test` shows of its tests: lines for a person, or events for a program. An output handler of
--- busted's kind; TAP and JUnit are busted's own.
local stdout = require "eksrun.stdout"
local json = require "eksrun.json"
local util = require "eksrun.util"

local M = {}

local signs = { success = "✓", failure = "✗", error = "✗", pending = "-" }
local colors = { success = "32", failure = "31", error = "31", pending = "33" }

local function indented(text) return "    " .. util.escape(text):gsub("\n", "\n    ") end

-- The message without the place that busted puts before it.
local function parts_of(entry)
  local message = type(entry.message) == "string" and entry.message or util.describe(entry.message)
  local place, rest = message:match "^([^\n:]+:%d+): (.*)$"
  return place, rest or message
end

-- Lines for a person: a file's name, a line a test, a block a failure, the totals.
local Lines = {}
Lines.__index = Lines

function Lines:paint(kind, text)
  return self.color and ("\27[%sm%s\27[0m"):format(colors[kind], text) or text
end

function Lines.file(_, path) stdout.write(path, "\n") end

function Lines:test(_, name, status)
  if status ~= "success" and status ~= "pending" then return end
  stdout.write("  ", self:paint(status, signs[status]), " ", util.escape(name), "\n")
end

function Lines:failure(path, name, place, message)
  stdout.write("\n", self:paint("failure", "✗ " .. util.escape(name or path or "?")), "\n")
  if place then stdout.write("  ", util.escape(place), "\n") end
  stdout.write(indented(message), "\n\n")
end

function Lines:result(counts)
  local line = ("%d passed, %d failed, %d pending"):format(counts.passed, counts.failed, counts.pending)
  stdout.write(self:paint(counts.failed > 0 and "failure" or "success", line), "\n")
end

-- A line of JSON an event, for programs.
local Events = {}
Events.__index = Events

local function event(fields) stdout.write(json.encode(fields), "\n") end

function Events.file() end

function Events.test(_, path, name, status)
  event { event = "test", file = path, name = name, status = status }
end

function Events.failure(_, path, name, place, message)
  event { event = "failure", file = path, name = name, place = place, message = message }
end

function Events.result(_, counts, seconds)
  counts.event, counts.seconds = "result", seconds
  event(counts)
end

--- @param core table busted
--- @param options { json?: boolean, color?: boolean }
function M.subscribe(core, options)
  local handler = require "busted.outputHandlers.base"()
  handler:subscribe { language = "en" }
  local out = setmetatable({ color = options.color }, options.json and Events or Lines)
  local path

  -- Has busted call a function, and the other subscribers behind it.
  local function on(name, heard)
    core.subscribe(name, function(...)
      heard(...)
      return nil, true
    end)
  end

  local function failed(entry)
    local place, message = parts_of(entry)
    out:failure(path, entry.name, place, message)
  end
  -- What fails outside of a test: a file that does not load, a setup.
  local function failed_outside(element)
    if element.descriptor ~= "it" then failed(handler.errors[#handler.errors]) end
  end

  on({ "file", "start" }, function(element)
    path = element.name
    out:file(path)
  end)
  on({ "test", "end" }, function(element, _, status)
    out:test(path, handler.getFullName(element), status)
    if status == "failure" then failed(handler.failures[#handler.failures]) end
    if status == "error" then failed(handler.errors[#handler.errors]) end
  end)
  on({ "error" }, failed_outside)
  on({ "failure" }, failed_outside)
  on({ "suite", "end" }, function(element)
    out:result({
      passed = handler.successesCount, failed = handler.failuresCount + handler.errorsCount,
      pending = handler.pendingsCount,
    }, element.duration)
  end)
end

return M
