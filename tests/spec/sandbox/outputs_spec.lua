-- What a resource gives to others is known as soon as it is made: the same as the next run finds.
local file = require "eksrun.file"
local process = require "eksrun.process"
local trials = require "eksrun.trial"

-- The sandbox's CloudFormation makes no buckets.
local RECIPES = {
  { "recipes/private-cluster.lua" },
  { "tests/integration/recipes/types.lua", "AWS::S3::Bucket", "AWS::Logs::LogGroup" },
}

-- The outputs that the types declare, by address and name.
local function outputs_of(run)
  local found = {}
  for node, fields in pairs(run.fields) do
    for name in pairs(node.type.outputs) do found[node.address .. "." .. name] = fields[name] or "none" end
  end
  return found
end

describe("the outputs of resources", function()
  local folder

  setup(function() folder = process.run({ argv = { "mktemp", "-d" } }).stdout:gsub("%s+$", "") end)
  teardown(function() process.run { argv = { "rm", "-r", folder } } end)

  for _, case in ipairs(RECIPES) do
    it("are known at once, of " .. case[1], function()
      local path = folder .. "/recipe.lua"
      file.write_atomic(path, (file.read(case[1]):gsub(case[2] or "$^", case[3] or "")))
      local trial <close> = trials.new { seed = 1 }
      local made = outputs_of(trial:apply(path, {}))
      local kept = outputs_of(trial:apply(path, {}))
      assert.is_true(next(made) ~= nil)
      for name, value in pairs(kept) do
        if value ~= "none" then assert.is_not.equal("none", made[name], name) end
      end
    end)
  end
end)
