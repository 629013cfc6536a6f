--- The arguments of a command, parsed by its declaration.
---
--- A command declares:
---
---   arguments = { { "cluster", "name of the cluster" },
---                 { "params", "parameters, k=v", optional = true, rest = true } },
---   flags = { { "yes", "do not ask", short = "y" },
---             { "output", "form of the result", value = "FORM", choices = { "text", "json" } },
---             { "days", "how long", value = "N", type = "integer", default = 7 },
---             { "allow-destroy", "may be destroyed", value = "ADDRESS", many = true } },
---
--- and gets one table: flags by name with "_" for "-" (true, or their value), arguments by name.
--- Flags may follow arguments, `--flag=value` and `--flag value` are the same, `--` ends the flags,
--- `-` alone is an argument. What run() gets has all words as `argv`, too. Mistakes raise { code = "usage" }.
local util = require "eksrun.util"

local M = {}

--- @class eksrun.cli.Flag
--- @field [1] string name without the dashes
--- @field [2] string help, one line
--- @field short? string one letter
--- @field value? string name of the value in the help; without it the flag is a switch
--- @field bare? boolean the value may be left out, and stands behind "=" only
--- @field type? "string"|"integer"|"number"|"role_arn"
--- @field choices? string[]
--- @field default? any
--- @field many? boolean may be repeated: the result is a list

--- @class eksrun.cli.Argument
--- @field [1] string name
--- @field [2] string help, one line
--- @field optional? boolean
--- @field rest? boolean takes all that follows: the result is a list
--- @field value? string how usage and messages show it; default: the name in capitals

--- @class eksrun.cli.Parsed what the words of a command come to: flags and arguments by their names, with
--- "_" for "-"; what was not given is nil, unless it has a default
--- @field [string] any

--- @class eksrun.cli.Command
--- @field name string set by the dispatcher
--- @field summary string one line
--- @field usage? string default: made from the declaration
--- @field description? string
--- @field examples? string[]
--- @field arguments? eksrun.cli.Argument[]
--- @field flags? eksrun.cli.Flag[]
--- @field usage_status? integer exit status of a usage error, default 2
--- @field own_sandbox? fun(args: table): boolean whether it opens sandboxes itself, --sandbox or not
--- @field one_document? boolean its --json is one document instead of events, and errors are none
--- @field paged? boolean a pager shows what it prints, where that is higher than the terminal
--- @field bare? boolean its help names no common flags: it takes none
--- @field run fun(args: eksrun.cli.Parsed): integer? exit status, default 0; what it raises is shown by
---   cli/failure.lua
--- @field parse? fun(argv: string[]): eksrun.cli.Parsed parses the words itself, not by the declaration
--- @field unknown_flag? fun(name: string, argv: string[], value: string?, near: string): string the end of
---   the message about a flag that it does not know; near: the did-you-mean of flags, or ""
--- @field help? fun(args: eksrun.cli.Parsed): string text of --help when it depends on the arguments

--- Flags that every command takes.
--- @type eksrun.cli.Flag[]
M.common = {
  { "profile", "profile of the AWS configuration", value = "NAME" },
  { "region", "AWS region", value = "REGION" },
  { "endpoint-url", "send every AWS call to this URL", value = "URL" },
  { "sandbox", "talk to an AWS inside the program instead, kept in FILE", value = "FILE", bare = true },
  { "faults", "what is to go wrong in the sandbox, such as throttle=0.3,lost=0.05", value = "SPEC" },
  { "seed", "decides ids and durations of a new sandbox", value = "N", type = "integer" },
  { "debug", "show each request to AWS and its answer, and tracebacks of errors" },
  { "stats", "count calls, retries and bytes, and show them at the end" },
  { "no-color", "no colors" },
  { "no-pager", "no pager for what is higher than the terminal" },
  { "help", "show this help", short = "h" },
}

local function fail(message, ...) util.fail("usage", message, ...) end

