--- The live tree: from the state of a run to the lines of a screen. Pure: the same state gives the same
--- lines.
---
---   applying managed-cluster/demo: 16 of 28 done, 2 running, 4m32s
---     ✓ network          22 done
---     > cluster          1 of 2 done
---       > control-plane  creating, CREATING                   4m12s, usually 10m00s
---     · nodes            2 waiting
---
--- What does not fit folds: first what waits and what is done, then the groups, then the running ones that
--- began last. Failures go last of all.
local line = require "eksrun.cli.progress.line"
local text = require "eksrun.text"
local timeline = require "eksrun.engine.timeline"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.progress.View
--- @field title string "applying managed-cluster/demo"
--- @field steps eksrun.Step[] in their order
--- @field started number clock.monotonic()
--- @field stopping string? why nothing new is begun

--- @class eksrun.progress.Line
--- @field text string
--- @field style string? "done", "running", "failed", "waiting"

local signs = { done = "✓", failed = "✗", running = ">", waiting = "·", unready = "…" }
local verbs = { create = "creating", update = "updating", delete = "deleting", wait = "waiting" }
M.verbs = verbs

local TIMES_USUAL = 2 -- from here on a step is slow
local NAME_MAX = 44

local known = { running = true, done = true, failed = true, unready = true }

local function status_of(step)
  return known[step.status] and step.status or "waiting"
end

--- Whether a running step takes more than twice its usual time.
--- @param step eksrun.Step
--- @param now number
--- @return boolean
function M.is_slow(step, now)
  local usual = timeline.usual(step)
  -- What takes a second usually is not worth a warning at the third.
  return usual ~= nil and step.started ~= nil and now - step.started > math.max(TIMES_USUAL * usual, 30)
end

-- A hint with the step's own names in it: "{clusterName}" -> "demo".
local function filled(hint, step)
  local inputs, record = step.action.inputs or {}, step.action.record or {}
  return (hint:gsub("{(%w+)}", function(name)
    local value = inputs[name]
    if type(value) ~= "string" then value = record[name] end
    if name == step.action.type.id then value = step.id or value end
    return type(value) == "string" and line.clean(util.shell_word(value)) or "..."
  end))
end

--- What goes on with a step that is slow, and what to look at.
--- @param step eksrun.Step
--- @return string
function M.advice(step)
  local hint = step.action.type.slow
  if step.kind == "delete" then hint = "what still uses it" end
  return "it is still waited for" .. (hint and "; look at " .. filled(hint, step) or "")
end

--- "4m12s, usually 10m00s".
--- @param step eksrun.Step
--- @param now number
--- @return string
function M.time(step, now)
  local usual = timeline.usual(step)
  local elapsed = util.duration(now - step.started, true)
  return usual and usual >= 5 and elapsed .. ", usually " .. util.duration(usual, true) or elapsed
end

