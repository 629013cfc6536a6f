--- What a person, or with JSON a program, sees of a plan and of its run.
---
--- Results go to stdout, everything else to stderr; with JSON every event is a line on stdout.
local clock = require "eksrun.clock"
local json = require "eksrun.json"
local stdout = require "eksrun.stdout"
local ref = require "eksrun.engine.ref"
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
  local plain = options.no_color or (os.getenv "NO_COLOR" or "") ~= "" or os.getenv "TERM" == "dumb"
  local tty = terminal.is_tty(options.out == io.stdout and 1 or 2)
  return setmetatable({
    json = options.json or false,
    out = options.out or io.stderr,
    color = not plain and tty,
    width = tty and (terminal.size() or 80) or 120,
    full = options.full or false,
    started = clock.monotonic(),
  }, Report)
end

--- Times of the progress count from here.
function Report:begin() self.started = clock.monotonic() end

function Report:paint(kind, text)
  local color = self.color and colors[kind]
  return color and ("\27[%sm%s\27[0m"):format(color, text) or text
end

--- A line for a person.
function Report:say(line, ...)
  if select("#", ...) > 0 then line = line:format(...) end
  if self.out == io.stdout then return stdout.write(line, "\n") end
  self.out:write(line, "\n")
end

--- A line for a program.
function Report:event(event) -- luacheck: no self
  stdout.write(json.encode(event), "\n")
end

