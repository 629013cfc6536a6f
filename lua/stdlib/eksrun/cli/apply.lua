--- eksrun RECIPE [k=v ...]: plan, ask, apply.
local M = {
  summary = "make AWS what the recipe says: plan, ask, apply",
  usage = "eksrun RECIPE [k=v ...] [flags]",
  arguments = {
    { "recipe", "a Lua file" },
    { "params", "parameters of the recipe, k=v", optional = true, rest = true },
  },
  flags = {
    { "yes", "apply without asking", short = "y" },
    { "json", "one JSON object a line" },
  },
}

function M.run(parsed)
  local chunk, message = loadfile(parsed.recipe, "t")
  if not chunk then require("eksrun.util").fail("recipe", message) end
  chunk()
  return 0
end

return M
