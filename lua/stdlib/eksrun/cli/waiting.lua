--- What a command waits for AWS for, on one line of the terminal, before there is anything to show. The line
--- is gone when the command goes on.
local observe = require "eksrun.aws.observe"
local progress = require "eksrun.cli.progress"
local system = require "eksrun.aws.system"
local task = require "eksrun.task"

local M = {}

local FIRST = 0.1 -- seconds: what is quicker is not shown
local NAMED_MAX = 2

-- "asking ec2 DescribeVpcs, eks DescribeCluster, 3 more".
local function describe(calls)
  local names = {}
  for i = 1, math.min(#calls, NAMED_MAX) do names[i] = calls[i].client.name .. " " .. calls[i].name end
  if #calls > NAMED_MAX then names[#names + 1] = ("%d more"):format(#calls - NAMED_MAX) end
  return "asking " .. (names[1] and table.concat(names, ", ") or "AWS")
end

-- Keeps the display's line true to the calls under way, until it is closed.
local function follow(display)
  local calls, prompt = {}, system.default.prompt
  local function drop(call)
    for i = #calls, 1, -1 do
      if calls[i] == call then table.remove(calls, i) end
    end
  end
  local observer = {
    sending = function(call)
      calls[#calls + 1] = call
      display:phase(describe(calls))
    end,
    answered = function(call)
      drop(call)
      if calls[1] then display:phase(describe(calls)) end
    end,
  }
  observe.add(observer)
  -- Credentials may want the code of a device.
  system.default.prompt = function(...) return display:aside(prompt, ...) end
  return setmetatable({}, { __close = function()
    observe.remove(observer)
    system.default.prompt = prompt
  end })
end

--- Runs f. On a terminal with nothing drawn on it yet, and where nobody asked for --json or --debug, a line
--- names the calls that it waits for.
--- @param parsed table the arguments of the command
--- @param f fun(): ...
--- @return any ... what f returns
function M.during(parsed, f)
  if progress.showing() or parsed.sandbox or progress.mode { json = parsed.json, debug = parsed.debug,
    progress = parsed.progress } ~= "tty" then
    return f()
  end
  return task.scope(function(scope)
    local display <close> = progress.start(scope, {
      mode = "tty", reporter = { color = false }, title = "asking AWS", first = FIRST,
    })
    local _ <close> = follow(display)
    return f()
  end)
end

return M
