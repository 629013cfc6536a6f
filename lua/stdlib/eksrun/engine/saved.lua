--- Saved plans: a plan as a file, to be looked at by others and applied later, if it still is what it was.
---
--- The file says which recipe with which parameters, what would be done where, and for each resource a digest
--- of what is declared, what was observed and what differs. It holds no input and no value of AWS; sensitive
--- parameters are named and have to be given again.
local clock = require "eksrun.clock"
local file = require "eksrun.file"
local json = require "eksrun.json"
local ref = require "eksrun.engine.ref"
local text = require "eksrun.text"
local util = require "eksrun.util"

local M = {}

local FORMAT = 1
-- Addresses that a message names at most.
local NAMED_MAX = 5

--- @class eksrun.SavedPlan
--- @field eksrun_plan integer format of the file
--- @field recipe string path, as it was given
--- @field recipe_sha256 string
--- @field params string[] k=v
--- @field secret string[] names of parameters that have to be given again
--- @field stack string
--- @field account string
--- @field region string
--- @field allow_destroy string[]?
--- @field target string[]?
--- @field replace string[]?
--- @field counts table<string, integer>
--- @field changes table[] op, address, type, id, reason, paths
--- @field salt string
--- @field resources table<string, string> digests

-- What is compared of a value: no secret, and the same text for the same value in every process.
local function plain(value, spec)
  if spec and spec.sensitive or type(value) == "function" then return nil end
  if value == ref.unknown then return "\0unknown" end
  if value == json.null then return "\0null" end
  if type(value) ~= "table" then return value end
  local out = {}
  for key, item in pairs(value) do out[key] = plain(item, spec and spec.fields and spec.fields[key]) end
  if not (spec and spec.set) then return out end
  -- The order of a set is AWS's whim.
  table.sort(out, function(a, b) return util.fingerprint(a) < util.fingerprint(b) end)
  return out
end

local function name_of(action)
  if action.node then return action.address end
  return ("%s (%s)"):format(action.address, tostring(action.record[action.type.id]))
end

local function digest(action, salt)
  local changes, inputs = {}, {}
  for i, change in ipairs(action.changes) do
    changes[i] = { change.path, change.replaces or false }
    changes[i][3], changes[i][4] = { plain(change.from, change.spec) }, { plain(change.to, change.spec) }
  end
  for name, value in pairs(action.inputs or {}) do inputs[name] = plain(value, action.type.inputs[name]) end
  local id = action.record and tostring(action.record[action.type.id]) or ""
  return util.fingerprint(salt, action.op, action.type.name, id, inputs, changes)
end

--- A digest of each resource of the plan, by its address: of what is declared, observed and to be done.
--- @param plan eksrun.Plan
--- @param salt string
--- @return table<string, string>
function M.digests(plan, salt)
  local out = {}
  for _, action in ipairs(plan.actions) do out[name_of(action)] = digest(action, salt) end
  return out
end

--- What a plan would do, as text: equal for plans that do the same, in whatever order AWS named things.
--- @param plan eksrun.Plan
--- @return string
function M.digest(plan)
  local out = {}
  for _, action in ipairs(plan.actions) do
    if action.op ~= "keep" then out[name_of(action)] = digest(action, "") end
  end
  return util.fingerprint(out)
end

local function hash_of_file(path)
  local content = file.try_read(path)
  return content and text.sha256(content)
end

