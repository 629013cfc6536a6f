--- Renames addresses: things of a stack become what a recipe declares under another address.
local stack_module = require "eksrun.engine.stack"
local util = require "eksrun.util"

local M = {}

-- The address under its new name; nil when it is not below the old one.
local function renamed(address, old, new)
  if address == old then return new end
  if address:sub(1, #old + 1) == old .. "/" then return new .. address:sub(#old + 1) end
end

local function check(plan, action, old, new)
  local node = plan.graph.by_address[new]
  if not node then
    local known = {}
    for i, other in ipairs(plan.graph.nodes) do known[i] = other.address end
    util.fail("usage", "the recipe declares no resource '%s'%s", new, util.did_you_mean(new, known))
  end
  if node.type ~= action.type then
    util.fail("conflict", "%s is a %s, and %s is declared as a %s", old, action.type.name, new,
      node.type.name)
  end
  if action.type.identity == "tag" then return end
  for _, name in ipairs(action.type.key) do
    if node.computed[name] then
      local own = tostring(action.record[name])
      util.fail("conflict", "%s: the name %s was made from its address, and AWS renames nothing: say was = "
        .. "{ \"%s\" } in the declaration of %s, or %s = \"%s\"", old, own, old, new, name, own)
    end
  end
end

--- What carries an address at or below the old one, with its new tags. Raises { code = "usage" |
--- "conflict" }.
--- @param plan eksrun.Plan of the recipe that declares the new addresses, made with only_look
--- @param old string address or scope
--- @param new string
--- @return eksrun.retag.Change[]
function M.find(plan, old, new)
  local taken, out = {}, {}
  for _, action in ipairs(plan.actions) do
    local record = action.record
    if action.node and record and record.address == action.address then taken[action.address] = record end
  end
  for _, action in ipairs(plan.actions) do
    local record = action.record
    local from = record and record.address
    local to = from and from ~= (action.node and action.address) and renamed(from, old, new)
    if to then
      check(plan, action, from, to)
      if taken[to] then
        util.fail("conflict", "%s is %s already: delete that or move it first", to,
          tostring(taken[to][action.type.id]))
      end
      out[#out + 1] = {
        type = action.type, record = record, address = to, from = from,
        set = { [stack_module.TAG_RESOURCE] = to },
      }
    end
  end
  if out[1] then return out end
  for address in pairs(plan.graph.by_address) do
    if renamed(address, old, new) then
      util.fail("usage", "%s is still declared: rename it in the recipe, then move it", address)
    end
  end
  util.fail("usage", "the stack %s has nothing at %s", plan.stack.name, old)
end

return M
