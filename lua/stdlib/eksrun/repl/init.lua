-- The read-eval-print loop, on a terminal and on a pipe.

local error_object = require "eksrun.error"
local fault = require "eksrun.engine.fault"
local inspect = require "eksrun.inspect"
local json = require "eksrun.json"
local session = require "eksrun.repl.session"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {}

local PROMPT, CONTINUATION = "eksrun> ", "     >> "

local HELP = [[
eks:list_clusters {}      any service is a name (sso_oidc for sso-oidc), any operation a method
aws, json, jmespath, task, eksrun    are there without a require
_, _1, _2, ...            the last value, and those of the first line, the second, ...
x = 1, local x = 1        stay from line to line
Ctrl-C stops a call, Ctrl-D leaves]]

local function describe(err)
  return error_object.is(err) and tostring(err) or tostring(err):gsub("^repl:%d+:%d+: ", "")
end

-- Runs a chunk as a task, so that it can be canceled without the loop around it.
local function evaluate(chunk, on_start)
  return pcall(task.scope, function()
    on_start(task.current())
    return table.pack(chunk())
  end)
end

-- A value's own __tostring may raise; the loop goes on.
local function print_values(values)
  for i = 1, values.n do
    local ok, text = pcall(inspect.inspect, values[i])
    print(util.escape(ok and text or "cannot be shown: " .. describe(text)))
  end
end

-- task.spawn for the prompt: what it starts goes on beside the prompt, and its failure is its own
-- (told by join), where a scope would take it as the failure of all.
local function background_tasks(scope)
  local function spawn(f, ...)
    local inner = scope:spawn(function(...) return table.pack(pcall(f, ...)) end, ...)
    local handle = {}
    function handle:join() -- luacheck: ignore 212
      local results = inner:join()
      if not results[1] then error(results[2], 0) end
      return table.unpack(results, 2, results.n)
    end
    function handle:cancel(reason) inner:cancel(reason) end -- luacheck: ignore 212
    function handle:status() return inner:status() end -- luacheck: ignore 212
    return setmetatable(handle, { __tostring = function() return "task: " .. inner:status() end })
  end
  return setmetatable({ spawn = spawn }, { __index = task })
end

-- Words that people type at any prompt, where they are no names of their own.
local words = {
  help = function() print(HELP) end,
  exit = function() return "leave" end,
  quit = function() return "leave" end,
}

local function word_of(s, line)
  local word = s:pending() == "" and line:match "^%s*(%a+)%s*$"
  return word and s.env[word] == nil and words[word]
end

--- Reads from the terminal until Ctrl-D. Ctrl-C drops the line being typed or stops the call being
--- made, never the loop.
--- @return integer exit status
function M.interactive()
  return task.scope(function(scope)
    local status = M.prompt(scope)
    scope:cancel "the REPL was left"
    return status
  end)
end

--- The loop of interactive().
--- @param scope eksrun.Scope where tasks go on beside the prompt
--- @return integer exit status
function M.prompt(scope)
  local history = require "eksrun.repl.history"
  local s = session.new()
  s.env.task = background_tasks(scope)
  local editor <close> = require("eksrun.native.edit").new("eksrun")
  for _, entry in ipairs(history.load()) do editor:remember(entry) end
  local keep = history.writer()
  local main = task.current()
  -- running: the task of a chunk; early: Ctrl-C came when a line was read and its chunk not begun.
  local now = { running = nil, early = false }

  local function on_signal(name)
    if name ~= "SIGINT" then
      main:cancel { code = "interrupted", message = "interrupted by " .. name, signal = name }
      return
    end
    task.on_signal(on_signal)
    if now.running then
      now.running:cancel "interrupted"
    else
      now.early = not editor:interrupt()
    end
  end
  task.on_signal(on_signal)

  while true do
    now.early = false
    local line, ended = editor:read(s:pending() == "" and PROMPT or CONTINUATION)
    if ended == "eof" then break end
    if not line then
      if s:pending() == "" then print "Ctrl-D leaves" end
      s:reset()
    elseif word_of(s, line) then
      if word_of(s, line)() == "leave" then break end
    elseif line:find "%S" or s:pending() ~= "" then
      local entry = s:pending() == "" and line or s:pending() .. "\n" .. line
      local chunk, problem = s:compile(line)
      if problem ~= "incomplete" then
        editor:remember(entry)
        keep(entry)
        if not chunk then
          s:reset()
          print(describe(problem))
        else
          local ok, values = evaluate(chunk, function(current)
            now.running = current
            if now.early then current:cancel "interrupted" end
          end)
          now.running = nil
          if ok then
            s:keep(values)
            print_values(values)
          else
            s.env._err = values
            print(util.escape(describe(values)))
          end
        end
      end
    end
  end
  task.on_signal(nil)
  return 0
end

local function print_json(values)
  for i = 1, values.n do
    local ok, line = pcall(json.encode, values[i])
    print(ok and line or inspect.inspect(values[i]))
  end
end

-- What a chunk raises by itself is no mistake of the program: one line, with its place.
local function run(chunk)
  local results = table.pack(pcall(fault.call, chunk))
  if results[1] then return table.pack(table.unpack(results, 2, results.n)) end
  local err = results[2]
  if error_object.is(err) and err.code == "recipe" then err.code = "script" end
  error(err, 0)
end

--- Reads standard input to its end: each value is printed as a line of JSON. Stops at the first
--- error, which is raised.
--- @return integer exit status
function M.piped()
  local s = session.new "stdin"
  local problem
  for line in io.lines() do
    local chunk
    chunk, problem = s:compile(line)
    if chunk then
      local values = run(chunk)
      s:keep(values)
      print_json(values)
    elseif problem ~= "incomplete" then
      util.fail("syntax", "%s", problem)
    end
  end
  if problem == "incomplete" then util.fail("syntax", "standard input ends within a statement") end
  return 0
end

return M
