--- ec2.vpc: a network. Found by its tags; AWS gives no name and takes no token.
local resource = require "eksrun.resource"

-- DescribeVpcs does not say these; one call each does.
local attributes = {
  EnableDnsSupport = "enableDnsSupport",
  EnableDnsHostnames = "enableDnsHostnames",
}

local function set_attributes(ctx, id, inputs, changed)
  -- Host names need support: on first, off last.
  local order = { "EnableDnsSupport", "EnableDnsHostnames" }
  if inputs.EnableDnsSupport == false then order = { "EnableDnsHostnames", "EnableDnsSupport" } end
  for _, name in ipairs(order) do
    if inputs[name] ~= nil and (not changed or changed[name]) then
      ctx.aws.ec2:modify_vpc_attribute { VpcId = id, [name] = { Value = inputs[name] } }
    end
  end
end

return resource.define {
  name = "ec2.vpc",
  identity = "tag",
  id = "VpcId",
  tagging = { "ec2", "vpc" },
  inputs = {
    CidrBlock = { type = "string", required = true, immutable = true },
    InstanceTenancy = { type = "string", immutable = true, default = "default" },
    EnableDnsSupport = { type = "boolean", default = true },
    EnableDnsHostnames = { type = "boolean", default = false },
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
          VpcId = vpc.VpcId, Attribute = attributes[name],
        }[name].Value
      end)
      for i, name in ipairs(names) do record[name] = values[i] end
      return record
    end)
  end,

  create = function(ctx, inputs)
    return ctx.aws.ec2:create_vpc(ctx:tagged {
      CidrBlock = inputs.CidrBlock,
      InstanceTenancy = inputs.InstanceTenancy,
    }).Vpc
  end,

  -- The attributes are not a part of the creation: a run that dies between the two finds them
  -- different and sets them as an update.
  ready = function(ctx, record, inputs)
    ctx:wait(ctx.aws.ec2, "VpcAvailable", { VpcIds = { record.VpcId } }, { delay = 1 })
    set_attributes(ctx, record.VpcId, inputs)
  end,

  update = function(ctx, record, inputs, changed)
    set_attributes(ctx, record.VpcId, inputs, changed)
  end,

  delete = function(ctx, record) ctx.aws.ec2:delete_vpc { VpcId = record.VpcId } end,
}
