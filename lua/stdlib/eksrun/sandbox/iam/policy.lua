--- IAM: policies of the account, their versions, and AWS's own.
local document = require "eksrun.sandbox.iam.document"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.iam.support"

local M = { operations = {} }
local operations = M.operations

local VERSIONS_MAX = 5

local function need(call, params)
  local policy = call:get("iam.policy", params.PolicyArn)
  if policy then return policy end
  fault.raise_with("NoSuchEntity", ("Policy %s was not found."):format(params.PolicyArn), { status = 404 })
end

local function managed_view(call, found, arn)
  return {
    PolicyName = found.name, Path = found.path, Arn = arn,
    PolicyId = "ANPA" .. call.world:hash(arn):sub(1, 17):upper(),
    DefaultVersionId = found.version, AttachmentCount = 0, PermissionsBoundaryUsageCount = 0,
    IsAttachable = true,
    CreateDate = 1423156800, UpdateDate = 1423156800,
  }
end

local function add_version(call, policy, text, default)
  policy._newest = (policy._newest or 0) + 1
  local version = {
    VersionId = "v" .. policy._newest, Document = support.shown(text), CreateDate = call:time(),
    IsDefaultVersion = default,
  }
  if default then
    for _, other in ipairs(policy._versions) do other.IsDefaultVersion = false end
    policy.DefaultVersionId = version.VersionId
  end
  table.insert(policy._versions, version)
  policy.UpdateDate = call:time()
  return version
end

function operations.CreatePolicy(call, params)
  local name, path = params.PolicyName, params.Path or "/"
  support.check_name(name, "policyName")
  document.parse(params.PolicyDocument, "managed")
  local arn = call:arn("iam", "policy" .. path .. name)
  local twin = call:find("iam.policy", function(p) return p.PolicyName == name end)
  if twin then
    fault.raise_with("EntityAlreadyExists",
      ("A policy called %s already exists. Duplicate names are not allowed.")
      :format(name), { status = 409 })
  end
  local policy = call:put("iam.policy", arn, {
    PolicyName = name, Path = path, Arn = arn, PolicyId = support.id(call, "ANPA"), AttachmentCount = 0,
    PermissionsBoundaryUsageCount = 0, IsAttachable = true, Description = params.Description,
    CreateDate = call:time(), Tags = support.tags(params.Tags), _versions = {},
  })
  add_version(call, policy, params.PolicyDocument, true)
  return { Policy = policy }
end

function operations.GetPolicy(call, params)
  local managed = support.managed(call, params.PolicyArn)
  if managed then return { Policy = managed_view(call, managed, params.PolicyArn) } end
  return { Policy = need(call, params) }
end

function operations.ListPolicies(call, params)
  local list = {}
  if params.Scope ~= "AWS" then
    for _, policy in ipairs(call:all "iam.policy") do list[#list + 1] = policy end
  end
  if params.Scope ~= "Local" then
    for _, found in ipairs(support.all_managed(call)) do
      list[#list + 1] = managed_view(call, found, found.arn)
    end
  end
  list = support.below(list, params.PathPrefix)
  return { Policies = support.briefly(list, "Tags", "Description") }
end

local function need_version(call, params)
  local policy = need(call, params)
  for i, version in ipairs(policy._versions) do
    if version.VersionId == params.VersionId then return version, policy, i end
  end
  fault.raise_with("NoSuchEntity", ("Policy %s version %s does not exist or is not attachable."):format(
    params.PolicyArn, params.VersionId), { status = 404 })
end

-- The one version that is shown of AWS's policies.
local function managed_version(call, arn)
  local found = support.managed(call, arn)
  return found and {
    VersionId = found.version, Document = support.shown(found.document), IsDefaultVersion = true,
    CreateDate = 1423156800,
  }
end

function operations.GetPolicyVersion(call, params)
  local managed = managed_version(call, params.PolicyArn)
  if managed and managed.VersionId == params.VersionId then return { PolicyVersion = managed } end
  return { PolicyVersion = (need_version(call, params)) }
end

function operations.ListPolicyVersions(call, params)
  local managed = managed_version(call, params.PolicyArn)
  if managed then return { Versions = support.briefly({ managed }, "Document") } end
  return { Versions = support.briefly(need(call, params)._versions, "Document") }
end

function operations.CreatePolicyVersion(call, params)
  document.parse(params.PolicyDocument, "managed")
  local policy = need(call, params)
  if #policy._versions >= VERSIONS_MAX then
    fault.raise_with("LimitExceeded",
      "A managed policy can have up to 5 versions. Before you create a new version, you must delete an "
      .. "existing version.", { status = 409 })
  end
  return { PolicyVersion = add_version(call, policy, params.PolicyDocument, params.SetAsDefault or false) }
end

function operations.SetDefaultPolicyVersion(call, params)
  local version, policy = need_version(call, params)
  for _, other in ipairs(policy._versions) do other.IsDefaultVersion = other == version end
  policy.DefaultVersionId = version.VersionId
end

function operations.DeletePolicyVersion(call, params)
  local version, policy, place = need_version(call, params)
  if version.IsDefaultVersion then
    support.refuse_deletion "Cannot delete the default version of a policy."
  end
  table.remove(policy._versions, place)
end

function operations.DeletePolicy(call, params)
  local policy = need(call, params)
  if policy.AttachmentCount > 0 then
    support.refuse_deletion "Cannot delete a policy attached to entities."
  end
  if #policy._versions > 1 then
    support.refuse_deletion("This policy has more than one version. Before you delete a policy, you must "
      .. "delete the policy's versions. The default version is deleted with the policy.")
  end
  call:remove("iam.policy", policy.Arn)
end

support.tag_operations(operations, "Policy", need)

-- Names and ids of the entities that a policy is attached to.
local function attached_to(call, what, arn)
  local list = json.array {}
  for _, entity in ipairs(call:all("iam." .. what:lower())) do
    for _, attached in ipairs(entity._attached) do
      if attached.PolicyArn == arn then
        list[#list + 1] = { [what .. "Name"] = entity[what .. "Name"], [what .. "Id"] = entity[what .. "Id"] }
      end
    end
  end
  return list
end

function operations.ListEntitiesForPolicy(call, params)
  if not support.managed(call, params.PolicyArn) then need(call, params) end
  return {
    PolicyRoles = attached_to(call, "Role", params.PolicyArn),
    PolicyGroups = attached_to(call, "Group", params.PolicyArn),
    PolicyUsers = attached_to(call, "User", params.PolicyArn), IsTruncated = false,
  }
end

return M