local function count(steps)
  local counts = { done = 0, failed = 0, running = 0, waiting = 0, unready = 0, all = #steps }
  for _, step in ipairs(steps) do
    local status = status_of(step)
    counts[status] = counts[status] + 1
  end
  return counts
end
M.count = count

-- By the first part of the address, in the order of the steps.
local function groups_of(steps)
  local groups, by_name = {}, {}
  for _, step in ipairs(steps) do
    local name, rest = step.address:match "^([^/]+)/(.+)$"
    local group = by_name[name or step.address]
    if not group then
      group = { name = name or step.address, steps = {} }
      by_name[group.name] = group
      groups[#groups + 1] = group
    end
    table.insert(group.steps, { step = step, name = rest or step.address })
  end
  for _, group in ipairs(groups) do
    local list = {}
    for i, entry in ipairs(group.steps) do list[i] = entry.step end
    group.counts = count(list)
    group.single = #list == 1
    if group.single then group.name = list[1].address end
  end
  return groups
end

-- left, filled to its width, then middle, then right at the end of the line.
local function compose(left, width, middle, right, columns)
  left = line.fit(left, math.min(width, columns))
  local room = columns - text.width(left) - 2
  if right ~= "" then room = room - text.width(right) - 2 end
  if room < 4 then return line.clip((left .. "  " .. right):gsub("%s+$", ""), columns) end
  if right == "" then return ((left .. "  " .. line.clip(middle, room)):gsub("%s+$", "")) end
  return left .. "  " .. line.fit(middle, room) .. "  " .. right
end

local function leaf(step, name, indent, width, now, columns)
  local status = status_of(step)
  local middle, right = "", ""
  if status == "running" then
    middle = verbs[step.kind] .. (step.state and ", " .. line.clean(step.state) or "")
    right = M.time(step, now)
  elseif status == "failed" then
    middle = "failed: " .. line.failure(step.err)
  end
  local text_of = compose(indent .. signs[status] .. " " .. name, width, middle, right, columns)
  return { text = text_of, style = status }
end

local function group_line(group, width, columns)
  local counts = group.counts
  local status, middle = "running", ("%d of %d done"):format(counts.done, counts.all)
  if counts.done == counts.all then
    status, middle = "done", ("%d done"):format(counts.all)
  elseif counts.failed > 0 then
    status, middle = "failed", ("%s, %d failed"):format(middle, counts.failed)
  elseif counts.running == 0 and counts.done == 0 then
    status, middle = "waiting", ("%d waiting"):format(counts.all)
  end
  local text_of = compose("  " .. signs[status] .. " " .. group.name, width, middle, "", columns)
  return { text = text_of, style = status }
end

local function header(view, counts, now, columns)
  local parts = { ("%d of %d done"):format(counts.done, counts.all) }
  if counts.running > 0 then parts[#parts + 1] = ("%d running"):format(counts.running) end
  if counts.failed > 0 then parts[#parts + 1] = ("%d failed"):format(counts.failed) end
  if view.stopping then parts[#parts + 1] = "starting nothing new" end
  parts[#parts + 1] = util.duration(now - view.started, true)
  return { text = line.clip(view.title .. ": " .. table.concat(parts, ", "), columns) }
end

local function add_slow(out, step, indent, columns)
  local words = { "! slow:" }
  for word in M.advice(step):gmatch "%S+" do words[#words + 1] = word end
  for i, text_of in ipairs(line.wrap(words, columns - 2, indent)) do
    out[#out + 1] = { text = line.clip((i > 1 and "  " or "") .. text_of, columns), style = "failed" }
  end
end

local function shows(step)
  local status = status_of(step)
  return status == "running" or status == "failed"
end

local function folded(status, number, columns)
  return { text = line.clip(("  %s %d %s"):format(signs[status], number, status), columns), style = status }
end

-- All groups with what runs in them; merged: what is done, and what waits, a line each.
local function grouped(groups, now, columns, merged)
  local out, done, waiting = {}, 0, 0
  local width = 0
  for _, group in ipairs(groups) do
    width = math.max(width, text.width(group.name) + 4)
    for _, entry in ipairs(group.steps) do
      local deep = shows(entry.step) and not group.single
      if deep then width = math.max(width, text.width(entry.name) + 6) end
    end
  end
  width = math.min(width, NAME_MAX, math.max(columns // 2, 1))
  for _, group in ipairs(groups) do
    local counts = group.counts
    if merged and counts.done == counts.all then
      done = done + counts.all
    elseif merged and counts.waiting == counts.all then
      waiting = waiting + counts.all
    elseif group.single and shows(group.steps[1].step) then
      local step = group.steps[1].step
      out[#out + 1] = leaf(step, group.name, "  ", width, now, columns)
      if not merged and status_of(step) == "running" and M.is_slow(step, now) then
        add_slow(out, step, "      ", columns)
      end
    else
      out[#out + 1] = group_line(group, width, columns)
      for _, entry in ipairs(group.steps) do
        if shows(entry.step) then
          out[#out + 1] = leaf(entry.step, entry.name, "    ", width, now, columns)
          if not merged and status_of(entry.step) == "running" and M.is_slow(entry.step, now) then
            add_slow(out, entry.step, "        ", columns)
          end
        end
      end
    end
  end
  if done > 0 then table.insert(out, 1, folded("done", done, columns)) end
  if waiting > 0 then out[#out + 1] = folded("waiting", waiting, columns) end
  return out
end

-- The first `room` of a list by rank, in the order of the list; and how many are left out.
local function choose(list, room, rank)
  if #list <= room then return list, 0 end
  local sorted = table.move(list, 1, #list, 1, {})
  table.sort(sorted, rank)
  local kept = {}
  for i = 1, math.max(room, 0) do kept[sorted[i]] = true end
  local out = {}
  for _, item in ipairs(list) do
    if kept[item] then out[#out + 1] = item end
  end
  return out, #list - #out
end

local function by_start(a, b)
  if a.started ~= b.started then return a.started < b.started end
  return a.address < b.address
end

-- Without groups, under full addresses, and of those only what fits.
local function flat(steps, counts, now, columns, room)
  local running, failed = {}, {}
  for _, step in ipairs(steps) do
    local status = status_of(step)
    if status == "running" then running[#running + 1] = step end
    if status == "failed" then failed[#failed + 1] = step end
  end
  local out, tail = {}, {}
  local rest = counts.waiting + counts.unready
  if rest > 0 then tail[1] = folded("waiting", rest, columns) end
  if counts.done > 0 then out[1] = folded("done", counts.done, columns) end
  room = room - #out - #tail
  local function more(left_out, what)
    if left_out > 0 then
      tail[#tail + 1] = { text = line.clip(("    %d more %s"):format(left_out, what), columns), style = what }
    end
  end
  if #running + #failed > room then
    room = room - 1 -- for what more there is
    local most = math.max(room // 2, room - #running)
    if most < #failed then
      room = room - 1
      most = math.max(room // 2, room - #running)
    end
    local left_out
    failed, left_out = choose(failed, most, by_start)
    more(left_out, "failed")
    running, left_out = choose(running, room - #failed, by_start)
    more(left_out, "running")
  end
  local width = 0
  for _, list in ipairs { failed, running } do
    for _, step in ipairs(list) do width = math.max(width, text.width(step.address) + 4) end
  end
  width = math.min(width, NAME_MAX, math.max(columns // 2, 1))
  for _, list in ipairs { failed, running } do
    for _, step in ipairs(list) do
      out[#out + 1] = leaf(step, step.address, "  ", width, now, columns)
    end
  end
  return table.move(tail, 1, #tail, #out + 1, out)
end

--- The lines of the display: none wider than columns, not more than rows.
--- @param view eksrun.progress.View
--- @param now number clock.monotonic()
--- @param columns integer
--- @param rows integer
--- @return eksrun.progress.Line[]
function M.layout(view, now, columns, rows)
  local counts = count(view.steps)
  local room = rows - 1
  local body
  if counts.running + counts.failed <= room then
    local groups = groups_of(view.steps)
    body = grouped(groups, now, columns, false)
    if #body > room then body = grouped(groups, now, columns, true) end
  end
  if not body or #body > room then body = flat(view.steps, counts, now, columns, room) end
  local out = { header(view, counts, now, columns) }
  return table.move(body, 1, math.min(#body, room), 2, out)
end

return M
