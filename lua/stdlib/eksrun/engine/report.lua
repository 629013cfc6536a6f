--- What a person, or with JSON a program, sees of a plan, and what a recipe returned. The display of runs is
--- cli/progress/.
---
--- Results go to stdout, everything else to stderr; with JSON every event is a line on stdout.
local json = require "eksrun.json"
local order = require "eksrun.engine.order"
local stdout = require "eksrun.stdout"
local shown = require "eksrun.engine.shown"
local terminal = require "eksrun.terminal"
local util = require "eksrun.util"

local M = {}

local signs = { create = "+", update = "~", replace = "±", delete = "-", wait = "…" }
local colors = { create = "32", update = "33", replace = "35", delete = "31", wait = "36", failed = "31" }

--- @class eksrun.Report
--- @field json boolean
--- @field color boolean
--- @field full boolean show every input
--- @field width integer columns
local Report = {}
Report.__index = Report

--- @param options? { json?: boolean, no_color?: boolean, full?: boolean, out?: file* }
--- @return eksrun.Report
function M.new(options)
  options = options or {}
  local dumb = (os.getenv "TERM" or "dumb") == "dumb"
  local plain = options.no_color or (os.getenv "NO_COLOR" or "") ~= "" or dumb
  local tty = terminal.is_tty(options.out == io.stdout and 1 or 2)
  return setmetatable({
    json = options.json or false,
    out = options.out or io.stderr,
    color = not plain and tty,
    width = tty and (terminal.size() or 80) or 120,
    full = options.full or false,
  }, Report)
end

--- A text in the color of its kind, where there are colors.
--- @param kind string "create", "update", "replace", "delete", "wait" or "failed"
--- @param text string
--- @return string
function Report:paint(kind, text)
  local color = self.color and colors[kind]
  return color and ("\27[%sm%s\27[0m"):format(color, text) or text
end

--- A line for a person.
--- @param line string a format, if something follows
function Report:say(line, ...)
  if select("#", ...) > 0 then line = line:format(...) end
  if self.out == io.stdout then return stdout.write(line, "\n") end
  self.out:write(line, "\n")
end

--- A line for a person, or an event for a program.
--- @param event string
--- @param fields table
--- @param line string a format for what follows
function Report:note(event, fields, line, ...)
  if not self.json then return self:say(line, ...) end
  fields.event = event
  self:event(fields)
end

--- A line for a program.
--- @param event table
function Report:event(event) -- luacheck: no self
  stdout.write(json.encode(event), "\n")
end

