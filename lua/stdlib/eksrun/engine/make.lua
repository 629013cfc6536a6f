--- Makes one thing, once: whatever becomes of the answer, and whatever an earlier run may have asked for.
---
--- A creation whose answer was lost may have made the thing. It is not sent again before AWS was asked for
--- what carries the address, as long as a new thing may stay unseen: then it is taken over instead.
local clock = require "eksrun.clock"
local process = require "eksrun.process"
local failure = require "eksrun.aws.failure"
local guard = require "eksrun.engine.lock.guard"
local task = require "eksrun.task"

local M = {}

local SENDS_MAX = 8

--- Seconds after which AWS shows what was made, to whoever asks by tags. EKSRUN_SETTLE_SECONDS says
--- otherwise, for stand-ins of AWS that are quicker.
--- @return number
function M.settle_seconds() return tonumber(process.env "EKSRUN_SETTLE_SECONDS") or 60 end

-- What there is of it; true for a namesake that is not the stack's.
local function find(step, ctx, inputs)
  local type_ = step.action.type
  local key = type_.identity ~= "tag" and inputs and type_:key_of(inputs)
  -- What is replaced has the same address until it goes.
  local old = step.action.record
  for _, record in ipairs(type_.observe(ctx:fresh(), key and { inputs } or {})) do
    local is_old = record.leaving or old and record[type_.id] == old[type_.id]
    if not is_old and key and type_:key_of(record) == key then
      return (record.address or not type_.tagging) and record or true
    elseif not is_old and not key and record.address == step.address then
      return record
    end
  end
end

-- Looks until `due` (our clock) has come; the last look begins behind it.
local function look(run, step, ctx, inputs, due)
  local delay = 0.5
  while true do
    local asked = clock.now()
    local record = find(step, ctx, inputs)
    if record then return record ~= true and record or nil end
    if asked >= due or run.stopping then return nil end
    ctx:state "looking for what may have been made already"
    task.sleep(math.max(0, math.min(delay, due - clock.now())))
    delay = math.min(delay * 2, 10)
  end
end

--- What an earlier run may have asked for and AWS did not show to the plan.
--- @param run table engine/apply.lua's
--- @param step eksrun.Step
--- @param ctx eksrun.Context
--- @return table? record
function M.earlier(run, step, ctx)
  local due = run.unsettled and run.unsettled(step)
  -- What has a name cannot be made twice.
  if not due or step.action.type.identity ~= "tag" then return nil end
  return look(run, step, ctx, nil, due)
end

-- Whether AWS refuses because there is one: of the name, of the route, of the rule.
local function is_taken(err)
  local code = tostring(err.code)
  return code:find("Already", 1, true) ~= nil or code:find("Duplicate", 1, true) ~= nil
    or code == "ResourceInUseException"
end

--- Sends the creation. The intent is on disk before the call leaves, the outcome behind it; an attempt that
--- leaves much later, held up by throttling or the lock, is one more intent.
--- @param run table
--- @param step eksrun.Step
--- @param ctx eksrun.Context
--- @param inputs table
--- @return table? answer
--- @return table? record of what was found instead: the answer that made it was lost
--- Raises what AWS refuses, and what nobody knows the outcome of.
function M.now(run, step, ctx, inputs)
  local type_, journal, aws = step.action.type, run.journal, ctx.aws
  local _ <close> = setmetatable({}, { __close = function() ctx.aws = aws end })
  if journal then
    journal:intend(step, ctx.token, inputs)
    ctx.aws = guard.wrap(aws, function() journal:renew(step, ctx.token, inputs) end)
  end
  local function settled(fields)
    if journal then journal:settle(step, fields and fields[type_.id]) end
  end
  local open = false
  for sent = 1, SENDS_MAX do
    local ok, made = pcall(ctx.retry, ctx, (type_.retry or {}).create, function()
      return type_.create(ctx, inputs)
    end)
    if ok then
      settled(made)
      return made
    end
    local err = made
    local of_aws = type(err) == "table" and err.service ~= nil
    local lost = of_aws and failure.leaves_open(err)
    open = open or lost
    local by_tag = type_.identity == "tag"
    -- AWS knows of one that it does not show yet: an earlier run's, or this one's.
    local taken = of_aws and not by_tag and is_taken(err)
    if not (open or taken) or not of_aws or run.stopping then
      if of_aws and not open then settled() end
      error(err, 0)
    end
    -- By tag, only time tells that there is none; a name is refused if it is taken.
    local due = clock.now() + ((by_tag or taken) and M.settle_seconds() or 0)
    local record = look(run, step, ctx, inputs, due)
    if record then
      settled(record)
      return nil, record
    end
    if not lost or sent == SENDS_MAX then
      settled()
      error(err, 0)
    end
  end
end

return M
