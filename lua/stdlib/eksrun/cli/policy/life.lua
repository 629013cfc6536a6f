--- The life of what a recipe makes, in a sandbox: made, looked at, changed, destroyed. Once to see what it
--- asks IAM for, and again in sandboxes that allow no more than a policy does.
local error_object = require "eksrun.error"
local recipe = require "eksrun.engine.recipe"
local trials = require "eksrun.trial"
local util = require "eksrun.util"

local M = {}

local CHANGES_MAX = 12

--- @class eksrun.policy.Life
--- @field recipe string path
--- @field words string[] k=v
--- @field region string
--- @field state? table of the account before
--- @field changes? string[][] words of the recipe changed, one set after the other; default: found by trying
--- @field one_way? boolean the last of the changes is not taken back

--- @class eksrun.policy.Asked what was asked of IAM
--- @field requests eksrun.sandbox.iam.Request[] in their order
--- @field stack string
--- @field changes string[][] that could be made
--- @field one_way boolean? AWS does not take the last of them back
--- @field changed table<string, boolean> names of the parameters that they change
--- @field destroying integer the first request of the destroy

local function given(words)
  local values = {}
  for _, word in ipairs(words) do
    local name, value = word:match "^([^=]+)=(.*)$"
    if name then values[name] = value end
  end
  return values
end

