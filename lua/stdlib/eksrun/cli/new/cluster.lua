--- The files of `eksrun new NAME`.
local files = {
  ["cluster.lua"] = [[
-- The cluster $NAME, with managed nodes, in a network of its own.
local eksrun  = require "eksrun"
local vpc     = require "eksrun.vpc"
local cluster = require "eksrun.cluster"

local p = eksrun.params {
  name     = { "$NAME", "name of the cluster", match = "^%l[%l%d-]*$" },
  version  = { "1.33", "Kubernetes version", match = "^1%.%d+$" },
  cidr     = { "10.0.0.0/16", "address range of the network", type = "cidr" },
  instance = { "m7g.large", "instance type of the nodes", match = "^[%w-]+%.[%w-]+$" },
  nodes    = { 2, "nodes wanted", min = 1, max = 20 },
}

local net = vpc.network { name = p.name, cidr = p.cidr, zones = 3, nat = "single" }

local eks = cluster.create { name = p.name, version = p.version, network = net, logs = { "api", "audit" } }
eks:addon "vpc-cni"
eks:addon "kube-proxy"
eks:addon "coredns"
eks:managed_nodes {
  name           = "general",
  instance_types = { p.instance },
  min            = 1,
  desired        = p.nodes,
  max            = 20,
}

return { cluster = eks.name, endpoint = eks.endpoint, kubeconfig = eks:kubeconfig() }
]],

  ["tests/cluster_spec.lua"] = [[
local testing = require "eksrun.testing"

describe("the cluster", function()
  it("has nodes in three zones", function()
    local plan = testing.plan "cluster.lua"
    assert.creates(plan, "cluster/control-plane")
    assert.creates(plan, "network/private/a")
    assert.equal(3, #plan:action("nodes/general").node.inputs.subnets)
  end)

  it("is made in less than 20 minutes, and then has nothing to change", function()
    local sandbox = testing.sandbox()
    local run = sandbox:apply("cluster.lua", { nodes = 3 })
    assert.equal("$NAME", run.outputs.cluster)
    assert.is_true(run.seconds < 20 * 60)
    assert.unchanged(sandbox:plan("cluster.lua", { nodes = 3 }))
  end)

  it("is repaired when somebody scales its nodes by hand", function()
    local sandbox = testing.sandbox()
    sandbox:apply "cluster.lua"
    sandbox.aws.eks:update_nodegroup_config {
      clusterName = "$NAME", nodegroupName = "general", scalingConfig = { minSize = 0, desiredSize = 0 },
    }
    sandbox:advance "10m"
    assert.updates(sandbox:plan "cluster.lua", "nodes/general")
  end)

  it("goes on where a run has failed", function()
    local sandbox = testing.sandbox()
    sandbox:refuse("eks:CreateNodegroup", { code = "InvalidRequestException", message = "not today" })
    assert.has_error(function() sandbox:apply "cluster.lua" end)
    assert.creates(sandbox:plan "cluster.lua", "nodes/general")
    sandbox:apply "cluster.lua"
    assert.unchanged(sandbox:plan "cluster.lua")
  end)
end)
]],

  ["README.md"] = [[
# $NAME

An EKS cluster, made and kept by eksrun.

```sh
eksrun test                                  # on an AWS inside the program: no account needed
eksrun plan cluster.lua --sandbox            # what would be made, in an empty account
eksrun plan cluster.lua                      # what would change in yours
eksrun cluster.lua                           # plan, ask, apply
eksrun destroy cluster.lua                   # all of it
```

`cluster.lua` is the recipe, `eksrun cluster.lua --help` lists its parameters. The tests are in `tests/`.
]],
}

for path, text in pairs(require "eksrun.cli.new.common") do files[path] = text end
return files
