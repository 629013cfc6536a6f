--- Resource types: what a type is, and where to find one.
---
--- A type is data and a few functions, in a file of its own: resource/<service>/<type>.lua. The
--- contract, with a worked example, is docs/reference/resource-types.md.
local graph = require "eksrun.engine.graph"
local json = require "eksrun.json"
local ref = require "eksrun.engine.ref"
local tags = require "eksrun.resource.tags"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Input how an input behaves
--- @field type? string Lua type of the value ("string", "integer", "number", "boolean", "table")
--- @field required? boolean
--- @field immutable? boolean a change replaces the resource
--- @field set? boolean a list whose order and repetitions mean nothing
--- @field map? boolean names and texts, all of them the recipe's: one that is not declared is a difference
--- @field open? boolean a structure compared field by field as deep as it is declared; `fields` need not name
--- them all
--- @field policy? boolean a policy document (JSON text or table), compared by meaning
--- @field default? any what AWS has when nothing was said; read where AWS returns nothing
--- @field write_only? boolean never returned by AWS, never compared
--- @field sensitive? boolean value never shown, and no part of a saved plan's digests
--- @field opaque? boolean may hold secrets: its size is shown instead
--- @field fields? table<string, eksrun.Input> of a structure
--- @field refers? string type whose id (or "type.Field") this value is: orders deletions
--- @field computed? fun(node: eksrun.Node, stack: eksrun.Stack): any value when the recipe gives none
--- @field check? fun(value: any): string? what is wrong with a known value; resource/check.lua has some

--- @class eksrun.ResourceType
--- @field name string "ec2.subnet"
--- @field identity "tag"|"name"|"relation"
--- @field id string output that identifies it to AWS
--- @field key? string[] inputs that identify it among its kind ("name", "relation")
--- @field observe_with? string[] further inputs that must be known before it is asked for
--- @field inputs table<string, eksrun.Input>
--- @field outputs table<string, boolean>
--- @field moves? string[] outputs that an update changes: not known while one is planned
--- @field tagging? string[] scheme and its arguments: see resource/tags.lua
--- @field global? boolean lives outside of any region (IAM)
--- @field parent? string input that names what this lives in and dies with
--- @field protect? boolean refuse replacement and deletion unless --allow-destroy
--- @field guarded? fun(record: table): boolean AWS refuses to delete it: `delete` takes that off first
--- @field delete_after? string[] types whose deletions come first
--- @field create_first? boolean|fun(record: table, inputs: table): boolean make the replacement first
--- @field refuse? fun(change: eksrun.Refusal): string? why AWS will not do an update
--- @field exclusive? table<string, string> by "create", "update", "delete": "eks.cluster/{clusterName}"
--- @field retry? table<string, eksrun.Retry[]> by "create", "update", "delete": errors that pass
--- @field typical? table usual seconds by "create", "update", "delete"; `of`: of updates by their inputs
--- @field slow? string what to look at when that takes much longer: "the nodes' subnets: ..."
--- @field observe fun(ctx: eksrun.Context, wanted: table[]): table[]
--- @field create fun(ctx: eksrun.Context, inputs: table): table
--- @field update? fun(ctx: eksrun.Context, record: table, inputs: table, changed: table): table?
--- @field delete fun(ctx: eksrun.Context, record: table)
--- @field ready? fun(ctx: eksrun.Context, record: table, inputs: table): table?
--- @field gone? fun(ctx: eksrun.Context, record: table)
--- @field retag? fun(ctx: eksrun.Context, record: table, set: table<string, string>, removed: string[])
--- @field methods? table<string, function> of the handle
--- @field verify? fun(node: eksrun.Node): string? what is wrong with the inputs together
local Type = {}
Type.__index = Type

local fields_of_a_type = {
  name = "string", identity = "string", id = "string", key = "table?",
  observe_with = "table?", inputs = "table",
  outputs = "table?", tagging = "table?", global = "boolean?", parent = "string?",
  protect = "boolean?", delete_after = "table?", create_first = "any?", exclusive = "table?",
  retry = "table?", typical = "table?", slow = "string?", observe = "function", create = "function",
  update = "function?", delete = "function", ready = "function?", gone = "function?",
  retag = "function?", methods = "table?", moves = "table?", verify = "function?",
  refuse = "function?", guarded = "function?",
}

local fields_of_an_input = {
  type = "string?", required = "boolean?", immutable = "boolean?", set = "boolean?", map = "boolean?",
  open = "boolean?",
  policy = "boolean?", default = "any?", write_only = "boolean?", sensitive = "boolean?",
  opaque = "boolean?",
  fields = "table?", refers = "string?", computed = "function?", check = "function?",
}

local identities = { tag = true, name = true, relation = true }

local function check_inputs(where, inputs)
  for name, input in pairs(inputs) do
    util.check_options(where .. "." .. name, input, fields_of_an_input, 3)
    if input.fields then check_inputs(where .. "." .. name, input.fields) end
  end
end

-- By name: the kinds that this process has loaded.
local loaded = {}

