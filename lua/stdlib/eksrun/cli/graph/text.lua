--- The picture of a plan as text that other programs draw: Graphviz's DOT, and Mermaid.
local util = require "eksrun.util"

local M = {}

--- What stands before the name of a resource that the plan changes.
M.signs = { create = "+ ", update = "~ ", replace = "± ", delete = "- ", wait = "… ", keep = "" }

-- Colors of a plan's lines, as they are drawn: outline and background.
local colors = {
  create = { "#1a7f37", "#eaf7ee" }, update = { "#9a6700", "#fff8e0" }, replace = { "#8250df", "#f5effe" },
  delete = { "#cf222e", "#ffeef0" }, wait = { "#0b7a8a", "#e6f6f8" }, keep = { "#8c959f", "#ffffff" },
}

local function in_group(model, group)
  local list = {}
  for _, node in ipairs(model.nodes) do
    if node.group == group then list[#list + 1] = node end
  end
  return list
end

local function dot_quoted(text)
  return '"' .. util.escape(text):gsub('[\\"]', "\\%0") .. '"'
end

-- A line break within a label is DOT's own \n.
local function dot_label(node)
  return dot_quoted(M.signs[node.op] .. node.label):sub(1, -2) .. "\\n" .. dot_quoted(node.type):sub(2)
end

--- @param model eksrun.picture.Model
--- @param title string
--- @return string
function M.dot(model, title)
  local out = {
    "digraph " .. dot_quoted(title) .. " {",
    "  rankdir=LR; compound=true; label=" .. dot_quoted(title) .. "; labelloc=t;",
    '  node [shape=box, style="rounded,filled", fontname="sans-serif", fontsize=11];',
    '  edge [color="#57606a", arrowsize=0.7];',
  }
  for i, group in ipairs(model.groups) do
    local indent = group == "" and "  " or "    "
    if group ~= "" then
      out[#out + 1] = ("  subgraph cluster_%d {"):format(i)
      out[#out + 1] = ('    label=%s; style="rounded"; color="#d0d7de"; fontname="sans-serif";'):format(
        dot_quoted(group))
    end
    for _, node in ipairs(in_group(model, group)) do
      out[#out + 1] = ('%s%s [label=%s, color="%s", fillcolor="%s"];'):format(indent,
        dot_quoted(node.address), dot_label(node), table.unpack(colors[node.op]))
    end
    if group ~= "" then out[#out + 1] = "  }" end
  end
  for _, node in ipairs(model.nodes) do
    for _, other in ipairs(node.needs) do
      out[#out + 1] = ("  %s -> %s;"):format(dot_quoted(other.address), dot_quoted(node.address))
    end
  end
  out[#out + 1] = "}"
  return table.concat(out, "\n") .. "\n"
end

local entities = { ['"'] = "#quot;", ["#"] = "#35;", ["<"] = "#lt;", [">"] = "#gt;", ["&"] = "#amp;" }

local function mermaid_quoted(text) return '"' .. util.escape(text):gsub('["#<>&]', entities) .. '"' end

--- @param model eksrun.picture.Model
--- @param title string
--- @return string
function M.mermaid(model, title)
  local out = { "---", "title: " .. mermaid_quoted(title), "---", "flowchart LR" }
  for i, group in ipairs(model.groups) do
    if group ~= "" then out[#out + 1] = ("  subgraph g%d [%s]"):format(i, mermaid_quoted(group)) end
    for _, node in ipairs(in_group(model, group)) do
      local label = mermaid_quoted(M.signs[node.op] .. node.label):sub(1, -2) .. "<br><small>"
        .. mermaid_quoted(node.type):sub(2, -2) .. '</small>"'
      out[#out + 1] = ("    n%d(%s):::%s"):format(node.index, label, node.op)
    end
    if group ~= "" then out[#out + 1] = "  end" end
  end
  for _, node in ipairs(model.nodes) do
    for _, other in ipairs(node.needs) do
      out[#out + 1] = ("  n%d --> n%d"):format(other.index, node.index)
    end
  end
  for op, pair in util.sorted_pairs(colors) do
    out[#out + 1] = ("  classDef %s stroke:%s,fill:%s,color:#1b1f24"):format(op, table.unpack(pair))
  end
  return table.concat(out, "\n") .. "\n"
end

return M
