--- Steps: calls of a recipe that change something, run by apply at their place in the graph and never
--- by a plan.
local fault = require "eksrun.engine.fault"
local resource = require "eksrun.resource"
local util = require "eksrun.util"

local M = {}

local step = resource.define {
  name = "eksrun.step",
  identity = "name",
  key = { "name" },
  observe_with = { "with" },
  id = "name",
  inputs = {
    name = { type = "string", required = true },
    run = { type = "function", required = true, write_only = true },
    done = { type = "function", write_only = true },
    with = { type = "table", write_only = true },
  },
  outputs = { "result" },

  observe = function(ctx, wanted)
    local records = {}
    ctx:each(wanted, function(want)
      local result = want.done and fault.call(want.done, table.unpack(want.with or {}))
      if result then records[#records + 1] = { name = want.name, result = result } end
    end)
    return records
  end,

  create = function(_, inputs)
    return { result = fault.call(inputs.run, table.unpack(inputs.with or {})) }
  end,
  delete = function() end,
}

--- @class eksrun.step.Options
--- @field after? any[] resources or addresses that come first
--- @field with? any[] values, refs among them: the arguments of `run` and `done`
--- @field done? fun(...): any true, or the result, when there is nothing to do; may only read

--- Declares a step. Without `done` it runs every time.
--- @param name string
--- @param options eksrun.step.Options
--- @param run fun(...): any
--- @return table handle with a ref `result`
--- Raises at the recipe's line for options that there are none of.
function M.declare(name, options, run)
  if type(options) ~= "table" then
    util.raise_at_caller("step: a table of options expected, got %s", type(options))
  end
  for key in util.sorted_pairs(options) do
    if key ~= "after" and key ~= "with" and key ~= "done" then
      util.raise_at_caller("step: unknown field '%s'%s", tostring(key),
        util.did_you_mean(key, { "after", "with", "done" }))
    end
  end
  return step {
    name, name = name, run = run, done = options.done, with = options.with, depends_on = options.after,
  }
end

return M
