--- Values as the AWS CLI prints them: JSON, YAML, text with tabs, tables with lines.
---
--- A value is plain data as eksrun.json has it: lists are marked, null is nil or json.null. The keys
--- of objects are printed in the order of their bytes.
local json = require "eksrun.json"

local M = {}

--- @type string[]
M.forms = { "json", "yaml", "text", "table", "off" }

--- @param value any
--- @return boolean
function M.is_list(value)
  return type(value) == "table" and (getmetatable(value) == json.array_mt or value[1] ~= nil)
end

--- @param value any
--- @return boolean
function M.is_object(value) return type(value) == "table" and not M.is_list(value) end

--- A scalar in text and tables: True, False and None are the AWS CLI's.
--- @param value any
--- @return string
function M.scalar(value)
  if value == nil or value == json.null then return "None" end
  if value == true then return "True" end
  if value == false then return "False" end
  if math.type(value) == "float" then return json.encode(value) end
  return tostring(value)
end

--- The keys of an object whose values are scalars, and those of the others; sorted.
--- @param object table
--- @return string[] scalars, string[] others
function M.split(object)
  local scalars, others = {}, {}
  for key, value in pairs(object) do
    local list = type(value) == "table" and others or scalars
    list[#list + 1] = key
  end
  table.sort(scalars)
  table.sort(others)
  return scalars, others
end

local writers = {}

function writers.json(value)
  return json.encode(value, { indent = 4, replace_invalid = true }) .. "\n"
end

function writers.yaml(value)
  if value == nil then value = json.null end
  return require("eksrun.yaml").emit(value)
end

function writers.off() return "" end

function writers.text(value) return require("eksrun.cli.output.text").format(value) end

function writers.table(value, title, options)
  return require("eksrun.cli.output.table").format(value, title, options)
end

--- @class eksrun.cli.OutputOptions
--- @field width? integer columns of the terminal, for tables; 80
--- @field color? boolean for tables

--- The text that shows a value; ends with a line end unless it is empty.
--- @param value any
--- @param form "json"|"yaml"|"text"|"table"|"off"
--- @param title? string of a table
--- @param options? eksrun.cli.OutputOptions
--- @return string
function M.format(value, form, title, options) return writers[form](value, title, options or {}) end

return M
