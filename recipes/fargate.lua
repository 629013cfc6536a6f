-- A cluster without nodes: pods of some namespaces run on Fargate, CoreDNS among them.
--
-- Fargate takes private subnets with a way out. It runs no DaemonSets, no GPUs and no privileged containers.
-- Costs: the control plane 0.10 USD an hour, a NAT gateway about 35 USD a month, pods by vCPU and GB while
-- they run (0.25 vCPU and 0.5 GB: about 9 USD a month).
local eksrun  = require "eksrun"
local vpc     = require "eksrun.vpc"
local cluster = require "eksrun.cluster"

local p = eksrun.params {
  name       = { "demo", "cluster name", match = "^%w[%w_-]*$" },
  version    = { "1.33", "Kubernetes version", match = "^1%.%d+$" },
  cidr       = { "10.0.0.0/16", "address range of the network", type = "cidr" },
  zones      = { 2, "availability zones", min = 2, max = 6 },
  nat        = { "single", "NAT gateways", choices = { "single", "per-zone" } },
  namespaces = { { "default" }, "namespaces whose pods run on Fargate, at most 5", match = "^%l[%l%d-]*$" },
}

local net = vpc.network { name = p.name, cidr = p.cidr, zones = p.zones, nat = p.nat }

local eks = cluster.create { name = p.name, version = p.version, network = net, logs = { "api", "audit" } }

eks:fargate_profile {
  name      = "system",
  selectors = { { namespace = "kube-system", labels = { ["k8s-app"] = "kube-dns" } } },
}
eks:fargate_profile { name = "pods", selectors = p.namespaces }
eks:addon { "coredns", configuration = { computeType = "Fargate" } }

return { cluster = eks.name, endpoint = eks.endpoint, kubeconfig = eks:kubeconfig() }
