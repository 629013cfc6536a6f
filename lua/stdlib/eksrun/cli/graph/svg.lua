--- The picture of a plan as SVG: stands alone, light and dark, loads nothing and runs nothing.
local layouts = require "eksrun.cli.graph.layout"
local page = require "eksrun.cli.progress.page"
local text = require "eksrun.cli.graph.text"

local M = {}

local escape = page.escape

local HEAD, FOOT = 66, 40
local LABEL_MAX, CHAR, SMALL_CHAR = 32, 7.0, 5.7

-- Colors of services on a white ground, and on a dark one.
local services = {
  { "ec2", "#c2570c", "#f0a04b" }, { "eks", "#1f6feb", "#6cb0ff" }, { "iam", "#b4234a", "#ff8fa6" },
  { "autoscaling", "#0f766e", "#5fd0c5" }, { "kms", "#6d45c4", "#bca0f5" }, { "logs", "#5f6b7a", "#a9b4c0" },
  { "ssm", "#8a3ea8", "#e0a0f5" }, { "cloudformation", "#8f5a12", "#e0b070" },
}
local others = { "other", "#57606a", "#9aa4af" }

local operations = {
  { "create", "to create", "#1a7f37", "#56d364" }, { "update", "to update", "#9a6700", "#e3b341" },
  { "replace", "to replace", "#8250df", "#d2a8ff" }, { "delete", "to delete", "#cf222e", "#ff7b80" },
  { "wait", "to wait for", "#0b7a8a", "#56c8d8" },
}

-- The rules for a ground, 1 light and 2 dark. Plain colors, since not every program that draws SVG
-- knows CSS variables: without them all would be black.
local ground = {
  { ".back { fill: %s; }", "#ffffff", "#0d1117" },
  { ".box { fill: %s; }", "#ffffff", "#1c232c" }, { ".box { stroke: %s; }", "#d1d9e0", "#323b45" },
  { ".lane { fill: %s; }", "#f5f7fa", "#141a21" }, { "text { fill: %s; }", "#1b1f24", "#e6edf3" },
  { ".lane-name, .sub, .type { fill: %s; }", "#59636e", "#9aa4af" },
  { ".edge { stroke: %s; }", "#8c96a3", "#66707b" }, { ".head { fill: %s; }", "#8c96a3", "#66707b" },
}

