--- The journal of a stack on this machine: what was about to be made, written before the call, and what
--- came of it, written after the answer.
---
--- It closes a gap that tags and names leave: whether a thing that AWS does not show yet was asked for.
--- Losing it loses nothing but time: without it a run after a crash waits for every thing, not for those
--- alone. It holds addresses, ids and hashes, no inputs.
local clock = require "eksrun.clock"
local file = require "eksrun.file"
local json = require "eksrun.json"
local state = require "eksrun.state"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {}

-- Seconds after which an intent is renewed when an attempt leaves; and seconds behind an intent in which AWS
-- may have done it: the time limit of a call, and that.
local RENEWED, ON_THE_WAY = 10, 70

--- @class eksrun.Journal
--- @field last table<string, table> by address: what was intended and is not known to be refused or gone;
--- `at` says when it was asked for or made, by our clock
--- @field runs table<string, number> by the nonce of a run that wrote into it: until when others than the
--- things in the journal may stay unseen, by our clock
--- @field sent table<string, number> by address: when this run asked for it last, by our clock
--- @field made? number when this run last asked for something, by our clock
local Journal = {}
Journal.__index = Journal

--- Where the journals of all stacks lie, instead of in the user's home; false: nowhere. For stacks that are
--- not on AWS.
--- @type string|false|nil
M.redirect = nil

local function folder()
  if M.redirect ~= nil then return M.redirect or nil end
  return state.path "stacks"
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

-- What each address and each run come to, and whether the last line is a half.
local function read(path)
  local last, runs = {}, {}
  local text = path and file.try_read(path) or ""
  for line in text:gmatch "[^\n]+" do
    -- The last line may be a half.
    local entry = json.try_decode(line)
    if type(entry) == "table" and entry.event == "run" and type(entry.nonce) == "string" then
      runs[entry.nonce] = tonumber(entry.others) or 0
    elseif type(entry) == "table" and type(entry.address) == "string" and type(entry.at) == "number" then
      local before = last[entry.address]
      if entry.event == "gone" then
        if before and before.id == entry.id then last[entry.address] = nil end
      else
        last[entry.address] = (entry.event == "intent" or entry.id ~= nil) and entry or nil
      end
    end
  end
  return last, runs, text:find "[^\n]$" ~= nil
end

--- What earlier runs asked for: as `last` of a journal that is open.
--- @param stack eksrun.Stack
--- @return table<string, table>
function M.peek(stack) return (read(M.path(stack))) end

--- When at the latest what an entry tells of was made, by our clock.
--- @param entry table of `last`
--- @param now number when the run that wrote it was over
--- @return number
function M.made_by(entry, now)
  return entry.event == "intent" and math.min(now, entry.at + ON_THE_WAY) or entry.at
end

--- Opens the journal of a stack; what earlier runs asked for is in `last`. Where nothing can be written
--- there is none, and `path` is nil.
--- @param stack eksrun.Stack
--- @return eksrun.Journal
function M.open(stack)
  local path = M.path(stack)
  local self = setmetatable({ sent = {} }, Journal)
  local half
  self.last, self.runs, half = read(path)
  local ok, log = pcall(function()
    file.mkdir_p(path:match "^(.*)/", { mode = 448 })
    return file.append(path)
  end)
  if path and ok then self.path, self.log = path, log end
  if half and self.log then self.log:write "\n" end
  return self
end

local function write(self, entry)
  if self.log then self.log:write(json.encode(entry) .. "\n") end
end

-- What was written is on disk when it returns. Steps that begin together wait for the disk once.
local function sync(self)
  local shared = self.syncing
  if not shared then
    shared = { done = task.event() }
    self.syncing = shared
    task.shield(task.sleep, 0)
    self.syncing = nil
    if self.log then shared.ok, shared.err = pcall(self.log.sync, self.log) else shared.ok = true end
    shared.done:set()
  end
  shared.done:wait()
  if not shared.ok then error(shared.err, 0) end
end

--- This run writes into the journal from now on.
--- @param nonce string
--- @param others? number until when things of others may stay unseen, by our clock
function Journal:begin(nonce, others)
  self.nonce = nonce
  write(self, { event = "run", nonce = nonce, others = others, at = clock.now() })
end

--- Written and on disk when it returns: the call may go out.
--- @param step eksrun.Step
--- @param token string?
--- @param inputs table
function Journal:intend(step, token, inputs)
  self.made = clock.now()
  self.sent[step.address] = self.made
  write(self, {
    event = "intent", address = step.address, type = step.action.type.name, at = self.made, token = token,
    hash = util.fingerprint(inputs):sub(1, 16),
  })
  sync(self)
end

--- An attempt leaves: written down where the intent is so old that what comes of it would count as older than
--- it is.
--- @param step eksrun.Step
--- @param token string?
--- @param inputs table
function Journal:renew(step, token, inputs)
  if clock.now() - self.sent[step.address] >= RENEWED then self:intend(step, token, inputs) end
end

--- A thing was deleted: nobody has to look for it.
--- @param step eksrun.Step
--- @param id any
function Journal:gone(step, id)
  write(self, { event = "gone", address = step.address, id = tostring(id), at = clock.now() })
end

--- What came of it: an id, or that AWS refused.
--- @param step eksrun.Step
--- @param id any
function Journal:settle(step, id)
  if id ~= nil then id = tostring(id) end
  self.made = clock.now()
  write(self, { event = "done", address = step.address, id = id, at = clock.now() })
end

--- Everything that was intended was made. What is younger than the window may stay unseen, and is remembered;
--- the rest is not.
--- @param window number seconds
function Journal:clear(window)
  if not self.path then return end
  self:close()
  local lines, oldest = {}, clock.now() - window
  for _, entry in util.sorted_pairs((read(self.path))) do
    if entry.at > oldest then lines[#lines + 1] = json.encode(entry) .. "\n" end
  end
  if lines[1] then
    table.insert(lines, 1, json.encode { event = "run", nonce = self.nonce, at = clock.now() } .. "\n")
    file.write_atomic(self.path, table.concat(lines), { mode = 384 })
  else
    file.remove(self.path)
  end
end

--- Closes the file; a second time does nothing.
function Journal:close()
  if self.log then self.log:close() end
  self.log = nil
end

return M
