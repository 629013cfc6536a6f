--- Networks that exist: read while planning, never changed. What it returns is used like what vpc.network
--- returns.
local aws = require "eksrun.aws"
local gate = require "eksrun.gate"
local tags = require "eksrun.resource.tags"
local util = require "eksrun.util"
local zones_without_eks = require "eksrun.vpc.zones"

local M = {}

local OPTIONS = { id = "string?", tags = "table?", subnet_tags = "table?" }

--- What a recipe that returns a network shows.
--- @param network eksrun.Network
--- @return table
function M.outputs(network)
  return {
    name = network.name, cidr = network.cidr, vpc = network.vpc, zones = network.zones,
    public = network.public, private = network.private,
  }
end

local function filters(wanted, more)
  local list = more or {}
  for key, value in util.sorted_pairs(wanted or {}) do
    list[#list + 1] = { Name = "tag:" .. key, Values = { value } }
  end
  return list
end

local function all(operation, params, field)
  local list = {}
  for page in aws.ec2:pages(operation, params) do
    table.move(page[field] or {}, 1, #(page[field] or {}), #list + 1, list)
  end
  return list
end

local function find_vpc(options)
  local params = { VpcIds = options.id and { options.id }, Filters = options.tags and filters(options.tags) }
  local answer, err = aws.try.ec2:describe_vpcs(params)
  if not answer then util.raise_at_caller("vpc.existing: %s", err.message) end
  local vpcs = answer.Vpcs or {}
  if #vpcs ~= 1 then
    local ids = {}
    for i, vpc in ipairs(vpcs) do ids[i] = vpc.VpcId end
    util.raise_at_caller("vpc.existing: one network is wanted, found %s",
      ids[1] and #ids .. ": " .. table.concat(ids, ", ") or "none")
  end
  return vpcs[1]
end

-- Of each subnet its route table, the network's main one where it has none of its own.
local function table_of_subnets(tables)
  local by_subnet, main = {}, nil
  for _, routes in ipairs(tables) do
    for _, association in ipairs(routes.Associations or {}) do
      if association.SubnetId then by_subnet[association.SubnetId] = routes end
      if association.Main then main = routes end
    end
  end
  return function(subnet) return by_subnet[subnet.SubnetId] or main end
end

-- Where a table sends what is for anywhere: "igw", "nat" (any other target), or nil.
local function way_out(routes)
  local found
  for _, route in ipairs(routes and routes.Routes or {}) do
    if route.DestinationCidrBlock == "0.0.0.0/0" and route.State ~= "blackhole" then
      found = (route.GatewayId or ""):find("^igw%-") and "igw" or "nat"
    end
  end
  return found
end

-- By the tags that Kubernetes looks for; where there is none, by its routes.
local function is_public(subnet, out)
  local role = tags.read(subnet.Tags)
  if role["kubernetes.io/role/internal-elb"] then return false end
  if role["kubernetes.io/role/elb"] then return true end
  return out == "igw"
end

local function sort(subnets)
  table.sort(subnets, function(a, b)
    if a.AvailabilityZone ~= b.AvailabilityZone then return a.AvailabilityZone < b.AvailabilityZone end
    return a.SubnetId < b.SubnetId
  end)
  return subnets
end

--- @class eksrun.Existing.Options
--- @field id? string of the VPC; or else `tags`
--- @field tags? table<string, string> that exactly one VPC has
--- @field subnet_tags? table<string, string> only subnets that have them

--- Reads a network that exists. Asks EC2 at once, also while planning. Subnets are public or private by the
--- tags kubernetes.io/role/elb and internal-elb, or else by whether their routes lead to an internet gateway;
--- those in zones that EKS cannot use are left out.
---
---   local net = vpc.existing { tags = { Name = "shared" } }
---
--- @param options eksrun.Existing.Options
--- @return eksrun.Network
--- Raises at the recipe's line when none is found, or several are.
function M.read(options)
  util.check_options("vpc.existing", options, OPTIONS)
  if (options.id == nil) == (options.tags == nil) then
    util.raise_at_caller("vpc.existing: one of 'id' and 'tags' is required")
  end
  local vpc = find_vpc(options)
  local within = { Name = "vpc-id", Values = { vpc.VpcId } }
  local subnets = sort(all("describe_subnets", { Filters = filters(options.subnet_tags, { within }) },
    "Subnets"))
  local table_of = table_of_subnets(all("describe_route_tables", { Filters = { within } }, "RouteTables"))

  local network = {
    name = tags.read(vpc.Tags).Name or vpc.VpcId,
    cidr = vpc.CidrBlock,
    vpc = vpc.VpcId,
    zones = {}, public = {}, private = {}, routes = {},
    egress = gate.new(),
  }
  local seen, reaches, closed = {}, true, true
  for _, subnet in ipairs(subnets) do
    if not zones_without_eks[subnet.AvailabilityZoneId] and not subnet.OutpostArn then
      local routes = table_of(subnet)
      local out = way_out(routes)
      closed = closed and not out
      if is_public(subnet, out) then
        table.insert(network.public, subnet.SubnetId)
      else
        table.insert(network.private, subnet.SubnetId)
        table.insert(network.zones, subnet.AvailabilityZone)
        reaches = reaches and out ~= nil
        if routes and not seen[routes.RouteTableId] then
          seen[routes.RouteTableId] = true
          table.insert(network.routes, routes.RouteTableId)
        end
      end
    end
  end
  if not network.private[1] and not network.public[1] then
    util.raise_at_caller("vpc.existing: %s has no subnet%s", vpc.VpcId,
      options.subnet_tags and " with these tags" or "")
  end
  local nodes_inside = network.private[1] and (reaches or closed or not network.public[1])
  network.nodes = nodes_inside and network.private or network.public
  return util.strict("a network", network, nil, M.outputs)
end

return M
