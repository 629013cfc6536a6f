--- What the commands on recipes share: the AWS session, the plan, the question, the run.
local error_object = require "eksrun.error"
local failure = require "eksrun.cli.failure"
local recipe = require "eksrun.engine.recipe"
local ref = require "eksrun.engine.ref"
local process = require "eksrun.process"
local progress = require "eksrun.cli.progress"
local report = require "eksrun.engine.report"
local task = require "eksrun.task"
local util = require "eksrun.util"
local waiting = require "eksrun.cli.waiting"

local M = {
  --- The flags of commands that carry out a plan.
  --- @type eksrun.cli.Flag[]
  progress_flags = {
    { "progress", "how the run is shown", value = "HOW", choices = progress.modes },
    { "report", "write the run as an HTML page, with its timeline", value = "FILE" },
  },
  --- Of those that read a recipe.
  --- @type eksrun.cli.Argument
  params_argument = { "params", "parameters of the recipe, k=v", optional = true, rest = true },
  --- Of those that read the lock.
  --- @type eksrun.cli.Flag
  store_flag = {
    "lock", "where locks are: ssm, s3://BUCKET[/PREFIX] or dynamodb://TABLE", value = "STORE",
  },
  --- Of those that change things under the lock.
  --- @type eksrun.cli.Flag[]
  lock_flags = {
    { "no-lock", "without the lock of the stack: nobody else may change it meanwhile" },
    { "wait", "wait so long for whoever changes the stack now", value = "SECONDS", type = "number" },
    {
      "fence", "has AWS refuse late calls: signature, or session=ROLE_ARN; without it the lock is advisory",
      value = "HOW",
    },
  },
}

-- Attempts of a call where nobody says how many: a run of many calls gives none up that AWS throttles or
-- fails for a while, but one to a service that never answered.
M.PATIENCE = 15

-- Seconds: a shorter wait is not worth a line.
local NOTEWORTHY = 1

-- What a flag says, or else a variable of the environment; a sandbox has nothing of the user's.
local function setting(parsed, name)
  if parsed[name] then return parsed[name], "--" .. name end
  local variable = "EKSRUN_" .. name:upper()
  local value = not parsed.sandbox and process.env(variable) or ""
  return value ~= "" and value or nil, variable
end

local function configure_lock(parsed)
  if parsed.no_lock then
    for _, name in ipairs { "lock", "fence" } do
      if parsed[name] then util.fail("usage", "--%s and --no-lock exclude each other", name) end
    end
    return
  end
  local store, store_from = setting(parsed, "lock")
  local fence, fence_from = setting(parsed, "fence")
  if not store and not fence then return end
  require("eksrun.engine.lock").configure {
    place = store and require("eksrun.engine.lock.place").parse(store, store_from),
    fence = fence and require("eksrun.engine.lock.fence").parse(fence, fence_from),
  }
end

--- Lets the flags decide region, profile and endpoint of every call that follows, and how stacks are locked.
--- @param parsed table
function M.configure(parsed)
  require("eksrun.aws").configure {
    profile = parsed.profile, region = parsed.region, endpoint = parsed.endpoint_url,
    patience = M.PATIENCE,
  }
  configure_lock(parsed)
end

--- The flag that names the sandbox once more, for commands that are proposed.
--- @param parsed table
--- @return string " --sandbox=FILE", or "" on AWS
function M.sandbox_flag(parsed)
  local world = parsed.sandbox
  return world and " --sandbox" .. (world ~= true and "=" .. util.shell_word(world) or "") or ""
end

--- @param parsed table
--- @param out? file* where lines for a person go, default stderr
--- @return eksrun.Report
function M.report(parsed, out)
  return report.new { json = parsed.json, no_color = parsed.no_color, full = parsed.full, out = out }
end

-- The account, where something of it was found: IAM shows nobody another account's, and who we are needs no
-- call of its own.
local function account_seen(plan)
  for _, action in ipairs(plan.actions) do
    local arn = action.record and action.record.Arn
    local account = type(arn) == "string" and arn:match "^arn:[^:]*:iam::(%d+):"
    if account then return account end
  end
end

-- What is known of the locks of stacks whose recipe was read.
local sights = setmetatable({}, { __mode = "k" })

local function sight_of(parsed, stack)
  return not parsed.no_lock and require("eksrun.engine.lock").sight(require "eksrun.aws", stack) or nil
end

-- A global that nobody has set is nil, and the recipe may mean that.
local function warn_undeclared(found)
  local shown = require("eksrun.cli.excerpt").at(found)
  local place = ("%s:%d"):format(found.file or "?", shown and shown.line or found.line)
  if shown and shown.column then place = ("%s:%d"):format(place, shown.column) end
  io.stderr:write(util.escape(("eksrun: warning: %s: %s"):format(place, found.message)), "\n")
  for _, line in ipairs(shown and shown.lines or {}) do io.stderr:write(line, "\n") end
end

