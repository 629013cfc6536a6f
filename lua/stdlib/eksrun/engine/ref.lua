--- Refs: values that a recipe uses before they are known.
---
--- A ref stands for a field of a resource (`net.VpcId`), for a text with refs in it (`"arn:" .. r.Id`),
--- for a function of one (`r:map(f)`) or for a table with refs in it (`ref.all { a.Id, b.Id }`). It can
--- be passed on, indexed and concatenated. What would need the value now (comparing, calling,
--- length, arithmetic, tostring, loops) raises an error that names the recipe's line.
local fault = require "eksrun.engine.fault"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Ref
--- @field map fun(self: eksrun.Ref, f: fun(value: any): any): eksrun.Ref
local Ref = {}

-- What a ref is made of lies outside of it, so that every key of it is free for the value's.
local parts = setmetatable({}, { __mode = "k" })

--- Stands where a value is not known yet; prints as "(known after apply)".
M.unknown = setmetatable({}, {
  __tostring = function() return "(known after apply)" end,
  __name = "eksrun.unknown",
})

local function make(part) return (function(ref) parts[ref] = part return ref end)(setmetatable({}, Ref)) end

--- A field of a resource.
--- @param node table the declared resource
--- @param path any[] keys, outermost first
--- @return eksrun.Ref
function M.get(node, path) return make { kind = "get", node = node, path = path } end

--- One ref for a table with refs in it, at any depth: `ref.all({ a.Id, b.Id }):map(f)`.
--- @param value table
--- @return eksrun.Ref
function M.all(value)
  if M.is(value) then return value end
  return make { kind = "all", value = value }
end

--- @param value any
--- @return boolean
function M.is(value) return parts[value] ~= nil end

