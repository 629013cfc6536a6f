--- What IAM's handlers share: names, documents, tags, the policies that are AWS's own.
local calls = require "eksrun.sandbox.call"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local text = require "eksrun.text"
local util = require "eksrun.util"
local worlds = require "eksrun.sandbox.world"

local M = {}

-- AWS's policies that clusters use, by their path.
local MANAGED = {
  [""] = {
    "AdministratorAccess", "ReadOnlyAccess", "PowerUserAccess", "AmazonEKSClusterPolicy",
    "AmazonEKSServicePolicy",
    "AmazonEKSWorkerNodePolicy", "AmazonEKSWorkerNodeMinimalPolicy", "AmazonEKS_CNI_Policy",
    "AmazonEKSVPCResourceController", "AmazonEKSFargatePodExecutionRolePolicy", "AmazonEKSComputePolicy",
    "AmazonEKSBlockStoragePolicy", "AmazonEKSLoadBalancingPolicy", "AmazonEKSNetworkingPolicy",
    "AmazonEKSLocalOutpostClusterPolicy", "AmazonEC2ContainerRegistryReadOnly",
    "AmazonEC2ContainerRegistryPullOnly", "AmazonEC2ContainerRegistryPowerUser",
    "AmazonSSMManagedInstanceCore",
    "CloudWatchAgentServerPolicy", "AWSXRayDaemonWriteAccess", "AmazonS3ReadOnlyAccess", "AmazonS3FullAccess",
    "AmazonDynamoDBReadOnlyAccess", "SecretsManagerReadWrite", "AmazonPrometheusRemoteWriteAccess",
  },
  ["service-role/"] = {
    "AmazonEBSCSIDriverPolicy", "AmazonEBSCSIDriverPolicyV2", "AmazonEFSCSIDriverPolicy",
    "AmazonS3FilesCSIDriverPolicy", "AWSCloudMapFullAccess",
  },
}

--- What there is of an AWS policy; nil: it does not exist.
--- @param call eksrun.sandbox.Call
--- @param arn string
--- @return { name: string, path: string }?
function M.managed(call, arn)
  local path, name = arn:match("^arn:" .. call.partition:gsub("%-", "%%-") .. ":iam::aws:policy/(.-)([^/]+)$")
  for _, known in ipairs(path and MANAGED[path] or {}) do
    if known == name then return { name = name, path = "/" .. path } end
  end
end

--- All AWS policies: name, path, ARN.
--- @param call eksrun.sandbox.Call
--- @return table[]
function M.all_managed(call)
  local list = {}
  for path, names in util.sorted_pairs(MANAGED) do
    for _, name in ipairs(names) do
      list[#list + 1] = {
        name = name, path = "/" .. path,
        arn = ("arn:%s:iam::aws:policy/%s%s"):format(call.partition, path, name),
      }
    end
  end
  return list
end

--- @param kind string "role"
--- @param name string
function M.refuse_missing(kind, name)
  fault.raise_with("NoSuchEntity", ("The %s with name %s cannot be found."):format(kind, name),
    { status = 404 })
end

--- @param call eksrun.sandbox.Call
--- @param kind string "role"
--- @param name string
--- @return table
function M.need(call, kind, name)
  local thing = call:get("iam." .. kind, name)
  if not thing then M.refuse_missing(kind:gsub("_", " "), name) end
  return thing
end

--- @param call eksrun.sandbox.Call
--- @param what string "Role"
--- @param name string
function M.refuse_twin(call, what, name)
  local kind = "iam." .. what:lower():gsub(" ", "_")
  if not call:get(kind, name) then return end
  fault.raise_with("EntityAlreadyExists", ("%s with name %s already exists."):format(what, name),
    { status = 409 })
end

--- @param name string
--- @param member string "roleName"
function M.check_name(name, member)
  if name:find "[^%w+=,.@_-]" then
    fault.raise("ValidationError", "The specified value for %s is invalid. It must contain only alphanumeric "
      .. "characters and/or the following: +=,.@_-", member)
  end
end

--- @param message string
function M.refuse_deletion(message) fault.raise_with("DeleteConflict", message, { status = 409 }) end

