--- Values for a person: lists of like records as tables fitted to the screen, all else in Lua's notation.
local inspect = require "eksrun.inspect"
local json = require "eksrun.json"
local line = require "eksrun.cli.progress.line"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = {}

local ROWS_MAX = 40
local NARROWEST = 20 -- columns that a column keeps when it is cut
local GAP = "  "

local function is_record(value)
  if type(value) ~= "table" or getmetatable(value) == json.array_mt or rawget(value, 1) ~= nil then
    return false
  end
  local meta = getmetatable(value)
  if type(meta) == "table" and meta.__tostring then return false end
  local key = next(value)
  while key ~= nil do
    if type(key) ~= "string" then return false end
    key = next(value, key)
  end
  return next(value) ~= nil
end

-- Whether a value is a list of at least two records.
local function is_table(value)
  if type(value) ~= "table" or rawget(value, 2) == nil then return false end
  for i = 1, rawlen(value) do
    if not is_record(rawget(value, i)) then return false end
  end
  return next(value, rawlen(value)) == nil
end

local function cell(value)
  if value == nil then return "" end
  if type(value) ~= "table" then return line.clean(value) end
  return line.clean((inspect.inspect(value):gsub("%s*\n%s*", " ")))
end

-- ARNs keep both of their ends.
local function fitted(shown, width)
  local columns = text.width(shown)
  if columns <= width then return shown end
  if not shown:find "^arn:" or shown:find "[\x80-\xff]" then return line.clip(shown, width) end
  local head = (width - 1) // 3
  return shown:sub(1, head) .. "…" .. shown:sub(-(width - 1 - head))
end

-- Keys of the records: those that more of them have first; lists and structures after plain values.
local function columns_of(list)
  local known, order = {}, {}
  for _, record in ipairs(list) do
    for key, value in pairs(record) do
      local column = known[key]
      if not column then
        column = { key = key, count = 0, nested = 0, numbers = true, width = text.width(line.clean(key)) }
        known[key] = column
        order[#order + 1] = column
      end
      column.count = column.count + 1
      if type(value) == "table" then column.nested = 1 end
      if type(value) ~= "number" then column.numbers = false end
      column.width = math.max(column.width, text.width(cell(value)))
    end
  end
  local function leads(key) return key:lower():find "name$" and 0 or key:lower():find "id$" and 1 or 2 end
  table.sort(order, function(a, b)
    if a.nested ~= b.nested then return a.nested < b.nested end
    if leads(a.key) ~= leads(b.key) then return leads(a.key) < leads(b.key) end
    if a.count ~= b.count then return a.count > b.count end
    return a.key < b.key
  end)
  return order
end

-- Takes columns while there is room, cutting the widest ones; returns the names of those left out.
local function fit(columns, width)
  local kept, left, least = {}, {}, 0
  for _, column in ipairs(columns) do
    local needed = math.min(column.width, math.max(NARROWEST, text.width(column.key)))
    if kept[1] then needed = needed + #GAP end
    if least + needed <= width then
      kept[#kept + 1] = column
      least = least + needed
    else
      left[#left + 1] = column.key
    end
  end
  local used = (#kept - 1) * #GAP
  for _, column in ipairs(kept) do used = used + column.width end
  while used > width do
    local widest = kept[1]
    for _, column in ipairs(kept) do
      if column.width > widest.width then widest = column end
    end
    if widest.width <= 1 then break end
    widest.width = widest.width - 1
    used = used - 1
  end
  return kept, left
end

local function row_of(columns, content)
  local cells = {}
  for i, column in ipairs(columns) do
    local shown = fitted(content(column), column.width)
    local space = (" "):rep(column.width - text.width(shown))
    cells[i] = column.numbers and space .. shown or shown .. space
  end
  return (table.concat(cells, GAP):gsub("%s+$", ""))
end

local function as_table(list, width, all)
  local columns, left = fit(columns_of(list), width)
  local out = { row_of(columns, function(column) return line.clean(column.key) end) }
  local count = all and #list or math.min(#list, ROWS_MAX)
  for i = 1, count do
    out[#out + 1] = row_of(columns, function(column) return cell(list[i][column.key]) end)
  end
  if count < #list then out[#out + 1] = ("… %d more: .last"):format(#list - count) end
  if left[1] then
    for _, words in ipairs(line.wrap({ "not shown:", table.unpack(left) }, width, "")) do
      out[#out + 1] = line.clean(words)
    end
  end
  return table.concat(out, "\n")
end

-- What an answer lists, if that is all that there is in it.
local function only_list(value)
  if not is_record(value) then return nil end
  local key, list = next(value)
  if next(value, key) == nil and is_table(list) then return key, list end
end

--- @param value any
--- @param width integer columns
--- @param all? boolean every row
--- @return string safe for a terminal
function M.show(value, width, all)
  if is_table(value) then return as_table(value, width, all) end
  local key, list = only_list(value)
  if key then return ("%s: %d\n%s"):format(line.clean(key), #list, as_table(list, width, all)) end
  return util.escape(inspect.inspect(value))
end

return M
