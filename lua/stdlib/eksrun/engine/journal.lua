--- The journal of a stack on this machine: what was about to be made, written before the call, and what
--- came of it, written after the answer.
---
--- It closes a gap that tags and names leave: whether a thing that AWS does not show yet was asked for.
--- Losing it loses nothing but time: without it a run after a crash waits for every thing, not for those
--- alone. It holds addresses, ids and hashes, no inputs.
local clock = require "eksrun.clock"
local file = require "eksrun.file"
local json = require "eksrun.json"
local process = require "eksrun.process"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Journal
--- @field pending table<string, table> intents without an outcome, by address
--- @field found boolean whether there was one
local Journal = {}
Journal.__index = Journal

local function folder()
  local state = process.env "XDG_STATE_HOME"
  if not state or state:sub(1, 1) ~= "/" then
    local home = process.env "HOME"
    if not home or home == "" then return nil end
    state = home .. "/.local/state"
  end
  return state .. "/eksrun/stacks"
end

--- Where a stack's journal lies; nil without a home.
--- @param stack eksrun.Stack
--- @return string?
function M.path(stack)
  local where = folder()
  if not where then return nil end
  local slug = stack.name:gsub("[^%w]+", "-"):sub(1, 80)
  local hash = util.fingerprint(stack.account or "", stack.region or "", stack.name):sub(1, 12)
  return ("%s/%s-%s.journal"):format(where, slug, hash)
end

local function read(path)
  local pending = {}
  local text = path and file.try_read(path)
  if not text then return pending, false end
  for line in text:gmatch "[^\n]+" do
    -- The last line may be a half.
    local entry = json.try_decode(line)
    if type(entry) == "table" and type(entry.address) == "string" then
      pending[entry.address] = entry.event == "intent" and entry or nil
    end
  end
  return pending, true
end

--- Opens the journal of a stack; what an earlier run left open is in `pending`. Where nothing can be written
--- there is none, and `path` is nil.
--- @param stack eksrun.Stack
--- @return eksrun.Journal
function M.open(stack)
  local path = M.path(stack)
  local self = setmetatable({}, Journal)
  self.pending, self.found = read(path)
  local ok, log = pcall(function()
    file.mkdir_p(path:match "^(.*)/", { mode = 448 })
    return file.append(path)
  end)
  if path and ok then self.path, self.log = path, log end
  return self
end

local function write(self, entry)
  if self.log then self.log:write(json.encode(entry) .. "\n") end
end

--- Written and on disk when it returns: the call may go out.
--- @param step eksrun.Step
--- @param token string?
--- @param inputs table
function Journal:intend(step, token, inputs)
  write(self, {
    event = "intent", address = step.address, type = step.action.type.name, at = clock.now(), token = token,
    hash = util.fingerprint(inputs):sub(1, 16),
  })
end

--- What came of it: an id, or that AWS refused.
--- @param step eksrun.Step
--- @param id any
function Journal:settle(step, id)
  if id ~= nil then id = tostring(id) end
  write(self, { event = "done", address = step.address, id = id, at = clock.now() })
end

--- Everything that was intended is known to be there or not: nothing has to be remembered.
function Journal:clear()
  if not self.path then return end
  self.log:close()
  self.log = nil
  file.remove(self.path)
end

function Journal:close()
  if self.log then self.log:close() end
  self.log = nil
end

return M
