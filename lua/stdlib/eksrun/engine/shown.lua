--- What a person or a program sees of the values of inputs: nothing of what is sensitive; of what may hold
--- secrets, its size.
local json = require "eksrun.json"
local ref = require "eksrun.engine.ref"
local util = require "eksrun.util"

local M = {}

-- Characters before the first difference of two long values.
local CONTEXT = 12

-- Of a list, shown as coming or going.
local MEMBERS_MAX = 8

-- Stands for a value that is not shown.
local Hidden = {}

function Hidden:__tostring()
  if self.sensitive then return "(sensitive)" end
  return self.bytes and ("(not shown, %d bytes)"):format(self.bytes) or "(not shown)"
end

local function hidden(fields) return setmetatable(fields, Hidden) end

-- A copy of a value with what is not shown replaced.
local function veiled(value, spec)
  if value == nil or value == ref.unknown then return value end
  if spec and spec.sensitive then return hidden { sensitive = true } end
  if spec and spec.opaque then return hidden { bytes = type(value) == "string" and #value or nil } end
  if type(value) ~= "table" then return value end
  local fields, out = spec and spec.fields or {}, {}
  for key, item in pairs(value) do out[key] = veiled(item, fields[key]) end
  return setmetatable(out, getmetatable(value))
end

-- What stands in a line for what is no value, inside of tables as text.
local function named(value)
  if type(value) ~= "table" then return value end
  if value == ref.unknown or getmetatable(value) == Hidden then return tostring(value) end
  local out = {}
  for key, item in pairs(value) do out[key] = named(item) end
  return setmetatable(out, getmetatable(value))
end

-- At most `max` characters of a text, from the one with the number `first` on.
local function cut(text, max, first)
  first = first or 1
  local length = utf8.len(text)
  if not length or not max or length <= max then return text end
  -- What is short behind the first difference leaves room for what is before it.
  first = math.max(1, math.min(first, length - max + 2))
  local before, room = first > 1 and "…" or "", first > 1 and max - 1 or max
  local from = utf8.offset(text, first)
  if length - first < room then return before .. text:sub(from) end
  return before .. text:sub(from, utf8.offset(text, first + room - 1) - 1) .. "…"
end

--- A value in a line: text quoted, tables as JSON, what is long cut.
--- @param value any
--- @param spec? eksrun.Input how it behaves
--- @param max? integer characters
--- @return string
function M.text(value, spec, max)
  if value == nil then return "(none)" end
  value = veiled(value, spec)
  local plain = named(value)
  local out = tostring(plain)
  if type(plain) == "table" then
    out = json.encode(plain)
  elseif type(value) == "string" then
    out = '"' .. value .. '"'
  end
  return cut(util.escape(out):gsub("\n", "\\n"), max)
end

-- The number of the first character in which two texts differ.
local function first_difference(a, b)
  local at = 1
  while at <= #a and a:byte(at) == b:byte(at) do at = at + 1 end
  while at > 1 and (a:byte(at) or 0) & 0xC0 == 0x80 do at = at - 1 end
  return (utf8.len(a, 1, at - 1) or 0) + 1
end

--- Two values in a line, each cut where it is long, but not so that they look alike.
--- @param from any
--- @param to any
--- @param spec? eksrun.Input how they behave
--- @param max? integer characters of each
--- @return string from
--- @return string to
function M.pair(from, to, spec, max)
  local a, b = M.text(from, spec), M.text(to, spec)
  local short_a, short_b = cut(a, max), cut(b, max)
  if a == b or short_a ~= short_b then return short_a, short_b end
  local first = math.max(1, first_difference(a, b) - CONTEXT)
  return cut(a, max, first), cut(b, max, first)
end

local function is_list(value)
  return type(value) == "table" and value ~= ref.unknown and getmetatable(value) ~= Hidden
    and (#value > 0 or getmetatable(value) == json.array_mt)
end

-- What `list` has and `other` has not.
local function missing(list, other)
  local left, out = {}, {}
  local function key(item) return json.encode(named(item), { sort = true }) end
  for _, item in ipairs(other) do left[key(item)] = (left[key(item)] or 0) + 1 end
  for _, item in ipairs(list) do
    local count = left[key(item)] or 0
    left[key(item)] = count - 1
    if count <= 0 then out[#out + 1] = item end
  end
  return out
end

-- The first few, and how many more there are.
local function few(list)
  if #list <= MEMBERS_MAX then return list end
  local out = table.move(list, 1, MEMBERS_MAX, 1, {})
  out[#out + 1] = ("%d more"):format(#list - MEMBERS_MAX)
  return out
end

--- The members in which two lists differ, each as text, where the lists are too long to be shown whole.
--- @param change eksrun.Change
--- @param max? integer characters of a list, and of a member
--- @return string[]? added nil when the change is shown otherwise
--- @return string[]? removed
function M.members(change, max)
  local from, to, spec = veiled(change.from, change.spec), veiled(change.to, change.spec), change.spec
  if not max or not (is_list(from) and is_list(to)) then return nil end
  if math.max(utf8.len(M.text(from, spec)), utf8.len(M.text(to, spec))) <= max then return nil end
  local added, removed = missing(to, from), missing(from, to)
  for i = 1, math.max(#added, #removed) do
    local old, new = M.pair(removed[i], added[i], nil, max)
    if removed[i] ~= nil then removed[i] = old end
    if added[i] ~= nil then added[i] = new end
  end
  return few(added), few(removed)
end

--- A change in a line: `1 -> 2`; of long lists the members that come and go: `+ "c", - "b"`.
--- @param change eksrun.Change
--- @param max? integer characters of each side; default: all
--- @return string
function M.difference(change, max)
  local added, removed = M.members(change, max)
  if not added then return ("%s -> %s"):format(M.pair(change.from, change.to, change.spec, max)) end
  local out = {}
  for _, member in ipairs(added) do out[#out + 1] = "+ " .. member end
  for _, member in ipairs(removed) do out[#out + 1] = "- " .. member end
  return out[1] and table.concat(out, ", ") or "the same in another order"
end

--- What tells a thing that there is from others, behind its address: its id; where that is the address, what
--- it belongs to.
--- @param action eksrun.Action
--- @return string
function M.id(action)
  local id = tostring(action.record[action.type.id])
  if id ~= action.address or action.record.address then return util.escape(id, true) end
  return action.of and "of " .. action.of or ""
end

-- What stands in JSON for what is no value: { "unknown": true }, { "sensitive": true }, { "bytes": 812 }.
local function told(value)
  if value == ref.unknown then return { unknown = true } end
  if type(value) ~= "table" then return value end
  local out = {}
  for key, item in pairs(value) do out[key] = told(item) end
  if getmetatable(value) == Hidden then return out end
  return setmetatable(out, getmetatable(value))
end

--- A change as a program gets it: of what is sensitive, that it is.
--- @param change eksrun.Change
--- @return table
function M.change(change)
  local spec = change.spec or {}
  local function side(value)
    if spec.sensitive or type(value) == "function" then return nil end
    return told(veiled(value, spec))
  end
  return {
    path = change.path, replaces = change.replaces or nil, sensitive = spec.sensitive,
    from = side(change.from), to = side(change.to),
  }
end

return M
