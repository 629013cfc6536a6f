--- ec2.nat_gateway: carries traffic out of private subnets. Found by its tags; the token makes its creation
--- idempotent. One that is deleted or has failed stays visible for an hour and counts as gone.
local resource = require "eksrun.resource"
local util = require "eksrun.util"

local function describe(ctx, record)
  local answer = ctx:found(function()
    return ctx.aws.ec2:describe_nat_gateways { NatGatewayIds = { record.NatGatewayId } }
  end)
  return answer and answer.NatGateways[1]
end

return resource.define {
  name = "ec2.nat_gateway",
  identity = "tag",
  id = "NatGatewayId",
  tagging = { "ec2", "natgateway" },
  inputs = {
    SubnetId = { type = "string", required = true, immutable = true, refers = "ec2.subnet" },
    AllocationId = { type = "string", immutable = true, refers = "ec2.address" },
    ConnectivityType = { type = "string", immutable = true, default = "public" },
  },
  outputs = { "VpcId" },
  -- Nodes that leave in order talk to the cluster until the end.
  delete_after = { "eks.nodegroup" },
  retry = {
    create = {
      { code = "InvalidSubnetID.NotFound" },
      { code = "InvalidAllocationID.NotFound" },
      { code = "Gateway.NotAttached" },
      -- The address of the one that is replaced is freed some seconds after that is gone.
      { code = "Resource.AlreadyAssociated", seconds = 60 },
    },
  },
  typical = { create = 110, delete = 60 },
  slow = "its state (eksrun call ec2 describe-nat-gateways --nat-gateway-ids {NatGatewayId} --query "
    .. "NatGateways[].[State,FailureMessage]), and the quota of addresses",

  observe = function(ctx)
    local filter = ctx:stack_filter()
    filter[#filter + 1] = { Name = "state", Values = { "pending", "available", "deleting" } }
    local gateways = ctx:list("ec2", "describe_nat_gateways", { Filter = filter }, "NatGateways")
    return ctx:each(gateways, function(gateway)
      local record = ctx:record(gateway)
      local address = gateway.NatGatewayAddresses and gateway.NatGatewayAddresses[1]
      record.AllocationId = address and address.AllocationId
      record.pending = gateway.State == "pending"
      record.leaving = gateway.State == "deleting"
      return record
    end)
  end,

  create = function(ctx, inputs)
    return ctx.aws.ec2:create_nat_gateway(ctx:tagged {
      SubnetId = inputs.SubnetId,
      AllocationId = inputs.AllocationId,
      ConnectivityType = inputs.ConnectivityType,
      ClientToken = ctx.token,
    }).NatGateway
  end,

  ready = function(ctx, record)
    ctx:poll(function()
      local gateway = describe(ctx, record)
      local state = gateway and gateway.State
      if state == "available" then return gateway end
      if state == "failed" or state == "deleted" then
        util.fail("NatGatewayFailed", "NAT gateway %s %s: %s: %s", record.NatGatewayId,
          state == "failed" and state or "is " .. state, gateway.FailureCode or "no code",
          gateway.FailureMessage or "no reason given")
      end
      return nil, state
    end)
  end,

  delete = function(ctx, record) ctx.aws.ec2:delete_nat_gateway { NatGatewayId = record.NatGatewayId } end,

  gone = function(ctx, record)
    ctx:poll(function()
      local gateway = describe(ctx, record)
      if not gateway or gateway.State == "deleted" then return true end
      return nil, gateway.State
    end)
  end,
}
