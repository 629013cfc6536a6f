-- Random values of shapes, as Operation:input() and :output() describe them: the same for the same
-- seed. Every value can go over the wire in every protocol and come back as it was.

local json = require "eksrun.json"

local M = {}
M.__index = M

-- What encodings have to escape, and characters of two to four bytes.
local letters = {
  "a", "B", "7", "-", ".", "_", "~", " ", "/", "+", "%", "&", "<", ">", "=", "?", "#", ",", "'", '"', ";",
  ":", "\\", "é", "ß", "€", "𝄞",
}

function M.new(seed) return setmetatable({ state = seed }, M) end

-- The next number from 0 to 2^31 - 1.
function M:next()
  self.state = (self.state * 6364136223846793005 + 1442695040888963407)
  return (self.state >> 33) & 0x7fffffff
end

function M:between(least, most) return least + self:next() % (most - least + 1) end

local function bounds(shape, least, most)
  least = math.max(math.ceil(shape.min or least), least)
  return least, math.max(least, math.min(math.floor(shape.max or most), least + most))
end

function M:text(shape, alphabet)
  if shape.enum and #shape.enum > 0 then return shape.enum[self:between(1, #shape.enum)] end
  alphabet = alphabet or letters
  local parts = {}
  for i = 1, self:between(bounds(shape, 1, 12)) do parts[i] = alphabet[self:between(1, #alphabet)] end
  -- Spaces around a header's value mean nothing.
  if parts[1] == " " then parts[1] = "x" end
  if parts[#parts] == " " then parts[#parts] = "x" end
  return table.concat(parts)
end

function M:bytes(shape)
  local parts = {}
  for i = 1, self:between(bounds(shape, 1, 12)) do parts[i] = string.char(self:between(0, 255)) end
  return table.concat(parts)
end

function M:integer(shape, bits)
  if shape.location == "status" then return 200 + self:between(0, 6) end
  local most = bits == 32 and 2147483647 or math.maxinteger
  local least = math.ceil(math.max(shape.min or -1000, -most))
  local highest = math.floor(math.min(shape.max or most, most))
  if highest - least > 0 and highest - least < 1000 then return self:between(least, highest) end
  if bits == 64 and not shape.max and self:between(0, 3) == 0 then return math.maxinteger end
  return self:between(least, math.min(highest, least + 100000))
end

function M:number(shape)
  local least = math.max(shape.min or -1000, -1000)
  local value = least + self:between(0, 4000) / 4
  return math.min(value, shape.max or value) + 0.0
end

function M:document(depth)
  local kind = self:between(1, depth > 2 and 4 or 6)
  if kind == 1 then return self:text {} end
  if kind == 2 then return self:between(0, 1) == 1 end
  if kind == 3 then return self:between(-5, 5) end
  if kind == 4 then return 1.5 end
  if kind == 5 then return json.array { self:document(depth + 1), self:document(depth + 1) } end
  return { a = self:document(depth + 1), ["b c"] = self:document(depth + 1) }
end

-- nil: nothing of this shape ends.
function M:list(shape, depth)
  local list = json.array {}
  local least, most = bounds(shape, 1, 2)
  local count = self:between(least, depth > 3 and least or most)
  for i = 1, count do
    local value = self:value(shape.element, depth + 1)
    if value == nil then return nil end
    list[i] = value
  end
  return list
end

function M:map(shape, depth)
  local map = {}
  local lower = shape.location == "headers" and { "a", "b", "c", "-", "1" } or nil
  local least, most = bounds(shape, 1, 2)
  local count, made = self:between(least, most), 0
  for _ = 1, 50 do
    if made == count then break end
    local key, value = self:text(shape.key, lower), self:value(shape.value, depth + 1)
    if value == nil then return nil end
    if map[key] == nil then map[key], made = value, made + 1 end
  end
  return map
end

function M:structure(shape, depth)
  local out = {}
  if shape.union then
    for _ = 1, 20 do
      local member = shape.members[self:between(1, #shape.members)]
      local value = self:value(member, depth + 1)
      if value ~= nil then return { [member.name] = value } end
    end
    return nil
  end
  for _, member in ipairs(shape.members) do
    if member.required or member.token or self:between(1, depth > 3 and 20 or 2) == 1 then
      local value = not member.events and self:value(member, depth + 1)
      if value == nil and member.required then return nil end
      out[member.name] = value or nil
      if value == false and member.type == "boolean" then out[member.name] = false end
    end
  end
  -- Of a structure without fields, forms and XML keep no trace.
  for _, member in ipairs(shape.members) do
    if next(out) ~= nil then break end
    if not member.events then out[member.name] = self:value(member, depth + 1) end
  end
  return out
end

--- A value of the shape.
---@param shape table
---@param depth? integer
---@return any nil: of a shape that holds itself
function M:value(shape, depth)
  depth = depth or 0
  if shape.recursive or depth > 30 then return nil end
  if shape.type == "document" or shape.json then return self:document(0) end
  if shape.type == "structure" then return self:structure(shape, depth) end
  if shape.type == "list" then return self:list(shape, depth) end
  if shape.type == "map" then return self:map(shape, depth) end
  if shape.type == "boolean" then return self:between(0, 1) == 1 end
  if shape.type == "integer" then return self:integer(shape, 32) end
  if shape.type == "long" then return self:integer(shape, 64) end
  if shape.type == "float" or shape.type == "double" then return self:number(shape) end
  if shape.type == "timestamp" then return self:between(0, 2000000000) end
  if shape.type == "blob" then return self:bytes(shape) end
  return self:text(shape, shape.host and { "a", "b", "7" } or nil)
end

return M
