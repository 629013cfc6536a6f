--- EKS's add-ons, as of January 2026: their newest versions and what they want. Others of the same
--- form that are no newer are taken, too: the list is short.
local versions = require "eksrun.sandbox.eks.versions"

local M = {}

--- @class eksrun.sandbox.eks.KnownAddon
--- @field versions string[] the newest first; %s stands for the cluster's version
--- @field type string
--- @field node? boolean whether it is a deployment, which wants a node (others run on nodes as they come)
--- @field namespace? string default kube-system
--- @field publisher? string default eks
--- @field account? string service account that wants permissions
--- @field policies? string[] AWS's policies for it, by name

local NETWORKING, STORAGE, OBSERVABILITY = "networking", "storage", "observability"

--- @type table<string, eksrun.sandbox.eks.KnownAddon>
M.addons = {
  ["vpc-cni"] = {
    versions = { "v1.20.4-eksbuild.2", "v1.20.3-eksbuild.1", "v1.19.6-eksbuild.7" }, type = NETWORKING,
    account = "aws-node", policies = { "AmazonEKS_CNI_Policy" },
  },
  ["kube-proxy"] = {
    versions = { "v%s.3-eksbuild.10", "v%s.3-eksbuild.7", "v%s.0-eksbuild.2" }, type = NETWORKING,
  },
  ["coredns"] = {
    versions = { "v1.12.4-eksbuild.1", "v1.12.3-eksbuild.1", "v1.11.4-eksbuild.24" }, type = NETWORKING,
    node = true,
  },
  ["eks-pod-identity-agent"] = {
    versions = { "v1.3.9-eksbuild.5", "v1.3.8-eksbuild.2" }, type = "security",
  },
  ["aws-ebs-csi-driver"] = {
    versions = { "v1.52.1-eksbuild.1", "v1.51.1-eksbuild.1" }, type = STORAGE, node = true,
    account = "ebs-csi-controller-sa", policies = { "service-role/AmazonEBSCSIDriverPolicy" },
  },
  ["aws-efs-csi-driver"] = {
    versions = { "v2.1.14-eksbuild.1", "v2.1.13-eksbuild.1" }, type = STORAGE, node = true,
    account = "efs-csi-controller-sa", policies = { "service-role/AmazonEFSCSIDriverPolicy" },
  },
  ["aws-mountpoint-s3-csi-driver"] = {
    versions = { "v2.2.1-eksbuild.1" }, type = STORAGE, node = true, account = "s3-csi-driver-sa",
    policies = { "AmazonS3FullAccess" },
  },
  ["snapshot-controller"] = { versions = { "v8.3.0-eksbuild.3" }, type = STORAGE, node = true },
  ["metrics-server"] = {
    versions = { "v0.8.0-eksbuild.5", "v0.8.0-eksbuild.3" }, type = OBSERVABILITY, node = true,
    publisher = "community",
  },
  ["amazon-cloudwatch-observability"] = {
    versions = { "v4.7.0-eksbuild.1", "v4.6.0-eksbuild.1" }, type = OBSERVABILITY, node = true,
    namespace = "amazon-cloudwatch", account = "cloudwatch-agent",
    policies = { "CloudWatchAgentServerPolicy", "AWSXRayDaemonWriteAccess" },
  },
  ["eks-node-monitoring-agent"] = { versions = { "v1.4.2-eksbuild.1" }, type = OBSERVABILITY },
  ["adot"] = {
    versions = { "v0.131.0-eksbuild.1" }, type = OBSERVABILITY, node = true,
    namespace = "opentelemetry-operator-system", account = "adot-col-prom-metrics",
    policies = { "AmazonPrometheusRemoteWriteAccess" },
  },
  ["cert-manager"] = {
    versions = { "v1.19.1-eksbuild.1" }, type = "security", node = true, namespace = "cert-manager",
    publisher = "community",
  },
  ["external-dns"] = {
    versions = { "v0.19.0-eksbuild.3" }, type = NETWORKING, node = true, namespace = "external-dns",
    publisher = "community", account = "external-dns",
  },
  ["kube-state-metrics"] = {
    versions = { "v2.17.0-eksbuild.4" }, type = OBSERVABILITY, node = true, namespace = "kube-state-metrics",
    publisher = "community",
  },
  ["prometheus-node-exporter"] = {
    versions = { "v1.10.2-eksbuild.2" }, type = OBSERVABILITY, namespace = "prometheus-node-exporter",
    publisher = "community",
  },
  ["aws-network-flow-monitoring-agent"] = {
    versions = { "v1.1.1-eksbuild.1" }, type = OBSERVABILITY, namespace = "amazon-network-flow-monitor",
    account = "aws-network-flow-monitor-agent-service-account",
  },
  ["fluent-bit"] = {
    versions = { "v4.0.7-eksbuild.1" }, type = OBSERVABILITY, namespace = "fluent-bit",
    publisher = "community",
  },
}

--- The versions of an add-on for a Kubernetes version, the newest first.
--- @param name string
--- @param kubernetes string "1.33"
--- @return string[]
function M.versions(name, kubernetes)
  local list = {}
  for i, version in ipairs(M.addons[name].versions) do list[i] = version:gsub("%%s", kubernetes) end
  return list
end

local function major_minor(version)
  local major, minor = version:match "^v(%d+)%.(%d+)%."
  return tonumber(major), tonumber(minor)
end

--- Whether an add-on may have a version on a cluster.
--- @param name string
--- @param version string
--- @param kubernetes string of the cluster
--- @return boolean
function M.fits(name, version, kubernetes)
  if not version:find "^v%d+%.%d+%.%d+%-eksbuild%.%d+$" then return false end
  if name ~= "kube-proxy" then
    local major, minor = major_minor(version)
    local newest_major, newest_minor = major_minor(M.addons[name].versions[1])
    return major == newest_major and minor <= newest_minor
  end
  -- Of kube-proxy at most three minor versions behind, and none ahead.
  local behind = versions.minor(kubernetes) - versions.minor((version:gsub("^v", "")))
  return behind >= 0 and behind <= 3
end

return M
