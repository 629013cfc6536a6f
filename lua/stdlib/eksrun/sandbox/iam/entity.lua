--- IAM: the policies of roles, users and groups, which are handled alike.
local document = require "eksrun.sandbox.iam.document"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local support = require "eksrun.sandbox.iam.support"
local util = require "eksrun.util"

local M = {}

local ATTACHED_MAX = 10

local function name_of(call, arn)
  if not arn:find "^arn:" then fault.raise("InvalidInput", "ARN %s is not valid.", arn) end
  local managed = support.managed(call, arn)
  local own = call:get("iam.policy", arn)
  if not managed and not own then
    fault.raise_with("NoSuchEntity", ("Policy %s does not exist or is not attachable."):format(arn),
      { status = 404 })
  end
  return managed and managed.name or own.PolicyName, own
end

local function count(own, change)
  if own then own.AttachmentCount = own.AttachmentCount + change end
end

--- @param arn string?
--- @return table? PermissionsBoundary
function M.boundary(arn)
  if not arn then return nil end
  if not arn:find "^arn:" then fault.raise("ValidationError", "ARN %s is not valid.", arn) end
  return { PermissionsBoundaryType = "Policy", PermissionsBoundaryArn = arn }
end

--- Refuses the deletion of what has policies.
--- @param entity table
function M.refuse_policies(entity)
  if entity._attached[1] then
    support.refuse_deletion "Cannot delete entity, must detach all policies first."
  end
  if next(entity._inline) then support.refuse_deletion "Cannot delete entity, must delete policies first." end
end

--- The groups that a user is in.
--- @param call eksrun.sandbox.Call
--- @param user table
--- @return table[]
function M.groups(call, user)
  return call:all("iam.group", function(group) return util.contains(group._users, user.UserName) end)
end

local function attached(operations, what, need)
  operations["Attach" .. what .. "Policy"] = function(call, params)
    local entity = need(call, params)
    local name, own = name_of(call, params.PolicyArn)
    for _, policy in ipairs(entity._attached) do
      if policy.PolicyArn == params.PolicyArn then return end
    end
    if #entity._attached >= ATTACHED_MAX then
      fault.raise_with("LimitExceeded",
        ("Cannot exceed quota for PoliciesPer%s: %d"):format(what, ATTACHED_MAX), { status = 409 })
    end
    table.insert(entity._attached, { PolicyName = name, PolicyArn = params.PolicyArn })
    count(own, 1)
  end
  operations["Detach" .. what .. "Policy"] = function(call, params)
    local entity = need(call, params)
    for i, policy in ipairs(entity._attached) do
      if policy.PolicyArn == params.PolicyArn then
        table.remove(entity._attached, i)
        count(call:get("iam.policy", params.PolicyArn), -1)
        return
      end
    end
    fault.raise_with("NoSuchEntity", ("Policy %s was not found."):format(params.PolicyArn), { status = 404 })
  end
  operations["ListAttached" .. what .. "Policies"] = function(call, params)
    return { AttachedPolicies = json.array(util.copy(need(call, params)._attached)) }
  end
end

local function inline(operations, what, need)
  local function find(call, params)
    local entity = need(call, params)
    local text = entity._inline[params.PolicyName]
    if not text then
      fault.raise_with("NoSuchEntity", ("The %s policy with name %s cannot be found."):format(what:lower(),
        params.PolicyName), { status = 404 })
    end
    return entity, text
  end
  operations["Put" .. what .. "Policy"] = function(call, params)
    document.parse(params.PolicyDocument, "inline")
    need(call, params)._inline[params.PolicyName] = params.PolicyDocument
  end
  operations["Get" .. what .. "Policy"] = function(call, params)
    local entity, text = find(call, params)
    return { [what .. "Name"] = entity[what .. "Name"], PolicyName = params.PolicyName,
      PolicyDocument = support.shown(text) }
  end
  operations["Delete" .. what .. "Policy"] = function(call, params)
    find(call, params)._inline[params.PolicyName] = nil
  end
  operations["List" .. what .. "Policies"] = function(call, params)
    return { PolicyNames = json.array(util.sorted_keys(need(call, params)._inline)) }
  end
end

--- Puts the operations on an entity's policies into a table.
--- @param operations table
--- @param what string "Role"
--- @param need fun(call: eksrun.sandbox.Call, params: table): table
function M.operations(operations, what, need)
  attached(operations, what, need)
  inline(operations, what, need)
end

--- The same for the operations on its permissions boundary; groups have none.
--- @param operations table
--- @param what string "Role"
--- @param need fun(call: eksrun.sandbox.Call, params: table): table
function M.boundary_operations(operations, what, need)
  operations["Put" .. what .. "PermissionsBoundary"] = function(call, params)
    local entity = need(call, params)
    name_of(call, params.PermissionsBoundary)
    entity.PermissionsBoundary = M.boundary(params.PermissionsBoundary)
  end
  operations["Delete" .. what .. "PermissionsBoundary"] = function(call, params)
    need(call, params).PermissionsBoundary = nil
  end
end

return M
