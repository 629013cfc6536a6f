--- The resources that a recipe declares, by address, and what each needs.
local ref = require "eksrun.engine.ref"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Node a declared resource
--- @field address string path in the recipe, "network/private/a"
--- @field index integer its place in the order of declaration
--- @field type eksrun.ResourceType
--- @field inputs table<string, any> refs in it
--- @field tags table<string, string> the recipe's own tags
--- @field depends_on eksrun.Node[]
--- @field protect boolean
--- @field was string[] addresses that it had before
--- @field computed table<string, boolean> inputs that the recipe left to the type
--- @field former table[] the computed inputs under the earlier addresses
--- @field where string "file:line" of the declaration

--- @class eksrun.Graph
--- @field nodes eksrun.Node[] in the order of declaration
--- @field by_address table<string, eksrun.Node>
--- @field stack eksrun.Stack? once it has a name
--- @field on_first fun()? called when the first node was declared
--- @field closed boolean? takes no declarations
--- @field later { node: eksrun.Node, address: string }[] needs that were not declared yet
--- @field checks fun(graph: eksrun.Graph)[] what can be judged only when all is declared
local Graph = {}
Graph.__index = Graph

--- @return eksrun.Graph
function M.new()
  return setmetatable({ nodes = {}, by_address = {}, later = {}, checks = {}, prefix = "" }, Graph)
end

-- The graph that declarations go to. A recipe that is read sets one of its own; what is declared at any other
-- time, in a :map or a step, would be lost.
local current = M.new()
current.closed = true

--- @return eksrun.Graph
function M.current() return current end

--- @param graph eksrun.Graph
--- @return eksrun.Graph before
function M.set_current(graph)
  local before = current
  current = graph
  return before
end

-- What a recipe holds of a resource. ---------------------------------------------------------

local NODE = {}
local Handle = { __name = "eksrun.resource", __metatable = "eksrun.resource" }

