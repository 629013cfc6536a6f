--- --sandbox: a command on the AWS inside the program, on simulated time. With a file, what a command made is
--- there for the next one, also where the command was killed; without, it is gone when the command ends.
---
--- Nothing of the user's is touched: neither credentials nor endpoints count; kubeconfig and journals are
--- written beside the file, or not at all.
local clock = require "eksrun.clock"
local file = require "eksrun.file"
local guard = require "eksrun.engine.lock.guard"
local observe = require "eksrun.aws.observe"
local process = require "eksrun.process"
local store = require "eksrun.sandbox.store"
local util = require "eksrun.util"

local M = {}

-- Seconds: what a run takes on AWS is said from here on.
local NOTEWORTHY = 5

-- Seconds of the processor between two writings of the state: the clock of the wall stands still meanwhile.
local SAVED_EVERY = 0.1

-- Writes the state into its file while a command runs, and at its end. A new file is not made before
-- something is changed.
local Keeper = {}
Keeper.__index = Keeper

local function keep(path, sandbox)
  local self = setmetatable({
    path = path, sandbox = sandbox, is_new = not file.exists(path), changed = false, saved = os.clock(),
  }, Keeper)
  function self.sending(call) self.changed = self.changed or guard.changes(call) end
  function self.answered()
    if not self.changed or os.clock() - self.saved < SAVED_EVERY then return end
    pcall(self.save, self) -- what keeps it from being written is said at the end
    self.saved = os.clock()
  end
  observe.add(self)
  return self
end

function Keeper:save() store.save(self.path, self.sandbox:save(clock.now())) end

--- Says what became of a file that was not there.
function Keeper:tell()
  if not self.is_new then return end
  io.stderr:write((self.changed and "the sandbox is new, and kept in %s\n"
    or "there is no sandbox in %s yet: this was an empty one\n"):format(util.escape(self.path)))
end

function Keeper:close()
  observe.remove(self)
  if self.changed or not self.is_new then return self:save() end
  file.remove(self.path .. store.LOCK)
end
Keeper.__close = Keeper.close

--- The region that calls would go to on AWS; where nobody says any, one that every account has. One that is
--- not in AWS's list gets a line, since in a sandbox nothing else would tell.
--- @param parsed table arguments of a command
--- @return string
function M.region(parsed)
  local asked = { profile = parsed.profile, region = parsed.region }
  local ok, region = pcall(require("eksrun.aws.config").region, asked)
  if not ok then return "us-east-1" end
  local doubt = require("eksrun.aws.regions").doubt(region, asked)
  if doubt then io.stderr:write("warning: ", doubt, "\n") end
  return region
end

--- Runs a command.
--- @param parsed table its arguments; sandbox: true, or the file
--- @param run fun(parsed: table): integer?
--- @return integer? status
--- Raises what the command raises, and { code = "usage" | "sandbox" } for what the sandbox cannot be.
function M.run(parsed, run)
  if parsed.endpoint_url then
    util.fail("usage", "--sandbox and --endpoint-url exclude each other: a sandbox is the endpoint")
  end
  local path = type(parsed.sandbox) == "string" and parsed.sandbox or nil
  local _ <close> = path and store.lock(path) or nil
  local sandbox = require("eksrun.sandbox").new {
    state = path and store.load(path), seed = parsed.seed, faults = parsed.faults,
    crash = function(sandbox)
      if path then store.save(path, sandbox:save(clock.now())) end
      process.kill(process.pid(), "KILL")
    end,
  }
  local options = sandbox:options(M.region(parsed))
  require("eksrun.aws").configure(options)
  require("eksrun.kubeconfig.install").redirect = path and path .. ".kubeconfig" or false
  require("eksrun.engine.journal").redirect = path and path .. ".journals" or false
  parsed.profile, parsed.region, parsed.credentials = nil, options.region, options.credentials
  clock.simulate(sandbox.started)
  local _ <close> = setmetatable({}, { __close = function() clock.simulate(nil) end })
  local keeper <close> = path and keep(path, sandbox) or nil
  local status = run(parsed)
  local seconds = clock.now() - sandbox.started
  local for_people = not parsed.json and parsed.progress ~= "json" and parsed.progress ~= "quiet"
  if seconds >= NOTEWORTHY and for_people then
    io.stderr:write(("in a sandbox: on AWS this takes about %s\n"):format(
      util.duration(seconds)))
  end
  if keeper and for_people then keeper:tell() end
  return status
end

return M
