--- EKS Auto Mode: nodes that EKS itself starts when pods ask for one, and ends with the cluster.
local access = require "eksrun.sandbox.eks.access"
local calls = require "eksrun.sandbox.call"
local instances = require "eksrun.sandbox.ec2.instance"
local json = require "eksrun.json"

local M = { operations = {}, events = {} }

local TYPE = "c6a.large"

local function owner(cluster) return cluster.arn .. "/auto" end

local function nodes(call, cluster)
  return call:all("ec2.instance", function(instance)
    local now = instance.State.Name
    return instance._of == owner(cluster) and (now == "pending" or now == "running")
  end)
end

--- Has a node for pods that find none, if the cluster's Auto Mode has a pool for it.
--- @param call eksrun.sandbox.Call
--- @param cluster table
function M.want_node(call, cluster)
  local compute = cluster.computeConfig or {}
  local pool = compute.enabled and (compute.nodePools or {})[1]
  if not pool or nodes(call, cluster)[1] then return end
  local network = cluster.resourcesVpcConfig
  local instance = instances.start(call, {
    subnet = network.subnetIds[1], type = TYPE, groups = { network.clusterSecurityGroupId },
    of = owner(cluster), tags = json.array(calls.tag_list {
      ["kubernetes.io/cluster/" .. cluster.name] = "owned", ["eks:eks-cluster-name"] = cluster.name,
      ["eks:kubernetes-node-pool-name"] = pool, ["eks:kubernetes-node-class-name"] = "default",
    }),
  })
  instance.Operator = { Managed = true, Principal = "eks.amazonaws.com" }
end

--- Lets nodes of the built-in pools in, by an entry for their role; whose pools are others makes it himself.
--- @param call eksrun.sandbox.Call
--- @param cluster table
function M.let_nodes_in(call, cluster)
  local compute = cluster.computeConfig or {}
  if not (compute.enabled and compute.nodeRoleArn and (compute.nodePools or {})[1]) then return end
  access.make(call, cluster, { principalArn = compute.nodeRoleArn, type = "EC2" },
    { "AmazonEKSAutoNodePolicy" })
end

--- Ends the nodes.
--- @param call eksrun.sandbox.Call
--- @param cluster table
function M.stop(call, cluster)
  for _, instance in ipairs(nodes(call, cluster)) do instances.stop(call, instance) end
end

--- Takes what is left of the nodes away, with their interfaces.
--- @param call eksrun.sandbox.Call
--- @param cluster table
function M.remove(call, cluster)
  for _, instance in ipairs(call:all("ec2.instance", function(i) return i._of == owner(cluster) end)) do
    instances.remove(call, instance)
    call:remove("ec2.instance", instance.InstanceId)
  end
end

M.events["eks.auto_mode.on"] = function(call, arguments)
  local cluster = call:get("eks.cluster", arguments.name)
  if cluster then M.let_nodes_in(call, cluster) end
end

M.events["eks.auto_mode.off"] = function(call, arguments)
  local cluster = call:get("eks.cluster", arguments.name)
  if cluster then M.stop(call, cluster) end
end

return M
