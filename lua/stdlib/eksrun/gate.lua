--- A gate: some resources come before others, whichever of them the recipe declares first.
---
--- `egress:first(route)` and `egress:behind(nodes)` make the nodes wait for the route, in either order.
local graph = require "eksrun.engine.graph"

local M = {}

--- @class eksrun.Gate
local Gate = {}
Gate.__index = Gate

--- @return eksrun.Gate
function M.new() return setmetatable({ early = {}, late = {} }, Gate) end

local function link(late, early) table.insert(graph.node_of(late).depends_on, graph.node_of(early)) end

--- What is behind the gate waits for these.
--- @param ... table resources
function Gate:first(...)
  for _, early in ipairs { ... } do
    table.insert(self.early, early)
    for _, late in ipairs(self.late) do link(late, early) end
  end
end

--- These wait for what comes first.
--- @param ... table resources
function Gate:behind(...)
  for _, late in ipairs { ... } do
    table.insert(self.late, late)
    for _, early in ipairs(self.early) do link(late, early) end
  end
end

return M
