-- Every recipe that ships, through the program: made, seen by who asks its cluster, planned empty, destroyed
-- to nothing.
local clock = require "eksrun.clock"
local file = require "eksrun.file"
local json = require "eksrun.json"
local kubernetes = require "eksrun.sandbox.kubernetes"
local process = require "eksrun.process"
local recipes = require "tests.spec.support.recipes"
local sandbox = require "eksrun.sandbox"
local support = require "tests.spec.support.sandbox"
local token = require "eksrun.token"
local trials = require "eksrun.trial"

local program = file.realpath "/proc/self/exe"

-- What stands in the cluster that a recipe makes: its add-ons, the types of the access entries beside its
-- maker's, and its nodes by their groups. Fargate and Auto Mode have none before there are pods.
local CLUSTERS = {
  ["managed-cluster"] = { addons = {}, entries = { "EC2_LINUX" }, nodes = { general = 2 } },
  ["self-managed-nodes"] = {
    addons = { "coredns", "kube-proxy", "vpc-cni" }, entries = { "EC2_LINUX" },
    nodes = { ["an Auto Scaling group"] = 2 },
  },
  fargate = { addons = { "coredns" }, entries = { "FARGATE_LINUX" }, nodes = {} },
  ["auto-mode"] = { addons = {}, entries = { "EC2" }, nodes = {} },
  ["private-cluster"] = {
    addons = { "coredns", "eks-pod-identity-agent", "kube-proxy", "vpc-cni" }, entries = { "EC2_LINUX" },
    nodes = { general = 2 },
  },
}
-- Destroyed without the recipe: its things are in a cluster that is not the stack's own.
local STACKS = { iam = "iam/demo" }
-- What AWS itself leaves for a while, or for good: a cluster's logs, the roles of services.
local LEFT = { ["logs.log_group"] = true, ["ec2.dhcp_options"] = true, ["ssm.parameter"] = true,
  ["autoscaling.refresh"] = true }
local ENDED = { deleted = true, terminated = true }

local function temporary()
  local result = process.run { argv = { "mktemp", "-d" } }
  return (result.stdout:gsub("%s+$", ""))
end

local folder, state_file

local function eksrun(...)
  local result = process.run {
    argv = { program, ... }, env = { "PATH", "EKSRUN_STDLIB", HOME = folder, XDG_STATE_HOME = folder },
    max_output = 8 * 1024 * 1024,
  }
  return result
end

