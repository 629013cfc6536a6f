--- One resource of a stack: made, changed and taken away by the handlers of its service.
local calls = require "eksrun.sandbox.call"
local convert = require "eksrun.sandbox.cloudformation.convert"
local fault = require "eksrun.sandbox.fault"
local json = require "eksrun.json"
local native = require "eksrun.native.aws"
local principals = require "eksrun.sandbox.iam.principals"
local template = require "eksrun.sandbox.cloudformation.template"
local util = require "eksrun.util"

local M = {}

--- How a type of resource is made.
--- @class eksrun.sandbox.cloudformation.Type
--- @field service string
--- @field create? string operation
--- @field make? function(run, properties, hash): string instead of create: does it, returns the id
--- @field id? string|function path in the output, or f(output, properties, hash)
--- @field kind? string of the world, where the id is the key
--- @field find? function(call, id): table? where it is not
--- @field delete? [string, string] operation and the parameter for the id
--- @field remove? function(run, id, properties, thing) instead of delete
--- @field update? function(run, id, properties, to_params, thing) changes what is mutable; default after
--- @field mutable? table<string, boolean> properties that it can change; others replace the resource
--- @field after? function(run, id, properties) behind the creation
--- @field params? function(properties, to_params): table
--- @field rename? table<string, string> property to parameter
--- @field drop? string[] properties that are no parameters
--- @field name? string the parameter that gets a name if the template gives none
--- @field named? string the property, where it is called otherwise
--- @field tag? string what EC2's TagSpecifications call it
--- @field tags? "autoscaling"|"kms" how else tags are written
--- @field ready? table<string, string|string[]> fields of what is ready
--- @field failed? table<string, string> fields of what has failed
--- @field gone? table<string, string> fields of what counts as gone
--- @field attributes? table<string, string|function> of GetAtt: a path in the thing, or f(call, thing)
--- @field capability? string property whose presence wants CAPABILITY_NAMED_IAM; any wants CAPABILITY_IAM
--- @field slow? boolean whether CloudFormation waits for IAM behind it

--- @type table<string, eksrun.sandbox.cloudformation.Type>
M.types = {}
for _, name in ipairs { "ec2", "eks", "iam", "other" } do
  for kind, definition in pairs(require("eksrun.sandbox.cloudformation.types." .. name)) do
    M.types[kind] = definition
  end
end

-- Who a stack acts as: its role, or who set it to work.
local function actor(call, stack)
  local name = stack.RoleARN and stack.RoleARN:match "[^/]+$"
  if not name then return principals.of(call.world, call.partition, stack._key) end
  return {
    account = call.account, role_name = name, role = stack.RoleARN, user_id = "AROA:AWSCloudFormation",
    arn = call:arn("sts", ("assumed-role/%s/AWSCloudFormation"):format(name)),
  }
end

-- Calls an operation of the sandbox as the stack.
local function runner(call, stack, logical)
  return function(service, operation, params)
    local ok, err = native.service(service):operation(operation):validate(params)
    if not ok then template.refuse("%s", err.message) end
    local services = require "eksrun.sandbox.services"
    local handler = services.handler(service, operation)
    if not handler then template.refuse("%s is not supported", operation) end
    local own = {}
    for name, value in pairs(call) do own[name] = value end
    own.service, own.operation, own.params = service, operation, params
    own.own, own.principal = util.fingerprint(stack.StackId, logical, operation, params), actor(call, stack)
    own = calls.new(own)
    call.world.authorize(own)
    return calls.shown(handler(own, params) or {})
  end
end

local function at(value, path)
  for part in path:gmatch "[^.]+" do
    if type(value) ~= "table" then return nil end
    value = value[part]
  end
  return value
end

-- What there is of a resource.
local function thing_of(call, kind, id)
  local definition = M.types[kind]
  if not id then return nil end
  if definition.find then return (definition.find(call, id)) end
  return definition.kind and call:get(definition.kind, id) or nil
end

