--- EKS: tags of all its things, by their ARNs.
local support = require "eksrun.sandbox.eks.support"

local M = { operations = {} }

-- By kind: the field that holds the ARN.
local ARNS = {
  ["eks.cluster"] = "arn", ["eks.nodegroup"] = "nodegroupArn", ["eks.addon"] = "addonArn",
  ["eks.fargate_profile"] = "fargateProfileArn", ["eks.access_entry"] = "accessEntryArn",
  ["eks.pod_identity"] = "associationArn", ["eks.capability"] = "arn", ["eks.anywhere"] = "arn",
  ["eks.identity_provider"] = "identityProviderConfigArn",
}

local function need(call, arn)
  for kind, field in pairs(ARNS) do
    for _, thing in ipairs(call:all(kind)) do
      if thing[field] == arn then return thing end
    end
  end
  support.refuse("NotFoundException", ("No resource found for ARN %s"):format(arn))
end

function M.operations.TagResource(call, params)
  local tags = need(call, params.resourceArn).tags
  for key, value in pairs(params.tags) do tags[key] = value end
  return {}
end

function M.operations.UntagResource(call, params)
  local tags = need(call, params.resourceArn).tags
  for _, key in ipairs(params.tagKeys) do tags[key] = nil end
  return {}
end

function M.operations.ListTagsForResource(call, params)
  return { tags = need(call, params.resourceArn).tags }
end

M.all_tags = function(call)
  local list = {}
  for kind, field in pairs(ARNS) do
    for _, thing in ipairs(call:all(kind)) do list[#list + 1] = { arn = thing[field], tags = thing.tags } end
  end
  table.sort(list, function(a, b) return a.arn < b.arn end)
  return list
end

return M
