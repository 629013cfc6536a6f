--- eks.pod_identity_association: the role that the pods of a service account get. Found by its cluster, its
--- namespace and its service account.
local document = require "eksrun.resource.document"
local resource = require "eksrun.resource"
local support = require "eksrun.resource.eks.support"

local function path(fields) return fields.namespace .. "/" .. fields.serviceAccount end

-- By namespace and service account; AWS describes them by an id of its own only.
local function all(ctx, cluster)
  local by_path = {}
  local list = ctx:list("eks", "list_pod_identity_associations", { clusterName = cluster }, "associations")
  for _, association in ipairs(list) do by_path[path(association)] = association end
  return by_path
end

local function describe(ctx, cluster, id)
  return ctx:found(function()
    return ctx.aws.eks:describe_pod_identity_association {
      clusterName = cluster, associationId = id,
    }.association
  end)
end

return resource.define {
  name = "eks.pod_identity_association",
  identity = "name",
  key = { "clusterName", "namespace", "serviceAccount" },
  id = "associationId",
  parent = "clusterName",
  tagging = { "map" },
  inputs = {
    clusterName = { type = "string", required = true, immutable = true, refers = "eks.cluster" },
    namespace = { type = "string", required = true, immutable = true },
    serviceAccount = { type = "string", required = true, immutable = true },
    roleArn = { type = "string", required = true, refers = "iam.role.Arn" },
    targetRoleArn = { type = "string" },
    disableSessionTags = { type = "boolean", default = false },
    policy = { type = "string", policy = true },
  },
  outputs = { "associationArn", "externalId" },
  retry = { create = support.ROLE_NOT_VISIBLE_YET, update = support.ROLE_NOT_VISIBLE_YET },
  typical = { create = 2, delete = 2 },

  observe = function(ctx, wanted)
    local list = {}
    for i, want in ipairs(wanted) do
      list[i] = { clusterName = want.clusterName, path = path(want) }
    end
    return support.observe_children(ctx, list, {
      kind = "eks.pod_identity_association",
      key = "path",
      list = function(cluster)
        local names = {}
        for name in pairs(all(ctx, cluster)) do names[#names + 1] = name end
        return names
      end,
      describe = function(cluster, name)
        local parent = support.observe_cluster(ctx, cluster)
        if not parent or parent.status == "DELETING" then return nil end
        local association = all(ctx, cluster)[name]
        return association and describe(ctx, cluster, association.associationId)
      end,
      record = function(association) return ctx:record(association) end,
    })
  end,

  create = function(ctx, inputs)
    return ctx.aws.eks:create_pod_identity_association(ctx:tagged {
      clusterName = inputs.clusterName,
      namespace = inputs.namespace,
      serviceAccount = inputs.serviceAccount,
      roleArn = inputs.roleArn,
      targetRoleArn = inputs.targetRoleArn,
      disableSessionTags = inputs.disableSessionTags,
      policy = document.text(inputs.policy),
      clientRequestToken = ctx.token,
    }).association
  end,

  update = function(ctx, record, inputs)
    ctx.aws.eks:update_pod_identity_association {
      clusterName = record.clusterName,
      associationId = record.associationId,
      roleArn = inputs.roleArn,
      targetRoleArn = inputs.targetRoleArn,
      disableSessionTags = inputs.disableSessionTags,
      policy = document.text(inputs.policy),
      clientRequestToken = ctx.token,
    }
  end,

  retag = support.retag_by "associationArn",

  delete = function(ctx, record)
    ctx.aws.eks:delete_pod_identity_association {
      clusterName = record.clusterName, associationId = record.associationId,
    }
  end,
}
