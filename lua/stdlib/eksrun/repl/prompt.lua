--- The prompt on a terminal: lines from the editor, what they do, and what is shown of it.
local commands = require "eksrun.repl.commands"
local error_object = require "eksrun.error"
local file = require "eksrun.file"
local guard = require "eksrun.repl.guard"
local history = require "eksrun.repl.history"
local inputrc = require "eksrun.repl.inputrc"
local label = require "eksrun.repl.label"
local lookup = require "eksrun.repl.lookup"
local names = require "eksrun.repl.names"
local present = require "eksrun.repl.present"
local report = require "eksrun.engine.report"
local scan = require "eksrun.repl.scan"
local session = require "eksrun.repl.session"
local tab = require "eksrun.repl.tab"
local task = require "eksrun.task"
local terminal = require "eksrun.terminal"
local util = require "eksrun.util"

local M = {}

local ENTRIES_MAX = 1000

--- @class eksrun.repl.State
--- @field env table
--- @field session eksrun.repl.Session
--- @field guard eksrun.repl.Guard
--- @field editor eksrun.native.Editor
--- @field label eksrun.repl.Label
--- @field lookup eksrun.repl.Lookup
--- @field entries string[] what ran without an error
--- @field running? eksrun.Task of the statement at work
--- @field interrupted boolean Ctrl-C came when a line was read and nothing ran yet
--- @field stopped? boolean a signal stopped a statement, and its handler was not called yet
--- @field dropped? string the line that Ctrl-C gave up
--- @field beside integer tasks that go on beside the prompt
local State = {}
State.__index = State

local function describe(err)
  local message = error_object.is(err) and tostring(err) or tostring(err):gsub("^repl:%d+:%d+: ", "")
  return util.escape(message)
end

-- ---- values

function State.size()
  local columns, rows = terminal.size()
  return columns or 80, rows or 24
end

--- The values as text.
--- @param values table packed
--- @param all? boolean every row of tables
--- @return string
function State:shown(values, all)
  local out = {}
  for i = 1, values.n do
    -- A value's own __tostring may raise; the prompt goes on.
    local ok, shown = pcall(present.show, values[i], (self.size()), all)
    out[i] = ok and shown or "cannot be shown: " .. describe(shown)
  end
  return table.concat(out, "\n")
end

--- Lines for the person, above what is being typed.
--- @param text string
function State:say(text)
  self.editor:above(text .. "\n")
end

function State:dim(text)
  self:say(self.color and ("\27[2m%s\27[0m"):format(text) or text)
end

-- ---- running

--- Runs Lua; its values are kept as `_` and shown by the caller.
--- @param source string
--- @return table values packed; raises what it raises
function State:run(source)
  if self.session:is_open(source) then util.fail("syntax", "the statement is not finished") end
  local chunk, problem = self.session:compile(source)
  if not chunk then util.fail("syntax", "%s", problem) end
  local values = table.pack(chunk())
  self.session:keep(values)
  return values
end

--- Runs a file in the session.
--- @param path string
function State:run_file(path)
  local chunk, problem = load(file.read(path), "@" .. path, "t", self.env)
  if not chunk then util.fail("syntax", "%s", problem) end
  chunk()
end

-- Runs f as a task, so that it can be canceled without the prompt.
local function attempt(state, f)
  local ok, err = pcall(task.scope, function()
    state.running = task.current()
    if state.interrupted then state.running:cancel "interrupted" end
    return f()
  end)
  state.running = nil
  if not ok then
    state.stopped = error_object.is(err) and err.code == "interrupted"
    state.env._err = err
    print(describe(err))
  end
  return ok
end

