--- eksrun move RECIPE OLD NEW [k=v ...]: renames an address, or a scope, of a stack.
local move = require "eksrun.engine.move"
local session = require "eksrun.cli.session"

local M = {
  summary = "rename an address or a scope, and make nothing anew",
  usage = "eksrun move RECIPE OLD NEW [k=v ...] [flags]",
  examples = { "eksrun move net.lua network/vpc net/main", "eksrun move net.lua network net" },
  description = "the recipe declares the new address already; the same for whoever else runs\n"
    .. "it: was = { \"old/address\" } in the declaration",
  unknown_flag = session.unknown_flag,
  arguments = {
    { "recipe", "a Lua file that declares the new address" },
    { "old", "address or scope as AWS has it" },
    { "new", "address or scope as the recipe declares it" },
    session.params_argument,
  },
  flags = {
    { "yes", "without asking", short = "y" },
    { "json", "one JSON object a line, on stdout" },
    session.store_flag,
    table.unpack(session.lock_flags),
  },
}

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  session.configure(parsed)
  local loaded = session.load(parsed, "move")
  parsed.only_look = true
  local plan = session.plan(loaded.graph, parsed)
  local report = session.report(parsed)
  local found = move.find(plan, parsed.old, parsed.new)
  for _, one in ipairs(found) do
    local id = tostring(one.record[one.type.id])
    report:note("move", { from = one.from, address = one.address, type = one.type.name, id = id },
      "  %s -> %s  %s %s", one.from, one.address, one.type.name, id)
  end
  if not session.retag(plan, found, parsed, report, "move") then return 1 end
  report:note("result", { stack = plan.stack.name, moved = #found }, "moved %d in %s", #found,
    plan.stack.name)
  return 0
end

return M
