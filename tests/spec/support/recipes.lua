--- The recipes that ship, and what each wants in the account that it begins with.
local process = require "eksrun.process"
local trials = require "eksrun.trial"

local M = {}

--- By the stem of the file: the recipe with its words that comes before, and the words that follow from what
--- the account holds then.
M.needs = {
  iam = { before = { "managed-cluster" }, words = function() return { "cluster=demo" } end },
  ["private-endpoints"] = {
    before = { "vpc", "internet=false" },
    words = function(state) return { "vpc=" .. next(state.regions["us-east-1"]["ec2.vpc"]) } end,
  },
}

--- @return string[] stems
function M.stems()
  local list = {}
  for stem in process.run({ argv = { "ls", "recipes" } }).stdout:gmatch "([%w-]+)%.lua" do
    list[#list + 1] = stem
  end
  return list
end

--- @param stem string
--- @return string path
function M.path(stem) return "recipes/" .. stem .. ".lua" end

--- What a recipe begins with, made in this process.
--- @param stem string
--- @return string[] words
--- @return table? state of a sandbox; nil: an empty one
function M.account(stem)
  local need = M.needs[stem]
  if not need then return {} end
  local trial <close> = trials.new { seed = 1 }
  trial:apply(M.path(need.before[1]), { table.unpack(need.before, 2) })
  local state = trial:state()
  return need.words(state), state
end

return M
