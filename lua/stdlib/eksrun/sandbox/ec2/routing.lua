--- EC2: route tables, their routes and the subnets that use them.
local cidr = require "eksrun.cidr"
local fault = require "eksrun.sandbox.fault"
local filter = require "eksrun.sandbox.ec2.filter"
local json = require "eksrun.json"
local quota = require "eksrun.sandbox.ec2.quota"
local support = require "eksrun.sandbox.ec2.support"
local util = require "eksrun.util"

local M = { operations = {} }
local operations = M.operations

operations.DescribeRouteTables = support.describe {
  kind = "ec2.route_table", prefix = "rtb", id = "RouteTableId", tag = "route-table", list = "RouteTables",
  ids = "RouteTableIds", missing = "InvalidRouteTableID.NotFound",
  missing_text = "The routeTable ID '%s' does not exist",
  malformed = "InvalidRouteTableId.Malformed",
  filters = filter.map("DescribeRouteTables", [[
    association.gateway-id association.route-table-association-id association.route-table-id
    association.subnet-id association.main owner-id route-table-id route.destination-cidr-block
    route.destination-ipv6-cidr-block route.destination-prefix-list-id
    route.egress-only-internet-gateway-id route.gateway-id route.instance-id route.nat-gateway-id
    route.transit-gateway-id route.origin route.state route.vpc-peering-connection-id vpc-id]]),
}

-- The origin tells a network's own routes from others, wherever ReplaceRoute has them lead.
local OWN = "CreateRouteTable"

local function local_route(field, range)
  return { [field] = range, GatewayId = "local", Origin = OWN, State = "active" }
end

--- A network has another range: its tables lead there.
--- @param call eksrun.sandbox.Call
--- @param vpc table
--- @param field string "DestinationCidrBlock"
--- @param range string
function M.add_local(call, vpc, field, range)
  for _, route_table in ipairs(call:all("ec2.route_table", function(t) return t.VpcId == vpc.VpcId end)) do
    table.insert(route_table.Routes, local_route(field, range))
  end
end

--- A range of a network is gone.
--- @param call eksrun.sandbox.Call
--- @param vpc table
--- @param range string
function M.remove_local(call, vpc, range)
  for _, route_table in ipairs(call:all("ec2.route_table", function(t) return t.VpcId == vpc.VpcId end)) do
    for i = #route_table.Routes, 1, -1 do
      local route = route_table.Routes[i]
      if route.Origin == OWN and (route.DestinationCidrBlock or route.DestinationIpv6CidrBlock) == range then
        table.remove(route_table.Routes, i)
      end
    end
  end
end

local function new_table(call, vpc, tags)
  local id, routes = call:id "rtb", json.array {}
  for i, association in ipairs(vpc.CidrBlockAssociationSet) do
    routes[i] = local_route("DestinationCidrBlock", association.CidrBlock)
  end
  for _, association in ipairs(vpc.Ipv6CidrBlockAssociationSet) do
    routes[#routes + 1] = local_route("DestinationIpv6CidrBlock", association.Ipv6CidrBlock)
  end
  return call:put("ec2.route_table", id, {
    RouteTableId = id, VpcId = vpc.VpcId, OwnerId = call.account, Routes = routes,
    Associations = json.array {},
    PropagatingVgws = json.array {}, Tags = tags,
  })
end

local function associate(call, route_table, fields)
  fields.RouteTableAssociationId = call:id "rtbassoc"
  fields.RouteTableId = route_table.RouteTableId
  fields.AssociationState = { State = "associated" }
  fields.Main = fields.Main or false
  table.insert(route_table.Associations, fields)
  return fields
end

--- The table that a new network has.
--- @param call eksrun.sandbox.Call
--- @param vpc table
function M.make_main(call, vpc)
  associate(call, new_table(call, vpc, json.array {}), { Main = true })
end

--- @param route_table table
--- @return boolean
function M.is_main(route_table)
  for _, association in ipairs(route_table.Associations) do
    if association.Main then return true end
  end
  return false
end

function operations.CreateRouteTable(call, params)
  local vpc = support.need(call, "ec2.vpc", params.VpcId)
  if #call:all("ec2.route_table",
    function(t) return t.VpcId == vpc.VpcId end) >= quota.route_tables_of_vpc then
    fault.raise("RouteTableLimitExceeded", "The maximum number of route tables has been reached.")
  end
  return { RouteTable = new_table(call, vpc, support.tags(params, "route-table")),
    ClientToken = params.ClientToken }
