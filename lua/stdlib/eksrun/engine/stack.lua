--- A stack: what one recipe owns in one account and region, under one name.
---
--- Its name is given by `eksrun.stack "name"` or made from the recipe: the stem of the file, then
--- "/" and the parameter `name` when the recipe has one (managed-cluster/demo). Every resource
--- carries it as the tag eksrun:stack, and its address as eksrun:resource, from its creation.
local graph = require "eksrun.engine.graph"
local util = require "eksrun.util"

local M = {}

M.TAG_STACK = "eksrun:stack"
M.TAG_RESOURCE = "eksrun:resource"
--- On what lives outside of any region: the region of the stack.
M.TAG_REGION = "eksrun:region"
--- On what the recipe protects: holds without the recipe too.
M.TAG_PROTECT = "eksrun:protect"
--- The keys of the recipe's own tags: one that is dropped is told apart by it from what others have set.
M.TAG_KEYS = "eksrun:tags"

-- A tag's value takes so many characters.
local VALUE_MAX = 256

--- @class eksrun.Stack
--- @field name string
--- @field region string?
--- @field account string?
local Stack = {}
Stack.__index = Stack

--- @param name string
--- @param where? { region?: string, account?: string }
--- @return eksrun.Stack
function M.new(name, where)
  where = where or {}
  return setmetatable({ name = name, region = where.region, account = where.account }, Stack)
end

--- Whether a name can be a stack's: a tag's value.
--- @param name any
--- @return boolean
function M.is_name(name)
  return type(name) == "string" and name:find("^[%w][%w _.:/=+@-]*$") ~= nil and #name <= 128
end

--- Raises unless the name can be a stack's.
--- @param name any
--- @return string name
function M.check_name(name)
  if not M.is_name(name) then
    util.raise_at_caller("stack: '%s' is no name: letters, digits, spaces and _.:/=+-@, at most 128",
      tostring(name))
  end
  return name
end

--- The stack of the graph at hand.
--- @return eksrun.Stack
function M.current()
  local declared = graph.current()
  if not declared.stack then M.name_current(declared.default_stack or "eksrun") end
  return declared.stack
end

--- Names the stack of the graph at hand.
--- @param name string
--- @return eksrun.Stack
function M.name_current(name)
  local declared = graph.current()
  declared.stack = M.new(M.check_name(name), declared.where)
  return declared.stack
end

--- A name for a resource that is known by its name: made from the stack and the address alone, so
--- that a second run finds it. Longer ones are cut and end in a hash of the whole.
--- @param node eksrun.Node
--- @param max? integer characters, default 64
--- @return string
function Stack:name_for(node, max)
  max = max or 64
  local whole = self.name .. "/" .. node.address
  if node.type.global then
    self.region = self.region or require("eksrun.aws").region()
    whole = whole .. "/" .. self.region
  end
  local name = whole:gsub("[^%w]+", "-")
  if #name <= max then return name end
  return name:sub(1, max - 9):gsub("%-+$", "") .. "-" .. util.fingerprint(whole):sub(1, 8)
end

--- Whether a name may be one that name_for() made for this stack: where tags cannot be filtered,
--- only such things are looked at.
--- @param name string
--- @return boolean
function Stack:maybe_names(name)
  local start = self:name_start()
  return name:sub(1, #start) == start
end

--- How every name begins that name_for() makes.
--- @return string
function Stack:name_start() return ((self.name .. "/"):gsub("[^%w]+", "-"):sub(1, 40)) end

--- The tags that mark what an address has in AWS.
--- @param address string
--- @return table<string, string>
function Stack:tags_of(address) return { [M.TAG_STACK] = self.name, [M.TAG_RESOURCE] = address } end

-- Keys as one text. A key that does not fit is left out: dropped, it stays in AWS.
local function spell_keys(tags)
  local out, size = {}, -1
  for _, key in ipairs(util.sorted_keys(tags)) do
    local word = key:gsub("[= ]", { ["="] = "=3D", [" "] = "=20" })
    if size + 1 + #word <= VALUE_MAX then
      out[#out + 1] = word
      size = size + 1 + #word
    end
  end
  return table.concat(out, " ")
end

--- The keys of the tags that the last run set of its recipe.
--- @param tags table<string, string> of a thing
--- @return string[]
function M.recipe_keys(tags)
  local out = {}
  for word in (tags[M.TAG_KEYS] or ""):gmatch "%S+" do
    out[#out + 1] = (word:gsub("=(%x%x)", function(digits) return string.char(tonumber(digits, 16)) end))
  end
  return out
end

--- The tags that a resource of this stack carries, the recipe's own included.
--- @param node eksrun.Node
--- @param own table<string, string> the recipe's tags, resolved
--- @return table<string, string>
function Stack:tags_for(node, own)
  local tags = self:tags_of(node.address)
  for key, value in pairs(own) do tags[key] = tags[key] or value end
  if node.type.global then tags[M.TAG_REGION] = self.region end
  if node.protect then tags[M.TAG_PROTECT] = "true" end
  if next(own) then tags[M.TAG_KEYS] = spell_keys(own) end
  return tags
end

--- The address of what carries these tags, or nil when it is not of this stack.
--- @param tags table<string, string>
--- @param type_ eksrun.ResourceType
--- @return string? address
function Stack:owns(tags, type_)
  if tags[M.TAG_STACK] ~= self.name then return nil end
  if type_.global and tags[M.TAG_REGION] ~= self.region then return nil end
  return tags[M.TAG_RESOURCE]
end

--- A token for a call that AWS makes idempotent by it: the same for the same stack, address,
--- inputs and predecessor.
--- @param address string
--- @param inputs table resolved
--- @param predecessor any the id of what is replaced
--- @param generation? integer of the lock: the same for a run that was killed and those behind it
--- @return string at most 64 characters
function Stack:token(address, inputs, predecessor, generation)
  return "eksrun-" .. util.fingerprint(self.account or "", self.region or "", self.name, address, inputs,
    predecessor or "", generation or 0):sub(1, 32)
end

return M
