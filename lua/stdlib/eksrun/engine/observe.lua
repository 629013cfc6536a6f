--- What AWS has of a stack: every kind asked at once, in as few rounds as names allow.
local context = require "eksrun.engine.context"
local error_object = require "eksrun.error"
local inventory = require "eksrun.engine.inventory"
local records = require "eksrun.engine.records"
local ref = require "eksrun.engine.ref"
local resource = require "eksrun.resource"
local stack_module = require "eksrun.engine.stack"
local task = require "eksrun.task"
local util = require "eksrun.util"

local M = {}

--- Names depend on names at most so deep (cluster, node group, ...).
local ROUNDS_MAX = 6

--- @class eksrun.Observed
--- @field of table<eksrun.Node, table> records by declared resource
--- @field extra { type: eksrun.ResourceType, record: table, reason: string }[] ours, but not declared
--- @field rounds integer
--- @field unseen { type: eksrun.ResourceType, err: any }[] optional kinds that could not be asked for
--- @field own_only string[] optional kinds that were looked for in what is the stack's own only

--- @class eksrun.observe.Options
--- @field graph eksrun.Graph
--- @field stack eksrun.Stack
--- @field types eksrun.ResourceType[] that are declared
--- @field possible? fun(): eksrun.ResourceType[], table?, boolean? kinds of which something may be left, the
--- inventory that says so, and whether there may be more; then, and without one, the account is searched, as
--- far as AWS lets us
--- @field aws table
--- @field adopt_foreign? boolean do not complain about names that others own, leave them out

-- Refuses to take what is not ours.
local function foreign(node, record)
  local owner, key = record.tags[stack_module.TAG_STACK], node.type:key_of(record)
  local whose = owner and "belongs to the stack " .. owner or "was not made by eksrun"
  local id = tostring(record[node.type.id] or "ID")
  local advice = owner and "or delete that"
    or ("delete that, or take it over: eksrun adopt RECIPE %s=%s"):format(node.address, id)
  util.fail("conflict", "%s: %s %s: %s exists already and %s; give this one another name, %s", node.where,
    node.type.name, node.address, key, whose, advice)
end

