--- ec2.route_table: rules of where traffic goes; its routes and its subnets are resources of their own. Found
--- by its tags; the token makes its creation idempotent.
local resource = require "eksrun.resource"

return resource.define {
  name = "ec2.route_table",
  identity = "tag",
  id = "RouteTableId",
  tagging = { "ec2", "route-table" },
  inputs = {
    VpcId = { type = "string", required = true, immutable = true, refers = "ec2.vpc" },
  },
  retry = { create = { { code = "InvalidVpcID.NotFound" } } },
  typical = { create = 1, delete = 1 },

  observe = function(ctx)
    local tables = ctx:list("ec2", "describe_route_tables", { Filters = ctx:stack_filter() }, "RouteTables")
    return ctx:each(tables, function(table_) return ctx:record(table_) end)
  end,

  create = function(ctx, inputs)
    return ctx.aws.ec2:create_route_table(ctx:tagged {
      VpcId = inputs.VpcId,
      ClientToken = ctx.token,
    }).RouteTable
  end,

  delete = function(ctx, record) ctx.aws.ec2:delete_route_table { RouteTableId = record.RouteTableId } end,
}
