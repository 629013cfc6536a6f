-- The network kit: a VPC with a public and a private subnet in each of some availability zones, an internet
-- gateway, NAT and routes, laid out so that adding a zone later moves nothing.
--
-- The range is cut into as many equal blocks as there are zones, at least four. The lower half of a zone's
-- block is its private subnet, the upper half its public one.

local aws = require "eksrun.aws"
local cidr = require "eksrun.cidr"
local ec2 = require "eksrun.ec2"
local eksrun = require "eksrun"
local util = require "eksrun.util"

local M = {}

-- Zones (by id: their names differ from account to account) in which EKS places no control plane.
local WITHOUT_EKS = { ["use1-az3"] = true, ["usw1-az2"] = true, ["cac1-az3"] = true }

local ANYWHERE = "0.0.0.0/0"
local MIN_BLOCKS = 4
local LARGEST, SMALLEST = 16, 28 -- prefixes that AWS allows for networks and subnets

local OPTIONS = { name = "string", cidr = "string?", zones = "any?", nat = "string?", tags = "table?" }

local NAT = { none = true, single = true, ["per-zone"] = true }

--- Names of the first `count` zones of the region that can hold an EKS cluster. Alphabetical and whatever
--- their state, so that every run chooses the same ones: a zone in trouble must not move a network. Asks EC2
--- at once, also while planning.
--- @param count integer
--- @return string[]
function M.zones(count)
  local names = {}
  for _, zone in ipairs(aws.ec2:describe_availability_zones({}).AvailabilityZones) do
    local regional = zone.ZoneType == nil or zone.ZoneType == "availability-zone"
    if regional and not WITHOUT_EKS[zone.ZoneId] then
      names[#names + 1] = zone.ZoneName
    end
  end
  table.sort(names)
  if #names < count then
    util.raise_at_caller("%d zones wanted, but EKS can use only %d here: %s", count, #names,
      table.concat(names, ", "))
  end
  return table.move(names, 1, count, 1, {})
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
--- @field tags? table<string, string> for all of it

--- @class eksrun.Network
--- @field name string
--- @field cidr string
--- @field vpc table the ec2.vpc
--- @field zones string[] names of the zones, as the subnets below are ordered
--- @field public table[] an ec2.subnet a zone
--- @field private table[] an ec2.subnet a zone
--- @field nodes table[] the subnets where nodes belong: private if they reach the internet, else public
--- @field egress table[] what must stand before a node in them reaches the internet

local function declare(options, zones, ranges)
  local function tags(suffix, role)
    local all = { Name = options.name .. "/" .. suffix }
    for key, value in pairs(options.tags or {}) do all[key] = value end
    if role then all["kubernetes.io/role/" .. role] = "1" end
    return all
  end
  local letters = {}
  for i, zone in ipairs(zones) do letters[i] = zone:match("%d([%l%d-]*)$") end

  local vpc = ec2.vpc {
    CidrBlock = options.cidr,
    EnableDnsSupport = true,
    EnableDnsHostnames = true,
    tags = tags "vpc",
  }
  local gateway = ec2.internet_gateway { "gateway", VpcId = vpc, tags = tags "gateway" }
  local public, private, nats, egress = {}, {}, {}, {}

  eksrun.scope("public", function()
    local routes = ec2.route_table { "routes", VpcId = vpc, tags = tags "public" }
    egress[1] = ec2.route {
      "default",
      RouteTableId = routes,
      DestinationCidrBlock = ANYWHERE,
      GatewayId = gateway,
    }
    for i, letter in ipairs(letters) do
      public[i] = ec2.subnet {
        letter,
        VpcId = vpc,
        AvailabilityZone = zones[i],
        CidrBlock = ranges[i].public,
        MapPublicIpOnLaunch = true,
        tags = tags("public/" .. letter, "elb"),
      }
      egress[#egress + 1] = ec2.route_table_association {
        "link-" .. letter,
        RouteTableId = routes,
        SubnetId = public[i],
      }
    end
  end)

  local nat_count = ({ none = 0, single = 1, ["per-zone"] = #zones })[options.nat]
  for i = 1, nat_count do
    local name = "nat/" .. letters[i]
    nats[i] = ec2.nat_gateway {
      "nat-" .. letters[i],
      SubnetId = public[i],
      AllocationId = ec2.address { "address-" .. letters[i], Domain = "vpc", tags = tags(name) },
      tags = tags(name),
      depends_on = { gateway },
    }
  end

  eksrun.scope("private", function()
    for i, letter in ipairs(letters) do
      private[i] = ec2.subnet {
        letter,
        VpcId = vpc,
        AvailabilityZone = zones[i],
        CidrBlock = ranges[i].private,
        tags = tags("private/" .. letter, "internal-elb"),
      }
      local routes = ec2.route_table { "routes-" .. letter, VpcId = vpc, tags = tags("private/" .. letter) }
      egress[#egress + 1] = ec2.route_table_association {
        "link-" .. letter,
        RouteTableId = routes,
        SubnetId = private[i],
      }
      if nats[1] then
        egress[#egress + 1] = ec2.route {
          "default-" .. letter,
          RouteTableId = routes,
          DestinationCidrBlock = ANYWHERE,
          NatGatewayId = nats[i] or nats[1],
        }
      end
    end
  end)

  return util.strict("a network", {
    name = options.name,
    cidr = options.cidr,
    vpc = vpc,
    zones = zones,
    public = public,
    private = private,
    nodes = nats[1] and private or public,
    egress = egress,
  })
end

--- Declares a network for a cluster, under the scope `network`.
---
---   local net = vpc.network { name = "demo", cidr = "10.0.0.0/16", zones = 3, nat = "single" }
---
--- @param options eksrun.Network.Options
--- @return eksrun.Network
function M.network(options)
  util.check_options("vpc.network", options, OPTIONS)
  local nat = options.nat or "single"
  if not NAT[nat] then
    util.raise_at_caller("vpc.network: nat is 'none', 'single' or 'per-zone', not '%s'", nat)
  end
  local zones, range = options.zones or 3, options.cidr or "10.0.0.0/16"
  local count = type(zones) == "table" and #zones or zones
  if math.type(count) ~= "integer" then
    util.raise_at_caller("vpc.network: zones: a whole number or a list of names, not %s",
      type(zones) == "number" and tostring(zones) or "a " .. type(zones))
  end
  if count < 1 then util.raise_at_caller("vpc.network: zones: at least 1, not %d", count) end
  local ranges = layout(range, count) -- before EC2 is asked: what is wrong here needs no network
  if type(zones) ~= "table" then zones = M.zones(count) end
  return eksrun.scope("network", declare, {
    name = options.name,
    cidr = range,
    nat = nat,
    tags = options.tags,
  }, zones, ranges)
end

return util.strict("eksrun.vpc", M)
