--- Secrets Manager: secrets and their versions. Nothing rotates them.
local calls = require "eksrun.sandbox.call"
local evaluate = require "eksrun.sandbox.iam.evaluate"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = { operations = {}, events = {} }
local operations = M.operations

local DAY = 86400

local function find(call, id)
  return call:get("secretsmanager.secret", id)
    or call:find("secretsmanager.secret", function(s) return s.ARN == id or s.ARN:sub(1, -8) == id end)
end

local function need(call, params)
  local secret = find(call, params.SecretId)
  if secret then return secret end
  fault.raise("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
end

local function need_live(call, params)
  local secret = need(call, params)
  if secret.DeletedDate then
    fault.raise("InvalidRequestException", "You can't perform this operation on the secret because it was "
      .. "marked for deletion.")
  end
  return secret
end

-- Moves a stage to a version, from whichever has it.
local function stage(secret, name, version)
  for _, other in pairs(secret._versions) do
    for i, present in ipairs(other.stages) do
      if present == name then table.remove(other.stages, i) break end
    end
  end
  if version then table.insert(version.stages, name) end
end

local function with_stage(secret, name)
  for id, version in util.sorted_pairs(secret._versions) do
    for _, present in ipairs(version.stages) do
      if present == name then return id, version end
    end
  end
end

-- Adds a version with a value; what was current becomes the previous one.
local function add(call, secret, params, stages)
  if params.SecretString == nil and params.SecretBinary == nil then return nil end
  local id = params.ClientRequestToken or call:uuid "version"
  local binary = params.SecretBinary and text.base64(params.SecretBinary)
  local present = secret._versions[id]
  if present then
    if present.text == params.SecretString and present.binary == binary then return id end
    fault.raise("ResourceExistsException", "You can't modify an existing version. A version with the token "
      .. "%s already exists.", id)
  end
  local version = { text = params.SecretString, binary = binary, stages = {}, created = call:time() }
  secret._versions[id] = version
  for _, name in ipairs(stages or { "AWSCURRENT" }) do
    if name == "AWSCURRENT" then
      local _, current = with_stage(secret, "AWSCURRENT")
      if current then stage(secret, "AWSPREVIOUS", current) end
    end
    stage(secret, name, version)
  end
  secret.LastChangedDate = call:time()
  return id, version
end

function operations.CreateSecret(call, params)
  local name = params.Name
  if name:find "[^%w/_+=.@-]" then
    fault.raise("InvalidParameterException", "Invalid name. Must be a valid name containing alphanumeric "
      .. "characters, or any of the following: -/_+=.@!")
  end
  local present = find(call, name)
  if present then
    local same = params.ClientRequestToken and present._versions[params.ClientRequestToken]
    if same and same.text == params.SecretString then
      return { ARN = present.ARN, Name = name, VersionId = params.ClientRequestToken }
    end
    if present.DeletedDate then
      fault.raise("InvalidRequestException",
        "You can't create this secret because a secret with this name is "
        .. "already scheduled for deletion.")
    end
    fault.raise("ResourceExistsException", "The operation failed because the secret %s already exists.", name)
  end
  local secret = call:put("secretsmanager.secret", name, {
    Name = name, Description = params.Description, KmsKeyId = params.KmsKeyId, CreatedDate = call:time(),
    LastChangedDate = call:time(), Type = params.Type,
    ARN = call:arn("secretsmanager", ("secret:%s-%s"):format(name, text.base64url(call:hash "arn"):sub(1,
      6))),
    Tags = json.array(calls.tag_list(calls.tag_map(params.Tags))), _versions = {},
  })
  return { ARN = secret.ARN, Name = name, VersionId = add(call, secret, params) }
end

local function value_of(call, secret, params)
  local id, version = with_stage(secret, params.VersionStage or "AWSCURRENT")
  if params.VersionId then id, version = params.VersionId, secret._versions[params.VersionId] end
  if not version then
    fault.raise("ResourceNotFoundException",
      "Secrets Manager can't find the specified secret value for %s: %s",
      params.VersionId and "VersionId" or "staging label",
      params.VersionId or params.VersionStage or "AWSCURRENT")
  end
  secret.LastAccessedDate = call.now // DAY * DAY
  return {
    ARN = secret.ARN, Name = secret.Name, VersionId = id, SecretString = version.text,
    SecretBinary = version.binary and text.unbase64(version.binary), CreatedDate = version.created,
    VersionStages = json.array(util.copy(version.stages)),
  }
end

function operations.GetSecretValue(call, params) return value_of(call, need_live(call, params), params) end

function operations.BatchGetSecretValue(call, params)
  local values, errors = json.array {}, json.array {}
  for _, id in ipairs(params.SecretIdList or {}) do
    local ok, found = pcall(operations.GetSecretValue, call, { SecretId = id })
    if ok then
      values[#values + 1] = found
    elseif fault.is(found) then
      errors[#errors + 1] = { SecretId = id, ErrorCode = found.code, Message = found.message }
    else
      error(found, 0)
    end
  end
  return { SecretValues = values, Errors = errors }
end

function operations.PutSecretValue(call, params)
  local secret = need_live(call, params)
  local id = add(call, secret, params, params.VersionStages)
  if not id then
    fault.raise("InvalidRequestException", "You must provide either SecretString or SecretBinary.")
  end
  return { ARN = secret.ARN, Name = secret.Name, VersionId = id,
    VersionStages = json.array(util.copy(secret._versions[id].stages)) }
end

function operations.UpdateSecret(call, params)
  local secret = need_live(call, params)
  secret.Description = params.Description or secret.Description
  secret.KmsKeyId = params.KmsKeyId or secret.KmsKeyId
  return { ARN = secret.ARN, Name = secret.Name, VersionId = add(call, secret, params) }
end

local function stages_of(secret)
  local map = {}
  for id, version in pairs(secret._versions) do
    if version.stages[1] then map[id] = json.array(util.copy(version.stages)) end
  end
  return map
end

function operations.DescribeSecret(call, params)
  local shown = calls.shown(need(call, params))
  shown.VersionIdsToStages, shown.RotationEnabled = stages_of(need(call, params)), nil
  return shown
end

-- Whether a secret passes a filter of ListSecrets.
local function passes(secret, filter)
  local have = {}
  for _, tag in ipairs(secret.Tags) do
    if filter.Key == "tag-key" or filter.Key == "all" then have[#have + 1] = tag.Key end
    if filter.Key == "tag-value" or filter.Key == "all" then have[#have + 1] = tag.Value end
  end
  if filter.Key == "name" or filter.Key == "all" then have[#have + 1] = secret.Name end
  if filter.Key == "description" or filter.Key == "all" then have[#have + 1] = secret.Description end
  for _, wanted in ipairs(filter.Values or {}) do
    local turned = wanted:sub(1, 1) == "!"
    local prefix, found = (turned and wanted:sub(2) or wanted):lower(), false
    for _, value in ipairs(have) do found = found or value:lower():sub(1, #prefix) == prefix end
    if found ~= turned then return true end
  end
  return false
end

function operations.ListSecrets(call, params)
  local list = json.array {}
  for _, secret in ipairs(call:all "secretsmanager.secret") do
    local shown = params.IncludePlannedDeletion or not secret.DeletedDate
    for _, filter in ipairs(params.Filters or {}) do shown = shown and passes(secret, filter) end
    if shown then
      local one = calls.shown(secret)
      one.SecretVersionsToStages = stages_of(secret)
      list[#list + 1] = one
    end
  end
  return { SecretList = list }
end

function operations.ListSecretVersionIds(call, params)
  local secret, list = need(call, params), json.array {}
  for id, version in util.sorted_pairs(secret._versions) do
    if version.stages[1] or params.IncludeDeprecated then
      list[#list + 1] = { VersionId = id, VersionStages = json.array(util.copy(version.stages)),
        CreatedDate = version.created }
    end
  end
  return { Versions = list, ARN = secret.ARN, Name = secret.Name }
end

function operations.UpdateSecretVersionStage(call, params)
  local secret = need_live(call, params)
  local to = params.MoveToVersionId
  if to and not secret._versions[to] then
    fault.raise("ResourceNotFoundException", "Secrets Manager can't find the version %s.", to)
  end
  local holder = with_stage(secret, params.VersionStage)
  if holder and holder ~= params.RemoveFromVersionId and holder ~= to then
    fault.raise("InvalidParameterException",
      "The parameter RemoveFromVersionId can't be empty. Staging label "
      .. "%s is currently attached to version %s, so you must explicitly reference that version in "
      .. "RemoveFromVersionId.", params.VersionStage, holder)
  end
  if params.VersionStage == "AWSCURRENT" and holder and to and holder ~= to then
    stage(secret, "AWSPREVIOUS", secret._versions[holder])
  end
  stage(secret, params.VersionStage, to and secret._versions[to])
  return { ARN = secret.ARN, Name = secret.Name }
end

function operations.DeleteSecret(call, params)
  local forced, days = params.ForceDeleteWithoutRecovery, params.RecoveryWindowInDays
  if forced and days then
    fault.raise("InvalidParameterException", "You can't use ForceDeleteWithoutRecovery in conjunction with "
      .. "RecoveryWindowInDays.")
  elseif days and (days < 7 or days > 30) then
    fault.raise("InvalidParameterException", "The RecoveryWindowInDays value must be between 7 and 30 days "
      .. "(inclusive).")
  end
  local secret = find(call, params.SecretId)
  if not secret and forced then
    return { Name = params.SecretId, ARN = params.SecretId, DeletionDate = call:time() }
  end
  secret = need_live(call, params)
  local at = call:time() + (forced and 0 or (days or 30) * DAY)
  if forced then
    call:remove("secretsmanager.secret", secret.Name)
  else
    secret.DeletedDate = call:time()
    call:after((days or 30) * DAY, "secretsmanager.deleted", { name = secret.Name, at = secret.DeletedDate })
  end
  return { ARN = secret.ARN, Name = secret.Name, DeletionDate = at }
end

M.events["secretsmanager.deleted"] = function(call, arguments)
  local secret = call:get("secretsmanager.secret", arguments.name)
  if secret and secret.DeletedDate == arguments.at then
    call:remove("secretsmanager.secret", arguments.name)
  end
end

function operations.RestoreSecret(call, params)
  local secret = need(call, params)
  secret.DeletedDate = nil
  return { ARN = secret.ARN, Name = secret.Name }
end

function operations.TagResource(call, params)
  local secret = need_live(call, params)
  local map = calls.tag_map(secret.Tags)
  for key, value in pairs(calls.tag_map(params.Tags)) do map[key] = value end
  secret.Tags = json.array(calls.tag_list(map))
end

function operations.UntagResource(call, params)
  local secret = need_live(call, params)
  local map = calls.tag_map(secret.Tags)
  for _, key in ipairs(params.TagKeys) do map[key] = nil end
  secret.Tags = json.array(calls.tag_list(map))
end

function operations.GetResourcePolicy(call, params)
  local secret = need(call, params)
  return { ARN = secret.ARN, Name = secret.Name, ResourcePolicy = secret._policy }
end

function operations.PutResourcePolicy(call, params)
  local secret = need_live(call, params)
  local parsed = json.try_decode(params.ResourcePolicy)
  if type(parsed) ~= "table" or not evaluate.list(parsed.Statement)[1] then
    fault.raise("MalformedPolicyDocumentException", "This resource policy contains a syntax error.")
  end
  secret._policy = params.ResourcePolicy
  return { ARN = secret.ARN, Name = secret.Name }
end

function operations.DeleteResourcePolicy(call, params)
  local secret = need_live(call, params)
  secret._policy = nil
  return { ARN = secret.ARN, Name = secret.Name }
end

local LETTERS = {
  { "ExcludeLowercase", "abcdefghijklmnopqrstuvwxyz" }, { "ExcludeUppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ" },
  { "ExcludeNumbers", "0123456789" }, { "ExcludePunctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~" },
}

function operations.GetRandomPassword(call, params)
  local alphabet = params.IncludeSpace and " " or ""
  for _, group in ipairs(LETTERS) do
    if not params[group[1]] then alphabet = alphabet .. group[2] end
  end
  local excluded = params.ExcludeCharacters or ""
  alphabet = alphabet:gsub(".", function(c) return excluded:find(c, 1, true) and "" or nil end)
  if alphabet == "" then
    fault.raise("InvalidParameterException", "The password policy excludes all characters.")
  end
  local out = {}
  for i = 1, params.PasswordLength or 32 do
    local n = tonumber(call:hash("password", i):sub(1, 8), 16) % #alphabet + 1
    out[i] = alphabet:sub(n, n)
  end
  return { RandomPassword = table.concat(out) }
end

M.all_tags = function(call)
  local list = {}
  for _, secret in ipairs(call:all "secretsmanager.secret") do
    list[#list + 1] = { arn = secret.ARN, tags = calls.tag_map(secret.Tags) }
  end
  return list
end

return M