-- How a type has its tags, by the form: of a list of Key and Value, those parameters.
local forms = {
  autoscaling = function(list)
    for _, tag in ipairs(list) do tag.PropagateAtLaunch = true end
    return { Tags = list }
  end,
  kms = function(list)
    for i, tag in ipairs(list) do list[i] = { TagKey = tag.Key, TagValue = tag.Value } end
    return { Tags = list }
  end,
}

local function takes_tags(definition)
  for _, member in ipairs(native.service(definition.service):operation(definition.create):input().members) do
    if member.name:lower() == "tags" then return true end
  end
  return false
end

-- A resource's own tags and the stack's, by key.
local function tags_of(stack, properties)
  local map = calls.tag_map(stack.Tags)
  for key, tag in pairs(type(properties.Tags) == "table" and properties.Tags or {}) do
    if type(tag) == "table" then map[tag.Key] = tag.Value else map[key] = tag end
  end
  return map
end

-- The parameters that give them.
local function tagging(stack, definition, properties)
  local list = calls.tag_list(tags_of(stack, properties))
  if not list[1] then return {} end
  if definition.tag then return { TagSpecifications = { { ResourceType = definition.tag, Tags = list } } } end
  if not takes_tags(definition) then return {} end
  return (forms[definition.tags] or function() return { Tags = list } end)(list)
end

-- Makes parameters of properties.
local function to_params(stack, definition)
  return function(properties)
    local own = {}
    for name, value in pairs(properties) do own[(definition.rename or {})[name] or name] = value end
    for _, name in ipairs(definition.drop or {}) do own[name] = nil end
    own.Tags = nil
    for name, value in pairs(tagging(stack, definition, properties)) do own[name] = value end
    return convert.params(definition.service, definition.create, own)
  end
end

-- Gives a thing its tags, AWS's own ones too, which nobody else may write.
local function mark(thing, stack, logical, properties)
  local own = tags_of(stack, properties)
  own["aws:cloudformation:stack-name"], own["aws:cloudformation:stack-id"] = stack.StackName, stack.StackId
  own["aws:cloudformation:logical-id"] = logical
  if thing.Tags or thing.TagSet then
    local name = thing.Tags and "Tags" or "TagSet"
    local map = calls.tag_map(thing[name])
    for key, value in pairs(own) do map[key] = value end
    thing[name] = json.array(calls.tag_list(map))
  elseif thing.tags or thing._tags then
    for key, value in pairs(own) do (thing.tags or thing._tags)[key] = value end
  end
end

--- Makes a resource.
--- @param call eksrun.sandbox.Call
--- @param stack table
--- @param record table of the stack: LogicalResourceId, ResourceType, _properties
--- @return string physical id
function M.create(call, stack, record)
  local definition, properties = M.types[record.ResourceType], record._properties
  local logical = record.LogicalResourceId
  local run = runner(call, stack, logical)
  local hash = call.world:hash(stack.StackId, logical, record._generation or 0)
  if definition.make then return definition.make(run, properties, hash) end
  local name = definition.named or definition.name
  if name and not properties[name] then
    local full = ("%s-%s-%s"):format(stack.StackName, logical, hash:sub(1, 12):upper())
    properties[name] = full:sub(-63):gsub("^%-+", "")
  end
  local params = (definition.params or function(values, f) return f(values) end)(properties,
    to_params(stack, definition))
  local output = run(definition.service, definition.create, params)
  local id = definition.id
  id = type(id) == "string" and at(output, id) or id(output, properties, hash)
  record.PhysicalResourceId = id
  if definition.after then definition.after(run, id, properties) end
  local thing = thing_of(call, record.ResourceType, id)
  if thing then mark(thing, stack, logical, properties) end
  return id
end

--- Changes a resource in place.
--- @param call eksrun.sandbox.Call
--- @param stack table
--- @param record table
function M.update(call, stack, record)
  local definition = M.types[record.ResourceType]
  local f = definition.update or definition.after
  local thing = thing_of(call, record.ResourceType, record.PhysicalResourceId)
  if f then
    f(runner(call, stack, record.LogicalResourceId), record.PhysicalResourceId, record._properties,
      to_params(stack, definition), thing)
  end
  if thing then mark(thing, stack, record.LogicalResourceId, record._properties) end
