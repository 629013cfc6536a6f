--- eksrun plan RECIPE [k=v ...]: what apply would do; changes nothing.
local session = require "eksrun.cli.session"
local stdout = require "eksrun.stdout"

local M = {
  summary = "show what apply would do, and change nothing",
  usage = "eksrun plan RECIPE [k=v ...] [flags]",
  examples = {
    "eksrun plan recipes/managed-cluster.lua name=demo",
    "eksrun plan recipes/managed-cluster.lua name=demo --out demo.plan",
    "eksrun plan recipes/managed-cluster.lua nodes=6 --simulate",
  },
  description = "exit status: 0 nothing would change, 2 changes are pending, 1 an error",
  usage_status = 1,
  paged = true,
  own_sandbox = function(parsed) return parsed.simulate end,
  unknown_flag = session.unknown_flag,
  arguments = {
    { "recipe", "a Lua file, or - for stdin" },
    session.params_argument,
  },
  flags = {
    { "json", "one JSON object a line" },
    { "full", "show every input of what is to be made, and changes uncut" },
    { "out", "save the plan, for eksrun apply FILE", value = "FILE" },
    { "target", "only this resource or scope, and what it needs", value = "ADDRESS", many = true },
    { "replace", "make this resource anew", value = "ADDRESS", many = true },
    { "allow-destroy", "may be replaced or deleted although protected", value = "ADDRESS", many = true },
    { "simulate", "apply it in sandboxes, and say how long that takes on AWS and what it costs" },
    { "seeds", "how often to simulate (default: 20)", value = "N", type = "integer" },
    session.store_flag,
    { "no-lock", "do not read the lock of the stack, which says what the stack may have" },
  },
}

--- @param parsed eksrun.cli.Parsed
--- @return string text of --help
function M.help(parsed) return require("eksrun.cli.apply").help(parsed, M) end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  if parsed.simulate then return require("eksrun.cli.simulate").run(parsed) end
  if parsed.seeds then require("eksrun.util").fail("usage", "--seeds is for --simulate") end
  session.configure(parsed)
  local loaded = session.load(parsed, "plan")
  local plan = session.plan(loaded.graph, parsed, loaded.outputs)
  local report = session.report(parsed, io.stdout)
  report:plan(plan)
  if parsed.out then
    stdout.release()
    require("eksrun.engine.saved").write(parsed.out, plan, {
      recipe = parsed.recipe, params = parsed.params, parameters = loaded.parameters,
      allow_destroy = parsed.allow_destroy, target = parsed.target, replace = parsed.replace,
    })
    session.report(parsed):note("saved", { file = parsed.out },
      "saved to %s; to apply it: eksrun apply %s%s", parsed.out,
      require("eksrun.util").shell_word(parsed.out), session.sandbox_flag(parsed))
  end
  return plan.counts.changes > 0 and 2 or 0
end

return M
