--- The read-eval-print loop: on a terminal (repl/prompt.lua) and, here, on a pipe.
local error_object = require "eksrun.error"
local fault = require "eksrun.engine.fault"
local guard = require "eksrun.repl.guard"
local inspect = require "eksrun.inspect"
local json = require "eksrun.json"
local session = require "eksrun.repl.session"
local util = require "eksrun.util"

local M = {}

--- Reads from the terminal until Ctrl-D.
--- @param options { yes: boolean?, confirm: string?, no_color: boolean? }
--- @return integer exit status
function M.interactive(options) return require("eksrun.repl.prompt").run(options) end

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
--- error, which is raised. Nobody is there to be asked: what changes something needs --yes.
--- @param options { yes: boolean?, confirm: string? }
--- @return integer exit status
function M.piped(options)
  local s = session.new "stdin"
  local function nothing() end
  local watch = guard.new {
    yes = options.yes, confirm = options.confirm, called = nothing, changed = nothing,
  }
  local _ <close> = watch:enforce()
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
