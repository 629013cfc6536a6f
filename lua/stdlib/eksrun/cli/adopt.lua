--- eksrun adopt RECIPE [k=v ...] ADDRESS=ID ...: takes what exists into a stack, by its tags.
local adopt = require "eksrun.engine.adopt"
local recipe = require "eksrun.engine.recipe"
local session = require "eksrun.cli.session"
local util = require "eksrun.util"

local M = {
  summary = "take what exists in AWS into a stack",
  usage = "eksrun adopt RECIPE [k=v ...] ADDRESS=ID... [flags]",
  examples = { "eksrun adopt net.lua name=prod network/vpc=vpc-0abc network/a=subnet-0def" },
  description = "adds the tags of the stack, and changes nothing else; words that name a\n"
    .. "parameter of the recipe are parameters",
  unknown_flag = session.unknown_flag,
  arguments = {
    { "recipe", "a Lua file that declares them" },
    { "things", "what to adopt, and parameters of the recipe, k=v", value = "ADDRESS=ID", rest = true },
  },
  flags = {
    { "yes", "without asking", short = "y" },
    { "json", "one JSON object a line, on stdout" },
    session.store_flag,
    table.unpack(session.lock_flags),
  },
}

-- Parameters are what the recipe declares; all else is to be adopted.
local function split(parsed)
  local declared = recipe.parameters(parsed.recipe) or {}
  local params, things = {}, {}
  for _, word in ipairs(parsed.things) do
    local name = word:match "^([^=]+)="
    local list = name and declared[name] and params or things
    list[#list + 1] = word
  end
  if not things[1] then util.fail("usage", "adopt wants ADDRESS=ID, such as network/vpc=vpc-0abc") end
  return params, things
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  local things
  parsed.params, things = split(parsed)
  session.configure(parsed)
  local loaded = session.load(parsed, "adopt for")
  parsed.only_look = true
  local plan = session.plan(loaded.graph, parsed)
  local report = session.report(parsed)
  local found = adopt.find(plan, things, require "eksrun.aws")
  for _, one in ipairs(found) do
    local fields = { address = one.address, type = one.type.name, id = one.id, changes = #one.changes }
    local count = #one.changes
    report:note("adopt", fields, "  %s  %s %s%s", one.address, one.type.name, one.id,
      count > 0 and (", %d field%s not as declared"):format(count, count == 1 and "" or "s") or "")
  end
  if not found[1] then
    report:note("result", { stack = plan.stack.name, adopted = 0 }, "%s has them already", plan.stack.name)
    return 0
  end
  if not session.retag(plan, found, parsed, report, "adopt") then return 1 end
  report:note("result", { stack = plan.stack.name, adopted = #found },
    "adopted %d into %s; what differs from the recipe: eksrun plan %s%s", #found, plan.stack.name,
    util.shell_word(parsed.recipe), session.sandbox_flag(parsed))
  return 0
end

return M
