--- What can be typed at the prompt besides Lua: words that begin with a dot, `! command`, `EXPR | command`,
--- `NAME?`.
local aws = require "eksrun.aws"
local clock = require "eksrun.clock"
local file = require "eksrun.file"
local json = require "eksrun.json"
local task = require "eksrun.task"
local line = require "eksrun.cli.progress.line"
local util = require "eksrun.util"

local M = {}

local HELP = [[
eks:list_clusters {}      a call: any service is a name, any operation a method
eks:list_clusters?        what it takes
aws, json, jmespath, task, eksrun    are there without a require
_, _1, _2, ..., _err      the last value, those of each line; the last error
x = 1, local x = 1        stay from line to line
EXPR;                     shows nothing
EXPR | COMMAND            gives the value, as JSON, to a command of the shell
! COMMAND                 runs one
Tab completes, Ctrl-R searches, Ctrl-C stops a call, Ctrl-D leaves

]]

-- Runs what a person typed, in their shell, on their terminal.
local function shell(command)
  io.stdout:flush()
  local _, how, code = os.execute(command)
  if code ~= 0 then print(("%s %d"):format(how == "signal" and "ended by signal" or "exit status", code)) end
end

local function quoted(word) return "'" .. word:gsub("'", "'\\''") .. "'" end

-- A file with a text, while f(path) runs.
local function with_file(content, f)
  local path = os.tmpname()
  local _ <close> = setmetatable({}, { __close = function() os.remove(path) end })
  file.write_atomic(path, content, { mode = 384 })
  return f(path)
end

