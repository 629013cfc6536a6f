-- Security groups, networks that exist and endpoints: what they declare of what EC2 says.
local kits = require "tests.spec.support.kits"

local refuses = kits.refuses

local EC2 = {}

local fake_aws = {
  region = function() return "eu-west-1" end,
  partition = function() return "aws" end,
  ec2 = {
    describe_availability_zones = function()
      return { AvailabilityZones = {
        { ZoneName = "eu-west-1a", ZoneId = "euw1-az1" }, { ZoneName = "eu-west-1b", ZoneId = "euw1-az2" },
      } }
    end,
    pages = function(_, operation, params)
      local answer = EC2[operation](params)
      return function()
        local page = answer
        answer = nil
        return page
      end
    end,
  },
  try = { ec2 = { describe_vpcs = function(_, params) return EC2.describe_vpcs(params) end } },
}

-- A service as EC2 describes it.
local function service(name, kind, zones)
  return {
    ServiceName = "com.amazonaws.eu-west-1." .. name,
    ServiceType = { { ServiceType = kind } },
    AvailabilityZones = zones,
  }
end

describe("the network kit", function()
  local graph, vpc

  before_each(function()
    vpc, graph = kits.open("eksrun.vpc", fake_aws)
    EC2.describe_vpcs = function(params)
      if params.VpcIds and params.VpcIds[1] ~= "vpc-1" then return nil, { message = "no such network" } end
      return { Vpcs = { { VpcId = "vpc-1", CidrBlock = "10.0.0.0/16" } } }
    end
    EC2.describe_subnets = function()
      local function subnet(id, zone, tags)
        return { SubnetId = id, AvailabilityZone = zone, AvailabilityZoneId = "euw1-az1", Tags = tags }
      end
      return { Subnets = {
        subnet("in-b", "eu-west-1b"), subnet("in-a", "eu-west-1a"), subnet("out-a", "eu-west-1a"),
        subnet("lb", "eu-west-1b", { { Key = "kubernetes.io/role/elb", Value = "1" } }),
        { SubnetId = "no", AvailabilityZone = "us-east-1e", AvailabilityZoneId = "use1-az3" },
      } }
    end
    EC2.describe_route_tables = function()
      local function route(field, id) return { DestinationCidrBlock = "0.0.0.0/0", [field] = id } end
      return { RouteTables = {
        { RouteTableId = "main", Associations = { { Main = true } },
          Routes = { route("NatGatewayId", "nat-1") } },
        { RouteTableId = "open", Associations = { { SubnetId = "out-a" } },
          Routes = { route("GatewayId", "igw-1") } },
      } }
    end
    EC2.describe_vpc_endpoint_services = function()
      return { ServiceDetails = {
        service("s3", "Gateway", {}), service("s3", "Interface", { "eu-west-1a", "eu-west-1b" }),
        service("sts", "Interface", { "eu-west-1a" }), service("ecr.api", "Interface", { "eu-west-1b" }),
        service("eks", "Interface", { "eu-west-1c" }),
      } }
    end
  end)

  after_each(kits.close)

  local function inputs(address)
    return assert(graph.by_address[address], address .. " is not declared").inputs
  end

  it("makes groups with rules", function()
    local peer = vpc.security_group { "peer", vpc = "vpc-1" }
    vpc.security_group {
      "db",
      vpc = "vpc-1",
      ingress = {
        { port = 5432, from = peer },
        { "dns", protocol = "udp", ports = { 53, 54 }, from = "fd00::/8" },
        { protocol = "all", from = "self" },
        { from = "pl-12", description = "all of TCP" },
      },
      egress = {},
    }
    assert.is_true(inputs("peer").AllowAllEgress)
    assert.is_false(inputs("db").AllowAllEgress)
    local first = inputs "db/ingress-1"
    assert.same({ "tcp", 5432, 5432 }, { first.IpProtocol, first.FromPort, first.ToPort })
    assert.equal(peer, first.ReferencedGroupId)
    local dns = inputs "db/dns"
    assert.same({ "udp", 53, 54, "fd00::/8" }, { dns.IpProtocol, dns.FromPort, dns.ToPort, dns.CidrIpv6 })
    assert.same({ "-1", -1 }, { inputs("db/ingress-3").IpProtocol, inputs("db/ingress-3").FromPort })
    assert.equal("db", graph.by_address["db/ingress-3"] and
      require("eksrun.engine.graph").node_of(inputs("db/ingress-3").ReferencedGroupId).address)
    assert.same({ "pl-12", 0, 65535 }, { inputs("db/ingress-4").PrefixListId, inputs("db/ingress-4").FromPort,
      inputs("db/ingress-4").ToPort })
  end)

  it("refuses rules that say too little or too much", function()
    for reason, rule in pairs {
      ["field 'from' is required"] = { port = 1 },
      ["the other side is the group"] = { port = 1, from = "self", to = "self" },
      ["all protocols have no ports"] = { protocol = "all", port = 1, from = "self" },
      ["'port', or 'ports'"] = { ports = { 1 }, from = "self" },
      ["did you mean 10.0.0.0/8?"] = { port = 1, from = "10.0.0.1/8" },
    } do
      graph.nodes, graph.by_address = {}, {}
      refuses(reason, vpc.security_group, { "g", vpc = "vpc-1", ingress = { rule } })
    end
  end)

  it("reads a network that exists, by routes and by tags", function()
    local net = vpc.existing { id = "vpc-1" }
    assert.same({ "in-a", "in-b" }, net.private)
    assert.same({ "eu-west-1a", "eu-west-1b" }, net.zones)
    assert.same({ "out-a", "lb" }, net.public)
    assert.same({ "main" }, net.routes)
    assert.same(net.private, net.nodes)
    assert.same({}, graph.nodes)
    refuses("no such network", vpc.existing, { id = "vpc-2" })
    refuses("one of 'id' and 'tags' is required", vpc.existing, {})
  end)

  it("puts an endpoint of a service where the service is", function()
    local net = vpc.existing { id = "vpc-1" }
    vpc.endpoints { network = net, services = { "s3", "sts", "ecr.api" }, policies = { sts = "{}" } }
    assert.equal("Gateway", inputs("endpoints/s3").VpcEndpointType)
    assert.same({ "main" }, inputs("endpoints/s3").RouteTableIds)
    assert.same({ "in-a" }, inputs("endpoints/sts").SubnetIds)
    assert.same({ "in-b" }, inputs("endpoints/ecr.api").SubnetIds)
    assert.equal("{}", inputs("endpoints/sts").PolicyDocument)
    assert.is_true(inputs("endpoints/sts").PrivateDnsEnabled)
    assert.equal("10.0.0.0/16", inputs("endpoints/group/https").CidrIpv4)
    graph.nodes, graph.by_address = {}, {}
    vpc.endpoints { network = net, services = { "s3" }, interface = { "s3" }, security_groups = { "sg-1" } }
    assert.same({ "in-a", "in-b" }, inputs("endpoints/s3").SubnetIds)
    assert.same({ "sg-1" }, inputs("endpoints/s3").SecurityGroupIds)
  end)

  it("refuses endpoints that cannot be", function()
    local net = vpc.existing { id = "vpc-1" }
    refuses("no service 'ecr.apo' in this region; did you mean 'ecr.api'?", vpc.endpoints,
      { network = net, services = { "ecr.apo" } })
    refuses("eks is in none of the zones eu-west-1a, eu-west-1b", vpc.endpoints,
      { network = net, services = { "eks" } })
    refuses("policies: 's3' is none of the services", vpc.endpoints,
      { network = net, services = { "sts" }, policies = { s3 = {} } })
    refuses("wants what vpc.network or vpc.existing returns", vpc.endpoints, { network = {} })
  end)

  it("closes a network", function()
    local net = vpc.network { name = "n", zones = { "eu-west-1a", "eu-west-1b" }, internet = false }
    assert.same({}, net.public)
    assert.equal(net.private, net.nodes)
    for _, node in ipairs(graph.nodes) do
      assert.is_nil(node.type.name:find "gateway", node.address)
      assert.not_equal("ec2.route", node.type.name)
    end
    refuses("nat 'single' wants the internet", vpc.network,
      { name = "n", zones = { "eu-west-1a" }, internet = false, nat = "single" })
  end)
end)
