--- ec2.vpc: a network. Found by its tags; AWS gives no name and takes no token.
local check = require "eksrun.resource.check"
local resource = require "eksrun.resource"
local support = require "eksrun.resource.ec2.support"

-- DescribeVpcs does not say these; one call each does. What a new network has is their default.
local ATTRIBUTES = {
  EnableDnsSupport = { name = "enableDnsSupport", default = true },
  EnableDnsHostnames = { name = "enableDnsHostnames", default = false },
}

-- Sets those attributes that are not as wanted.
local function set_attributes(ctx, record, inputs)
  -- Host names need support: on first, off last.
  local order = { "EnableDnsSupport", "EnableDnsHostnames" }
  if inputs.EnableDnsSupport == false then order = { "EnableDnsHostnames", "EnableDnsSupport" } end
  for _, name in ipairs(order) do
    if inputs[name] ~= nil and inputs[name] ~= record[name] then
      support.when_visible(ctx, "InvalidVpcID.NotFound", function()
        ctx.aws.ec2:modify_vpc_attribute { VpcId = record.VpcId, [name] = { Value = inputs[name] } }
      end)
      record[name] = inputs[name]
    end
  end
end

return resource.define {
  name = "ec2.vpc",
  identity = "tag",
  id = "VpcId",
  tagging = { "ec2", "vpc" },
  inputs = {
    CidrBlock = { type = "string", required = true, immutable = true, check = check.cidr(4) },
    InstanceTenancy = { type = "string", immutable = true, default = "default" },
    EnableDnsSupport = { type = "boolean", default = ATTRIBUTES.EnableDnsSupport.default },
    EnableDnsHostnames = { type = "boolean", default = ATTRIBUTES.EnableDnsHostnames.default },
  },
  outputs = { "OwnerId", "DhcpOptionsId" },
  typical = { create = 3, delete = 2 },

  observe = function(ctx)
    local vpcs = ctx:list("ec2", "describe_vpcs", { Filters = ctx:stack_filter() }, "Vpcs")
    return ctx:each(vpcs, function(vpc)
      local record = ctx:record(vpc)
      local names = { "EnableDnsSupport", "EnableDnsHostnames" }
      local values = ctx:each(names, function(name)
        return ctx.aws.ec2:describe_vpc_attribute {
          VpcId = vpc.VpcId,
          Attribute = ATTRIBUTES[name].name,
        }[name].Value
      end)
      for i, name in ipairs(names) do record[name] = values[i] end
      return record
    end)
  end,

  create = function(ctx, inputs)
    local vpc = ctx.aws.ec2:create_vpc(ctx:tagged {
      CidrBlock = inputs.CidrBlock,
      InstanceTenancy = inputs.InstanceTenancy,
    }).Vpc
    for name, attribute in pairs(ATTRIBUTES) do vpc[name] = attribute.default end
    return vpc
  end,

  -- The attributes are not a part of the creation: a run that dies between the two finds them
  -- different and sets them as an update.
  ready = function(ctx, record, inputs)
    if record.State ~= "available" then
      support.wait_available(ctx, function()
        return ctx.aws.ec2:describe_vpcs({ VpcIds = { record.VpcId } }).Vpcs[1]
      end)
    end
    set_attributes(ctx, record, inputs)
  end,

  update = set_attributes,

  delete = function(ctx, record) ctx.aws.ec2:delete_vpc { VpcId = record.VpcId } end,
}
