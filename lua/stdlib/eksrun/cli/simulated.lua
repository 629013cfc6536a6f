--- --sandbox: a command on the AWS inside the program, on simulated time. With a file, what a command made is
--- there for the next one; without, it is gone when the command ends.
---
--- Nothing of the user's is touched: neither credentials nor endpoints count; kubeconfig and journals are
--- written beside the file, or not at all.
local clock = require "eksrun.clock"
local process = require "eksrun.process"
local store = require "eksrun.sandbox.store"
local util = require "eksrun.util"

local M = {}

-- Seconds: what a run takes on AWS is said from here on.
local NOTEWORTHY = 5

--- The region that calls would go to on AWS; where nobody says any, one that every account has.
--- @param parsed table arguments of a command
--- @return string
function M.region(parsed)
  local ok, region = pcall(function()
    return require("eksrun.aws.config").region({ profile = parsed.profile, region = parsed.region })
  end)
  return ok and region or "us-east-1"
end

--- Runs a command.
--- @param parsed table its arguments; sandbox: true, or the file
--- @param run fun(parsed: table): integer?
--- @return integer? status
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
  local _ <close> = setmetatable({}, {
    __close = function()
      local state = sandbox:save(clock.now())
      if path then store.save(path, state) end
      clock.simulate(nil)
    end,
  })
  local status = run(parsed)
  local seconds = clock.now() - sandbox.started
  if seconds >= NOTEWORTHY and not parsed.json then
    io.stderr:write(("in a sandbox: on AWS this takes about %s\n"):format(
      util.duration(seconds)))
  end
  return status
end

return M