local function colors(column)
  local out = {}
  local function rule(form, color) out[#out + 1] = form:format(color) end
  for _, row in ipairs(ground) do rule(row[1], row[column + 1]) end
  for _, service in ipairs(services) do rule("." .. service[1] .. " { fill: %s; }", service[column + 1]) end
  rule("." .. others[1] .. " { fill: %s; }", others[column + 1])
  for _, op in ipairs(operations) do rule("." .. op[1] .. " { fill: %s; }", op[column + 2]) end
  return table.concat(out, "\n")
end

local style = ([[
svg { font-family: system-ui, -apple-system, "Segoe UI", sans-serif; }
.lane-name { font-size: 12px; font-weight: 600; }
.title { font-size: 19px; font-weight: 600; } .sub { font-size: 12.5px; }
.name { font-size: 12.5px; font-weight: 500; } .type { font-size: 10.5px; }
.sign { font-size: 13px; font-weight: 700; text-anchor: end; } .mark { font-weight: 700; }
.edge { fill: none; stroke-width: 1.2; }
%s
@media (prefers-color-scheme: dark) {
%s
}
]]):format(colors(1), colors(2))

local function service_of(node)
  local name = node.type:match "^[^.]+"
  for _, service in ipairs(services) do
    if service[1] == name then return name end
  end
  return others[1]
end

local function shortened(label)
  local length = utf8.len(label)
  if not length or length <= LABEL_MAX then return label end
  return "…" .. label:sub(utf8.offset(label, length - LABEL_MAX + 2))
end

local function width_of(node)
  local label = shortened(node.label)
  return math.max((utf8.len(label) or #label) * CHAR, #node.type * SMALL_CHAR) + 44
end

-- A line from right to left sides, level at both ends.
local function curve(out, x1, y1, x2, y2)
  local bend = (x2 - x1) * 0.5
  out('<path class="edge" d="M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f"/>\n', x1, y1, x1 + bend, y1, x2 - bend,
    y2, x2, y2)
end

local ARROW = 6

local function draw_edges(layout, out)
  out '<g class="edges">\n'
  for _, item in ipairs(layout.items) do
    local column = layout.columns[item.rank + 1]
    -- A point is passed level, and so is what is left of a column behind its box.
    local from = column.x + (item.node and width_of(item.node) or 0)
    local right = column.x + column.width
    if item.behind[1] and from < right then
      out('<path class="edge" d="M%.1f %.1fH%.1f"/>\n', from, item.y, right)
    end
    for _, other in ipairs(item.behind) do
      local x = layout.columns[other.rank + 1].x
      curve(out, right, item.y, x - (other.node and ARROW or 0), other.y)
      if other.node then
        out('<path class="head" d="M%.1f %.1fl-7 -3.5v7z"/>\n', x, other.y)
      end
    end
  end
  out "</g>\n"
end

local function draw_box(layout, item, out)
  local node, x = item.node, layout.columns[item.rank + 1].x
  local width, y = width_of(node), item.y - item.height / 2
  local words = { ("%s, %s"):format(node.address, node.type) }
  if node.op ~= "keep" then words[#words + 1] = "to " .. (node.op == "wait" and "wait for" or node.op) end
  for i, other in ipairs(node.needs) do
    words[#words + 1] = (i == 1 and "after " or "and ") .. other.address
  end
  out('<g><title>%s</title>', escape(table.concat(words, "; ")))
  out('<rect class="box" x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="6"/>', x, y, width, item.height)
  out('<path class="%s" d="M%.1f %.1fa4 4 0 0 1 4 -4h1v%.1fh-1a4 4 0 0 1 -4 -4z"/>', service_of(node),
    x + 0.5, y + 4.5, item.height - 1)
  out('<text class="name" x="%.1f" y="%.1f">%s</text>', x + 14, y + 17, escape(shortened(node.label)))
  out('<text class="type" x="%.1f" y="%.1f">%s</text>', x + 14, y + 31.5, escape(node.type))
  if node.op ~= "keep" then
    out('<text class="sign %s" x="%.1f" y="%.1f">%s</text>', node.op, x + width - 9, y + 17.5,
      text.signs[node.op]:sub(1, -2))
  end
  out "</g>\n"
end

local function counts_of(model)
  local counts = {}
  for _, node in ipairs(model.nodes) do counts[node.op] = (counts[node.op] or 0) + 1 end
  local out = { ("%d resource%s"):format(#model.nodes, #model.nodes == 1 and "" or "s") }
  for _, op in ipairs(operations) do
    if counts[op[1]] then out[#out + 1] = ("%d %s"):format(counts[op[1]], op[2]) end
  end
  return table.concat(out, ", "), counts
end

-- What the colors and signs mean, of those that are in the picture.
local function draw_legend(model, counts, y, out)
  local there, x = {}, 26
  for _, node in ipairs(model.nodes) do there[service_of(node)] = true end
  for _, service in ipairs { others, table.unpack(services) } do
    if there[service[1]] then
      out('<rect class="%s" x="%d" y="%.1f" width="10" height="10" rx="2"/>', service[1], x, y - 9)
      out('<text class="sub" x="%d" y="%.1f">%s</text>\n', x + 15, y, service[1])
      x = x + 34 + math.floor(#service[1] * SMALL_CHAR * 1.2)
    end
  end
  for _, op in ipairs(operations) do
    if counts[op[1]] then
      out('<text class="sub" x="%d" y="%.1f"><tspan class="mark %s">%s</tspan>', x + 6, y, op[1],
        text.signs[op[1]]:sub(1, -2))
      out(" %s</text>\n", op[2])
      x = x + 40 + math.floor(#op[2] * SMALL_CHAR * 1.2)
    end
  end
end

--- @param model eksrun.picture.Model
--- @param title string
--- @return string
function M.draw(model, title)
  local layout, parts = layouts.of(model, width_of), {}
  local function out(form, ...)
    parts[#parts + 1] = select("#", ...) > 0 and form:format(...) or form
  end
  local summary, counts = counts_of(model)
  local width, height = math.max(layout.width, 560), HEAD + layout.height - 24 + FOOT
  out('<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" '
    .. 'aria-labelledby="title about">\n', width, height, width, height)
  out('<title id="title">Resources of %s</title>\n', escape(title))
  out('<desc id="about">%s. Each box is a resource; arrows lead from what comes first to what needs it, '
    .. 'from left to right.</desc>\n', escape(summary))
  out("<style>%s</style>\n", style)
  out '<rect class="back" width="100%" height="100%"/>\n'
  out('<text class="title" x="24" y="34">%s</text>\n', escape(title))
  out('<text class="sub" x="24" y="54">%s; arrows lead from what comes first to what needs it</text>\n',
    escape(summary))
  out('<g transform="translate(0 %d)">\n', HEAD - 24)
  for _, lane in ipairs(layout.lanes) do
    out('<rect class="lane" x="24" y="%.1f" width="%.1f" height="%.1f" rx="8"/>', lane.y, width - 48,
      lane.height)
    out('<text class="lane-name" x="38" y="%.1f">%s</text>\n', lane.y + 17, escape(lane.name))
  end
  draw_edges(layout, out)
  for _, item in ipairs(layout.items) do
    if item.node then draw_box(layout, item, out) end
  end
  out "</g>\n"
  draw_legend(model, counts, height - 24, out)
  out "</svg>\n"
  return table.concat(parts)
end

return M
