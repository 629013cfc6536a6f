--- eks.access_entry: who of IAM may talk to a cluster, and as whom. Found by its cluster and its principal.
---
--- The policies that it carries are resources of their own: eks.access_policy_association.
local resource = require "eksrun.resource"
local support = require "eksrun.resource.eks.support"

local function describe(ctx, cluster, principal)
  return ctx:found(function()
    return ctx.aws.eks:describe_access_entry { clusterName = cluster, principalArn = principal }.accessEntry
  end)
end

local function names_of(fields)
  return { clusterName = fields.clusterName, principalArn = fields.principalArn }
end

return resource.define {
  name = "eks.access_entry",
  identity = "name",
  key = { "clusterName", "principalArn" },
  id = "principalArn",
  parent = "clusterName",
  tagging = { "map" },
  inputs = {
    clusterName = { type = "string", required = true, immutable = true, refers = "eks.cluster" },
    principalArn = { type = "string", required = true, immutable = true, refers = "iam.role.Arn" },
    type = { type = "string", immutable = true, default = "STANDARD" },
    kubernetesGroups = { type = "table", set = true, default = {} },
    username = { type = "string" },
  },
  outputs = { "accessEntryArn", "createdAt" },
  retry = {
    create = {
      { code = "InvalidParameterException", message = "principalArn" },
      { code = "InvalidParameterException", message = "does not exist" },
      { code = "ResourceNotFoundException", message = "No cluster found" },
    },
  },
  typical = { create = 2, delete = 2 },
  slow = "whether the role or user exists: EKS knows a new one after some seconds",

  observe = function(ctx, wanted)
    return support.observe_children(ctx, wanted, {
      kind = "eks.access_entry",
      key = "principalArn",
      list = function(cluster)
        return ctx:list("eks", "list_access_entries", { clusterName = cluster }, "accessEntries")
      end,
      describe = function(cluster, principal) return describe(ctx, cluster, principal) end,
      record = function(entry) return ctx:record(entry) end,
    })
  end,

  create = function(ctx, inputs)
    return ctx.aws.eks:create_access_entry(ctx:tagged {
      clusterName = inputs.clusterName,
      principalArn = inputs.principalArn,
      type = inputs.type,
      kubernetesGroups = inputs.kubernetesGroups,
      username = inputs.username,
      clientRequestToken = ctx.token,
    }).accessEntry
  end,

  update = function(ctx, record, inputs, changed)
    local params = names_of(record)
    params.kubernetesGroups = changed.kubernetesGroups and inputs.kubernetesGroups or nil
    params.username = changed.username and inputs.username or nil
    params.clientRequestToken = ctx.token
    ctx.aws.eks:update_access_entry(params)
  end,

  retag = support.retag_by "accessEntryArn",

  delete = function(ctx, record) ctx.aws.eks:delete_access_entry(names_of(record)) end,
}
