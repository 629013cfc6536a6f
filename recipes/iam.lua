-- Roles for the pods of a cluster that exists: its issuer as an OIDC provider, a role by the tokens of a
-- service account (IRSA), one by EKS Pod Identity, and roles for nodes and Fargate profiles to come.
--
-- Pod Identity wants the add-on eks-pod-identity-agent in the cluster. Costs: nothing.
local eksrun  = require "eksrun"
local iam     = require "eksrun.iam"
local cluster = require "eksrun.cluster"

local p = eksrun.params {
  cluster      = { nil, "name of the cluster", type = "string", required = true, match = "^%w[%w_-]*$" },
  namespace    = { "default", "namespace of the service accounts", match = "^%l[%l%d-]*$" },
  irsa         = { "irsa", "service account that gets a role by its token", match = "^%l[%l%d.-]*$" },
  pod_identity = { "pods", "service account that gets a role by Pod Identity", match = "^%l[%l%d.-]*$" },
  bucket       = { "example-bucket", "bucket that both may read", match = "^[%l%d.-]+$" },
}

eksrun.stack("iam/" .. p.cluster)
local eks = cluster.existing { name = p.cluster }

local arn = "arn:aws:s3:::" .. p.bucket
local read = {
  { Action = "s3:ListBucket", Resource = arn },
  { Action = "s3:GetObject", Resource = arn .. "/*" },
}

local by_token = eks:service_account_role { namespace = p.namespace, name = p.irsa, statements = read }
eks:pod_identity { namespace = p.namespace, service_account = p.pod_identity, statements = read }

local nodes = iam.role_for {
  "nodes",
  trust    = "ec2",
  policies = { "AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonEKS_CNI_Policy" },
}
local fargate = iam.role_for {
  "fargate",
  trust    = "eks-fargate-pods",
  policies = { "AmazonEKSFargatePodExecutionRolePolicy" },
}

return { annotation = by_token.Arn, nodes = nodes.Arn, fargate = fargate.Arn }
