--- The network kit: a VPC with a public and a private subnet in each of some availability zones, an internet
--- gateway, NAT and routes, laid out so that adding a zone later moves nothing; or a closed one, of private
--- subnets only. vpc/ has the rest: endpoints of AWS's services, networks that exist, security groups.
---
--- The range is cut into as many equal blocks as there are zones, at least four. The lower half of a zone's
--- block is its private subnet, the upper half its public one.

local aws = require "eksrun.aws"
local cidr = require "eksrun.cidr"
local ec2 = require "eksrun.ec2"
local eksrun = require "eksrun"
local existing = require "eksrun.vpc.existing"
local gate = require "eksrun.gate"
local util = require "eksrun.util"
local zones_without_eks = require "eksrun.vpc.zones"

local M = {}

local ANYWHERE = "0.0.0.0/0"
local MIN_BLOCKS = 4
local LARGEST, SMALLEST = 16, 28 -- prefixes that AWS allows for networks and subnets

local OPTIONS = {
  name = "string", cidr = "string?", zones = "any?", nat = "string?", internet = "boolean?", tags = "table?",
}

local NAT = { none = true, single = true, ["per-zone"] = true }

-- Names of the region's zones that can hold an EKS cluster, in order; and whether it can, by name of all.
local function usable_zones()
  local names, usable = {}, {}
  for _, zone in ipairs(aws.ec2:describe_availability_zones({}).AvailabilityZones) do
    local regional = zone.ZoneType == nil or zone.ZoneType == "availability-zone"
    usable[zone.ZoneName] = regional and not zones_without_eks[zone.ZoneId]
    if usable[zone.ZoneName] then names[#names + 1] = zone.ZoneName end
  end
  table.sort(names)
  return names, usable
end

--- Names of the first `count` zones of the region that can hold an EKS cluster. Alphabetical and whatever
--- their state, so that every run chooses the same ones: a zone in trouble must not move a network. Asks EC2
--- at once, also while planning.
--- @param count integer
--- @return string[]
--- Raises at the recipe's line when the region has fewer.
function M.zones(count)
  local names = usable_zones()
  if #names < count then
    util.raise_at_caller("%d zones wanted, but EKS can use only %d here: %s", count, #names,
      table.concat(names, ", "))
  end
  return table.move(names, 1, count, 1, {})
end

-- Zones by name, as they are: raises for those that the region has not, and where EKS cannot be.
local function named_zones(wanted)
  local names, usable = usable_zones()
  for _, name in ipairs(wanted) do
    if usable[name] == false then
      util.raise_at_caller("vpc.network: zones: EKS cannot use %s; it can use %s", name,
        table.concat(names, ", "))
    elseif not usable[name] then
      util.raise_at_caller("vpc.network: zones: no zone '%s' here%s", name,
        util.did_you_mean(name, names))
    end
  end
  return wanted
end

--- The private and the public range of each zone.
--- @param range string
--- @param count integer
--- @return { private: string, public: string }[]
local function layout(range, count)
  local block, reason = cidr.try_parse(range)
  if not block then util.raise_at_caller("vpc.network: cidr: %s", reason) end
  if block.family ~= 4 or block.prefix < LARGEST then
    util.raise_at_caller("vpc.network: cidr: %s: AWS takes IPv4 ranges of at most /%d", range, LARGEST)
  end
  local zones = cidr.split(range, math.max(count, MIN_BLOCKS))
  local prefix = cidr.parse(zones[1]).prefix + 1
  if prefix > SMALLEST then
    util.raise_at_caller("vpc.network: cidr: %s is too small for %d zones: subnets would be /%d, AWS wants "
      .. "/%d or larger", range, count, prefix, SMALLEST)
  end
  local ranges = {}
  for i = 1, count do
    ranges[i] = { private = cidr.subnet(zones[i], 1, 0), public = cidr.subnet(zones[i], 1, 1) }
  end
  return ranges
end

--- @class eksrun.Network.Options
--- @field name string for the Name tags
--- @field cidr? string IPv4 range, default 10.0.0.0/16
--- @field zones? integer|string[] how many availability zones, or their names; default 3
--- @field nat? "none"|"single"|"per-zone" NAT gateways for the private subnets; default "single"
--- @field internet? boolean false: a closed network, of private subnets with no way out but vpc.endpoints
--- @field tags? table<string, string> for all of it

--- @class eksrun.Network
--- @field name string
--- @field cidr string
--- @field vpc any the ec2.vpc, or the id of one that exists
--- @field zones string[] names of the zones, as the subnets below are ordered
--- @field public any[] an ec2.subnet a zone; none in a closed network
--- @field private any[] an ec2.subnet a zone
--- @field routes any[] route tables of the private subnets
--- @field nodes any[] the subnets where nodes belong: private if they reach the internet or nothing does;
---   else public
--- @field egress eksrun.Gate what must stand before a node in them reaches what it needs

-- Name tag and the recipe's tags of a part of the network, and for which load balancers a subnet is.
local function tags_of(options, suffix, role)
  local tags = util.overlay({ Name = options.name .. "/" .. suffix }, options.tags or {})
  if role then tags["kubernetes.io/role/" .. role] = "1" end
  return tags
end

-- The public subnets, whose one route table leads to the internet.
local function declare_public(net, options, ranges, gateway)
  local route_table = ec2.route_table { "routes", VpcId = net.vpc, tags = tags_of(options, "public") }
  net.egress:first(ec2.route {
    "default",
    RouteTableId = route_table,
    DestinationCidrBlock = ANYWHERE,
    GatewayId = gateway,
  })
  for i, letter in ipairs(net.letters) do
    net.public[i] = ec2.subnet {
      letter,
      VpcId = net.vpc,
      AvailabilityZone = net.zones[i],
      CidrBlock = ranges[i].public,
      MapPublicIpOnLaunch = true,
      tags = tags_of(options, "public/" .. letter, "elb"),
    }
    net.egress:first(ec2.route_table_association {
      "link-" .. letter,
      RouteTableId = route_table,
      SubnetId = net.public[i],
    })
  end
end

local function declare_nats(net, options, gateway)
  local nats = {}
  for i = 1, ({ none = 0, single = 1, ["per-zone"] = #net.zones })[options.nat] do
    local letter = net.letters[i]
    local tags = tags_of(options, "nat/" .. letter)
    nats[i] = ec2.nat_gateway {
      "nat-" .. letter,
      SubnetId = net.public[i],
      AllocationId = ec2.address { "address-" .. letter, Domain = "vpc", tags = tags },
      tags = tags,
      depends_on = { gateway },
    }
  end
  return nats
end

-- The private subnets, each with a route table of its own, which leads to the NAT gateway of its zone, to the
-- only one, or nowhere.
local function declare_private(net, options, ranges, nats)
  for i, letter in ipairs(net.letters) do
    net.private[i] = ec2.subnet {
      letter,
      VpcId = net.vpc,
      AvailabilityZone = net.zones[i],
      CidrBlock = ranges[i].private,
      tags = tags_of(options, "private/" .. letter, "internal-elb"),
    }
    net.routes[i] = ec2.route_table {
      "routes-" .. letter, VpcId = net.vpc, tags = tags_of(options, "private/" .. letter),
    }
    net.egress:first(ec2.route_table_association {
      "link-" .. letter,
      RouteTableId = net.routes[i],
      SubnetId = net.private[i],
    })
    if nats[1] then
      net.egress:first(ec2.route {
        "default-" .. letter,
        RouteTableId = net.routes[i],
        DestinationCidrBlock = ANYWHERE,
        NatGatewayId = nats[i] or nats[1],
      })
    end
  end
end

-- The network itself comes first: until it is declared, the stack may get another name, and what can be asked
-- of it beside the zones waits.
local function declare(options, zones, ranges)
  local vpc = ec2.vpc {
    CidrBlock = options.cidr,
    EnableDnsSupport = true,
    EnableDnsHostnames = true,
    tags = tags_of(options, "vpc"),
  }
  local net = {
    name = options.name,
    cidr = options.cidr,
    vpc = vpc,
    zones = type(zones) == "table" and named_zones(zones) or M.zones(zones),
    letters = {}, public = {}, private = {}, routes = {},
    egress = gate.new(),
  }
  for i, zone in ipairs(net.zones) do net.letters[i] = zone:match("%d([%l%d-]*)$") end
  local nats = {}
  if options.internet then
    local gateway = ec2.internet_gateway {
      "gateway", VpcId = net.vpc, tags = tags_of(options, "gateway"),
    }
    eksrun.scope("public", declare_public, net, options, ranges, gateway)
    nats = declare_nats(net, options, gateway)
  end
  eksrun.scope("private", declare_private, net, options, ranges, nats)
  net.letters = nil
  net.nodes = (nats[1] or not options.internet) and net.private or net.public
  return util.strict("a network", net, nil, existing.outputs)
end

--- Declares a network for a cluster, under the scope `network`.
---
---   local net = vpc.network { name = "demo", cidr = "10.0.0.0/16", zones = 3, nat = "single" }
---
--- @param options eksrun.Network.Options
--- @return eksrun.Network
--- Raises at the recipe's line what does not go together.
function M.network(options)
  util.check_options("vpc.network", options, OPTIONS)
  local internet = options.internet ~= false
  local nat = options.nat or internet and "single" or "none"
  if not NAT[nat] then
    util.raise_at_caller("vpc.network: nat is 'none', 'single' or 'per-zone', not '%s'", nat)
  end
  if not internet and nat ~= "none" then
    util.raise_at_caller("vpc.network: nat '%s' wants the internet: a closed network has none", nat)
  end
  local zones, range = options.zones or 3, options.cidr or "10.0.0.0/16"
  local count = type(zones) == "table" and #zones or zones
  if math.type(count) ~= "integer" then
    util.raise_at_caller("vpc.network: zones: a whole number or a list of names, not %s",
      type(zones) == "number" and tostring(zones) or "a " .. type(zones))
  end
  for _, zone in ipairs(type(zones) == "table" and zones or {}) do
    if type(zone) ~= "string" then
      util.raise_at_caller("vpc.network: zones: a list of names, { \"us-east-1a\", ... }, has a %s",
        type(zone))
    end
  end
  if count < 1 then util.raise_at_caller("vpc.network: zones: at least 1, not %d", count) end
  local ranges = layout(range, count) -- before EC2 is asked: what is wrong here needs no network
  return eksrun.scope("network", declare, {
    name = options.name,
    cidr = range,
    nat = nat,
    internet = internet,
    tags = options.tags,
  }, zones, ranges)
end

M.endpoints = require("eksrun.vpc.endpoints").declare
M.cluster_services = require("eksrun.vpc.endpoints").CLUSTER
M.existing = existing.read
M.security_group = require("eksrun.vpc.security_group").declare

return util.strict("eksrun.vpc", M)