-- The entries as a program: values that were only looked at are assigned to nothing.
local function program(state)
  local lines, used = {}, {}
  for _, entry in ipairs(state.entries) do
    for word in entry:gmatch "[%a_][%w_]*" do used[word] = true end
    local body = load("return " .. entry) and not load(entry) and "local _ = " .. entry or entry
    lines[#lines + 1] = body
  end
  local head = { 'local aws = require "eksrun.aws"' }
  for _, name in ipairs { "json", "jmespath", "task" } do
    if used[name] then head[#head + 1] = ('local %s = require "eksrun.%s"'):format(name, name) end
  end
  for _, name in ipairs(aws.services()) do
    local as = name:gsub("-", "_")
    if used[as] then head[#head + 1] = ('local %s = aws["%s"]'):format(as, name) end
  end
  return table.concat(head, "\n") .. "\n\n" .. table.concat(lines, "\n") .. "\n"
end

-- Shows a value again and again, in place, until Ctrl-C.
local function watch(state, seconds, expression)
  local height = 0
  while true do
    local values = state:run(expression)
    local columns, rows = state.size()
    local now = clock.format_iso8601(math.floor(clock.now()))
    local out = { ("%s  every %g s, Ctrl-C ends"):format(now, seconds) }
    for row in (state:shown(values) .. "\n"):gmatch "(.-)\n" do out[#out + 1] = row end
    local kept = math.min(#out, math.max(rows - 1, 1))
    for i = 1, kept do out[i] = line.clip(out[i], columns - 1) .. "\27[K" end
    local over = height > 0 and ("\27[%dA"):format(height) or ""
    io.stdout:write("\r", over, table.concat(out, "\n", 1, kept), "\n\27[J")
    io.stdout:flush()
    height = kept
    task.sleep(seconds)
  end
end

local function needs(rest, what)
  if rest == "" then util.fail("usage", "%s", what) end
end

local function switch(option)
  return function(state, rest)
    if rest ~= "" then
      aws.configure { [option] = rest }
      state:changed_account()
    end
    local ok, value = pcall(aws[option])
    print(ok and value or "none")
  end
end

--- @class eksrun.repl.Command
--- @field [1] string name, with its dot
--- @field [2] string arguments
--- @field [3] string what it does
--- @field [4] fun(state: eksrun.repl.State, rest: string)

--- @type eksrun.repl.Command[]
M.list = {
  { ".help", "[NAME]", "this, or what a name stands for", function(state, rest)
    if rest == "" then
      print(HELP .. M.table())
    elseif M.find(rest) then
      local command = M.find(rest)
      print(("%s %s  %s"):format(command[1], command[2], command[3]))
    else
      print(require("eksrun.repl.describe").of(state.env, rest))
    end
  end },
  { ".rw", "", "allows changes, each after a question", function(state)
    state.guard.mode = "rw"
  end },
  { ".ro", "", "refuses changes, as at the start", function(state) state.guard.mode = "ro" end },
  { ".profile", "[NAME]", "the profile, or another one", switch "profile" },
  { ".region", "[REGION]", "the region, or another one", switch "region" },
  { ".last", "", "the last value, with every row", function(state)
    print(state:shown(table.pack(state.env._), true))
  end },
  { ".time", "EXPR", "how long it takes", function(state, rest)
    needs(rest, ".time EXPR")
    local began = clock.monotonic()
    print(state:shown(state:run(rest)))
    print("took " .. util.duration(clock.monotonic() - began))
  end },
  { ".watch", "SECONDS EXPR", "shows it again and again, in place", function(state, rest)
    local seconds, expression = rest:match "^([%d.]+)%s+(.+)$"
    seconds = tonumber(seconds)
    if not seconds then util.fail("usage", ".watch SECONDS EXPR") end
    watch(state, math.max(seconds, 0.1), expression)
  end },
  { ".save", "FILE", "writes the session as a program for eksrun lua", function(state, rest)
    needs(rest, ".save FILE")
    if file.exists(rest) then util.fail("usage", "'%s' is there already", rest) end
    file.write_atomic(rest, program(state))
    print(("%d statements in %s"):format(#state.entries, line.clean(rest)))
  end },
  { ".load", "FILE", "runs a Lua file in the session", function(state, rest)
    needs(rest, ".load FILE")
    state:run_file(rest)
  end },
  { ".edit", "", "the last statement in $EDITOR; what it leaves runs", function(state)
    local editor = os.getenv "VISUAL" or os.getenv "EDITOR" or "vi"
    with_file(state.entries[#state.entries] or "", function(path)
      shell(editor .. " " .. quoted(path))
      local edited = file.read(path):gsub("%s+$", "")
      if edited ~= "" then state:enter(edited) end
    end)
  end },
}

--- @param name string with or without its dot
--- @return eksrun.repl.Command|nil
function M.find(name)
  for _, command in ipairs(M.list) do
    if command[1] == name then return command end
  end
end

--- All commands, a line each.
--- @return string
function M.table()
  local rows = {}
  for i, command in ipairs(M.list) do
    rows[i] = ("%-24s  %s"):format(command[1] .. " " .. command[2], command[3])
  end
  return table.concat(rows, "\n")
end

-- The expression and the command of `EXPR | command`: what is no Lua on the right, or begins with a name that
-- means nothing.
local function piped(state, typed)
  local left, right = typed:match "^(.+)%s|%s+(.-)%s*$"
  local first = right and right:match "^[^%s]+"
  if not first or not load("return " .. left) then return nil end
  local is_lua = load("return " .. typed)
  if is_lua and (not first:find "^[%a_][%w_]*$" or state.env[first] ~= nil) then return nil end
  return left, right
end

local function through(state, expression, command)
  local values = state:run(expression)
  local input = {}
  for i = 1, values.n do input[i] = json.encode(values[i]) .. "\n" end
  with_file(table.concat(input), function(path)
    shell(("{ %s\n} < %s"):format(command, quoted(path)))
  end)
end

--- What a line asks for, if it is no Lua.
--- @param state eksrun.repl.State
--- @param typed string
--- @return fun()|nil
--- What it returns raises { code = "usage" } for a command that there is none of.
function M.of(state, typed)
  local name, rest = typed:match "^%s*(%.%a+)%s*(.-)%s*$"
  if name then
    return function()
      local command = M.find(name)
      if not command then
        local known = {}
        for i, one in ipairs(M.list) do known[i] = one[1] end
        util.fail("usage", "there is no %s%s", name, util.did_you_mean(name, known))
      end
      command[4](state, rest)
    end
  end
  local command = typed:match "^%s*!%s*(.+)$"
  if command then return function() shell(command) end end
  local asked = typed:match "^%s*([%a_][%w_.:]*)%s*%?%s*$"
  if asked then
    return function() print(require("eksrun.repl.describe").of(state.env, asked)) end
  end
  local expression, filter = piped(state, typed)
  if expression then return function() through(state, expression, filter) end end
end

return M
