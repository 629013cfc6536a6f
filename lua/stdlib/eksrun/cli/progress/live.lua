--- The display on a terminal: frames of the live tree, one write each.
---
--- A frame goes over the one before line by line, each cleared to its end, within a synchronized update: no
--- terminal shows a half of it. The cursor waits below the last line, so that what the terminal echoes (^C)
--- destroys nothing.
local terminal = require "eksrun.terminal"
local tree = require "eksrun.cli.progress.tree"
local line = require "eksrun.cli.progress.line"
local util = require "eksrun.util"

local M = {}

local FIRST = 0.3 -- seconds: what is quicker shows no frame
local EVERY = 0.1 -- seconds between frames

local styles = { done = "32", failed = "31", running = "36", waiting = "2" }

local Live = {}
Live.__index = Live

--- @param options { color: boolean, started: number, first: number? }
--- @return table
function M.new(options)
  local self = setmetatable({
    color = options.color, next = options.started + (options.first or FIRST), height = 0, pace = EVERY,
  }, Live)
  self:resume()
  return self
end

--- Takes the terminal (again).
function Live:resume()
  if not self.screen then self.screen = terminal.screen() end
  self.height, self.dirty = 0, true
end

-- Over the last frame: the cursor to its first line.
local function over(height) return height > 0 and ("\r\27[%dA"):format(height) or "\r" end

local function to_bytes(self, lines)
  local out = {}
  for i, row in ipairs(lines) do
    local style = self.color and row.style and styles[row.style]
    out[i] = (style and ("\27[%sm%s\27[0m"):format(style, row.text) or row.text) .. "\27[K\r\n"
  end
  return table.concat(out)
end

--- Gives the terminal to somebody else: the frame goes.
function Live:suspend()
  if not self.screen then return end
  if self.height > 0 then self.screen:draw(over(self.height) .. "\27[J", true) end
  self.screen:close()
  self.screen, self.height = nil, 0
end
Live.close = Live.suspend

-- Lines that stay: where the frame was; the frame comes anew below them.
local function keep(self, text)
  if not self.screen then
    io.stderr:write(text, "\n")
    return
  end
  -- Cleared first: a tab leaves what is below it as it is.
  self.screen:draw(over(self.height) .. "\27[J" .. text:gsub("\n", "\r\n") .. "\r\n", true)
  self.height, self.dirty = 0, true
end
Live.say = keep

function Live:event(event, _, text)
  self.dirty = true
  if event.event == "interrupted" then keep(self, text) end
end

function Live:phase() self.dirty = true end

--- What is worth a frame: a change, or a new second on the clocks.
--- @param now number
--- @param view eksrun.progress.View
function Live:tick(now, view)
  if now < self.next or not self.screen then return end
  local columns, rows = terminal.size()
  columns, rows = columns or 80, math.max(rows or 24, 2)
  local second = math.floor(now)
  local moved = columns ~= self.columns or rows ~= self.rows
  if not self.dirty and second == self.second and not moved then return end
  local from = over(self.height)
  if self.screen:resumed() then
    from = "\r" -- the shell wrote below the last frame
  elseif self.height > 0 and (columns < self.columns or self.height >= rows) then
    from = "\27[H\27[J" -- nobody knows where the lines went when they no longer fit
  end
  local lines
  if view.steps then
    lines = tree.layout(view, now, columns - 1, rows - 1)
  else
    local text = ("%s (%s)"):format(view.phase or view.title, util.duration(now - view.since, true))
    lines = { { text = line.clip(text, columns - 1) } }
  end
  local frame = "\27[?2026h\27[?25l" .. from .. to_bytes(self, lines) .. "\27[J\27[?2026l"
  self.next = now + EVERY
  if self.screen:draw(frame) then
    self.height, self.dirty, self.second = #lines, false, second
    self.columns, self.rows = columns, rows
  end
end

return M