--- Defines a type. Its value is called to declare a resource: `T { "name", CidrBlock = ... }`.
--- @param definition table
--- @return eksrun.ResourceType
--- Raises at the caller's line for a definition that is none.
function M.define(definition)
  util.check_options("resource.define", definition, fields_of_a_type)
  if not identities[definition.identity] then
    error(("resource.define: %s: identity '%s' is none of tag, name, relation"):format(
      definition.name, definition.identity), 2)
  end
  if definition.identity ~= "tag" and not definition.key then
    error(("resource.define: %s: identity '%s' wants a key"):format(definition.name,
      definition.identity), 2)
  end
  if definition.tagging and not tags.scheme(definition.tagging[1]) then
    error(("resource.define: %s: unknown tagging scheme '%s'"):format(definition.name,
      tostring(definition.tagging[1])), 2)
  end
  check_inputs(definition.name, definition.inputs)
  local outputs = { [definition.id] = true }
  for _, name in ipairs(definition.outputs or {}) do outputs[name] = true end
  definition.outputs = outputs
  definition.methods = definition.methods or {}
  definition.short_name = definition.name:match("[^.]+$")
  loaded[definition.name] = definition
  return setmetatable(definition, Type)
end

-- Not by a tail call, so that one of the recipe's own is told apart.
function Type:__call(declaration)
  local declared = graph.current():declare(self, declaration)
  return declared
end
util.declaring = Type.__call

function Type:__tostring() return self.name end

local function check_value(path, input, value)
  if ref.is(value) or graph.node_of(value) or value == nil then return end
  if input.type and type(value) ~= input.type and math.type(value) ~= input.type
    and not (input.policy and type(value) == "table") then
    util.raise_at_caller("%s wants %s, got %s", path, input.type, type(value))
  end
  if input.fields and type(value) == "table" then
    for _, key in ipairs(util.sorted_keys(value)) do
      local field = input.fields[key]
      if not field and not input.open then
        util.raise_at_caller("%s: unknown field '%s'%s", path, tostring(key),
          util.did_you_mean(key, util.sorted_keys(input.fields)))
      end
      if field then check_value(path .. "." .. tostring(key), field, value[key]) end
    end
  end
  if input.policy and type(value) == "string" and type((json.try_decode(value))) ~= "table" then
    util.raise_at_caller("%s: a policy document (JSON or a table) expected, got '%s'", path, value)
  end
  local message = input.check and input.check(value)
  if message then util.raise_at_caller("%s: %s", path, message) end
end

local options = { depends_on = true, protect = true, tags = true, was = true }

--- Checks a declaration and takes its inputs over to the node.
--- @param node eksrun.Node
--- @param declaration table
function Type:check(node, declaration)
  local where = self.name .. " " .. node.address
  for _, key in ipairs(util.sorted_keys(declaration)) do
    local input = self.inputs[key]
    if input then
      check_value(where .. ": " .. key, input, declaration[key])
      node.inputs[key] = declaration[key]
    elseif key == "tags" and not self.tagging then
      util.raise_at_caller("%s: AWS takes no tags here", where)
    elseif key ~= 1 and not options[key] then
      local known = util.sorted_keys(self.inputs)
      for option in pairs(options) do known[#known + 1] = option end
      util.raise_at_caller("%s: unknown input '%s'%s", where, tostring(key),
        util.did_you_mean(key, known))
    end
  end
  for _, name in ipairs(util.sorted_keys(self.inputs)) do
    local input = self.inputs[name]
    if node.inputs[name] == nil and input.computed then
      local stack = require("eksrun.engine.stack").current()
      node.inputs[name] = input.computed(node, stack)
      node.computed[name] = true
      for i, old in ipairs(node.was) do
        node.former[i] = node.former[i] or {}
        node.former[i][name] = input.computed(setmetatable({ address = old }, { __index = node }), stack)
      end
    end
    if node.inputs[name] == nil and input.required then
      util.raise_at_caller("%s: input '%s'%s is required", where, name,
        input.type and " (" .. input.type .. ")" or "")
    end
  end
  local message = self.verify and self.verify(node)
  if message then util.raise_at_caller("%s: %s", where, message) end
end

--- What identifies a resource among its kind; nil while a part of it is not known.
--- @param fields table inputs, resolved, or what was observed
--- @return string?
function Type:key_of(fields)
  local out = {}
  for i, name in ipairs(self.key) do
    local value = fields[name]
    if value == ref.unknown then return nil end
    out[i] = tostring(value)
  end
  return table.concat(out, "|")
end

--- The types that come with eksrun.
--- @return string[] names
function M.names() return require "eksrun.resource.index" end

--- A type by its name. Raises when there is none.
--- @param name string "ec2.subnet"
--- @return eksrun.ResourceType
function M.get(name)
  if loaded[name] then return loaded[name] end
  for _, known in ipairs(M.names()) do
    if known == name then return require("eksrun.resource." .. name) end
  end
  util.raise_at_caller("unknown resource type '%s'%s", name, util.did_you_mean(name, M.names()))
end

--- What a relation hangs on; nil where that is no type, and of what is no relation.
--- @param type_ eksrun.ResourceType
--- @return eksrun.ResourceType?
function M.parent_of(type_)
  local input = type_.identity == "relation" and type_.inputs[type_.parent]
  return input and input.refers and M.get(input.refers) or nil
end

--- All types known to this process: those that come with eksrun and those that a recipe defined.
--- @return eksrun.ResourceType[]
function M.all()
  for _, name in ipairs(M.names()) do M.get(name) end
  local list = {}
  for _, type_ in util.sorted_pairs(loaded) do list[#list + 1] = type_ end
  return list
end

--- The types of a service as fields, loaded when first used: `local ec2 = require "eksrun.ec2"`.
--- @param service string
--- @return table<string, eksrun.ResourceType>
function M.namespace(service)
  return setmetatable({}, {
    __index = function(space, name)
      local type_ = M.get(service .. "." .. tostring(name))
      rawset(space, name, type_)
      return type_
    end,
  })
end

return M
