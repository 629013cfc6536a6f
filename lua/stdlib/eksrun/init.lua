--- What a recipe is written with: `local eksrun = require "eksrun"`.
local graph = require "eksrun.engine.graph"
local ref = require "eksrun.engine.ref"
local stack = require "eksrun.engine.stack"
local util = require "eksrun.util"

local M = {
  --- Of the program: "1.2.3".
  version = require "eksrun.version",
}

--- Declares the parameters of the recipe and returns their values: see eksrun.params.
--- A parameter `name` becomes a part of the stack's name.
--- @param declared table<string, eksrun.Parameter>
--- @return table<string, any>
function M.params(declared)
  return require("eksrun.engine.recipe").take_params(declared)
end

--- Names the stack, instead of the recipe's file and its parameter `name`. Before any resource.
--- @param name string
--- @return string name
--- Raises at the recipe's line behind the first resource.
function M.stack(name)
  if graph.current().nodes[1] then
    util.raise_at_caller("stack: the name comes before the first resource")
  end
  return stack.name_current(name).name
end

--- Runs f; the addresses of what it declares begin with `name/`.
--- @param name string
--- @param f fun(...): ...
--- @param ... any for f
--- @return any ... what f returns
function M.scope(name, f, ...) return graph.current():scope(name, f, ...) end

--- A call that changes something, run by apply after what it needs, never by a plan:
---
---   eksrun.step("seed", { after = { eks }, with = { eks.endpoint } }, function(endpoint) ... end)
---
--- @param name string
--- @param options eksrun.step.Options
--- @param run fun(...): any
--- @return table handle with a ref `result`
function M.step(name, options, run)
  return require("eksrun.engine.step").declare(name, options, run)
end

--- One ref for a table with refs in it: `eksrun.all({ a.Arn, b.Arn }):map(function(arns) ... end)`.
--- @param value table
--- @return eksrun.Ref
function M.all(value) return ref.all(value) end

--- Whether a value is a ref: known only after apply.
--- @param value any
--- @return boolean
function M.is_ref(value) return ref.is(value) end

return util.strict("eksrun", M)
