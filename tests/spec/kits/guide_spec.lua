-- The recipes in docs/: each block of Lua that stands for a whole recipe is one.
local aws = require "eksrun.aws"
local clock = require "eksrun.clock"
local file = require "eksrun.file"
local recipe = require "eksrun.engine.recipe"
local sandbox = require "eksrun.sandbox"

-- The blocks of a page, in order.
local function blocks(page)
  local found = {}
  for text in file.read(page):gmatch "\n```lua\n(.-)\n```" do found[#found + 1] = text end
  assert.is_true(#found > 0, page)
  return found
end

local function load(text)
  local path = os.tmpname()
  file.write_atomic(path, text)
  local _ <close> = setmetatable({}, { __close = function() os.remove(path) end })
  return recipe.load(path, {}, { region = "eu-west-1", account = "123456789012" })
end

describe("the documents", function()
  local before

  before_each(function()
    before = aws._options
    local world = sandbox.new() -- kits ask for zones
    clock.simulate(world.started)
    aws.configure(world:options "eu-west-1")
  end)

  after_each(function()
    clock.simulate(nil)
    aws._options = before
  end)

  it("have a guide whose example of the kits declares what it says", function()
    local example = blocks("docs/guide/managed-cluster.md")[1]
    local loaded = load(example .. "\nreturn { eks = eks, net = net, list = { 1 } }")
    local by_address = loaded.graph.by_address
    local endpoint = by_address["cluster/control-plane"].inputs.resourcesVpcConfig
    assert.same("10.4.0.0/16", by_address["network/vpc"].inputs.CidrBlock)
    assert.same({ "203.0.113.0/24" }, endpoint.publicAccessCidrs)
    assert.same("m7g.large", by_address["nodes/system"].inputs.instanceTypes[1])
    assert.same("SPOT", by_address["nodes/batch"].inputs.capacityType)
    -- What kits return is shown without how they are made.
    assert.same("prod", loaded.outputs.eks.name)
    assert.is_nil(rawget(loaded.outputs.eks, "kept"))
    assert.is_nil(rawget(loaded.outputs.net, "egress"))
    assert.same({ "eu-west-1a", "eu-west-1b" }, loaded.outputs.net.zones)
    assert.same({ 1 }, loaded.outputs.list)
  end)

  it("have a reference of recipes whose first example is one", function()
    local by_address = load(blocks("docs/reference/recipes.md")[1]).graph.by_address
    assert.same("10.0.2.0/24", by_address["zone-2/subnet"].inputs.CidrBlock)
  end)

  it("have a reference of types whose first example is a recipe, and whose last defines a type", function()
    local examples = blocks "docs/reference/resource-types.md"
    assert.same("10.0.0.0/20", load(examples[1]).graph.by_address.a.inputs.CidrBlock)
    assert.same("ec2.route", assert(_G.load(examples[#examples]))().name)
  end)
end)
