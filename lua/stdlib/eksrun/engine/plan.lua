--- The plan: what is declared against what AWS has, as data.
local diff = require "eksrun.engine.diff"
local kinds = require "eksrun.engine.kinds"
local observe = require "eksrun.engine.observe"
local ref = require "eksrun.engine.ref"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Action
--- @field op "create"|"update"|"replace"|"delete"|"wait"|"keep"
--- @field address string
--- @field type eksrun.ResourceType
--- @field node eksrun.Node? nil for a deletion
--- @field record table? what AWS has
--- @field inputs table? resolved; may hold ref.unknown
--- @field changes eksrun.Change[]
--- @field reason string?

--- @class eksrun.Plan
--- @field stack eksrun.Stack
--- @field graph eksrun.Graph
--- @field actions eksrun.Action[] in an order in which they could be done
--- @field counts table<string, integer> by op
--- @field destroy boolean?
--- @field env fun(node: eksrun.Node): table? what is known of a resource before the run, for ref.resolve
--- @field unseen { type: eksrun.ResourceType, err: any }[] kinds of which something may be left unseen

local function count(actions)
  local counts = { create = 0, update = 0, replace = 0, delete = 0, wait = 0, keep = 0 }
  for _, action in ipairs(actions) do counts[action.op] = counts[action.op] + 1 end
  counts.changes = #actions - counts.keep
  return counts
end

-- What a resource to be made will have: its inputs, the rest is AWS's to say.
local function future(type_, inputs)
  local fields = {}
  for name, value in pairs(inputs) do
    if not type_.outputs[name] then fields[name] = value end
  end
  return setmetatable(fields, { __index = function() return ref.unknown end })
end

-- What an existing one has: what is becoming ready, or is to be changed, may not say everything yet.
local function present(type_, record, inputs, changes)
  local fields = util.overlay(record, inputs)
  if not record.pending and not changes[1] then return fields end
  return setmetatable(fields, {
    __index = function(_, key) return type_.outputs[key] and ref.unknown or nil end,
  })
end

local function decide(action)
  local type_, changes = action.type, action.changes
  if not changes[1] then
    action.op = action.record.pending and "wait" or "keep"
    return
  end
  action.op = "update"
  for _, change in ipairs(changes) do
    if change.replaces or (not type_.update and change.input ~= "tags") then
      change.replaces = true
      action.op = "replace"
      action.reason = action.reason or change.path .. " cannot be changed"
    end
  end
end

local function allowed(list, address)
  for _, name in ipairs(list or {}) do
    if name == address then return true end
  end
  return false
end

local function refuse_protected(actions, options)
  local refused = {}
  for _, action in ipairs(actions) do
    local goes = action.op == "replace" or action.op == "delete"
    local kept = action.node and action.node.protect or action.type.protect and not options.destroy
    if goes and kept and not allowed(options.allow_destroy, action.address) then
      refused[#refused + 1] = action.address
    end
  end
  if not refused[1] then return end
  util.fail("protected", "%s is protected: the plan would %s it; to let that happen: %s",
    table.concat(refused, ", "), options.destroy and "delete" or "replace or delete",
    "--allow-destroy " .. table.concat(refused, " --allow-destroy "))
end

--- @class eksrun.plan.Options
--- @field graph eksrun.Graph
--- @field stack eksrun.Stack
--- @field aws table
--- @field types? eksrun.ResourceType[] to ask for; default: what is declared, and what may be left
--- @field inventory? fun(): table? what the stack may have; nil: nobody knows
--- @field destroy? boolean delete all that the stack owns
--- @field allow_destroy? string[] addresses

-- What is ours and not declared; what has no tags has no address, and goes by its id.
local function deletions(observed, destroy)
  local actions = {}
  for _, found in ipairs(observed.extra) do
    actions[#actions + 1] = {
      op = "delete", type = found.type, record = found.record, changes = {},
      reason = not destroy and found.reason or nil,
      address = found.record.address or tostring(found.record[found.type.id]),
    }
  end
  return actions
end

-- A relation goes with what it lives in: no call of its own.
local function without_orphans(actions, all)
  local gone = {}
  for _, action in ipairs(all) do
    if action.op == "delete" or action.op == "replace" then
      gone[tostring(action.record[action.type.id])] = true
    end
  end
  local out = {}
  for _, action in ipairs(actions) do
    local parent = action.type.parent and action.record[action.type.parent]
    if not (parent and gone[tostring(parent)]) then out[#out + 1] = action end
  end
  return out
end

-- To delete a stack is to look everywhere, whatever was written down.
local function possible(options)
  local known = not options.destroy and options.inventory and options.inventory() or nil
  return kinds.possible(known), known
end

--- Looks at AWS and compares.
--- @param options eksrun.plan.Options
--- @return eksrun.Plan
function M.make(options)
  local observed = observe.run {
    graph = options.graph, stack = options.stack, aws = options.aws,
    types = options.types or kinds.declared(options.graph),
    possible = not options.types and function() return possible(options) end or nil,
    adopt_foreign = options.destroy,
  }
  local actions, fields = {}, {}
  local function env(node) return fields[node] end
  for _, node in ipairs(options.graph:order()) do
    local record = observed.of[node]
    if options.destroy then
      if record then
        actions[#actions + 1] = {
          op = "delete", address = node.address, type = node.type, node = node, record = record, changes = {},
        }
      end
    else
      local inputs = ref.resolve(node.inputs, env)
      local action = {
        op = "create", address = node.address, type = node.type, node = node, record = record,
        inputs = inputs, changes = {},
      }
      if record then
        action.changes = diff.compare(node.type.inputs, inputs, record)
        if node.type.tagging then
          local tags = options.stack:tags_for(node, ref.resolve(node.tags, env))
          table.move(diff.compare_tags(tags, record.tags), 1, 1000, #action.changes + 1, action.changes)
        end
        decide(action)
      end
      local anew = action.op == "create" or action.op == "replace"
      fields[node] = anew and future(node.type, inputs) or present(node.type, record, inputs, action.changes)
      if action.op == "update" then
        for _, name in ipairs(node.type.moves or {}) do fields[node][name] = ref.unknown end
      end
      actions[#actions + 1] = action
    end
  end
  local extra = deletions(observed, options.destroy)
  local all = table.move(extra, 1, #extra, #actions + 1, table.move(actions, 1, #actions, 1, {}))
  if options.destroy then
    actions = without_orphans(all, all)
  else
    extra = without_orphans(extra, all)
    table.move(extra, 1, #extra, #actions + 1, actions)
  end
  refuse_protected(actions, options)
  return {
    stack = options.stack, graph = options.graph, actions = actions, counts = count(actions),
    destroy = options.destroy, rounds = observed.rounds, unseen = observed.unseen, env = env,
  }
end

return M