-- Whether an error says already that a global is nil; what may be meant is added to it.
local function is_said(found, err)
  local message = error_object.is(err) and err.file == found.file and err.line == found.line and err.message
  if not message or not message:find(("global '%s'"):format(found.name), 1, true) then return false end
  err.message = message .. found.near
  return true
end

--- Reads the recipe of a command that makes a plan. What is known of the stack's lock is asked for as soon as
--- the stack has its name.
--- @param parsed table
--- @param verb? string "destroy": one that declares nothing is refused
--- @return eksrun.Recipe
function M.load(parsed, verb)
  local sight, reading
  local undeclared = {}
  local ok, loaded = pcall(recipe.load, parsed.recipe, parsed.params, {
    on_stack = function(stack)
      sight = sight_of(parsed, stack)
      reading = sight and task.spawn(sight.read, sight)
    end,
    on_undeclared = function(found) undeclared[#undeclared + 1] = found end,
  })
  for _, found in ipairs(undeclared) do
    if ok or not is_said(found, loaded) then warn_undeclared(found) end
  end
  if not ok then
    if reading then reading:cancel() end
    error(loaded, 0)
  end
  if verb and not loaded.declares then
    util.fail("usage", "%s declares no resource: there is nothing to %s", parsed.recipe, verb)
  end
  sights[loaded.graph] = sight
  return loaded
end

--- @param declared eksrun.Graph
--- @param parsed table
--- @param outputs? any what the recipe returned: looked at as far as it can be known
--- @return eksrun.Plan
function M.plan(declared, parsed, outputs)
  local aws = require "eksrun.aws"
  ref.check(outputs)
  for _, node in ipairs(declared.nodes) do ref.check(node.inputs) end
  local stack = declared.stack
  stack.region = aws.region()
  local plan = waiting.during(parsed, function()
    local sight = sights[declared] or sight_of(parsed, stack)
    sights[declared] = nil
    local made
    task.all {
      function()
        made = require("eksrun.engine.plan").make {
          graph = declared, stack = stack, aws = aws, destroy = parsed.destroy,
          allow_destroy = parsed.allow_destroy, targets = parsed.target, replace = parsed.replace,
          only_look = parsed.only_look, known_only = parsed.known_only, sight = sight,
          types = parsed.declared_only and require("eksrun.engine.kinds").declared(declared) or nil,
        }
      end,
      -- Nothing of a stack that is new says whose account it is.
      function()
        if sight and not sight:read() then aws.account() end
      end,
    }
    stack.account = account_seen(made) or aws.account()
    return made
  end)
  ref.resolve(outputs, plan.env)
  return plan
end

--- Says on stderr of a stack that has nothing which others may be meant, if its name is not known.
--- @param stack eksrun.Stack
function M.say_unknown(stack)
  local line = require("eksrun.engine.stacks").unknown(require "eksrun.aws", stack.name)
  if line then io.stderr:write("eksrun: ", line, "\n") end
end

-- The parameters of the recipe among the words, if there is one that can be read.
local function parameters_in(argv)
  for _, word in ipairs(argv) do
    if word:find("^[^-=][^=]*%.lua$") then
      local ok, declared = pcall(recipe.parameters, word)
      return ok and declared or nil
    end
  end
end

--- For args.lua: a parameter written as a flag is told apart from an unknown flag.
--- @param name string
--- @param argv string[]
--- @param value? string
--- @param near string
--- @return string
function M.unknown_flag(name, argv, value, near)
  local declared = parameters_in(argv)
  if not declared then return near end
  local known = util.sorted_keys(declared)
  local wanted = declared[name] and name or near == "" and require("eksrun.text").suggest(name, known)[1]
  if not wanted then return near end
  if not value or value:find("^%-") or value:find("%.lua$") then value = "..." end
  return ("; a parameter of the recipe is given as %s=%s"):format(wanted, value)
end

-- Asks on a terminal; without one, only --yes goes on.
local function confirmed(plan, parsed, verb)
  if parsed.yes then return true end
  local terminal = require "eksrun.terminal"
  if not terminal.is_tty(0) or not terminal.is_tty(2) then
    util.fail("usage", "no terminal to ask on: to %s this plan, add --yes", verb)
  end
  local count = plan.counts.changes
  local asked, answer = pcall(terminal.read_line, ("\n%s %s to %s? [y/N] "):format(verb,
    count == 1 and "this change" or ("these %d changes"):format(count), plan.stack.name))
  if not asked or answer == nil then io.stderr:write("\n") end -- behind ^C or ^D
  if not asked then error(answer, 0) end
  return answer ~= nil and answer:lower():match("^%s*y") ~= nil
end

local function waits_for(plan, holder)
  return ("waiting: %s is being changed by %s"):format(plan.stack.name,
    require("eksrun.engine.lock").describe(holder))
end

--- Why a run waits before it begins.
--- @param seconds number that it waits
--- @param ago number seconds since an earlier run changed something
--- @return string
function M.settling(seconds, ago)
  return ("waiting %d s: an earlier run asked for changes %s, and AWS may not show them yet"):format(
    math.ceil(seconds), ago < 1 and "just now" or ("%d s ago"):format(math.floor(ago)))
end

--- Gives things other tags, after asking.
--- @param plan eksrun.Plan
--- @param changes eksrun.retag.Change[]
--- @param parsed table
--- @param reporter eksrun.Report
--- @param verb string
--- @return boolean whether it was done
function M.retag(plan, changes, parsed, reporter, verb)
  local asked = { stack = plan.stack, counts = { changes = #changes } }
  if not confirmed(asked, parsed, verb) then
    reporter:say("nothing was changed")
    return false
  end
  require("eksrun.engine.retag").carry_out {
    plan = plan, changes = changes, aws = require "eksrun.aws", lock = not parsed.no_lock, wait = parsed.wait,
    command = verb .. " " .. parsed.recipe,
    on_wait = function(holder) reporter:say("%s", waits_for(plan, holder)) end,
    on_warning = function(text) reporter:say("%s", util.escape(text)) end,
  }
  return true
end

--- Raises unless a plan is the saved one that is to be applied.
--- @param parsed table
--- @param plan eksrun.Plan
function M.check_saved(parsed, plan)
  require("eksrun.engine.saved").check(parsed.saved, plan, parsed.saved_at, M.sandbox_flag(parsed))
end

--- Shows the plan of a run, as --progress has the run shown: as events, or not at all where nobody is asked.
--- @param plan eksrun.Plan
--- @param parsed eksrun.cli.Parsed
--- @param reporter eksrun.Report
function M.show_plan(plan, parsed, reporter)
  local mode = progress.mode(parsed)
  if mode == "json" then return report.plan_events(plan, progress.emitter(reporter)) end
  if reporter.json or mode ~= "quiet" or not parsed.yes then reporter:plan(plan) end
end

-- Runs the plan under a display.
local function run_shown(plan, parsed, reporter, verb, again, mode)
  return task.scope(function(scope)
    local title = ("%s %s"):format(verb == "destroy" and "destroying" or "applying", plan.stack.name)
    local display <close> = progress.start(scope, { mode = mode, reporter = reporter, title = title })
    return require("eksrun.engine.run").carry_out {
      plan = plan, make = again, aws = require "eksrun.aws", lock = not parsed.no_lock, wait = parsed.wait,
      command = verb .. " " .. (parsed.recipe or plan.stack.name),
      on_wait = function(holder) display:phase(waits_for(plan, holder)) end,
      on_settle = function(seconds, ago)
        if seconds >= NOTEWORTHY then display:phase(M.settling(seconds, ago)) end
      end,
      on_changed = function(changed)
        if parsed.saved then M.check_saved(parsed, changed) end
        return display:aside(function()
          if mode ~= "json" then reporter:say("the plan is another one by now:") end
          M.show_plan(changed, parsed, reporter)
          return confirmed(changed, parsed, verb)
        end)
      end,
      on_event = function(event) display:event(event) end,
      on_warning = function(text) display:say(util.escape(text)) end,
    }
  end)
end

--- Applies a plan after asking.
--- @param plan eksrun.Plan
--- @param parsed table
--- @param reporter eksrun.Report
--- @param verb string
--- @param again fun(): eksrun.Plan makes the plan anew
--- @return table fields, integer status
function M.carry_out(plan, parsed, reporter, verb, again)
  local mode = progress.mode(parsed)
  local ending = require "eksrun.cli.progress.ending"
  ending.check(parsed)
  if plan.counts.changes > 0 then
    if not confirmed(plan, parsed, verb) then
      reporter:say("nothing was changed")
      return {}, 1
    end
    if not reporter.json and mode ~= "quiet" and mode ~= "json" then reporter:say "" end
  end
  local began = require("eksrun.clock").now()
  local result
  result, plan = run_shown(plan, parsed, reporter, verb, again, mode)
  if not result then
    reporter:say("nothing was changed")
    return {}, 1
  end
  ending.show(plan, result, { parsed = parsed, reporter = reporter, mode = mode, began = began })
  if result.interrupted then return result.fields, failure.signal_status(result.interrupted) end
  local failed = result.failed[1] or result.not_started[1] or result.unready[1]
  if not failed then return result.fields, 0 end
  local err = result.failed[1] and result.failed[1].err
  return result.fields, failure.status(err) == 4 and 4 or 1
end

--- What a recipe returned, with its refs resolved and their effects done.
--- @param outputs any
--- @param fields table<eksrun.Node, table>
--- @return any
--- Raises { code = "outputs" } with the cause; what ends the run as it is.
function M.resolve(outputs, fields)
  local ok, result = pcall(ref.resolve, outputs, function(node) return fields[node] end, true)
  if ok then return result end
  local code = error_object.is(result) and result.code
  if code == "interrupted" or code == "canceled" then error(result, 0) end
  error(error_object.new {
    code = "outputs", message = "all is done, but not what the recipe returns", cause = result,
  }, 0)
end

return M