--- "4.2s", "2m05s".
--- @param seconds number
--- @return string
function M.duration(seconds)
  if seconds < 60 then return ("%.1fs"):format(seconds) end
  local whole = math.floor(seconds + 0.5)
  return ("%dm%02ds"):format(whole // 60, whole % 60)
end

-- A value in a line: text quoted, tables as JSON, what is long cut.
local function show(value, sensitive, max)
  if value == nil then return "(none)" end
  if sensitive then return "(sensitive)" end
  if value == ref.unknown then return tostring(value) end
  local out
  if type(value) == "table" then
    local function plain(v)
      if v == ref.unknown then return tostring(v) end
      if type(v) ~= "table" then return v end
      local copy = {}
      for k, x in pairs(v) do copy[k] = plain(x) end
      return setmetatable(copy, getmetatable(v))
    end
    out = json.encode(plain(value))
  elseif type(value) == "string" then
    out = '"' .. value .. '"'
  else
    out = tostring(value)
  end
  out = util.escape(out):gsub("\n", "\\n")
  if max and utf8.len(out) and utf8.len(out) > max then
    out = out:sub(1, utf8.offset(out, max) - 1) .. "…"
  end
  return out
end

-- What is known of the inputs of what is to be made, as far as it fits into one line.
local function summary_of(action, room)
  local out, used = {}, 0
  for name, value in util.sorted_pairs(action.inputs or {}) do
    local spec = action.type.inputs[name] or {}
    local shown = type(value) ~= "table" and type(value) ~= "function"
    if shown and not spec.policy and not spec.sensitive then
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

local function counted(counts)
  local out = {}
  for _, pair in ipairs {
    { "create", "to create" }, { "update", "to update" }, { "replace", "to replace" },
    { "delete", "to delete" }, { "wait", "to wait for" }, { "keep", "unchanged" },
  } do
    if counts[pair[1]] > 0 then out[#out + 1] = ("%d %s"):format(counts[pair[1]], pair[2]) end
  end
  return table.concat(out, ", ")
end

local function json_value(value)
  if value == ref.unknown then return { unknown = true } end
  if type(value) ~= "table" then return value end
  local out = {}
  for k, v in pairs(value) do out[k] = json_value(v) end
  return setmetatable(out, getmetatable(value))
end

function Report:plan_json(plan)
  for _, action in ipairs(plan.actions) do
    if action.op ~= "keep" then
      local changes = json.array {}
      for _, change in ipairs(action.changes) do
        changes[#changes + 1] = {
          path = change.path, replaces = change.replaces or nil, sensitive = change.sensitive,
          from = not change.sensitive and json_value(change.from) or nil,
          to = not change.sensitive and json_value(change.to) or nil,
        }
      end
      self:event {
        event = "change", op = action.op, address = action.address, type = action.type.name,
        id = action.record and action.record[action.type.id] or nil, reason = action.reason,
        changes = changes,
      }
    end
  end
  self:event {
    event = "plan", stack = plan.stack.name, account = plan.stack.account, region = plan.stack.region,
    counts = plan.counts,
  }
end

local function change_line(change)
  local line = ("%s: %s -> %s"):format(util.escape(change.path), show(change.from, change.sensitive, 60),
    show(change.to, change.sensitive, 60))
  return change.replaces and line .. "  (forces replacement)" or line
end

--- Prints a plan; its last line is the summary.
--- @param plan eksrun.Plan
function Report:plan(plan)
  if self.json then return self:plan_json(plan) end
  for _, kind in ipairs(plan.unseen or {}) do
    self:say("not looked for: %s: %s", kind.type.name, util.escape(tostring(kind.err)):gsub("\n.*", ""))
  end
  local stack = plan.stack
  local place = ("stack %s, account %s, region %s"):format(stack.name, stack.account or "?",
    stack.region or "?")
  if plan.counts.changes == 0 then
    if plan.destroy then return self:say("%s: nothing to delete", place) end
    return self:say("%s: no changes, %d resource%s as declared", place, plan.counts.keep,
      plan.counts.keep == 1 and "" or "s")
  end
  self:say("%s\n", place)
  local address_width, kind_width = widths(plan.actions)
  for _, action in ipairs(plan.actions) do
    if action.op ~= "keep" then
      local left = ("  %s %s  %s"):format(signs[action.op],
        action.address .. (" "):rep(address_width - #action.address),
        action.type.name .. (" "):rep(kind_width - #action.type.name))
      local right = action.reason or ""
      if action.op == "create" and not self.full then
        right = summary_of(action, math.max(30, self.width - utf8.len(left)))
      elseif action.op == "delete" then
        right = util.escape(tostring(action.record[action.type.id])) .. (right ~= "" and ", " .. right or "")
      elseif action.op == "wait" then
        right = "until it is ready"
      end
      self:say("%s", self:paint(action.op, (left .. "  " .. right):gsub("%s+$", "")))
      if action.op == "create" and self.full then
        for name, value in util.sorted_pairs(action.inputs) do
          if type(value) ~= "function" then
            local spec = action.type.inputs[name] or {}
            self:say("%s", "      " .. name .. ": " .. show(value, spec.sensitive))
          end
        end
      end
      for _, change in ipairs(action.changes) do
        self:say("%s", "      " .. change_line(change))
      end
    end
  end
  self:say("\nplan: %s", counted(plan.counts))
end

local running = { create = "creating", update = "updating", delete = "deleting", wait = "waiting for" }
local finished = { create = "created", update = "updated", delete = "deleted", wait = "ready:" }

local function error_text(err) return util.escape(util.describe(err)):gsub("\n.*", "") end

function Report:clock() return ("%7s"):format(M.duration(clock.monotonic() - self.started)) end

local function usual(step)
  local seconds = (step.action.type.typical or {})[step.kind]
  return seconds and seconds >= 30 and ", usually " .. M.duration(seconds) or ""
end

-- One line each; nil for what is not worth one.
local lines = {
  start = function(_, step) return running[step.kind] .. " " .. step.address .. usual(step) end,
  state = function(event, step) return ("%s: %s"):format(step.address, util.escape(event.detail)) end,
  heartbeat = function(event, step)
    return ("%s: still %s%s, %s%s"):format(step.address, running[step.kind],
      event.detail and " (" .. util.escape(event.detail) .. ")" or "", M.duration(event.elapsed),
      usual(step))
  end,
  done = function(_, step)
    return ("%s %s%s in %s"):format(finished[step.kind], step.address,
      step.id and " (" .. util.escape(tostring(step.id)) .. ")" or "", M.duration(step.elapsed))
  end,
  unready = function(_, step) return step.address .. ": left before it was ready" end,
  failed = function(event, step) return ("failed %s: %s"):format(step.address, error_text(event.detail)) end,
}

local function error_fields(err)
  if type(err) ~= "table" then return { message = tostring(err) } end
  return {
    code = err.code, message = util.describe(err), operation = err.operation,
    status = err.status, request_id = err.request_id,
  }
end

--- Shows an event of a run.
--- @param event table
function Report:progress(event)
  local step = event.step
  if self.json then
    local out = {
      event = event.event, address = event.address, type = event.type, op = event.kind, signal = event.signal,
      elapsed = event.elapsed and math.floor(event.elapsed * 1000 + 0.5) / 1000,
      id = step and step.id and tostring(step.id),
    }
    if event.event == "failed" then
      out.error = error_fields(event.detail)
    else
      out.state = event.detail
    end
    return self:event(out)
  end
  if event.event == "interrupted" then
    local names = {}
    for i, other in ipairs(event.running) do names[i] = other.address end
    return self:say("%s  interrupted: starting nothing new; in flight: %s; again to leave at once",
      self:clock(), names[1] and table.concat(names, ", ") or "nothing")
  end
  local kind = event.event == "failed" and "failed" or event.event == "done" and step.kind
  self:say("%s", self:clock() .. "  " .. self:paint(kind, lines[event.event](event, step)))
end

local function addresses(steps)
  local out = {}
  for i, step in ipairs(steps) do out[i] = step.address end
  return table.concat(out, ", ")
end

--- What became of a plan; failures come last, with how to go on.
--- @param plan eksrun.Plan
--- @param result eksrun.Result
function Report:result(plan, result)
  if self.json then
    return self:event {
      event = "result", stack = plan.stack.name, done = #result.done, failed = #result.failed,
      not_started = #result.not_started, unready = #result.unready,
      elapsed = math.floor(result.elapsed * 1000 + 0.5) / 1000,
    }
  end
  local total = #result.done + #result.failed + #result.not_started + #result.unready
  if #result.done == total then
    return self:say("\n%s %s: %d of %d done in %s", plan.destroy and "destroyed" or "applied",
      plan.stack.name, total, total, M.duration(result.elapsed))
  end
  self:say("\n%d done, %d failed, %d not ready yet, %d not started, in %s", #result.done, #result.failed,
    #result.unready, #result.not_started, M.duration(result.elapsed))
  if result.unready[1] then self:say("  not ready yet: %s", addresses(result.unready)) end
  if result.not_started[1] then self:say("  not started: %s", addresses(result.not_started)) end
  for _, step in ipairs(result.failed) do
    self:say("%s", self:paint("failed", ("  failed: %s (%s, %s)"):format(step.address,
      step.action.type.name, step.action.node and step.action.node.where or "not declared")))
    local err = step.err
    self:say("%s", "    " .. util.escape(util.describe(err)):gsub("\n", "\n    "))
    if type(err) == "table" and err.request_id then
      self:say("    request id %s", util.escape(tostring(err.request_id)))
    end
  end
  self:say("to go on, run the same command again: what is done stays done")
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
