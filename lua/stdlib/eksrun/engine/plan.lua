--- The plan: what is declared against what AWS has, as data.
local context = require "eksrun.engine.context"
local diff = require "eksrun.engine.diff"
local kinds = require "eksrun.engine.kinds"
local leftovers = require "eksrun.resource.leftovers"
local observe = require "eksrun.engine.observe"
local ref = require "eksrun.engine.ref"
local stack_module = require "eksrun.engine.stack"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Action
--- @field op "create"|"update"|"replace"|"delete"|"wait"|"keep"
--- @field address string
--- @field type eksrun.ResourceType
--- @field node eksrun.Node? nil for a deletion
--- @field record table? what AWS has
--- @field inputs table? resolved; may hold ref.unknown
--- @field changes eksrun.Change[]
--- @field reason string?
--- @field of string? address of what it belongs to, where it has none of its own and goes by its id

--- @class eksrun.Plan
--- @field stack eksrun.Stack
--- @field graph eksrun.Graph
--- @field actions eksrun.Action[] in an order in which they could be done
--- @field counts table<string, integer> by op
--- @field along integer how many relations go with what they live in, without an action of their own
--- @field destroy boolean?
--- @field env fun(node: eksrun.Node): table? what is known of a resource before the run, for ref.resolve
--- @field partial boolean? made with targets: there is more that the recipe wants
--- @field unseen { type: eksrun.ResourceType, err: any }[] kinds of which something may be left unseen
--- @field own_only string[]? kinds that a destroy without a recipe sees in what is the stack's own only
--- @field sight eksrun.lock.Sight? of the options
--- @field notes eksrun.leftovers.Note[] what Kubernetes or others have there, and is not deleted

--- @class eksrun.Refusal what a type is asked about an update
--- @field node eksrun.Node
--- @field inputs table resolved; may hold ref.unknown
--- @field record table
--- @field aws table
--- @field fields fun(node: eksrun.Node): table what another resource will have
--- @field action fun(node: eksrun.Node): eksrun.Action of another that it refers to

local function count(actions)
  local counts = { create = 0, update = 0, replace = 0, delete = 0, wait = 0, keep = 0 }
  for _, action in ipairs(actions) do counts[action.op] = counts[action.op] + 1 end
  counts.changes = #actions - counts.keep
  return counts
end

-- What a resource to be made will have: its inputs, the rest is AWS's to say.
local function future(type_, inputs)
  local fields = {}
  for name, value in pairs(inputs) do
    if not type_.outputs[name] then fields[name] = value end
  end
  return setmetatable(fields, { __index = function() return ref.unknown end })
end

-- What an existing one has: what is becoming ready, or is to be changed, may not say everything yet.
local function present(type_, record, inputs, changes)
  local fields = util.overlay(record, inputs)
  if not record.pending and not changes[1] then return fields end
  return setmetatable(fields, {
    __index = function(_, key) return type_.outputs[key] and ref.unknown or nil end,
  })
end

local function decide(action, replace)
  local type_, changes = action.type, action.changes
  local failed = action.record.failed
  if not changes[1] and not replace and not failed then
    action.op = action.record.pending and "wait" or "keep"
    return
  end
  action.op = (replace or failed) and "replace" or "update"
  action.reason = replace and "asked for" or failed and "it is " .. failed or nil
  for _, change in ipairs(changes) do
    if change.replaces or (not type_.update and change.input ~= "tags") then
      change.replaces = true
      action.op = "replace"
      action.reason = action.reason or change.path .. " cannot be changed"
    end
  end
  local from = action.record.address
  if from and from ~= action.address then action.reason = action.reason or "was " .. from end
end

-- By the recipe, by the tag that an earlier run of it left, for what it is, or by AWS.
local function is_protected(action, options)
  local node, tags, guarded = action.node, action.record.tags, action.type.guarded
  if node and node.protect or guarded and guarded(action.record) then return true end
  local tagged = tags and tags[stack_module.TAG_PROTECT] == "true"
  if tagged and (options.destroy or not node) then return true end
  return action.type.protect and not options.destroy
end

