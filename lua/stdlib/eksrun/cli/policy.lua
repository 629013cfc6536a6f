--- eksrun policy RECIPE [k=v ...]: the least IAM policy with which a recipe can be run.
local counting = require "eksrun.cli.counting"
local json = require "eksrun.json"
local session = require "eksrun.cli.session"
local simulated = require "eksrun.cli.simulated"
local stdout = require "eksrun.stdout"
local store = require "eksrun.sandbox.store"
local util = require "eksrun.util"

local M = {
  summary = "print the least IAM policy that a recipe needs",
  usage = "eksrun policy RECIPE [k=v ...] [flags]",
  examples = {
    "eksrun policy recipes/managed-cluster.lua name=prod > policy.json",
    "eksrun policy recipes/iam.lua cluster=demo --sandbox=account.json",
  },
  description = "Makes, changes and destroys what the recipe declares in sandboxes, and watches\n"
    .. "what that asks IAM; the policy is then tried in one that enforces it. No account\n"
    .. "is needed.",
  unknown_flag = session.unknown_flag,
  own_sandbox = function() return true end,
  arguments = {
    { "recipe", "a Lua file" },
    session.params_argument,
  },
  flags = {
    { "sweep", "also what a run looks for without need: what is left of former recipes" },
  },
}

--- @param parsed eksrun.cli.Parsed
--- @return string text of --help
function M.help(parsed) return require("eksrun.cli.apply").help(parsed, M) end

local function say(found)
  local document = require "eksrun.cli.policy.document"
  local changed = util.sorted_keys(found.asked.changed)
  local sizes = {}
  for i, one in ipairs(found.documents) do sizes[i] = ("%d"):format(document.size(one)) end
  local count, actions = #found.documents, #document.actions(found.documents)
  io.stderr:write(("%d actions, %s of %d characters; "):format(actions, table.concat(sizes, " and "),
    document.SIZE_MAX))
  io.stderr:write(("enough to create, %sread and destroy it in a sandbox\n"):format(
    changed[1] and ("change (%s), "):format(table.concat(changed, ", ")) or ""))
  if count == 1 then return end
  io.stderr:write(("%d documents, as a list: one would be larger than IAM takes\n"):format(count))
end

--- @param parsed eksrun.cli.Parsed
--- @return integer exit status
function M.run(parsed)
  if parsed.recipe == "-" then util.fail("usage", "policy wants a file: it is read more than once") end
  for _, name in ipairs { "endpoint_url", "faults", "seed" } do
    if parsed[name] then util.fail("usage", "--%s is not for policy", (name:gsub("_", "-"))) end
  end
  local counter <close> = counting.start(parsed, "trying without actions")
  local found = require("eksrun.cli.policy.least").of({
    recipe = parsed.recipe, words = parsed.params, region = simulated.region(parsed),
    state = type(parsed.sandbox) == "string" and store.load(parsed.sandbox) or nil,
  }, parsed.sweep, counter)
  counter:close()
  local result = #found.documents == 1 and found.documents[1] or found.documents
  stdout.write(json.encode(result, { indent = 2 }), "\n")
  say(found)
  return 0
end

return M
