--- Kits on an AWS of a spec's own, declaring into a graph of its own.
local raised = require "tests.spec.support.raised"

local M = {}

-- Each finds the session of AWS when it is loaded.
local modules = {
  "eksrun.aws", "eksrun.iam", "eksrun.vpc", "eksrun.vpc.endpoints", "eksrun.vpc.existing",
  "eksrun.cluster", "eksrun.cluster.nodes", "eksrun.cluster.self_managed", "eksrun.cluster.fargate",
  "eksrun.cluster.addons", "eksrun.cluster.access",
}
local graphs, kept, before

--- Loads a kit anew.
--- @param kit string its module
--- @param aws table instead of the module eksrun.aws
--- @return table kit
--- @return eksrun.Graph graph what it declares
function M.open(kit, aws)
  kept = {}
  for _, name in ipairs(modules) do
    kept[name] = package.loaded[name] or false
    package.loaded[name] = nil
  end
  package.loaded["eksrun.aws"] = aws
  local loaded = require(kit)
  graphs = require "eksrun.engine.graph"
  local graph = graphs.new()
  before = graphs.set_current(graph)
  return loaded, graph
end

function M.close()
  graphs.set_current(before)
  for name, module in pairs(kept) do package.loaded[name] = module or nil end
end

--- Calls what a kit must refuse.
--- @param reason string is part of the message
--- @param f function
--- @param ... any its arguments
--- @return string message
function M.refuses(reason, f, ...)
  local message = tostring(raised(f, ...))
  assert(message:find(reason, 1, true), message)
  return message
end

return M
