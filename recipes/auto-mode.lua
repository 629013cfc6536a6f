-- A cluster in Auto Mode: EKS makes and replaces the nodes as pods ask for them, and runs networking, DNS,
-- disks and load balancers itself. No node group, no add-on.
--
-- mode=none turns it off again in place, and the nodes that it made go.
-- Costs: the control plane 0.10 USD an hour, a NAT gateway about 35 USD a month, the instances, and
-- about 12 % more on each for Auto Mode.
local eksrun  = require "eksrun"
local vpc     = require "eksrun.vpc"
local cluster = require "eksrun.cluster"

local p = eksrun.params {
  name    = { "demo", "cluster name", match = "^%w[%w_-]*$" },
  version = { "1.33", "Kubernetes version", match = "^1%.%d+$" },
  cidr    = { "10.0.0.0/16", "address range of the network", type = "cidr" },
  zones   = { 3, "availability zones", min = 2, max = 6 },
  nat     = { "single", "NAT gateways", choices = { "none", "single", "per-zone" } },
  mode    = { "auto", "Auto Mode on or off", choices = { "auto", "none" } },
  pools   = { { "general-purpose", "system" }, "node pools of EKS",
              choices = { "general-purpose", "system" } },
}

local net = vpc.network { name = p.name, cidr = p.cidr, zones = p.zones, nat = p.nat }

local eks = cluster.create {
  name       = p.name,
  version    = p.version,
  network    = net,
  compute    = p.mode,
  node_pools = p.mode == "auto" and p.pools or nil,
  logs       = { "api", "audit" },
}

return { cluster = eks.name, endpoint = eks.endpoint, kubeconfig = eks:kubeconfig() }
