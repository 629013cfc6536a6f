--- ec2.route: one rule of a route table: a destination and exactly one target. It has no tags; its table and
--- its destination identify it, and it is the stack's when its table is.
local resource = require "eksrun.resource"

local DESTINATIONS = { "DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId" }
local TARGETS = {
  "GatewayId", "NatGatewayId", "EgressOnlyInternetGatewayId", "TransitGatewayId", "VpcPeeringConnectionId",
  "NetworkInterfaceId",
}

-- The parts of a route that calls take.
local function parts(inputs, with_target)
  local params = { RouteTableId = inputs.RouteTableId }
  for _, name in ipairs(DESTINATIONS) do params[name] = inputs[name] end
  if with_target then
    for _, name in ipairs(TARGETS) do params[name] = inputs[name] end
  end
  return params
end

local function record_of(route, table_id)
  local record = { RouteTableId = table_id }
  for _, name in ipairs(TARGETS) do record[name] = route[name] end
  for _, name in ipairs(DESTINATIONS) do
    record[name] = route[name]
    if route[name] then record.RouteId = table_id .. "/" .. route[name] end
  end
  return record
end

return resource.define {
  name = "ec2.route",
  identity = "relation",
  key = { "RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId" },
  id = "RouteId",
  parent = "RouteTableId",
  inputs = {
    RouteTableId = { type = "string", required = true, immutable = true, refers = "ec2.route_table" },
    DestinationCidrBlock = { type = "string", immutable = true },
    DestinationIpv6CidrBlock = { type = "string", immutable = true },
    DestinationPrefixListId = { type = "string", immutable = true },
    GatewayId = { type = "string", default = "none", refers = "ec2.internet_gateway" },
    NatGatewayId = { type = "string", default = "none", refers = "ec2.nat_gateway" },
    EgressOnlyInternetGatewayId = { type = "string", default = "none" },
    TransitGatewayId = { type = "string", default = "none" },
    VpcPeeringConnectionId = { type = "string", default = "none" },
    NetworkInterfaceId = { type = "string", default = "none" },
  },
  retry = {
    create = {
      { code = "InvalidRouteTableID.NotFound" },
      { code = "InvalidGatewayID.NotFound" },
      { code = "InvalidNatGatewayID.NotFound" },
    },
  },
  typical = { create = 1, delete = 1 },

  observe = function(ctx)
    local records = {}
    local tables = ctx:list("ec2", "describe_route_tables", { Filters = ctx:stack_filter() }, "RouteTables")
    for _, table_ in ipairs(tables) do
      for _, route in ipairs(table_.Routes or {}) do
        -- A gateway endpoint puts its own routes in, and takes them out.
        local of_endpoint = (route.GatewayId or ""):find("^vpce%-")
        if route.Origin == "CreateRoute" and not of_endpoint then
          records[#records + 1] = record_of(route, table_.RouteTableId)
        end
      end
    end
    return records
  end,

  create = function(ctx, inputs)
    ctx.aws.ec2:create_route(parts(inputs, true))
    return record_of(inputs, inputs.RouteTableId)
  end,

  update = function(ctx, _, inputs) ctx.aws.ec2:replace_route(parts(inputs, true)) end,

  delete = function(ctx, record) ctx.aws.ec2:delete_route(parts(record, false)) end,
}
