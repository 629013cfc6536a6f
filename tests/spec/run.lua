-- Runs busted inside our own binary, in a task, so that specs may wait:
--
--   eksrun lua tests/spec/run.lua [BUSTED OPTION...] FILE|FOLDER...
--
-- from the root of the repository. `require "tests.spec.support.x"` finds tests/spec/support/x.lua.
-- The last line printed is "N passed, N failed, N pending"; the exit status is 0 if none failed.

local roots = { "/usr/local/share/lua/5.4", "/usr/share/lua/5.4" }
local native_roots = {
  "/usr/local/lib/lua/5.4",
  "/usr/lib/x86_64-linux-gnu/lua/5.4",
  "/usr/lib/aarch64-linux-gnu/lua/5.4",
  "/usr/lib/lua/5.4",
}

local path, cpath = { "./?.lua" }, {}
for _, root in ipairs(roots) do
  path[#path + 1] = root .. "/?.lua"
  path[#path + 1] = root .. "/?/init.lua"
end
for _, root in ipairs(native_roots) do
  cpath[#cpath + 1] = root .. "/?.so"
end
package.path, package.cpath = table.concat(path, ";"), table.concat(cpath, ";")

-- busted leaves through os.exit when something failed; here the host ends, in order, with a status.
require("busted.compatibility").exit = function() end

-- Unless the caller says otherwise: stand-ins of AWS show at once what was made, and journals are nobody's.
local process = require "eksrun.process"
local env, own = process.env, {
  EKSRUN_SETTLE_SECONDS = "0", XDG_STATE_HOME = require("eksrun.file").realpath "." .. "/build/state/specs",
}
function process.env(name) return env(name) or own[name] end

local counts = { success = 0, failure = 0, error = 0, pending = 0 }

-- An output handler: silent on success, a block of text for each failure, the totals at the end.
package.preload["tests.spec.support.output"] = function()
  return function()
    local busted = require "busted"
    local handler = require "busted.outputHandlers.base"()
    local where

    local function report(kind, element, message, trace)
      local source = element.trace or trace or {}
      print(("\n%s: %s\n  %s:%s"):format(kind, handler.getFullName(element), source.short_src or where or "?",
        source.currentline or "?"))
      print("  " .. tostring(message):gsub("\n", "\n  "))
      if kind == "ERROR" and trace and trace.traceback then
        print("  " .. trace.traceback:gsub("^%s+", ""):gsub("\n", "\n  "))
      end
    end

    busted.subscribe({ "file", "start" }, function(file) where = file.name return nil, true end)
    busted.subscribe({ "test", "end" }, function(_, _, status)
      if status ~= "error" then counts[status] = counts[status] + 1 end
      return nil, true
    end)
    busted.subscribe({ "pending" }, function(element, _, message)
      print(("SKIPPED %s: %s"):format(handler.getFullName(element), message or "pending"))
      return nil, true
    end)
    busted.subscribe({ "failure" }, function(element, _, message, trace)
      if element.descriptor ~= "it" then counts.error = counts.error + 1 end
      report("FAILED", element, message, trace)
      return nil, true
    end)
    busted.subscribe({ "error" }, function(element, _, message, trace)
      counts.error = counts.error + 1
      report("ERROR", element, message, trace)
      return nil, true
    end)
    return handler
  end
end

require("busted.runner")({ standalone = false, output = "tests.spec.support.output" })

local failed = counts.failure + counts.error
print(("%d passed, %d failed, %d pending"):format(counts.success, failed, counts.pending))
return failed == 0 and counts.success + counts.pending > 0 and 0 or 1
