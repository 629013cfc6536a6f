--- eks.fargate_profile: which pods of a cluster run on Fargate. Found by its cluster and its name.
---
--- Nothing of it but its tags can be changed. EKS makes and deletes one profile of a cluster at a time.
local resource = require "eksrun.resource"
local support = require "eksrun.resource.eks.support"

local function describe(ctx, cluster, name)
  return ctx:found(function()
    return ctx.aws.eks:describe_fargate_profile {
      clusterName = cluster, fargateProfileName = name,
    }.fargateProfile
  end)
end

local function describer(ctx, record)
  return function() return describe(ctx, record.clusterName, record.fargateProfileName) end
end

local function title(record)
  return ("Fargate profile %s of %s"):format(record.fargateProfileName, record.clusterName)
end

local function record_of(ctx, profile)
  local record = ctx:record(profile)
  record.selectors = {}
  for i, selector in ipairs(profile.selectors or {}) do
    local labels = selector.labels
    record.selectors[i] = {
      namespace = selector.namespace,
      labels = type(labels) == "table" and next(labels) and labels or nil,
    }
  end
  record.pending = profile.status ~= "ACTIVE"
  return record
end

local ONE_AT_A_TIME = {
  { code = "InvalidRequestException", message = "already", seconds = 1800 },
  { code = "ResourceInUseException", message = "in progress", seconds = 1800 },
  { code = "ResourceLimitExceededException", message = "in progress", seconds = 1800 },
}

return resource.define {
  name = "eks.fargate_profile",
  identity = "name",
  key = { "clusterName", "fargateProfileName" },
  id = "fargateProfileName",
  tagging = { "map" },
  exclusive = { create = "eks.fargate/{clusterName}", delete = "eks.fargate/{clusterName}" },
  inputs = {
    clusterName = { type = "string", required = true, immutable = true, refers = "eks.cluster" },
    fargateProfileName = {
      type = "string",
      immutable = true,
      computed = function(node, stack) return stack:name_for(node, 100) end,
    },
    podExecutionRoleArn = { type = "string", required = true, immutable = true, refers = "iam.role.Arn" },
    subnets = { type = "table", required = true, immutable = true, set = true, refers = "ec2.subnet" },
    selectors = { type = "table", required = true, immutable = true, set = true },
  },
  outputs = { "fargateProfileArn", "status", "createdAt" },
  retry = {
    create = { ONE_AT_A_TIME[1], table.unpack(support.ROLE_NOT_VISIBLE_YET) },
    delete = ONE_AT_A_TIME,
  },
  typical = { create = 80, delete = 100 },
  slow = "the pod execution role and the subnets, which have to be private",

  observe = function(ctx, wanted)
    return support.observe_children(ctx, wanted, {
      kind = "eks.fargate_profile",
      key = "fargateProfileName",
      list = function(cluster)
        return ctx:list("eks", "list_fargate_profiles", { clusterName = cluster }, "fargateProfileNames")
      end,
      describe = function(cluster, name) return describe(ctx, cluster, name) end,
      record = function(profile) return record_of(ctx, profile) end,
    })
  end,

  create = function(ctx, inputs)
    return support.create_named(ctx, title(inputs), describer(ctx, inputs), function()
      return ctx.aws.eks:create_fargate_profile(ctx:tagged {
        clusterName = inputs.clusterName,
        fargateProfileName = inputs.fargateProfileName,
        podExecutionRoleArn = inputs.podExecutionRoleArn,
        subnets = inputs.subnets,
        selectors = inputs.selectors,
        clientRequestToken = ctx.token,
      }).fargateProfile
    end)
  end,

  ready = function(ctx, record)
    return record_of(ctx, support.wait_active(ctx, title(record), describer(ctx, record), 30))
  end,

  retag = support.retag_by "fargateProfileArn",

  delete = function(ctx, record)
    ctx.aws.eks:delete_fargate_profile {
      clusterName = record.clusterName, fargateProfileName = record.fargateProfileName,
    }
  end,

  gone = function(ctx, record) support.wait_gone(ctx, title(record), describer(ctx, record), 30) end,
}
