--- Which kinds a plan asks AWS for: those that must be known, and those that are looked at because
--- something of the stack may be left of them. What is asked for in vain costs calls, and permissions that
--- a stack without such things need not have.
local resource = require "eksrun.resource"
local util = require "eksrun.util"

local M = {}

--- The kinds that are declared, and the relations of what is declared: these are the recipe's to declare.
--- @param declared eksrun.Graph
--- @return eksrun.ResourceType[]
function M.declared(declared)
  local required, has = {}, {}
  local function add(type_)
    if has[type_] then return end
    has[type_] = true
    required[#required + 1] = type_
  end
  for _, node in ipairs(declared.nodes) do add(node.type) end
  for _, type_ in ipairs(resource.all()) do
    local parent = resource.parent_of(type_)
    if parent and has[parent] then add(type_) end
  end
  return required
end

--- The kinds of which the stack may have something, by its inventory; all, where there is none.
--- @param inventory table?
--- @return eksrun.ResourceType[]
function M.possible(inventory)
  if not inventory then return resource.all() end
  local list = {}
  for _, name in ipairs(util.sorted_keys(inventory)) do
    -- A type that a recipe defines is not known to all runs.
    local ok, type_ = pcall(resource.get, name)
    if ok then list[#list + 1] = type_ end
  end
  return list
end

return M
