--- A recipe tried on a sandbox: planned, applied, destroyed in this process, on simulated time. What tests of
--- recipes, simulations and policies are made of.
---
---   local trial <close> = require("eksrun.trial").new { seed = 7 }
---   local run = trial:apply("cluster.lua", { "nodes=3" })
---
--- One trial is open at a time: clock, credentials and endpoints are the process's. Nothing is written, and
--- nothing of the user's is read.
local clock = require "eksrun.clock"
local error_object = require "eksrun.error"
local graph = require "eksrun.engine.graph"
local installs = require "eksrun.kubeconfig.install"
local journal = require "eksrun.engine.journal"
local observe = require "eksrun.aws.observe"
local recipe = require "eksrun.engine.recipe"
local run = require "eksrun.engine.run"
local sandboxes = require "eksrun.sandbox"
local session = require "eksrun.cli.session"
local stack = require "eksrun.engine.stack"
local task = require "eksrun.task"
local timeline = require "eksrun.engine.timeline"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Trial
--- @field sandbox eksrun.Sandbox
--- @field aws eksrun.aws.Session clients of the sandbox
--- @field calls table<string, integer> how often each operation was called, "eks:CreateCluster"
local Trial = {}
Trial.__index = Trial

--- @class eksrun.trial.Run what became of an apply or a destroy
--- @field plan eksrun.Plan
--- @field outputs any what the recipe returned; nil of a destroy
--- @field seconds number that it took on the sandbox's clock, planning included
--- @field timeline eksrun.Timeline
--- @field calls table<string, integer> of this run alone
--- @field fields table<eksrun.Node, table> what is known of each resource

local open

--- Begins a trial; the one that is open ends.
--- @param options? eksrun.Sandbox.Options of the sandbox, and its `region`
--- @return eksrun.Trial
--- Raises { code = "sandbox" } for a state that is none.
function M.new(options)
  local region
  options = util.copy(options or {})
  region, options.region = options.region, nil
  options.crash = function()
    util.fail("usage", "faults: crash ends a program, and this one is asked to go on")
  end
  if open then open:close() end
  local sandbox = sandboxes.new(options)
  local self = setmetatable({ sandbox = sandbox, aws = require "eksrun.aws", calls = {} }, Trial)
  local clients = sandbox:options(region)
  clients.patience = session.PATIENCE
  self.aws.configure(clients)
  self.redirected = { installs.redirect, journal.redirect }
  installs.redirect, journal.redirect = false, false
  self.observer = {
    sending = function(call)
      local name = call.client.name .. ":" .. call.name
      self.calls[name] = (self.calls[name] or 0) + 1
    end,
  }
  observe.add(self.observer)
  clock.simulate(sandbox.started)
  open = self
  return self
end

--- The trial that is open, if any.
--- @return eksrun.Trial?
function M.current() return open end

--- Ends the trial; a second time does nothing.
function Trial:close()
  if open ~= self then return end
  open = nil
  clock.simulate(nil)
  observe.remove(self.observer)
  installs.redirect, journal.redirect = table.unpack(self.redirected, 1, 2)
end
Trial.__close = Trial.close

function Trial:check()
  if open == self then return end
  util.raise_at_caller("this sandbox has ended: another one was opened, or its test is over")
end

--- Lets time pass, with all that happens meanwhile.
--- @param seconds number
function Trial:advance(seconds)
  self:check()
  task.sleep(seconds)
end

--- What the sandbox holds, as data that new { state = ... } takes.
--- @return table
function Trial:state() return util.copy(self.sandbox:save(clock.now())) end

local function load_recipe(path, words)
  local loaded = recipe.load(path, words)
  if not loaded.declares then util.fail("usage", "%s declares no resource", path) end
  return loaded
end

--- @class eksrun.trial.Options as the flags of the command line
--- @field declared_only? boolean do not look for kinds that the recipe does not declare
--- @field allow_destroy? string[]
--- @field target? string[]
--- @field replace? string[]

-- A sandbox has neither the user's settings nor anything to wait for.
local function flags(options, more)
  return util.overlay(util.overlay(options or {}, more or {}), { sandbox = true })
end

--- @param path string
--- @param words string[] k=v
--- @param options? eksrun.trial.Options
--- @return eksrun.Plan
function Trial:plan(path, words, options)
  self:check()
  local loaded = load_recipe(path, words)
  return session.plan(loaded.graph, flags(options), loaded.outputs)
end

-- Why a run is not complete, in one line.
local function failure_of(result, what)
  local step = result.failed[1] or result.unready[1] or result.not_started[1]
  if not step then return nil end
  local errors = {}
  for i, failed in ipairs(result.failed) do errors[i] = failed.err end
  local where = ("%s: %s %s"):format(what, step.kind, step.address)
  if not step.err then
    return error_object.new { code = "failed", errors = errors, message = where .. ": " .. step.status }
  end
  -- Said once: the text of an error ends with its cause.
  return error_object.new { code = "failed", cause = step.err, errors = errors, message = where }
end

-- Carries plans out and says what became of it; raises when a part failed.
function Trial:carry_out(what, make)
  local before, began = util.copy(self.calls), clock.now()
  local result, plan = run.carry_out { plan = make(), make = make, aws = self.aws, command = what }
  local calls = {}
  for name, count in pairs(self.calls) do
    local more = count - (before[name] or 0)
    if more > 0 then calls[name] = more end
  end
  local err = failure_of(result, what)
  if err then error(err, 0) end
  return {
    plan = plan, seconds = clock.now() - began, timeline = timeline.of(result), calls = calls,
    fields = result.fields,
  }
end

--- Applies a recipe without asking. Raises { code = "failed" } when a step does.
--- @param path string
--- @param words string[] k=v
--- @param options? eksrun.trial.Options
--- @return eksrun.trial.Run
function Trial:apply(path, words, options)
  self:check()
  local loaded = load_recipe(path, words)
  local done = self:carry_out("apply " .. path, function()
    return session.plan(loaded.graph, flags(options), loaded.outputs)
  end)
  done.outputs = session.resolve(loaded.outputs, done.fields)
  return done
end

--- Destroys what a recipe made, or a stack by its name: all of it, protected or not.
--- @param path string? a recipe
--- @param words string[]? k=v
--- @param name string? of a stack, instead of a recipe
--- @param options? eksrun.trial.Options
--- @return eksrun.trial.Run
function Trial:destroy(path, words, name, options)
  self:check()
  local declared
  if path then
    declared = load_recipe(path, words).graph
  else
    declared = graph.new()
    declared.stack = stack.new(name)
  end
  options = flags(options, { destroy = true })
  local everything = session.plan(declared, util.overlay(options, { only_look = true }))
  local addresses = {}
  for i, action in ipairs(everything.actions) do addresses[i] = action.address end
  options.allow_destroy = addresses
  return self:carry_out("destroy " .. (path or name), function() return session.plan(declared, options) end)
end

return M
