--- KMS: keys and their aliases. What is done with them is in kms_crypto.lua.
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local specs = require "eksrun.sandbox.kms_spec"

local M = { operations = {}, events = {} }
local operations = M.operations

local function need(call, id)
  local key = call:get("kms.key", id:match "key/([^/]+)$" or id)
  local alias = id:match "(alias/.+)$"
  local found = alias and call:get("kms.alias", alias)
  key = key or found and call:get("kms.key", found.TargetKeyId)
  if key then return key end
  fault.raise("NotFoundException", alias and "Alias %s is not found." or "Key '%s' does not exist",
    alias and call:arn("kms", alias) or call:arn("kms", "key/" .. id))
end

--- A key by its id, its ARN or an alias; raises that there is none.
--- @param call eksrun.sandbox.Call
--- @param id string
--- @return table
M.find = need

local function need_usable(call, id)
  local key = need(call, id)
  if key.KeyState == "PendingDeletion" then
    fault.raise("KMSInvalidStateException", "%s is pending deletion.", key.Arn)
  end
  return key
end

local function default_policy(call)
  return json.encode({
    Version = "2012-10-17", Id = "key-default-1",
    Statement = {
      {
        Sid = "Enable IAM User Permissions", Effect = "Allow", Principal = { AWS = call:arn("iam", "root") },
        Action = "kms:*", Resource = "*",
      },
    },
  }, { sort = true })
end

local function tag_map(tags)
  local map = {}
  for _, tag in ipairs(tags or {}) do map[tag.TagKey] = tag.TagValue end
  return map
end

-- Of a key that others may be made of in other regions: where it and they are.
local function regions_of(call, arn)
  return {
    MultiRegionKeyType = "PRIMARY", PrimaryKey = { Arn = arn, Region = call.region },
    ReplicaKeys = json.array {},
  }
end

function operations.CreateKey(call, params)
  local spec = params.KeySpec or params.CustomerMasterKeySpec or "SYMMETRIC_DEFAULT"
  if params.Policy and type(json.try_decode(params.Policy)) ~= "table" then
    fault.raise("MalformedPolicyDocumentException", "Policy contains a syntax error")
  end
  local id, many = call:uuid "key", params.MultiRegion or false
  if many then id = "mrk-" .. id:gsub("-", "") end
  local arn = call:arn("kms", "key/" .. id)
  return {
    KeyMetadata = call:put("kms.key", id, specs.complete {
      KeyId = id, Arn = arn, AWSAccountId = call.account, CreationDate = call.now,
      Description = params.Description or "", Enabled = true, KeyState = "Enabled", KeyManager = "CUSTOMER",
      KeyUsage = params.KeyUsage, KeySpec = spec, CustomerMasterKeySpec = spec,
      Origin = params.Origin or "AWS_KMS",
      MultiRegion = many, MultiRegionConfiguration = many and regions_of(call, arn) or nil,
      _policy = params.Policy or default_policy(call), _rotation = false, _tags = tag_map(params.Tags),
    }),
  }
end

function operations.DescribeKey(call, params) return { KeyMetadata = need(call, params.KeyId) } end

function operations.ListKeys(call)
  local list = json.array {}
  for i, key in ipairs(call:all "kms.key") do list[i] = { KeyId = key.KeyId, KeyArn = key.Arn } end
  return { Keys = list }
end

function operations.UpdateKeyDescription(call, params)
  need_usable(call, params.KeyId).Description = params.Description
end

-- The one policy that a key has.
local function check_policy_name(params)
  if (params.PolicyName or "default") ~= "default" then
    fault.raise("NotFoundException", "No such policy exists")
  end
end

function operations.GetKeyPolicy(call, params)
  check_policy_name(params)
  return { Policy = need(call, params.KeyId)._policy, PolicyName = "default" }
end

function operations.PutKeyPolicy(call, params)
  check_policy_name(params)
  if type(json.try_decode(params.Policy)) ~= "table" then
    fault.raise("MalformedPolicyDocumentException", "Policy contains a syntax error")
  end
  need_usable(call, params.KeyId)._policy = params.Policy
end

function operations.GetKeyRotationStatus(call, params)
  local key = need(call, params.KeyId)
  return { KeyRotationEnabled = key._rotation, KeyId = key.KeyId }
end

