--- Changes the tags of things under the lock of their stack, and nothing else: what adopt and move do.
local context = require "eksrun.engine.context"
local guard = require "eksrun.engine.lock.guard"
local inventory = require "eksrun.engine.inventory"
local locks = require "eksrun.engine.lock"
local tags_module = require "eksrun.resource.tags"

local M = {}

--- @class eksrun.retag.Change
--- @field type eksrun.ResourceType
--- @field record table
--- @field address string
--- @field set table<string, string> tags

--- @class eksrun.retag.Options
--- @field plan eksrun.Plan of the recipe
--- @field changes eksrun.retag.Change[]
--- @field aws table
--- @field command string for whoever meets the lock
--- @field lock? boolean default true
--- @field wait? number seconds to wait for a holder
--- @field on_wait? fun(record: eksrun.lock.Record)
--- @field on_warning? fun(text: string)

--- Gives what is taken into a stack, or moved, its tags, under the stack's lock.
--- @param options eksrun.retag.Options
--- Raises what AWS refuses; what was done before stays done, and the same again goes on.
function M.carry_out(options)
  local stack, aws, lock = options.plan.stack, options.aws, nil
  if options.lock ~= false then
    lock = locks.take {
      aws = aws, stack = stack, command = options.command, wait = options.wait, on_wait = options.on_wait,
      inventory = function(before) return inventory.union(before, inventory.during(options.plan)) end,
    }
  end
  local before = lock and lock.before
  local complete = not before or before.kind == "release" and before.complete or false
  local _ <close> = setmetatable({}, {
    __close = function()
      local warning = lock and lock:release(complete)
      if warning and options.on_warning then options.on_warning(warning) end
    end,
  })
  local _ <close> = guard.enforce(lock)
  for _, change in ipairs(options.changes) do
    local type_ = change.type
    local ctx = context.new {
      aws = aws, stack = stack, type = type_, address = change.address, memo = {}, tags = change.set,
    }
    local retag = type_.retag or tags_module.scheme(type_.tagging[1]).retag
    retag(ctx, change.record, change.set, {})
  end
end

return M