end

function operations.DeleteRouteTable(call, params)
  local id = params.RouteTableId
  if support.need(call, "ec2.route_table", id).Associations[1] then
    support.refuse_dependent("routeTable", id)
  end
  call:remove("ec2.route_table", id)
end

-- An association, its table and its place there.
local function find_association(call, match) return support.association(call, "ec2.route_table", match) end

local function need_association(call, id)
  local association, route_table, place = find_association(call, function(a)
    return a.RouteTableAssociationId == id
  end)
  if not association then
    fault.raise("InvalidAssociationID.NotFound", "The association ID '%s' does not exist", id)
  end
  return association, route_table, place
end

-- What a table is to be used by: a subnet, or a gateway for what comes in.
local function user_of(call, params, route_table)
  if params.GatewayId then
    local gateway = support.need(call, "ec2.internet_gateway", params.GatewayId)
    local vpc = gateway.Attachments[1] and gateway.Attachments[1].VpcId
    return "GatewayId", gateway.InternetGatewayId, vpc == route_table.VpcId
  end
  local subnet = support.need(call, "ec2.subnet", params.SubnetId)
  return "SubnetId", subnet.SubnetId, subnet.VpcId == route_table.VpcId
end

function operations.AssociateRouteTable(call, params)
  local route_table = support.need(call, "ec2.route_table", params.RouteTableId)
  local field, id, same = user_of(call, params, route_table)
  if not same then
    fault.raise("InvalidParameterValue", "Route table %s and %s %s belong to different networks",
      route_table.RouteTableId, field == "SubnetId" and "subnet" or "network gateway", id)
  end
  local present, other = find_association(call, function(a) return a[field] == id end)
  if present and other ~= route_table then
    fault.raise("Resource.AlreadyAssociated",
      "the specified association for route table %s conflicts with an existing association",
      route_table.RouteTableId)
  end
  present = present or associate(call, route_table, { [field] = id })
  return { AssociationId = present.RouteTableAssociationId, AssociationState = present.AssociationState }
end

function operations.ReplaceRouteTableAssociation(call, params)
  local association, from, place = need_association(call, params.AssociationId)
  local to = support.need(call, "ec2.route_table", params.RouteTableId)
  if from.VpcId ~= to.VpcId then
    fault.raise("InvalidParameterValue", "Route table %s and %s belong to different networks",
      from.RouteTableId,
      to.RouteTableId)
  end
  table.remove(from.Associations, place)
  local new = associate(call, to, { SubnetId = association.SubnetId,
    GatewayId = association.GatewayId, Main = association.Main })
  return { NewAssociationId = new.RouteTableAssociationId, AssociationState = new.AssociationState }
end

function operations.DisassociateRouteTable(call, params)
  local association, route_table, place = need_association(call, params.AssociationId)
  if association.Main then
    fault.raise("InvalidParameterValue", "cannot disassociate the main route table association %s",
      params.AssociationId)
  end
  table.remove(route_table.Associations, place)
end

--- A subnet is gone: no table is used by it.
--- @param call eksrun.sandbox.Call
--- @param id string
function M.forget_subnet(call, id)
  local association, route_table, place = find_association(call, function(a) return a.SubnetId == id end)
  if association then table.remove(route_table.Associations, place) end
end

-- -- routes -------------------------------------------------------------------------------------------------

local DESTINATIONS = { "DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId" }

-- By the parameter: the kind that it names, if the sandbox has it.
local TARGETS = {
  GatewayId = { igw = "ec2.internet_gateway" }, NatGatewayId = { nat = "ec2.nat_gateway" },
  EgressOnlyInternetGatewayId = { eigw = "ec2.egress_only_internet_gateway" },
  NetworkInterfaceId = { eni = "ec2.network_interface" }, InstanceId = { i = "ec2.instance" },
  VpcPeeringConnectionId = { pcx = "ec2.vpc_peering_connection" }, TransitGatewayId = {},
}

local function destination(params)
  for _, name in ipairs(DESTINATIONS) do
    if params[name] then return name, params[name] end
  end
  fault.raise("MissingParameter", "The request must contain the parameter destinationCidrBlock")
end

