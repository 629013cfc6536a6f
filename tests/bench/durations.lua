-- Writes docs/durations.md: how long eksrun takes for a cluster, against what AWS takes for the longest chain
-- of things that need each other, and against eksctl's order on the same durations.
--
--   build/eksrun lua tests/bench/durations.lua [SEEDS] > docs/durations.md
--
-- Fails where a run takes more than 2 % longer than its longest chain.
package.path = "./?.lua;" .. package.path
local durations = require "eksrun.sandbox.durations"
local eksctl = require "tests.bench.durations.eksctl"
local file = require "eksrun.file"
local trials = require "eksrun.trial"
local util = require "eksrun.util"

local SEEDS = math.tointeger(tonumber(... or "20")) or 20
local BOUND = 1.02

durations["eksctl.role_stack"] = eksctl.ROLE_STACK

local shapes = {
  { "managed-cluster", "one managed node group" },
  { "self-managed-nodes", "one Auto Scaling group, three add-ons", self_managed = true },
  { "fargate", "two Fargate profiles, no nodes" },
  { "private-cluster", "ten endpoints, four add-ons, one managed node group, no public API", private = true },
  { "platform", "two managed node groups, seven add-ons, four roles for pods",
    path = "tests/bench/durations/platform.lua", irsa = 2, pod_identities = 2, late_roles = 2,
    late_addons = { "aws-ebs-csi-driver", "aws-efs-csi-driver", "metrics-server" } },
}

-- What AWS takes for what a step of eksrun makes: the draw of the sandbox, by the type.
local LIFE = {
  ["eks.cluster"] = "eks.cluster.create", ["eks.nodegroup"] = "eks.nodegroup.create",
  ["ec2.nat_gateway"] = "ec2.nat_gateway.create", ["eks.fargate_profile"] = "eks.fargate_profile.create",
}

-- One run, with all that was drawn for it.
local function run(path, seed)
  local trial <close> = trials.new { seed = seed }
  local world, drawn = trial.sandbox.world, {}
  local draw = world.duration
  function world.duration(self, name, ...)
    local seconds = draw(self, name, ...)
    drawn[name] = drawn[name] or {}
    table.insert(drawn[name], { seconds = seconds, key = tostring((select(2, ...))) })
    return seconds
  end
  local result = trial:apply(path, {})
  local function of(name)
    local list, seen = {}, {}
    for _, one in ipairs(drawn[name] or {}) do
      if not seen[one.key] then list[#list + 1] = one.seconds end
      seen[one.key] = true
    end
    return list
  end
  return result, {
    of = of,
    addon = function(name)
      for _, one in ipairs(drawn["eks.addon.create"] or {}) do
        if one.key:match "[^/]+$" == name then return one.seconds end
      end
      return 0
    end,
    role_stack = function(key) return draw(world, "eksctl.role_stack", key) end,
    update = function() return draw(world, "eks.update.EndpointAccessUpdate", "private") end,
  }, drawn
end

-- The longest chain by AWS's own time: what a step waits for AWS, without the time until that is noticed.
local function chain(result, drawn)
  local seconds = 0
  for _, row in ipairs(result.timeline.path) do
    local life = LIFE[row.type] and drawn[LIFE[row.type]]
    local best
    for _, one in ipairs(life or {}) do
      local name = one.key:match "[^/]+$"
      if row.type == "eks.fargate_profile" then
        best = (best or 0) + one.seconds -- they take turns
      elseif row.type ~= "eks.nodegroup" or row.address:match "[^/]+$" == name then
        best = one.seconds
      end
    end
    -- A role can be assumed some time after it was made.
    if best and row.type == "eks.cluster" then
      best = best + math.max(0, drawn["iam.assumable"][1].seconds - row.start)
    end
    seconds = seconds + math.min(best or row.elapsed, row.elapsed)
  end
  return seconds
end

local function median(list)
  table.sort(list)
  return list[math.ceil(#list / 2)]
end

local function measure(shape)
  local ours, theirs, chains, paths, over = {}, {}, {}, {}, 0
  local resources
  for seed = 1, SEEDS do
    local result, aws, drawn = run(shape.path or "recipes/" .. shape[1] .. ".lua", seed)
    resources = #result.plan.actions
    ours[seed], theirs[seed] = result.seconds, eksctl.replay(shape, aws)
    chains[seed], paths[seed] = chain(result, drawn), result.timeline.path_seconds
    over = math.max(over, result.seconds / result.timeline.path_seconds)
  end
  return {
    ours = median(ours), theirs = median(theirs), chain = median(chains), path = median(paths), over = over,
    resources = resources,
  }
end

local rows, worst = {}, 0
for i, shape in ipairs(shapes) do
  rows[i] = measure(shape)
  worst = math.max(worst, rows[i].over)
end

local lines = {}
for i, shape in ipairs(shapes) do
  local row = rows[i]
  lines[i] = ("| **%s**: %s | %d | %s | %s | %s | %s | %s |"):format(shape[1], shape[2], row.resources,
    util.duration(row.ours), util.duration(row.path), util.duration(row.chain), util.duration(row.theirs),
    util.duration(row.theirs - row.ours))
end
local page = file.read "tests/bench/durations/page.md"
io.write((page:gsub("{{(%w+)}}", {
  seeds = SEEDS, rows = table.concat(lines, "\n"), over = ("%.1f"):format((worst - 1) * 100),
  least = eksctl.ROLE_STACK[1], most = eksctl.ROLE_STACK[3],
})))

if worst > BOUND then
  io.stderr:write(("a run took %.1f %% longer than its longest path\n"):format((worst - 1) * 100))
  return 1
end
return 0