-- What is known of the inputs of what is to be made, as far as it fits into one line.
local function summary_of(action, room)
  local out, used = {}, 0
  for name, value in util.sorted_pairs(action.inputs or {}) do
    local spec = action.type.inputs[name] or {}
    local short = type(value) ~= "table" and type(value) ~= "function"
    if short and not (spec.policy or spec.sensitive or spec.opaque) then
      local text = type(value) == "string" and util.escape(value) or tostring(value)
      local piece = name .. " " .. text
      if not text:find("\n", 1, true) and used + #piece <= room then
        out[#out + 1] = piece
        used = used + #piece + 2
      end
    end
  end
  return table.concat(out, ", ")
end

local function widths(actions)
  local address, kind = 0, 0
  for _, action in ipairs(actions) do
    if action.op ~= "keep" then
      address = math.max(address, #action.address)
      kind = math.max(kind, #action.type.name)
    end
  end
  return math.min(address, 44), math.min(kind, 32)
end

local function is_deleted_first(action) return action.op == "replace" and not order.creates_first(action) end

local function counted(plan)
  local counts, first, out = plan.counts, 0, {}
  for _, action in ipairs(plan.actions) do
    if is_deleted_first(action) then first = first + 1 end
  end
  for _, pair in ipairs {
    { "create", "to create" }, { "update", "to update" }, { "replace", "to replace" },
    { "delete", "to delete" }, { "wait", "to wait for" }, { "keep", "unchanged" },
  } do
    local op, count = pair[1], counts[pair[1]]
    if count > 0 then out[#out + 1] = ("%d %s"):format(count, pair[2]) end
    if op == "replace" and first > 0 then
      out[#out] = ("%s (%sdeleted first)"):format(out[#out], first < count and first .. " " or "")
    end
  end
  return table.concat(out, ", ")
end

--- A plan for a program.
--- @param plan eksrun.Plan
--- @param emit fun(event: table) takes each event
function M.plan_events(plan, emit)
  for _, action in ipairs(plan.actions) do
    if action.op ~= "keep" then
      local changes = json.array {}
      for _, change in ipairs(action.changes) do
        if not change.implied then changes[#changes + 1] = shown.change(change) end
      end
      emit {
        event = "change", op = action.op, address = action.address, type = action.type.name,
        id = action.record and action.record[action.type.id] or nil, reason = action.reason,
        of = action.of, changes = changes,
      }
    end
  end
  for _, note in ipairs(plan.notes or {}) do
    emit {
      event = "left", type = note.type, id = note.id, name = note.name, vpc = note.vpc, reason = note.text,
      blocks = note.blocks,
    }
  end
  emit {
    event = "plan", stack = plan.stack.name, account = plan.stack.account, region = plan.stack.region,
    counts = plan.counts,
  }
end

function Report:change_line(change)
  local line = util.escape(change.path) .. ": " .. shown.difference(change, not self.full and 60 or nil)
  return change.replaces and line .. "  (forces replacement)" or line
end

-- What is there, is not deleted, and is in the way or costs money.
function Report:notes(plan)
  for i, note in ipairs(plan.notes or {}) do
    if i == 1 then self:say "" end
    self:say("  %s: %s %s: %s", note.blocks and "in the way" or "left", note.type, util.escape(note.name),
      util.escape(note.text))
  end
end

-- What is done to a thing, in a line.
function Report:headline(action, address_width, kind_width)
  local left = ("  %s %s  %s"):format(signs[action.op],
    action.address .. (" "):rep(address_width - #action.address),
    action.type.name .. (" "):rep(kind_width - #action.type.name))
  local right = action.reason or ""
  if action.op == "create" and not self.full then
    right = summary_of(action, math.max(30, self.width - utf8.len(left)))
  elseif action.op == "delete" then
    local id = shown.id(action)
    right = id .. (id ~= "" and right ~= "" and ", " or "") .. right
  elseif action.op == "wait" then
    right = "until it is ready"
  elseif is_deleted_first(action) then
    right = right .. ": deleted first, then made anew"
  end
  self:say("%s", self:paint(action.op, (left .. "  " .. right):gsub("%s+$", "")))
end

-- What is below that line: all inputs of what is made, if they are wanted, and what is changed.
function Report:details(action)
  for name, value in util.sorted_pairs(action.op == "create" and self.full and action.inputs or {}) do
    if type(value) ~= "function" then
      self:say("%s", "      " .. name .. ": " .. shown.text(value, action.type.inputs[name]))
    end
  end
  for _, change in ipairs(action.changes) do
    if not change.implied then self:say("%s", "      " .. self:change_line(change)) end
  end
end

-- What could not be looked at.
function Report:unseen(plan)
  for _, kind in ipairs(plan.unseen or {}) do
    self:say("not looked for: %s: %s", kind.type.name, util.escape(tostring(kind.err)):gsub("\n.*", ""))
  end
  if plan.own_only and plan.own_only[1] then
    self:say("not looked for in what is not the stack's own: %s: what it has was not written down, its "
      .. "recipe would find it", table.concat(plan.own_only, ", "))
  end
end

--- Prints a plan; its last line is the summary.
--- @param plan eksrun.Plan
function Report:plan(plan)
  if self.json then return M.plan_events(plan, function(event) self:event(event) end) end
  self:unseen(plan)
  local stack, counts = plan.stack, plan.counts
  local place = ("stack %s, account %s, region %s"):format(stack.name, stack.account or "?",
    stack.region or "?")
  if counts.changes == 0 and plan.destroy then return self:say("%s: nothing to delete", place) end
  if counts.changes == 0 then
    return self:say("%s: no changes, %d resource%s as declared", place, counts.keep,
      counts.keep == 1 and "" or "s")
  end
  self:say("%s\n", place)
  local address_width, kind_width = widths(plan.actions)
  for _, action in ipairs(plan.actions) do
    if action.op ~= "keep" then
      self:headline(action, address_width, kind_width)
      self:details(action)
    end
  end
  self:notes(plan)
  local along = plan.destroy and plan.along > 0 and (", with %d more that they hold"):format(plan.along) or ""
  self:say("\nplan: %s%s", counted(plan), along)
end

local function output_lines(value, prefix, out)
  for key, item in util.sorted_pairs(value) do
    local name = prefix .. tostring(key)
    if type(item) == "table" and next(item) then
      output_lines(item, name .. ".", out)
    elseif type(item) ~= "table" then
      out[#out + 1] = name .. ": " .. util.escape(tostring(item))
    end
  end
end

--- Prints what the recipe returned.
--- @param outputs any resolved
function Report:outputs(outputs)
  if outputs == nil then return end
  if self.json then return self:event { event = "outputs", outputs = outputs } end
  local text = {}
  if type(outputs) == "table" then
    output_lines(outputs, "", text)
  else
    text[1] = util.escape(tostring(outputs))
  end
  if text[1] then stdout.write(table.concat(text, "\n"), "\n") end
end

return M
