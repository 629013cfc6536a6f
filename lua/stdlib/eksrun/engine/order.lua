--- From a plan to steps and what each has to wait for.
---
--- A step is one resource made, changed or deleted; a replacement is two. Creations follow what they
--- refer to; deletions precede it, by what AWS says of the things themselves, so that a stack can be
--- deleted without its recipe.
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Step
--- @field kind "create"|"update"|"delete"|"wait"
--- @field action eksrun.Action
--- @field address string
--- @field needs table<eksrun.Step, boolean>

-- Where records can be found by what others call them: "ec2.vpc.VpcId=vpc-1" -> steps.
local function lookup(steps)
  local by_field = {}
  return function(target, value)
    local type_name, field = target:match("^(%l[%w_]*%.[%w_]+)%.(%w+)$")
    local key = target .. "=" .. tostring(value)
    if by_field[target] == nil then
      by_field[target] = true
      for _, step in ipairs(steps) do
        local type_ = step.action.type
        if type_.name == (type_name or target) then
          local own = target .. "=" .. tostring(step.action.record[field or type_.id])
          by_field[own] = by_field[own] or {}
          table.insert(by_field[own], step)
        end
      end
    end
    return by_field[key] or {}
  end
end

-- Calls found(step) for each step whose record the value refers to.
local function referred(find, inputs, values, found)
  for name, spec in pairs(inputs) do
    local value = values[name]
    if value ~= nil and spec.refers then
      for _, item in ipairs(type(value) == "table" and value or { value }) do
        for _, step in ipairs(find(spec.refers, item)) do found(step) end
      end
    end
    if spec.fields and type(value) == "table" then referred(find, spec.fields, value, found) end
  end
end

-- Deletions wait for the deletions of what refers to them.
local function order_deletions(deletes, graph)
  local find, of_node = lookup(deletes), {}
  for _, step in ipairs(deletes) do
    if step.action.node then of_node[step.action.node] = step end
  end
  for _, step in ipairs(deletes) do
    local type_ = step.action.type
    referred(find, type_.inputs, step.action.record, function(target)
      if target ~= step then target.needs[step] = true end
    end)
    if step.action.node then
      for _, node in ipairs(graph:dependencies(step.action.node)) do
        if of_node[node] then of_node[node].needs[step] = true end
      end
    end
    for _, name in ipairs(type_.delete_after or {}) do
      for _, other in ipairs(deletes) do
        if other.action.type.name == name then step.needs[other] = true end
      end
    end
  end
end

-- Raises when steps wait for each other.
local function check(steps)
  local state = {}
  local function visit(step, path)
    if state[step] == "done" then return end
    path[#path + 1] = step.kind .. " " .. step.address
    if state[step] == "open" then
      util.fail("plan", "these wait for each other: %s", table.concat(path, " -> "))
    end
    state[step] = "open"
    for other in pairs(step.needs) do visit(other, path) end
    path[#path] = nil
    state[step] = "done"
  end
  for _, step in ipairs(steps) do visit(step, {}) end
end

--- Whether the new one is made before the old one goes.
--- @param action eksrun.Action a replacement
--- @return boolean
function M.creates_first(action)
  local rule = action.type.create_first
  if type(rule) == "function" then return rule(action.record, action.inputs) end
  return rule or false
end

--- @param plan eksrun.Plan
--- @return eksrun.Step[]
function M.steps(plan)
  local steps, deletes, maker = {}, {}, {}
  local function add(kind, action)
    local step = { kind = kind, action = action, address = action.address, needs = {} }
    steps[#steps + 1] = step
    if kind == "delete" then deletes[#deletes + 1] = step else maker[action.node] = step end
    return step
  end

  for _, action in ipairs(plan.actions) do
    if action.op == "replace" then
      local create, delete = add("create", action), add("delete", action)
      if M.creates_first(action) then delete.needs[create] = true else create.needs[delete] = true end
    elseif action.op ~= "keep" then
      add(action.op, action)
    end
  end

  for node, step in pairs(maker) do
    for _, other in ipairs(plan.graph:dependencies(node)) do
      if maker[other] then step.needs[maker[other]] = true end
    end
  end
  order_deletions(deletes, plan.graph)

  -- What stays lets go first: an update that drops its use of what is deleted.
  local find = lookup(deletes)
  for _, step in pairs(maker) do
    if step.kind == "update" then
      referred(find, step.action.type.inputs, step.action.record, function(target)
        local last = target.action.op == "delete" or M.creates_first(target.action)
        if last then target.needs[step] = true end
      end)
    end
  end
  check(steps)
  return steps
end

return M
