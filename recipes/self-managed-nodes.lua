-- A cluster with nodes of one's own: an Auto Scaling group of Amazon Linux 2023 instances that join by
-- themselves, with role, instance profile, launch template and access entry.
--
-- The image is the newest that EKS offers for the version when the plan is made; ami=... holds one fast.
-- Costs: the control plane 0.10 USD an hour, a NAT gateway about 35 USD a month, the instances.
local eksrun  = require "eksrun"
local vpc     = require "eksrun.vpc"
local cluster = require "eksrun.cluster"

local p = eksrun.params {
  name      = { "demo", "cluster name", match = "^%w[%w_-]*$" },
  version   = { "1.33", "Kubernetes version", match = "^1%.%d+$" },
  cidr      = { "10.0.0.0/16", "address range of the network", type = "cidr" },
  zones     = { 3, "availability zones", min = 2, max = 6 },
  nat       = { "single", "NAT gateways", choices = { "none", "single", "per-zone" } },
  instances = { { "m7g.large" }, "instance types, of one processor", match = "^[%w-]+%.[%w-]+$" },
  spot      = { false, "whether to buy spare capacity: cheaper, and taken back at two minutes' notice" },
  nodes     = { 2, "nodes wanted", min = 0, max = 450 },
  ami       = { nil, "image; default: the newest of EKS", type = "string", match = "^ami%-%x+$" },
  refresh   = { false, "whether a change of the template replaces running nodes" },
}

local net = vpc.network { name = p.name, cidr = p.cidr, zones = p.zones, nat = p.nat }

local eks = cluster.create { name = p.name, version = p.version, network = net, logs = { "api", "audit" } }

eks:addon "vpc-cni"
eks:addon "kube-proxy"
eks:addon "coredns"

eks:self_managed_nodes {
  name           = "general",
  instance_types = p.instances,
  capacity       = p.spot and "SPOT" or "ON_DEMAND",
  min            = math.min(1, p.nodes),
  desired        = p.nodes,
  max            = math.max(6, p.nodes),
  ami            = p.ami,
  refresh        = p.refresh,
}

return { cluster = eks.name, endpoint = eks.endpoint, kubeconfig = eks:kubeconfig() }
