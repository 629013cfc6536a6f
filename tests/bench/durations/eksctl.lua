--- The order in which eksctl makes a cluster, as a model: thirteen steps, one after the other, as its
--- pkg/ctl/create/cluster.go has them. What AWS takes for each thing is given; what is eksctl's own is here.
---
--- Where eksctl waits for less than eksrun does (it does not wait for the first add-ons to be active), that
--- is kept, too.
local M = {}

-- Seconds: least, median, 95th percentile of a CloudFormation stack of one role, as logs show it. A role
-- within a larger stack takes as long: it is what the rest of the stack waits for.
M.ROLE_STACK = { 31, 62, 95 }

local CALL = 0.5 -- of a call that nothing waits for
local READY = 120 -- step 3b: six good answers of the API server, 20 s before each
local FARGATE_PAUSE = 30 -- step 3e: before coredns is patched
local SCALING_GROUP = 20 -- a group of one's own, until its instances begin

--- @class eksrun.bench.Shape what a cluster has
--- @field irsa? integer roles by the cluster's OIDC provider
--- @field pod_identities? integer
--- @field late_addons? string[] add-ons that come after the nodes, and are waited for
--- @field late_roles? integer of them, those with a role: a stack each
--- @field self_managed? boolean nodes of a group of one's own
--- @field private? boolean the API is made private at the end

--- @class eksrun.bench.Aws what AWS takes, in seconds
--- @field of fun(name: string): number[] for each thing of a kind, by the names of sandbox/durations.lua
--- @field addon fun(name: string): number
--- @field role_stack fun(key: string): number
--- @field update fun(): number until the API is private

local function longest(list)
  local most = 0
  for _, seconds in ipairs(list) do most = math.max(most, seconds) end
  return most
end

local function sum(list)
  local all = 0
  for _, seconds in ipairs(list) do all = all + seconds end
  return all
end

-- The longest of stacks that are made at once.
local function stacks(aws, what, count)
  local list = {}
  for i = 1, count do list[i] = aws.role_stack(what .. i) end
  return longest(list)
end

--- @param shape eksrun.bench.Shape
--- @param aws eksrun.bench.Aws
--- @return number seconds
--- @return { [1]: string, [2]: number }[] steps
function M.replay(shape, aws)
  local steps = {}
  local function step(name, seconds) steps[#steps + 1] = { name, seconds } end

  -- 1: one stack, in which the network and the role are made at once, and the control plane behind both;
  -- endpoints and NAT beside it.
  local control_plane = aws.of("eks.cluster.create")[1]
  local beside = math.max(longest(aws.of "ec2.nat_gateway.create"),
    longest(aws.of "ec2.vpc_endpoint.interface.create"))
  step("1 cluster stack", math.max(aws.role_stack "cluster" + control_plane, beside))
  -- 2: access entries, of which these shapes have none. 3a: add-ons before nodes, without waiting.
  step("3a first add-ons", CALL * #aws.of "eks.addon.create")
  step("3b control plane ready", READY)
  if (shape.irsa or 0) > 0 then step("3c OIDC and IRSA roles", CALL + stacks(aws, "irsa", shape.irsa)) end
  local fargate = aws.of "eks.fargate_profile.create"
  if fargate[1] then
    step("3e Fargate profiles", aws.role_stack "fargate" + sum(fargate) + FARGATE_PAUSE
      + aws.addon "coredns")
  end
  -- 3i: a stack for each node group, at once: its role, then the group.
  local groups = {}
  for i, seconds in ipairs(aws.of "eks.nodegroup.create") do
    groups[i] = aws.role_stack("nodes" .. i) + seconds
  end
  if shape.self_managed then groups[1] = aws.role_stack "nodes1" + SCALING_GROUP end
  step("3i node groups", longest(groups))
  -- 6: of one's own, until the nodes have joined.
  if shape.self_managed then
    step("6 nodes join", longest(aws.of "ec2.instance.start") + longest(aws.of "ec2.instance.join"))
  end
  -- 7: other add-ons, one after the other, each with the stack of its role and waited for.
  local late = 0
  for i, name in ipairs(shape.late_addons or {}) do
    late = late + aws.addon(name) + (i <= (shape.late_roles or 0) and aws.role_stack("addon" .. i) or 0)
  end
  if late > 0 then step("7 other add-ons", late) end
  if (shape.pod_identities or 0) > 0 then
    step("8 pod identities", stacks(aws, "pods", shape.pod_identities) + CALL * shape.pod_identities)
  end
  if shape.private then step("13 private endpoint", aws.update()) end
  local seconds = 0
  for _, one in ipairs(steps) do seconds = seconds + one[2] end
  return seconds, steps
end

return M