end

--- Properties with the name that the resource has been given.
--- @param kind string
--- @param properties table
--- @param before table
--- @return table
function M.named(kind, properties, before)
  local name, own = M.types[kind].named or M.types[kind].name, util.copy(properties)
  if name and own[name] == nil then own[name] = before[name] end
  return own
end

--- Whether what differs between two sets of properties can be changed in place.
--- @param kind string
--- @param before table
--- @param after table
--- @return boolean
function M.in_place(kind, before, after)
  local mutable = M.types[kind].mutable or {}
  for name in pairs(util.overlay(before, after)) do
    if not util.equal(before[name], after[name]) and not mutable[name]
      and name ~= "Tags" then return false end
  end
  return true
end

--- Begins to take a resource away.
--- @param call eksrun.sandbox.Call
--- @param stack table
--- @param record table
function M.delete(call, stack, record)
  local definition, id = M.types[record.ResourceType], record.PhysicalResourceId
  local run = runner(call, stack, record.LogicalResourceId)
  local thing = thing_of(call, record.ResourceType, id)
  if (definition.kind or definition.find) and not thing then return end
  if definition.remove then
    definition.remove(run, id, record._properties, thing)
  else
    run(definition.service, definition.delete[1], { [definition.delete[2]] = id })
  end
end

local function has(thing, fields)
  for name, wanted in pairs(fields) do
    local found = false
    for _, value in ipairs(type(wanted) == "table" and wanted or { wanted }) do
      found = found or thing[name] == value
    end
    if not found then return false end
  end
  return true
end

--- How far what was made for a resource is.
--- @param call eksrun.sandbox.Call
--- @param record table ResourceType, PhysicalResourceId
--- @return "ready"|"failed"|"waiting"
function M.state(call, record)
  local definition = M.types[record.ResourceType]
  if not definition.ready then return "ready" end
  local thing = thing_of(call, record.ResourceType, record.PhysicalResourceId)
  if not thing or definition.failed and has(thing, definition.failed) then return "failed" end
  return has(thing, definition.ready) and "ready" or "waiting"
end

--- Whether what was deleted of a resource is gone.
--- @param call eksrun.sandbox.Call
--- @param record table ResourceType, PhysicalResourceId
--- @return boolean
function M.is_gone(call, record)
  local definition = M.types[record.ResourceType]
  if not definition.kind and not definition.find then return true end
  local thing = thing_of(call, record.ResourceType, record.PhysicalResourceId)
  return not thing or definition.gone ~= nil and has(thing, definition.gone)
end

--- What GetAtt gives.
--- @param call eksrun.sandbox.Call
--- @param record table
--- @param name string
--- @return any
function M.attribute(call, record, name)
  local definition = M.types[record.ResourceType]
  local found = (definition.attributes or {})[name]
  local thing = thing_of(call, record.ResourceType, record.PhysicalResourceId)
  if not found or not thing then
    template.refuse("Template error: resource %s does not support attribute type %s in Fn::GetAtt",
      record.LogicalResourceId, name)
  end
  if type(found) == "function" then return found(call, thing) end
  return at(thing, found)
end

-- What is said where something else has to go first, and by those whom IAM has not told of something new.
local PASSING_CODES = { DependencyViolation = true, ResourceInUseException = true, ResourceInUse = true }
local PASSING_WORDS = {
  "could not be assumed", "The role with name", "in the trust relationships of nodeRole",
  "Misconfigured PodExecutionRole Trust Policy", "Invalid IAM Instance Profile", "invalid principal",
}

--- Whether a failure passes when IAM has caught up, or when something else has gone.
--- @param raised any
--- @return boolean
function M.passes(raised)
  if not fault.is(raised) then return false end
  if PASSING_CODES[raised.code] then return true end
  for _, words in ipairs(PASSING_WORDS) do
    if raised.message:find(words, 1, true) then return true end
  end
  return false
end

return M
