--- ec2.internet_gateway: the way of a network to the internet. Found by its tags; AWS gives no name and
--- takes no token. Its attachment is an input: a gateway found without it is attached by an update.
local resource = require "eksrun.resource"
local support = require "eksrun.resource.ec2.support"

-- What an unattached gateway has for a VpcId.
local DETACHED = "detached"

local function detach(ctx, record)
  if record.VpcId == DETACHED then return end
  ctx:found(function()
    ctx.aws.ec2:detach_internet_gateway {
      InternetGatewayId = record.InternetGatewayId,
      VpcId = record.VpcId,
    }
  end, "Gateway.NotAttached")
end

local function attached_to(ctx, record)
  local answer = ctx.aws.ec2:describe_internet_gateways { InternetGatewayIds = { record.InternetGatewayId } }
  local attachment = answer.InternetGateways[1] and (answer.InternetGateways[1].Attachments or {})[1]
  return attachment and attachment.VpcId
end

local function attach(ctx, record, inputs)
  local ok, err = pcall(ctx.aws.ec2.attach_internet_gateway, ctx.aws.ec2, {
    InternetGatewayId = record.InternetGatewayId,
    VpcId = inputs.VpcId,
  })
  if not ok then
    -- An answer that was lost: it is, and to this one.
    local already = type(err) == "table" and err.code == "Resource.AlreadyAssociated"
    if not already or attached_to(ctx, record) ~= inputs.VpcId then error(err, 0) end
  end
  record.VpcId = inputs.VpcId
end

return resource.define {
  name = "ec2.internet_gateway",
  identity = "tag",
  id = "InternetGatewayId",
  tagging = { "ec2", "internet-gateway" },
  inputs = {
    VpcId = { type = "string", refers = "ec2.vpc" },
  },
  outputs = { "OwnerId" },
  -- Addresses in use keep a gateway attached; those of NAT gateways go with them.
  delete_after = { "ec2.nat_gateway", "eks.nodegroup", "elb.load_balancer", "elbv2.load_balancer" },
  typical = { create = 2, delete = 2 },

  observe = function(ctx)
    local gateways = ctx:list("ec2", "describe_internet_gateways", { Filters = ctx:stack_filter() },
      "InternetGateways")
    return ctx:each(gateways, function(gateway)
      local record = ctx:record(gateway)
      local attachment = gateway.Attachments and gateway.Attachments[1]
      record.VpcId = attachment and attachment.VpcId or DETACHED
      return record
    end)
  end,

  create = function(ctx)
    local gateway = ctx.aws.ec2:create_internet_gateway(ctx:tagged {}).InternetGateway
    gateway.VpcId = DETACHED
    return gateway
  end,

  ready = function(ctx, record, inputs)
    if not inputs.VpcId or record.VpcId == inputs.VpcId then return end
    support.when_visible(ctx, "InvalidInternetGatewayID.NotFound", function()
      attach(ctx, record, inputs)
    end)
  end,

  update = function(ctx, record, inputs)
    detach(ctx, record)
    attach(ctx, record, inputs)
  end,

  delete = function(ctx, record)
    detach(ctx, record)
    ctx.aws.ec2:delete_internet_gateway { InternetGatewayId = record.InternetGatewayId }
  end,
}
