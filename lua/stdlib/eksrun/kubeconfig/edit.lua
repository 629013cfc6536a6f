--- Puts entries into the text of a kubeconfig, and leaves every other byte of it alone: others'
--- entries, their order, comments, quoting, line ends, and JSON where the file is JSON.
---
--- Edits are worked out on yaml.compose's positions, applied, and then checked: what the new text
--- says must be what the old one said plus the entries, or nothing is changed.
local error_object = require "eksrun.error"
local json = require "eksrun.json"
local util = require "eksrun.util"
local yaml = require "eksrun.yaml"

local M = {}

-- The lists of a kubeconfig and the entry's field for each, in the order in which missing ones are
-- added.
local sections = { { "clusters", "cluster" }, { "users", "user" }, { "contexts", "context" } }

local function null(value) return value == nil or value == json.null end

-- ---- the value

local function find_item(list, name)
  if null(list) then return nil end
  for i, item in ipairs(list) do
    if item.name == name then return i end
  end
end

-- A kubeconfig with nothing in it.
local function empty()
  return {
    apiVersion = "v1", kind = "Config", preferences = json.object {}, ["current-context"] = "",
    clusters = json.array {}, contexts = json.array {}, users = json.array {},
  }
end

-- The value with the entries in it; the first of several items with the name is replaced.
local function merged(value, entry)
  local out = null(value) and empty() or util.copy(value)
  for _, section in ipairs(sections) do
    local key, new = section[1], entry[section[2]]
    local list = null(out[key]) and json.array {} or out[key]
    list[find_item(list, new.name) or #list + 1] = new
    out[key] = list
  end
  out["current-context"] = entry.current_context
  return out
end

-- ---- edits of the text

local Edit = {}
Edit.__index = Edit

local function new_edit(text)
  local eol = text:find("\r\n", 1, true) and "\r\n" or "\n"
  return setmetatable({ original = text, text = text:find("\n$") and text or text .. eol, eol = eol }, Edit)
end

-- Replaces the bytes from `first` up to `stop`, which is not one of them. Of what is put at one
-- place, what has the lower rank comes first.
function Edit:replace(first, stop, new, rank)
  self[#self + 1] = { first = first, stop = stop, new = new, rank = rank or 0, order = #self }
end

function Edit:apply()
  if #self == 0 then return self.original end
  table.sort(self, function(a, b)
    if a.first ~= b.first then return a.first < b.first end
    if a.rank ~= b.rank then return a.rank < b.rank end
    return a.order < b.order
  end)
  local out, at = {}, 1
  for _, edit in ipairs(self) do
    out[#out + 1] = self.text:sub(at, edit.first - 1)
    out[#out + 1] = edit.new
    at = edit.stop
  end
  out[#out + 1] = self.text:sub(at)
  return table.concat(out)
end

-- Where the line behind a position begins; the position itself if it begins one.
function Edit:line_after(position)
  if position > 1 and self.text:sub(position - 1, position - 1) == "\n" then return position end
  return self.text:find("\n", position, true) + 1
end

-- Just behind the last byte that belongs to a node: a block stops where its last scalar does.
local function end_of(node)
  while not node.flow and node.kind ~= "scalar" do
    local children = node.items or node.values
    node = children[#children]
  end
  return node.stop
end

-- A value as block YAML, all lines but the first indented, without the last line end.
function Edit:block(value, indent)
  local text = yaml.emit(value):gsub("\n$", "")
  return (text:gsub("\n", self.eol .. (" "):rep(indent)))
end

function Edit:item(value, column)
  return (" "):rep(column - 1) .. "- " .. self:block(value, column + 1) .. self.eol
end

-- Replaces a node by a value in the style that the node has.
function Edit:replace_node(node, value, flow)
  local stop = end_of(node)
  local new = (flow or node.flow) and json.encode(value) or self:block(value, node.column - 1)
  if node.first == stop then
    new = " " .. new
  elseif self.text:sub(stop - 1, stop - 1) == "\n" then
    new = new .. self.eol
  end
  self:replace(node.first, stop, new)
end

-- Adds a key behind the last one of the root.
function Edit:add_key(root, key, value)
  if root.flow then
    local new = ("%s%s: %s"):format(#root.keys > 0 and ", " or "", json.encode(key), json.encode(value))
    self:replace(root.stop - 1, root.stop - 1, new, 1)
    return
  end
  local position = self:line_after(end_of(root))
  local indent = root.column - 1
  local new = (" "):rep(indent) .. self:block({ [key] = value }, indent) .. self.eol
  self:replace(position, position, new, 1)
end

-- Makes the null or [] of a key a block list of one item.
function Edit:start_list(root, node, value)
  if root.flow then
    self:replace_node(node, { value }, true)
    return
  end
  local first = node.first
  while self.text:find("^[ \t]", first - 1) do first = first - 1 end
  self:replace(first, node.stop, "")
  local position = self:line_after(node.stop)
  self:replace(position, position, self:item(value, root.column))
end

function Edit:append_item(node, value)
  if node.flow then
    self:replace(node.stop - 1, node.stop - 1, ", " .. json.encode(value))
    return
  end
  local position = self:line_after(end_of(node))
  self:replace(position, position, self:item(value, node.column))
end

local function index_of(node, name)
  for i, item in ipairs(node.items or {}) do
    local at = item.index.name
    if at and item.values[at].value == name then return i end
  end
end

function Edit:set_item(root, key, item)
  local at = root.index[key]
  local node = at and root.values[at]
  if not node then
    self:add_key(root, key, { item })
  elseif node.kind == "scalar" or #node.items == 0 then
    self:start_list(root, node, item)
  else
    local i = index_of(node, item.name)
    if i then
      self:replace_node(node.items[i], item, node.flow)
    else
      self:append_item(node, item)
    end
  end
end

local function edited(text, root, value, entry)
  local edit = new_edit(text)
  for _, section in ipairs(sections) do
    local key, new = section[1], entry[section[2]]
    local i = find_item(value[key], new.name)
    if not i or not util.equal(value[key][i], new) then edit:set_item(root, key, new) end
  end
  if value["current-context"] ~= entry.current_context then
    local at = root.index["current-context"]
    if at then
      edit:replace_node(root.values[at], entry.current_context, root.flow)
    else
      edit:add_key(root, "current-context", entry.current_context)
    end
  end
  return edit:apply()
end

-- A text without content gets all keys; what comments it has stay.
local function filled(text, root, entry)
  local new = yaml.emit(merged(nil, entry))
  if root then return text:sub(1, root.first - 1) .. new .. text:sub(root.stop) end
  if text ~= "" and text:sub(-1) ~= "\n" then text = text .. "\n" end
  return text .. new
end

-- ---- the two together

local function action(old, new)
  if old == nil then return "added" end
  return util.equal(old, new) and "unchanged" or "replaced"
end

local function changes_of(value, entry)
  local changes = {}
  for _, section in ipairs(sections) do
    local list, new = value and value[section[1]], entry[section[2]]
    local i = find_item(list, new.name)
    changes[#changes + 1] = { what = section[2], name = new.name, action = action(i and list[i], new) }
  end
  local current = value and value["current-context"]
  changes[#changes + 1] = {
    what = "current-context",
    name = entry.current_context,
    action = action(not null(current) and current ~= "" and current or nil, entry.current_context),
  }
  return changes
end

-- What others put into the context of that name, its namespace above all, stays.
local function with_context_of(value, entry)
  local i = find_item(value.contexts, entry.context.name)
  local old = i and value.contexts[i].context
  if type(old) ~= "table" then return entry end
  local context = util.copy(old)
  for key, new in pairs(entry.context.context) do context[key] = new end
  local out = {}
  for key, new in pairs(entry) do out[key] = new end
  out.context = { name = entry.context.name, context = context }
  return out
end

--- @class eksrun.kubeconfig.Entry
--- @field cluster { name: string, cluster: table }
--- @field user { name: string, user: table }
--- @field context { name: string, context: { cluster: string, user: string } }
--- @field current_context string

--- @class eksrun.kubeconfig.Change
--- @field what "cluster"|"user"|"context"|"current-context"
--- @field name string
--- @field action "added"|"replaced"|"unchanged"

--- Puts an entry into a valid kubeconfig.
--- @param text string
--- @param entry eksrun.kubeconfig.Entry
--- @return string text
--- @return eksrun.kubeconfig.Change[] changes
--- Raises { code = "kubeconfig" } if the text cannot be edited without touching anything else.
function M.merge(text, entry)
  local value, root = yaml.parse(text), yaml.compose(text)
  local new, changes
  if null(value) or next(value) == nil then
    changes = changes_of(nil, entry)
    new = filled(text, root, entry)
    value = nil
  else
    entry = with_context_of(value, entry)
    changes = changes_of(value, entry)
    new = edited(text, root, value, entry)
  end
  local back = yaml.try_parse(new)
  if not util.equal(back, merged(value, entry)) then
    error(error_object.new {
      code = "kubeconfig",
      message = "the file is laid out in a way that cannot be edited in place; nothing was changed",
    })
  end
  return new, changes
end

return M
