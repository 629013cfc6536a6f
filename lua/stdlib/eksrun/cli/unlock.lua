--- eksrun unlock --stack NAME: ends somebody's hold of a stack's lock.
local locks = require "eksrun.engine.lock"
local owner = require "eksrun.engine.lock.owner"
local session = require "eksrun.cli.session"
local stack = require "eksrun.engine.stack"
local terminal = require "eksrun.terminal"
local util = require "eksrun.util"

local M = {
  summary = "end a run's hold of a stack's lock",
  usage = "eksrun unlock --stack NAME [flags]",
  examples = { "eksrun unlock --stack managed-cluster/demo" },
  description = "for a run that is no more, before its lease ends; one that still runs\n"
    .. "notices it within 30 s, and begins nothing more. Without a fence the lock is\n"
    .. "advisory: what such a run has sent may still arrive",
  flags = {
    { "stack", "the stack", value = "NAME" },
    { "yes", "without asking", short = "y" },
    session.store_flag,
  },
}

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  session.configure(parsed)
  if not parsed.stack then util.fail("usage", "unlock wants --stack NAME") end
  if not stack.is_name(parsed.stack) then
    util.fail("usage", "--stack: '%s' is no stack's name, such as managed-cluster/demo", parsed.stack)
  end
  local of = stack.new(parsed.stack)
  local log = locks.log(require "eksrun.aws", of)
  local record = log:read()
  if not record or record.kind ~= "hold" then
    io.stderr:write(("nobody holds the lock of %s\n"):format(parsed.stack))
    if not record then session.say_unknown(of) end
    return 0
  end
  io.stderr:write(("%s is held by %s\n"):format(parsed.stack, locks.describe(record)))
  if not parsed.yes then
    if not terminal.is_tty(0) or not terminal.is_tty(2) then
      util.fail("usage", "no terminal to ask on: to end that hold, add --yes")
    end
    local answer = terminal.read_line "end it? [y/N] "
    if not answer or not answer:lower():match "^%s*y" then return 1 end
  end
  log:force(owner.me "unlock")
  io.stderr:write(("the lock of %s is free; a run that still goes on notices that within %d s and begins "
    .. "nothing more, but what it has sent may still arrive\n"):format(parsed.stack, log.lease // 4))
  return 0
end

return M
