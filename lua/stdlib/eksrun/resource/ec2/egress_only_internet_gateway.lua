--- ec2.egress_only_internet_gateway: the way out of a network for IPv6, and no way in. Found by its tags; the
--- token makes its creation idempotent.
local resource = require "eksrun.resource"

return resource.define {
  name = "ec2.egress_only_internet_gateway",
  identity = "tag",
  id = "EgressOnlyInternetGatewayId",
  tagging = { "ec2", "egress-only-internet-gateway" },
  inputs = {
    VpcId = { type = "string", required = true, immutable = true, refers = "ec2.vpc" },
  },
  retry = { create = { { code = "InvalidVpcID.NotFound" } } },
  typical = { create = 2, delete = 2 },

  observe = function(ctx)
    local gateways = ctx:list("ec2", "describe_egress_only_internet_gateways",
      { Filters = ctx:stack_filter() }, "EgressOnlyInternetGateways")
    return ctx:each(gateways, function(gateway)
      local record = ctx:record(gateway)
      local attachment = gateway.Attachments and gateway.Attachments[1]
      record.VpcId = attachment and attachment.VpcId
      return record
    end)
  end,

  create = function(ctx, inputs)
    return ctx.aws.ec2:create_egress_only_internet_gateway(ctx:tagged {
      VpcId = inputs.VpcId,
      ClientToken = ctx.token,
    }).EgressOnlyInternetGateway
  end,

  delete = function(ctx, record)
    ctx.aws.ec2:delete_egress_only_internet_gateway {
      EgressOnlyInternetGatewayId = record.EgressOnlyInternetGatewayId,
    }
  end,
}