-- Other values that a parameter may have, of which one or two show how the recipe changes.
local function others(parameter, value)
  local kind = parameter.type or math.type(parameter[1]) or type(parameter[1])
  if kind == "boolean" then return { tostring(value ~= "true") } end
  if parameter.choices then
    local list = {}
    for _, choice in ipairs(parameter.choices) do
      if tostring(choice) ~= value then list[#list + 1] = tostring(choice) end
    end
    return list
  end
  local number = kind == "integer" and math.tointeger(tonumber(value))
  if not number then return {} end
  if number + 1 <= (parameter.max or number + 1) then return { tostring(number + 1) } end
  return number - 1 >= (parameter.min or number - 1) and { tostring(number - 1) } or {}
end

-- The words with one parameter changed, for each parameter that can be told how.
local function possible_changes(life)
  local declared, values, list = recipe.parameters(life.recipe) or {}, given(life.words), {}
  for name, parameter in util.sorted_pairs(declared) do
    local value = values[name] or parameter[1] ~= nil and tostring(parameter[1]) or nil
    for _, other in ipairs(value and others(parameter, value) or {}) do
      local words = { name .. "=" .. other }
      for _, word in ipairs(life.words) do
        if word:match "^[^=]+" ~= name then words[#words + 1] = word end
      end
      if #list < CHANGES_MAX then list[#list + 1] = { name = name, words = words } end
    end
  end
  return list
end

local function open(life, options)
  options.seed, options.state, options.region = 1, options.state or life.state, life.region
  return trials.new(options)
end

-- Changes that AWS or the engine refuses (a replacement of what is protected) are none. One that AWS makes
-- and does not take back (a newer version) leaves nothing to try the others on: its first word is returned at
-- once.
-- Those in `one_way` are left to the last, and the first of them that can be made ends the life.
local function try_changes(trial, life, asked, one_way)
  local function try(change)
    local ok, plan = pcall(trial.plan, trial, life.recipe, change.words)
    return ok and plan.counts.changes > 0 and pcall(trial.apply, trial, life.recipe, change.words)
  end
  local function note(change)
    asked.changes[#asked.changes + 1] = change.words
    asked.changed[change.name] = true
  end
  local last = {}
  for _, change in ipairs(possible_changes(life)) do
    if one_way[change.words[1]] then
      last[#last + 1] = change
    else
      local made = try(change)
      if not pcall(trial.apply, trial, life.recipe, life.words) then return change.words[1] end
      if made then note(change) end
    end
  end
  for _, change in ipairs(last) do
    if try(change) then
      note(change)
      asked.one_way = true
      break
    end
  end
end

-- What a life consists of, in its order. Each part goes on from what the one before left in the account.
local function parts(life)
  local list = {
    function(trial, options) return trial:apply(life.recipe, life.words, options) end,
    function(trial, options) trial:plan(life.recipe, life.words, options) end,
  }
  for i, words in ipairs(life.changes or {}) do
    list[#list + 1] = function(trial, options) trial:apply(life.recipe, words, options) end
    if not life.one_way or life.changes[i + 1] then
      list[#list + 1] = function(trial, options) trial:apply(life.recipe, life.words, options) end
    end
  end
  list[#list + 1] = function(trial, options) trial:destroy(life.recipe, life.words, nil, options) end
  return list
end

-- What was asked, and the first word of a change that turned out to be one way: then all is to be seen again.
local function watch_once(life, options, one_way)
  local asked = { requests = {}, changes = life.changes or {}, changed = {}, one_way = life.one_way }
  local trial <close> = open(life, {
    observe = function(requests)
      table.move(requests, 1, #requests, #asked.requests + 1, asked.requests)
    end,
  })
  local list = parts(life)
  for i, part in ipairs(list) do
    if i == #list then
      local again = not life.changes and try_changes(trial, life, asked, one_way)
      if again then return asked, again end
      asked.destroying = #asked.requests + 1
    end
    local made = part(trial, options)
    asked.stack = asked.stack or made.plan.stack.name
  end
  return asked
end

--- Sees what the life of a recipe asks IAM.
--- @param life eksrun.policy.Life
--- @param options? eksrun.trial.Options
--- @return eksrun.policy.Asked
function M.watch(life, options)
  local one_way = {}
  while true do
    local asked, again = watch_once(life, options, one_way)
    if not again then return asked end
    one_way[again] = true
  end
end

-- The action that was refused, of an error or of what caused it.
local function refused_action(err)
  if not error_object.is(err) then return nil end
  local action = tostring(err.message):match "not authorized to perform: ([%w-]+:%w+)"
  for _, other in ipairs(err.errors or {}) do action = action or refused_action(other) end
  return action or refused_action(err.cause)
end

--- @class eksrun.policy.Course how a life went under a policy
--- @field life eksrun.policy.Life
--- @field done boolean whether all of it went well
--- @field err any what did not
--- @field missed string? action that was refused, if it was that
--- @field last integer the part that it came to
--- @field states table[] what the account held before each part
--- @field first table<string, integer> the part in which an action was first asked for

-- Lives from a part on; until then all is as in the course before.
local function live(life, documents, from, before)
  local course = { life = life, done = true, states = {}, first = {} }
  for action, at in pairs(from > 1 and before.first or {}) do
    if at < from then course.first[action] = at end
  end
  local trial <close> = open(life, {
    enforce = documents, state = before and before.states[from],
    observe = function(requests)
      for _, request in ipairs(requests) do
        course.first[request.action] = course.first[request.action] or course.last
      end
    end,
  })
  for i, part in ipairs(parts(life)) do
    course.last = i
    if i < from then
      course.states[i] = before.states[i]
    else
      course.states[i] = trial:state()
      course.done, course.err = pcall(part, trial)
    end
    if not course.done then
      course.missed = refused_action(course.err)
      return course
    end
  end
  return course
end

--- Lives in a sandbox that allows what the documents do.
--- @param life eksrun.policy.Life with its changes
--- @param documents table[]
--- @return eksrun.policy.Course
function M.under(life, documents) return live(life, documents, 1) end

--- Lives on, with more allowed, in the part that went wrong.
--- @param course eksrun.policy.Course
--- @param documents table[]
--- @return eksrun.policy.Course
function M.resume(course, documents) return live(course.life, documents, course.last, course) end

--- Lives once more without an action, from the part on that asked for it first.
--- @param course eksrun.policy.Course of a life that went well
--- @param documents table[] those of the course without the action
--- @param action string
--- @return eksrun.policy.Course
function M.without(course, documents, action)
  local from = course.first[action]
  return from and live(course.life, documents, from, course) or course
end

return M
