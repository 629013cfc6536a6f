--- eks.access_policy_association: an EKS access policy that an access entry carries. It has no tags; cluster,
--- principal and policy identify it, and it is the stack's when its access entry is.
local resource = require "eksrun.resource"

local function associate(ctx, inputs)
  ctx.aws.eks:associate_access_policy {
    clusterName = inputs.clusterName,
    principalArn = inputs.principalArn,
    policyArn = inputs.policyArn,
    accessScope = inputs.accessScope,
  }
  return { associationId = inputs.principalArn .. "/" .. inputs.policyArn }
end

return resource.define {
  name = "eks.access_policy_association",
  identity = "relation",
  key = { "clusterName", "principalArn", "policyArn" },
  id = "associationId",
  parent = "principalArn",
  inputs = {
    clusterName = { type = "string", required = true, immutable = true, refers = "eks.cluster" },
    principalArn = { type = "string", required = true, immutable = true, refers = "eks.access_entry" },
    policyArn = { type = "string", required = true, immutable = true },
    accessScope = {
      type = "table",
      required = true,
      fields = { type = { type = "string" }, namespaces = { type = "table", set = true, default = {} } },
    },
  },
  retry = { create = { { code = "ResourceNotFoundException", message = "principalArn" } } },
  typical = { create = 1, delete = 1 },

  -- Of the entries that are the stack's; eks.access_entry asks for the same.
  observe = function(ctx, wanted)
    local entry_type = resource.get "eks.access_entry"
    local entries = entry_type.observe(ctx:of(entry_type), wanted)
    local records = {}
    ctx:each(entries, function(entry)
      if not entry.address then return end
      local policies = ctx:list("eks", "list_associated_access_policies",
        { clusterName = entry.clusterName, principalArn = entry.principalArn }, "associatedAccessPolicies")
      for _, policy in ipairs(policies) do
        records[#records + 1] = {
          clusterName = entry.clusterName,
          principalArn = entry.principalArn,
          policyArn = policy.policyArn,
          accessScope = policy.accessScope,
          associationId = entry.principalArn .. "/" .. policy.policyArn,
        }
      end
    end)
    return records
  end,

  create = associate,

  -- The call sets the scope anew.
  update = function(ctx, _, inputs) return associate(ctx, inputs) end,

  delete = function(ctx, record)
    ctx.aws.eks:disassociate_access_policy {
      clusterName = record.clusterName, principalArn = record.principalArn, policyArn = record.policyArn,
    }
  end,
}
