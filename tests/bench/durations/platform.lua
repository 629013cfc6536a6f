-- A cluster as platform teams run it: two node groups, seven add-ons, roles for pods of both kinds. The
-- largest shape of docs/durations.md.
local eksrun  = require "eksrun"
local vpc     = require "eksrun.vpc"
local cluster = require "eksrun.cluster"

local p = eksrun.params { name = { "demo", "cluster name" } }

local net = vpc.network { name = p.name, cidr = "10.0.0.0/16", zones = 3, nat = "per-zone" }
local eks = cluster.create { name = p.name, version = "1.33", network = net, logs = { "api", "audit" } }
for _, name in ipairs { "vpc-cni", "kube-proxy", "eks-pod-identity-agent", "coredns", "metrics-server" } do
  eks:addon(name)
end
eks:addon { "aws-ebs-csi-driver", pod_identity = true }
eks:addon { "aws-efs-csi-driver", pod_identity = true }
eks:managed_nodes { name = "system", instance_types = { "m7g.large" }, desired = 3 }
eks:managed_nodes { name = "work", instance_types = { "m7g.2xlarge" }, min = 2, desired = 3, max = 20 }
for _, name in ipairs { "dns", "autoscaler" } do
  eks:service_account_role { namespace = "kube-system", name = name, policies = { "AmazonS3ReadOnlyAccess" } }
end
for _, name in ipairs { "api", "worker" } do
  eks:pod_identity { namespace = "web", service_account = name, policies = { "AmazonS3ReadOnlyAccess" } }
end
return { cluster = eks.name }
