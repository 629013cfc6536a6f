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

--- @param core table busted
--- @param options { json?: boolean, color?: boolean }
function M.subscribe(core, options)
  local handler = require "busted.outputHandlers.base"()
  handler:subscribe { language = "en" }
  local failed, path = {}, nil

  local function paint(kind, text)
    return options.color and ("\27[%sm%s\27[0m"):format(colors[kind], text) or text
  end

  local function shown(entry)
    local place, message = parts_of(entry)
    failed[#failed + 1] = entry
    if options.json then
      return stdout.write(json.encode {
        event = "failure", file = path, name = entry.name, place = place, message = message,
      }, "\n")
    end
    stdout.write("\n", paint("failure", "✗ " .. util.escape(entry.name or path or "?")), "\n")
    if place then stdout.write("  ", util.escape(place), "\n") end
    stdout.write(indented(message), "\n\n")
  end

  core.subscribe({ "file", "start" }, function(element)
    path = element.name
    if not options.json then stdout.write(path, "\n") end
    return nil, true
  end)
  core.subscribe({ "test", "end" }, function(element, _, status)
    local name = handler.getFullName(element)
    if options.json then
      stdout.write(json.encode { event = "test", file = path, name = name, status = status }, "\n")
    elseif status == "success" or status == "pending" then
      stdout.write("  ", paint(status, signs[status]), " ", util.escape(name), "\n")
    end
    if status == "failure" then shown(handler.failures[#handler.failures]) end
    if status == "error" then shown(handler.errors[#handler.errors]) end
    return nil, true
  end)
  -- What fails outside of a test: a file that does not load, a setup.
  local function outside(element)
    if element.descriptor ~= "it" then shown(handler.errors[#handler.errors]) end
    return nil, true
  end
  core.subscribe({ "error" }, outside)
  core.subscribe({ "failure" }, outside)
  core.subscribe({ "suite", "end" }, function(element)
    local counts = {
      passed = handler.successesCount, failed = handler.failuresCount + handler.errorsCount,
      pending = handler.pendingsCount,
    }
    if options.json then
      counts.event, counts.seconds = "result", element.duration
      stdout.write(json.encode(counts), "\n")
      return nil, true
    end
    local line = ("%d passed, %d failed, %d pending"):format(counts.passed, counts.failed, counts.pending)
    stdout.write(paint(counts.failed > 0 and "failure" or "success", line), "\n")
    return nil, true
  end)
end

return M
