--- ec2.subnet: a range of a network in one zone. Found by its tags.
local check = require "eksrun.resource.check"
local cidr = require "eksrun.cidr"
local ref = require "eksrun.engine.ref"
local resource = require "eksrun.resource"
local support = require "eksrun.resource.ec2.support"

-- Sets what is not as wanted.
local function set_attributes(ctx, record, inputs)
  local public = inputs.MapPublicIpOnLaunch
  if public == nil or public == record.MapPublicIpOnLaunch then return end
  support.when_visible(ctx, "InvalidSubnetID.NotFound", function()
    ctx.aws.ec2:modify_subnet_attribute {
      SubnetId = record.SubnetId,
      MapPublicIpOnLaunch = { Value = public },
    }
  end)
  record.MapPublicIpOnLaunch = public
end

return resource.define {
  name = "ec2.subnet",
  identity = "tag",
  id = "SubnetId",
  tagging = { "ec2", "subnet" },
  inputs = {
    VpcId = { type = "string", required = true, immutable = true, refers = "ec2.vpc" },
    CidrBlock = { type = "string", required = true, immutable = true, check = check.cidr(4) },
    AvailabilityZone = { type = "string", immutable = true },
    MapPublicIpOnLaunch = { type = "boolean", default = false },
  },
  outputs = { "SubnetArn", "AvailabilityZoneId" },
  -- What stays and uses it can move over, where both fit into the network.
  create_first = function(record, inputs)
    if inputs.VpcId ~= record.VpcId or not ref.complete(inputs.CidrBlock) then return false end
    return not cidr.overlaps(inputs.CidrBlock, record.CidrBlock)
  end,
  retry = { create = { { code = "InvalidVpcID.NotFound" } } },
  typical = { create = 2, delete = 2 },

  observe = function(ctx)
    local subnets = ctx:list("ec2", "describe_subnets", { Filters = ctx:stack_filter() }, "Subnets")
    return ctx:each(subnets, function(subnet) return ctx:record(subnet) end)
  end,

  create = function(ctx, inputs)
    local subnet = ctx.aws.ec2:create_subnet(ctx:tagged {
      VpcId = inputs.VpcId,
      CidrBlock = inputs.CidrBlock,
      AvailabilityZone = inputs.AvailabilityZone,
    }).Subnet
    subnet.MapPublicIpOnLaunch = false
    return subnet
  end,

  -- Not a part of the creation: a run that dies in between finds a difference and updates.
  ready = function(ctx, record, inputs)
    if record.State ~= "available" then
      support.wait_available(ctx, function()
        return ctx.aws.ec2:describe_subnets({ SubnetIds = { record.SubnetId } }).Subnets[1]
      end)
    end
    set_attributes(ctx, record, inputs)
  end,

  update = set_attributes,

  delete = function(ctx, record) ctx.aws.ec2:delete_subnet { SubnetId = record.SubnetId } end,
}
