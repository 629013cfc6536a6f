--- Where things lie in the picture of a plan: columns by rank, a lane for each group.
---
--- An arrow over several columns has a point in each of them, which keeps a place of its own between the
--- boxes. Arrows of one box share these points, as a trunk with branches: those that come to it, or those
--- that go from it into one lane, whichever are more. The order in a column comes from where the neighbours
--- lie (barycentre), as do the places (pulled there as far as the next ones allow).
local M = {}

local BOX_HEIGHT, POINT_HEIGHT, SPACE = 40, 10, 12
local COLUMN_SPACE, MARGIN = 58, 24
local LANE_PAD, LANE_HEAD, LANE_SPACE = 14, 24, 14
local SWEEPS = 16

--- @class eksrun.picture.Item a box, or a point of an arrow
--- @field node eksrun.picture.Node? of a box
--- @field rank integer
--- @field lane integer
--- @field before eksrun.picture.Item[] neighbours in the column before
--- @field behind eksrun.picture.Item[]
--- @field y number middle
--- @field height number

--- @class eksrun.picture.Layout
--- @field items eksrun.picture.Item[]
--- @field columns { x: number, width: number }[] by rank + 1
--- @field lanes { name: string, y: number, height: number }[]
--- @field width number
--- @field height number below the last lane

local function new_item(layout, fields)
  fields.before, fields.behind, fields.y = {}, {}, 0
  fields.height = fields.node and BOX_HEIGHT or POINT_HEIGHT
  layout.items[#layout.items + 1] = fields
  local cell = layout.cells[fields.lane][fields.rank]
  cell[#cell + 1] = fields
  return fields
end

local function join(from, to)
  for _, other in ipairs(from.behind) do
    if other == to then return end
  end
  table.insert(from.behind, to)
  table.insert(to.before, from)
end

-- Calls f for each arrow over several columns.
local function each_long(model, f)
  for _, node in ipairs(model.nodes) do
    for _, other in ipairs(node.needs) do
      if node.rank > other.rank + 1 then f(other, node) end
    end
  end
end

-- The name of the trunk of an arrow, by the arrow's ends.
local function trunks_of(model)
  local coming, going = {}, {}
  local function into(from, to) return from.index .. " " .. to.group end
  each_long(model, function(from, to)
    coming[to] = (coming[to] or 0) + 1
    going[into(from, to)] = (going[into(from, to)] or 0) + 1
  end)
  return function(from, to)
    if (coming[to] or 0) >= (going[into(from, to)] or 0) then return "to " .. to.index end
    return "from " .. into(from, to)
  end
end

-- The boxes, and the points between those that are further apart than a column.
local function place_items(layout, model)
  local lane_of, box = {}, {}
  for i, group in ipairs(model.groups) do
    lane_of[group] = i
    layout.cells[i] = {}
    for rank = 0, model.ranks - 1 do layout.cells[i][rank] = {} end
  end
  for _, node in ipairs(model.nodes) do
    box[node] = new_item(layout, { node = node, rank = node.rank, lane = lane_of[node.group] })
  end
  local trunks, trunk_of = {}, trunks_of(model)
  for _, node in ipairs(model.nodes) do
    for _, other in ipairs(node.needs) do
      local from, lane, key = box[other], lane_of[node.group], trunk_of(other, node)
      trunks[key] = trunks[key] or {}
      for rank = other.rank + 1, node.rank - 1 do
        trunks[key][rank] = trunks[key][rank] or new_item(layout, { rank = rank, lane = lane })
        join(from, trunks[key][rank])
        from = trunks[key][rank]
      end
      join(from, box[node])
    end
  end
end

local function mean(items, default)
  if not items[1] then return default end
  local sum = 0
  for _, item in ipairs(items) do sum = sum + item.y end
  return sum / #items
end

-- Puts the items of a cell one below the other, each as near to where it wants to be as the others allow.
local function pack(cell, top, bottom, wanted)
  local room = top
  for _, item in ipairs(cell) do
    item.y = math.max(wanted and wanted[item] or 0, room + item.height / 2)
    room = item.y + item.height / 2 + SPACE
  end
  room = bottom
  for i = #cell, 1, -1 do
    local item = cell[i]
    item.y = math.min(item.y, room - item.height / 2)
    room = item.y - item.height / 2 - SPACE
  end
end

local function height_of(cell)
  local sum = -SPACE
  for _, item in ipairs(cell) do sum = sum + item.height + SPACE end
  return math.max(sum, 0)
end

local function stack_lanes(layout, model)
  local y = MARGIN
  for i, group in ipairs(model.groups) do
    local inner = BOX_HEIGHT
    for _, cell in pairs(layout.cells[i]) do inner = math.max(inner, height_of(cell)) end
    local head = group == "" and LANE_PAD or LANE_HEAD
    layout.lanes[i] = { name = group, y = y, height = inner + head + LANE_PAD, top = y + head }
    y = y + layout.lanes[i].height + LANE_SPACE
  end
  layout.height = y - LANE_SPACE + MARGIN
end

local function sweep(layout, model, forward)
  local first, last, step = 0, model.ranks - 1, 1
  if not forward then first, last, step = last, first, -1 end
  for rank = first, last, step do
    for i, lane in ipairs(layout.lanes) do
      local cell, wanted, place = layout.cells[i][rank], {}, {}
      for at, item in ipairs(cell) do
        wanted[item], place[item] = mean(forward and item.before or item.behind, item.y), at
      end
      table.sort(cell, function(a, b)
        if math.abs(wanted[a] - wanted[b]) > 0.001 then return wanted[a] < wanted[b] end
        return place[a] < place[b]
      end)
      pack(cell, lane.top, lane.y + lane.height - LANE_PAD, wanted)
    end
  end
end

--- @param model eksrun.picture.Model
--- @param width_of fun(node: eksrun.picture.Node): number of its box
--- @return eksrun.picture.Layout
function M.of(model, width_of)
  local layout = { items = {}, cells = {}, columns = {}, lanes = {} }
  place_items(layout, model)
  local x = MARGIN + LANE_PAD
  for rank = 0, model.ranks - 1 do
    local width = 0
    for _, node in ipairs(model.nodes) do
      if node.rank == rank then width = math.max(width, width_of(node)) end
    end
    layout.columns[rank + 1] = { x = x, width = width }
    x = x + width + COLUMN_SPACE
  end
  layout.width = x - COLUMN_SPACE + LANE_PAD + MARGIN
  stack_lanes(layout, model)
  for i, lane in ipairs(layout.lanes) do
    for _, cell in pairs(layout.cells[i]) do pack(cell, lane.top, lane.y + lane.height - LANE_PAD) end
  end
  for i = 1, SWEEPS do sweep(layout, model, i % 2 == 1) end
  return layout
end

return M
