-- A cluster that the internet does not reach and that does not reach it: no internet gateway, no NAT, the API
-- inside the network only. AWS's services stand in the network as endpoints (PrivateLink).
--
-- kubectl works from inside of the network: over a VPN, Direct Connect, or peering.
-- Costs: the control plane 0.10 USD an hour, an interface endpoint about 7.50 USD a month in each zone, the
-- instances.
local eksrun  = require "eksrun"
local vpc     = require "eksrun.vpc"
local cluster = require "eksrun.cluster"

local p = eksrun.params {
  name     = { "demo", "cluster name", match = "^%w[%w_-]*$" },
  version  = { "1.33", "Kubernetes version", match = "^1%.%d+$" },
  cidr     = { "10.0.0.0/16", "address range of the network", type = "cidr" },
  zones    = { 2, "availability zones", min = 2, max = 6 },
  services = { { "logs", "eks", "eks-auth", "elasticloadbalancing", "autoscaling" },
               "services beside those that nodes need (ec2, ecr.api, ecr.dkr, s3, sts)" },
  instance = { "m7g.large", "instance type of the nodes", match = "^[%w-]+%.[%w-]+$" },
  nodes    = { 2, "nodes wanted", min = 0, max = 450 },
}

local net = vpc.network { name = p.name, cidr = p.cidr, zones = p.zones, internet = false }

local services = { table.unpack(vpc.cluster_services) }
table.move(p.services, 1, #p.services, #services + 1, services)
vpc.endpoints { network = net, services = services }

local eks = cluster.create {
  name          = p.name,
  version       = p.version,
  network       = net,
  public_access = false,
  logs          = { "api", "audit" },
}

eks:addon "vpc-cni"
eks:addon "kube-proxy"
eks:addon "eks-pod-identity-agent"
eks:addon "coredns"

eks:managed_nodes {
  name           = "general",
  instance_types = { p.instance },
  min            = math.min(1, p.nodes),
  desired        = p.nodes,
  max            = math.max(6, p.nodes),
}

return { cluster = eks.name, endpoint = eks.endpoint, kubeconfig = eks:kubeconfig() }
