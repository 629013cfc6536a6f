--- What a stack may have, by kind: written down with its lock before anything is made, so that later plans
--- look for what is no longer declared where something can be, and nowhere else.
---
--- { ["ec2.vpc"] = true, ["eks.cluster"] = { { "demo" } } }: a kind that is found by its tags, or whose
--- names are not all known, is `true`; otherwise the keys of all of its things stand there. It always says
--- at least what there is.
local json = require "eksrun.json"
local ref = require "eksrun.engine.ref"

local M = {}

local function key_of(type_, fields)
  local key = {}
  for i, name in ipairs(type_.key) do
    local value = fields[name]
    if type(value) ~= "string" then return nil end
    key[i] = value
  end
  return key
end

local function add(inventory, type_, fields)
  local name = type_.name
  local key = type_.identity == "name" and key_of(type_, fields)
  local keys = inventory[name]
  if not key or keys == true then
    inventory[name] = true
    return
  end
  keys = keys or json.array {}
  inventory[name] = keys
  local text = table.concat(key, "|")
  for _, other in ipairs(keys) do
    if table.concat(other, "|") == text then return end
  end
  keys[#keys + 1] = key
end

--- Both together.
--- @param a table?
--- @param b table?
--- @return table
function M.union(a, b)
  local out = {}
  for _, from in ipairs { a or {}, b or {} } do
    for name, keys in pairs(from) do
      if keys == true or out[name] == true then
        out[name] = true
      else
        out[name] = out[name] or json.array {}
        local seen = {}
        for _, key in ipairs(out[name]) do seen[table.concat(key, "|")] = true end
        for _, key in ipairs(keys) do
          if not seen[table.concat(key, "|")] then table.insert(out[name], key) end
        end
      end
    end
  end
  return out
end

--- As much of it as fits: the kinds without their keys, or nothing at all, which says that nobody knows.
--- @param inventory table
--- @param room integer bytes of JSON
--- @return table? inventory
function M.fitting(inventory, room)
  if #json.encode(inventory) <= room then return inventory end
  local kinds = {}
  for name in pairs(inventory) do kinds[name] = true end
  return #json.encode(kinds) <= room and kinds or nil
end

--- What a run of the plan may leave: all that is declared, and all that it found.
--- @param plan eksrun.Plan
--- @return table
function M.during(plan)
  local out = {}
  for _, action in ipairs(plan.actions) do
    if action.inputs then
      local known = {}
      for name, value in pairs(action.inputs) do
        if ref.complete(value) then known[name] = value end
      end
      add(out, action.type, known)
    end
    if action.record then add(out, action.type, action.record) end
  end
  return out
end

--- What is there after all of the plan was done.
--- @param plan eksrun.Plan
--- @param fields table<eksrun.Node, table> of the run
--- @param before? table what there was: of the kinds that could not be looked at it is there still
--- @return table
function M.after(plan, fields, before)
  local out = {}
  for _, action in ipairs(plan.actions) do
    if action.op ~= "delete" then
      add(out, action.type, action.node and fields[action.node] or action.record or {})
    end
  end
  for _, kind in ipairs(plan.unseen or {}) do
    local name = kind.type.name
    out = M.union(out, { [name] = before and before[name] })
  end
  return out
end

--- The inputs by which a type finds what the inventory knows of its kind.
--- @param type_ eksrun.ResourceType
--- @param inventory table
--- @return table[] wanted
function M.wanted(type_, inventory)
  local keys, out = inventory[type_.name], {}
  if type(keys) ~= "table" then return out end
  for _, key in ipairs(keys) do
    local inputs = {}
    for i, name in ipairs(type_.key) do inputs[name] = key[i] end
    out[#out + 1] = inputs
  end
  return out
end

return M
