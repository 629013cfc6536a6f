--- IAM: users, as far as clusters meet them: their policies and access keys.
local entities = require "eksrun.sandbox.iam.entity"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.iam.support"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

local KEYS_MAX = 2

local function need(call, params)
  local name = params.UserName or call.principal.user
  if not name then
    fault.raise("ValidationError", "Must specify userName when calling with non-User credentials")
  end
  local user = call:get("iam.user", name)
  if user then return user end
  fault.raise_with("NoSuchEntity", ("The user with name %s cannot be found."):format(name), { status = 404 })
end

function operations.CreateUser(call, params)
  local name, path = params.UserName, params.Path or "/"
  support.check_name(name, "userName")
  support.refuse_twin(call, "User", name)
  return {
    User = call:put("iam.user", name, {
      UserName = name, Path = path, UserId = support.id(call, "AIDA"),
      Arn = call:arn("iam", "user" .. path .. name), CreateDate = call:time(),
      PermissionsBoundary = entities.boundary(params.PermissionsBoundary), Tags = support.tags(params.Tags),
      _attached = {}, _inline = {},
    }),
  }
end

function operations.GetUser(call, params) return { User = need(call, params) } end

function operations.ListUsers(call, params)
  return {
    Users = support.briefly(support.below(call:all "iam.user", params.PathPrefix), "Tags",
      "PermissionsBoundary"),
  }
end

local function keys_of(call, user)
  return call:all("iam.key", function(key) return key.user == user.UserName end)
end

function operations.DeleteUser(call, params)
  local user = need(call, params)
  if keys_of(call, user)[1] then
    support.refuse_deletion "Cannot delete entity, must delete access keys first."
  end
  if entities.groups(call, user)[1] then
    support.refuse_deletion "Cannot delete entity, must remove users from group first."
  end
  entities.refuse_policies(user)
  call:remove("iam.user", user.UserName)
end

entities.operations(operations, "User", need)
entities.boundary_operations(operations, "User", need)
support.tag_operations(operations, "User", need)

-- -- access keys --------------------------------------------------------------------------------------------

--- Gives out a key.
--- @param call eksrun.sandbox.Call
--- @param prefix string "AKIA", "ASIA"
--- @param fields table of eksrun.sandbox.iam.Key
--- @return eksrun.sandbox.iam.Key
function M.make_key(call, prefix, fields)
  local id = support.id(call, prefix):sub(1, 20)
  fields.access_key_id, fields.active = id, true
  fields.secret_access_key = text.base64(text.unhex(call:hash("secret", id):sub(1, 60)))
  fields.created = call:time()
  return call:put("iam.key", id, fields)
end

function operations.CreateAccessKey(call, params)
  local user = need(call, params)
  if #keys_of(call, user) >= KEYS_MAX then
    fault.raise_with("LimitExceeded", ("Cannot exceed quota for AccessKeysPerUser: %d"):format(KEYS_MAX),
      { status = 409 })
  end
  local key = M.make_key(call, "AKIA", { user = user.UserName })
  return {
    AccessKey = {
      UserName = user.UserName, AccessKeyId = key.access_key_id, Status = "Active",
      SecretAccessKey = key.secret_access_key, CreateDate = key.created,
    },
  }
end

function operations.ListAccessKeys(call, params)
  local user, list = need(call, params), json.array {}
  for i, key in ipairs(keys_of(call, user)) do
    list[i] = { UserName = user.UserName, AccessKeyId = key.access_key_id, CreateDate = key.created,
      Status = key.active and "Active" or "Inactive" }
  end
  return { AccessKeyMetadata = list }
end

local function need_key(call, params)
  local key = call:get("iam.key", params.AccessKeyId)
  if key and key.user and (not params.UserName or key.user == params.UserName) then return key end
  fault.raise_with("NoSuchEntity",
    ("The Access Key with id %s cannot be found."):format(params.AccessKeyId), { status = 404 })
end

function operations.UpdateAccessKey(call, params)
  need_key(call, params).active = params.Status == "Active"
end

function operations.DeleteAccessKey(call, params)
  need_key(call, params)
  -- It was given out: nobody else may have it.
  call:put("iam.key", params.AccessKeyId, { access_key_id = params.AccessKeyId, active = false })
end

function operations.GetAccessKeyLastUsed(call, params)
  return {
    UserName = need_key(call, params).user,
    AccessKeyLastUsed = { ServiceName = "N/A", Region = "N/A" },
  }
end

-- -- the account --------------------------------------------------------------------------------------------

function operations.ListAccountAliases() return { AccountAliases = json.array {} } end

-- What IAM counts of an account beside its things: AWS's quotas, and what the sandbox has none of.
local QUOTAS = {
  AccessKeysPerUserQuota = 2, AccountAccessKeysPresent = 0, AccountMFAEnabled = 0,
  AccountSigningCertificatesPresent = 0, AssumeRolePolicySizeQuota = 2048, AttachedPoliciesPerGroupQuota = 10,
  AttachedPoliciesPerRoleQuota = 10, AttachedPoliciesPerUserQuota = 10, GlobalEndpointTokenVersion = 1,
  GroupPolicySizeQuota = 5120, GroupsPerUserQuota = 10, GroupsQuota = 300, InstanceProfilesQuota = 1000,
  MFADevices = 0, MFADevicesInUse = 0, PoliciesQuota = 1500, PolicySizeQuota = 6144, PolicyVersionsInUse = 0,
  PolicyVersionsInUseQuota = 10000, RolePolicySizeQuota = 10240, RolesQuota = 1000, ServerCertificates = 0,
  ServerCertificatesQuota = 20, SigningCertificatesPerUserQuota = 2, UserPolicySizeQuota = 2048,
  UsersQuota = 5000, VersionsPerPolicyQuota = 5,
}

function operations.GetAccountSummary(call)
  local counts = { Users = "iam.user", Groups = "iam.group", Roles = "iam.role", Policies = "iam.policy",
    InstanceProfiles = "iam.instance_profile", Providers = "iam.oidc_provider" }
  local map = util.copy(QUOTAS)
  for name, kind in pairs(counts) do map[name] = #call:all(kind) end
  for _, policy in ipairs(call:all "iam.policy") do
    map.PolicyVersionsInUse = map.PolicyVersionsInUse + #policy._versions
  end
  return { SummaryMap = map }
end

return M
