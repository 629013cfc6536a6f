--- Values as lines of fields with tabs between them, as the AWS CLI's `--output text` has them.
---
--- The scalars of an object make a line, in the order of their keys, behind the name (in capitals)
--- under which the object stands; the objects of one list have the same fields. What is nested
--- follows, a line each.
local output = require "eksrun.cli.output"

local M = {}

local write

local function line(out, name, fields)
  if name then table.insert(fields, 1, name:upper()) end
  out[#out + 1] = table.concat(fields, "\t")
end

local function write_object(out, object, name, keys)
  local scalars, others = output.split(object)
  local fields = {}
  for i, key in ipairs(keys or scalars) do
    local value = object[key]
    fields[i] = (value == nil or type(value) == "table") and "" or output.scalar(value)
  end
  if #fields > 0 then line(out, name, fields) end
  for _, key in ipairs(others) do write(out, object[key], key) end
end

-- The keys that hold a scalar in any of the objects.
local function scalar_keys(list)
  local known, keys = {}, {}
  for _, object in ipairs(list) do
    for _, key in ipairs(output.is_object(object) and output.split(object) or {}) do
      if not known[key] then
        known[key] = true
        keys[#keys + 1] = key
      end
    end
  end
  table.sort(keys)
  return keys
end

local function write_scalars(out, list, name)
  local fields = {}
  for i, value in ipairs(list) do fields[i] = output.scalar(value) end
  if not name then return line(out, nil, fields) end
  for _, field in ipairs(fields) do line(out, name, { field }) end
end

local function write_list(out, list, name)
  local objects, plain, nested = false, {}, {}
  for _, value in ipairs(list) do
    objects = objects or output.is_object(value)
    local into = type(value) == "table" and nested or plain
    into[#into + 1] = value
  end
  if objects then
    local keys = scalar_keys(list)
    for _, value in ipairs(list) do write(out, value, name, keys) end
    return
  end
  if #plain > 0 then write_scalars(out, plain, name) end
  for _, value in ipairs(nested) do write(out, value, name) end
end

function write(out, value, name, keys)
  if output.is_list(value) then
    write_list(out, value, name)
  elseif type(value) == "table" then
    write_object(out, value, name, keys)
  else
    out[#out + 1] = output.scalar(value)
  end
end

--- @param value any
--- @return string
function M.format(value)
  local out = {}
  write(out, value)
  return #out > 0 and table.concat(out, "\n") .. "\n" or ""
end

return M