local function find_route(route_table, name, value)
  for i, route in ipairs(route_table.Routes) do
    if route[name] == value then return route, i end
  end
end

-- A gateway has to be that of the table's network.
local function check_gateway(call, route_table, id)
  local gateway = id and call:get("ec2.internet_gateway", id)
  local attached = gateway and gateway.Attachments[1]
  if gateway and (not attached or attached.VpcId ~= route_table.VpcId) then
    fault.raise("InvalidParameterValue", "route table %s and network gateway %s belong to different networks",
      route_table.RouteTableId, id)
  end
end

-- Gives a route its target, which has to be there.
local function target(call, params, route_table, route)
  local count = 0
  if params.LocalTarget then count, route.GatewayId = 1, "local" end
  for name, kinds in util.sorted_pairs(TARGETS) do
    local id = params[name]
    if id then
      count = count + 1
      route[name] = id
      for prefix, kind in pairs(kinds) do
        if id:match "^%a+" ~= prefix and id ~= "local" then
          fault.raise("InvalidParameterValue", "Value (%s) for parameter %s is invalid.", id,
            name:sub(1, 1):lower() .. name:sub(2))
        end
        if id ~= "local" then support.need(call, kind, id) end
      end
    end
  end
  if count ~= 1 then
    fault.raise("InvalidParameterCombination",
      "The request must have exactly one target of the route, got %d", count)
  end
  check_gateway(call, route_table, route.GatewayId)
  local instance = route.InstanceId and call:get("ec2.instance", route.InstanceId)
  if instance then
    route.NetworkInterfaceId, route.InstanceOwnerId = instance._interfaces[1], call.account
  end
  return route
end

-- An IPv4 range as EC2 keeps it: without the bits behind its prefix.
local function canonical(value)
  local address, digits = value:match "^([%d.]+)/(%d%d?)$"
  local host, prefix = address and cidr.try_parse(address .. "/32"), tonumber(digits)
  if not host or prefix > 32 then return nil end
  return cidr.format { family = 4, hi = host.hi & ~0 << (64 - prefix), lo = 0, prefix = prefix }
end

function operations.CreateRoute(call, params)
  local route_table = support.need(call, "ec2.route_table", params.RouteTableId)
  local name, value = destination(params)
  if name == "DestinationCidrBlock" then
    value = canonical(value) or fault.raise("InvalidParameterValue",
      "Value (%s) for parameter destinationCidrBlock is invalid. This is not a valid CIDR block.", value)
  end
  if #route_table.Routes >= quota.routes_of_table then
    fault.raise("RouteLimitExceeded", "The maximum number of routes has been reached.")
  end
  local route = target(call, params, route_table,
    { [name] = value, Origin = "CreateRoute", State = "active" })
  if find_route(route_table, name, value) then
    fault.raise("RouteAlreadyExists", "The route identified by %s already exists.", value)
  end
  table.insert(route_table.Routes, route)
  return { Return = true }
end

function operations.ReplaceRoute(call, params)
  local route_table = support.need(call, "ec2.route_table", params.RouteTableId)
  local name, value = destination(params)
  local route, place = find_route(route_table, name, value)
  if not route then
    fault.raise("InvalidParameterValue", "There is no route defined for '%s' in the route table. Use "
      .. "CreateRoute instead.", value)
  end
  route_table.Routes[place] = target(call, params, route_table,
    { [name] = value, Origin = route.Origin, State = "active" })
end

function operations.DeleteRoute(call, params)
  local route_table = support.need(call, "ec2.route_table", params.RouteTableId)
  local name, value = destination(params)
  local route, place = find_route(route_table, name, value)
  if not route then
    fault.raise("InvalidRoute.NotFound", "no route with destination-cidr-block %s in route table %s", value,
      route_table.RouteTableId)
  end
  if route.Origin == OWN then
    fault.raise("InvalidParameterValue", "cannot remove local route %s in route table %s", value,
      route_table.RouteTableId)
  end
  table.remove(route_table.Routes, place)
end

--- Has the routes to a target that is gone lead nowhere.
--- @param call eksrun.sandbox.Call
--- @param name string "NatGatewayId"
--- @param id string
function M.blackhole(call, name, id)
  for _, route_table in ipairs(call:all "ec2.route_table") do
    for _, route in ipairs(route_table.Routes) do
      if route[name] == id then route.State = "blackhole" end
    end
  end
end

return M
