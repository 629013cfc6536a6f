--- The picture of a plan as data: its resources, and which comes before which.
local order = require "eksrun.engine.order"

local M = {}

--- @class eksrun.picture.Node
--- @field index integer its place among the nodes
--- @field address string
--- @field group string the outermost scope of the address, or ""
--- @field label string the address within the group
--- @field type string "ec2.vpc"
--- @field op "create"|"update"|"replace"|"delete"|"wait"|"keep"
--- @field needs eksrun.picture.Node[] what comes first, without what another of them needs already
--- @field rank integer how many come one after the other before it

--- @class eksrun.picture.Model
--- @field nodes eksrun.picture.Node[] in the plan's order
--- @field groups string[] in the order of their first node
--- @field ranks integer how many ranks there are

local function node_of(action, index)
  local group, label = action.address:match "^([^/]+)/(.+)$"
  return {
    index = index, address = action.address, group = group or "", label = label or action.address,
    type = action.type.name, op = action.op, all = {},
  }
end

-- Fills node.all: what comes first, as the recipe refers to it, or as AWS says of what is to be deleted.
local function find_needs(plan, of)
  for action, node in pairs(of) do
    if action.node then
      for _, other in ipairs(plan.graph:dependencies(action.node)) do
        for candidate, needed in pairs(of) do
          if candidate.node == other then node.all[needed] = true end
        end
      end
    end
  end
  for _, step in ipairs(order.steps(plan)) do
    if step.action.op == "delete" then
      for other in pairs(step.needs) do
        if other.action.op == "delete" then of[other.action].all[of[step.action]] = true end
      end
    end
  end
end

local function in_order(set)
  local list = {}
  for node in pairs(set) do list[#list + 1] = node end
  table.sort(list, function(a, b) return a.index < b.index end)
  return list
end

-- All that comes before a node, itself not included.
local function above(node)
  if not node.above then
    node.above = {}
    for other in pairs(node.all) do
      node.above[other] = true
      for further in pairs(above(other)) do node.above[further] = true end
    end
  end
  return node.above
end

-- An arrow that a longer way implies says nothing.
local function reduced(node)
  local kept = {}
  for other in pairs(node.all) do
    local implied = false
    for between in pairs(node.all) do implied = implied or above(between)[other] ~= nil end
    kept[other] = not implied or nil
  end
  return in_order(kept)
end

local function rank(node)
  if not node.rank then
    node.rank = 0
    for _, other in ipairs(node.needs) do node.rank = math.max(node.rank, rank(other) + 1) end
  end
  return node.rank
end

--- @param plan eksrun.Plan
--- @return eksrun.picture.Model
function M.of(plan)
  local model, of, known = { nodes = {}, groups = {}, ranks = 0 }, {}, {}
  for i, action in ipairs(plan.actions) do
    local node = node_of(action, i)
    model.nodes[i], of[action] = node, node
    if not known[node.group] then
      known[node.group] = true
      model.groups[#model.groups + 1] = node.group
    end
  end
  find_needs(plan, of)
  for _, node in ipairs(model.nodes) do node.needs = reduced(node) end
  for _, node in ipairs(model.nodes) do model.ranks = math.max(model.ranks, rank(node) + 1) end
  return model
end

return M