local function run(verb, stem, params, ...)
  local argv = { verb, "recipes/" .. stem .. ".lua", table.unpack(params) }
  for _, flag in ipairs { "--sandbox=" .. state_file, ... } do argv[#argv + 1] = flag end
  return eksrun(table.unpack(argv))
end

local function state() return json.decode(file.read(state_file)) end

-- Ids of what the account has.
local function things()
  local out = {}
  for _, kinds in pairs(state().regions) do
    for kind, by_id in pairs(kinds) do
      for id, thing in pairs(LEFT[kind] and {} or by_id) do
        local at = type(thing.State) == "table" and thing.State.Name or thing.State
        local linked = tostring(thing.Path):find "^/aws%-service%-role/"
        if not ENDED[at] and not linked then out[#out + 1] = kind .. " " .. id end
      end
    end
  end
  table.sort(out)
  return out
end

-- What the cluster of a saved account shows of add-ons and access entries, and its endpoint of nodes.
local function cluster_of(saved)
  local world = sandbox.new { state = saved, virtual = true } -- until what is starting has joined
  clock.simulate(world.started)
  local aws = require("eksrun.aws").session(world:options())
  local api = kubernetes.new(world, clock.now, "https://127.0.0.1:1", "certificate")
  local function nodes_for(credentials)
    local made = token.generate {
      cluster = "demo", region = "us-east-1", credentials = credentials, now = clock.now(),
    }
    local answer = api:answer {
      method = "GET", path = "/clusters/us-east-1/demo/api/v1/nodes", query = "",
      headers = { authorization = "Bearer " .. made },
    }
    return answer.status, json.decode(answer.body).items
  end
  local seen = { addons = {}, entries = {}, nodes = {} }
  for i, name in ipairs(aws.eks:list_addons({ clusterName = "demo" }).addons) do
    seen.addons[i] = name
    local addon = aws.eks:describe_addon({ clusterName = "demo", addonName = name }).addon
    assert.equal("ACTIVE", addon.status, name)
  end
  for _, arn in ipairs(aws.eks:list_access_entries({ clusterName = "demo" }).accessEntries) do
    local entry = aws.eks:describe_access_entry({ clusterName = "demo", principalArn = arn }).accessEntry
    if entry.type ~= "STANDARD" then table.insert(seen.entries, entry.type) end
  end
  local status, nodes = nodes_for(world:options().credentials) -- of who made it
  assert.equal(200, status)
  for _, node in ipairs(nodes) do
    assert.equal("True", node.status.conditions[1].status)
    local from = node.metadata.labels["eks.amazonaws.com/nodegroup"] or "an Auto Scaling group"
    seen.nodes[from] = (seen.nodes[from] or 0) + 1
  end
  -- Others are let in by access entries, and not without.
  local arn = support.role(aws, "viewer", { AWS = "arn:aws:iam::111122223333:root" })
  local given = aws.sts:assume_role({ RoleArn = arn, RoleSessionName = "me" }).Credentials
  local viewer = {
    access_key_id = given.AccessKeyId, secret_access_key = given.SecretAccessKey,
    session_token = given.SessionToken,
  }
  assert.equal(401, (nodes_for(viewer)))
  aws.eks:create_access_entry { clusterName = "demo", principalArn = arn }
  assert.equal(403, (nodes_for(viewer)))
  aws.eks:associate_access_policy {
    clusterName = "demo", principalArn = arn, accessScope = { type = "cluster" },
    policyArn = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy",
  }
  assert.equal(200, (nodes_for(viewer)))
  return seen
end

describe("a recipe in the sandbox", function()
  before_each(function()
    folder = temporary()
    state_file = folder .. "/state.json"
  end)
  after_each(function()
    support.close()
    process.run { argv = { "rm", "-rf", folder } }
  end)

  for _, stem in ipairs(recipes.stems()) do
    it(stem .. " is made, has nothing to change, and goes", function()
      local need, params, before = recipes.needs[stem], {}, {}
      if need then
        local made = run("apply", need.before[1], { need.before[2] }, "--yes")
        assert.equal(0, made.code, made.stderr)
        params, before = need.words(state()), things()
      end
      local made = run("apply", stem, params, "--yes")
      assert.equal(0, made.code, made.stderr)
      assert.matches("in a sandbox: on AWS this takes about ", made.stderr)
      assert.same(CLUSTERS[stem] or {}, CLUSTERS[stem] and cluster_of(state()) or {})
      local plan = run("plan", stem, params)
      assert.equal(0, plan.code, plan.stdout .. plan.stderr)
      local gone
      if STACKS[stem] then
        local function destroy(...)
          return eksrun("destroy", "--stack", STACKS[stem], "--sandbox=" .. state_file, ...)
        end
        -- Who does not read what was written down does not see what is in the cluster, and says so.
        assert.matches("not the stack's own: [^\n]*eks.pod_identity_association", destroy("--no-lock").stderr)
        gone = destroy "--yes"
        assert.matches("8 of 8 done", gone.stderr)
      else
        gone = run("destroy", stem, params, "--yes", "--allow-destroy", "cluster/control-plane")
      end
      assert.equal(0, gone.code, gone.stderr)
      local left = {}
      for _, thing in ipairs(things()) do left[#left + 1] = not thing:find "^eks.update" and thing or nil end
      assert.same(before, left)
    end)
  end

  it("turns Auto Mode off and on again, with a role that is new each time", function()
    local trial <close> = trials.new()
    for _, mode in ipairs { "auto", "none", "auto" } do
      trial:apply("recipes/auto-mode.lua", { "mode=" .. mode })
      assert.equal(0, trial:plan("recipes/auto-mode.lua", { "mode=" .. mode }).counts.changes)
    end
    local cluster = trial.aws.eks:describe_cluster({ name = "demo" }).cluster
    assert.is_true(cluster.computeConfig.enabled)
    local entry = trial.aws.eks:describe_access_entry({
      clusterName = "demo", principalArn = cluster.computeConfig.nodeRoleArn,
    }).accessEntry
    assert.equal("EC2", entry.type)
  end)

  it("prints the same for the same seed", function()
    local one = eksrun("recipes/managed-cluster.lua", "--sandbox", "--yes", "--json")
    assert.equal(0, one.code, one.stderr)
    assert.equal(one.stdout, eksrun("recipes/managed-cluster.lua", "--sandbox", "--yes", "--json").stdout)
  end)

  it("finds by tags what another command made", function()
    assert.equal(0, run("apply", "vpc", {}, "--yes").code)
    local found = eksrun("call", "resourcegroupstaggingapi", "get-resources", "--resource-type-filters",
      "ec2:vpc",
      "--sandbox=" .. state_file)
    assert.equal(0, found.code, found.stderr)
    assert.equal(1, #json.decode(found.stdout).ResourceTagMappingList)
  end)

  it("says which stacks may be meant by a name that has nothing", function()
    assert.equal(0, run("apply", "vpc", { "name=demo" }, "--yes").code)
    local there = "--sandbox=" .. state_file
    for name, line in pairs {
      ["vpc/deno"] = "no stack vpc/deno is known here; did you mean 'vpc/demo'?",
      demo = "no stack demo is known here; did you mean 'vpc/demo'?",
      other = "no stack other is known here; eksrun stacks lists those of this account and region",
    } do
      for _, verb in ipairs { "status", "destroy" } do
        local result = eksrun(verb, "--stack", name, there)
        assert.equal(0, result.code)
        assert.matches("eksrun: " .. line .. "\n", result.stderr, 1, true)
      end
    end
    assert.is_nil(eksrun("status", "--stack", "vpc/demo", there).stderr:find "known here")
  end)

  it("writes nothing of the user's", function()
    local made = eksrun("recipes/managed-cluster.lua", "--sandbox", "--yes")
    assert.equal(0, made.code, made.stderr)
    assert.equal("", process.run({ argv = { "ls", "-A", folder } }).stdout)
  end)

  it("writes the kubeconfig beside its file", function()
    assert.equal(0, run("apply", "managed-cluster", {}, "--yes").code)
    assert.matches("cluster/demo", file.read(state_file .. ".kubeconfig"))
  end)

  it("keeps what a run made before it failed", function()
    local failed = run("apply", "managed-cluster", { "version=1.12" }, "--yes")
    assert.equal(1, failed.code, failed.stderr)
    assert.is_true(#things() > 5)
    assert.equal(0, run("apply", "managed-cluster", {}, "--yes").code)
  end)

  it("is another account with another seed", function()
    local function endpoint(...)
      local made = eksrun("recipes/managed-cluster.lua", "--sandbox", "--yes", "--json", ...)
      return json.decode(made.stdout:match "([^\n]+)\n$").outputs.endpoint
    end
    assert.equal(endpoint(), endpoint "--seed=1")
    assert.not_equal(endpoint(), endpoint "--seed=2")
  end)

  it("is completed through faults, and after a crash", function()
    local faulty = run("apply", "vpc", {}, "--yes",
      "--faults=throttle=0.2,error=0.1,lost=0.05,reset=0.05,late=3s")
    assert.equal(0, faulty.code, faulty.stderr)
    for _, crash in ipairs { "crash=9:before", "crash=9:during", "crash=9:after" } do
      file.remove(state_file)
      local crashed = run("apply", "vpc", {}, "--yes", "--faults=" .. crash)
      assert.equal(9, crashed.signal, crashed.stderr)
      assert.equal(0, run("apply", "vpc", {}, "--yes").code)
      assert.matches("no changes", run("plan", "vpc", {}).stdout)
    end
  end)

  it("is completed where EC2 shows what it made late", function()
    local made = run("apply", "private-cluster", {}, "--yes", "--faults=late=20s")
    assert.equal(0, made.code, made.stderr)
  end)

  it("has faults and seeds for itself", function()
    local outside = eksrun("plan", "recipes/vpc.lua", "--faults=lost=1")
    assert.equal(1, outside.code)
    assert.matches("%-%-faults is for %-%-sandbox", outside.stderr)
    local served = eksrun("sandbox", "--listen=127.0.0.1:0", "--faults=crash=3")
    assert.equal(2, served.code)
    assert.matches("ends a client in this process", served.stderr)
  end)

  it("is served at this machine's addresses only", function()
    for _, case in ipairs {
      { "0.0.0.0:4566", "this machine only" }, { "example.com:80", "this machine only" },
      { "127.0.0.1", "not an address and a port" }, { "127.0.0.1:65536", "not an address and a port" },
    } do
      local refused = eksrun("sandbox", "--listen=" .. case[1])
      assert.equal(2, refused.code)
      assert.matches(case[2], refused.stderr, 1, true)
    end
    assert.equal(2, eksrun("sandbox", "--sandbox").code)
    assert.equal(2, eksrun("sandbox", "--virtual", "--time-scale=2").code)
  end)

  it("replaces a NAT gateway, and waits for the address of the old one", function()
    assert.equal(0, run("apply", "vpc", {}, "--yes").code)
    local replaced = run("apply", "vpc", {}, "--replace=network/nat-a", "--yes")
    assert.equal(0, replaced.code, replaced.stderr)
    assert.equal(0, run("plan", "vpc", {}).code)
  end)

  it("has its file for itself", function()
    local lock <close> = file.lock(state_file .. ".lock")
    local second = run("apply", "vpc", {}, "--yes")
    assert.equal(1, second.code)
    assert.matches("^eksrun: the sandbox in %S+ is in use by another process: [^\n]+\n$", second.stderr)
    local served = eksrun("sandbox", "--listen=127.0.0.1:0", "--state=" .. state_file)
    assert.equal(second.stderr, served.stderr)
    lock:release()
    assert.equal(0, run("apply", "vpc", {}, "--yes").code)
  end)

  it("signs tokens with keys of its own", function()
    local result = eksrun("token", "demo", "--sandbox")
    assert.equal(0, result.code, result.stderr)
    assert.equal("ExecCredential", json.decode(result.stdout).kind)
  end)

  it("is for one cloud at a time, and wants its own file", function()
    local both = eksrun("apply", "recipes/vpc.lua", "--sandbox", "--endpoint-url", "http://x", "--yes")
    assert.equal(2, both.code)
    assert.matches("exclude each other", both.stderr)
    assert.matches("%-%-sandbox wants a value", eksrun("plan", "recipes/vpc.lua", "--sandbox=").stderr)
    local nowhere = eksrun("stacks", "--sandbox=/nonexistent/x")
    assert.equal(1, nowhere.code)
    assert.equal("", nowhere.stdout)
    assert.matches("^eksrun: a sandbox cannot be kept in /nonexistent/x: there is no such folder\n$",
      nowhere.stderr)
    file.write_atomic(state_file, "{}")
    assert.matches("is not the state of a sandbox", run("apply", "vpc", {}, "--yes").stderr)
  end)
end)
