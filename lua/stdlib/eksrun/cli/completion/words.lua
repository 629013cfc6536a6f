--- What may stand where the cursor is on a command line of eksrun: words, each with what it means.
local args = require "eksrun.cli.args"
local util = require "eksrun.util"

local M = {}

--- @alias eksrun.completion.Word { [1]: string, [2]: string? }

local function with_dashes(flags, out)
  for _, flag in ipairs(flags) do
    local ending = flag.value and not flag.bare and "=" or ""
    out[#out + 1] = { "--" .. flag[1] .. ending, flag[2] }
  end
end

local function flag_of(command, word)
  local name = word:match "^%-%-([^=]+)"
  for _, list in ipairs { command and command.flags or {}, args.common } do
    for _, flag in ipairs(list) do
      if flag[1] == name or flag.short and word == "-" .. flag.short then return flag end
    end
  end
end

-- The words that are neither flags nor their values.
local function positional(command, words)
  local out, i = {}, 1
  while i <= #words do
    local word = words[i]
    if word:sub(1, 1) == "-" and word ~= "-" then
      local flag = flag_of(command, word)
      if flag and flag.value and not flag.bare and not word:find("=", 1, true) then i = i + 1 end
    else
      out[#out + 1] = word
    end
    i = i + 1
  end
  return out
end

local function commands()
  local main, out = require "eksrun.cli.main", {}
  for _, name in ipairs(main.commands()) do out[#out + 1] = { name, main.command(name).summary } end
  return out
end

-- The command of a line, and whether its name stands there: a recipe alone is applied.
local function command_of(words)
  local main = require "eksrun.cli.main"
  local first = positional(nil, words)[1]
  if not first then return nil end
  for _, name in ipairs(main.commands()) do
    if name == first then return main.command(name), true end
  end
  return main.command "apply", false
end

-- Values of a parameter, with its name before them.
local function values_of(name, parameter, out)
  for _, choice in ipairs(parameter.choices or {}) do
    out[#out + 1] = { ("%s=%s"):format(name, tostring(choice)) }
  end
  if type(parameter[1]) == "boolean" or parameter.type == "boolean" then
    out[#out + 1], out[#out + 2] = { name .. "=true" }, { name .. "=false" }
  end
end

local function of_recipe(recipe, current, out)
  local ok, declared = pcall(require("eksrun.engine.recipe").parameters, recipe)
  if not ok or not declared then return end
  local name = current:match "^([^=]+)="
  for key, parameter in util.sorted_pairs(declared) do
    if name == key then values_of(key, parameter, out) end
    if not name then out[#out + 1] = { key .. "=", parameter[2] } end
  end
end

local function of_call(given, out)
  local names, models = require "eksrun.cli.call.names", require "eksrun.aws.models"
  if #given == 0 then
    for _, service in ipairs(models.services()) do out[#out + 1] = { service } end
  elseif #given == 1 then
    local ok, service = pcall(models.service, given[1])
    if not ok or not service then return end
    for _, operation in ipairs(service:operations()) do out[#out + 1] = { names.kebab(operation) } end
  end
end

-- The parameters of an operation; one that is named as a flag of ours is not offered twice.
local function parameters_of_call(given, out)
  local names = require "eksrun.cli.call.names"
  local ok, parameters = pcall(function()
    local service, name = names.service(given[1])
    return names.parameters(name, names.operation(service, name, given[2]))
  end)
  if not ok then return end
  for i, kebab in ipairs(parameters.kebab) do
    local member = parameters.list[i]
    if not flag_of(require "eksrun.cli.call", "--" .. kebab) then
      out[#out + 1] = { "--" .. kebab, member.required and "required" or nil }
    end
  end
end

local others = {
  help = function(given, out)
    if not given[1] then table.move(commands(), 1, 100, 1, out) end
  end,
  completion = function(given, out)
    if not given[1] then table.move({ { "bash" }, { "zsh" }, { "fish" } }, 1, 3, 1, out) end
  end,
  types = function(given, out)
    if given[1] then return end
    for _, name in ipairs(require("eksrun.resource").names()) do out[#out + 1] = { name } end
  end,
  call = of_call,
}

-- What a flag's value may be; nil where the shell knows better (files).
local function of_flag(flag, prefix, out)
  for _, choice in ipairs(flag.choices or {}) do out[#out + 1] = { prefix .. choice } end
end

local function candidates(words, current)
  local out = {}
  local command, named = command_of(words)
  local last = words[#words]
  local waiting = last and last:find "^%-" and not last:find("=", 1, true) and flag_of(command, last)
  if waiting and waiting.value and not waiting.bare then
    of_flag(waiting, "", out)
  elseif current:find "^%-%-[^=]+=" then
    local flag = flag_of(command, current)
    if flag then of_flag(flag, current:match "^[^=]+=", out) end
  elseif current:sub(1, 1) == "-" then
    local given = named and command.name == "call" and positional(command, words) or {}
    if given[3] then parameters_of_call({ given[2], given[3] }, out) end
    with_dashes(command and command.flags or {}, out)
    with_dashes(args.common, out)
  elseif not command then
    table.move(commands(), 1, 100, 1, out)
  else
    local given = positional(command, words)
    if named then table.remove(given, 1) end
    local declared = command.arguments and command.arguments[1]
    if others[command.name] then
      others[command.name](given, out)
    elseif declared and declared[1] == "recipe" and given[1] then
      of_recipe(given[1], current, out)
    end
  end
  return out
end

--- What may stand at the cursor.
--- @param words string[] behind "eksrun"; the last is the one at the cursor, or ""
--- @return eksrun.completion.Word[] those that begin so
function M.complete(words)
  local before = table.move(words, 1, #words - 1, 1, {})
  local current, out = words[#words] or "", {}
  for _, word in ipairs(candidates(before, current)) do
    if word[1]:sub(1, #current) == current then out[#out + 1] = word end
  end
  return out
end

return M
