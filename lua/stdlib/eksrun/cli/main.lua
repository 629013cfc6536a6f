--- The command line: from the arguments to the exit status.
---
--- A command is a module eksrun.cli.NAME, a table as eksrun.cli.Command (see cli/args.lua); its
--- run() gets the parsed arguments. A word that is no command but looks like a file is a recipe:
--- `eksrun FILE.lua` is `eksrun apply FILE.lua`.
local args = require "eksrun.cli.args"
local error_object = require "eksrun.error"
local failure = require "eksrun.cli.failure"
local stdout = require "eksrun.stdout"
local util = require "eksrun.util"
local watch = require "eksrun.cli.watch"

--- In the order of the help.
local commands = { "apply", "plan", "destroy", "drift", "status", "stacks", "adopt", "move", "check",
  "graph", "policy", "test", "new", "unlock", "token", "kubeconfig", "call", "config", "login", "logout",
  "repl", "lua", "sandbox", "doctor", "types", "completion", "help" }

local M = {}

--- @return string[] names
function M.commands() return commands end

--- @param name string
--- @return eksrun.cli.Command
function M.command(name)
  local command = require("eksrun.cli." .. name)
  command.name = name
  return command
end

-- The index of the first word that is neither a common flag nor its value.
local function first_word(argv)
  local takes_value = {}
  for _, flag in ipairs(args.common) do takes_value["--" .. flag[1]] = flag.value ~= nil and not flag.bare end
  local i = 1
  while i <= #argv do
    local word = argv[i]
    if word == "-" or word:sub(1, 1) ~= "-" then return i end
    i = i + (takes_value[word] and 2 or 1)
  end
end

local function looks_like_file(word)
  if word == "-" or word:find("/", 1, true) or word:find("%.lua$") then return true end
  local file = io.open(word)
  if file then file:close() end
  return file ~= nil
end

-- What looks like an unknown command may be the value of a flag that nobody knows.
local function refuse_unknown_flag(argv, at)
  local flag = at > 1 and argv[at - 1]:match("^%-%-?[^=]+$")
  if not flag then return end
  local known = { "--version" }
  for _, common in ipairs(args.common) do
    if flag == "--" .. common[1] or flag == "-" .. (common.short or "") then return end
    known[#known + 1] = "--" .. common[1]
  end
  util.fail("usage", "unknown flag '%s'%s (see eksrun help)", flag, util.did_you_mean(flag, known))
end

-- The command and the words that it is to parse.
local function choose(argv)
  local at = first_word(argv)
  if not at then
    local help = #argv == 0
    for _, word in ipairs(argv) do help = help or word == "--help" or word == "-h" end
    if help then return M.command "help", {} end
    return M.command "help", argv
  end
  local word = argv[at]
  if util.contains(commands, word) then
    local rest = table.move(argv, 1, at - 1, 1, {})
    return M.command(word), table.move(argv, at + 1, #argv, #rest + 1, rest)
  end
  if looks_like_file(word) then return M.command "apply", argv end
  refuse_unknown_flag(argv, at)
  util.fail("usage", "unknown command '%s'%s (see eksrun help)", word, util.did_you_mean(word, commands))
end

local function with_traceback(err) return { err = err, traceback = debug.traceback(nil, 2) } end

local function perform(command, parsed)
  if (parsed.help or command.paged) and not parsed.json and not parsed.no_pager then stdout.hold() end
  if not parsed.help then
    local own = command.own_sandbox and command.own_sandbox(parsed)
    if not own and not parsed.sandbox and command.name ~= "sandbox" and (parsed.faults or parsed.seed) then
      util.fail("usage", "--%s is for --sandbox", parsed.faults and "faults" or "seed")
    end
    if not parsed.sandbox or own then return command.run(parsed) or 0 end
    return require("eksrun.cli.simulated").run(parsed, command.run) or 0
  end
  stdout.write((command.help or function() return args.help(command) end)(parsed))
  return 0
end

--- Runs the command line.
--- @param argv string[]
--- @return integer exit status
function M.main(argv)
  local watching = watch.start(argv)
  local command, parsed
  local ok, result = xpcall(function()
    local words
    command, words = choose(argv)
    parsed = command.parse and command.parse(words) or args.parse(command, words)
    parsed.argv = argv
    local status = perform(command, parsed)
    stdout.release()
    stdout.check()
    return status
  end, with_traceback)
  stdout.release()
  watching:close()
  if ok then return result end
  -- A mistake in the program (no error object) shows how it came there; an error object says it all.
  local err, trace = require("eksrun.aws.denial").explain(result.err), result.traceback
  if parsed and parsed.json and not command.one_document then failure.event(err) end
  if error_object.is(err) then trace = watching.debugging and (err.traceback or trace) or err.frames end
  return failure.report(err, trace, command and command.usage_status)
end

return setmetatable(M, { __call = function(_, ...) return M.main { ... } end })
