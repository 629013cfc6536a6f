--- What a person or a program sees of the values of inputs: nothing of what is sensitive; of what may hold
--- secrets, its size.
local json = require "eksrun.json"
local ref = require "eksrun.engine.ref"
local util = require "eksrun.util"

local M = {}

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
  out = util.escape(out):gsub("\n", "\\n")
  if max and utf8.len(out) and utf8.len(out) > max then
    out = out:sub(1, utf8.offset(out, max) - 1) .. "…"
  end
  return out
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