function operations.EnableKeyRotation(call, params) need_usable(call, params.KeyId)._rotation = true end
function operations.DisableKeyRotation(call, params) need_usable(call, params.KeyId)._rotation = false end

local function set_enabled(enabled)
  return function(call, params)
    local key = need_usable(call, params.KeyId)
    key.Enabled, key.KeyState = enabled, enabled and "Enabled" or "Disabled"
  end
end
operations.EnableKey, operations.DisableKey = set_enabled(true), set_enabled(false)

function operations.ScheduleKeyDeletion(call, params)
  local key = need_usable(call, params.KeyId)
  local days = params.PendingWindowInDays or 30
  key.Enabled, key.KeyState = false, "PendingDeletion"
  key.DeletionDate = call.now + days * 86400
  call:after(days * 86400, "kms.key.deleted", { id = key.KeyId })
  return {
    KeyId = key.Arn, DeletionDate = key.DeletionDate, KeyState = key.KeyState, PendingWindowInDays = days,
  }
end

function operations.CancelKeyDeletion(call, params)
  local key = need(call, params.KeyId)
  if key.KeyState ~= "PendingDeletion" then
    fault.raise("KMSInvalidStateException", "%s is not pending deletion.", key.Arn)
  end
  key.KeyState, key.DeletionDate = "Disabled", nil
  return { KeyId = key.Arn }
end

M.events["kms.key.deleted"] = function(call, arguments)
  local key = call:get("kms.key", arguments.id)
  if not key or key.KeyState ~= "PendingDeletion" or key.DeletionDate > call.now then return end
  for _, alias in ipairs(call:all("kms.alias", function(a) return a.TargetKeyId == arguments.id end)) do
    call:remove("kms.alias", alias.AliasName)
  end
  call:remove("kms.key", arguments.id)
end

-- -- aliases, tags, grants ----------------------------------------------------------------------------------

-- Refuses names of aliases that are none, or AWS's own.
local function check_alias(name)
  if not name:find "^alias/[%w/_-]+$" then fault.raise("ValidationException", "Invalid identifier") end
  if name:find "^alias/aws/" then fault.raise("NotAuthorizedException", "") end
end

function operations.CreateAlias(call, params)
  local name = params.AliasName
  check_alias(name)
  local key = need_usable(call, params.TargetKeyId)
  if call:get("kms.alias", name) then
    fault.raise("AlreadyExistsException", "An alias with the name %s already exists", call:arn("kms", name))
  end
  call:put("kms.alias", name, {
    AliasName = name, AliasArn = call:arn("kms", name), TargetKeyId = key.KeyId, CreationDate = call.now,
    LastUpdatedDate = call.now,
  })
end

local function need_alias(call, name)
  check_alias(name)
  local alias = call:get("kms.alias", name)
  if not alias then
    fault.raise("NotFoundException", "Alias %s is not found.", call:arn("kms", name))
  end
  return alias
end

function operations.UpdateAlias(call, params)
  local alias = need_alias(call, params.AliasName)
  alias.TargetKeyId, alias.LastUpdatedDate = need_usable(call, params.TargetKeyId).KeyId, call.now
end

function operations.DeleteAlias(call, params)
  need_alias(call, params.AliasName)
  call:remove("kms.alias", params.AliasName)
end

function operations.ListAliases(call, params)
  local key = params.KeyId and need(call, params.KeyId)
  return {
    Aliases = json.array(call:all("kms.alias", function(a) return not key or a.TargetKeyId == key.KeyId end)),
  }
end

function operations.ListResourceTags(call, params)
  local list = json.array {}
  for i, tag in ipairs(calls.tag_list(need(call, params.KeyId)._tags)) do
    list[i] = { TagKey = tag.Key, TagValue = tag.Value }
  end
  return { Tags = list }
end

function operations.TagResource(call, params)
  local map = need_usable(call, params.KeyId)._tags
  for key, value in pairs(tag_map(params.Tags)) do map[key] = value end
end

function operations.UntagResource(call, params)
  local map = need_usable(call, params.KeyId)._tags
  for _, key in ipairs(params.TagKeys) do map[key] = nil end
end

M.all_tags = function(call)
  local list = {}
  for _, key in ipairs(call:all "kms.key") do list[#list + 1] = { arn = key.Arn, tags = key._tags } end
  return list
end

return M