-- The given types, and those that are declared.
local function types_of(options)
  local types, has = {}, {}
  local function add(type_)
    if not has[type_] then
      has[type_] = true
      types[#types + 1] = type_
    end
  end
  for _, type_ in ipairs(options.types) do add(type_) end
  for _, node in ipairs(options.graph.nodes) do add(node.type) end
  return types, has
end

-- Whether an input is for good.
local function stays(type_, name)
  for _, key in ipairs(type_.key or {}) do
    if key == name then return true end
  end
  return type_.inputs[name].immutable
end

-- One look at a stack: what was asked for and what has been found so far.
local Search = {}
Search.__index = Search

local function new_search(options)
  local of = {}
  local types, has = types_of(options)
  return setmetatable({
    options = options, order = options.graph:order(),
    types = types, has = has, -- the kinds that are asked for
    memo = {}, -- answers that several kinds share
    records = {}, -- by type
    asked = {}, -- declared resources whose names were asked for
    of = of, taken = {}, -- records by declared resource, and whether one has them
    unseen = {}, own_only = {}, rounds = 0,
    env = function(node) return of[node] end,
  }, Search)
end

-- The identifying inputs of a node, nil while one is not known.
function Search:key_inputs(node)
  local inputs = ref.resolve(node.inputs, self.env)
  for _, names in ipairs { node.type.key, node.type.observe_with or {} } do
    for _, name in ipairs(names) do
      if not ref.complete(inputs[name]) then return nil end
    end
  end
  return inputs
end

-- The record that a node means: by its address or a former one, or by its name or a former one.
function Search:match(node)
  local found = self.records[node.type]
  if not found then return nil end
  if node.type.identity == "tag" then
    local record = found:best(node.address, ref.resolve(node.inputs, self.env))
    for _, old in ipairs(node.was) do record = record or found.by_key[old] end
    return record
  end
  local inputs = self:key_inputs(node)
  if not inputs then return nil end
  local record = found.by_key[node.type:key_of(inputs)]
  for _, former in ipairs(node.former) do
    record = record or found.by_key[node.type:key_of(util.overlay(inputs, former))]
  end
  return record
end

-- Gives a node its record, if there is one that is ours to take.
function Search:take(node)
  local record = self:match(node)
  if not record or self.taken[record] then return end
  if node.type.tagging and not record.address then
    if self.options.adopt_foreign then return end
    foreign(node, record)
  end
  self.taken[record] = true
  self.of[node] = record
  -- A name that was made up is only for the creation: what moved keeps its own.
  for name in pairs(node.computed) do
    if stays(node.type, name) and record[name] ~= nil then node.inputs[name] = record[name] end
  end
end

-- Asks for what is wanted of a kind; a sweep searches the account for more of it.
function Search:look(type_, wanted, sweep)
  local ctx = context.new {
    aws = self.options.aws, stack = self.options.stack, type = type_, memo = self.memo, sweep = sweep,
  }
  self.records[type_] = self.records[type_] or records.new(type_)
  for _, record in ipairs(type_.observe(ctx, wanted)) do self.records[type_]:add(record) end
end

-- Asks for a kind that the stack may have and does not declare. Where nobody knows whether it has any, a
-- refusal of AWS is no failure: the kind stays unseen.
function Search:look_for_undeclared(type_, wanted, sweep, needed)
  local ok, err = pcall(self.look, self, type_, wanted, sweep)
  if ok then return end
  if needed or not error_object.is(err) or err.code == "canceled" then error(err, 0) end
  self.unseen[#self.unseen + 1] = { type = type_, err = err }
end

-- What the stack may have and does not declare.
function Search:look_for_the_rest()
  local possible, known, more = self.options.possible()
  local jobs = {}
  for _, type_ in ipairs(possible) do
    local wanted = known and inventory.wanted(type_, known) or {}
    local sweep = more or not known or known[type_.name] == true
    local by_name = type_.identity == "name"
    local lives_in = by_name and type_.inputs[type_.key[1]].refers
    if lives_in and sweep and not wanted[1] and not (known and known[type_.name] == nil) then
      self.own_only[#self.own_only + 1] = type_.name
    end
    if not self.has[type_] then
      self.has[type_] = true
      self.types[#self.types + 1] = type_
      local needed = known and not more
      jobs[#jobs + 1] = function() self:look_for_undeclared(type_, wanted, sweep, needed) end
    elseif by_name and (sweep or wanted[1]) then
      jobs[#jobs + 1] = function() self:look(type_, wanted, sweep) end
    end
  end
  if jobs[1] then task.all(jobs) end
end

-- The names that have become known since the last round, by type.
function Search:new_names()
  local wanted = {}
  for _, node in ipairs(self.order) do
    local inputs
    if node.type.identity == "name" and not self.asked[node] then inputs = self:key_inputs(node) end
    if inputs then
      self.asked[node] = true
      local names = wanted[node.type] or {}
      wanted[node.type] = names
      table.insert(names, inputs)
      for _, former in ipairs(node.former) do table.insert(names, util.overlay(inputs, former)) end
    end
  end
  return wanted
end

-- One round: every kind of which there is something to ask, at once. False when there is none.
function Search:ask()
  local first, wanted, jobs = self.rounds == 0, self:new_names(), {}
  for _, type_ in ipairs(self.types) do
    local parent = resource.parent_of(type_)
    local names = wanted[type_] or parent and wanted[parent]
    if names or first then
      jobs[#jobs + 1] = function() self:look(type_, names or {}, false) end
    end
  end
  if first and self.options.possible then
    jobs[#jobs + 1] = function() self:look_for_the_rest() end
  end
  if not jobs[1] then return false end
  task.all(jobs)
  self.rounds = self.rounds + 1
  return true
end

-- What is the stack's and no node has.
function Search:extra()
  local extra, by_address = {}, self.options.graph.by_address
  for _, type_ in ipairs(self.types) do
    for _, record in ipairs(self.records[type_] and self.records[type_].list or {}) do
      local owned = record.address or not type_.tagging
      if owned and not self.taken[record] then
        local node = record.address and by_address[record.address]
        extra[#extra + 1] = {
          type = type_, record = record,
          reason = node and self.of[node] and "a second one of " .. node.address or "no longer declared",
        }
      end
    end
  end
  return extra
end

--- Asks AWS.
--- @param options eksrun.observe.Options
--- @return eksrun.Observed
function M.run(options)
  local search = new_search(options)
  while search.rounds < ROUNDS_MAX and search:ask() do
    for _, node in ipairs(search.order) do
      if not search.of[node] then search:take(node) end
    end
  end
  return {
    of = search.of, extra = search:extra(), rounds = search.rounds,
    unseen = search.unseen, own_only = search.own_only,
  }
end

return M