local function random_text()
  local source = assert(io.open("/dev/urandom", "rb"))
  local _ <close> = source
  return (source:read(16):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

-- The words that may be written down, and the names of those that may not.
local function split_params(words, declared)
  local open, secret = json.array {}, json.array {}
  for _, word in ipairs(words) do
    local name = word:match "^([^=]+)="
    local parameter = name and declared and declared[name]
    if parameter and parameter.sensitive then secret[#secret + 1] = name else open[#open + 1] = word end
  end
  return open, secret
end

local function summaries(plan)
  local out = json.array {}
  for _, action in ipairs(plan.actions) do
    if action.op ~= "keep" then
      local paths = json.array {}
      for _, change in ipairs(action.changes) do
        if not change.implied then paths[#paths + 1] = change.path end
      end
      local id = action.record and action.record[action.type.id]
      out[#out + 1] = {
        op = action.op, address = action.address, type = action.type.name, id = id and tostring(id),
        reason = action.reason, paths = paths,
      }
    end
  end
  return out
end

--- @class eksrun.saved.Options
--- @field recipe string path
--- @field params string[] k=v
--- @field parameters table<string, eksrun.Parameter>? as the recipe declares them
--- @field allow_destroy string[]?
--- @field target string[]?
--- @field replace string[]?

--- Writes a plan down, readable by its owner alone.
--- @param path string
--- @param plan eksrun.Plan
--- @param options eksrun.saved.Options
--- Raises when the file cannot be written.
function M.write(path, plan, options)
  if options.recipe == "-" then
    util.fail("usage", "--out: a recipe from stdin cannot be read again when the plan is applied")
  end
  local params, secret = split_params(options.params, options.parameters)
  local salt = random_text()
  local content = json.encode({
    eksrun_plan = FORMAT, made = clock.format_iso8601(clock.now()), version = require "eksrun.version",
    recipe = options.recipe, recipe_sha256 = hash_of_file(options.recipe), params = params, secret = secret,
    stack = plan.stack.name, account = plan.stack.account, region = plan.stack.region,
    allow_destroy = options.allow_destroy, target = options.target, replace = options.replace,
    counts = plan.counts, changes = summaries(plan), salt = salt, resources = M.digests(plan, salt),
  }, { indent = 2, sort = true })
  file.write_atomic(path, content .. "\n", { mode = 384 })
end

-- What is read of a plan. A list and a map are of strings.
local FIELDS = {
  recipe = "string", params = "list", secret = "list", stack = "string", region = "string", salt = "string",
  resources = "map",
}
local OPTIONAL = {
  account = "string", recipe_sha256 = "string", allow_destroy = "list", target = "list", replace = "list",
}

local function is_a(kind, value)
  if kind == "string" then return type(value) == "string" end
  if type(value) ~= "table" then return false end
  local count = 0
  for key, item in pairs(value) do
    count = count + 1
    if type(key) ~= (kind == "list" and "number" or "string") or type(item) ~= "string" then return false end
  end
  return kind == "map" or count == #value
end

-- Files are edited by hand.
local function check_fields(saved, path, fields, optional)
  for name, kind in util.sorted_pairs(fields) do
    local value = saved[name]
    if not (optional and value == nil) and not is_a(kind, value) then
      util.fail("invalid", "%s is no plan as eksrun writes it: field '%s' is no %s; make it again", path,
        name, kind == "string" and kind or kind .. " of strings")
    end
  end
end

--- The plan that a file holds; nil when it is a recipe.
--- @param path string
--- @return eksrun.SavedPlan?
--- Raises for a plan of another version, and { code = "invalid" } for one that is damaged.
function M.read(path)
  local content = path ~= "-" and file.try_read(path)
  if not content or content:sub(1, 1) ~= "{" then return nil end
  local saved = json.try_decode(content)
  if type(saved) ~= "table" or saved.eksrun_plan == nil then return nil end
  if saved.eksrun_plan ~= FORMAT then
    util.fail("usage", "%s is a plan of another version of eksrun: make it again", path)
  end
  check_fields(saved, path, FIELDS, false)
  check_fields(saved, path, OPTIONAL, true)
  return saved
end

-- The command that makes it again, as it was made.
local function again(saved, path, flags)
  local words = { saved.recipe, table.unpack(saved.params) }
  for _, name in ipairs(saved.secret) do words[#words + 1] = name .. "=..." end
  for _, flag in ipairs { "target", "replace", "allow_destroy" } do
    for _, address in ipairs(saved[flag] or {}) do
      table.move({ "--" .. flag:gsub("_", "-"), address }, 1, 2, #words + 1, words)
    end
  end
  table.move({ "--region", saved.region, "--out", path }, 1, 4, #words + 1, words)
  for i, word in ipairs(words) do words[i] = util.escape(util.shell_word(word), true) end
  return "make it again: eksrun plan " .. table.concat(words, " ") .. (flags or "")
end

--- The parameters of a saved plan, with those that it could not hold.
--- @param saved eksrun.SavedPlan
--- @param words string[] given with it
--- @return string[] k=v
--- Raises { code = "usage" } for others than those, and for those that are missing.
function M.params(saved, words)
  local out, given = table.move(saved.params, 1, #saved.params, 1, {}), {}
  for _, word in ipairs(words) do
    local name = word:match "^([^=]+)=" or word
    local secret = false
    for _, known in ipairs(saved.secret) do secret = secret or known == name end
    if not secret then
      util.fail("usage", "'%s': a saved plan has its parameters%s", name,
        saved.secret[1] and " but " .. table.concat(saved.secret, ", ") or "")
    end
    given[name] = true
    out[#out + 1] = word
  end
  for _, name in ipairs(saved.secret) do
    if not given[name] then
      util.fail("usage", "the parameter %s is sensitive and not in the plan: give it again, %s=...", name,
        name)
    end
  end
  return out
end

-- What differs between two sets of digests.
local function different(before, now)
  local out = {}
  for _, name in ipairs(util.sorted_keys(now)) do
    if before[name] ~= now[name] then out[#out + 1] = name end
  end
  for _, name in ipairs(util.sorted_keys(before)) do
    if not now[name] then out[#out + 1] = name end
  end
  return out
end

--- Raises { code = "stale" } unless the plan is the one that was saved.
--- @param saved eksrun.SavedPlan
--- @param plan eksrun.Plan made now
--- @param path string of the file
--- @param flags? string of the command that makes it again: " --sandbox"
function M.check(saved, plan, path, flags)
  local stack = plan.stack
  if saved.account ~= stack.account or saved.stack ~= stack.name then
    util.fail("stale", "%s was made for the stack %s of account %s, and this is %s of account %s", path,
      tostring(saved.stack), tostring(saved.account), stack.name, tostring(stack.account))
  end
  if saved.recipe_sha256 ~= hash_of_file(saved.recipe) then
    util.fail("stale", "%s is out of date: the recipe %s has changed since; %s", path, saved.recipe,
      again(saved, path, flags))
  end
  local names = different(saved.resources, M.digests(plan, saved.salt))
  if not names[1] then return end
  local more = #names > NAMED_MAX and (" and %d more"):format(#names - NAMED_MAX) or ""
  util.fail("stale", "%s is out of date: what is declared or what AWS has is another for %s%s; %s", path,
    table.concat(names, ", ", 1, math.min(#names, NAMED_MAX)), more, again(saved, path, flags))
end

return M