local function refuse_protected(actions, options)
  if options.only_look then return end
  local refused = {}
  for _, action in ipairs(actions) do
    local goes = action.op == "replace" or action.op == "delete"
    if goes and not action.record.leaving and is_protected(action, options)
      and not util.contains(options.allow_destroy, action.address) then
      refused[#refused + 1] = action.address
    end
  end
  if not refused[1] then return end
  util.fail("protected", "%s is protected: the plan would %s it; to let that happen: %s",
    table.concat(refused, ", "), options.destroy and "delete" or "replace or delete",
    "--allow-destroy " .. table.concat(refused, " --allow-destroy "))
end

--- @class eksrun.plan.Options
--- @field graph eksrun.Graph
--- @field stack eksrun.Stack
--- @field aws table
--- @field types? eksrun.ResourceType[] to ask for; default: what is declared, and what may be left
--- @field sight? eksrun.lock.Sight says what the stack may have; without one, nobody knows
--- @field destroy? boolean delete all that the stack owns
--- @field known_only? boolean with destroy: as far as its inventory says what the stack has
--- @field allow_destroy? string[] addresses
--- @field targets? string[] addresses, or scopes: these and what they need, nothing else
--- @field replace? string[] addresses to be made anew
--- @field only_look? boolean nothing will be carried out: what is protected or foreign is no error

-- By type and id: the addresses of what there is.
local function addresses_of(observed)
  local out = {}
  local function note(type_, record, address)
    out[type_.name .. "=" .. tostring(record[type_.id])] = address
  end
  for node, record in pairs(observed.of) do note(node.type, record, node.address) end
  for _, found in ipairs(observed.extra) do note(found.type, found.record, found.record.address) end
  return out
end

-- The address of the first thing that a relation is of.
local function home_of(type_, record, addresses)
  for _, name in ipairs(type_.key or {}) do
    local refers = type_.inputs[name].refers
    local address = refers and addresses[refers .. "=" .. tostring(record[name])]
    if address then return address end
  end
end

-- What is ours and not declared; what has no tags has no address, and goes by its id. What AWS is deleting
-- already is waited for, since it holds on to others; but not where its successor is declared.
local function deletions(observed, options)
  local actions, addresses = {}, addresses_of(observed)
  for _, found in ipairs(observed.extra) do
    local record = found.record
    local reason = record.leaving and "being deleted already" or not options.destroy and found.reason or nil
    if options.destroy or not (record.leaving and options.graph.by_address[record.address]) then
      actions[#actions + 1] = {
        op = "delete", type = found.type, record = record, changes = {}, reason = reason,
        address = record.address or tostring(record[found.type.id]),
        of = not record.address and home_of(found.type, record, addresses) or nil,
      }
    end
  end
  return actions
end

-- A relation goes with what it lives in: no call of its own.
local function without_orphans(actions, all)
  local gone = {}
  for _, action in ipairs(all) do
    if action.op == "delete" or action.op == "replace" then
      gone[tostring(action.record[action.type.id])] = true
    end
  end
  local out = {}
  for _, action in ipairs(actions) do
    local parent = action.type.parent and action.record[action.type.parent]
    if not (parent and gone[tostring(parent)]) then out[#out + 1] = action end
  end
  return out
end

-- To delete a stack is to look everywhere, and for what was written down beside: what is in something of
-- others' is found by its name only.
local function possible(options)
  local record = options.sight and options.sight:read()
  local known, all = record and record.inventory or nil, options.destroy and not options.known_only
  return kinds.possible(not all and known or nil), known, all
end

-- What a declared resource takes to be as declared.
local function intend(node, record, options, env)
  local inputs = ref.resolve(node.inputs, env)
  local action = {
    op = "create", address = node.address, type = node.type, node = node, record = record,
    inputs = inputs, changes = {},
  }
  if not record then return action end
  action.changes = diff.compare(node.type.inputs, inputs, record)
  if node.type.tagging then
    local tags = options.stack:tags_for(node, ref.resolve(node.tags, env))
    table.move(diff.compare_tags(tags, record.tags), 1, 1000, #action.changes + 1, action.changes)
  end
  decide(action, util.contains(options.replace, node.address))
  return action
end

-- What will be known of it, for those that refer to it.
local function outlook(action)
  local type_, inputs = action.type, action.inputs
  if action.op == "create" or action.op == "replace" then return future(type_, inputs) end
  local fields = present(type_, action.record, inputs, action.changes)
  if action.op == "update" then
    for _, name in ipairs(type_.moves or {}) do fields[name] = ref.unknown end
  end
  return fields
end

local function refuse_impossible(action, options, env, action_of)
  local refuse = action.op == "update" and not options.only_look and action.type.refuse
  local why = refuse and refuse {
    node = action.node, inputs = action.inputs, record = action.record, aws = options.aws,
    fields = env, action = action_of,
  }
  if why then util.fail("refused", "%s: %s: %s", action.node.where, action.address, why) end
end

-- The declared resources at or below the addresses, and all that they need.
local function chosen(declared, addresses)
  local set = {}
  local function add(node)
    if set[node] then return end
    set[node] = true
    for _, other in ipairs(declared:dependencies(node)) do add(other) end
  end
  for _, address in ipairs(addresses) do
    for _, node in ipairs(declared.nodes) do
      if node.address == address or node.address:sub(1, #address + 1) == address .. "/" then add(node) end
    end
  end
  return set
end

-- Every address has to name something, and not by a slip of the pen nothing.
local function check_addresses(flag, addresses, declared, extra)
  for _, address in ipairs(addresses or {}) do
    local known, found = {}, false
    local function consider(other, scopes)
      known[#known + 1] = other
      found = found or other == address or scopes and other:sub(1, #address + 1) == address .. "/"
    end
    for _, node in ipairs(declared.nodes) do consider(node.address, flag == "--target") end
    if flag == "--target" then
      for _, action in ipairs(extra) do consider(action.address, true) end
    end
    if not found then
      util.fail("usage", "%s: no resource has the address '%s'%s", flag, address,
        util.did_you_mean(address, known))
    end
  end
end

-- Leaves all but the targets as it is.
local function narrowed(actions, options)
  local set, out = chosen(options.graph, options.targets), {}
  for _, action in ipairs(actions) do
    local wanted = set[action.node]
    for _, target in ipairs(not action.node and options.targets or {}) do
      wanted = wanted or action.address == target or action.address:sub(1, #target + 1) == target .. "/"
    end
    if not wanted and action.node and action.record then
      action.op, action.changes, action.inputs, action.reason = "keep", {}, nil, nil
      wanted = true
    end
    if wanted then out[#out + 1] = action end
  end
  return out
end

local function declared_actions(options, observed)
  local actions, fields, of = {}, {}, {}
  local function env(node) return fields[node] end
  for _, node in ipairs(options.graph:order()) do
    local record = observed.of[node]
    if options.destroy then
      if record then
        actions[#actions + 1] = {
          op = "delete", address = node.address, type = node.type, node = node, record = record, changes = {},
        }
      end
    else
      local action = intend(node, record, options, env)
      fields[node], of[node] = outlook(action), action
      actions[#actions + 1] = action
    end
  end
  return actions, env, function(node) return of[node] end
end

-- With a cluster and a network goes what Kubernetes left in them.
local function left_behind(actions, options)
  local ctx = context.new { aws = options.aws, stack = options.stack, memo = {} }
  return leftovers.find(ctx, options.only_look and {} or actions)
end

--- Looks at AWS and compares.
--- @param options eksrun.plan.Options
--- @return eksrun.Plan
function M.make(options)
  local observed = observe.run {
    graph = options.graph, stack = options.stack, aws = options.aws,
    types = options.types or kinds.declared(options.graph),
    possible = not options.types and function() return possible(options) end or nil,
    adopt_foreign = options.destroy or options.only_look,
  }
  local actions, env, action_of = declared_actions(options, observed)
  local extra = deletions(observed, options)
  check_addresses("--target", options.targets, options.graph, extra)
  check_addresses("--replace", options.replace, options.graph, extra)
  local all = table.move(extra, 1, #extra, #actions + 1, table.move(actions, 1, #actions, 1, {}))
  -- What the recipe declares stays in its plan, whatever it lives in.
  local goes = options.destroy and all or extra
  local alone = without_orphans(goes, all)
  if options.destroy then actions = alone else table.move(alone, 1, #alone, #actions + 1, actions) end
  if options.targets then actions = narrowed(actions, options) end
  refuse_protected(actions, options)
  for _, action in ipairs(actions) do refuse_impossible(action, options, env, action_of) end
  local left = left_behind(actions, options)
  table.move(left.actions, 1, #left.actions, #actions + 1, actions)
  table.move(left.unseen, 1, #left.unseen, #observed.unseen + 1, observed.unseen)
  return {
    stack = options.stack, graph = options.graph, actions = actions, counts = count(actions),
    along = #goes - #alone, destroy = options.destroy, partial = options.targets ~= nil,
    rounds = observed.rounds, unseen = observed.unseen, notes = left.notes, env = env, sight = options.sight,
    own_only = options.destroy and not options.graph.nodes[1] and observed.own_only or nil,
  }
end

return M
