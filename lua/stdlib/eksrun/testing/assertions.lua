--- What eksrun.testing adds to busted's assert:
---
---   assert.creates(plan, "cluster/control-plane")   also updates, replaces, deletes; an address or a type
---   assert.creates(plan, "ec2.nat_gateway", 3)      so many of them
---   assert.unchanged(plan)                          nothing at all
---   assert.golden(plan, "tests/goldens/prod.txt")   the same text as in the file
---   assert.allows(policy, "s3:GetObject", arn)      an IAM policy, as a table or JSON, allows an action; or
---   assert.denies(policy, "iam:*", arn, context)    does not
---
--- Each has its negation: assert.is_not.creates(...), assert.no.creates(...).
local diff = require "eksrun.diff"
local file = require "eksrun.file"
local policies = require "eksrun.testing.policies"
local process = require "eksrun.process"
local util = require "eksrun.util"

local M = {}

local VERBS = { creates = "create", updates = "update", replaces = "replace", deletes = "delete" }

local function matches(action, what)
  return action.address == what or action.type.name == what or action.address:sub(1, #what + 1) == what .. "/"
end

local function list_of(plan, op)
  local out = {}
  for _, action in ipairs(plan.actions) do
    if action.op == op then out[#out + 1] = ("  %s (%s)"):format(action.address, action.type.name) end
  end
  return out[1] and table.concat(out, "\n") or "  nothing"
end

local function check_plan(plan, Plan)
  if getmetatable(plan) == Plan then return end
  util.raise_at_caller("a plan of eksrun.testing expected, got %s", type(plan))
end

local function one_verb(Plan, verb, op)
  return function(state, arguments)
    local plan, what, wanted = arguments[1], arguments[2], arguments[3]
    check_plan(plan, Plan)
    if type(what) ~= "string" then util.raise_at_caller("%s: an address or a type expected", verb) end
    local count = 0
    for _, action in ipairs(plan.actions) do
      if action.op == op and matches(action, what) then count = count + 1 end
    end
    state.failure_message = ("the plan %s %d %s, %s expected; what it %s:\n%s"):format(verb, count, what,
      state.mod and (wanted or "some") or "none", verb, list_of(plan, op))
    if wanted then return count == wanted end
    return count > 0
  end
end

local function unchanged(Plan)
  return function(state, arguments)
    local plan = arguments[1]
    check_plan(plan, Plan)
    state.failure_message = state.mod and "the plan changes something:\n" .. plan.text
      or "the plan changes nothing"
    return plan.counts.changes == 0
  end
end

local function golden(state, arguments)
  local text, path = tostring(arguments[1]), arguments[2]
  if type(path) ~= "string" then util.raise_at_caller("golden: the path of a file expected") end
  if process.env "EKSRUN_GOLDENS" == "write" then
    file.mkdir_p(path:match "^(.*)/" or ".", { mode = 493 }) -- 0755
    file.write_atomic(path, text, { mode = 420 }) -- 0644
    return true
  end
  local known, err = file.try_read(path)
  if not known then
    state.failure_message = ("%s; EKSRUN_GOLDENS=write eksrun test writes it"):format(util.describe(err))
    return false
  end
  if known == text then return true end
  state.failure_message = ("not as in %s; EKSRUN_GOLDENS=write eksrun test writes it anew:\n%s"):format(path,
    diff.lines(known, text))
  return false
end

local function allows(wanted)
  return function(state, arguments)
    local policy, action, resource, context = table.unpack(arguments, 1, 4)
    local decision = policies.decide(policy, action, resource, context)
    state.failure_message = ("%s on %s: %s"):format(action, resource or "*", decision)
    return (decision == "allowed") == wanted
  end
end

--- @param Plan table metatable of plans
function M.register(Plan)
  local assert = require "luassert"
  for verb, op in pairs(VERBS) do assert:register("assertion", verb, one_verb(Plan, verb, op)) end
  assert:register("assertion", "unchanged", unchanged(Plan))
  assert:register("assertion", "golden", golden)
  assert:register("assertion", "allows", allows(true))
  assert:register("assertion", "denies", allows(false))
end

return M
