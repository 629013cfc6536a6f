-- The network, cluster and IAM kits: what they declare.
local cidr = require "eksrun.cidr"
local ec2 = require "eksrun.ec2"
local refuses = require("tests.spec.support.kits").refuses

local ZONES = {
  { ZoneName = "us-east-1c", ZoneId = "use1-az2", ZoneType = "availability-zone", State = "available" },
  { ZoneName = "us-east-1a", ZoneId = "use1-az6", ZoneType = "availability-zone", State = "available" },
  { ZoneName = "us-east-1b", ZoneId = "use1-az3", ZoneType = "availability-zone", State = "available" },
  { ZoneName = "us-east-1d", ZoneId = "use1-az4", ZoneType = "availability-zone", State = "impaired" },
  { ZoneName = "us-east-1-bos-1a", ZoneId = "use1-bos1-az1", ZoneType = "local-zone", State = "available" },
  { ZoneName = "us-east-1f", ZoneId = "use1-az5", ZoneType = "availability-zone", State = "available" },
  { ZoneName = "us-east-1e", ZoneId = "use1-az1", ZoneType = "availability-zone", State = "available" },
}

local function fake_aws(region, partition)
  return {
    region = function() return region or "us-east-1" end,
    partition = function() return partition or "aws" end,
    account = function() return "123456789012" end,
    ec2 = { describe_availability_zones = function() return { AvailabilityZones = ZONES } end },
  }
end

