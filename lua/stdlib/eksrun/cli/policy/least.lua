--- The least policy for the life of a recipe: enough, as a sandbox that enforces it has shown, and without
--- what is only asked in passing.
local documents = require "eksrun.cli.policy.document"
local lives = require "eksrun.cli.policy.life"
local util = require "eksrun.util"

local M = {}

local function only(requests, actions)
  local list = {}
  for _, request in ipairs(requests) do
    if actions[request.action] then list[#list + 1] = request end
  end
  return list
end

local function reads(action)
  local verb = action:match ":(%u%l+)"
  return verb == "Describe" or verb == "List" or verb == "Get"
end

-- What changes something, and what is read when nothing is looked for but what the recipe declares, nor what
-- others left that stands in the way of a destroy.
local function surely_needed(life, asked)
  local actions = {}
  for _, request in ipairs(asked.requests) do
    if not reads(request.action) then actions[request.action] = true end
  end
  local plain = lives.watch(util.overlay(life, { changes = {} }), { declared_only = true })
  for i = 1, plain.destroying - 1 do actions[plain.requests[i].action] = true end
  return actions
end

--- @class eksrun.policy.Least
--- @field documents table[]
--- @field course eksrun.policy.Course of a life under them, with the changes that were made
--- @field asked eksrun.policy.Asked
--- @field spared string[] actions that were asked for and are not needed

--- Finds the policy: lives the life, and lives it again under what it asked for.
--- @param life eksrun.policy.Life
--- @param all? boolean with all that was asked for, needed or not
--- @param counter? eksrun.cli.Counting told which of the actions is tried
--- @return eksrun.policy.Least
--- Raises what stops a life that no policy lets go on.
function M.of(life, all, counter)
  local asked = lives.watch(life)
  life = util.overlay(life, {})
  life.changes, life.one_way = asked.changes, asked.one_way
  -- A run looks for what may be left, too; what it is not let see it says, and goes on.
  local actions, spared = all and {} or surely_needed(life, asked), {}
  for _, request in ipairs(asked.requests) do
    if all then actions[request.action] = true end
    if not actions[request.action] then spared[request.action] = true end
  end
  local function with(chosen) return documents.of(only(asked.requests, chosen), asked.stack) end
  -- What is missed is added, one after the other, until nothing is.
  local course = lives.under(life, with(actions))
  while not course.done do
    if not course.missed or not spared[course.missed] then error(course.err, 0) end
    actions[course.missed], spared[course.missed] = true, nil
    course = lives.resume(course, with(actions))
  end
  local doubtful = all and {} or util.sorted_keys(actions)
  for i, action in ipairs(doubtful) do
    if counter then counter:step(i, #doubtful) end
    if reads(action) then
      actions[action] = nil
      local other = lives.without(course, with(actions), action)
      actions[action], spared[action] = not other.done or nil, other.done or nil
      if other.done then course = other end
    end
  end
  -- What was found in parts is enough for the whole.
  course = lives.under(life, with(actions))
  if not course.done then error(course.err, 0) end
  return { documents = with(actions), course = course, asked = asked, spared = util.sorted_keys(spared) }
end

return M
