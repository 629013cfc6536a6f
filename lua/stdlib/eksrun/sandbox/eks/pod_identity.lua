--- EKS: Pod Identity associations.
local json = require "eksrun.json"
local support = require "eksrun.sandbox.eks.support"

local M = { operations = {} }
local operations = M.operations

local function need(call, cluster, id)
  return support.need(call, "eks.pod_identity", cluster, id, ("No association found with id: %s"):format(id))
end

--- Makes an association.
--- @param call eksrun.sandbox.Call
--- @param cluster table
--- @param fields table namespace, serviceAccount, roleArn ...
--- @return table
function M.make(call, cluster, fields)
  support.check_role(call, fields.roleArn, "pods.eks.amazonaws.com")
  for _, other in ipairs(support.within(call, "eks.pod_identity", cluster.name)) do
    if other.namespace == fields.namespace and other.serviceAccount == fields.serviceAccount then
      support.refuse("ResourceInUseException", ("Association already exists: %s"):format(other.associationId),
        { clusterName = cluster.name })
    end
  end
  local id = "a-" .. call:hash("association", fields.namespace, fields.serviceAccount):sub(1, 17)
  local target = fields.targetRoleArn
  return call:put("eks.pod_identity", support.key(cluster.name, id), {
    clusterName = cluster.name, namespace = fields.namespace, serviceAccount = fields.serviceAccount,
    roleArn = fields.roleArn, associationId = id, createdAt = support.time(call),
    modifiedAt = support.time(call),
    associationArn = call:arn("eks", ("podidentityassociation/%s/%s"):format(cluster.name, id)),
    tags = fields.tags or {}, ownerArn = fields.ownerArn, targetRoleArn = target, policy = fields.policy,
    externalId = target and call:uuid(id) or nil, disableSessionTags = fields.disableSessionTags or false,
  })
end

function operations.CreatePodIdentityAssociation(call, params)
  return { association = M.make(call, support.active_cluster(call, params.clusterName), params) }
end

function operations.DescribePodIdentityAssociation(call, params)
  return { association = need(call, params.clusterName, params.associationId) }
end

function operations.ListPodIdentityAssociations(call, params)
  support.cluster(call, params.clusterName)
  local list = json.array {}
  for _, association in ipairs(support.within(call, "eks.pod_identity", params.clusterName)) do
    if (not params.namespace or params.namespace == association.namespace)
      and (not params.serviceAccount or params.serviceAccount == association.serviceAccount) then
      list[#list + 1] = {
        clusterName = association.clusterName, namespace = association.namespace,
        serviceAccount = association.serviceAccount, associationArn = association.associationArn,
        associationId = association.associationId, ownerArn = association.ownerArn,
      }
    end
  end
  return { associations = list }
end

function operations.UpdatePodIdentityAssociation(call, params)
  local association = need(call, params.clusterName, params.associationId)
  if params.roleArn then support.check_role(call, params.roleArn, "pods.eks.amazonaws.com") end
  for _, name in ipairs { "roleArn", "targetRoleArn", "disableSessionTags", "policy" } do
    if params[name] ~= nil then association[name] = params[name] end
  end
  association.modifiedAt = support.time(call)
  return { association = association }
end

function operations.DeletePodIdentityAssociation(call, params)
  local association = need(call, params.clusterName, params.associationId)
  call:remove("eks.pod_identity", support.key(params.clusterName, params.associationId))
  return { association = association }
end

return M