function Handle.__index(handle, key)
  local node = rawget(handle, NODE)
  local type_ = node.type
  if key == "address" then return node.address end
  if type_.outputs[key] then return ref.get(node, { key }) end
  if node.inputs[key] ~= nil then return node.inputs[key] end
  if type_.inputs[key] then return ref.get(node, { key }) end
  if type_.methods[key] then return type_.methods[key] end
  local known = {}
  for name in pairs(type_.outputs) do known[#known + 1] = name end
  for name in pairs(type_.inputs) do known[#known + 1] = name end
  table.sort(known)
  util.raise_at_caller("%s %s has no field '%s'%s", type_.name, node.address, tostring(key),
    key == "id" and ("; its id is %s"):format(type_.id) or util.did_you_mean(key, known))
end

function Handle.__newindex(handle, key)
  util.raise_at_caller("cannot set '%s' of %s after its declaration", tostring(key),
    rawget(handle, NODE).address)
end

function Handle.__tostring(handle)
  local node = rawget(handle, NODE)
  return node.type.name .. " " .. node.address
end

function ref.node_of(value)
  if type(value) ~= "table" or getmetatable(value) ~= "eksrun.resource" then return nil end
  return rawget(value, NODE)
end

--- The declared resource behind what a recipe holds, or nil.
M.node_of = ref.node_of

-- Declaration. -------------------------------------------------------------------------------

local function check_name(what, name)
  if type(name) ~= "string" or not name:find("^[%w][%w._-]*$") or #name > 64 then
    util.raise_at_caller("%s: '%s' is no name: letters, digits, '.', '_' and '-', at most 64", what,
      type(name) == "string" and name or type(name))
  end
end

--- Runs f with the addresses of what it declares below `name`.
--- @param name string
--- @param f fun(...): ...
--- @return any ... what f returns
function Graph:scope(name, f, ...)
  check_name("scope", name)
  if type(f) ~= "function" then
    util.raise_at_caller("scope: a function expected, got %s: eksrun.scope(\"%s\", function() ... end)",
      type(f), name)
  end
  local before = self.prefix
  local _ <close> = setmetatable({}, { __close = function() self.prefix = before end })
  self.prefix = before .. name .. "/"
  return f(...)
end

-- What a resource or an address in depends_on stands for; an address may be declared later.
local function need(graph, node, value)
  local other = M.node_of(value) or type(value) == "string" and graph.by_address[value]
  if other then
    table.insert(node.depends_on, other)
  elseif type(value) == "string" then
    table.insert(graph.later, { node = node, address = value })
  else
    util.raise_at_caller("%s: depends_on wants declared resources or their addresses, got %s", node.address,
      type(value))
  end
end

local function check_tags(address, tags)
  if type(tags) ~= "table" or ref.is(tags) or M.node_of(tags) then
    util.raise_at_caller("%s: tags wants a table by key, got %s", address, type(tags))
  end
  for _, key in ipairs(util.sorted_keys(tags)) do
    local value = tags[key]
    if type(key) ~= "string" then
      util.raise_at_caller("%s: tags wants a table by key: tags = { team = \"payments\" }", address)
    elseif key:find("^eksrun:") or key:lower():find("^aws:") then
      util.raise_at_caller("%s: tags.%s: the prefix is not yours to use", address, key)
    elseif type(value) ~= "string" and not ref.is(value) and not M.node_of(value) then
      util.raise_at_caller("%s: tags.%s wants text, got %s", address, key, type(value))
    elseif (key .. (type(value) == "string" and value or "")):find("%c") then
      util.raise_at_caller("%s: tags.%s has a control character in it", address, util.escape(key))
    end
  end
end

-- What every resource takes beside its inputs.
local function check_common(type_, address, declaration)
  local where = type_.name .. " " .. address
  check_tags(where, declaration.tags or {})
  local needs, protect = declaration.depends_on or {}, declaration.protect
  if type(needs) ~= "table" or ref.is(needs) or M.node_of(needs) then
    util.raise_at_caller("%s: depends_on wants a list: depends_on = { ... }", where)
  end
  if protect ~= nil and type(protect) ~= "boolean" then
    util.raise_at_caller("%s: protect wants boolean, got %s", where, type(protect))
  end
  if declaration.was == nil then return end
  if type(declaration.was) ~= "table" or ref.is(declaration.was) or M.node_of(declaration.was) then
    util.raise_at_caller("%s: was wants a list of addresses: was = { \"old/address\" }", where)
  end
  for _, old in ipairs(declaration.was) do
    if type(old) ~= "string" or not old:find "^[%w][%w._/-]*$" then
      util.raise_at_caller("%s: was: '%s' is no address", where, tostring(old))
    end
  end
end

--- Declares a resource.
--- @param type_ eksrun.ResourceType
--- @param declaration table name at [1], inputs by AWS's names, tags, depends_on, protect
--- @return table handle fields are values or refs
function Graph:declare(type_, declaration)
  if type(declaration) ~= "table" or M.node_of(declaration) or ref.is(declaration) then
    util.raise_at_caller("%s: a table expected, got %s", type_.name, type(declaration))
  end
  util.check_dot(type_.name, declaration)
  if self.closed then
    util.raise_at_caller("%s: resources are declared while the recipe is read, not in a :map or a step",
      type_.name)
  end
  local name = declaration[1] or type_.short_name
  check_name(type_.name, name)
  check_common(type_, self.prefix .. name, declaration)
  local node = {
    address = self.prefix .. name,
    index = #self.nodes + 1,
    type = type_,
    inputs = {},
    tags = declaration.tags or {},
    protect = declaration.protect or false,
    was = declaration.was or {},
    computed = {},
    former = {},
    depends_on = {},
    where = util.where(),
  }
  local other = self.by_address[node.address]
  if other then
    util.raise_at_caller("two resources have the address %s: %s %s was declared at %s; give one a name "
      .. "of its own: %s { \"name\", ... }, or kits a scope each: eksrun.scope(\"name\", function() ... end)",
      node.address, other.type.name, other.address, other.where, type_.name)
  end
  for _, value in ipairs(declaration.depends_on or {}) do need(self, node, value) end
  type_:check(node, declaration)
  self.nodes[#self.nodes + 1] = node
  self.by_address[node.address] = node
  if node.index == 1 and self.on_first then self.on_first() end
  return setmetatable({ [NODE] = node }, Handle)
end

--- What must be there before the node, each once, in the order of declaration.
--- @param node eksrun.Node
--- @return eksrun.Node[]
function Graph:dependencies(node) -- luacheck: no self
  local list, has = {}, { [node] = true }
  local function found(other)
    if not has[other] then
      has[other] = true
      list[#list + 1] = other
    end
  end
  ref.visit(node.inputs, found)
  ref.visit(node.tags, found)
  for _, other in ipairs(node.depends_on) do found(other) end
  table.sort(list, function(a, b) return a.index < b.index end)
  return list
end

-- A cycle, from what was declared first in it on.
local function fail_cycle(cycle)
  local first = 1
  for i, node in ipairs(cycle) do
    if node.index < cycle[first].index then first = i end
  end
  local names, start = {}, cycle[first]
  if not cycle[2] then
    util.fail_at("recipe", start.where, "%s depends on itself: take it out of its depends_on", start.address)
  end
  for i = 0, #cycle - 1 do
    local node = cycle[(first + i - 1) % #cycle + 1]
    names[#names + 1] = ("%s (%s)"):format(node.address, node.where)
  end
  util.fail_at("recipe", start.where,
    "%s depends on itself: %s -> %s; take one of these inputs or depends_on out", start.address,
    table.concat(names, " -> "), start.address)
end

-- What may be meant by an address that nothing has: one within the scope at hand, what is spelled like it, or
-- what ends as it does.
local function meant(graph, node, address)
  local scope, last = node.address:match "^.*/" or "", address:match "[^/]*$"
  if graph.by_address[scope .. address] then return { scope .. address } end
  local known, same = {}, {}
  for _, other in ipairs(util.sorted_keys(graph.by_address)) do
    if other ~= node.address then
      known[#known + 1] = other
      if other:match "[^/]*$" == last then same[#same + 1] = other end
    end
  end
  local near = text.suggest(address, known)
  if #same == 1 and not util.contains(near, same[1]) then table.insert(near, 1, same[1]) end
  if not near[1] then near = same end
  return near[1] and near or text.suggest(scope .. address, known)
end

-- Addresses in depends_on that were not declared when they were named.
local function resolve_later(graph)
  for _, want in ipairs(graph.later) do
    local node, other = want.node, graph.by_address[want.address]
    if not other then
      local near = meant(graph, node, want.address)
      if near[1] == node.address then fail_cycle { node } end
      util.fail_at("recipe", node.where, "%s: depends_on: no resource has the address '%s'%s", node.address,
        want.address, util.or_mean(near))
    end
    if other == node then fail_cycle { node } end
    table.insert(node.depends_on, other)
  end
  graph.later = {}
end

local function check_was(graph)
  for _, node in ipairs(graph.nodes) do
    for _, old in ipairs(node.was) do
      local other = graph.by_address[old]
      if other then
        util.fail_at("recipe", node.where, "%s was %s, which is declared too, at %s", node.address, old,
          other.where)
      end
    end
  end
end

--- Has something judged when all is declared, once.
--- @param check fun(graph: eksrun.Graph) raises what is wrong
function Graph:when_declared(check) table.insert(self.checks, check) end

local function run_checks(graph)
  local checks = graph.checks
  graph.checks = {}
  for _, check in ipairs(checks) do check(graph) end
end

--- The nodes so that each stands behind what it needs. Raises on a cycle, where depends_on names what is not
--- declared, and what the checks raise.
--- @return eksrun.Node[]
function Graph:order()
  check_was(self)
  resolve_later(self)
  run_checks(self)
  local done, path, out = {}, {}, {}
  local function visit(node)
    if done[node] then return end
    if done[node] == false then
      local from = 1
      while path[from] ~= node do from = from + 1 end
      fail_cycle(table.move(path, from, #path, 1, {}))
    end
    done[node] = false
    path[#path + 1] = node
    for _, other in ipairs(self:dependencies(node)) do visit(other) end
    done[node] = true
    path[#path] = nil
    out[#out + 1] = node
  end
  for _, node in ipairs(self.nodes) do visit(node) end
  return out
end

return M
