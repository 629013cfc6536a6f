--- The files of `eksrun new NAME --kind library`; $MODULE is the name as Lua takes it.
local files = {
  ["$NAME.lua"] = [[
--- Our standards: what every cluster of ours has in common, written once.
---
---   local $MODULE = require "$MODULE"
---   local eks = $MODULE.cluster { team = "payments", stage = "prod" }
local cidr    = require "eksrun.cidr"
local cluster = require "eksrun.cluster"
local eksrun  = require "eksrun"
local vpc     = require "eksrun.vpc"

local M = {}

local VERSION = "1.33"

local stages = {
  test = { range = "10.64.0.0/12", nat = "single", logs = { "audit" } },
  prod = { range = "10.80.0.0/12", nat = "per-zone", logs = { "api", "audit", "authenticator" } },
}
-- Each team has its own /16 of a stage's range: the number of a team never changes.
local teams = { payments = 0, search = 1 }

local function known(choices, what, name)
  if choices[name] ~= nil then return choices[name] end
  error(("$MODULE: %s '%s' is not known"):format(what, tostring(name)), 3)
end

--- A cluster by the standards, in a network of its own.
--- @param options { team: string, stage: "test"|"prod" }
--- @return table cluster
function M.cluster(options)
  local stage = known(stages, "stage", options.stage)
  local team = known(teams, "team", options.team)
  local name = options.team .. "-" .. options.stage
  local tags = { team = options.team, stage = options.stage }
  eksrun.stack("$NAME/" .. name)
  local net = vpc.network {
    name = name, cidr = cidr.subnet(stage.range, 4, team), nat = stage.nat, tags = tags,
  }
  return cluster.create { name = name, version = VERSION, network = net, logs = stage.logs, tags = tags }
end

return M
]],

  ["payments.lua"] = [[
-- The payments team's cluster: what is theirs to decide, and nothing else.
local $MODULE = require "$MODULE"
local eksrun = require "eksrun"

local p = eksrun.params {
  stage = { "test", "which one", choices = { "test", "prod" } },
}

local eks = $MODULE.cluster { team = "payments", stage = p.stage }
eks:managed_nodes { name = "api", instance_types = { "m7g.large" }, min = 2, max = 10 }

return { cluster = eks.name, endpoint = eks.endpoint }
]],

  ["tests/standards_spec.lua"] = [[
local testing = require "eksrun.testing"

describe("a cluster by the standards", function()
  it("has a NAT gateway in each zone in production, and one in test", function()
    assert.creates(testing.plan("payments.lua", { stage = "prod" }), "ec2.nat_gateway", 3)
    assert.creates(testing.plan("payments.lua", { stage = "test" }), "ec2.nat_gateway", 1)
  end)

  it("carries the team's tags", function()
    local sandbox = testing.sandbox()
    sandbox:apply "payments.lua"
    local found = sandbox.aws.eks:describe_cluster { name = "payments-test" }
    assert.equal("payments", found.cluster.tags.team)
  end)

  it("is refused to a team that nobody knows", function()
    assert.error_matches(function() require("$MODULE").cluster { team = "?", stage = "test" } end,
      "team '%?' is not known")
  end)
end)
]],

  ["README.md"] = [[
# $NAME

Our standards for EKS clusters, as a Lua module for eksrun.

```sh
eksrun test                                  # on an AWS inside the program: no account needed
eksrun plan payments.lua --sandbox           # what a recipe of the payments team would make
```

`$MODULE.lua` is the module. A recipe uses it by `require "$MODULE"`, where it lies beside it.
]],
}

for path, text in pairs(require "eksrun.cli.new.common") do files[path] = text end
return files
