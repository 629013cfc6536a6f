-- A sandbox's state that somebody edited is refused in one line that names the place.
local file = require "eksrun.file"
local json = require "eksrun.json"
local store = require "eksrun.sandbox.store"
local support = require "tests.spec.support.sandbox"

describe("a sandbox's state", function()
  local path = os.tmpname()
  after_each(function()
    support.close()
    os.remove(path)
  end)

  -- One with things, tokens, numbers drawn and an event to come, as text.
  local function saved()
    local aws, sandbox = support.open()
    local vpc = aws.ec2:create_vpc { CidrBlock = "10.0.0.0/16" }.Vpc.VpcId
    aws.ec2:create_tags { Resources = { vpc }, Tags = { { Key = "a", Value = "b" } } }
    aws.ec2:create_route_table { VpcId = vpc, ClientToken = "t" }
    support.cluster(aws)
    aws.eks:delete_cluster { name = "demo" }
    store.save(path, sandbox.world.state)
    return assert(file.read(path)), vpc
  end

  it("is loaded as it was saved", function()
    local text = saved()
    assert.is_true(#json.decode(text).events > 0)
    assert.is_true(next(json.decode(text).tokens) ~= nil)
    store.save(path, store.load(path))
    assert.equal(text, file.read(path))
  end)

  it("is refused deep in a thing when somebody stumbles over it", function()
    local text, vpc = saved()
    local function tried(place, value, service, operation, params)
      local state = json.decode(text)
      local inner = state.regions["us-east-1"]
      for i = 1, #place - 1 do inner = inner[place[i]] end
      inner[place[#place]] = value
      file.write_atomic(path, json.encode(state))
      local aws = support.open { state = store.load(path) }
      local _, err = pcall(aws[service][operation], aws[service], params)
      support.close()
      return tostring(err):match "is not the state of a sandbox: regions%.us%-east%-1%.(.*) is not what"
    end
    local subnet = { VpcId = vpc, CidrBlock = "10.0.1.0/24" }
    assert.equal("ec2.vpc." .. vpc .. ".CidrBlock",
      tried({ "ec2.vpc", vpc, "CidrBlock" }, { 1 }, "ec2", "describe_vpcs", {}))
    assert.equal("ec2.vpc." .. vpc .. ".CidrBlockAssociationSet.1",
      tried({ "ec2.vpc", vpc, "CidrBlockAssociationSet", 1 }, "x", "ec2", "create_subnet", subnet))
    assert.equal("ec2.vpc." .. vpc .. "._attributes",
      tried({ "ec2.vpc", vpc, "_attributes" }, 7, "ec2", "describe_vpc_attribute",
        { VpcId = vpc, Attribute = "enableDnsSupport" }))
    assert.equal("eks.cluster.demo.resourcesVpcConfig",
      tried({ "eks.cluster", "demo", "resourcesVpcConfig" }, 7, "eks", "describe_cluster", { name = "demo" }))
  end)

  it("is refused where it was damaged, and left as it is", function()
    local text, vpc = saved()
    local thing = { "regions", "us-east-1", "ec2.vpc", vpc, "Tags", 1, "Key" }
    local places = {
      { "seed" }, { "now" }, { "serial" }, { "requests" }, { "account" }, { "regions" }, { "events" },
      { "tokens" }, { "drawn" }, { "events", 1 }, { "events", 1, "at" }, { "events", 1, "arguments" },
      { "tokens", (next(json.decode(text).tokens)) }, { "drawn", (next(json.decode(text).drawn)) },
      { "regions", "us-east-1", "ec2.vpc", vpc, "_order" },
    }
    for n = 2, #thing do places[#places + 1] = { table.unpack(thing, 1, n) } end
    for _, place in ipairs(places) do
      for _, other in ipairs { true, json.null } do
        local state = json.decode(text)
        local inner = state
        for i = 1, #place - 1 do inner = inner[place[i]] end
        assert.is_not_nil(inner[place[#place]], table.concat(place, "."))
        inner[place[#place]] = other
        local damaged = json.encode(state)
        file.write_atomic(path, damaged)
        local ok, err = pcall(store.load, path)
        assert.is_false(ok, table.concat(place, "."))
        local where = table.concat(place, ".")
        local message = "%s is not the state of a sandbox: %s is not what eksrun writes there"
        assert.equal(message:format(path, where), tostring(err))
        assert.equal(damaged, file.read(path))
      end
    end
  end)
end)
