--- iam.policy: a policy of the account's own. Found by its name, which is made from the stack and the address
--- when the recipe gives none. A change of the document makes a new version the default; of the five that IAM
--- keeps the oldest makes room.
local document = require "eksrun.resource.document"
local resource = require "eksrun.resource"
local support = require "eksrun.resource.iam.support"

local VERSIONS_MAX = 5

local function customer_policies(ctx)
  return ctx:list("iam", "list_policies", { Scope = "Local", MaxItems = 1000 }, "Policies")
end

local function find(ctx, name)
  for _, policy in ipairs(customer_policies(ctx)) do
    if policy.PolicyName == name then return policy end
  end
end

local function describe(ctx, name)
  local listed = find(ctx, name)
  if not listed then return nil end
  local arn = listed.Arn
  local policy, version = table.unpack(ctx:each({
    function() return ctx.aws.iam:get_policy({ PolicyArn = arn }).Policy end,
    function()
      return ctx.aws.iam:get_policy_version({
        PolicyArn = arn, VersionId = listed.DefaultVersionId,
      }).PolicyVersion
    end,
  }, function(call) return ctx:found(call) or false end))
  if not policy or not version then return nil end
  local record = ctx:record(policy)
  record.PolicyArn = arn
  record.PolicyDocument = support.decoded(version.Document)
  return record
end

local function versions(ctx, arn)
  local out = {}
  for page in ctx.aws.iam:pages("list_policy_versions", { PolicyArn = arn }) do
    for _, version in ipairs(page.Versions or {}) do
      if not version.IsDefaultVersion then out[#out + 1] = version end
    end
  end
  table.sort(out, function(a, b) return a.CreateDate < b.CreateDate end)
  return out
end

return resource.define {
  name = "iam.policy",
  identity = "name",
  key = { "PolicyName" },
  id = "PolicyName",
  global = true,
  tagging = { "list" },
  inputs = {
    PolicyName = {
      type = "string",
      immutable = true,
      computed = function(node, stack) return stack:name_for(node, 128) end,
    },
    Path = { type = "string", immutable = true, default = "/" },
    Description = { type = "string", immutable = true, default = "" },
    PolicyDocument = { type = "string", required = true, policy = true },
  },
  outputs = { "Arn", "PolicyId" },
  delete_after = { "iam.role" },
  typical = { create = 1, update = 1, delete = 1 },

  observe = function(ctx, wanted)
    local names = {}
    for i, want in ipairs(wanted) do names[i] = want.PolicyName end
    return support.observe(ctx, names, function()
      local all = {}
      for i, policy in ipairs(customer_policies(ctx)) do all[i] = policy.PolicyName end
      return all
    end, function(name) return describe(ctx, name) end)
  end,

  create = function(ctx, inputs)
    return ctx.aws.iam:create_policy(ctx:tagged {
      PolicyName = inputs.PolicyName,
      Path = inputs.Path,
      Description = inputs.Description,
      PolicyDocument = document.text(inputs.PolicyDocument),
    }).Policy
  end,

  update = function(ctx, record, inputs)
    local old = versions(ctx, record.Arn)
    if #old >= VERSIONS_MAX - 1 then
      ctx.aws.iam:delete_policy_version { PolicyArn = record.Arn, VersionId = old[1].VersionId }
    end
    ctx.aws.iam:create_policy_version {
      PolicyArn = record.Arn,
      PolicyDocument = document.text(inputs.PolicyDocument),
      SetAsDefault = true,
    }
  end,

  retag = support.retag("policy", "PolicyArn"),

  delete = function(ctx, record)
    ctx:each(versions(ctx, record.Arn), function(version)
      ctx:found(function()
        ctx.aws.iam:delete_policy_version { PolicyArn = record.Arn, VersionId = version.VersionId }
      end)
    end)
    ctx.aws.iam:delete_policy { PolicyArn = record.Arn }
  end,
}
