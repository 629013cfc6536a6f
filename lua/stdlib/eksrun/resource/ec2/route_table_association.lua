--- ec2.route_table_association: which route table a subnet uses. It has no tags; its subnet identifies it,
--- and it is the stack's when its table is.
local resource = require "eksrun.resource"

-- The association of a subnet with a table: the one that there is, or a new one.
local function current(ctx, inputs)
  local answer = ctx.aws.ec2:describe_route_tables {
    Filters = { { Name = "association.subnet-id", Values = { inputs.SubnetId } } },
  }
  for _, table_ in ipairs(answer.RouteTables or {}) do
    for _, association in ipairs(table_.Associations or {}) do
      if association.SubnetId == inputs.SubnetId and table_.RouteTableId == inputs.RouteTableId then
        return association.RouteTableAssociationId
      end
    end
  end
  return ctx.aws.ec2:associate_route_table {
    RouteTableId = inputs.RouteTableId, SubnetId = inputs.SubnetId,
  }.AssociationId
end

return resource.define {
  name = "ec2.route_table_association",
  identity = "relation",
  key = { "SubnetId" },
  id = "AssociationId",
  -- Nodes that leave in order talk to the cluster until the end.
  delete_after = { "eks.nodegroup" },
  inputs = {
    RouteTableId = { type = "string", required = true, refers = "ec2.route_table" },
    SubnetId = { type = "string", required = true, immutable = true, refers = "ec2.subnet" },
  },
  retry = {
    create = { { code = "InvalidRouteTableID.NotFound" }, { code = "InvalidSubnetID.NotFound" } },
  },
  typical = { create = 1, delete = 1 },

  observe = function(ctx)
    local records = {}
    local tables = ctx:list("ec2", "describe_route_tables", { Filters = ctx:stack_filter() }, "RouteTables")
    for _, table_ in ipairs(tables) do
      for _, association in ipairs(table_.Associations or {}) do
        if association.SubnetId then
          records[#records + 1] = {
            AssociationId = association.RouteTableAssociationId,
            RouteTableId = table_.RouteTableId,
            SubnetId = association.SubnetId,
          }
        end
      end
    end
    return records
  end,

  create = function(ctx, inputs)
    local answer = ctx.aws.ec2:associate_route_table {
      RouteTableId = inputs.RouteTableId,
      SubnetId = inputs.SubnetId,
    }
    return { AssociationId = answer.AssociationId }
  end,

  update = function(ctx, record, inputs)
    local answer = ctx:found(function()
      return ctx.aws.ec2:replace_route_table_association {
        AssociationId = record.AssociationId,
        RouteTableId = inputs.RouteTableId,
      }
    end)
    -- Gone: by a call whose answer was lost, or by others. The subnet has another by now, or none.
    return { AssociationId = answer and answer.NewAssociationId or current(ctx, inputs) }
  end,

  delete = function(ctx, record)
    ctx.aws.ec2:disassociate_route_table { AssociationId = record.AssociationId }
  end,
}
