--- What was found of one kind: each thing once, whichever question brought it, and by what finds it again.
local diff = require "eksrun.engine.diff"
local ref = require "eksrun.engine.ref"

--- @class eksrun.Records
--- @field list table[] in the order in which they were found
local Records = {}
Records.__index = Records

local M = {}

--- @param type_ eksrun.ResourceType
--- @return eksrun.Records
function M.new(type_)
  return setmetatable({ type = type_, list = {}, seen = {}, by_key = {}, twins = {} }, Records)
end

--- @param record table
function Records:add(record)
  local type_ = self.type
  local by_tag = type_.identity == "tag"
  local id = by_tag and tostring(record[type_.id]) or type_:key_of(record)
  if self.seen[id] then return end
  self.seen[id] = true
  table.insert(self.list, record)
  -- For those that look for something to keep it is gone.
  if record.leaving then return end
  local key = by_tag and record.address or id
  if not key then return end
  self.by_key[key] = self.by_key[key] or record
  if by_tag then
    self.twins[key] = self.twins[key] or {}
    table.insert(self.twins[key], record)
  end
end

-- Whether a thing can stay what it is and become what the inputs say.
local function fits(type_, inputs, record)
  for _, change in ipairs(diff.compare(type_.inputs, inputs, record)) do
    if change.replaces and ref.complete(change.to) then return false end
  end
  return true
end

--- Of several with one address, as a replacement that was cut short leaves them, the one that can stay.
--- @param address string
--- @param inputs table what the recipe wants
--- @return table? record
function Records:best(address, inputs)
  local twins = self.twins[address]
  if not twins or not twins[2] then return self.by_key[address] end
  for _, record in ipairs(twins) do
    if fits(self.type, inputs, record) then return record end
  end
  return twins[1]
end

return M
