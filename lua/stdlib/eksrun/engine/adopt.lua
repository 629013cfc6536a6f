--- Takes things that exist into a stack: finds them by their ids and says what stands against it.
local context = require "eksrun.engine.context"
local diff = require "eksrun.engine.diff"
local ref = require "eksrun.engine.ref"
local shown = require "eksrun.engine.shown"
local stack_module = require "eksrun.engine.stack"
local tags_module = require "eksrun.resource.tags"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Adoption: eksrun.retag.Change
--- @field node eksrun.Node
--- @field id string
--- @field changes eksrun.Change[] what the next plan changes of it

-- The ids by the declared resources, in the order in which they need each other.
local function pairs_of(declared, words)
  local ids, of = {}, {}
  for _, word in ipairs(words) do
    local address, id = word:match "^([^=]+)=(.+)$"
    if not address then
      util.fail("usage", "'%s': ADDRESS=ID expected, such as network/vpc=vpc-0123", word)
    end
    local node = declared.by_address[address]
    if not node then
      local known = {}
      for i, other in ipairs(declared.nodes) do known[i] = other.address end
      util.fail("usage", "the recipe declares no resource '%s'%s", address, util.did_you_mean(address, known))
    end
    if not node.type.tagging then
      util.fail("usage", "%s: %s takes no tags and needs no adoption: it belongs to what it lives in",
        address, node.type.name)
    end
    local scheme = node.type.retag or tags_module.scheme(node.type.tagging[1]).retag
    if not scheme then util.fail("usage", "%s: the tags of %s cannot be changed", address, node.type.name) end
    if of[node] or ids[id .. node.type.name] then util.fail("usage", "'%s' is given twice", word) end
    of[node], ids[id .. node.type.name] = id, true
  end
  local out = {}
  for _, node in ipairs(declared:order()) do
    if of[node] then out[#out + 1] = { node = node, id = of[node] } end
  end
  return out
end

local function look(plan, aws, node, id, inputs)
  local type_ = node.type
  local ctx = context.new { aws = aws, stack = plan.stack, type = type_, memo = {}, only = id }
  local wanted = {}
  if type_.identity ~= "tag" then
    for _, name in ipairs(type_.key) do
      if not ref.complete(inputs[name]) then
        util.fail("adopt", "%s: its %s is not known before apply: adopt what it comes from first",
          node.address, name)
      end
    end
    wanted[1] = inputs
  end
  local known
  local found = ctx:found(function() return type_.observe(ctx, wanted) end, "InvalidParameterValue") or {}
  for _, record in ipairs(found) do
    local matches = tostring(record[type_.id]) == id
    if type_.identity ~= "tag" and type_:key_of(record) == type_:key_of(inputs) then
      known = type_:key_of(record)
      for _, name in ipairs(type_.key) do matches = matches or record[name] == id end
    end
    if matches and not record.leaving then return record end
  end
  util.fail("adopt", "%s: AWS has no %s %s%s", node.address, type_.name, id,
    known and ("; by that name it has " .. known) or "")
end

local function check_owner(plan, node, record, id)
  local tags = record.tags or {}
  local owner, address = tags[stack_module.TAG_STACK], tags[stack_module.TAG_RESOURCE]
  if owner and owner ~= plan.stack.name then
    util.fail("conflict", "%s: %s belongs to the stack %s, as %s: take it out of that recipe first, and its "
      .. "tags away", node.address, id, owner, tostring(address))
  end
  if record.address and record.address ~= node.address then
    util.fail("conflict", "%s: %s is %s of this stack already: eksrun move RECIPE %s %s", node.address, id,
      record.address, record.address, node.address)
  end
end

--- What is to be taken over. Raises { code = "usage" | "adopt" | "conflict" } naming what stands against it.
--- @param plan eksrun.Plan made with only_look
--- @param words string[] ADDRESS=ID
--- @param aws table
--- @return eksrun.Adoption[] without those that are the stack's already
function M.find(plan, words, aws)
  local actions, adopted, out = {}, {}, {}
  for _, action in ipairs(plan.actions) do
    if action.node then actions[action.node] = action end
  end
  local function env(node) return adopted[node] or plan.env(node) end
  for _, pair in ipairs(pairs_of(plan.graph, words)) do
    local node, id = pair.node, pair.id
    local inputs = ref.resolve(node.inputs, env)
    local present = actions[node].record
    local record = look(plan, aws, node, id, inputs)
    check_owner(plan, node, record, id)
    if present and present[node.type.id] ~= record[node.type.id] then
      util.fail("conflict", "%s is %s already", node.address, tostring(present[node.type.id]))
    end
    for name in pairs(node.computed) do
      if node.type.inputs[name].immutable then inputs[name] = record[name] end
    end
    local changes = diff.compare(node.type.inputs, inputs, record)
    for _, change in ipairs(changes) do
      if change.replaces and ref.complete(change.to) then
        util.fail("conflict", "%s: %s would be replaced: %s is %s and the recipe wants %s; adopt changes "
          .. "nothing but tags: declare it as it is", node.address, id, change.path,
          shown.pair(change.from, change.to, change.spec, 60))
      end
    end
    adopted[node] = util.overlay(inputs, record)
    if not present then
      out[#out + 1] = {
        node = node, id = id, type = node.type, record = record, address = node.address, changes = changes,
        set = plan.stack:tags_for(node, ref.resolve(node.tags, env)),
      }
    end
  end
  return out
end

return M
