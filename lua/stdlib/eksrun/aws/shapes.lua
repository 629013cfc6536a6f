--- Ways into the shapes of a model (eksrun.native.aws.Shape).
local M = {}

--- The members of a structure by their names; none of what is no structure.
--- @param shape eksrun.native.aws.Shape|nil
--- @return table<string, eksrun.native.aws.Shape>
function M.members(shape)
  local out = {}
  for _, member in ipairs(shape and shape.members or {}) do out[member.name] = member end
  return out
end

--- What stands in a structure, list or map under a key: the member, the element, the value.
--- @param shape eksrun.native.aws.Shape|nil
--- @param key string|integer|nil
--- @return eksrun.native.aws.Shape|nil
function M.part(shape, key)
  if not shape then return nil end
  if shape.type == "list" then return shape.element end
  if shape.type == "map" then return shape.value end
  for _, member in ipairs(shape.members or {}) do
    if member.name == key then return member end
  end
end

return M
