-- A network for clusters, and nothing else: a public and a private subnet in each zone, NAT, routes, the tags
-- that Kubernetes looks for. With internet=false it is closed: private subnets only, no way out.
--
-- Costs: a NAT gateway about 35 USD a month and 0.05 USD a GB; all else nothing.
local eksrun = require "eksrun"
local vpc    = require "eksrun.vpc"

local p = eksrun.params {
  name     = { "demo", "name of the network", match = "^%w[%w_-]*$" },
  cidr     = { "10.0.0.0/16", "address range of the network", type = "cidr" },
  zones    = { 3, "availability zones", min = 1, max = 6 },
  nat      = { "single", "NAT gateways", choices = { "none", "single", "per-zone" } },
  internet = { true, "whether there is a way to the internet" },
}

local net = vpc.network {
  name     = p.name,
  cidr     = p.cidr,
  zones    = p.zones,
  nat      = p.internet and p.nat or "none",
  internet = p.internet,
}

return { vpc = net.vpc, zones = net.zones, private = net.private, public = net.public }