describe("kits", function()
  local graph, vpc, cluster, iam, before, kept

  before_each(function()
    kept = {}
    for _, name in ipairs { "eksrun.aws", "eksrun.vpc", "eksrun.cluster", "eksrun.iam" } do
      kept[name] = package.loaded[name] or false
      package.loaded[name] = nil
    end
    package.loaded["eksrun.aws"] = fake_aws()
    vpc, cluster, iam = require "eksrun.vpc", require "eksrun.cluster", require "eksrun.iam"
    local graphs = require "eksrun.engine.graph"
    graph = graphs.new()
    before = graphs.set_current(graph)
  end)

  after_each(function()
    require("eksrun.engine.graph").set_current(before)
    for name, module in pairs(kept) do package.loaded[name] = module or nil end
  end)

  local function addresses(type_name)
    local list = {}
    for _, node in ipairs(graph.nodes) do
      if not type_name or node.type.name == type_name then list[#list + 1] = node.address end
    end
    return list
  end

  local function needs(address)
    local set = {}
    local function visit(node)
      for _, other in ipairs(graph:dependencies(node)) do
        if not set[other.address] then
          set[other.address] = true
          visit(other)
        end
      end
    end
    visit(graph.by_address[address])
    return set
  end

  -- The inputs that are plain values.
  local function plain_inputs()
    local all = {}
    for _, node in ipairs(graph.nodes) do
      for name, value in pairs(node.inputs) do
        if type(value) ~= "table" then all[node.address .. ":" .. name] = value end
      end
    end
    return all
  end

  describe("vpc", function()
    it("chooses zones that EKS can use, the same ones every time", function()
      assert.same({ "us-east-1a", "us-east-1c", "us-east-1d" }, vpc.zones(3))
      local ok, err = pcall(vpc.zones, 6)
      assert.is_false(ok)
      assert.matches("6 zones wanted, but EKS can use only 5 here: us%-east%-1a, us%-east%-1c", err.message)
    end)

    it("lays out subnets that neither overlap nor leave the network", function()
      for _, range in ipairs { "10.0.0.0/16", "192.168.4.0/22", "10.9.8.0/25" } do
        graph.nodes, graph.by_address = {}, {}
        vpc.network { name = "n", cidr = range, zones = 4 }
        local ranges = {}
        for _, address in ipairs(addresses "ec2.subnet") do
          ranges[#ranges + 1] = graph.by_address[address].inputs.CidrBlock
        end
        assert.equal(8, #ranges)
        for i, one in ipairs(ranges) do
          assert.is_true(cidr.contains(range, one))
          for j = i + 1, #ranges do assert.is_false(cidr.overlaps(one, ranges[j])) end
        end
      end
    end)

    it("changes nothing that is there when a zone is added", function()
      vpc.network { name = "n", zones = 2 }
      local two = plain_inputs()
      graph.nodes, graph.by_address = {}, {}
      vpc.network { name = "n", zones = 4 }
      local four = plain_inputs()
      for key, value in pairs(two) do assert.equal(value, four[key], key) end
    end)

    it("changes nothing that is there when each zone gets a NAT gateway", function()
      vpc.network { name = "n", zones = 3, nat = "single" }
      local single = plain_inputs()
      graph.nodes, graph.by_address = {}, {}
      vpc.network { name = "n", zones = 3, nat = "per-zone" }
      local each = plain_inputs()
      for key, value in pairs(single) do assert.equal(value, each[key], key) end
      assert.same({ "network/nat-a", "network/nat-c", "network/nat-d" }, addresses "ec2.nat_gateway")
      assert.is_true(needs("network/private/default-d")["network/nat-d"])
      assert.is_nil(needs("network/private/default-d")["network/nat-a"])
    end)

    it("sends private subnets through the gateway, and waits for the way out", function()
      local net = vpc.network { name = "n", zones = 2 }
      assert.equal(net.private, net.nodes)
      local via = needs "network/private/default-c"
      assert.is_true(via["network/nat-a"])
      assert.is_true(via["network/address-a"])
      assert.is_true(via["network/public/a"])
      assert.is_true(via["network/gateway"])
    end)

    it("puts nodes into public subnets where there is no NAT", function()
      local net = vpc.network { name = "n", zones = 2, nat = "none" }
      assert.equal(net.public, net.nodes)
      assert.same({}, addresses "ec2.nat_gateway")
      assert.same({}, addresses "ec2.address")
      assert.same({ "network/public/default" }, addresses "ec2.route")
    end)

    it("tags subnets as Kubernetes looks for them", function()
      vpc.network { name = "n", zones = 2, tags = { team = "core" } }
      assert.same({ Name = "n/public/a", team = "core", ["kubernetes.io/role/elb"] = "1" },
        graph.by_address["network/public/a"].tags)
      assert.same({ Name = "n/private/a", team = "core", ["kubernetes.io/role/internal-elb"] = "1" },
        graph.by_address["network/private/a"].tags)
    end)

    it("takes zones by name, in the order given", function()
      assert.same({ "us-east-1d", "us-east-1a" },
        vpc.network({ name = "n", zones = { "us-east-1d", "us-east-1a" } }).zones)
    end)

    it("says how it is called to who says a colon", function()
      for name, call in pairs {
        ["vpc.network"] = function() vpc:network { name = "n" } end,
        ["cluster.create"] = function() cluster:create { name = "n" } end,
        ["iam.role_for"] = function() iam:role_for { "n", trust = "ec2" } end,
        ["ec2.vpc"] = function() ec2:vpc { CidrBlock = "10.0.0.0/16" } end,
      } do
        local message = refuses(name .. " is called with a dot: " .. name .. " { ... }", call)
        assert.matches("network_spec.lua:%d+:", message)
      end
    end)

    it("refuses what AWS would refuse, at the recipe's line", function()
      for reason, options in pairs {
        ["did you mean 10.0.0.0/16?"] = { cidr = "10.0.0.1/16" },
        ["10.0.0.0/26 is too small for 4 zones"] = { cidr = "10.0.0.0/26", zones = 4 },
        ["at most /16"] = { cidr = "10.0.0.0/8" },
        ["IPv4"] = { cidr = "fd00::/56" },
        ["nat is 'none', 'single' or 'per-zone', not 'two'"] = { nat = "two" },
        ["zones: at least 1, not 0"] = { zones = 0 },
        ["unknown field 'zone'"] = { zone = 1 },
        ["no zone 'us-east-1z' here; did you mean 'us-east-1a' or"] = {
          zones = { "us-east-1c", "us-east-1z" },
        },
        ["EKS cannot use us-east-1-bos-1a; it can use"] = { zones = { "us-east-1-bos-1a" } },
        ["EKS cannot use us-east-1b; it can use us-east-1a, us-east-1c"] = { zones = { "us-east-1b" } },
        ["a list of names, { \"us-east-1a\", ... }, has a number"] = { zones = { 1 } },
      } do
        options.name = "n"
        assert.matches("network_spec.lua:%d+:", refuses(reason, function() vpc.network(options) end))
        graph.nodes, graph.by_address = {}, {}
      end
    end)
  end)

  describe("cluster", function()
    local net, eks

    before_each(function()
      net = vpc.network { name = "n", zones = 2 }
      eks = cluster.create { name = "demo", version = "1.33", network = net, logs = { "audit" } }
    end)

    it("starts before the NAT gateway is there, its nodes after", function()
      eks:managed_nodes { name = "general", instance_types = { "m7g.large" }, desired = 2 }
      local control_plane = needs "cluster/control-plane"
      assert.is_true(control_plane["cluster/role"])
      assert.is_true(control_plane["network/private/a"])
      assert.is_nil(control_plane["network/nat-a"])
      local nodes = needs "nodes/general"
      for _, address in ipairs {
        "cluster/control-plane", "nodes/role", "network/private/default-a", "network/private/link-c",
      } do
        assert.is_true(nodes[address], address)
      end
      assert.is_nil(needs("nodes/role")["cluster/control-plane"])
    end)

    it("derives the image and the sizes", function()
      eks:managed_nodes { name = "a", instance_types = { "m7g.large" } }
      eks:managed_nodes { name = "b", instance_types = { "g5.xlarge" }, min = 0, desired = 3 }
      eks:managed_nodes {
        name = "c", instance_types = { "x9z.large" }, ami_type = "CUSTOM", desired = 0, max = 9,
      }
      local function inputs(name) return graph.by_address["nodes/" .. name].inputs end
      assert.equal("AL2023_ARM_64_STANDARD", inputs("a").amiType)
      assert.equal("AL2023_x86_64_NVIDIA", inputs("b").amiType)
      assert.equal("CUSTOM", inputs("c").amiType)
      assert.same({ minSize = 1, maxSize = 1 }, inputs("a").scalingConfig)
      assert.same({ minSize = 0, maxSize = 3, desiredSize = 3 }, inputs("b").scalingConfig)
      assert.same({ minSize = 0, maxSize = 9, desiredSize = 0 }, inputs("c").scalingConfig)
      assert.same({ "cluster/role", "nodes/role" }, addresses "iam.role")
    end)

    it("refuses sizes that do not ascend and mixed images, at the recipe's line", function()
      for reason, options in pairs {
        ["min 1, desired 3, max 2: these must ascend"] = { min = 1, desired = 3, max = 2 },
        ["min 4, desired 3"] = { min = 4, desired = 3 },
        ["m7g.large and m7i.large need different images"] = { instance_types = { "m7g.large", "m7i.large" } },
        ["m7g.large is arm64, and the images of ami_type AL2023_x86_64_STANDARD are not"] = {
          ami_type = "AL2023_x86_64_STANDARD",
        },
        ["m7i.large is x86_64, and the images of ami_type BOTTLEROCKET_ARM_64 are not"] = {
          instance_types = { "m7g.large", "m7i.large" }, ami_type = "BOTTLEROCKET_ARM_64",
        },
        ["unknown field 'instances'"] = { instances = {} },
        ["unknown field 'zones'; it takes ami_type, capacity, desired, "] = { zones = {} },
        ["unknown field '1'; the name has a key: name = \"system\""] = { "system" },
        ["a taint wants a key and an effect (NO_EXECUTE, NO_SCHEDULE, PREFER_NO_SCHEDULE)"] = {
          taints = { { key = "batch", effect = "NoSchedule" } },
        },
        ["field 'name'"] = { name = false },
      } do
        if options.name == nil then options.name = "x" end
        options.name = options.name or nil
        options.instance_types = options.instance_types or { "m7g.large" }
        assert.matches("network_spec.lua:%d+:", refuses(reason, function() eks:managed_nodes(options) end))
      end
    end)

    it("has Fargate profiles only where private subnets have a way out, declared before or after", function()
      eks:fargate_profile { name = "a", selectors = { "a" } }
      graph:order()
      for name, way in pairs {
        endpoint = function(of)
          ec2.vpc_endpoint { "s3", VpcId = of.vpc, ServiceName = "s3", RouteTableIds = of.routes }
        end,
        route = function(of)
          ec2.route {
            "out", RouteTableId = of.routes[1].RouteTableId, DestinationCidrBlock = "0.0.0.0/0",
            TransitGatewayId = "tgw-1",
          }
        end,
        nothing = function(of)
          ec2.route {
            "other", RouteTableId = ec2.route_table { VpcId = of.vpc }, DestinationCidrBlock = "10.9.0.0/16",
            TransitGatewayId = "tgw-1",
          }
        end,
      } do
        for _, options in ipairs { { nat = "none" }, { internet = false } } do
          graph.nodes, graph.by_address = {}, {}
          options.name, options.zones = "n", 2
          local bare = vpc.network(options)
          local other = cluster.create { name = "other", network = bare }
          other:fargate_profile { name = "given", selectors = { "b" }, subnets = bare.private }
          graph:order()
          other:fargate_profile { name = "b", selectors = { "b" } }
          way(bare)
          if name == "nothing" then
            assert.matches("network_spec.lua:%d+: fargate_profile b: ",
              refuses("the private subnets of network n have no way out", graph.order, graph))
          else
            graph:order()
          end
        end
      end
    end)

    it("wants a network or subnets", function()
      local ok, err = pcall(cluster.create, { name = "other" })
      assert.is_false(ok)
      assert.matches("field 'network' %(from vpc.network%) or 'subnets' is required", tostring(err))
      ok, err = pcall(cluster.create, { name = "other", network = "vpc-1" })
      assert.is_false(ok)
      assert.matches("wants what vpc.network or vpc.existing returns: .* { id = \"vpc%-1\" }", tostring(err))
      ok, err = pcall(cluster.create,
        { name = "other", subnets = { "subnet-1" }, public_access = false, private_access = false })
      assert.is_false(ok)
      assert.matches("nobody reaches the API", tostring(err))
      for range, reason in pairs {
        ["203.0.113.5"] = "such as 10.0.0.0/16; one address is 203.0.113.5/32",
        ["203.0.113.5/24"] = "did you mean 203.0.113.0/24?",
      } do
        local message = refuses("cluster.create: public_access_cidrs: '" .. range .. "'", cluster.create,
          { name = "other", network = net, public_access_cidrs = { "198.51.100.0/24", range } })
        assert.matches(reason, message, 1, true)
      end
    end)
  end)

  describe("iam", function()
    it("knows the names of partitions", function()
      assert.equal("arn:aws:iam::aws:policy/AmazonEKSClusterPolicy", iam.policy_arn "AmazonEKSClusterPolicy")
      assert.equal("arn:aws:iam::1:policy/x", iam.policy_arn "arn:aws:iam::1:policy/x")
      assert.equal("ec2.amazonaws.com", iam.service_principal "ec2")
      package.loaded["eksrun.aws"] = fake_aws("cn-north-1", "aws-cn")
      package.loaded["eksrun.iam"] = nil
      local china = require "eksrun.iam"
      assert.equal("arn:aws-cn:iam::aws:policy/X", china.policy_arn "X")
      assert.equal("ec2.amazonaws.com.cn", china.service_principal "ec2")
      assert.equal("eks.amazonaws.com", china.service_principal "eks")
    end)
  end)
end)
