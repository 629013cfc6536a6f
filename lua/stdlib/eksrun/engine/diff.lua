--- What differs between the inputs that a recipe declares and what AWS has.
---
--- Only what is declared is compared; what AWS does not return and has no known default is not.
local json = require "eksrun.json"
local ref = require "eksrun.engine.ref"
local stack = require "eksrun.engine.stack"
local util = require "eksrun.util"

local M = {}

--- @class eksrun.Change
--- @field path string "resourcesVpcConfig.endpointPublicAccess", "tags.team"
--- @field input string the input it belongs to
--- @field from any
--- @field to any may hold ref.unknown
--- @field replaces boolean
--- @field spec eksrun.Input? how the input at that path behaves; nil for tags
--- @field implied boolean? goes with the others: not shown

local function canonical(value) return json.encode(value, { sort = true }) end

local function is_list(t) return #t > 0 or getmetatable(t) == json.array_mt end

-- The distinct members of a list in one order.
local function as_set(list)
  local seen, keys = {}, {}
  for _, item in ipairs(list) do
    local key = canonical(item)
    if not seen[key] then
      seen[key] = true
      keys[#keys + 1] = key
    end
  end
  table.sort(keys)
  return table.concat(keys, ",")
end

-- Lists of a policy document whose order means nothing and which may be a single text.
local loose = {
  Action = true, NotAction = true, Resource = true, NotResource = true, Statement = true,
  Principal = true, NotPrincipal = true,
}

local function policy_value(value, is_loose)
  if type(value) ~= "table" then return is_loose and canonical { value } or canonical(value) end
  if is_list(value) then
    local items = {}
    for i, item in ipairs(value) do items[i] = policy_value(item) end
    table.sort(items)
    return "[" .. table.concat(items, ",") .. "]"
  end
  local fields = {}
  for key, item in util.sorted_pairs(value) do
    -- Below Principal and Condition, every name holds one text or a list of them.
    local below = is_loose == "map" or loose[key] and type(item) ~= "table"
    if (key == "Principal" or key == "NotPrincipal") and type(item) == "table" then
      fields[#fields + 1] = canonical(key) .. ":" .. policy_value(item, "map")
    elseif key == "Condition" and type(item) == "table" then
      local operators = {}
      for operator, conditions in util.sorted_pairs(item) do
        operators[#operators + 1] = canonical(operator) .. ":" .. policy_value(conditions, "map")
      end
      fields[#fields + 1] = canonical(key) .. ":{" .. table.concat(operators, ",") .. "}"
    elseif key == "Statement" and type(item) == "table" and not is_list(item) then
      fields[#fields + 1] = canonical(key) .. ":[" .. policy_value(item) .. "]"
    elseif below and type(item) ~= "table" then
      fields[#fields + 1] = canonical(key) .. ":[" .. canonical(item) .. "]"
    else
      fields[#fields + 1] = canonical(key) .. ":" .. policy_value(item)
    end
  end
  return "{" .. table.concat(fields, ",") .. "}"
end

--- Whether two policy documents, as text or tables, mean the same.
--- @param a string|table
--- @param b string|table
--- @return boolean
function M.same_policy(a, b)
  local function decode(value)
    if type(value) == "table" then return value end
    local ok, document = pcall(json.decode, value)
    return ok and type(document) == "table" and document or nil
  end
  local left, right = decode(a), decode(b)
  if not left or not right then return a == b end
  return policy_value(left) == policy_value(right)
end

-- Whether AWS has all that is wanted: fields that are not named may be there.
local function covers(want, have)
  if type(want) ~= "table" or type(have) ~= "table" then return want == have end
  if is_list(want) or is_list(have) then
    if #want ~= #have then return false end
    for i, item in ipairs(want) do
      if not covers(item, have[i]) then return false end
    end
    return true
  end
  for key, item in pairs(want) do
    if not covers(item, have[key]) then return false end
  end
  return true
end

-- The differences of a structure, name by name: of all that is declared, whether `fields` names it or not.
local function compare_open(spec, want, have, path, add)
  local both = type(want) == "table" and type(have) == "table" and want ~= ref.unknown
  if not both or is_list(want) or is_list(have) then
    if not (ref.complete(want) and covers(want, have)) then add(path, have, want, spec) end
    return
  end
  for _, name in ipairs(util.sorted_keys(want)) do
    local below = spec.fields and (spec.fields[name] or {}) or spec
    compare_open(below, want[name], have[name], path .. "." .. tostring(name), add)
  end
  if not spec.map then return end
  for _, name in ipairs(util.sorted_keys(have)) do
    if want[name] == nil then add(path .. "." .. tostring(name), have[name], nil, spec) end
  end
end

local function same(spec, want, have)
  if spec.policy then return M.same_policy(want, have) end
  if spec.set and type(want) == "table" and type(have) == "table" then
    return as_set(want) == as_set(have)
  end
  return covers(want, have)
end

local function compare(specs, want, have, prefix, input, out)
  for _, name in ipairs(util.sorted_keys(want)) do
    local spec, to, from = specs[name] or {}, want[name], have[name]
    local top = input or name
    if from == nil then from = spec.default end
    if from == json.null then from = nil end
    local known = from ~= nil and not spec.write_only
    if known and (spec.open or spec.map) then
      compare_open(spec, to, from, prefix .. name, function(path, old, new, below)
        out[#out + 1] = {
          path = path, input = top, from = old, to = new, replaces = spec.immutable or false, spec = below,
        }
      end)
    elseif known and spec.fields and type(to) == "table" and type(from) == "table" then
      local inner = spec.immutable and setmetatable({}, { __index = function(_, key)
        return setmetatable({ immutable = true }, { __index = spec.fields[key] })
      end }) or spec.fields
      compare(inner, to, from, prefix .. name .. ".", top, out)
    elseif known and not (ref.complete(to) and same(spec, to, from)) then
      out[#out + 1] = {
        path = prefix .. name, input = top, from = from, to = to,
        replaces = spec.immutable or false, spec = spec,
      }
    end
  end
end

--- The differences, in the order of the names.
--- @param specs table<string, eksrun.Input>
--- @param want table resolved inputs; may hold ref.unknown
--- @param have table what was observed
--- @return eksrun.Change[]
function M.compare(specs, want, have)
  local out = {}
  compare(specs, want, have, "", nil, out)
  return out
end

--- The differences of tags: those wanted that are not so, and those of an earlier run that are no longer
--- wanted. Tags that others have set are not looked at.
--- @param want table<string, string>
--- @param have? table<string, string>
--- @return eksrun.Change[] with `key`
function M.compare_tags(want, have)
  local out = {}
  if not have then return out end
  local function add(key, to)
    out[#out + 1] = {
      path = "tags." .. key, input = "tags", from = have[key], to = to, replaces = false, key = key,
      -- Which keys are the recipe's follows from the others.
      implied = key == stack.TAG_KEYS and out[1] ~= nil,
    }
  end
  for key, value in util.sorted_pairs(want) do
    if key ~= stack.TAG_KEYS and have[key] ~= value then add(key, value) end
  end
  local gone = {}
  for _, key in ipairs(stack.recipe_keys(have)) do gone[key] = true end
  for key in pairs(have) do gone[key] = gone[key] or key:find "^eksrun:" ~= nil end
  for key in util.sorted_pairs(gone) do
    if gone[key] and key ~= stack.TAG_KEYS and want[key] == nil and have[key] ~= nil then add(key, nil) end
  end
  if want[stack.TAG_KEYS] ~= have[stack.TAG_KEYS] then add(stack.TAG_KEYS, want[stack.TAG_KEYS]) end
  return out
end

return M
