--- Tests of recipes, for `eksrun test`: a sandbox, what recipes do in it, and assertions about plans.
---
---   local testing = require "eksrun.testing"
---
---   describe("the cluster", function()
---     it("has three nodes by default", function()
---       local sandbox = testing.sandbox()
---       assert.creates(sandbox:plan "cluster.lua", "nodes/general")
---       sandbox:apply("cluster.lua", { nodes = 3 })
---       assert.unchanged(sandbox:plan("cluster.lua", { nodes = 3 }))
---     end)
---   end)
---
--- One sandbox is open at a time: opening one ends the one before. One that was opened in a setup() stays for
--- all tests of the file.
local fault = require "eksrun.sandbox.fault"
local models = require "eksrun.aws.models"
local policies = require "eksrun.testing.policies"
local report = require "eksrun.engine.report"
local trials = require "eksrun.trial"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.testing.Sandbox
--- @field aws eksrun.aws.Session any call of AWS, as somebody else would make it
local Sandbox = {}
Sandbox.__index = Sandbox

-- Of the trial that is open: whether the test that opened it has ended.
local stale = false
local core

-- k=v of a table of parameters, in order.
local function words_of(params)
  local words = {}
  for name, value in util.sorted_pairs(params or {}) do
    if type(name) ~= "string" then
      util.raise_at_caller("parameters want a table by name: { nodes = 3 }")
    end
    if type(value) == "table" then value = table.concat(value, ",") end
    words[#words + 1] = name .. "=" .. tostring(value)
  end
  return words
end

--- @class eksrun.testing.Plan
--- @field counts table<string, integer> "create", "update", "replace", "delete", "wait", "keep", "changes"
--- @field actions eksrun.Action[]
--- @field text string as `eksrun plan --full` prints it
local Plan = { __name = "eksrun.testing.Plan" }
Plan.__index = Plan
Plan.__tostring = function(plan) return plan.text end

local function text_of(plan)
  local lines = {}
  local out = { write = function(_, ...) lines[#lines + 1] = table.concat { ... } end }
  report.new({ full = true, no_color = true, out = out }):plan(plan)
  return table.concat(lines)
end

local function new_plan(plan)
  return setmetatable({ counts = plan.counts, actions = plan.actions, text = text_of(plan) }, Plan)
end

--- What the plan does to a resource; nil if nothing is declared and nothing there.
--- @param address string
--- @return eksrun.Action?
function Plan:action(address)
  for _, action in ipairs(self.actions) do
    if action.address == address then return action end
  end
end

local OPTIONS = {
  seed = "integer?", state = "table?", region = "string?", enforce = "any?", faults = "string?",
}

--- @class eksrun.testing.Options
--- @field seed? integer other ids and durations
--- @field state? table what sandbox:state() returned
--- @field region? string
--- @field enforce? table|string an IAM policy: nothing is allowed but what it allows
--- @field faults? string what goes wrong: "throttle=0.3,lost=0.05"

--- A new account, empty, on a clock of its own.
--- @param options? eksrun.testing.Options
--- @return eksrun.testing.Sandbox
function M.sandbox(options)
  options = util.overlay(options or {}, {})
  util.check_options("testing.sandbox", options, OPTIONS)
  if options.enforce then options.enforce = policies.documents(options.enforce) end
  local trial = trials.new(options)
  stale = false
  if core then
    local scope = core.context.get().descriptor
    trial.lasts = scope == "strict_setup" or scope == "lazy_setup" or scope == "file" or scope == "describe"
  end
  return setmetatable({ trial = trial, aws = trial.aws }, Sandbox)
end

--- @param recipe string path
--- @param params? table<string, any>
--- @param options? eksrun.trial.Options
--- @return eksrun.testing.Plan
function Sandbox:plan(recipe, params, options)
  return new_plan(self.trial:plan(recipe, words_of(params), options))
end

--- Applies a recipe; raises { code = "failed" } when a step fails.
--- @param recipe string path
--- @param params? table<string, any>
--- @param options? eksrun.trial.Options
--- @return eksrun.trial.Run run outputs, seconds (on AWS), timeline, calls, plan
function Sandbox:apply(recipe, params, options)
  local run = self.trial:apply(recipe, words_of(params), options)
  run.plan = new_plan(run.plan)
  return run
end

--- Deletes all that the recipe made, protected or not.
--- @param recipe string path
--- @param params? table<string, any>
--- @return eksrun.trial.Run
function Sandbox:destroy(recipe, params)
  local run = self.trial:destroy(recipe, words_of(params))
  run.plan = new_plan(run.plan)
  return run
end

local UNITS = { s = 1, m = 60, h = 3600, d = 86400 }

--- Lets time pass.
--- @param time number|string seconds, or "90s", "20m", "2h", "1d"
function Sandbox:advance(time)
  local seconds = tonumber(time)
  if not seconds then
    local number, unit = tostring(time):match "^(%d+%.?%d*)([smhd])$"
    if not number then
      util.raise_at_caller("advance: '%s' is no time: seconds, or \"90s\", \"20m\", \"2h\", \"1d\"",
        tostring(time))
    end
    seconds = tonumber(number) * UNITS[unit]
  end
  self.trial:advance(seconds)
end

--- Has AWS refuse an operation.
--- @param operation string "eks:CreateNodegroup"
--- @param refusal { code: string, message?: string, status?: integer, times?: integer } times: default 1
function Sandbox:refuse(operation, refusal)
  util.check_options("refuse", refusal, {
    code = "string", message = "string?", status = "integer?", times = "integer?",
  })
  local service, name = operation:match "^([%w-]+):(%w+)$"
  if not service then
    util.raise_at_caller("refuse: '%s' is no operation, such as eks:CreateCluster", operation)
  end
  local model = models.service(service)
  if not model then
    util.raise_at_caller("refuse: there is no service '%s'%s", service,
      util.did_you_mean(service, models.services()))
  end
  if not model:operation(name) then
    util.raise_at_caller("refuse: %s has no operation '%s'%s", service, name,
      util.or_mean(model:suggest(name)))
  end
  local inner, left = self.trial.sandbox.perform, refusal.times or 1
  function self.trial.sandbox.perform(sandbox, of, region, asked, params)
    if left > 0 and of == service and asked:name() == name then
      left = left - 1
      fault.raise_with(refusal.code, refusal.message or "refused by the test", { status = refusal.status })
    end
    return inner(sandbox, of, region, asked, params)
  end
end

--- Has things go wrong from now on.
--- @param faults? string "throttle=0.3,error=0.1,lost=0.05,late=3s"; nil: nothing any more
function Sandbox:faults(faults) self.trial.sandbox:set_faults(faults) end

--- All of the account, as data that testing.sandbox { state = ... } takes.
--- @return table
function Sandbox:state() return self.trial:state() end

--- Ends the sandbox; the test's end does it, too.
function Sandbox:close() self.trial:close() end
Sandbox.__close = Sandbox.close

-- The sandbox of the test at hand.
local function current()
  local trial = trials.current()
  if trial and not stale then return setmetatable({ trial = trial, aws = trial.aws }, Sandbox) end
  return M.sandbox()
end

--- As sandbox:plan, in the sandbox that is open, or a new one.
--- @return eksrun.testing.Plan
function M.plan(...) return current():plan(...) end

--- As sandbox:apply, in the sandbox that is open, or a new one.
--- @return eksrun.trial.Run
function M.apply(...) return current():apply(...) end

--- As sandbox:destroy, in the sandbox that is open.
--- @return eksrun.trial.Run
function M.destroy(...) return current():destroy(...) end

--- For `eksrun test`: ends sandboxes with their tests, and gives busted's assert what this module adds.
--- @param busted table its core
function M.attach(busted)
  core = busted
  require("eksrun.testing.assertions").register(Plan)
  core.subscribe({ "test", "end" }, function()
    local trial = trials.current()
    stale = trial ~= nil and not trial.lasts
    return nil, true
  end)
  core.subscribe({ "file", "end" }, function()
    M.finish()
    return nil, true
  end)
end

--- Ends the sandbox that is open.
function M.finish()
  local trial = trials.current()
  if trial then trial:close() end
end

return M
