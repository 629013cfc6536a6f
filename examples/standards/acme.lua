--- The platform team's standards: what every cluster of the company has in common, written once.
---
---   local acme = require "acme"
---   local eks = acme.cluster { team = "payments", stage = "prod" }
---
--- A recipe that asks for something outside the standards stops at its own line, before anything is planned.
local cidr = require "eksrun.cidr"
local cluster = require "eksrun.cluster"
local eksrun = require "eksrun"
local vpc = require "eksrun.vpc"

local M = {}

local VERSION = "1.33"

-- Each stage has a range, each team its own /16 of it: the number of a team never changes.
local stages = {
  test = { range = "10.64.0.0/12", nat = "single", logs = { "audit" } },
  prod = { range = "10.80.0.0/12", nat = "per-zone", logs = { "api", "audit", "authenticator" } },
}
local teams = { payments = 0, search = 1, web = 2 }

-- Our images are built for arm64 only.
local sizes = { small = "m7g.large", medium = "m7g.2xlarge", large = "m7g.8xlarge" }

local function one_of(choices, what, value)
  if choices[value] ~= nil then return choices[value] end
  local names = {}
  for name in pairs(choices) do names[#names + 1] = name end
  table.sort(names)
  error(("acme: %s '%s' is none of %s"):format(what, tostring(value), table.concat(names, ", ")), 3)
end

--- A cluster by the standards, in a network of its own.
--- @param options { team: string, stage: "test"|"prod" }
--- @return table cluster an eksrun.Cluster that also has :pool()
function M.cluster(options)
  local stage = one_of(stages, "stage", options.stage)
  local team = one_of(teams, "team", options.team)
  local name = options.team .. "-" .. options.stage
  local tags = { team = options.team, stage = options.stage, ["cost-center"] = "k8s-" .. options.team }
  eksrun.stack("acme/" .. name)

  local net = vpc.network {
    name = name,
    cidr = cidr.subnet(stage.range, 4, team),
    nat = stage.nat,
    tags = tags,
  }
  local eks = cluster.create {
    name = name,
    version = VERSION,
    network = net,
    logs = stage.logs,
    tags = tags,
  }

  --- A pool of nodes, by size.
  function eks:pool(pool)
    return self:managed_nodes {
      name = pool.name,
      instance_types = { one_of(sizes, "size", pool.size) },
      min = pool.min or 2,
      max = pool.max or 6,
      labels = { pool = pool.name },
      tags = tags,
    }
  end
  return eks
end

return M
