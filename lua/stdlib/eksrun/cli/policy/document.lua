--- From what was asked of IAM to the least policy that allows it.
---
--- Resources are named as far as names are known beforehand: an id that AWS makes up, and the number of the
--- account, become "*". What then names too much is narrowed by the stack's tag: of the request, where
--- something is made, of the resource, where it is there. What a service is given a role for, and which
--- roles AWS makes for itself, is said by IAM's own conditions.
local json = require "eksrun.json"
local stack_module = require "eksrun.engine.stack"
local util = require "eksrun.util"

local M = {}

--- Characters of a managed policy without its blanks, as IAM counts them.
M.SIZE_MAX = 6144

local REQUEST_TAG = "aws:RequestTag/" .. stack_module.TAG_STACK
local RESOURCE_TAG = "aws:ResourceTag/" .. stack_module.TAG_STACK

local function is_made_up(segment)
  return segment:find "^%x+%-%x+%-%x+%-%x+%-%x+$" ~= nil or segment:find "^[%x]+$" ~= nil and #segment >= 12
    or segment:find "^%l+%-%x+$" ~= nil and #segment:match "%x+$" >= 16
    or segment:find "^%u[%u%d]+$" ~= nil and #segment >= 16 -- ids of IAM and of OIDC issuers
end

--- An ARN without what is not known before it is there.
--- @param arn string
--- @return string
function M.general(arn)
  local head, account, rest = arn:match "^(arn:[^:]*:[^:]*:[^:]*):([^:]*):(.*)$"
  if not head then return arn end
  if account:find "^%d+$" then account = "*" end
  local segments = {}
  for segment in (rest .. "/"):gmatch "([^/]*)/" do
    segments[#segments + 1] = is_made_up(segment) and "*" or segment
  end
  rest = table.concat(segments, "/")
  -- A lock's records are numbered, and listed by their folder.
  rest = rest:gsub("^(parameter/eksrun/[^/]+)/.*$", "%1/*")
  return ("%s:%s:%s"):format(head, account, rest)
end

-- Whether a general ARN names no more than the type of a thing. A key that is made has no ARN at all.
local function names_a_type(arn, action)
  return arn:find "^arn:[^:]*:ec2:" or arn:find "^arn:[^:]*:kms:.*:key/%*$" or action == "kms:CreateKey"
end

local function equals(condition, key, value)
  condition = condition or {}
  condition.StringEquals = condition.StringEquals or {}
  condition.StringEquals[key] = value
  return condition
end

-- What narrows a permission beside its resource.
local function condition_of(request, arn, stack)
  local context, condition = request.context, nil
  for _, key in ipairs { "iam:PassedToService", "iam:AWSServiceName" } do
    if context[key] then condition = equals(condition, key, context[key]) end
  end
  if not names_a_type(arn, request.action) then return condition end
  if context[RESOURCE_TAG] == stack then return equals(condition, RESOURCE_TAG, stack) end
  local made = request.resource:find "%*$"
  if made and context[REQUEST_TAG] == stack then return equals(condition, REQUEST_TAG, stack) end
  return condition
end

-- EKS asks for tags on creation of what is made, and says so nowhere: all of the cluster's.
local function resources_of(request)
  local arn = M.general(request.resource)
  if request.action:find "^eks:U?n?[Tt]agResource$" then
    local prefix, name = arn:match "^(arn:[^:]*:eks:[^:]*:[^:]*:)[^/]+/([^/]+)"
    if prefix then return { prefix .. "cluster/" .. name, prefix .. "*/" .. name .. "/*" } end
  end
  return { arn }
end

-- Statements of one action each, by condition: { [condition] = { [action] = { [resource] = true } } }.
local function gathered(requests, stack)
  local by_condition, conditions = {}, {}
  for _, request in ipairs(requests) do
    for _, arn in ipairs(resources_of(request)) do
      local condition = condition_of(request, arn, stack)
      local key = json.encode(condition or {})
      conditions[key] = condition or false
      by_condition[key] = by_condition[key] or {}
      local actions = by_condition[key]
      actions[request.action] = actions[request.action] or {}
      actions[request.action][arn] = true
    end
  end
  return by_condition, conditions
end

-- Without what a pattern beside it names, too.
local function pruned(set)
  if set["*"] then return { ["*"] = true } end
  local out = {}
  for arn in pairs(set) do
    local covered = false
    for other in pairs(set) do
      local prefix = other ~= arn and other:match "^(.*/)%*$" or nil
      covered = covered or prefix ~= nil and arn:sub(1, #prefix) == prefix
    end
    out[arn] = not covered or nil
  end
  return out
end

local function list(set)
  local keys = util.sorted_keys(set)
  return #keys == 1 and keys[1] or keys
end

local function new_statement(condition, actions, resources)
  return {
    Effect = "Allow", Action = list(actions), Resource = list(resources), Condition = condition or nil,
  }
end

local function union(into, from)
  for key in pairs(from) do into[key] = true end
end

-- One statement for actions of the same resources; or, wider, for all of a service's with that condition.
local function statements_of(requests, stack, by_service)
  local by_condition, conditions = gathered(requests, stack)
  local out = {}
  for key, actions in util.sorted_pairs(by_condition) do
    local groups = {}
    for action, resources in util.sorted_pairs(actions) do
      resources = pruned(resources)
      local same = by_service and not resources["*"] and action:match "^[^:]+" or json.encode(list(resources))
      groups[same] = groups[same] or { actions = {}, resources = {} }
      groups[same].actions[action] = true
      union(groups[same].resources, resources)
    end
    for _, group in util.sorted_pairs(groups) do
      out[#out + 1] = new_statement(conditions[key], group.actions, pruned(group.resources))
    end
  end
  return out
end

local function document_of(statements) return { Version = "2012-10-17", Statement = statements } end

--- Characters as IAM counts them.
--- @param document table
--- @return integer
function M.size(document) return #json.encode(document) end

-- Statements for the same, none larger than a document may be.
local function in_pieces(statement, out)
  local resources = statement.Resource
  local half = type(resources) == "table" and #resources // 2 or 0
  if half == 0 or M.size(document_of { statement }) <= M.SIZE_MAX then
    out[#out + 1] = statement
    return out
  end
  for _, part in ipairs { { 1, half }, { half + 1, #resources } } do
    local piece = util.overlay(statement, { Resource = table.move(resources, part[1], part[2], 1, {}) })
    in_pieces(piece, out)
  end
  return out
end

-- As few documents as statements fit into, in their order.
local function split(statements)
  local documents, part, pieces = {}, {}, {}
  for _, statement in ipairs(statements) do in_pieces(statement, pieces) end
  for _, statement in ipairs(pieces) do
    part[#part + 1] = statement
    if M.size(document_of(part)) > M.SIZE_MAX then
      part[#part] = nil
      documents[#documents + 1] = document_of(part)
      part = { statement }
    end
  end
  documents[#documents + 1] = document_of(part)
  return documents
end

--- The policy. What is too large for one document is made smaller by naming the resources of a service's
--- actions together, and, if that is not enough, several documents.
--- @param requests eksrun.sandbox.iam.Request[]
--- @param stack string
--- @return table[] documents
function M.of(requests, stack)
  local document = document_of(statements_of(requests, stack, false))
  if M.size(document) <= M.SIZE_MAX then return { document } end
  return split(statements_of(requests, stack, true))
end

--- The names of actions, sorted.
--- @param documents table[]
--- @return string[]
function M.actions(documents)
  local set = {}
  for _, document in ipairs(documents) do
    for _, statement in ipairs(document.Statement) do
      local actions = statement.Action
      for _, action in ipairs(type(actions) == "table" and actions or { actions }) do set[action] = true end
    end
  end
  return util.sorted_keys(set)
end

return M