-- A list of statements, or of values, of which a document may have just one.
local function list_of(value)
  if type(value) == "table" and value[1] ~= nil then return value end
  return { value }
end

--- Checks a policy document and returns it parsed.
--- @param document string
--- @param trust boolean whether it says who may assume a role
--- @return table
function M.parse(document, trust)
  local parsed = json.try_decode(document)
  if type(parsed) ~= "table" or not parsed.Statement then
    fault.raise("MalformedPolicyDocument", "Syntax errors in policy.")
  end
  for _, statement in ipairs(list_of(parsed.Statement)) do
    if type(statement) ~= "table" or statement.Effect ~= "Allow" and statement.Effect ~= "Deny" then
      fault.raise("MalformedPolicyDocument", "Syntax errors in policy.")
    end
    if not statement.Action and not statement.NotAction then
      fault.raise("MalformedPolicyDocument", "Policy statement must contain actions.")
    end
    if trust and not (statement.Principal or statement.NotPrincipal) then
      fault.raise("MalformedPolicyDocument", "Missing required field Principal")
    end
    if trust and (statement.Resource or statement.NotResource) then
      fault.raise("MalformedPolicyDocument", "Has prohibited field Resource")
    end
    if not trust and not (statement.Resource or statement.NotResource) then
      fault.raise("MalformedPolicyDocument", "Policy statement must contain resources.")
    end
    if not trust and (statement.Principal or statement.NotPrincipal) then
      fault.raise("MalformedPolicyDocument", "Policy document should not specify a principal.")
    end
  end
  return parsed
end

--- Whether a role's document lets a service of AWS assume it.
--- @param role table
--- @param service string "eks.amazonaws.com"
--- @return boolean
function M.trusts(role, service)
  local document = json.decode(text.percent_decode(role.AssumeRolePolicyDocument))
  for _, statement in ipairs(list_of(document.Statement)) do
    local principal = statement.Principal
    for _, name in ipairs(type(principal) == "table" and list_of(principal.Service) or {}) do
      if name == service and statement.Effect == "Allow" then return true end
    end
  end
  return false
end

--- A document as IAM shows it.
--- @param document string
--- @return string
function M.shown(document) return text.percent_encode(document) end

--- @param tags table[]?
--- @return table[]
function M.tags(tags)
  if #(tags or {}) > 50 then
    fault.raise_with("LimitExceeded", "The number of tags has reached the maximum limit.", { status = 409 })
  end
  return json.array(calls.tag_list(calls.tag_map(tags)))
end

--- The operations on the tags of a kind.
--- @param operations table they are put into
--- @param suffix string "Role"
--- @param need fun(call: eksrun.sandbox.Call, params: table): table
function M.tag_operations(operations, suffix, need)
  operations["Tag" .. suffix] = function(call, params)
    local thing = need(call, params)
    local map = calls.tag_map(thing.Tags)
    for _, tag in ipairs(params.Tags) do map[tag.Key] = tag.Value end
    thing.Tags = M.tags(calls.tag_list(map))
  end
  operations["Untag" .. suffix] = function(call, params)
    local thing = need(call, params)
    local map = calls.tag_map(thing.Tags)
    for _, key in ipairs(params.TagKeys) do map[key] = nil end
    thing.Tags = M.tags(calls.tag_list(map))
  end
  operations["List" .. suffix .. "Tags"] = function(call, params)
    return { Tags = need(call, params).Tags }
  end
end

--- An id of IAM's.
--- @param call eksrun.sandbox.Call
--- @param prefix string "AROA"
--- @return string
function M.id(call, prefix) return prefix .. worlds.letters(call:hash(prefix), 17) end

--- Things without the fields that lists leave out.
--- @param things table[]
--- @param ... string
--- @return table[]
function M.briefly(things, ...)
  local list = json.array {}
  for i, thing in ipairs(things) do
    list[i] = calls.shown(thing)
    for j = 1, select("#", ...) do list[i][select(j, ...)] = nil end
  end
  return list
end

--- Those whose path begins so.
function M.below(things, prefix)
  local list = {}
  for _, thing in ipairs(things) do
    if thing.Path:sub(1, #(prefix or "/")) == (prefix or "/") then list[#list + 1] = thing end
  end
  return list
end

return M