--- For messages and plans: "network/vpc.VpcId".
--- @param ref eksrun.Ref
--- @return string
function M.describe(ref)
  local part = parts[ref]
  if part.kind == "get" then
    local out = { part.node.address }
    for _, key in ipairs(part.path) do
      out[#out + 1] = type(key) == "number" and ("[%d]"):format(key) or "." .. tostring(key)
    end
    return table.concat(out)
  elseif part.kind == "index" then
    return ("%s[%s]"):format(M.describe(part.of), tostring(part.key))
  elseif part.kind == "map" or part.kind == "effect" then
    return M.describe(part.of) .. ":map(...)"
  elseif part.kind == "concat" then
    local out = {}
    for i, piece in ipairs(part.pieces) do
      out[i] = M.is(piece) and "${" .. M.describe(piece) .. "}" or tostring(piece)
    end
    return '"' .. table.concat(out) .. '"'
  end
  return "a table of values"
end

local function too_early(ref, what)
  util.raise_at_caller(
    "%s: the value of %s is not known before apply; use :map(function(v) ... end)", what, M.describe(ref))
end

-- A loop (ipairs) asks for 1, 2, 3 ... from C and would never end.
local function in_loop(key)
  if math.type(key) ~= "integer" then return false end
  local info = debug.getinfo(3, "S")
  return info ~= nil and info.what == "C"
end

function Ref.__index(ref, key)
  if key == "map" then return M.map end
  if in_loop(key) then too_early(ref, "loop") end
  local part = parts[ref]
  if part.kind == "get" then
    local path = table.move(part.path, 1, #part.path, 1, {})
    path[#path + 1] = key
    return M.get(part.node, path)
  end
  return make { kind = "index", of = ref, key = key }
end

function Ref.__concat(a, b)
  local pieces = {}
  for i = 1, 2 do -- not ipairs: a nil is an error, not an end
    local side = b
    if i == 1 then side = a end
    local part = parts[side]
    if part and part.kind == "concat" then
      table.move(part.pieces, 1, #part.pieces, #pieces + 1, pieces)
    elseif part or type(side) == "string" or type(side) == "number" then
      pieces[#pieces + 1] = side
    else
      util.raise_at_caller("attempt to concatenate a %s value with %s", type(side),
        M.describe(part and side or (M.is(a) and a or b)))
    end
  end
  return make { kind = "concat", pieces = pieces }
end

--- The ref of f(value); f runs when the value is known, must not declare resources and, since plans
--- run it too, must change nothing.
--- @param ref eksrun.Ref
--- @param f fun(value: any): any
--- @return eksrun.Ref
--- Raises at the recipe's line unless f is a function.
function M.map(ref, f)
  if type(f) ~= "function" then util.raise_at_caller("map: a function expected, got %s", type(f)) end
  return make { kind = "map", of = ref, f = f }
end

--- @class eksrun.ref.Effect
--- @field run fun(value: any): any changes something, and says what the ref's value is
--- @field check? fun() raises where run() is known to fail

--- A ref whose value comes of a change: run() is called by apply, when the value is known, and never by a
--- plan; check() by every plan, before anything is asked.
--- @param ref eksrun.Ref
--- @param effect eksrun.ref.Effect
--- @return eksrun.Ref
function M.effect(ref, effect) return make { kind = "effect", of = ref, effect = effect } end

function Ref.__newindex(ref, key)
  util.raise_at_caller("cannot set '%s' of %s: it is AWS's to say", tostring(key), M.describe(ref))
end

local function refuse(what)
  return function(a, b) too_early(M.is(a) and a or b, what) end
end

for event, what in pairs {
  __eq = "comparison", __lt = "comparison", __le = "comparison", __call = "call", __len = "length",
  __add = "arithmetic", __sub = "arithmetic", __mul = "arithmetic", __div = "arithmetic",
  __mod = "arithmetic", __pow = "arithmetic", __unm = "arithmetic", __idiv = "arithmetic",
  __band = "arithmetic", __bor = "arithmetic", __bxor = "arithmetic", __shl = "arithmetic",
  __shr = "arithmetic", __bnot = "arithmetic", __tostring = "tostring", __pairs = "loop",
} do
  Ref[event] = refuse(what)
end
Ref.__name = "eksrun.ref"
Ref.__metatable = "eksrun.ref"

-- Of a table, a ref, a resource or a plain value.
local function visit(value, found, seen, effect)
  local part = parts[value]
  if part then
    if part.node then found(part.node) end
    if part.effect and effect then effect(part.effect) end
    visit(part.of, found, seen, effect)
    visit(part.value, found, seen, effect)
    for _, piece in ipairs(part.pieces or {}) do visit(piece, found, seen, effect) end
  elseif type(value) == "table" and not seen[value] then
    seen[value] = true
    local node = M.node_of(value)
    if node then return found(node) end
    for _, v in pairs(value) do visit(v, found, seen, effect) end
  end
end

--- Calls found(node) for every resource that the value needs.
--- @param value any
--- @param found fun(node: table)
function M.visit(value, found) visit(value, found, {}) end

--- Raises where an effect in the value is known to fail.
--- @param value any
function M.check(value)
  visit(value, function() end, {}, function(effect)
    if effect.check then effect.check() end
  end)
end

--- Set by engine/graph.lua: the declared resource behind what a recipe holds, or nil.
--- @type fun(value: any): table?
function M.node_of() return nil end

local resolve

local function dig(value, key)
  if value == M.unknown then return value end
  if type(value) ~= "table" then return nil end
  return value[key]
end

local function resolve_ref(part, env, run)
  if part.kind == "get" then
    local value = env(part.node)
    if value == nil then return M.unknown end
    for _, key in ipairs(part.path) do value = dig(value, key) end
    return value
  elseif part.kind == "index" then
    return dig(resolve(part.of, env, run), part.key)
  elseif part.kind == "map" then
    local value = resolve(part.of, env, run)
    if not M.complete(value) then return M.unknown end
    return resolve(fault.call(part.f, value), env, run)
  elseif part.kind == "effect" then
    local value = resolve(part.of, env, run)
    if not run or not M.complete(value) then return M.unknown end
    return part.effect.run(value)
  elseif part.kind == "concat" then
    local out = {}
    for i, piece in ipairs(part.pieces) do
      local value = resolve(piece, env, run)
      if value == M.unknown then return M.unknown end
      if type(value) ~= "string" and type(value) ~= "number" then
        util.fail("recipe", value == nil and "%s has no value" or "%s is a %s, not text",
          M.is(piece) and M.describe(piece) or "a part", type(value))
      end
      out[i] = tostring(value)
    end
    return table.concat(out)
  end
  return resolve(part.value, env, run)
end

function resolve(value, env, run)
  local part = parts[value]
  if part then return resolve_ref(part, env, run) end
  if type(value) ~= "table" or value == M.unknown then return value end
  local node = M.node_of(value)
  if node then return resolve_ref({ kind = "get", node = node, path = { node.type.id } }, env, run) end
  local out = {}
  for k, v in pairs(value) do out[k] = resolve(v, env, run) end
  return setmetatable(out, getmetatable(value))
end

--- The value with every ref replaced by what it stands for; M.unknown where that is not known.
--- A resource itself stands for its id.
--- @param value any
--- @param env fun(node: table): table? fields of a resource, nil while not known; fields may be M.unknown
--- @param run? boolean whether effects are to happen; without it their values are unknown
--- @return any
function M.resolve(value, env, run) return resolve(value, env, run) end

--- Whether nothing in it is unknown.
--- @param value any
--- @return boolean
function M.complete(value)
  if value == M.unknown then return false end
  if type(value) ~= "table" or M.is(value) then return true end
  for _, v in pairs(value) do
    if not M.complete(v) then return false end
  end
  return true
end

return M
