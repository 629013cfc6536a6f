--- The words of `eksrun call`, read by the model of the operation that they name.
---
--- call's own flags are lower case with dashes; any other `--name` is a parameter. A parameter whose
--- name is such a flag (`Query`, `DryRun`) is reached by AWS's spelling or by --params.
local args = require "eksrun.cli.args"
local error_object = require "eksrun.error"
local files = require "eksrun.cli.call.files"
local json = require "eksrun.json"
local names = require "eksrun.cli.call.names"
local util = require "eksrun.util"
local values = require "eksrun.cli.call.values"

local M = {}

--- @class eksrun.cli.call.Request what a command line asks for
--- @field service? eksrun.native.aws.Service
--- @field service_name? string
--- @field operation? eksrun.native.aws.Operation
--- @field wait? boolean wants a waiter
--- @field waiter? string
--- @field parameters? eksrun.cli.call.Parameters of the operation
--- @field given table parameters
--- @field outfile? string

local function fail(message, ...) util.fail("usage", message, ...) end

local function flags_of(command)
  local flags = {}
  for _, list in ipairs { command.flags, args.common } do
    for _, flag in ipairs(list) do
      flags["--" .. flag[1]] = flag
      if flag.short then flags["-" .. flag.short] = flag end
    end
  end
  flags["--cli-input-json"], flags["--cli-input-yaml"] = flags["--params"], flags["--params"]
  return flags
end

local function is_flag(word) return word:find("^%-%-%a") ~= nil or word == "-h" end

-- A mistake in a value, told with the flag that it belongs to.
local function within(flag, f, ...)
  local ok, value = pcall(f, ...)
  if ok then return value end
  if error_object.is(value) and value.code == "usage" then fail("%s: %s", flag, value.message) end
  error(value, 0)
end

-- ---- parameters

-- The words behind a parameter's flag; `at` is the next one.
local function words_of(member, argv, at, flag, first)
  if first then return { first }, at end
  local words = {}
  while argv[at] and not is_flag(argv[at]) do
    words[#words + 1] = argv[at]
    at = at + 1
    if member.type ~= "list" then break end
  end
  if #words == 0 then fail("%s wants a value, %s", flag, require("eksrun.cli.call.help").kind(member)) end
  return words, at
end

local function boolean(argv, at, flag, off, value)
  local word = value or argv[at]
  if word == "true" or word == "false" then
    if off then fail("%s takes no value", flag) end
    return word == "true", value and at or at + 1
  end
  if value then fail("%s: '%s' is not true or false", flag, util.escape(value, true)) end
  return not off, at
end

local function candidates(request, flags)
  local list = {}
  for i, kebab in ipairs(request.parameters.kebab) do list[i] = "--" .. kebab end
  for name in pairs(flags) do
    if #name > 2 then list[#list + 1] = name end
  end
  table.sort(list)
  return list
end

local function help_of(request)
  local what = request.waiter and "wait " .. names.kebab(request.waiter)
    or names.kebab(request.operation:name())
  return ("eksrun call %s %s --help"):format(request.service_name, what)
end

local function take_parameter(request, flags, argv, at, flag, value)
  local member, off = request.parameters:find(flag:sub(3))
  if not member then
    fail("unknown parameter '%s'%s; see %s", flag, util.did_you_mean(flag, candidates(request, flags)),
      help_of(request))
  end
  if request.given[member.name] ~= nil then fail("%s is there twice", flag) end
  local result
  if member.type == "boolean" then
    result, at = boolean(argv, at, flag, off, value)
  else
    local words
    words, at = words_of(member, argv, at, flag, value)
    result = within(flag, values.parse, words, member)
  end
  if result == nil then result = json.null end
  request.given[member.name] = result
  return at
end

-- ---- --params

local function read_params(source)
  local path = source:match("^@(.+)$") or source:match("^file://(.*)$") or source == "-" and "-"
  local content = source
  if path == "-" then
    content = files.stdin()
  elseif path then
    content = files.read(path)
  end
  local params, err
  if path and path:find("%.ya?ml$") then
    params, err = require("eksrun.yaml").try_parse(content)
  else
    params, err = json.try_decode(content)
  end
  local where = path == "-" and "standard input" or path or "--params"
  if err then
    local text = not path and not content:find "^%s*[{%[]"
    fail("%s: %s%s", where, err.message, text and "; it takes JSON, or @FILE for what a file holds" or "")
  end
  if type(params) ~= "table" or getmetatable(params) == json.array_mt then
    fail("%s: an object of parameters is expected", where)
  end
  return params
end

local function finish(request, source, options)
  local params = source and read_params(source) or {}
  for name, value in pairs(request.given) do params[name] = value end
  for name, value in pairs(params) do
    local member = request.parameters.by_name[name]
    if member then
      params[name] = within("--" .. names.kebab(name), values.finish, value, member, options)
    end
  end
  request.given = params
end

-- ---- words

local function take_word(request, out, word)
  if not request.service then
    request.service, request.service_name = names.service(word)
  elseif word == "wait" and not request.operation and not request.wait then
    request.wait = true
  elseif request.wait and not request.waiter then
    request.waiter = names.waiter(request.service, request.service_name, word)
    request.operation = request.service:operation(request.service:waiter(request.waiter).operation)
  elseif not request.operation then
    request.operation = names.operation(request.service, request.service_name, word)
  elseif word:sub(1, 1) == "@" and not out.params then
    out.params = word
  elseif not request.outfile and not request.waiter then
    request.outfile = word
  else
    fail("unexpected argument '%s'", util.escape(word, true))
  end
  if request.operation and not request.parameters then
    request.parameters = names.parameters(request.service_name, request.operation)
  end
end

--- Parses what stands behind `call`.
--- @param command eksrun.cli.Command whose flags are call's own
--- @param argv string[]
--- @param setting fun(args: table, name: string): any a setting of the profile in use
--- @return table args flags by name, and `request`: eksrun.cli.call.Request
function M.parse(command, argv, setting)
  local flags = flags_of(command)
  local request = { given = {} }
  local out = { request = request }
  local at, only_words = 1, false
  while at <= #argv do
    local word = argv[at]
    at = at + 1
    local name, value = word:match("^(%-%-[^=]+)=(.*)$")
    local flag = flags[name or word]
    if word == "--" and not only_words then
      only_words = true
    elseif only_words or word:sub(1, 1) ~= "-" or word == "-" then
      take_word(request, out, word)
    elseif flag then
      if flag.value and not value and not flag.bare then
        value = argv[at]
        at = at + 1
      end
      args.put(out, flag, value)
    elseif request.operation and is_flag(word) then
      at = take_parameter(request, flags, argv, at, name or word, value)
    elseif request.service or not is_flag(word) then
      fail("unknown flag '%s'; parameters stand behind the operation", util.escape(name or word, true))
    else
      fail("unknown flag '%s'%s", util.escape(name or word, true),
        util.did_you_mean(name or word, util.sorted_keys(flags)))
    end
  end
  if request.operation and not out.help then
    finish(request, out.params, {
      raw_blobs = function()
        return (out.cli_binary_format or setting(out, "cli_binary_format")) == "raw-in-base64-out"
      end,
    })
  end
  return out
end

return M