local function flag_table(command)
  local flags, names = {}, {}
  for _, list in ipairs { command.flags or {}, M.common } do
    for _, flag in ipairs(list) do
      names[#names + 1] = "--" .. flag[1]
      flags["--" .. flag[1]] = flag
      if flag.short then flags["-" .. flag.short] = flag end
    end
  end
  return flags, names
end

local function convert(flag, text)
  if flag.choices then
    for _, choice in ipairs(flag.choices) do
      if text == choice then return text end
    end
    fail("--%s: '%s' is none of %s", flag[1], text, table.concat(flag.choices, ", "))
  end
  if flag.type == "integer" or flag.type == "number" then
    local number = tonumber(text)
    if flag.type == "integer" then number = math.tointeger(number) end
    if not number then
      fail("--%s: '%s' is not %s", flag[1], text,
        flag.type == "integer" and "a whole number" or "a number")
    end
    return number
  end
  if flag.type == "role_arn" and not text:find("^arn:[%w-]+:iam::%d+:role/.") then
    fail("--%s: '%s' is not the ARN of a role, such as arn:aws:iam::123456789012:role/deployer",
      flag[1], text)
  end
  return text
end

-- How an argument is named to the user, where that is not its field's name.
local function shown(argument) return argument.value or argument[1]:upper() end

local function field_of(name) return (name:gsub("-", "_")) end

--- Puts a flag and its text, nil for none, into the table that parse returns.
--- @param out eksrun.cli.Parsed
--- @param flag eksrun.cli.Flag
--- @param value string|nil
function M.put(out, flag, value)
  local name = "--" .. flag[1]
  if flag.value and not value and not flag.bare or value == "" and flag.bare then
    fail("%s wants a value, %s", name, flag.value)
  end
  if not flag.value and value then fail("%s takes no value", name) end
  if value then value = convert(flag, value) else value = true end
  local field = field_of(flag[1])
  if flag.many then
    out[field] = out[field] or {}
    table.insert(out[field], value)
  else
    out[field] = value
  end
end

local function place_arguments(command, words, out)
  local declared = command.arguments or {}
  local i = 1
  for _, argument in ipairs(declared) do
    if argument.rest then
      out[argument[1]] = table.move(words, i, #words, 1, {})
      i = #words + 1
    else
      out[argument[1]] = words[i]
      i = i + 1
    end
  end
  if words[i] then fail("unexpected argument '%s'; usage: %s", words[i], M.usage(command)) end
  if out.help then return end
  for _, argument in ipairs(declared) do
    local value = out[argument[1]]
    if not argument.optional and (value == nil or argument.rest and #value == 0) then
      fail("%s is missing; usage: %s", shown(argument), M.usage(command))
    end
  end
end

local function unknown_flag(command, name, names, argv, value)
  local near = util.did_you_mean(name, names)
  if command.unknown_flag then near = command.unknown_flag(name:gsub("^%-+", ""), argv, value, near) end
  fail("unknown flag '%s'%s (see %s)", name, near,
    command.name and "eksrun " .. command.name .. " --help" or "eksrun help")
end

--- Parses what stands behind the command's name.
--- @param command eksrun.cli.Command
--- @param argv string[]
--- @return eksrun.cli.Parsed args
--- Raises { code = "usage" } for what the declaration does not have.
function M.parse(command, argv)
  local flags, names = flag_table(command)
  local out, words, i = {}, {}, 1
  while i <= #argv do
    local word = argv[i]
    i = i + 1
    if word == "--" then
      table.move(argv, i, #argv, #words + 1, words)
      break
    elseif word == "-" or word:sub(1, 1) ~= "-" then
      words[#words + 1] = word
    else
      local name, value = word:match("^(%-%-[^=]+)=(.*)$")
      name = name or word
      local flag = flags[name]
      if not flag then unknown_flag(command, name, names, argv, value or argv[i]) end
      if flag.value and not value and not flag.bare then
        value = argv[i]
        i = i + 1
      end
      M.put(out, flag, value)
    end
  end
  place_arguments(command, words, out)
  for _, flag in ipairs(command.flags or {}) do
    local field = field_of(flag[1])
    if out[field] == nil then out[field] = flag.default end
  end
  return out
end

--- The usage line: "eksrun token CLUSTER [flags]".
--- @param command eksrun.cli.Command
--- @return string
function M.usage(command)
  if command.usage then return command.usage end
  local words = { "eksrun", command.name }
  for _, argument in ipairs(command.arguments or {}) do
    local word = shown(argument) .. (argument.rest and "..." or "")
    words[#words + 1] = argument.optional and "[" .. word .. "]" or word
  end
  words[#words + 1] = "[flags]"
  return table.concat(words, " ")
end

--- A line and a text behind it, wrapped to 80 columns below a hanging indent; it begins in a line of its own
--- if the first reaches into the indent.
--- @param out string[] lines are appended
--- @param line string
--- @param hang integer where the text begins
--- @param text string
function M.hanging(out, line, hang, text)
  if #line + 2 > hang then
    out[#out + 1] = line
    line = ""
  end
  line = line .. (" "):rep(hang - #line)
  local empty = true
  for word in text:gmatch("%S+") do
    if not empty and #line + #word + 1 > 80 then
      out[#out + 1] = line
      line, empty = (" "):rep(hang), true
    end
    line = line .. (empty and "" or " ") .. word
    empty = false
  end
  out[#out + 1] = line:gsub("%s+$", "")
end

--- Two columns, the second wrapped.
--- @param rows { [1]: string, [2]: string }[]
--- @param out string[] lines are appended
function M.columns(rows, out)
  local width = 0
  for _, row in ipairs(rows) do width = math.max(width, math.min(#row[1], 28)) end
  for _, row in ipairs(rows) do M.hanging(out, "  " .. row[1], width + 4, row[2]) end
end

--- The rows of flags for the help.
--- @param flags eksrun.cli.Flag[]
--- @return { [1]: string, [2]: string }[]
function M.flag_rows(flags)
  local rows = {}
  for _, flag in ipairs(flags) do
    local left = (flag.short and "-" .. flag.short .. ", " or "    ") .. "--" .. flag[1]
    if flag.value then left = left .. (flag.bare and ("[=%s]"):format(flag.value) or " " .. flag.value) end
    local right = flag[2]
    if flag.choices then right = right .. ": " .. table.concat(flag.choices, ", ") end
    if flag.default ~= nil then right = ("%s (default: %s)"):format(right, tostring(flag.default)) end
    rows[#rows + 1] = { left, right }
  end
  return rows
end

--- The text of --help: examples first, then arguments and flags.
--- @param command eksrun.cli.Command
--- @return string
function M.help(command)
  local out = { command.summary, "" }
  if command.examples then
    for _, example in ipairs(command.examples) do out[#out + 1] = "  " .. example end
    out[#out + 1] = ""
  end
  out[#out + 1] = "usage: " .. M.usage(command)
  if command.description then
    out[#out + 1] = ""
    out[#out + 1] = command.description
  end
  if command.arguments and #command.arguments > 0 then
    out[#out + 1] = ""
    out[#out + 1] = "arguments:"
    local rows = {}
    for _, argument in ipairs(command.arguments) do
      rows[#rows + 1] = { shown(argument) .. (argument.rest and "..." or ""), argument[2] }
    end
    M.columns(rows, out)
  end
  if command.flags and #command.flags > 0 then
    out[#out + 1] = ""
    out[#out + 1] = "flags:"
    M.columns(M.flag_rows(command.flags), out)
  end
  if not command.bare then
    out[#out + 1] = ""
    out[#out + 1] = "common flags:"
    M.columns(M.flag_rows(M.common), out)
  end
  return table.concat(out, "\n") .. "\n"
end

return M
