--- What AWS has of a stack: every kind asked at once, in as few rounds as names allow.
local context = require "eksrun.engine.context"
local diff = require "eksrun.engine.diff"
local error_object = require "eksrun.error"
local inventory = require "eksrun.engine.inventory"
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

-- The records of one type: each once, whichever round brought it, and by what finds them.
local Records = {}
Records.__index = Records

local function new_records(type_)
  return setmetatable({ type = type_, list = {}, seen = {}, by_key = {}, twins = {} }, Records)
end

function Records:add(record)
  local type_ = self.type
  local by_tag = type_.identity == "tag"
  local id = by_tag and tostring(record[type_.id]) or type_:key_of(record)
  if self.seen[id] then return end
  self.seen[id] = true
  table.insert(self.list, record)
  -- For those that look for something to keep it is gone.
  if record.leaving then return end
  local key = by_tag and record.address or id
  if not key then return end
  self.by_key[key] = self.by_key[key] or record
  if by_tag then
    self.twins[key] = self.twins[key] or {}
    table.insert(self.twins[key], record)
  end
end

-- Of several with one address, as a replacement that was cut short leaves them, the one that can stay.
function Records:best(address, inputs)
  local twins = self.twins[address]
  if not twins or not twins[2] then return self.by_key[address] end
  for _, record in ipairs(twins) do
    local fits = true
    for _, change in ipairs(diff.compare(self.type.inputs, inputs, record)) do
      if change.replaces and ref.complete(change.to) then fits = false end
    end
    if fits then return record end
  end
  return twins[1]
end

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

--- Asks AWS.
--- @param options eksrun.observe.Options
--- @return eksrun.Observed
function M.run(options)
  local memo, records, asked, of, taken = {}, {}, {}, {}, {}
  local unseen, own_only, order = {}, {}, options.graph:order()
  local types, declared = types_of(options)
  local function env(node) return of[node] end

  -- The identifying inputs of a node, nil while one is not known.
  local function key_inputs(node)
    local inputs = ref.resolve(node.inputs, env)
    for _, names in ipairs { node.type.key, node.type.observe_with or {} } do
      for _, name in ipairs(names) do
        if not ref.complete(inputs[name]) then return nil end
      end
    end
    return inputs
  end

  local function match(node)
    local found = records[node.type]
    if not found then return nil end
    if node.type.identity == "tag" then
      local record = found:best(node.address, ref.resolve(node.inputs, env))
      for _, old in ipairs(node.was) do record = record or found.by_key[old] end
      return record
    end
    local inputs = key_inputs(node)
    if not inputs then return nil end
    local record = found.by_key[node.type:key_of(inputs)]
    for _, former in ipairs(node.former) do
      record = record or found.by_key[node.type:key_of(util.overlay(inputs, former))]
    end
    return record
  end

  local function take(node)
    local record = match(node)
    if not record or taken[record] then return end
    if node.type.tagging and not record.address then
      if options.adopt_foreign then return end
      foreign(node, record)
    end
    taken[record] = true
    of[node] = record
    -- A name that was made up is only for the creation: what moved keeps its own.
    for name in pairs(node.computed) do
      if stays(node.type, name) and record[name] ~= nil then node.inputs[name] = record[name] end
    end
  end

  local function look(type_, wanted, sweep)
    local ctx = context.new {
      aws = options.aws, stack = options.stack, type = type_, memo = memo, sweep = sweep,
    }
    records[type_] = records[type_] or new_records(type_)
    for _, record in ipairs(type_.observe(ctx, wanted)) do records[type_]:add(record) end
  end

  -- What the stack may have and does not declare.
  local function look_for_the_rest()
    local possible, known, more = options.possible()
    local jobs = {}
    for _, type_ in ipairs(possible) do
      local wanted = known and inventory.wanted(type_, known) or {}
      local sweep = more or not known or known[type_.name] == true
      local lives_in = type_.identity == "name" and type_.inputs[type_.key[1]].refers
      if lives_in and sweep and not wanted[1] and not (known and known[type_.name] == nil) then
        own_only[#own_only + 1] = type_.name
      end
      if not declared[type_] then
        declared[type_] = true
        types[#types + 1] = type_
        jobs[#jobs + 1] = function()
          local ok, err = pcall(look, type_, wanted, sweep)
          if ok then return end
          if known and not more or not error_object.is(err) or err.code == "canceled" then error(err, 0) end
          unseen[#unseen + 1] = { type = type_, err = err }
        end
      elseif type_.identity == "name" and (sweep or wanted[1]) then
        jobs[#jobs + 1] = function() look(type_, wanted, sweep) end
      end
    end
    if jobs[1] then task.all(jobs) end
  end

  local function ask(round)
    local wanted = {}
    for _, node in ipairs(order) do
      if node.type.identity == "name" and not asked[node] then
        local inputs = key_inputs(node)
        if inputs then
          asked[node] = true
          wanted[node.type] = wanted[node.type] or {}
          table.insert(wanted[node.type], inputs)
          for _, former in ipairs(node.former) do
            table.insert(wanted[node.type], util.overlay(inputs, former))
          end
        end
      end
    end
    local jobs = {}
    for _, type_ in ipairs(types) do
      local parent = resource.parent_of(type_)
      local names = wanted[type_] or parent and wanted[parent]
      if names or round == 1 then
        jobs[#jobs + 1] = function()
          look(type_, names or {}, false)
        end
      end
    end
    if round == 1 and options.possible then jobs[#jobs + 1] = look_for_the_rest end
    if jobs[1] then task.all(jobs) end
    return jobs[1] ~= nil
  end

  local rounds = 0
  while rounds < ROUNDS_MAX and ask(rounds + 1) do
    rounds = rounds + 1
    for _, node in ipairs(order) do
      if not of[node] then take(node) end
    end
  end

  local extra = {}
  for _, type_ in ipairs(types) do
    for _, record in ipairs(records[type_] and records[type_].list or {}) do
      local owned = record.address or not type_.tagging
      if owned and not taken[record] then
        local node = record.address and options.graph.by_address[record.address]
        extra[#extra + 1] = {
          type = type_, record = record,
          reason = node and of[node] and "a second one of " .. node.address or "no longer declared",
        }
      end
    end
  end
  return { of = of, extra = extra, rounds = rounds, unseen = unseen, own_only = own_only }
end

return M
