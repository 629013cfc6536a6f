--- Who calls, by the access key that signed, and which policies they have. Keys are those of users, those
--- that STS gave, and any other, which is the sandbox's own administrator.
local entities = require "eksrun.sandbox.iam.entity"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.iam.support"
local util = require "eksrun.util"
local worlds = require "eksrun.sandbox.world"

local M = {}

--- @class eksrun.sandbox.iam.Principal: eksrun.sandbox.iam.Caller
--- @field arn string of the user or the session
--- @field user_id string
--- @field account string
--- @field role? string ARN of the session's role
--- @field role_name? string
--- @field user? string name
--- @field root? boolean who may do all
--- @field session? table[] documents that the session is held to

--- A key that was given out.
--- @class eksrun.sandbox.iam.Key
--- @field access_key_id string
--- @field secret_access_key string
--- @field session_token? string
--- @field expires? number seconds since 1970
--- @field active boolean
--- @field user? string name of the user
--- @field role? string name of the role
--- @field session_name? string
--- @field policies? string[] documents of the session

--- What there is of an access key.
--- @param world eksrun.sandbox.World
--- @param id string? access key id
--- @return eksrun.sandbox.iam.Key?
function M.key(world, id) return id and world:things(worlds.GLOBAL, "iam.key")[id] or nil end

local function administrator(account, partition)
  return {
    arn = ("arn:%s:sts::%s:assumed-role/sandbox/eksrun"):format(partition, account),
    role = ("arn:%s:iam::%s:role/sandbox"):format(partition, account), root = true, account = account,
    user_id = "AROASANDBOX0000000000:eksrun",
  }
end

--- Who has an access key.
--- @param world eksrun.sandbox.World
--- @param partition string
--- @param id string? access key id; nil and those that nobody was given are the administrator's
--- @return eksrun.sandbox.iam.Principal
function M.of(world, partition, id)
  local account, key = world.state.account, M.key(world, id)
  if not key then return administrator(account, partition) end
  local session = {}
  for i, document in ipairs(key.policies or {}) do session[i] = json.decode(document) end
  local caller = { account = account, session = session[1] and session or nil }
  if key.role then
    local role = world:things(worlds.GLOBAL, "iam.role")[key.role] or { Path = "/", RoleId = "AROA" }
    caller.role_name, caller.role = key.role, role.Arn
    caller.arn = ("arn:%s:sts::%s:assumed-role/%s/%s"):format(partition, account, key.role, key.session_name)
    caller.user_id = role.RoleId .. ":" .. key.session_name
  elseif key.user then
    local user = world:things(worlds.GLOBAL, "iam.user")[key.user] or {}
    caller.user, caller.arn, caller.user_id = key.user, user.Arn, user.UserId
  else
    local all = administrator(account, partition)
    caller.root, caller.arn, caller.role, caller.user_id = true, all.arn, all.role, all.user_id
  end
  return caller
end

--- The text of a managed policy, AWS's or the account's; nil when there is none.
--- @param call eksrun.sandbox.Call
--- @param arn string
--- @return string?
function M.document(call, arn)
  local managed = support.managed(call, arn)
  if managed then return managed.document end
  local policy = call:get("iam.policy", arn)
  for _, version in ipairs(policy and policy._versions or {}) do
    if version.IsDefaultVersion then return support.plain(version.Document) end
  end
end

-- Puts the documents of an entity into a list: its own, then attached ones.
local function collect(call, entity, list)
  for name, document in util.sorted_pairs(entity._inline) do
    list[#list + 1] = { id = name, kind = "inline", document = json.decode(document) }
  end
  for _, attached in ipairs(entity._attached) do
    local document = M.document(call, attached.PolicyArn)
    if document then
      list[#list + 1] = { id = attached.PolicyName, kind = "attached", document = json.decode(document) }
    end
  end
end

--- The policies of a role, a user or a group: documents of its own, then attached ones, then those of a
--- user's groups, and its boundary's.
--- @param call eksrun.sandbox.Call
--- @param entity table
--- @return { id: string, kind: string, document: table }[] identity
--- @return table[]? boundary
function M.entity_policies(call, entity)
  local list = {}
  collect(call, entity, list)
  for _, group in ipairs(entity.UserName and entities.groups(call, entity) or {}) do
    collect(call, group, list)
  end
  local boundary = entity.PermissionsBoundary
  local document = boundary and M.document(call, boundary.PermissionsBoundaryArn)
  return list, boundary and { document and json.decode(document) } or nil
end

local EVERYTHING = { Statement = { { Effect = "Allow", Action = "*", Resource = "*" } } }

--- The policies of who calls.
--- @param call eksrun.sandbox.Call
--- @param caller eksrun.sandbox.iam.Principal
--- @return eksrun.sandbox.iam.Policies
function M.policies(call, caller)
  if caller.root then return { identity = { EVERYTHING }, session = caller.session } end
  local entity = call:get(caller.user and "iam.user" or "iam.role", caller.user or caller.role_name)
  local identity, boundary = {}, nil
  if entity then
    local list
    list, boundary = M.entity_policies(call, entity)
    for i, policy in ipairs(list) do identity[i] = policy.document end
  end
  return { identity = identity, boundary = boundary, session = caller.session }
end

return M
