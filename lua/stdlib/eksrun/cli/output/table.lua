--- Values as tables with lines around them, as the AWS CLI's `--output table` has them.
---
--- An object is a section: its scalars are a row under their keys, what is nested a section of its
--- own below, set in by one "|". The objects of a list share a section, or have one each if anything
--- is nested in them. Where the whole is wider than the terminal, sections of one row are turned:
--- key and value beside each other.
local output = require "eksrun.cli.output"
local text = require "eksrun.text"

local M = {}

local PADDING = 4 -- of a column
local BORDER = 2

--- @class eksrun.cli.output.Section
--- @field title string
--- @field level integer
--- @field headers string[]|nil
--- @field rows string[][]
--- @field widths integer[] of the columns, without padding

local Table = {}
Table.__index = Table

function Table:section(title, level)
  local section = { title = title or "", level = level, rows = {}, widths = {} }
  self.sections[#self.sections + 1] = section
  return section
end

local function fit(section, cells)
  for i, cell in ipairs(cells) do
    section.widths[i] = math.max(section.widths[i] or 0, text.width(cell))
  end
end

-- One line a row, and nothing that moves the terminal's cursor.
local function shown(value) return text.escape(output.scalar(value), true) end

local function add_row(section, values)
  local cells = {}
  for i = 1, values.n or #values do cells[i] = shown(values[i]) end
  fit(section, cells)
  section.rows[#section.rows + 1] = cells
end

local function add_headers(section, keys)
  section.headers = {}
  for i, key in ipairs(keys) do section.headers[i] = shown(key) end
  fit(section, section.headers)
end

-- ---- sections from values

local function fields(object, keys, missing)
  local row = { n = #keys }
  for i, key in ipairs(keys) do
    local value = object[key]
    if value == nil or type(value) == "table" then value = missing end
    row[i] = value
  end
  return row
end

local function merged_keys(list)
  local scalars, others, seen = {}, {}, { {}, {} }
  for _, object in ipairs(list) do
    for which, keys in ipairs { output.split(output.is_object(object) and object or {}) } do
      local into = which == 1 and scalars or others
      for _, key in ipairs(keys) do
        if not seen[which][key] then
          seen[which][key] = true
          into[#into + 1] = key
        end
      end
    end
  end
  table.sort(scalars)
  table.sort(others)
  return scalars, others
end

function Table:add_object(section, object, level)
  local scalars, others = output.split(object)
  if #scalars == 1 then
    add_row(section, { scalars[1], object[scalars[1]], n = 2 })
  elseif #scalars > 1 then
    add_headers(section, scalars)
    add_row(section, fields(object, scalars))
  end
  for _, key in ipairs(others) do self:add(key, object[key], level + 1) end
end

function Table:add_objects(section, list, level)
  local scalars, others = merged_keys(list)
  add_headers(section, scalars)
  for i, object in ipairs(list) do
    if i > 1 and #others > 0 then
      section = self:section(section.title, level)
      add_headers(section, scalars)
    end
    if output.is_object(object) then
      add_row(section, fields(object, scalars, ""))
      for _, key in ipairs(others) do
        if type(object[key]) == "table" then self:add(key, object[key], level + 1) end
      end
    end
  end
end

local function all_scalars(value)
  for _, item in pairs(value) do
    if type(item) == "table" then return false end
  end
  return true
end

function Table:add_list(section, list, level)
  for _, item in ipairs(list) do
    local current = self.sections[#self.sections]
    if type(item) ~= "table" then
      add_row(current, { item, n = 1 })
    elseif output.is_list(item) and all_scalars(item) then
      add_row(current, item)
    elseif next(item) ~= nil then
      self:add_into(section, item, level)
    end
  end
end

function Table:add_into(section, value, level)
  if not output.is_list(value) then
    self:add_object(section, value, level)
  elseif output.is_object(value[1]) then
    self:add_objects(section, value, level)
  else
    self:add_list(section, value, level)
  end
end

function Table:add(title, value, level)
  if type(value) ~= "table" or next(value) == nil then return end
  self:add_into(self:section(title, level), value, level)
end

-- ---- lines from sections

local function natural_width(section)
  local total = BORDER
  for _, width in ipairs(section.widths) do total = total + width + PADDING end
  return math.max(text.width(section.title) + BORDER, total) + 2 * section.level
end

local function widest(sections)
  local width = 0
  for _, section in ipairs(sections) do width = math.max(width, natural_width(section)) end
  return width
end

local function turn(section)
  if #section.rows ~= 1 or not section.headers or #section.headers == 0 then return end
  local headers, row = section.headers, section.rows[1]
  section.headers, section.rows, section.widths = nil, {}, {}
  for i, header in ipairs(headers) do
    local cells = { header, row[i] }
    fit(section, cells)
    section.rows[i] = cells
  end
end

-- Half to even, as the AWS CLI's widths are rounded.
local function round(x)
  local low = math.floor(x)
  local rest = x - low
  if rest < 0.5 or rest == 0.5 and low % 2 == 0 then return low end
  return low + 1
end

-- The columns' widths, padding and edges included, for a sum of width.
local function column_widths(section, width)
  local sum, widths = 0, {}
  for _, column in ipairs(section.widths) do sum = sum + column + PADDING end
  local over = -width
  for i, column in ipairs(section.widths) do
    widths[i] = round(width / sum * (column + PADDING))
    over = over + widths[i]
  end
  while over ~= 0 and #widths > 0 do
    local first, last, step = 1, #widths, 1
    if over < 0 then first, last, step = #widths, 1, -1 end
    for i = first, last, step do
      local change = over > 0 and -1 or 1
      widths[i] = widths[i] + change
      over = over + change
      if over == 0 then break end
    end
  end
  return widths
end

local function spaces(count) return (" "):rep(math.max(0, count)) end

local function centered(cell, width, left)
  local before = width // 2 - text.width(cell) // 2 - 1
  local used = #left + math.max(0, before) + text.width(cell)
  return left .. spaces(before) .. cell .. spaces(width - 1 - used) .. "|"
end

local function left_aligned(cell, width, left, paint)
  local cell_width = text.width(cell)
  local padding = width - cell_width - 2 - #left - 1 >= 0 and 2 or 0
  return left .. spaces(padding) .. paint(cell) .. spaces(width - #left - padding - cell_width - 1) .. "|"
end

local function rule(widths)
  local parts = {}
  for i, width in ipairs(widths) do parts[i] = ("-"):rep(width - (i == 1 and 2 or 1)) end
  return "+" .. table.concat(parts, "+") .. "+"
end

local function render(section, width, paint, out)
  local edge = paint.edge(("|"):rep(section.level))
  local function put(line) out[#out + 1] = edge .. line .. edge end
  width = width - 2 * section.level
  if section.title ~= "" then
    put(centered(text.escape(section.title, true), width, "|"))
    if not section.headers and #section.rows == 0 then put("+" .. ("-"):rep(width - 2) .. "+") end
  end
  local widths = column_widths(section, width)
  if section.headers and #section.headers > 0 then
    local cells = {}
    for i, header in ipairs(section.headers) do
      cells[i] = centered(header, widths[i], i == 1 and "|" or "")
    end
    put(rule(widths))
    put(table.concat(cells))
  end
  if #section.rows == 0 or #widths == 0 then return end
  put(rule(widths))
  for _, row in ipairs(section.rows) do
    local cells = {}
    for i, cell in ipairs(row) do
      cells[i] = left_aligned(cell, widths[i], i == 1 and "|" or "", paint.cell)
    end
    put(table.concat(cells))
  end
  put(rule(widths))
end

local plain = { cell = function(s) return s end, edge = function(s) return s end }

local colored = {
  cell = function(s) return "\27[1m\27[34m" .. s .. "\27[0m" end,
  edge = function(s) return s == "" and s or "\27[2m\27[33m" .. s .. "\27[0m" end,
}

--- @param value any
--- @param title? string
--- @param options eksrun.cli.OutputOptions
--- @return string "" where there is nothing to show
function M.format(value, title, options)
  if value == nil or value == require("eksrun.json").null then return "" end
  if type(value) ~= "table" then return shown(value) .. "\n" end
  local self = setmetatable({ sections = {} }, Table)
  self:add(title, value, 0)
  if #self.sections == 0 then return "" end
  local width = widest(self.sections)
  if width > (options.width or 80) then
    for _, section in ipairs(self.sections) do turn(section) end
    width = widest(self.sections)
  end
  local out = { ("-"):rep(width) }
  for _, section in ipairs(self.sections) do
    render(section, width, options.color and colored or plain, out)
  end
  return table.concat(out, "\n") .. "\n"
end

return M