--- Does what a line says: a command or Lua.
--- @param typed string
function State:enter(typed)
  local command = commands.of(self, typed)
  local ok
  if command then
    ok = attempt(self, command)
  else
    local quiet = typed:find ";%s*$"
    ok = attempt(self, function()
      local values = self:run(quiet and typed:gsub("[;%s]+$", "") or typed)
      if not quiet and values.n > 0 then print(self:shown(values)) end
    end)
    if ok then
      self.entries[#self.entries + 1] = typed
      if #self.entries > ENTRIES_MAX then table.remove(self.entries, 1) end
    end
  end
  return ok
end

-- Whether a line is one to run: not the beginning of a statement.
local function is_whole(state, typed)
  return commands.of(state, typed) ~= nil or not state.session:is_open(typed)
end

--- What stands before the line is to be drawn anew.
function State:relabel() self.editor:prompt(self.label:text(self.guard.mode, self.beside)) end

--- Another profile or region: nothing that was known holds.
function State:changed_account()
  self.label:reset()
  self.lookup:forget()
end

-- ---- the loop

-- task.spawn for the prompt: what it starts goes on beside the prompt, and its failure is its own
-- (told by join), where a scope would take it as the failure of all.
local function background_tasks(state)
  local function spawn(f, ...)
    state.beside = state.beside + 1
    local inner = state.scope:spawn(function(...)
      local results = table.pack(pcall(f, ...))
      state.beside = state.beside - 1
      state:relabel()
      return results
    end, ...)
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
local words = { exit = "leave", quit = "leave", help = ".help" }

-- What follows a line that was read; true: leave.
local function react(state, typed)
  local word = typed:match "^%s*(%a+)%s*$"
  if word and words[word] and state.env[word] == nil then
    if words[word] == "leave" then return true end
    typed = words[word]
  end
  if not typed:find "%S" then return false end
  state.editor:remember(typed)
  if not names.holds_secret(state.env, scan.scan(typed .. " ").frames) then history.add(typed) end
  state:enter(typed)
  return false
end

-- Reads one line; nil and "eof" or "interrupt" where there is none.
local function read_line(state)
  local editor = state.editor
  while true do
    local event = editor:read()
    if event == "eof" or event == "interrupt" then return nil, event end
    if state.interrupted then
      editor:finish()
      return nil, "interrupt"
    end
    if event == "tab" then
      tab.press(state)
    else
      local typed, cursor = editor:text()
      if is_whole(state, typed) then
        editor:finish()
        return typed
      end
      -- The next row begins where this one does.
      local row = typed:sub(1, cursor):match "[^\n]*$"
      editor:insert("\n" .. row:match "^%s*")
    end
  end
end

local function loop(state)
  while true do
    state.interrupted = false
    state:relabel()
    local typed, ended = read_line(state)
    if ended == "eof" then return 0 end
    if typed then
      if react(state, typed) then return 0 end
      if state.called then state.label:find(true) end
    elseif state.dropped == "" then
      print "Ctrl-D leaves"
    end
  end
end

local function watch_signals(state)
  local main = task.current()
  local function on_signal(name)
    if name ~= "SIGINT" then
      main:cancel { code = "interrupted", message = "interrupted by " .. name, signal = name }
      return
    end
    task.on_signal(on_signal, true)
    if state.running then
      state.running:cancel "interrupted"
    elseif state.stopped then
      state.stopped = false -- what computed without waiting, by the signal itself
    else
      state.dropped = state.editor:text()
      state.interrupted = not state.editor:interrupt()
    end
  end
  task.on_signal(on_signal, true)
end

-- print of the session: above the line, while one is being typed.
local function session_print(state)
  return function(...)
    local shown = table.pack(...)
    for i = 1, shown.n do shown[i] = tostring(shown[i]) end
    state:say(util.escape(table.concat(shown, "\t")))
  end
end

local function run(scope, options)
  local state = setmetatable({ scope = scope, session = session.new(), entries = {}, beside = 0,
    lookup = lookup.new() }, State)
  state.color = report.new({ out = io.stdout, no_color = options.no_color }).color
  state.label = label.new(scope, function() state:relabel() end)
  state.env = state.session.env
  state.env.task, state.env.print = background_tasks(state), session_print(state)
  state.guard = guard.new {
    yes = options.yes, confirm = options.confirm,
    ask = function(question)
      -- A task beside the prompt has no terminal to ask on.
      return state.running and not state.editor:text() and terminal.read_line(question) or nil
    end,
    called = function(call)
      state.called = true
      state.label.expiration = call.credentials and call.credentials.expiration
    end,
    changed = function(service) state.lookup:forget(service) end,
  }
  local editor <close> = require("eksrun.native.edit").new("eksrun", inputrc.editing_mode())
  state.editor = editor
  for _, entry in ipairs(history.load()) do editor:remember(entry) end
  local _ <close> = state.guard:enforce()
  watch_signals(state)
  state.label:find()
  local status = loop(state)
  task.on_signal(nil)
  return status
end

--- Reads from the terminal until Ctrl-D. Ctrl-C drops the line being typed or stops the call being made,
--- never the prompt.
--- @param options { yes: boolean?, confirm: string?, no_color: boolean? }
--- @return integer exit status
function M.run(options)
  return task.scope(function(scope)
    local status = run(scope, options)
    scope:cancel "the REPL was left"
    return status
  end)
end

return M
