--- eksrun check RECIPE [k=v ...]: what is wrong with a recipe, without a plan.
local calls = require "eksrun.aws.call"
local error_object = require "eksrun.error"
local excerpt = require "eksrun.cli.excerpt"
local file = require "eksrun.file"
local guard = require "eksrun.engine.lock.guard"
local lint = require "eksrun.engine.lint"
local recipe = require "eksrun.engine.recipe"
local ref = require "eksrun.engine.ref"
local session = require "eksrun.cli.session"
local util = require "eksrun.util"

local M = {
  summary = "read a recipe and say what is wrong with it",
  usage = "eksrun check RECIPE [k=v ...] [flags]",
  examples = { "eksrun check recipes/managed-cluster.lua" },
  description = "unknown inputs and names, globals that are not declared, refs as conditions,\n"
    .. "calls that change something outside a step\n\nexit status: 0 nothing found, 1 something is",
  unknown_flag = session.unknown_flag,
  arguments = {
    { "recipe", "a Lua file" },
    session.params_argument,
  },
  flags = { { "json", "one JSON object a line" } },
}

--- @param parsed eksrun.cli.Parsed
--- @return string text of --help
function M.help(parsed) return require("eksrun.cli.apply").help(parsed, M) end

-- A message that begins with its place, as file, line and the rest.
local function placed(message, default)
  local path, line, rest = message:match "^([^\n]-):(%d+): (.*)$"
  if path then return path, math.tointeger(tonumber(line)), rest end
  return default, 0, message
end

local function reader()
  local texts = {}
  return function(name)
    texts[name] = texts[name] or file.try_read(name)
    return texts[name]
  end
end

-- Undeclared globals of a file: the compiler knows them all, whether the lines run or not.
local function check_globals(name, text, standard, found)
  local chunk = load(text:gsub("^#[^\n]*", ""), "@" .. name, "t")
  if not chunk then return end
  local told = {}
  lint.globals(chunk, function(global, line, writes)
    local key = ("%s%s%d"):format(global, writes, line)
    if told[key] or not writes and standard[global] then return end
    told[key] = true
    if writes then
      found(name, line, "global", ("'%s' is set as a global: say local"):format(global))
    else
      local near = util.did_you_mean(global, util.sorted_keys(standard))
      found(name, line, "global", ("'%s' is not declared%s"):format(global, near))
    end
  end)
end

-- Where no region is given: names have to be made of one, and whatever it is, no call leaves.
local NOWHERE = {
  region = "us-east-1", credentials = { access_key_id = "none", secret_access_key = "none" },
}

-- Why calls cannot leave, if there is no region; the recipe may make none.
local function missing_region(parsed)
  local aws, config = require "eksrun.aws", require "eksrun.aws.config"
  local ok, err = pcall(aws.region)
  if ok or config.get("region", { profile = parsed.profile, region = parsed.region }) then return nil end
  aws.configure(NOWHERE)
  return err
end

-- The same error, of a recipe that asks AWS while it is read.
local function of_reading(err, where, what)
  local path, line = where:match "^(.*):(%d+)$"
  return error_object.new {
    code = err.code, kind = err.kind, cause = err.cause, file = path, line = math.tointeger(tonumber(line)),
    message = ("%s: %s is asked while the recipe is read: %s; or without an account: --sandbox"):format(where,
      what, err.message),
  }
end

-- Asked before each call that the recipe makes while it is read: refuses those that change something, and
-- all where there is no region.
local function gate(no_region)
  return function(call)
    local where = util.where()
    local name = call.name:gsub("(%l)(%u)", "%1_%2"):lower()
    if guard.changes(call) then
      util.fail_at("check", where,
        "%s changes something while the recipe is read, by every plan too: put it into a step", name)
    elseif no_region then
      error(of_reading(no_region, where, call.client.name .. ":" .. name), 0)
    end
  end
end

-- Whether the recipe ran to its end: what follows a mistake at which it stops is not looked at.
local function load_recipe(parsed, own, read, found)
  local before = calls.permit
  calls.permit = gate(missing_region(parsed))
  local _ <close> = setmetatable({}, { __close = function() calls.permit = before end })
  local function told(path, line, message) found(path, line, "ref", message) end
  local ok, err = pcall(function()
    local loaded = lint.watch(own, read, told, function()
      return recipe.load(parsed.recipe, parsed.params)
    end)
    for _, node in ipairs(loaded.graph.nodes) do ref.check(node.inputs) end
    return loaded
  end)
  if ok then return true end
  -- What is not the recipe's: a signal, the command line, the configuration, AWS.
  local others = { canceled = true, interrupted = true, usage = true, config = true }
  if not error_object.is(err) or others[err.code] or err.kind == "credentials" or err.service then
    if error_object.is(err) and err.kind == "credentials" then err = of_reading(err, parsed.recipe, "AWS") end
    error(err, 0)
  end
  local path, line, message = placed(util.describe(err), parsed.recipe)
  found(path, line, err.code == "check" and "call" or "error", message, excerpt.of(err))
  return false
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  if parsed.recipe == "-" then util.fail("usage", "check wants a file: its text is read twice") end
  session.configure(parsed)
  local report = session.report(parsed, io.stdout)
  local read = reader()
  local standard, findings, files = {}, {}, { [parsed.recipe] = true }
  for name in pairs(_G) do standard[name] = true end
  standard._ENV, standard.arg = true, true
  local code = {}
  local function found(path, line, rule, message, shown)
    shown = shown or excerpt.at { file = path, line = line, message = message }
    local finding = {
      file = path, line = shown and shown.line or line, column = shown and shown.column, rule = rule,
      message = message,
    }
    findings[#findings + 1] = finding
    code[finding] = shown and shown.lines
  end
  local function own(source)
    if util.is_library(source) then return false end
    files[source:sub(2)] = true
    return true
  end
  local complete = load_recipe(parsed, own, read, found)
  for name in util.sorted_pairs(files) do
    local text = read(name)
    if text then check_globals(name, text, standard, found) end
  end
  table.sort(findings, function(a, b)
    if a.file ~= b.file then return a.file < b.file end
    if a.line ~= b.line then return a.line < b.line end
    return a.message < b.message
  end)
  for _, one in ipairs(findings) do
    local at = one.line > 0 and ("%s:%d"):format(one.file, one.line) or one.file
    if one.column then at = ("%s:%d"):format(at, one.column) end
    report:note("finding", one, "%s: %s", util.escape(at), util.escape(one.message))
    for _, line in ipairs(not report.json and code[one] or {}) do report:say("%s", line) end
  end
  report:note("result", { findings = #findings, complete = complete }, "%s: %s%s", util.escape(parsed.recipe),
    #findings == 0 and "nothing found" or ("%d found"):format(#findings),
    complete and "" or "; there may be more behind the mistake at which the recipe stops")
  return #findings > 0 and 1 or 0
end

return M
