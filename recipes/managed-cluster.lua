-- A cluster with managed nodes, in a network of its own.
local eksrun  = require "eksrun"
local vpc     = require "eksrun.vpc"
local cluster = require "eksrun.cluster"

local p = eksrun.params {
  name     = { "demo", "cluster name", match = "^%w[%w_-]*$" },
  version  = { "1.33", "Kubernetes version", match = "^1%.%d+$" },
  cidr     = { "10.0.0.0/16", "address range of the network", type = "cidr" },
  zones    = { 3, "availability zones", min = 2, max = 6 },
  nat      = { "single", "NAT gateways", choices = { "none", "single", "per-zone" } },
  instance = { "m7g.large", "instance type of the nodes", match = "^[%w-]+%.[%w-]+$" },
  nodes    = { 2, "nodes wanted", min = 0, max = 450 },
}

local net = vpc.network { name = p.name, cidr = p.cidr, zones = p.zones, nat = p.nat }

local eks = cluster.create {
  name    = p.name,
  version = p.version,
  network = net,
  logs    = { "api", "audit" },
}

eks:managed_nodes {
  name           = "general",
  instance_types = { p.instance },
  min            = math.min(1, p.nodes),
  desired        = p.nodes,
  max            = math.max(6, p.nodes),
}

return { cluster = eks.name, endpoint = eks.endpoint, kubeconfig = eks:kubeconfig() }
